//! The catalogue of log events: every event that Takeover writes or that a condition of the guide
//! can name, with its meaning, its usual cause and what to do about it.
//!
//! This module must not know who writes an event when, nor what it leads to. Reading order:
//! [`entries`] (the table; each row also gives a constant with its id and a function that writes
//! it), [`document`] (the page made from it, `host/docs/generated/log-events.md`).

pub mod document;
pub mod entries;

use std::fmt::Display;
use std::sync::Arc;

use crate::config::model::Application;
use crate::ids::{ApplicationName, HostName};
use crate::log_event::{Attribute, EventId, Level, LogEvent};
use crate::time::Timestamp;

pub use entries::*;

/// Stands for the control server where an alarm must be about some application and its event is
/// about none.
pub const CONTROL_SERVER: &str = "control-server";

/// The family of component numbers that holds everything of ours, so that no id of ours can be
/// taken for one of the guide's vendor.
pub const OUR_FAMILY: u8 = 90;

/// Where an entry comes from; decides who writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The guide states id and text; written by the control server.
    Guide,
    /// Id from the guide or public vendor material, text ours; written by applications that keep
    /// to these ids, and named by conditions.
    Public,
    /// Id from memory of the vendor's convention, not confirmed by public material; the number is
    /// kept apart for it, the text is ours. Written by applications that keep to these ids.
    Recalled,
    /// Ours; written by Takeover.
    Own,
}

/// One row of the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its identity.
    pub id: EventId,
    /// Where it comes from.
    pub origin: Origin,
    /// Its severity.
    pub level: Level,
    /// The sentence an operator reads, with `{name}` for each field.
    pub text: &'static str,
    /// The fields of the text, each also an attribute of the event, in this order.
    pub fields: &'static [&'static str],
    /// What it means.
    pub meaning: &'static str,
    /// What usually leads to it.
    pub cause: &'static str,
    /// What to do.
    pub action: &'static str,
}

/// The entry of an id, if the catalogue has one.
pub fn entry(id: EventId) -> Option<&'static Entry> {
    ENTRIES.iter().find(|entry| entry.id == id)
}

/// The ids that a program may write on its application channel: those of the guide and of its
/// vendor that an application says of itself.
pub const OF_PROGRAMS: [EventId; 14] = [
    CRITICAL_CONDITION,
    CONNECTED,
    CONNECTION_LOST,
    WARM_PRIMARY,
    WARM_BACKUP,
    HOT_BACKUP,
    HOT_PRIMARY,
    APPLICATION_SAYS_STARTED,
    CONFIGURATION_OBTAINED,
    RESOURCE_NOT_LOADED,
    INITIALIZED,
    TERMINATED_INTERNALLY,
    SERVICE_READY,
    SERVICE_NOT_READY,
];

/// Whether a program may write events of this id about itself.
pub fn is_of_programs(id: EventId) -> bool {
    OF_PROGRAMS.contains(&id)
}

/// An event that a program wrote about itself, in its own words.
pub fn of_program(about: &About, id: EventId, text: &str) -> LogEvent {
    let level = entry(id).map_or(Level::Standard, |entry| entry.level);
    LogEvent { text: text.into(), ..about.write((id, level), "", &[]) }
}

/// Whom an event is about, and when it was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// When, by the writer's wall clock.
    pub at: Timestamp,
    /// The application, where it is about one.
    pub application: Option<ApplicationName>,
    /// Type of that application.
    pub application_type: Option<Arc<str>>,
    /// The host, where it is about one; that of the application otherwise.
    pub host: Option<HostName>,
}

impl About {
    /// About an application: name, type and host of it.
    pub fn application(at: Timestamp, application: &Application) -> Self {
        Self {
            at,
            application: Some(application.name.clone()),
            application_type: Some(application.kind.clone()),
            host: Some(application.host.clone()),
        }
    }

    /// About a host as a whole.
    pub fn host(at: Timestamp, host: &HostName) -> Self {
        Self { at, host: Some(host.clone()), ..Self::default() }
    }

    /// About the control server itself.
    pub fn control_server(at: Timestamp) -> Self {
        Self { at, ..Self::default() }
    }

    /// An event about this: the text with its fields filled in, each field as an attribute.
    fn write(
        &self,
        (id, level): (EventId, Level),
        text: &str,
        fields: &[(&str, &dyn Display)],
    ) -> LogEvent {
        let attributes: Vec<Attribute> =
            fields.iter().map(|(name, value)| Attribute::new(name, value)).collect();
        LogEvent {
            id,
            level,
            text: fill_in(text, &attributes).into(),
            application: self.application.clone(),
            application_type: self.application_type.clone(),
            host: self.host.clone(),
            at: self.at,
            attributes,
        }
    }
}

/// Replaces each `{name}` of a text by the value of that name. A value is never looked at again,
/// so braces in it stay as they are; a name without a value stays visible.
fn fill_in(text: &str, values: &[Attribute]) -> String {
    let mut filled = String::with_capacity(text.len() + 32);
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('{') {
        filled.push_str(before);
        let Some((name, after)) = behind.split_once('}') else {
            filled.push('{');
            rest = behind;
            continue;
        };
        match values.iter().find(|value| &*value.name == name) {
            Some(value) => filled.push_str(&value.value),
            None => {
                filled.push('{');
                filled.push_str(name);
                filled.push('}');
            }
        }
        rest = after;
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests;
