//! What an operator writes, read, checked as a whole and expanded to the guide's objects.
//!
//! Files are read by the shell; this module sees names and texts. Nothing of a configuration with
//! an error is used, and every error is reported at once. Start with [`model`]: the checked
//! configuration that every machine uses. Then [`keys`]: everything that can be written.
//!
//!     files -> reader -> objects, pair -> draft -> check -> model
//!                           (expands)

mod check;
mod draft;
pub mod error;
pub mod host_agent;
pub mod keys;
pub mod model;
mod objects;
mod pair;
mod print;
mod reader;
pub mod report;
pub mod shell;
pub mod subnet;
pub mod worst_case;

pub use self::error::{ConfigError, Notice, nearest};
pub use self::print::expand;

use self::draft::Draft;
use self::error::Place;
use self::keys::tables;
use self::model::Config;
use self::pair::Named;
use self::reader::{ObjectKind, Section, Sink, Source};
use self::shell::ControlShell;

/// A configuration without errors.
#[derive(Clone, Debug, PartialEq)]
pub struct Checked {
    /// What the machines use.
    pub config: Config,
    /// What only the control server's shell uses.
    pub shell: ControlShell,
    /// What the operator may not have meant.
    pub notices: Vec<Notice>,
}

/// Reads the files of one configuration, each a name and a text.
///
/// # Errors
///
/// Everything that is wrong, in the order of files and lines, at most
/// [`crate::limits::CONFIG_ERRORS_MAX`]; never empty.
pub fn read(files: &[(String, String)]) -> Result<Checked, Vec<ConfigError>> {
    let sink = Sink::default();
    let mut files: Vec<&(String, String)> = files.iter().collect();
    files.sort();
    let sources: Vec<Source<'_>> =
        files.iter().map(|(name, text)| Source::parse(name, text, &sink)).collect();
    let roots: Vec<Section<'_>> =
        sources.iter().map(|source| Section::root(source, &tables::ROOT, &sink)).collect();
    let mut draft = Draft::default();
    let shell = control(&roots, &mut draft, &sink);
    objects(&roots, &mut draft);
    let pairs = named(&roots, "pair", ObjectKind::Pair);
    let vips = named(&roots, "vip", ObjectKind::Vip);
    pair::read_all(&pairs, &vips, &mut draft);
    check::check(&mut draft, &sink);
    sink.check_references();
    let is_clean = sink.is_clean();
    let (errors, notices) = sink.finish();
    match (is_clean, draft.into_config(), shell) {
        (true, Some(config), Some(shell)) => Ok(Checked { config, shell, notices }),
        _ => Err(errors),
    }
}

/// Reads the one `[control]`; without any, its defaults.
fn control(roots: &[Section<'_>], draft: &mut Draft, sink: &Sink) -> Option<ControlShell> {
    let written: Vec<&Section<'_>> = roots.iter().filter(|root| root.has("control")).collect();
    if let [first, others @ ..] = written.as_slice() {
        let first: Place = first.key_place("control");
        for other in others {
            let found = format!("a second one, first at {}:{}", first.file, first.line);
            sink.error(&other.key_place("control"), found, "[control] once");
        }
    }
    let Some(root) = written.first().copied().or(roots.first()) else {
        let place = Place { file: "*.toml".into(), line: 1, object: "".into(), key: "".into() };
        sink.error(&place, "no file", "at least one");
        return None;
    };
    let section = root.table_or_empty("control", &tables::CONTROL);
    draft.control = objects::control(&section);
    shell::read(&section)
}

/// Reads every object that does not depend on others.
fn objects(roots: &[Section<'_>], draft: &mut Draft) {
    let all = |key: &'static str| roots.iter().flat_map(move |root| root.tables(key));
    for host in all("host").filter_map(|section| objects::host(&section)) {
        draft.hosts.entry(host.value.name.clone()).or_insert(host);
    }
    for application in all("application").filter_map(|section| objects::application(&section)) {
        draft.applications.entry(application.value.name.clone()).or_insert(application);
    }
    for reaction in all("reaction").filter_map(|section| objects::reaction(&section)) {
        draft.reactions.entry(reaction.value.name.clone()).or_insert(reaction);
    }
    for condition in all("condition").filter_map(|section| objects::condition(&section)) {
        draft.conditions.entry(condition.value.name.clone()).or_insert(condition);
    }
    for solution in all("solution").filter_map(|section| objects::solution(&section)) {
        draft.solutions.entry(solution.name.clone()).or_insert(solution);
    }
}

/// Declares pairs or virtual IPs, so that expansion knows every name the operator took.
fn named<'a>(roots: &[Section<'a>], key: &str, kind: ObjectKind) -> Vec<Named<'a>> {
    let sections = roots.iter().flat_map(|root| root.tables(key));
    sections.filter_map(|section| Named::new(section, kind)).collect()
}

#[cfg(test)]
mod tests;
