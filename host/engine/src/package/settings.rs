//! Settings of a component: what its manifest declares, and whether what an operator wrote fits.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde_json::Value;

pub(crate) use super::Settings;
use crate::limits::SETTINGS_BYTES_MAX;

/// What a setting may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SettingType {
    /// Any text.
    Text,
    /// A whole number, from `min` to `max`.
    Integer,
    /// True or false.
    Boolean,
    /// One of `choices`.
    Choice,
    /// The name of an application of the configuration.
    Application,
    /// The name of a virtual IP of the configuration.
    Vip,
    /// The name of a host of the configuration.
    Host,
    /// The name of a solution of the configuration.
    Solution,
    /// The name of a pair of the configuration.
    Pair,
    /// Texts in an order; at least one where the setting is required.
    TextList,
    /// Whole numbers in an order, each from `min` to `max`; likewise.
    IntegerList,
}

/// When a changed setting takes effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// With the next call.
    #[default]
    Immediately,
    /// When the plugin starts next: another version of it comes into use, or its process starts.
    NextStart,
}

/// One setting, as a manifest declares it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    /// What it may hold.
    #[serde(rename = "type")]
    pub holds: SettingType,
    /// What it means.
    pub description: String,
    /// When a change takes effect. Default: immediately.
    #[serde(default)]
    pub effect: Effect,
    /// Unit of a number.
    #[serde(default)]
    pub unit: Option<String>,
    /// The value where none is written.
    #[serde(default)]
    pub default: Option<Value>,
    /// Lowest number allowed, also in a list.
    #[serde(default)]
    pub min: Option<i64>,
    /// Highest number allowed, also in a list.
    #[serde(default)]
    pub max: Option<i64>,
    /// Texts allowed.
    #[serde(default)]
    pub choices: Vec<String>,
    /// It must be written.
    #[serde(default)]
    pub required: bool,
}

impl Setting {
    /// Checks the declaration itself.
    pub(crate) fn check(&self, name: &str, problems: &mut Vec<String>) {
        if (self.holds == SettingType::Choice) == self.choices.is_empty() {
            problems
                .push(format!("setting {name}: `choices` belongs to type choice and only to it"));
        }
        if self.required && self.default.is_some() {
            problems.push(format!("setting {name}: required, and yet it has a default"));
        }
        if let Some(problem) = self.default.as_ref().and_then(|value| self.problem_of(value)) {
            problems.push(format!("setting {name}: its default {problem}"));
        }
    }

    /// What is wrong with a value, if anything: "is X, allowed is Y".
    fn problem_of(&self, value: &Value) -> Option<String> {
        let fits = match (self.holds, value) {
            (SettingType::Text, Value::String(_)) | (SettingType::Boolean, Value::Bool(_)) => true,
            (SettingType::Integer, number) => self.has_range_of(number),
            (SettingType::TextList, Value::Array(texts)) => {
                self.has_length_of(texts) && texts.iter().all(Value::is_string)
            }
            (SettingType::IntegerList, Value::Array(numbers)) => {
                let number = |value: &Value| self.has_range_of(value);
                self.has_length_of(numbers) && numbers.iter().all(number)
            }
            (SettingType::Choice, Value::String(text)) => self.choices.contains(text),
            (
                SettingType::Application
                | SettingType::Vip
                | SettingType::Host
                | SettingType::Solution
                | SettingType::Pair,
                Value::String(text),
            ) => !text.is_empty(),
            _ => false,
        };
        (!fits).then(|| format!("is {value}, allowed is {self}"))
    }

    /// Whether it is a whole number from `min` to `max`.
    fn has_range_of(&self, value: &Value) -> bool {
        value.as_i64().is_some_and(|number| {
            self.min.is_none_or(|min| number >= min) && self.max.is_none_or(|max| number <= max)
        })
    }

    /// Whether there is something in a list that has to be written.
    fn has_length_of(&self, list: &[Value]) -> bool {
        !(self.required && list.is_empty())
    }
}

impl fmt::Display for Setting {
    /// What is allowed, for operators.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.holds {
            SettingType::Text => "a text",
            SettingType::Integer => "a whole number",
            SettingType::Boolean => "true or false",
            SettingType::Choice => return f.write_str(&self.choices.join(" or ")),
            SettingType::Application => "the name of an application",
            SettingType::Vip => "the name of a virtual IP",
            SettingType::Host => "the name of a host",
            SettingType::Solution => "the name of a solution",
            SettingType::Pair => "the name of a pair",
            SettingType::TextList if self.required => "a list of at least one text",
            SettingType::TextList => "a list of texts",
            SettingType::IntegerList if self.required => "a list of at least one whole number",
            SettingType::IntegerList => "a list of whole numbers",
        };
        f.write_str(word)?;
        match (self.min, self.max) {
            (Some(min), Some(max)) => write!(f, " from {min} to {max}")?,
            (Some(min), None) => write!(f, " of at least {min}")?,
            (None, Some(max)) => write!(f, " of at most {max}")?,
            (None, None) => {}
        }
        self.unit.as_ref().map_or(Ok(()), |unit| write!(f, " ({unit})"))
    }
}

/// Everything that is wrong with the settings of a plugin, one sentence each.
pub(crate) fn validate(
    plugin: &str,
    declared: &BTreeMap<String, Setting>,
    written: &Settings,
) -> Vec<String> {
    let mut problems = Vec::new();
    let size: usize = written.iter().map(|(key, value)| key.len() + value.to_string().len()).sum();
    if size > SETTINGS_BYTES_MAX {
        problems.push(format!("settings of {plugin}: {size} bytes, at most {SETTINGS_BYTES_MAX}"));
    }
    for (name, value) in written {
        match declared.get(name) {
            Some(setting) => {
                if let Some(problem) = setting.problem_of(value) {
                    problems.push(format!("setting {name} of {plugin} {problem}"));
                }
            }
            None => {
                let known: Vec<&str> = declared.keys().map(String::as_str).collect();
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                problems.push(format!("setting {name} of {plugin} is unknown, known: {known}"));
            }
        }
    }
    for (name, setting) in declared {
        if setting.required && !written.contains_key(name) {
            problems.push(format!("setting {name} of {plugin} is missing: {setting}"));
        }
    }
    problems
}

/// The settings to call a plugin with: those written last, but what takes effect at the next start
/// as it was at the last one.
pub(crate) fn in_effect(
    declared: &BTreeMap<String, Setting>,
    started_with: &Settings,
    written: &Settings,
) -> Settings {
    let mut settings = written.clone();
    for name in waiting(declared, started_with, written) {
        match started_with.get(name) {
            Some(value) => drop(settings.insert(name.to_owned(), value.clone())),
            None => drop(settings.remove(name)),
        }
    }
    settings
}

/// Settings that were changed and wait for the next start.
pub(crate) fn waiting<'a>(
    declared: &'a BTreeMap<String, Setting>,
    started_with: &Settings,
    written: &Settings,
) -> Vec<&'a str> {
    let waits = |(name, setting): &(&String, &Setting)| {
        setting.effect == Effect::NextStart && started_with.get(*name) != written.get(*name)
    };
    declared.iter().filter(waits).map(|(name, _)| name.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared() -> BTreeMap<String, Setting> {
        let text = "[now]\ntype = \"text\"\ndescription = \"x\"\n\
                    [later]\ntype = \"text\"\ndescription = \"x\"\neffect = \"next-start\"\n";
        toml::from_str(text).unwrap()
    }

    fn settings(written: &[(&str, &str)]) -> Settings {
        written.iter().map(|(key, value)| ((*key).to_owned(), Value::from(*value))).collect()
    }

    #[test]
    fn what_takes_effect_at_the_next_start_stays_until_then() {
        let declared = declared();
        let began = settings(&[("now", "a"), ("later", "b")]);
        let written = settings(&[("now", "c"), ("later", "d")]);
        let expected = settings(&[("now", "c"), ("later", "b")]);
        assert_eq!(in_effect(&declared, &began, &written), expected);
        assert_eq!(waiting(&declared, &began, &written), ["later"]);
        // Written for the first time, and no longer written.
        let bare = settings(&[("now", "c")]);
        assert_eq!(in_effect(&declared, &bare, &written), bare);
        assert_eq!(in_effect(&declared, &began, &bare), expected);
        assert_eq!(waiting(&declared, &written, &written), Vec::<&str>::new());
    }

    #[test]
    fn effect_is_one_of_two_words() {
        let wrong = "[x]\ntype = \"text\"\ndescription = \"x\"\neffect = \"tomorrow\"\n";
        let error = toml::from_str::<BTreeMap<String, Setting>>(wrong).unwrap_err().to_string();
        assert!(error.contains("expected `immediately` or `next-start`"), "{error}");
    }
}
