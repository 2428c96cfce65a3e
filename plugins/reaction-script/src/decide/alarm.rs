//! The alarm, as a script sees it: a map with the names and words of the contract, `_` in names.
//! What is absent is `()`.

use takeover_script::rhai::{Array, Dynamic, Map};

use crate::bindings::exports::takeover::plugin::reaction::{Alarm, Phase};
use crate::bindings::takeover::plugin::types::{Attribute, Category, Level, LogEvent};

/// The alarm.
pub fn map(alarm: &Alarm) -> Map {
    let category = match alarm.category {
        Category::Critical => "critical",
        Category::Major => "major",
        Category::Minor => "minor",
    };
    let phase = match alarm.phase {
        Phase::Raised => "raised",
        Phase::Cleared => "cleared",
    };
    entries([
        ("condition", text(&alarm.condition)),
        ("category", category.into()),
        ("application", text(&alarm.application)),
        ("host", optional(alarm.host.as_deref())),
        ("event", Dynamic::from_map(event(&alarm.event))),
        ("phase", phase.into()),
        ("repeats", i64::from(alarm.repeats).into()),
        ("test", alarm.test.into()),
    ])
}

fn event(event: &LogEvent) -> Map {
    let level = match event.level {
        Level::Alarm => "alarm",
        Level::Standard => "standard",
        Level::Interaction => "interaction",
        Level::Trace => "trace",
        Level::Debug => "debug",
    };
    entries([
        ("id", text(&event.id)),
        ("level", level.into()),
        ("text", text(&event.text)),
        ("application", optional(event.application.as_deref())),
        ("application_type", optional(event.application_type.as_deref())),
        ("host", optional(event.host.as_deref())),
        ("at_unix_ms", number(event.at_unix_ms)),
        ("attributes", Dynamic::from_array(attributes(&event.attributes))),
    ])
}

/// Named details, each as `#{name, value}`, in their order: a name may come twice.
pub fn attributes(attributes: &[Attribute]) -> Array {
    let entry = |attribute: &Attribute| {
        let values = [("name", text(&attribute.name)), ("value", text(&attribute.value))];
        Dynamic::from_map(entries(values))
    };
    attributes.iter().map(entry).collect()
}

/// A map of these entries.
pub fn entries<const N: usize>(entries: [(&str, Dynamic); N]) -> Map {
    entries.into_iter().map(|(name, value)| (name.into(), value)).collect()
}

/// A text.
pub fn text(value: &str) -> Dynamic {
    value.to_owned().into()
}

/// A text, or `()`.
pub fn optional(value: Option<&str>) -> Dynamic {
    value.map_or(Dynamic::UNIT, text)
}

/// A number. Those of the contract that do not fit are times that no clock shows.
pub fn number(value: u64) -> Dynamic {
    i64::try_from(value).unwrap_or(i64::MAX).into()
}
