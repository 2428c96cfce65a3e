//! Between the words of `host/logic` and those of the contract. Texts that come out of a component
//! are cut to their bounds here.

pub(crate) mod sip;

use std::sync::Arc;

use takeover_logic::component::{
    AlarmCall, ApplicationFacts, Category, Phase, VipBinding, VipOrder,
};
use takeover_logic::ids::Term;
use takeover_logic::link::{Fault, Release, RunMode, Status, Verdict};
use takeover_logic::log_event::{Attribute, Level, LogEvent};

use crate::bindings::reaction::exports::takeover::plugin::reaction as reaction_wit;
use crate::bindings::vip::exports::takeover::plugin::vip as vip_wit;
use crate::bindings::{management, types};
use crate::host::LogLine;
use crate::limits::{
    ANSWER_TEXT_BYTES_MAX, LOG_ATTRIBUTE_BYTES_MAX, LOG_ATTRIBUTES_MAX, LOG_TEXT_BYTES_MAX,
};

/// A text cut to so many bytes, on one line: control characters could forge lines of a log.
pub(crate) fn bounded(text: &str, bytes_max: usize) -> String {
    const MARK: &str = " [cut]";
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let kept = text.get(..end).unwrap_or_default();
    let mut line: String = kept.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if end < text.len() {
        line.push_str(MARK);
    }
    line
}

/// A text of several lines cut to so many bytes.
pub(crate) fn bounded_lines(mut text: String, bytes_max: usize) -> String {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

/// An answer of a component that operators see.
pub(crate) fn answer(text: &str) -> String {
    bounded(text, ANSWER_TEXT_BYTES_MAX)
}

fn answer_arc(text: &str) -> Arc<str> {
    answer(text).into()
}

pub(crate) fn fault_from_guest(fault: types::Fault) -> Fault {
    match fault {
        types::Fault::Denied(text) => Fault::Denied(answer_arc(&text)),
        types::Fault::NotFound(text) => Fault::NotFound(answer_arc(&text)),
        types::Fault::Unavailable(text) => Fault::Unavailable(answer_arc(&text)),
        types::Fault::InProgress => Fault::InProgress,
        types::Fault::TimedOut => Fault::TimedOut,
        types::Fault::StaleTerm(term) => Fault::StaleTerm(Term(term)),
        types::Fault::Invalid(text) => Fault::Invalid(answer_arc(&text)),
        types::Fault::Failed(text) => Fault::Failed(answer_arc(&text)),
    }
}

pub(crate) fn fault_to_guest(fault: Fault) -> types::Fault {
    match fault {
        Fault::Denied(text) => types::Fault::Denied(text.to_string()),
        Fault::NotFound(text) => types::Fault::NotFound(text.to_string()),
        Fault::Unavailable(text) => types::Fault::Unavailable(text.to_string()),
        Fault::InProgress => types::Fault::InProgress,
        Fault::TimedOut => types::Fault::TimedOut,
        Fault::StaleTerm(term) => types::Fault::StaleTerm(term.0),
        Fault::Invalid(text) => types::Fault::Invalid(text.to_string()),
        Fault::Failed(text) => types::Fault::Failed(text.to_string()),
    }
}

pub(crate) fn log_line(
    level: types::Level,
    text: &str,
    attributes: &[types::Attribute],
) -> LogLine {
    let attribute = |attribute: &types::Attribute| Attribute {
        name: bounded(&attribute.name, LOG_ATTRIBUTE_BYTES_MAX).into(),
        value: bounded(&attribute.value, LOG_ATTRIBUTE_BYTES_MAX).into(),
    };
    LogLine {
        level: match level {
            types::Level::Alarm => Level::Alarm,
            types::Level::Standard => Level::Standard,
            types::Level::Interaction => Level::Interaction,
            types::Level::Trace => Level::Trace,
            types::Level::Debug => Level::Debug,
        },
        text: bounded(text, LOG_TEXT_BYTES_MAX),
        attributes: attributes.iter().take(LOG_ATTRIBUTES_MAX).map(attribute).collect(),
    }
}

fn level_to_guest(level: Level) -> types::Level {
    match level {
        Level::Alarm => types::Level::Alarm,
        Level::Standard => types::Level::Standard,
        Level::Interaction => types::Level::Interaction,
        Level::Trace => types::Level::Trace,
        Level::Debug => types::Level::Debug,
    }
}

pub(crate) fn attributes_to_guest(attributes: &[Attribute]) -> Vec<types::Attribute> {
    let attribute = |attribute: &Attribute| types::Attribute {
        name: attribute.name.to_string(),
        value: attribute.value.to_string(),
    };
    attributes.iter().map(attribute).collect()
}

fn event_to_guest(event: &LogEvent) -> types::LogEvent {
    types::LogEvent {
        id: event.id.to_string(),
        level: level_to_guest(event.level),
        text: event.text.to_string(),
        application: event.application.as_ref().map(ToString::to_string),
        application_type: event.application_type.as_ref().map(ToString::to_string),
        host: event.host.as_ref().map(ToString::to_string),
        at_unix_ms: event.at.0,
        attributes: attributes_to_guest(&event.attributes),
    }
}

pub(crate) fn alarm_to_guest(call: &AlarmCall) -> reaction_wit::Alarm {
    reaction_wit::Alarm {
        condition: call.condition.to_string(),
        category: match call.category {
            Category::Critical => types::Category::Critical,
            Category::Major => types::Category::Major,
            Category::Minor => types::Category::Minor,
        },
        application: call.application.to_string(),
        host: call.host.as_ref().map(ToString::to_string),
        event: event_to_guest(&call.event),
        phase: match call.phase {
            Phase::Raised => reaction_wit::Phase::Raised,
            Phase::Cleared => reaction_wit::Phase::Cleared,
        },
        repeats: call.repeats,
        test: call.test,
    }
}

pub(crate) fn binding_to_guest(binding: &VipBinding) -> vip_wit::Binding {
    vip_wit::Binding {
        name: binding.name.to_string(),
        address: binding.address.to_string(),
        prefix_length: binding.prefix,
        network_interface: binding.network_interface.to_string(),
        port: binding.port,
        probe_interval_ms: u32::try_from(binding.probe_interval_ms).unwrap_or(u32::MAX),
        host: binding.host.to_string(),
        other_hosts: binding.other_hosts.iter().map(ToString::to_string).collect(),
        options: attributes_to_guest(&binding.options),
    }
}

/// An order, with the time that is really left.
pub(crate) fn order_to_guest(order: &VipOrder, time_left_ms: u32) -> vip_wit::Order {
    vip_wit::Order {
        binding: binding_to_guest(&order.binding),
        term: order.term.0,
        release: match order.release {
            Release::Confirmed => vip_wit::Release::Confirmed,
            Release::Unknown => vip_wit::Release::Unknown,
        },
        time_left_ms: order.time_left_ms.min(time_left_ms),
    }
}

pub(crate) fn verdict_from_guest(presence: vip_wit::Presence) -> Verdict {
    match presence {
        vip_wit::Presence::Present => Verdict::Good,
        vip_wit::Presence::Absent => Verdict::Bad("not present".into()),
        vip_wit::Presence::Unknown(reason) => Verdict::Unknown(answer_arc(&reason)),
    }
}

pub(crate) fn application_to_guest(facts: ApplicationFacts) -> management::Application {
    management::Application {
        name: facts.name.to_string(),
        host: facts.host.to_string(),
        kind: facts.kind.to_string(),
        status: status_to_guest(facts.status),
        run_mode: facts.run_mode.map(|run_mode| match run_mode {
            RunMode::Primary => types::RunMode::Primary,
            RunMode::Backup => types::RunMode::Backup,
            RunMode::Exiting => types::RunMode::Exiting,
        }),
    }
}

fn status_to_guest(status: Status) -> types::Status {
    match status {
        Status::Unknown => types::Status::Unknown,
        Status::Stopped => types::Status::Stopped,
        Status::StartPending => types::Status::StartPending,
        Status::StartTransition => types::Status::StartTransition,
        Status::Initializing => types::Status::Initializing,
        Status::Running => types::Status::Running,
        Status::ServiceUnavailable => types::Status::ServiceUnavailable,
        Status::Suspending => types::Status::Suspending,
        Status::Suspended => types::Status::Suspended,
        Status::StopPending => types::Status::StopPending,
        Status::StopTransition => types::Status::StopTransition,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(bounded("short", 10), "short");
        assert_eq!(bounded("ääää", 5), "ää [cut]");
    }

    #[test]
    fn text_can_not_forge_a_second_line() {
        assert_eq!(bounded("a\nb\x1b[31m", 100), "a b [31m");
    }
}
