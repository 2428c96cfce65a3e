//! Reads one TOML file into options, and collects every error with its line on the way.
//!
//! Must not know what the options mean: [`super::keys`] says what is allowed, [`super::check`]
//! what goes together.

use std::collections::HashMap;
use std::sync::Arc;

use takeover_logic::config::error::{ConfigError, Notice, Place};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::check::{Finding, Object, Remark};
use super::keys::{self, Key};
use super::model::{Application, Dn, DnType};
use crate::limits::DIRECTORY_ERRORS_MAX;

/// Likeness (0 to 1) below which a suggested name misleads more often than it helps.
const LIKENESS_MIN: f64 = 0.75;

/// What was read, and where.
pub(super) struct Reader {
    file: Arc<str>,
    /// Byte positions at which lines begin, the first aside.
    line_starts: Vec<usize>,
    /// Where each option of each object is written; an empty name is the object itself.
    places: HashMap<(Object, Arc<str>), Place>,
    errors: Vec<ConfigError>,
    notices: Vec<Notice>,
}

impl Reader {
    /// Reads a file. What could be understood is in the result, wrong or not.
    pub(super) fn read(file: &str, text: &str) -> (Reader, Application, Vec<Dn>) {
        let line_starts = text.match_indices('\n').map(|(at, _)| at + 1).collect();
        let mut reader = Reader {
            file: file.into(),
            line_starts,
            places: HashMap::new(),
            errors: Vec::new(),
            notices: Vec::new(),
        };
        let (tree, errors) = DeTable::parse_recoverable(text);
        for error in &errors {
            let at = error.span().map_or(0, |span| span.start);
            let part = error.span().and_then(|span| text.get(span)).unwrap_or_default();
            let found = match part {
                "" => "nothing that continues here".to_owned(),
                part => quoted(part),
            };
            let place = reader.place(at, "", "");
            reader.error(place, found, format!("TOML ({})", error.message()), None);
        }
        let mut application = Application::default();
        let mut dns = Vec::new();
        if errors.is_empty() {
            reader.top(tree.get_ref(), &mut application, &mut dns);
        }
        (reader, application, dns)
    }

    fn top(&mut self, root: &DeTable<'_>, application: &mut Application, dns: &mut Vec<Dn>) {
        for (name, value) in root {
            let sections = keys::APPLICATION.iter().find(|(s, _)| *s == name.get_ref().as_ref());
            match (sections, value.get_ref()) {
                (Some((section, keys)), DeValue::Table(table)) => {
                    for (key, value) in table {
                        let option = (key, value);
                        self.option(&Object::Application, section, option, (keys, application));
                    }
                }
                (None, DeValue::Array(items)) if name.get_ref() == "dn" => {
                    dns.extend(items.iter().filter_map(|item| self.dn(item)));
                }
                (_, value) => {
                    let place = self.place(name.span().start, "", name.get_ref());
                    let mut known: Vec<&str> =
                        keys::APPLICATION.iter().map(|(name, _)| *name).collect();
                    let allowed =
                        format!("the tables {}, and a list of tables dn", known.join(", "));
                    known.push("dn");
                    let nearest = nearest(name.get_ref(), &known);
                    self.error(place, shown(value), allowed, nearest);
                }
            }
        }
    }

    /// One `[[dn]]`.
    fn dn(&mut self, item: &Spanned<DeValue<'_>>) -> Option<Dn> {
        let at = item.span().start;
        let DeValue::Table(table) = item.get_ref() else {
            let place = self.place(at, "dn", "");
            self.error(place, shown(item.get_ref()), "a table", None);
            return None;
        };
        let number = self.required(table, at, "number", ("a number or a name", is_number))?;
        let label = format!("dn {number:?}");
        let kind = self.required(table, at, "type", (keys::dn_types(), keys::dn_type))?;
        let mut dn = Dn::new(number, kind);
        let object = Object::Dn(Arc::clone(&dn.number));
        let place = self.place(at, &label, "");
        if let Some(first) = self.places.insert((object.clone(), "".into()), place.clone()) {
            let found = format!("{label} again, first at {}:{}", first.file, first.line);
            self.error(place, found, "each number once", None);
        }
        for (key, value) in table {
            if !["number", "type"].contains(&key.get_ref().as_ref()) {
                self.option(&object, &label, (key, value), (keys::DN, &mut dn));
                self.check_type(&dn, &label, key);
            }
        }
        Some(dn)
    }

    /// Reports an option that this type of DN does not have.
    fn check_type(&mut self, dn: &Dn, label: &str, key: &Spanned<std::borrow::Cow<'_, str>>) {
        let name = key.get_ref();
        let is_known = keys::DN.iter().any(|key| key.name == name);
        if is_known && !keys::belongs_to(name, dn.kind) {
            let place = self.place(key.span().start, label, name);
            let having = |kind: &DnType| keys::belongs_to(name, *kind);
            let kinds: Vec<&str> =
                DnType::ALL.into_iter().filter(having).map(DnType::name).collect();
            let found = format!("the option of a DN of type {}", dn.kind);
            self.error(place, found, format!("only for {}", kinds.join(", ")), None);
        }
    }

    /// A key that a DN must have.
    fn required<V>(
        &mut self,
        table: &DeTable<'_>,
        at: usize,
        name: &str,
        (allowed, parse): (impl Into<String>, impl Fn(&str) -> Option<V>),
    ) -> Option<V> {
        let place = self.place(at, "dn", name);
        let Some(value) = table.get(name) else {
            self.error(place, "nothing", allowed, None);
            return None;
        };
        let parsed = scalar(value.get_ref()).and_then(|text| parse(&text));
        if parsed.is_none() {
            let place = self.place(value.span().start, "dn", name);
            self.error(place, shown(value.get_ref()), allowed, None);
        }
        parsed
    }

    /// Reads one option into `target`.
    fn option<T>(
        &mut self,
        object: &Object,
        label: &str,
        (key, value): (&Spanned<std::borrow::Cow<'_, str>>, &Spanned<DeValue<'_>>),
        (keys, target): (&'static [Key<T>], &mut T),
    ) {
        let name = key.get_ref().as_ref();
        let place = self.place(key.span().start, label, name);
        let Some(known) = keys.iter().find(|key| key.name == name) else {
            let names = keys::names(keys);
            let nearest = nearest(name, &names);
            self.error(place, "an option that is not known", names.join(", "), nearest);
            return;
        };
        let is_put = scalar(value.get_ref()).is_some_and(|text| (known.put)(target, &text));
        if !is_put {
            let found = match known.is_secret() {
                true => "a value that is not shown".to_owned(),
                false => shown(value.get_ref()),
            };
            self.error(place.clone(), found, known.allowed, None);
        }
        self.places.insert((object.clone(), name.into()), place);
    }

    /// Adds what the checks found, each at its option or else at its object.
    pub(super) fn take(&mut self, findings: Vec<Finding>, remarks: Vec<Remark>) {
        for Finding { object, key, found, allowed } in findings {
            let place = self.written_at(&object, key);
            self.error(place, found, allowed, None);
        }
        for Remark { object, key, text } in remarks {
            let place = self.written_at(&object, key);
            self.notices.push(Notice { place, text });
        }
    }

    fn written_at(&self, object: &Object, key: &str) -> Place {
        let of_key = self.places.get(&(object.clone(), key.into()));
        let of_object = || self.places.get(&(object.clone(), "".into()));
        match of_key.or_else(of_object) {
            Some(place) => Place { key: key.into(), ..place.clone() },
            None => self.place(0, section_of(key), key),
        }
    }

    /// Whether nothing is wrong so far.
    pub(super) fn is_clean(&self) -> bool {
        self.errors.is_empty()
    }

    /// Everything that is wrong and that is to be told, in the order of lines.
    pub(super) fn finish(mut self) -> (Vec<ConfigError>, Vec<Notice>) {
        self.errors.sort();
        self.errors.dedup();
        self.errors.truncate(DIRECTORY_ERRORS_MAX);
        self.notices.sort();
        (self.errors, self.notices)
    }

    fn place(&self, at: usize, object: &str, key: &str) -> Place {
        let line = self.line_starts.partition_point(|start| *start <= at) + 1;
        Place {
            file: Arc::clone(&self.file),
            line: u32::try_from(line).unwrap_or(u32::MAX),
            object: object.into(),
            key: key.into(),
        }
    }

    fn error(
        &mut self,
        place: Place,
        found: impl Into<String>,
        allowed: impl Into<String>,
        nearest: Option<String>,
    ) {
        let (found, allowed) = (found.into(), allowed.into());
        self.errors.push(ConfigError { place, found, allowed, nearest });
    }
}

/// The section that an option of the application belongs to.
fn section_of(key: &str) -> &'static str {
    let has = |keys: &[Key<Application>]| keys.iter().any(|known| known.name == key);
    keys::APPLICATION.iter().find(|(_, keys)| has(keys)).map_or("", |(section, _)| section)
}

/// The number of a DN: what can be the user part of a SIP URI without escapes.
fn is_number(text: &str) -> Option<Arc<str>> {
    let known = |c: char| c.is_ascii_alphanumeric() || "-_.!~*'()&=+$,;?/#@".contains(c);
    ((1..=64).contains(&text.len()) && text.chars().all(known)).then(|| text.into())
}

/// A value as text, where it is a single one.
fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str().to_owned()),
        DeValue::Boolean(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// A value as an error shows it.
fn shown(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => quoted(text),
        DeValue::Integer(number) => number.as_str().to_owned(),
        DeValue::Float(number) => number.as_str().to_owned(),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(at) => format!("the date {at}"),
        DeValue::Array(items) => format!("a list of {}", items.len()),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

/// A text in quotes, cut to a length that leaves an error readable.
pub(super) fn quoted(text: &str) -> String {
    const SHOWN_MAX: usize = 80;
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{:?}...", text.get(..end).unwrap_or_default()),
        None => format!("{text:?}"),
    }
}

/// The name out of `known` that is spelled most like `found`, if one is near enough to be meant.
pub(super) fn nearest(found: &str, known: &[&str]) -> Option<String> {
    known
        .iter()
        .map(|name| (strsim::jaro_winkler(found, name), *name))
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name.to_owned())
}
