//! Reads a TOML file section by section and collects every error with its line on the way.
//!
//! Must not know what a key means: who asks says what is allowed.

use std::cell::RefCell;

use serde::de::DeserializeOwned;
use takeover_logic::config::error::Place;
use takeover_logic::config::{ConfigError, nearest};
use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

/// Errors of one file that are reported. Beyond it: the rest is left out; an operator mends the
/// first ones first.
const ERRORS_MAX: usize = 100;

/// One file and what is wrong with it.
pub(super) struct Reader<'a> {
    file: &'a str,
    text: &'a str,
    errors: RefCell<Vec<ConfigError>>,
}

/// A table of the file, or one of its entries that is a table.
pub(super) struct Section<'a> {
    reader: &'a Reader<'a>,
    /// Its name, as in `api`; empty at the top.
    name: &'static str,
    table: Table,
    known: Vec<&'static str>,
}

impl<'a> Reader<'a> {
    /// Nothing is wrong yet.
    pub(super) fn new(file: &'a str, text: &'a str) -> Reader<'a> {
        Reader { file, text, errors: RefCell::default() }
    }

    /// The top of the file; empty where it is no TOML, which is an error then.
    pub(super) fn top(&'a self) -> Section<'a> {
        let (_, errors) = DeTable::parse_recoverable(self.text);
        for error in &errors {
            let at = error.span().map_or(0, |span| span.start);
            let part = error.span().and_then(|span| self.text.get(span)).unwrap_or_default();
            let found = if part.is_empty() { "nothing that continues here" } else { part };
            let place = self.place(at, ("", ""));
            self.push(place, found.to_owned(), format!("TOML ({})", error.message()), None);
        }
        let table = toml::from_str(self.text).unwrap_or_default();
        Section { reader: self, name: "", table, known: Vec::new() }
    }

    /// Adds an error about a key of a section, or about a whole section.
    pub(super) fn refuse(&self, (section, key): (&str, &str), found: impl ToString, allowed: &str) {
        let place = self.place(self.position(section, key), (section, key));
        self.push(place, found.to_string(), allowed.to_owned(), None);
    }

    /// Whether nothing is wrong so far.
    pub(super) fn is_clean(&self) -> bool {
        self.errors.borrow().is_empty()
    }

    /// Everything that is wrong, in the order of lines.
    pub(super) fn errors(self) -> Vec<ConfigError> {
        let mut errors = self.errors.into_inner();
        errors.sort();
        errors.dedup();
        errors.truncate(ERRORS_MAX);
        errors
    }

    fn push(&self, place: Place, found: String, allowed: String, nearest: Option<String>) {
        self.errors.borrow_mut().push(ConfigError { place, found, allowed, nearest });
    }

    fn place(&self, at: usize, (section, key): (&str, &str)) -> Place {
        let before = self.text.get(..at).unwrap_or_default();
        let line = 1 + before.bytes().filter(|byte| *byte == b'\n').count();
        let line = u32::try_from(line).unwrap_or(u32::MAX);
        Place { file: self.file.into(), line, object: section.into(), key: key.into() }
    }

    /// Where a key is written, else where its section begins, else the beginning.
    fn position(&self, section: &str, key: &str) -> usize {
        let (tree, _) = DeTable::parse_recoverable(self.text);
        let mut at = 0;
        let mut table = Some(tree.get_ref());
        let path = section.split('.').chain([key]).filter(|name| !name.is_empty());
        for name in path {
            let found = table.and_then(|it| it.iter().find(|(is, _)| is.get_ref() == name));
            let Some((is, value)) = found else { break };
            at = is.span().start;
            table = match value.get_ref() {
                DeValue::Table(inner) => Some(inner),
                _ => None,
            };
        }
        at
    }
}

impl<'a> Section<'a> {
    /// The value of a key; none where it is not written, or not what is allowed.
    pub(super) fn value<T: DeserializeOwned>(
        &mut self,
        key: &'static str,
        allowed: &str,
    ) -> Option<T> {
        self.known.push(key);
        let value = self.table.remove(key)?;
        let found = shown(&value);
        value.try_into().map_err(|_| self.refuse(key, found, allowed)).ok()
    }

    /// The same of a key that must be written.
    pub(super) fn needed<T: DeserializeOwned>(
        &mut self,
        key: &'static str,
        allowed: &str,
    ) -> Option<T> {
        if !self.table.contains_key(key) {
            self.known.push(key);
            self.refuse(key, "nothing", allowed);
            return None;
        }
        self.value(key, allowed)
    }

    /// Whether a key is written.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// A section within this one; none where it is not written.
    pub(super) fn section(&mut self, name: &'static str) -> Option<Section<'a>> {
        let table = self.value(name, "a table")?;
        Some(Section { reader: self.reader, name, table, known: Vec::new() })
    }

    /// The entries of a list of tables, each a section of the name `within`.
    pub(super) fn sections(&mut self, key: &'static str, within: &'static str) -> Vec<Section<'a>> {
        let tables: Vec<Table> = self.value(key, "a list of tables").unwrap_or_default();
        let section = |table| Section { reader: self.reader, name: within, table, known: vec![] };
        tables.into_iter().map(section).collect()
    }

    /// Adds an error about a key.
    pub(super) fn refuse(&self, key: &str, found: impl ToString, allowed: &str) {
        self.reader.refuse((self.name, key), found, allowed);
    }

    /// Every key that nobody asked for is an error.
    pub(super) fn end(self) {
        for key in self.table.keys() {
            let near = nearest(key, self.known.iter().copied());
            let position = self.reader.position(self.name, key);
            let place = self.reader.place(position, (self.name, key));
            let near = near.map(|near| near.to_string());
            self.reader.push(place, "a key that is not known".into(), self.known.join(", "), near);
        }
    }
}

/// A value as it is shown in an error; what could be secret is no scalar.
fn shown(value: &Value) -> String {
    match value {
        Value::Table(_) => "a table".to_owned(),
        Value::Array(items) => format!("a list of {}", items.len()),
        other => other.to_string(),
    }
}
