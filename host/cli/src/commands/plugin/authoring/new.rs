//! `takeover plugin new`.

use std::path::Display;

use clap::ValueEnum;
use takeover::authoring::create::{Wanted, create};
use takeover::authoring::project::kind_from_word;

use super::{LanguageArg, New, failure};
use crate::exit::{Exit, Failure};
use crate::out::Out;

/// Makes a project and says what to do with it.
pub(crate) fn new(wanted: &New) -> Result<Exit, Failure> {
    let word = wanted.kind.to_possible_value().map(|value| value.get_name().to_owned());
    let kind = word.as_deref().and_then(kind_from_word);
    let Some(kind) = kind else {
        return Err(Failure::new(Exit::Usage, format!("kind {:?}: not known", wanted.kind)));
    };
    let name = &wanted.name;
    let wanted_of = Wanted { kind, name, language: wanted.language.into() };
    let folder = create(&wanted.dir, wanted_of).map_err(failure)?;
    let folder = folder.display();
    if wanted.language == LanguageArg::Script {
        return script(&folder, name);
    }
    Out::new().print(&format!(
        "{folder} is a plugin of kind {kind} now\n\n  \
         takeover plugin test {folder}     builds it and plays its cases\n  \
         takeover plugin check {folder}    what it is, what it wants, what it costs\n"
    ))?;
    Ok(Exit::Ok)
}

/// A text policy needs no build.
fn script(folder: &Display<'_>, name: &str) -> Result<Exit, Failure> {
    Out::new().print(&format!(
        "{folder} has the policy {name}.rhai now\n\n  \
         takeover plugin test {folder}     plays its cases\n  \
         takeover plugin check {folder}    what it is, what it wants, what it costs\n"
    ))?;
    Ok(Exit::Ok)
}
