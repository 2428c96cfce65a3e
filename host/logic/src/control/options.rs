//! Options of applications that were set while the system runs: an override of what the
//! configuration declares, kept over restarts until it is unset or no longer fits.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::catalog;
use crate::config::model::{Program, Runs};
use crate::control::Control;
use crate::control::io::{ApplicationDetail, OptionView};
use crate::control::operations::unknown;
use crate::ids::ApplicationName;
use crate::limits::OPTIONS_BYTES_MAX;
use crate::link::Fault;
use crate::options::{self, OptionValue, Options};
use crate::time::Timestamp;

/// An option that was set, by whom and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    /// What it is now.
    pub value: OptionValue,
    /// As in `operator anna` or `reaction tune`.
    pub by: Arc<str>,
    /// When.
    pub at: Timestamp,
}

/// Overrides by application, section and name. Only declared options have one, so there are as few
/// of them.
pub type Overrides = BTreeMap<ApplicationName, BTreeMap<Arc<str>, BTreeMap<Arc<str>, Override>>>;

impl Control {
    /// The options of a program as they are to be now.
    pub(super) fn options_of(&self, name: &ApplicationName, program: &Program) -> Options {
        let mut options = program.options.clone();
        for (section, set) in self.overrides.get(name).into_iter().flatten() {
            let values = set.iter().map(|(key, set)| (Arc::clone(key), set.value.clone()));
            options.entry(Arc::clone(section)).or_default().extend(values);
        }
        options
    }

    /// Sets an option that the configuration declares, for as long as nobody unsets it. `name` is
    /// `SECTION/NAME`, or a name that only one section has.
    pub(super) fn set_option(
        &mut self,
        application: &ApplicationName,
        name: &str,
        text: &str,
        by: &Arc<str>,
    ) -> Result<(), Fault> {
        let program = self.program_of(application)?;
        let (section, key) = find(application, &program.options, name)?;
        let present = self.options_of(application, &program);
        let declared = value_in(&program.options, &section, &key);
        let before = value_in(&present, &section, &key);
        let (Some(declared), Some(before)) = (declared, before) else { return Ok(()) };
        let value = declared.read_alike(text).ok_or_else(|| {
            let (found, allowed) = (shortened(text), declared.allowed());
            let text = format!(
                "option {section}/{key} of {application}: found {found:?}, allowed: {allowed}"
            );
            Fault::Invalid(text.into())
        })?;
        let set = self.override_of(application, &section, &key);
        if set.is_some_and(|set| set.value == value) {
            return Ok(());
        }
        let size = serde_json::to_string(&present).map_or(0, |text| text.len());
        if size.saturating_add(value.to_string().len()) > OPTIONS_BYTES_MAX {
            let text =
                format!("options of {application}: at most {OPTIONS_BYTES_MAX} bytes together");
            return Err(Fault::Invalid(text.into()));
        }
        let about = self.about(application);
        let option = format!("{section}/{key}");
        self.record(catalog::option_set(&about, &option, application, &value, &before, by));
        let set = Override { value, by: Arc::clone(by), at: self.now.at };
        let of_application = self.overrides.entry(application.clone()).or_default();
        of_application.entry(section).or_default().insert(key, set);
        self.configure_hosts();
        Ok(())
    }

    /// Gives an option back the value of the configuration.
    pub(super) fn unset_option(
        &mut self,
        application: &ApplicationName,
        name: &str,
        by: &Arc<str>,
    ) -> Result<(), Fault> {
        let program = self.program_of(application)?;
        let (section, key) = find(application, &program.options, name)?;
        if self.override_of(application, &section, &key).is_none() {
            return Ok(());
        }
        self.remove_override(application, &section, &key);
        let value = value_in(&program.options, &section, &key);
        let value = value.map_or(String::new(), |value| value.to_string());
        let about = self.about(application);
        let option = format!("{section}/{key}");
        self.record(catalog::option_unset(&about, &option, application, &value, by));
        self.configure_hosts();
        Ok(())
    }

    /// Forgets what no longer fits the configuration, and says so.
    pub(super) fn forget_options(&mut self) {
        let config = self.config.clone();
        let mut gone = Vec::new();
        for (name, sections) in &self.overrides {
            let program = match config.applications.get(name).map(|it| &it.runs) {
                Some(Runs::Program(program)) => Some(program),
                _ => None,
            };
            for (section, keys) in sections {
                for (key, set) in keys {
                    let declared = program.and_then(|it| it.options.get(section)?.get(key));
                    if !declared.is_some_and(|declared| declared.is_like(&set.value)) {
                        gone.push((name.clone(), Arc::clone(section), Arc::clone(key)));
                    }
                }
            }
        }
        for (name, section, key) in gone {
            self.remove_override(&name, &section, &key);
            let about = self.about(&name);
            let option = format!("{section}/{key}");
            self.record(catalog::option_forgotten(&about, &option, &name));
        }
    }

    /// Everything that operators see of one application.
    pub fn application(&self, name: &ApplicationName) -> Option<ApplicationDetail> {
        let application = self.application_view(name)?;
        let declared = match self.config.applications.get(name).map(|it| &it.runs) {
            Some(Runs::Program(program)) => Some(&program.options),
            _ => None,
        };
        let mut options = Vec::new();
        for (section, keys) in declared.into_iter().flatten() {
            for (key, configured) in keys {
                let set = self.override_of(name, section, key);
                options.push(OptionView {
                    section: Arc::clone(section),
                    name: Arc::clone(key),
                    value: set.map_or(configured, |set| &set.value).clone(),
                    configured: configured.clone(),
                    set_by: set.map(|set| Arc::clone(&set.by)),
                    set_at: set.map(|set| set.at),
                });
            }
        }
        Some(ApplicationDetail { application, options })
    }

    fn program_of(&self, name: &ApplicationName) -> Result<Program, Fault> {
        let missing = || Fault::NotFound(unknown(name).into());
        let application = self.config.applications.get(name).ok_or_else(missing)?;
        match &application.runs {
            Runs::Program(program) => Ok(program.clone()),
            Runs::Vip { .. } => {
                let text =
                    format!("application {name} is a control application: it has no options");
                Err(Fault::Invalid(text.into()))
            }
        }
    }

    fn override_of(&self, name: &ApplicationName, section: &str, key: &str) -> Option<&Override> {
        self.overrides.get(name)?.get(section)?.get(key)
    }

    fn remove_override(&mut self, name: &ApplicationName, section: &str, key: &str) {
        let Some(sections) = self.overrides.get_mut(name) else { return };
        if let Some(keys) = sections.get_mut(section) {
            keys.remove(key);
        }
        sections.retain(|_, keys| !keys.is_empty());
        self.overrides.retain(|_, sections| !sections.is_empty());
    }
}

fn find(
    application: &ApplicationName,
    declared: &Options,
    name: &str,
) -> Result<(Arc<str>, Arc<str>), Fault> {
    options::find(declared, &shortened(name))
        .map_err(|error| Fault::Invalid(format!("application {application}: {error}").into()))
}

fn value_in(options: &Options, section: &str, key: &str) -> Option<OptionValue> {
    options.get(section)?.get(key).cloned()
}

/// What somebody wrote, short enough for a sentence.
fn shortened(text: &str) -> String {
    text.chars().take(200).collect()
}
