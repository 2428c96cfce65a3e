//! The configured conditions and reactions, indexed by the events that they want.
//!
//! This file must not know which alarms are active.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::catalog::{self, About};
use crate::config::model::{Application, Condition, Config, Reaction, Selection};
use crate::control::io::Refusal;
use crate::ids::{ApplicationName, ConditionName, ReactionName};
use crate::log_event::matching::Matching;
use crate::log_event::{Level, LogEvent};
use crate::time::Timestamp;

/// What the operator configured about alarms.
#[derive(Debug)]
pub(super) struct Rules {
    /// In the order of their names; their place is their number in the indexes.
    conditions: Vec<Arc<Condition>>,
    detect: Matching,
    cancel: Matching,
    reactions: BTreeMap<ReactionName, Reaction>,
    applications: BTreeMap<ApplicationName, Application>,
}

impl Rules {
    /// The rules of a configuration.
    pub(super) fn new(config: &Config) -> Self {
        let conditions: Vec<_> = config.conditions.values().cloned().map(Arc::new).collect();
        let enabled = conditions.iter().enumerate().filter(|(_, condition)| condition.enabled);
        let detect = Matching::new(enabled.map(|(number, condition)| (number, &condition.detect)));
        // A disabled condition raises nothing, but what it has raised before still clears.
        let cancels = conditions.iter().enumerate();
        let cancel = Matching::new(cancels.filter_map(|(n, c)| Some((n, c.cancel.as_ref()?))));
        let reactions = config.reactions.clone();
        Self { conditions, detect, cancel, reactions, applications: config.applications.clone() }
    }

    /// Puts the numbers of the conditions that `event` raises and clears into `raises` and
    /// `clears`. One that wants the same event for both is raised.
    pub(super) fn find(&self, event: &LogEvent, raises: &mut Vec<usize>, clears: &mut Vec<usize>) {
        self.detect.find(event, raises);
        self.cancel.find(event, clears);
        clears.retain(|number| !raises.contains(number));
    }

    /// The condition with a number of [`Self::find`].
    pub(super) fn condition(&self, number: usize) -> Option<Arc<Condition>> {
        self.conditions.get(number).cloned()
    }

    /// The condition of a name.
    pub(super) fn condition_named(&self, name: &ConditionName) -> Option<Arc<Condition>> {
        let place = self.conditions.binary_search_by(|condition| condition.name.cmp(name)).ok()?;
        self.condition(place)
    }

    /// The reaction of a name.
    pub(super) fn reaction(&self, name: &ReactionName) -> Option<&Reaction> {
        self.reactions.get(name)
    }

    /// An event that is like the one `condition` waits for, for a test of it: about the
    /// application that it selects, or the first one of the type that it selects.
    pub(super) fn simulated(
        &self,
        condition: &Condition,
        at: Timestamp,
    ) -> Result<LogEvent, Refusal> {
        let about = match &condition.detect.selection {
            Selection::Any => About::control_server(at),
            Selection::Application(name) => {
                let found = self.applications.get(name).ok_or_else(|| missing(name.as_str()))?;
                About::application(at, found)
            }
            Selection::ApplicationType(kind) => {
                let found = self.applications.values().find(|found| found.kind == *kind);
                About::application(at, found.ok_or_else(|| missing(&format!("of type {kind}")))?)
            }
        };
        let entry = catalog::entry(condition.detect.event);
        // The fields of a real event have no values here; their names stand for them.
        let text = match entry {
            Some(entry) => {
                format!("simulated by a test: {}", entry.text.replace('{', "<").replace('}', ">"))
            }
            None => "simulated by a test".to_owned(),
        };
        Ok(LogEvent {
            id: condition.detect.event,
            level: entry.map_or(Level::Standard, |entry| entry.level),
            text: text.into(),
            application: about.application,
            application_type: about.application_type,
            host: about.host,
            at,
            attributes: Vec::new(),
        })
    }
}

/// There is nobody whom a simulated event could be about.
fn missing(what: &str) -> Refusal {
    Refusal::NotFound(format!("application {what}: not configured").into())
}
