//! What is known of an alarm, and the variables that stand for it.
//!
//! The names of the guide's e-mail reaction are kept, with its meanings; where it has a number for
//! a thing, this system has the name. What the guide has no variable for follows behind.

use std::time::{Duration, UNIX_EPOCH};

use crate::TemplateError;

/// What a reaction may tell about an alarm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The reaction's name, as far as its component knows it.
    pub reaction: String,
    /// The condition that matched.
    pub condition: String,
    /// `critical`, `major` or `minor`.
    pub category: &'static str,
    /// The application that the alarm is about.
    pub application: String,
    /// Its type, where the event says it.
    pub application_type: Option<String>,
    /// Its host.
    pub host: Option<String>,
    /// Id of the event, as in `00-05150`.
    pub event_id: String,
    /// The sentence of the event.
    pub text: String,
    /// When the event was written, by the wall clock of its writer, since 1970-01-01 UTC.
    pub at_unix_ms: u64,
    /// `raised` or `cleared`.
    pub phase: &'static str,
    /// Matching events beyond the first while the alarm is active.
    pub repeats: u32,
    /// An operator tests the condition.
    pub test: bool,
}

impl Facts {
    /// When the event was written, as in `2023-11-14T22:13:20.000Z` (RFC 3339).
    pub fn time(&self) -> String {
        let at = UNIX_EPOCH + Duration::from_millis(self.at_unix_ms.min(YEAR_9999_MS));
        humantime::format_rfc3339_millis(at).to_string()
    }

    /// The same for the same alarm, also when it comes again after a crash of the control server,
    /// so that a receiver can tell.
    pub fn id(&self) -> String {
        format!("{}/{}/{}/{}", self.condition, self.application, self.at_unix_ms, self.phase)
    }
}

/// The last millisecond that RFC 3339 can say.
const YEAR_9999_MS: u64 = 253_402_300_799_999;

/// A variable of templates.
pub struct Variable {
    /// What follows the dollar sign.
    pub name: &'static str,
    /// What it stands for; empty where that is not known.
    pub value: fn(&Facts) -> String,
}

/// Every variable. The first nine are the guide's.
pub const VARIABLES: &[Variable] = &[
    Variable { name: "REACT_NAME", value: |facts| facts.reaction.clone() },
    Variable { name: "COND_ID", value: |facts| facts.condition.clone() },
    Variable { name: "COND_NAME", value: |facts| facts.condition.clone() },
    Variable { name: "COND_CTGR", value: |facts| facts.category.to_owned() },
    Variable { name: "APP_ID", value: |facts| facts.application.clone() },
    Variable { name: "APP_NAME", value: |facts| facts.application.clone() },
    Variable {
        name: "APP_TYPE",
        value: |facts| facts.application_type.clone().unwrap_or_default(),
    },
    Variable { name: "MSG_ID", value: |facts| facts.event_id.clone() },
    Variable { name: "MSG_DESCR", value: |facts| facts.text.clone() },
    Variable { name: "MSG_TIME", value: Facts::time },
    Variable { name: "HOST_NAME", value: |facts| facts.host.clone().unwrap_or_default() },
    Variable { name: "PHASE", value: |facts| facts.phase.to_owned() },
    Variable { name: "REPEATS", value: |facts| facts.repeats.to_string() },
    Variable { name: "TEST", value: |facts| facts.test.to_string() },
];

/// The place of a variable in [`VARIABLES`].
pub(crate) fn find(name: &str) -> Result<usize, TemplateError> {
    if let Some(index) = VARIABLES.iter().position(|variable| variable.name == name) {
        return Ok(index);
    }
    let upper = name.to_ascii_uppercase();
    let known = VARIABLES.iter().map(|variable| variable.name);
    let nearest = known.min_by_key(|known| strsim::levenshtein(known, &upper)).unwrap_or_default();
    Err(TemplateError::Unknown { name: name.to_owned(), nearest })
}

/// The facts of the alarm that a component was called with, from the types of its own bindings:
/// `facts!(alarm, reaction_name, Category, Phase)`.
#[macro_export]
macro_rules! facts {
    ($alarm:expr, $reaction:expr, $Category:ident, $Phase:ident) => {{
        let alarm = $alarm;
        $crate::Facts {
            reaction: $reaction,
            condition: alarm.condition,
            category: match alarm.category {
                $Category::Critical => "critical",
                $Category::Major => "major",
                $Category::Minor => "minor",
            },
            application: alarm.application,
            application_type: alarm.event.application_type,
            host: alarm.host,
            event_id: alarm.event.id,
            text: alarm.event.text,
            at_unix_ms: alarm.event.at_unix_ms,
            phase: match alarm.phase {
                $Phase::Raised => "raised",
                $Phase::Cleared => "cleared",
            },
            repeats: alarm.repeats,
            test: alarm.test,
        }
    }};
}

#[cfg(feature = "cases")]
impl Facts {
    /// The facts of a test case's alarm.
    pub fn of_case(alarm: &takeover_cases::Alarm, reaction: &str) -> Self {
        let written = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Self {
            reaction: reaction.to_owned(),
            condition: alarm.condition.clone(),
            category: match alarm.category.as_str() {
                "critical" => "critical",
                "minor" => "minor",
                _ => "major",
            },
            application: alarm.application.clone(),
            application_type: written(&alarm.application_type),
            host: written(&alarm.host),
            event_id: alarm.event.clone(),
            text: alarm.text.clone(),
            at_unix_ms: alarm.at_unix_ms,
            phase: if alarm.raised { "raised" } else { "cleared" },
            repeats: alarm.repeats,
            test: alarm.test,
        }
    }
}
