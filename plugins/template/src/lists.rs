//! Settings that are lists: the host hands them over as JSON.

use serde_json::Value;

/// Why a setting is not the list that it should be. The host checks settings when it reads the
/// configuration, so this is for hosts that do not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("setting {setting} is {found}, allowed is a list of {allowed}")]
pub struct ListError {
    setting: String,
    found: String,
    allowed: &'static str,
}

/// The texts of a setting; none where it is not written and has no default.
///
/// # Errors
/// Anything but a JSON array of strings.
pub fn text_list(setting: &str, json: Option<&str>) -> Result<Vec<String>, ListError> {
    list(setting, json, "texts", |item| item.as_str().map(str::to_owned))
}

/// The whole numbers of a setting, likewise.
///
/// # Errors
/// Anything but a JSON array of whole numbers that fit.
pub fn integer_list(setting: &str, json: Option<&str>) -> Result<Vec<i32>, ListError> {
    list(setting, json, "whole numbers", |item| i32::try_from(item.as_i64()?).ok())
}

fn list<T>(
    setting: &str,
    json: Option<&str>,
    allowed: &'static str,
    item: impl Fn(&Value) -> Option<T>,
) -> Result<Vec<T>, ListError> {
    let Some(json) = json else { return Ok(Vec::new()) };
    let items = match serde_json::from_str(json) {
        Ok(Value::Array(items)) => items.iter().map(item).collect(),
        _ => None,
    };
    items.ok_or_else(|| ListError { setting: setting.to_owned(), found: json.to_owned(), allowed })
}
