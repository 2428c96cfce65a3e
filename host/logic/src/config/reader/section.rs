//! One table of a file and the getters for its values.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{ObjectKind, Placed, Sink, Source, Text, is_name};
use crate::config::error::{ConfigError, Place, nearest};
use crate::config::keys::{Fallback, Key, Kind, Table};
use crate::limits;

/// A value with its position.
pub(crate) type Value<'a> = Spanned<DeValue<'a>>;

/// One table, what is known about its keys, and where errors go.
#[derive(Clone)]
pub(crate) struct Section<'a> {
    source: &'a Source<'a>,
    sink: &'a Sink,
    keys: &'static Table,
    /// None: the operator wrote no such table; only defaults hold.
    table: Option<&'a DeTable<'a>>,
    /// The table as a whole; its key is the path from the object to it.
    place: Place,
}

impl<'a> Section<'a> {
    /// The top of a file. Unknown keys are reported at once, here and in every other section.
    pub(crate) fn root(source: &'a Source<'a>, keys: &'static Table, sink: &'a Sink) -> Self {
        let table = Some(source.root());
        Self { source, sink, keys, table, place: source.place(0) }.checked()
    }

    /// Reports unknown keys.
    fn checked(self) -> Self {
        for (key, _) in self.table.into_iter().flat_map(DeTable::iter) {
            if self.keys.key(key.get_ref()).is_none() {
                let names: Vec<&str> = self.keys.keys().map(|key| key.name).collect();
                self.sink.push(ConfigError {
                    place: self.place_of(key.get_ref(), key.span().start),
                    found: "a key that is not known".to_owned(),
                    allowed: names.join(", "),
                    nearest: nearest(key.get_ref(), names.iter().copied()),
                });
            }
        }
        self
    }

    /// Where errors of this section go.
    pub(crate) fn sink(&self) -> &'a Sink {
        self.sink
    }

    /// The table as a whole.
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// Whether the operator wrote the key.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.table.is_some_and(|table| table.contains_key(name))
    }

    /// Where a key is written, or would be.
    pub(crate) fn key_place(&self, name: &str) -> Place {
        match self.table.and_then(|table| table.get_key_value(name)) {
            Some((key, _)) => self.place_of(name, key.span().start),
            None => Place { key: self.path(name), ..self.place.clone() },
        }
    }

    fn place_of(&self, name: &str, at: usize) -> Place {
        let object = Arc::clone(&self.place.object);
        Place { object, key: self.path(name), ..self.source.place(at) }
    }

    fn path(&self, name: &str) -> Arc<str> {
        match &*self.place.key {
            "" => name.into(),
            path => format!("{path}.{name}").into(),
        }
    }

    /// Reports a key that must be written here and is not.
    pub(crate) fn missing(&self, name: &str) {
        let allowed = self.keys.key(name).map_or_else(String::new, |key| key.kind.allowed());
        self.sink.error(&self.key_place(name), "nothing", allowed);
    }

    /// Reports that a key is written but not usable here.
    pub(crate) fn refuse(&self, name: &str, allowed: &str) {
        if let Some(value) = self.value(name) {
            self.sink.error(&self.key_place(name), found(value.get_ref()), allowed);
        }
    }

    fn value(&self, name: &str) -> Option<&'a Value<'a>> {
        self.table.and_then(|table| table.get(name))
    }

    /// The known key, its value if written, and a report if it is required and is not.
    fn look_up(&self, name: &str) -> Option<(&'static Key, Option<&'a Value<'a>>)> {
        let Some(key) = self.keys.key(name) else {
            // A reader that asks for a key outside its table never sees a value of it: every
            // test that gets this far fails with this sentence.
            let allowed = format!("only keys in the table of {}", self.keys.header);
            self.sink.error(&self.key_place(name), "code that reads an unlisted key", allowed);
            return None;
        };
        let value = self.value(name);
        if value.is_none() && key.fallback == Fallback::Required {
            self.missing(name);
        }
        Some((key, value))
    }

    fn wrong<T>(&self, key: &Key, value: &Value<'_>) -> Option<T> {
        let place = self.place_of(key.name, value.span().start);
        self.sink.error(&place, found(value.get_ref()), key.kind.allowed());
        None
    }

    /// A text.
    pub(crate) fn text(&self, name: &str) -> Option<Text> {
        let (key, value) = self.look_up(name)?;
        let place = self.key_place(name);
        match (value, key.fallback) {
            (None, Fallback::Text(text)) => Some(Placed { value: text.into(), place }),
            (None, _) => None,
            (Some(value), _) => match (value.get_ref().as_str(), key.kind) {
                (Some(text), Kind::Choice(choices)) if !choices.contains(&text) => {
                    self.wrong(key, value)
                }
                (Some(text), _) if text.len() <= limits::CONFIG_TEXT_BYTES_MAX => {
                    Some(Placed { value: text.into(), place })
                }
                _ => self.wrong(key, value),
            },
        }
    }

    /// A text that means something else.
    pub(crate) fn parsed<T>(
        &self,
        name: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<Placed<T>> {
        let text = self.text(name)?;
        match (parse(&text.value), self.value(name), self.keys.key(name)) {
            (Some(value), _, _) => Some(Placed { value, place: text.place }),
            (None, Some(value), Some(key)) => self.wrong(key, value),
            (None, _, _) => None,
        }
    }

    /// A text whose wrong values are not to be shown, because people paste secrets there.
    pub(crate) fn secret(&self, name: &str, is_right: fn(&str) -> bool) -> Option<Arc<str>> {
        let (key, value) = self.look_up(name)?;
        match value?.get_ref().as_str() {
            Some(text) if is_right(text) => Some(text.into()),
            _ => {
                let found = "something else (not shown)";
                self.sink.error(&self.key_place(name), found, key.kind.allowed());
                None
            }
        }
    }

    /// An address.
    pub(crate) fn address(&self, name: &str) -> Option<Placed<IpAddr>> {
        self.parsed(name, |text| text.parse().ok())
    }

    /// A name of the operator's own.
    pub(crate) fn name(&self, name: &str) -> Option<Text> {
        self.parsed(name, |text| is_name(text).then(|| text.into()))
    }

    /// The name of an object, which is checked to exist when all are known.
    pub(crate) fn reference(&self, name: &str, kind: ObjectKind) -> Option<Text> {
        let text = self.text(name)?;
        self.sink.refer(kind, &text);
        Some(text)
    }

    /// True or false.
    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        let (key, value) = self.look_up(name)?;
        match (value, key.fallback) {
            (None, Fallback::Flag(flag)) => Some(flag),
            (None, _) => None,
            (Some(value), _) => value.get_ref().as_bool().or_else(|| self.wrong(key, value)),
        }
    }

    /// A whole number.
    pub(crate) fn whole(&self, name: &str) -> Option<Placed<u64>> {
        let (key, value) = self.look_up(name)?;
        let place = self.key_place(name);
        let number = match (value, key.fallback) {
            (None, Fallback::Number(number)) => number as u64,
            (None, _) => return None,
            (Some(value), _) => match (integer(value.get_ref()), key.kind) {
                (Some(number), Kind::Whole { min, max, .. }) if (min..=max).contains(&number) => {
                    number
                }
                _ => return self.wrong(key, value),
            },
        };
        Some(Placed { value: number, place })
    }

    /// A whole number of milliseconds.
    pub(crate) fn milliseconds(&self, name: &str) -> Option<Duration> {
        Some(Duration::from_millis(self.whole(name)?.value))
    }

    /// A number of seconds, to the millisecond.
    pub(crate) fn seconds(&self, name: &str) -> Option<Placed<Duration>> {
        let (key, value) = self.look_up(name)?;
        let place = self.key_place(name);
        let number = match (value, key.fallback) {
            (None, Fallback::Number(number)) => number,
            (None, _) => return None,
            (Some(value), _) => match (float(value.get_ref()), key.kind) {
                (Some(number), Kind::Seconds { min, max }) if (min..=max).contains(&number) => {
                    number
                }
                _ => return self.wrong(key, value),
            },
        };
        let value = Duration::from_millis((number * 1000.0).round() as u64);
        Some(Placed { value, place })
    }

    /// The texts of a list, or a single text where the key allows it; `None` for each that is
    /// wrong. Absent: empty.
    fn items(&self, name: &str) -> Option<Vec<Option<Text>>> {
        let (key, value) = self.look_up(name)?;
        let Some(value) = value else {
            return (key.fallback != Fallback::Required).then(Vec::new);
        };
        let one = |value: &Value<'_>| match value.get_ref().as_str() {
            Some(text) if text.len() <= limits::CONFIG_TEXT_BYTES_MAX => {
                let place = self.place_of(name, value.span().start);
                Some(Placed { value: text.into(), place })
            }
            _ => self.wrong(key, value),
        };
        match (value.get_ref(), key.kind) {
            (DeValue::Array(items), _) => Some(items.iter().map(one).collect()),
            (DeValue::String(_), Kind::TextOrTexts(_)) => Some(vec![one(value)]),
            _ => self.wrong(key, value),
        }
    }

    /// A list of texts, or a single text where the key allows it. Absent: empty.
    pub(crate) fn texts(&self, name: &str) -> Option<Vec<Text>> {
        self.items(name)?.into_iter().collect()
    }

    /// A list of texts that each mean something else, at their positions; `None` for each that is
    /// wrong. Absent: empty.
    pub(crate) fn parsed_items<T>(
        &self,
        name: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Vec<Option<Placed<T>>> {
        let (Some(key), Some(items)) = (self.keys.key(name), self.items(name)) else {
            return Vec::new();
        };
        let parse = |text: Text| match parse(&text.value) {
            Some(value) => Some(Placed { value, place: text.place }),
            None => {
                self.sink.error(&text.place, quoted(&text.value), key.kind.allowed());
                None
            }
        };
        items.into_iter().map(|text| text.and_then(parse)).collect()
    }

    /// The same where each must be right.
    pub(crate) fn parsed_list<T>(
        &self,
        name: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<Vec<Placed<T>>> {
        self.parsed_items(name, parse).into_iter().collect()
    }

    /// Names of objects, which are checked to exist when all are known.
    pub(crate) fn references(&self, name: &str, kind: ObjectKind) -> Option<Vec<Text>> {
        let names = self.items(name)?;
        names.iter().flatten().for_each(|name| self.sink.refer(kind, name));
        names.into_iter().collect()
    }

    /// A table whose keys the operator chose. Absent: empty.
    pub(crate) fn open(&self, name: &str) -> Option<Vec<(Text, &'a Value<'a>)>> {
        let (key, value) = self.look_up(name)?;
        let Some(value) = value else { return Some(Vec::new()) };
        let DeValue::Table(table) = value.get_ref() else { return self.wrong(key, value) };
        let entry = |(entry, value): (&Spanned<_>, &'a Value<'a>)| {
            let entry: &Spanned<std::borrow::Cow<'_, str>> = entry;
            let path = format!("{name}.{}", entry.get_ref());
            let place = self.place_of(&path, entry.span().start);
            (Placed { value: entry.get_ref().as_ref().into(), place }, value)
        };
        Some(table.iter().map(entry).collect())
    }

    /// The text of a key that may be a text or a table, where it is a text.
    pub(crate) fn is_text(&self, name: &str) -> bool {
        self.value(name).is_some_and(|value| value.get_ref().is_str())
    }

    /// A table of texts. Absent: empty.
    pub(crate) fn open_texts(&self, name: &str) -> Option<Vec<(Arc<str>, Text)>> {
        let key = self.keys.key(name)?;
        let mut texts = Vec::new();
        for (entry, value) in self.open(name)? {
            let Some(text) = value.get_ref().as_str() else {
                self.sink.error(&entry.place, found(value.get_ref()), key.kind.allowed());
                continue;
            };
            texts.push((entry.value, Placed { value: text.into(), place: entry.place }));
        }
        Some(texts)
    }

    /// Settings of a plugin, as JSON values. Absent: empty.
    pub(crate) fn settings(
        &self,
        name: &str,
    ) -> Option<std::collections::BTreeMap<String, serde_json::Value>> {
        let key = self.keys.key(name)?;
        let mut settings = std::collections::BTreeMap::new();
        for (entry, value) in self.open(name)? {
            match json(value.get_ref()) {
                Ok(value) => {
                    settings.insert(entry.value.to_string(), value);
                }
                Err(found) => self.sink.error(&entry.place, found, key.kind.allowed()),
            }
        }
        Some(settings)
    }

    /// A table with known keys. `None` also where it is not written.
    pub(crate) fn table(&self, name: &str) -> Option<Section<'a>> {
        let (key, value) = self.look_up(name)?;
        let value = value?;
        match (value.get_ref(), key.kind) {
            (DeValue::Table(table), Kind::Table(keys)) => {
                Some(self.inner(keys, table, self.place_of(name, value.span().start)))
            }
            _ => self.wrong(key, value),
        }
    }

    /// A table with known keys; where it is not written, one without any.
    pub(crate) fn table_or_empty(&self, name: &str, keys: &'static Table) -> Section<'a> {
        let place = self.key_place(name);
        self.table(name).unwrap_or_else(|| Section { table: None, keys, place, ..self.clone() })
    }

    /// A list of tables with known keys. Absent: empty.
    pub(crate) fn tables(&self, name: &str) -> Vec<Section<'a>> {
        let Some((key, Some(value))) = self.look_up(name) else { return Vec::new() };
        let (DeValue::Array(items), Kind::Tables(keys)) = (value.get_ref(), key.kind) else {
            self.wrong::<()>(key, value);
            return Vec::new();
        };
        let section = |item: &'a Value<'a>| match item.get_ref() {
            DeValue::Table(table) => {
                Some(self.inner(keys, table, self.place_of(name, item.span().start)))
            }
            _ => self.wrong(key, item),
        };
        items.iter().filter_map(section).collect()
    }

    fn inner(&self, keys: &'static Table, table: &'a DeTable<'a>, place: Place) -> Section<'a> {
        Section { table: Some(table), keys, place, ..self.clone() }.labeled().checked()
    }

    /// The section with the name of its object in the place of its errors, where it is an object:
    /// one right below the top of a file.
    fn labeled(mut self) -> Self {
        if !self.place.object.is_empty() {
            return self;
        }
        let name = self.value("name").and_then(|name| name.get_ref().as_str());
        let kind = std::mem::replace(&mut self.place.key, "".into());
        self.place.object = match name {
            Some(name) => format!("{kind} {}", quoted(name)).into(),
            None => kind,
        };
        self
    }
}

/// A TOML integer that is not negative.
fn integer(value: &DeValue<'_>) -> Option<u64> {
    let integer = value.as_integer()?;
    u64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

/// A TOML number.
fn float(value: &DeValue<'_>) -> Option<f64> {
    match value {
        DeValue::Integer(_) => integer(value).map(|number| number as f64),
        DeValue::Float(float) => float.as_str().parse().ok(),
        _ => None,
    }
}

/// A value as an error shows it.
pub(crate) fn found(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => quoted(text),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.as_str().to_owned(),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(at) => format!("the date {at}"),
        DeValue::Array(items) if items.is_empty() => "an empty list".to_owned(),
        DeValue::Array(items) => format!("a list of {}", items.len()),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

/// A text in quotes, cut to a length that leaves an error readable.
pub(crate) fn quoted(text: &str) -> String {
    const SHOWN_MAX: usize = 80;
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{:?}...", text.get(..end).unwrap_or_default()),
        None => format!("{text:?}"),
    }
}

/// A value as JSON.
///
/// # Errors
///
/// What was found, where JSON has no such value: dates, and numbers that are not finite or need
/// more than 64 bits.
pub(crate) fn json(value: &DeValue<'_>) -> Result<serde_json::Value, String> {
    let refused = || found(value);
    Ok(match value {
        DeValue::String(text) => text.as_ref().into(),
        DeValue::Boolean(flag) => (*flag).into(),
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix()).map_err(|_| refused())?.into()
        }
        DeValue::Float(number) => {
            let number: f64 = number.as_str().parse().map_err(|_| refused())?;
            serde_json::Number::from_f64(number).ok_or_else(refused)?.into()
        }
        DeValue::Datetime(_) => return Err(refused()),
        DeValue::Array(items) => {
            items.iter().map(|item| json(item.get_ref())).collect::<Result<Vec<_>, _>>()?.into()
        }
        DeValue::Table(table) => {
            let entries = table.iter().map(|(key, value)| {
                Ok::<_, String>((key.get_ref().to_string(), json(value.get_ref())?))
            });
            serde_json::Value::Object(entries.collect::<Result<_, _>>()?)
        }
    })
}
