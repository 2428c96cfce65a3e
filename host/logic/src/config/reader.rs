//! Reads values out of TOML tables and collects every error on the way.
//!
//! A [`Section`] is one table together with what is known about its keys; its getters answer
//! `None` where a value is absent without a default, and also where it is wrong: then the error is
//! already in the [`Sink`]. Nothing here must know what the values are for.

mod section;
mod source;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) use section::{Section, Value, found};
pub(super) use source::Source;

use super::error::{ConfigError, Notice, Place, nearest};
use crate::limits;

/// A value and where it was written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Placed<T> {
    /// The value.
    pub(super) value: T,
    /// Where.
    pub(super) place: Place,
}

/// A text and where it was written.
pub(super) type Text = Placed<Arc<str>>;

/// Kinds of objects that others refer to by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ObjectKind {
    Host,
    Application,
    Pair,
    Vip,
    Reaction,
    Condition,
    Solution,
}

impl ObjectKind {
    /// As an error says it.
    pub(super) fn word(self) -> &'static str {
        match self {
            ObjectKind::Host => "host",
            ObjectKind::Application => "application",
            ObjectKind::Pair => "pair",
            ObjectKind::Vip => "virtual IP",
            ObjectKind::Reaction => "reaction",
            ObjectKind::Condition => "condition",
            ObjectKind::Solution => "solution",
        }
    }
}

/// Who gave an object its name.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Declared {
    /// The operator, here.
    Written(Place),
    /// A pair expanded to it.
    Expanded(Place),
}

/// Collects what was found wrong, and which names exist and are referred to.
#[derive(Default)]
pub(super) struct Sink {
    errors: RefCell<Vec<ConfigError>>,
    notices: RefCell<Vec<Notice>>,
    names: RefCell<BTreeMap<(ObjectKind, Arc<str>), Declared>>,
    references: RefCell<Vec<(ObjectKind, Text)>>,
    /// Files that are not TOML, with their errors. What could be read of them says nothing.
    broken: RefCell<BTreeMap<Arc<str>, Vec<ConfigError>>>,
}

impl Sink {
    /// Reports an error.
    pub(super) fn error(
        &self,
        place: &Place,
        found: impl Into<String>,
        allowed: impl Into<String>,
    ) {
        self.push(ConfigError {
            place: place.clone(),
            found: found.into(),
            allowed: allowed.into(),
            nearest: None,
        });
    }

    /// Reports an error with everything it has.
    pub(super) fn push(&self, error: ConfigError) {
        self.errors.borrow_mut().push(error);
    }

    /// Reports that a file is not TOML. Nothing else is then said of it.
    pub(super) fn syntax_error(&self, error: ConfigError) {
        let file = Arc::clone(&error.place.file);
        self.broken.borrow_mut().entry(file).or_default().push(error);
    }

    /// Reports an error unless the same is already said of the place.
    fn error_once(&self, place: &Place, found: String, allowed: String) {
        let same = |error: &ConfigError| error.place == *place && error.allowed == allowed;
        let is_said = self.errors.borrow().iter().any(same);
        if !is_said {
            self.error(place, found, allowed);
        }
    }

    /// Tells the operator something.
    pub(super) fn notice(&self, place: &Place, text: impl Into<String>) {
        self.notices.borrow_mut().push(Notice { place: place.clone(), text: text.into() });
    }

    /// Records that an operator wrote an object. A name taken already is an error.
    pub(super) fn declare(&self, kind: ObjectKind, name: &Text) {
        let key = (kind, Arc::clone(&name.value));
        let earlier = self.names.borrow().get(&key).cloned();
        match earlier {
            Some(Declared::Written(first) | Declared::Expanded(first)) => {
                self.duplicate(kind, name, &first);
            }
            None => {
                let declared = Declared::Written(name.place.clone());
                self.names.borrow_mut().insert(key, declared);
            }
        }
    }

    /// Records that a pair expands to an object. `false`: the operator wrote one of that name,
    /// which is to be used instead. Two pairs that expand to the same name are an error.
    pub(super) fn declare_expanded(&self, kind: ObjectKind, name: &Text) -> bool {
        let key = (kind, Arc::clone(&name.value));
        let earlier = self.names.borrow().get(&key).cloned();
        match earlier {
            Some(Declared::Written(written)) => {
                let text = format!("is used in place of the one of {}", name.place.object);
                self.notice(&Place { key: "".into(), ..written }, text);
                false
            }
            Some(Declared::Expanded(first)) => {
                let found = format!("{:?}, which {} expands to", name.value, first.object);
                let allowed = "other names for what this one expands to";
                self.error_once(&name.place, found, allowed.to_owned());
                false
            }
            None => {
                let declared = Declared::Expanded(name.place.clone());
                self.names.borrow_mut().insert(key, declared);
                true
            }
        }
    }

    fn duplicate(&self, kind: ObjectKind, name: &Text, first: &Place) {
        let found = format!("{:?} again, first at {}:{}", name.value, first.file, first.line);
        self.error(&name.place, found, format!("each {} name once", kind.word()));
    }

    /// Records that a pair would expand to something whose name is too long.
    pub(super) fn too_long(&self, place: &Place, name: &str) {
        let allowed = format!(
            "a name so short that what the pair expands to has at most {} characters",
            limits::NAME_LENGTH_MAX
        );
        self.error_once(place, format!("{name:?} ({} characters)", name.len()), allowed);
    }

    /// Records that something refers to an object by name; checked when all are known.
    pub(super) fn refer(&self, kind: ObjectKind, name: &Text) {
        self.references.borrow_mut().push((kind, name.clone()));
    }

    /// Reports every reference to an object that does not exist; it may be in a file that could
    /// not be read.
    pub(super) fn check_references(&self) {
        if !self.broken.borrow().is_empty() {
            return;
        }
        for (kind, name) in self.references.borrow().iter() {
            if !self.names.borrow().contains_key(&(*kind, Arc::clone(&name.value))) {
                self.unknown(*kind, name);
            }
        }
    }

    /// Reports a name that no object has.
    fn unknown(&self, kind: ObjectKind, name: &Text) {
        /// Longer lists hide more than they show.
        const LISTED_MAX: usize = 8;
        let names = self.names.borrow();
        let known: Vec<&str> =
            names.keys().filter(|(of, _)| *of == kind).map(|(_, name)| &**name).collect();
        let allowed = match known.len() {
            0 => format!("{} (there is none)", super::keys::tables::reference_words(kind.word())),
            1..=LISTED_MAX => format!("a configured {}: {}", kind.word(), known.join(", ")),
            _ => super::keys::tables::reference_words(kind.word()),
        };
        self.push(ConfigError {
            place: name.place.clone(),
            found: format!("{:?}", name.value),
            allowed,
            nearest: nearest(&name.value, known.iter().copied()),
        });
    }

    /// Whether nothing is wrong so far.
    pub(super) fn is_clean(&self) -> bool {
        self.errors.borrow().is_empty() && self.broken.borrow().is_empty()
    }

    /// Everything, in the order of files and lines, each once; at most
    /// [`limits::CONFIG_ERRORS_MAX`] errors.
    pub(super) fn finish(self) -> (Vec<ConfigError>, Vec<Notice>) {
        let mut errors = self.errors.into_inner();
        let broken = self.broken.into_inner();
        errors.retain(|error| !broken.contains_key(&error.place.file));
        errors.extend(broken.into_values().flatten());
        errors.sort();
        errors.dedup();
        errors.truncate(limits::CONFIG_ERRORS_MAX);
        let mut notices = self.notices.into_inner();
        notices.sort();
        notices.dedup();
        (errors, notices)
    }
}

/// Whether a text may name an object.
pub(super) fn is_name(text: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    (1..=limits::NAME_LENGTH_MAX).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(known)
}
