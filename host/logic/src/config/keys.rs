//! Every key an operator can write: type, unit, default, range, meaning, and when a change takes
//! effect. The reader checks against these tables and the documentation is printed from them, so
//! neither can disagree with the other.
//!
//! Must not know what the values are used for. The tables themselves: [`tables`].

pub mod document;
pub mod tables;

/// What a value looks like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// A text; the words say what it must hold.
    Text(&'static str),
    /// One of a few texts.
    Choice(&'static [&'static str]),
    /// True or false.
    Flag,
    /// A whole number within bounds, both included.
    Whole {
        /// Least.
        min: u64,
        /// Greatest.
        max: u64,
        /// What is counted, as in `milliseconds`; empty for a bare number.
        unit: &'static str,
    },
    /// A number of seconds within bounds, both included, fractions allowed to the millisecond.
    Seconds {
        /// Least.
        min: f64,
        /// Greatest.
        max: f64,
    },
    /// A list of texts; the words say what each must hold.
    Texts(&'static str),
    /// One text or a list of them.
    TextOrTexts(&'static str),
    /// One text or a table of them.
    TextOrTable(&'static str),
    /// A table whose keys the operator chooses; the words say what they and the values are.
    Open(&'static str),
    /// A table with known keys.
    Table(&'static Table),
    /// A list of tables with known keys.
    Tables(&'static Table),
}

impl Kind {
    /// What is allowed, as an error says it.
    pub fn allowed(&self) -> String {
        match self {
            Kind::Text(words) => (*words).to_owned(),
            Kind::Choice(choices) => {
                let quoted: Vec<String> = choices.iter().map(|c| format!("\"{c}\"")).collect();
                quoted.join(" or ")
            }
            Kind::Flag => "true or false".to_owned(),
            Kind::Whole { min, max, unit: "" } => format!("a whole number from {min} to {max}"),
            Kind::Whole { min, max, unit } => {
                format!("a whole number of {unit} from {min} to {max}")
            }
            Kind::Seconds { min, max } => format!("a number of seconds from {min} to {max}"),
            Kind::Texts(words) => format!("a list, each {words}"),
            Kind::TextOrTexts(words) => format!("{words}, or a list of them"),
            Kind::TextOrTable(words) | Kind::Open(words) => (*words).to_owned(),
            Kind::Table(table) => format!("a table with the keys of {}", table.header),
            Kind::Tables(table) => format!("a list of tables with the keys of {}", table.header),
        }
    }
}

/// What holds where a key is not written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fallback {
    /// It must be written.
    Required,
    /// Nothing; the meaning says what follows.
    Nothing,
    /// This text.
    Text(&'static str),
    /// This number.
    Number(f64),
    /// True or false.
    Flag(bool),
}

/// When a changed value begins to matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// As soon as the configuration was reloaded.
    Reload,
    /// When the application is started next.
    NextStart,
    /// When the process that reads it is restarted.
    Restart,
}

impl Effect {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Effect::Reload => "at reload",
            Effect::NextStart => "at the next start of the application",
            Effect::Restart => "at a restart of the process",
        }
    }
}

/// A key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What its value looks like.
    pub kind: Kind,
    /// What holds where it is not written.
    pub fallback: Fallback,
    /// When a change takes effect.
    pub effect: Effect,
    /// What it means, in a sentence or two.
    pub meaning: &'static str,
}

/// A table and its keys.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Table {
    /// As an operator writes it, for example `[[pair]]`.
    pub header: &'static str,
    /// What it describes.
    pub meaning: &'static str,
    /// Its keys, in groups that other tables may share.
    pub groups: &'static [&'static [Key]],
}

impl Table {
    /// Its keys.
    pub fn keys(&self) -> impl Iterator<Item = &'static Key> {
        self.groups.iter().copied().flatten()
    }

    /// The key of a name.
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys().find(|key| key.name == name)
    }
}
