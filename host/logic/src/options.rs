//! Options of applications: what the configuration declares, and how a changed value is read.
//!
//! Sections, names and values are the application's own; nothing here knows what they mean. An
//! option has the type of the value that the configuration gives it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::config::nearest;
use crate::limits::OPTION_VALUE_BYTES_MAX;

/// Options by section and name.
pub type Options = BTreeMap<Arc<str>, BTreeMap<Arc<str>, OptionValue>>;

/// Value of an option.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum OptionValue {
    /// True or false.
    Flag(bool),
    /// A whole number.
    Number(i64),
    /// A text of at most [`OPTION_VALUE_BYTES_MAX`] bytes.
    Text(Arc<str>),
}

impl OptionValue {
    /// Reads another value of the same type.
    pub fn read_alike(&self, text: &str) -> Option<OptionValue> {
        match self {
            OptionValue::Flag(_) => text.parse().ok().map(OptionValue::Flag),
            OptionValue::Number(_) => text.parse().ok().map(OptionValue::Number),
            OptionValue::Text(_) => {
                let fits = text.len() <= OPTION_VALUE_BYTES_MAX && !text.contains('\0');
                fits.then(|| OptionValue::Text(text.into()))
            }
        }
    }

    /// What a value of the same type may be, in words.
    pub fn allowed(&self) -> String {
        match self {
            OptionValue::Flag(_) => "true or false".to_owned(),
            OptionValue::Number(_) => "a whole number".to_owned(),
            OptionValue::Text(_) => {
                format!("a text of at most {OPTION_VALUE_BYTES_MAX} bytes without NUL")
            }
        }
    }

    /// Whether both have one type.
    pub fn is_like(&self, other: &OptionValue) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

impl fmt::Display for OptionValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OptionValue::Flag(flag) => write!(f, "{flag}"),
            OptionValue::Number(number) => write!(f, "{number}"),
            OptionValue::Text(text) => write!(f, "{text:?}"),
        }
    }
}

/// Finds a declared option by `SECTION/NAME`, or by a name alone that only one section has.
///
/// # Errors
/// A sentence without the application's name: what was found, what is known, what is nearest.
pub fn find(options: &Options, name: &str) -> Result<(Arc<str>, Arc<str>), String> {
    let all = || {
        let of = |(section, names): (&Arc<str>, &BTreeMap<Arc<str>, OptionValue>)| {
            let of_section = |name: &Arc<str>| (Arc::clone(section), Arc::clone(name));
            names.keys().map(of_section).collect::<Vec<_>>()
        };
        options.iter().flat_map(of)
    };
    let is_it = |(section, key): &(Arc<str>, Arc<str>)| match name.split_once('/') {
        Some((wanted, rest)) => **section == *wanted && **key == *rest,
        None => **key == *name,
    };
    let mut found = all().filter(is_it);
    match (found.next(), found.next()) {
        (Some(one), None) => return Ok(one),
        (Some((one, _)), Some((other, _))) => {
            let text = format!("option {name} is in sections {one} and {other}: say SECTION/NAME");
            return Err(text);
        }
        (None, _) => {}
    }
    let known: Vec<String> = all().map(|(section, key)| format!("{section}/{key}")).collect();
    let alone: Vec<Arc<str>> = all().map(|(_, key)| key).collect();
    let near = match name.contains('/') {
        true => nearest(name, known.iter().map(String::as_str)),
        false => nearest(name, alone.iter().map(|key| &**key)),
    };
    let near = near.map(|near| format!("; nearest: {near}")).unwrap_or_default();
    let known = if known.is_empty() { "none".to_owned() } else { shown(&known) };
    Err(format!("option {name} is unknown, known: {known}{near}"))
}

/// A list short enough for a sentence.
fn shown(names: &[String]) -> String {
    const SHOWN_MAX: usize = 12;
    let text = names.get(..SHOWN_MAX).unwrap_or(names).join(", ");
    match names.len().saturating_sub(SHOWN_MAX) {
        0 => text,
        more => format!("{text} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> Options {
        let server = BTreeMap::from([
            ("sip-pass-check".into(), OptionValue::Flag(false)),
            ("oos-check".into(), OptionValue::Number(0)),
            ("name".into(), OptionValue::Text("one".into())),
        ]);
        let log = BTreeMap::from([("name".into(), OptionValue::Text("two".into()))]);
        BTreeMap::from([("TServer".into(), server), ("log".into(), log)])
    }

    #[test]
    fn options_are_found_by_section_and_name_or_by_a_name_of_one_section() {
        let options = options();
        let both =
            |name: &str| find(&options, name).map(|(section, key)| format!("{section} {key}"));
        assert_eq!(both("TServer/oos-check").as_deref(), Ok("TServer oos-check"));
        assert_eq!(both("oos-check").as_deref(), Ok("TServer oos-check"));
        assert_eq!(both("log/name").as_deref(), Ok("log name"));
        let known = "known: TServer/name, TServer/oos-check, TServer/sip-pass-check, log/name";
        let twice = "option name is in sections TServer and log: say SECTION/NAME";
        assert_eq!(both("name"), Err(twice.to_owned()));
        let unknown = |name: &str, near| Err(format!("option {name} is unknown, {known}{near}"));
        assert_eq!(both("sip-pas-check"), unknown("sip-pas-check", "; nearest: sip-pass-check"));
        assert_eq!(
            both("TServer/ooscheck"),
            unknown("TServer/ooscheck", "; nearest: TServer/oos-check")
        );
        assert_eq!(both("x"), unknown("x", ""));
        let none = find(&Options::new(), "x");
        assert_eq!(none, Err("option x is unknown, known: none".to_owned()));
    }

    #[test]
    fn values_keep_their_type() {
        let (flag, number) = (OptionValue::Flag(true), OptionValue::Number(1));
        assert_eq!(flag.read_alike("false"), Some(OptionValue::Flag(false)));
        assert_eq!(flag.read_alike("0"), None);
        assert_eq!(number.read_alike("-7"), Some(OptionValue::Number(-7)));
        assert_eq!(number.read_alike("7.5"), None);
        let text = OptionValue::Text("".into());
        assert_eq!(text.read_alike("true"), Some(OptionValue::Text("true".into())));
        assert_eq!(text.read_alike(&"x".repeat(OPTION_VALUE_BYTES_MAX + 1)), None);
        assert_eq!(text.read_alike("a\0b"), None);
    }
}
