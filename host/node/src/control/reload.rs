//! Reads the configuration again when its folder changes or on SIGHUP. A good one is used from the
//! next input on; a bad one is refused whole, with every error in one event, and the old one stays.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use takeover_engine::package::SettingType;
use takeover_logic::catalog::{self, About};
use takeover_logic::config::model::Config;
use takeover_logic::config::nearest;
use takeover_logic::config::shell::ControlShell;
use takeover_logic::ids::{ApplicationName, HostName, PairName, SolutionName, VipName};
use takeover_logic::log_event::LogEvent;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::shared::{Ask, NewConfiguration, Running, Shared};
use super::{ControlError, load_tls, read_configuration, uses};
use crate::api::listen::CurrentTls;
use crate::clock;
use crate::journal::ConfigurationText;
use crate::limits::RELOAD_SETTLE;
use crate::plugins::Plugins;

/// The reload task.
pub(super) struct Reload {
    folder: PathBuf,
    /// The text last read, good or bad: what did not change is not read to anybody twice.
    text: ConfigurationText,
    plugins: Arc<Plugins>,
    shared: Arc<Shared>,
}

impl Reload {
    pub(super) fn new(
        folder: PathBuf,
        text: ConfigurationText,
        plugins: Arc<Plugins>,
        shared: Arc<Shared>,
    ) -> Self {
        Self { folder, text, plugins, shared }
    }

    /// Runs until told to stop.
    pub(super) async fn run(mut self, tls: Option<CurrentTls>, mut stop: watch::Receiver<bool>) {
        let (changes, mut changed) = mpsc::channel(1);
        let _watcher = self.watch(changes);
        let mut hangup = hangup();
        // What changed between the start's reading and the watch.
        self.reload(tls.as_ref(), false).await;
        loop {
            let by_signal = tokio::select! {
                Some(()) = changed.recv() => false,
                () = next(&mut hangup) => true,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            while let Ok(Some(())) = timeout(RELOAD_SETTLE, changed.recv()).await {}
            self.reload(tls.as_ref(), by_signal).await;
        }
    }

    /// Tells of changed TOML files; without a watcher SIGHUP still works.
    fn watch(&self, changes: mpsc::Sender<()>) -> Option<RecommendedWatcher> {
        let handler = move |event: notify::Result<notify::Event>| {
            let relevant = event.is_ok_and(|event| {
                let toml = |path: &PathBuf| path.extension().is_some_and(|end| end == "toml");
                !event.kind.is_access() && event.paths.iter().any(toml)
            });
            if relevant {
                let _ = changes.try_send(()); // one waiting is as good as two
            }
        };
        let watcher = notify::recommended_watcher(handler).and_then(|mut watcher| {
            watcher.watch(&self.folder, RecursiveMode::NonRecursive).map(|()| watcher)
        });
        watcher
            .inspect_err(|error| {
                tracing::warn!("configuration folder is not watched, use SIGHUP: {error}");
            })
            .ok()
    }

    async fn reload(&mut self, tls: Option<&CurrentTls>, by_signal: bool) {
        let event = match self.read(tls, by_signal) {
            Ok(None) => return,
            Ok(Some(ask)) => {
                let _ = self.shared.asks.send(ask).await; // the server is stopping
                return;
            }
            Err(error) => self.refused(&error),
        };
        let _ = self.shared.asks.send(Ask::Event(event)).await; // the server is stopping
    }

    fn refused(&self, error: &ControlError) -> LogEvent {
        let reason = error.to_string();
        tracing::error!("configuration refused, the old one stays:\n{reason}");
        let about = About::control_server(clock::timestamp());
        catalog::configuration_refused(&about, &reason)
    }

    /// Reads and checks; none: nothing has changed.
    fn read(
        &mut self,
        tls: Option<&CurrentTls>,
        by_signal: bool,
    ) -> Result<Option<Ask>, ControlError> {
        let read = read_configuration(&self.folder);
        let (checked, text) = match read {
            Ok(read) => read,
            Err(error) => {
                let text = ConfigurationText::new(error.to_string());
                if text == self.text && !by_signal {
                    return Ok(None);
                }
                self.text = text;
                return Err(error);
            }
        };
        let running = self.shared.running.load_full();
        if let (Some(tls), Some(new)) = (tls, load_tls(&self.folder, &checked.shell)?) {
            tls.store(new.load_full());
        }
        if text == self.text && !by_signal {
            return Ok(None);
        }
        check_reactions(&checked.config, &self.plugins)?;
        self.plugins.set_uses(uses(&checked.config));
        self.plugins.set_slow_call(checked.shell.slow_call);
        self.text = text.clone();
        let summary = summary(&checked.config, &running.shell, &checked.shell);
        let config = Arc::new(checked.config);
        let shell = checked.shell;
        self.shared.running.store(Arc::new(Running { config: Arc::clone(&config), shell }));
        Ok(Some(Ask::Reconfigure(Box::new(NewConfiguration { config, text, summary }))))
    }
}

/// What is in use now, and what waits for a restart.
fn summary(config: &Config, old: &ControlShell, new: &ControlShell) -> String {
    let mut text = format!(
        "{} hosts, {} applications, {} pairs, {} virtual IPs, {} conditions",
        config.hosts.len(),
        config.applications.len(),
        config.pairs.len(),
        config.vips.len(),
        config.conditions.len()
    );
    let waiting: Vec<&str> = [
        ("listen", old.listen != new.listen),
        ("page", old.page != new.page),
        ("certificate files", old.tls.is_some() != new.tls.is_some()),
        ("journal", old.journal != new.journal),
        ("plugins", old.plugins != new.plugins),
        ("grants", old.grants != new.grants),
        ("policies", old.policies != new.policies),
    ]
    .into_iter()
    .filter_map(|(name, changed)| changed.then_some(name))
    .collect();
    if !waiting.is_empty() {
        text.push_str("; used after a restart only: ");
        text.push_str(&waiting.join(", "));
    }
    text
}

/// The settings of every reaction against its component's manifest, where that is loaded. One that
/// is not loaded fails when it is called, and says so.
pub(super) fn check_reactions(config: &Config, plugins: &Plugins) -> Result<(), ControlError> {
    let mut errors = Vec::new();
    for reaction in config.reactions.values() {
        match plugins.plugin(reaction.plugin.as_str()) {
            Some(plugin) => {
                for error in plugin.validate_settings(&reaction.settings) {
                    errors.push(format!("reaction \"{}\": settings: {error}", reaction.name));
                }
                for (key, holds, name) in plugin.names_in(&reaction.settings) {
                    if let Some(error) = unknown_name(config, holds, name) {
                        let reaction = &reaction.name;
                        errors.push(format!("reaction \"{reaction}\": settings.{key}: {error}"));
                    }
                }
            }
            None => tracing::warn!(
                reaction = %reaction.name, plugin = %reaction.plugin,
                "the plugin of this reaction is not loaded"
            ),
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(ControlError::Configuration(errors)) }
}

/// What is wrong with a name of something that the configuration has, if it has it not.
fn unknown_name(config: &Config, holds: SettingType, name: &str) -> Option<String> {
    fn names<'a, K: 'a, V: 'a>(
        map: &'a BTreeMap<K, V>,
        text: fn(&'a K) -> &'a str,
    ) -> Vec<&'a str> {
        map.keys().map(text).collect()
    }
    let (word, known) = match holds {
        SettingType::Application => {
            ("application", names(&config.applications, ApplicationName::as_str))
        }
        SettingType::Vip => ("virtual IP", names(&config.vips, VipName::as_str)),
        SettingType::Host => ("host", names(&config.hosts, HostName::as_str)),
        SettingType::Solution => ("solution", names(&config.solutions, SolutionName::as_str)),
        SettingType::Pair => ("pair", names(&config.pairs, PairName::as_str)),
        _ => return None,
    };
    if known.contains(&name) {
        return None;
    }
    let near = nearest(name, known.into_iter());
    let near = near.map(|near| format!("; nearest: {near}")).unwrap_or_default();
    Some(format!("found {name:?}, allowed: the name of a configured {word}{near}"))
}

fn hangup() -> Option<Signal> {
    signal(SignalKind::hangup())
        .inspect_err(|error| tracing::warn!("SIGHUP is not handled: {error}"))
        .ok()
}

async fn next(hangup: &mut Option<Signal>) {
    let received = match hangup {
        Some(signal) => signal.recv().await,
        None => None,
    };
    if received.is_none() {
        std::future::pending().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_settings_of_reactions_are_those_of_the_configuration() {
        let text = "[[host]]\nname = \"host-a\"\naddress = \"10.0.0.1\"\n\
                    [[application]]\nname = \"media\"\nhost = \"host-a\"\ncommand = [\"x\"]\n\
                    [[solution]]\nname = \"calls\"\napplications = [\"media\"]\n";
        let files = [("a.toml".to_owned(), text.to_owned())];
        let config = takeover_logic::config::read(&files).unwrap().config;
        let error = |holds, name| unknown_name(&config, holds, name);
        assert_eq!(error(SettingType::Application, "media"), None);
        assert_eq!(error(SettingType::Text, "anything"), None);
        for (holds, name, expected) in [
            (
                SettingType::Application,
                "medai",
                "found \"medai\", allowed: the name of a configured application; nearest: media",
            ),
            (
                SettingType::Solution,
                "call",
                "found \"call\", allowed: the name of a configured solution; nearest: calls",
            ),
            (
                SettingType::Host,
                "hosta",
                "found \"hosta\", allowed: the name of a configured host; nearest: host-a",
            ),
            (SettingType::Pair, "p", "found \"p\", allowed: the name of a configured pair"),
            (SettingType::Vip, "v", "found \"v\", allowed: the name of a configured virtual IP"),
        ] {
            assert_eq!(error(holds, name).as_deref(), Some(expected));
        }
    }
}
