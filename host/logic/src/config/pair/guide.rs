//! Expands a pair with virtual IPs to the guide's control applications, reaction scripts and
//! alarm conditions (guide, *Creating Application Objects for control scripts* to *Creating Alarm
//! Conditions*; the table of conditions as reconstructed from its four copies).
//!
//! | condition | detects | reactions, in this order |
//! |---|---|---|
//! | primary, 51 | 00-05151 of the primary | primary's VIP down |
//! | primary, 50 | 00-05150 of the primary | backup's VIP down, primary's VIP up |
//! | backup, 51 | 00-05151 of the backup | backup's VIP down |
//! | backup, 50 | 00-05150 of the backup | backup's VIP up, primary's VIP down |

use std::sync::Arc;

use super::names::{self, Place};
use crate::component::Category;
use crate::config::draft::Draft;
use crate::config::error;
use crate::config::model::{
    Application, Condition, EventSelector, Pair, Reaction, Runs, Selection,
};
use crate::config::reader::{ObjectKind, Placed, Sink, is_name};
use crate::ids::{ApplicationName, ConditionName, HostName, ReactionName, VipName};
use crate::limits;
use crate::link::VipAction;
use crate::log_event::EventId;

/// 00-05150: the run mode of the application is changed to primary.
const CHANGED_TO_PRIMARY: EventId = EventId::new(0, 5150);
/// 00-05151: likewise backup.
const CHANGED_TO_BACKUP: EventId = EventId::new(0, 5151);

/// A pair to expand.
pub(super) struct Expansion<'a> {
    pub(super) pair: &'a Pair,
    /// Host of the primary and of the backup, as configured.
    pub(super) hosts: [HostName; 2],
    /// Where the pair is written.
    pub(super) place: error::Place,
    pub(super) sink: &'a Sink,
}

impl Expansion<'_> {
    /// Adds everything, but for what the operator wrote under the same name.
    pub(super) fn expand(&self, draft: &mut Draft) {
        for vip in &self.pair.vips {
            for place in Place::BOTH {
                for action in [VipAction::Up, VipAction::Down] {
                    self.control_application(draft, place, vip, action);
                    self.reaction(draft, place, vip, action);
                }
            }
        }
        for place in Place::BOTH {
            self.condition(draft, place, true);
            self.condition(draft, place, false);
        }
    }

    fn application(&self, place: Place) -> &ApplicationName {
        match place {
            Place::Primary => &self.pair.primary,
            Place::Backup => &self.pair.backup,
        }
    }

    /// The name with its place, if nothing else has it.
    fn declare(&self, kind: ObjectKind, name: String) -> Option<Arc<str>> {
        declare(self.sink, &self.place, kind, name)
    }

    fn placed<T>(&self, value: T) -> Placed<T> {
        Placed { value, place: self.place.clone() }
    }

    fn control_application(
        &self,
        draft: &mut Draft,
        place: Place,
        vip: &VipName,
        action: VipAction,
    ) {
        let name = names::control_application(self.pair.name.as_str(), place, vip.as_str(), action);
        let Some(name) = self.declare(ObjectKind::Application, name) else { return };
        let [primary, backup] = &self.hosts;
        let application = Application {
            name: ApplicationName::new(name),
            kind: "third-party-server".into(),
            host: if place == Place::Primary { primary.clone() } else { backup.clone() },
            runs: Runs::Vip { vip: vip.clone(), action },
            startup_timeout: limits::TIMEOUT_STARTUP,
            pair: None,
        };
        draft.applications.insert(application.name.clone(), self.placed(application));
    }

    fn reaction(&self, draft: &mut Draft, place: Place, vip: &VipName, action: VipAction) {
        let name = names::reaction(self.pair.name.as_str(), place, vip.as_str(), action);
        let Some(name) = self.declare(ObjectKind::Reaction, name) else { return };
        let word = match action {
            VipAction::Up => "enable",
            VipAction::Down => "disable",
        };
        let settings = [
            ("vip", vip.as_str()),
            ("application", self.application(place).as_str()),
            ("action", word),
        ];
        let reaction = Reaction {
            name: ReactionName::new(name),
            plugin: "reaction-vip".into(),
            settings: settings.map(|(key, value)| (key.to_owned(), value.into())).into(),
            timeout: limits::TIMEOUT_STARTUP,
            target: None,
        };
        draft.reactions.insert(reaction.name.clone(), self.placed(reaction));
    }

    fn condition(&self, draft: &mut Draft, place: Place, is_primary: bool) {
        use VipAction::{Down, Up};
        let name = names::condition(self.pair.name.as_str(), place, is_primary);
        let Some(name) = self.declare(ObjectKind::Condition, name) else { return };
        let moves: &[(Place, VipAction)] = match (place, is_primary) {
            (Place::Primary, false) => &[(Place::Primary, Down)],
            (Place::Primary, true) => &[(Place::Backup, Down), (Place::Primary, Up)],
            (Place::Backup, false) => &[(Place::Backup, Down)],
            (Place::Backup, true) => &[(Place::Backup, Up), (Place::Primary, Down)],
        };
        let pair = self.pair.name.as_str();
        let of_vip = |vip: &VipName| {
            let reaction = |(place, action): &(Place, VipAction)| {
                ReactionName::from(names::reaction(pair, *place, vip.as_str(), *action).as_str())
            };
            moves.iter().map(reaction).collect::<Vec<_>>()
        };
        let application = self.application(place).clone();
        let run_mode = if is_primary { "primary" } else { "backup" };
        let condition = Condition {
            name: ConditionName::new(name),
            description: format!("{application} runs as {run_mode}").into(),
            category: Category::Critical,
            detect: EventSelector {
                event: if is_primary { CHANGED_TO_PRIMARY } else { CHANGED_TO_BACKUP },
                selection: Selection::Application(application),
            },
            cancel: None,
            cancel_timeout: Some(limits::PAIR_CANCEL_TIMEOUT),
            reactions: self.pair.vips.iter().flat_map(of_vip).collect(),
            clearance_reactions: Vec::new(),
            enabled: true,
        };
        draft.conditions.insert(condition.name.clone(), self.placed(condition));
    }
}

/// The name of an object that a pair expands to, unless the operator wrote one of that name, or
/// it can not be a name.
pub(super) fn declare(
    sink: &Sink,
    place: &error::Place,
    kind: ObjectKind,
    name: String,
) -> Option<Arc<str>> {
    if !is_name(&name) {
        sink.too_long(place, &name);
        return None;
    }
    let name = Placed { value: Arc::from(name), place: place.clone() };
    sink.declare_expanded(kind, &name).then_some(name.value)
}
