//! Reads tables of a file of `grants.d` key by key, and goes on after a mistake, so that an
//! operator is told all of them at once. It must not know what the keys mean.

use toml::{Table, Value};

use super::permission::Permission;
use crate::limits::GRANT_SCOPE_MAX;

/// A table whose keys are taken out one by one; what is left at the end is unknown.
pub(super) struct Reader<'p> {
    /// Where the table is, for the sentences: `grant 2 (http)`.
    place: String,
    table: Table,
    known: Vec<&'static str>,
    problems: &'p mut Vec<String>,
}

impl<'p> Reader<'p> {
    pub(super) fn new(place: &str, table: Table, problems: &'p mut Vec<String>) -> Self {
        Self { place: place.to_owned(), table, known: Vec::new(), problems }
    }

    /// Adds what is wrong here.
    pub(super) fn report(&mut self, what: &str) {
        let place = if self.place.is_empty() { String::new() } else { format!("{}: ", self.place) };
        self.problems.push(format!("{place}{what}"));
    }

    /// Whether a key is there.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    fn take(&mut self, key: &'static str) -> Option<Value> {
        self.known.push(key);
        self.table.remove(key)
    }

    fn wrong_type(&mut self, key: &str, found: &Value, allowed: &str) {
        let found = match found {
            Value::Table(_) => "a table".to_owned(),
            Value::Array(_) => "a list".to_owned(),
            other => other.to_string(),
        };
        self.report(&format!("{key} is {found}, allowed is {allowed}"));
    }

    /// A text, if it is there.
    pub(super) fn text(&mut self, key: &'static str) -> Option<String> {
        match self.take(key)? {
            Value::String(text) if !text.trim().is_empty() => Some(text),
            other => {
                self.wrong_type(key, &other, "a text that is not empty");
                None
            }
        }
    }

    /// A text that must be there.
    pub(super) fn required_text(&mut self, key: &'static str) -> Option<String> {
        if !self.has(key) {
            self.report(&format!("{key} is missing"));
        }
        self.text(key)
    }

    /// A text that must be there and that `read` understands; `allowed` says what that is.
    pub(super) fn required<T>(
        &mut self,
        key: &'static str,
        allowed: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.required_text(key)?;
        let value = read(&text);
        if value.is_none() {
            self.report(&format!("{key} is {text:?}, allowed is {allowed}"));
        }
        value
    }

    /// A port, if it is there.
    pub(super) fn port(&mut self, key: &'static str) -> Option<u16> {
        let value = self.take(key)?;
        let port = value.as_integer().and_then(|port| u16::try_from(port).ok());
        let port = port.filter(|port| *port != 0);
        if port.is_none() {
            self.wrong_type(key, &value, "a port from 1 to 65535");
        }
        port
    }

    /// A list, if it is there; an empty one would grant nothing, a long one is a mistake.
    fn list(&mut self, key: &'static str) -> Option<Vec<Value>> {
        match self.take(key)? {
            Value::Array(list) if (1..=GRANT_SCOPE_MAX).contains(&list.len()) => Some(list),
            Value::Array(list) => {
                let found = list.len();
                self.report(&format!("{key} has {found} entries, allowed 1 to {GRANT_SCOPE_MAX}"));
                None
            }
            other => {
                self.wrong_type(key, &other, "a list");
                None
            }
        }
    }

    /// A list of texts, if it is there.
    pub(super) fn texts(&mut self, key: &'static str) -> Option<Vec<String>> {
        let mut texts = Vec::new();
        for value in self.list(key)? {
            match value {
                Value::String(text) if !text.trim().is_empty() => texts.push(text),
                other => {
                    self.wrong_type(&format!("an entry of {key}"), &other, "a text");
                }
            }
        }
        Some(texts)
    }

    /// A list of texts that must be there; each is read, and the sentence about one that can not
    /// be is added.
    pub(super) fn required_list<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Vec<T> {
        if !self.has(key) {
            self.report(&format!("{key} is missing"));
        }
        let mut read_ones = Vec::new();
        for text in self.texts(key).unwrap_or_default() {
            match read(&text) {
                Ok(value) => read_ones.push(value),
                Err(why) => self.report(&format!("{key} has {text:?}: {why}")),
            }
        }
        read_ones
    }

    /// A table inside this one, if it is there.
    pub(super) fn nested(&mut self, key: &'static str) -> Option<Reader<'_>> {
        match self.take(key)? {
            Value::Table(table) => {
                let place = format!("{}, {key}", self.place);
                Some(Reader::new(&place, table, self.problems))
            }
            other => {
                self.wrong_type(key, &other, "a table");
                None
            }
        }
    }

    /// A list of tables that must be there.
    pub(super) fn required_tables(&mut self, key: &'static str) -> Vec<Table> {
        if !self.has(key) {
            self.report(&format!("{key} is missing"));
        }
        let mut tables = Vec::new();
        for value in self.list(key).unwrap_or_default() {
            match value {
                Value::Table(table) => tables.push(table),
                other => {
                    self.wrong_type(&format!("an entry of {key}"), &other, "a table");
                }
            }
        }
        tables
    }

    /// A reader of a table that was taken out of this one.
    pub(super) fn part(&mut self, place: &str, table: Table) -> Reader<'_> {
        Reader::new(&format!("{}, {place}", self.place), table, self.problems)
    }

    /// Adds what is left: keys that nothing here knows.
    pub(super) fn end(mut self) {
        let known = match &self.known[..] {
            [] => "none".to_owned(),
            known => known.join(", "),
        };
        for key in std::mem::take(&mut self.table).keys() {
            let elsewhere = Permission::with_key(key);
            let hint = match &elsewhere[..] {
                [] => String::new(),
                words => format!(" ({key} belongs to {})", words.join(" and ")),
            };
            self.report(&format!("unknown key {key}, known: {known}{hint}"));
        }
    }
}
