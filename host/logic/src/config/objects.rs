//! Reads the objects that stand for themselves: hosts, applications, reactions, conditions and
//! solutions. Pairs and virtual IPs, which depend on others, are read in [`super::pair`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use toml::de::DeValue;

use super::error::Place;
use super::keys::tables::NAME;
use super::model::{
    Application, Condition, ControlSettings, EventSelector, Host, Program, Reaction, Runs,
    Selection, Solution, Subnet,
};
use super::reader::{ObjectKind, Placed, Section, Text, Value, found, is_name};
use crate::component::Category;
use crate::ids::{ApplicationName, ConditionName, HostName, ReactionName, SolutionName};
use crate::limits;
use crate::link::{SuspendSignal, VipAction};
use crate::options::{OptionValue, Options};

/// A section, and one below it that holds where the first says nothing.
pub(super) struct Layers<'a> {
    pub(super) upper: Option<Section<'a>>,
    pub(super) lower: Section<'a>,
}

impl<'a> Layers<'a> {
    /// Only one section.
    pub(super) fn one(section: &Section<'a>) -> Self {
        Self { upper: None, lower: section.clone() }
    }

    /// The section that says a key.
    pub(super) fn of(&self, key: &str) -> &Section<'a> {
        self.upper.as_ref().filter(|upper| upper.has(key)).unwrap_or(&self.lower)
    }
}

/// Reads the name of an object and declares it.
pub(super) fn declared(section: &Section<'_>, kind: ObjectKind) -> Option<Text> {
    let name = section.name("name")?;
    section.sink().declare(kind, &name);
    Some(name)
}

/// The machines' part of `[control]`.
pub(super) fn control(section: &Section<'_>) -> Option<ControlSettings> {
    let heartbeat_interval = section.milliseconds("heartbeat_interval_ms");
    let heartbeat_misses = section.whole("heartbeat_misses");
    let disconnect_switchover_timeout = section.seconds("disconnect_switchover_timeout_s");
    let evidence_wait = section.seconds("evidence_wait_s");
    let startup_grace = section.seconds("startup_grace_s");
    let confirm_timeout = section.seconds("confirm_timeout_s");
    Some(ControlSettings {
        heartbeat_interval: heartbeat_interval?,
        heartbeat_misses: u32::try_from(heartbeat_misses?.value).ok()?,
        disconnect_switchover_timeout: disconnect_switchover_timeout?.value,
        evidence_wait: evidence_wait?.value,
        startup_grace: startup_grace?.value,
        confirm_timeout: confirm_timeout?.value,
    })
}

/// `[[host]]`.
pub(super) fn host(section: &Section<'_>) -> Option<Placed<Host>> {
    let name = declared(section, ObjectKind::Host);
    let address = section.address("address");
    let mut interfaces: BTreeMap<Arc<str>, Vec<Subnet>> = BTreeMap::new();
    for (interface, value) in section.open("interfaces")? {
        let subnets = match value.get_ref() {
            DeValue::Array(items) => items
                .iter()
                .map(|item| {
                    item.get_ref().as_str()?.parse().ok().filter(Subnet::is_interface_address)
                })
                .collect(),
            _ => None,
        };
        match subnets {
            Some(subnets) => {
                interfaces.insert(interface.value, subnets);
            }
            None => section.sink().error(
                &interface.place,
                super::reader::found(value.get_ref()),
                "a list of unique addresses with their prefix lengths, as in [\"10.81.1.11/24\"]",
            ),
        }
    }
    let value = Host { name: HostName::new(name?.value), address: address?.value, interfaces };
    Some(Placed { value, place: section.key_place("address") })
}

/// What is said of an application that is not the same in all.
pub(super) struct ApplicationDefaults {
    pub(super) kind: &'static str,
    pub(super) autostart: bool,
}

/// Everything of an application but its name and place.
pub(super) struct Described {
    pub(super) kind: Arc<str>,
    pub(super) runs: Runs,
    pub(super) startup_timeout: Duration,
}

/// `[[application]]`.
pub(super) fn application(section: &Section<'_>) -> Option<Placed<Application>> {
    let name = declared(section, ObjectKind::Application);
    let host = section.reference("host", ObjectKind::Host);
    let defaults = ApplicationDefaults { kind: "third-party-server", autostart: false };
    let described = match section.has("vip") || section.has("action") {
        true => control_application(section),
        false => program(&Layers::one(section), &defaults, &|text| Some(text.value.to_string())),
    };
    let Described { kind, runs, startup_timeout } = described?;
    let value = Application {
        name: ApplicationName::new(name?.value),
        kind,
        host: HostName::new(host?.value),
        runs,
        startup_timeout,
        pair: None,
    };
    Some(Placed { value, place: section.place().clone() })
}

fn control_application(section: &Section<'_>) -> Option<Described> {
    section.refuse("command", "no command beside vip and action: a control application runs none");
    let vip = section.reference("vip", ObjectKind::Vip);
    let action = section.text("action");
    for (key, missing) in [("vip", vip.is_none()), ("action", action.is_none())] {
        if missing && !section.has(key) {
            section.missing(key);
        }
    }
    let kind = section.name("type").map_or("third-party-server".into(), |kind| kind.value);
    let startup_timeout = section.seconds("startup_timeout_s");
    let action = match &*action?.value {
        "up" => VipAction::Up,
        _ => VipAction::Down,
    };
    Some(Described {
        kind,
        runs: Runs::Vip { vip: (*vip?.value).into(), action },
        startup_timeout: startup_timeout.map_or(limits::TIMEOUT_STARTUP, |timeout| timeout.value),
    })
}

/// Everything of an application that runs a program. `fill` completes texts, and answers `None`
/// after it reported an error.
pub(super) fn program(
    layers: &Layers<'_>,
    defaults: &ApplicationDefaults,
    fill: &dyn Fn(&Text) -> Option<String>,
) -> Option<Described> {
    let of = |key| layers.of(key);
    if !of("command").has("command") {
        of("command").missing("command");
    }
    let command = of("command").texts("command");
    if command.as_ref().is_some_and(Vec::is_empty) {
        of("command").refuse("command", "a list that begins with a program");
    }
    // Every text is looked at before anything is given up, so that every error is reported.
    let filled = |key, text: &Text| fill(&checked(of(key), text)?);
    let command: Option<Vec<Option<String>>> =
        command.map(|texts| texts.iter().map(|text| filled("command", text)).collect());
    let working_directory = of("working_directory").text("working_directory");
    let working_directory =
        working_directory.map(|text| filled("working_directory", &text)).unwrap_or_default();
    let environment = environment(layers, fill);
    let auto_restart = of("auto_restart").flag("auto_restart");
    let autostart = of("autostart").flag("autostart");
    let notify = of("notify").flag("notify");
    let channel = of("channel").flag("channel");
    let watchdog = of("watchdog_s").seconds("watchdog_s").map(|timeout| timeout.value);
    let shutdown_timeout = of("shutdown_timeout_s").seconds("shutdown_timeout_s");
    let suspending_timeout = of("suspending_timeout_s").seconds("suspending_timeout_s");
    let suspend_signal = of("suspend_signal").text("suspend_signal");
    let options = options(layers);
    let options_signal = of("options_signal").text("options_signal");
    let startup_timeout = of("startup_timeout_s").seconds("startup_timeout_s");
    let kind = of("type").name("type").map_or(defaults.kind.into(), |kind| kind.value);
    if watchdog.is_some() && notify == Some(false) && channel == Some(false) {
        let place = of("watchdog_s").key_place("watchdog_s");
        let found = "a watchdog of a program that does not speak";
        layers.lower.sink().error(
            &place,
            found,
            "watchdog_s together with notify or channel = true",
        );
    }
    let runs = Runs::Program(Program {
        command: command?.into_iter().collect::<Option<_>>()?,
        working_directory,
        environment: environment?,
        auto_restart: auto_restart?,
        autostart: autostart.unwrap_or(defaults.autostart),
        notify: notify?,
        channel: channel?,
        watchdog,
        shutdown_timeout: shutdown_timeout?.value,
        suspending_timeout: suspending_timeout?.value,
        suspend_signal: suspend_signal.as_ref().and_then(signal),
        options: options?,
        options_signal: options_signal.as_ref().and_then(signal),
    });
    let startup_timeout =
        startup_timeout.map_or(limits::PROGRAM_STARTUP_TIMEOUT, |timeout| timeout.value);
    Some(Described { kind, runs, startup_timeout })
}

fn signal(name: &Text) -> Option<SuspendSignal> {
    SuspendSignal::ALL.into_iter().find(|signal| signal.name() == &*name.value)
}

/// The options of both layers, the upper one's values in place of the lower one's.
fn options(layers: &Layers<'_>) -> Option<Options> {
    let mut options = Options::new();
    let mut is_good = true;
    for layer in [Some(&layers.lower), layers.upper.as_ref()].into_iter().flatten() {
        for (section, value) in layer.open("options")? {
            let Some(values) = option_section(layer, &section, value) else {
                is_good = false;
                continue;
            };
            options.entry(section.value).or_default().extend(values);
        }
    }
    let count = options.values().map(BTreeMap::len).sum::<usize>();
    let size = serde_json::to_string(&options).map_or(0, |text| text.len());
    let place = layers.lower.key_place("options");
    if count > limits::OPTIONS_MAX {
        let allowed = format!("at most {} options", limits::OPTIONS_MAX);
        layers.lower.sink().error(&place, count.to_string(), allowed);
    } else if size > limits::OPTIONS_BYTES_MAX {
        let allowed = format!("at most {} bytes of options", limits::OPTIONS_BYTES_MAX);
        layers.lower.sink().error(&place, size.to_string(), allowed);
    }
    is_good.then_some(options)
}

fn option_section(
    layer: &Section<'_>,
    section: &Text,
    value: &Value<'_>,
) -> Option<BTreeMap<Arc<str>, OptionValue>> {
    let wrong = |found: String, allowed: &str| {
        layer.sink().error(&section.place, found, allowed);
    };
    if !is_name(&section.value) {
        wrong(format!("{:?}", section.value), NAME);
        return None;
    }
    let DeValue::Table(table) = value.get_ref() else {
        wrong(found(value.get_ref()), "a table: NAME = a text, a whole number, true or false");
        return None;
    };
    let mut values = BTreeMap::new();
    for (name, value) in table.iter() {
        let name = name.get_ref();
        if !is_name(name) {
            wrong(format!("the option {name:?}"), NAME);
            continue;
        }
        let read = match value.get_ref() {
            DeValue::Boolean(flag) => Some(OptionValue::Flag(*flag)),
            DeValue::String(text) => OptionValue::Text("".into()).read_alike(text),
            DeValue::Integer(number) => {
                i64::from_str_radix(number.as_str(), number.radix()).ok().map(OptionValue::Number)
            }
            _ => None,
        };
        match read {
            Some(read) => drop(values.insert(Arc::from(name.as_ref()), read)),
            None => {
                let allowed = "a text of at most 4096 bytes, a whole number, true or false";
                wrong(format!("{name} = {}", found(value.get_ref())), allowed);
            }
        }
    }
    (values.len() == table.len()).then_some(values)
}

/// The environment of both layers, the upper one's values in place of the lower one's.
fn environment(
    layers: &Layers<'_>,
    fill: &dyn Fn(&Text) -> Option<String>,
) -> Option<BTreeMap<String, String>> {
    let mut environment: BTreeMap<String, Option<String>> = BTreeMap::new();
    for section in [Some(&layers.lower), layers.upper.as_ref()].into_iter().flatten() {
        for (name, value) in section.open_texts("environment")? {
            if name.is_empty() || name.contains(['=', '\0']) {
                let allowed = "names of variables without \"=\" and NUL";
                section.sink().error(&value.place, format!("{name:?}"), allowed);
                continue;
            }
            let value = checked(section, &value).and_then(|value| fill(&value));
            environment.insert(name.to_string(), value);
        }
    }
    environment.into_iter().map(|(name, value)| Some((name, value?))).collect()
}

/// A text that can be given to a program.
fn checked(section: &Section<'_>, text: &Text) -> Option<Text> {
    if text.value.contains('\0') {
        section.sink().error(&text.place, format!("{:?}", text.value), "texts without NUL");
        return None;
    }
    Some(text.clone())
}

/// Plugins that only tell somebody: what they reach answers at once or not at all.
const NOTIFICATIONS: [&str; 3] =
    ["reaction-notify-email", "reaction-notify-webhook", "reaction-snmp-trap"];

/// `[[reaction]]`.
pub(super) fn reaction(section: &Section<'_>) -> Option<Placed<Reaction>> {
    let name = declared(section, ObjectKind::Reaction);
    let plugin = section.name("plugin");
    let settings = section.settings("settings");
    let timeout = section.seconds("timeout_s");
    let is_notification = plugin.as_ref().is_some_and(|it| NOTIFICATIONS.contains(&&*it.value));
    let is_brief = is_notification && !section.has("timeout_s");
    let place = section.key_place("settings");
    let value = Reaction {
        name: ReactionName::new(name?.value),
        plugin: (*plugin?.value).into(),
        settings: settings?,
        timeout: if is_brief { limits::NOTIFICATION_TIMEOUT } else { timeout?.value },
        target: None,
    };
    Some(Placed { value, place })
}

/// `[[condition]]`.
pub(super) fn condition(section: &Section<'_>) -> Option<Placed<Condition>> {
    let name = declared(section, ObjectKind::Condition);
    let description = section.text("description");
    let category = section.text("category");
    let detect = section.table("detect").map(|detect| selector(&detect));
    let cancel = section.table("cancel").map(|cancel| selector(&cancel));
    let cancel_timeout = section.whole("cancel_timeout_s");
    let reactions = section.references("reactions", ObjectKind::Reaction);
    let clearance_reactions = section.references("clearance_reactions", ObjectKind::Reaction);
    let enabled = section.flag("enabled");
    let names =
        |names: Vec<Text>| names.into_iter().map(|name| ReactionName::new(name.value)).collect();
    let value = Condition {
        name: ConditionName::new(name?.value),
        description: description?.value,
        category: match &*category?.value {
            "critical" => Category::Critical,
            "minor" => Category::Minor,
            _ => Category::Major,
        },
        detect: detect??,
        cancel: match cancel {
            Some(cancel) => Some(cancel?),
            None => None,
        },
        cancel_timeout: cancel_timeout.map(|seconds| Duration::from_secs(seconds.value)),
        reactions: names(reactions?),
        clearance_reactions: names(clearance_reactions?),
        enabled: enabled?,
    };
    Some(Placed { value, place: section.key_place("detect") })
}

fn selector(section: &Section<'_>) -> Option<EventSelector> {
    let event = section.parsed("event", |text| text.parse().ok());
    let application = section.reference("application", ObjectKind::Application);
    let application_type = section.name("application_type");
    let any = section.flag("any")?;
    let written = ["application", "application_type"].map(|key| section.has(key));
    let count = written.into_iter().filter(|is| *is).count() + usize::from(any);
    if count != 1 {
        let place: &Place = section.place();
        let allowed = "exactly one of application, application_type and any = true";
        section.sink().error(place, format!("{count} of them"), allowed);
        return None;
    }
    let selection = match (application, application_type) {
        (Some(application), _) => Selection::Application(ApplicationName::new(application.value)),
        (None, Some(kind)) => Selection::ApplicationType(kind.value),
        (None, None) if any => Selection::Any,
        (None, None) => return None,
    };
    Some(EventSelector { event: event?.value, selection })
}

/// `[[solution]]`.
pub(super) fn solution(section: &Section<'_>) -> Option<Solution> {
    let name = declared(section, ObjectKind::Solution);
    let applications = section.references("applications", ObjectKind::Application)?;
    let mut seen: BTreeMap<&str, &Place> = BTreeMap::new();
    for application in &applications {
        if let Some(first) = seen.insert(&application.value, &application.place) {
            let found = format!("{:?} again, first at line {}", application.value, first.line);
            section.sink().error(&application.place, found, "each application once");
        }
    }
    Some(Solution {
        name: SolutionName::new(name?.value),
        applications: applications
            .into_iter()
            .map(|application| ApplicationName::new(application.value))
            .collect(),
    })
}
