//! What is configured for a node: DNs, their options, the application's options.
//!
//! Read once from one file, changed one option at a time while the node runs. Must not know what
//! is going on: who is registered, in service or logged in is [`crate::location`]'s,
//! [`crate::devices`]' and [`crate::agents`]'. Reading order: [`model`] (what there is), [`keys`]
//! (how it is written), `check` (what goes together), `reader` (one file).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use takeover_logic::config::error::{ConfigError, Notice};

mod check;
pub mod keys;
pub mod model;
mod reader;
mod value;

#[cfg(test)]
mod tests;

use check::{Object, Report};
use keys::{Effect, Key};
pub use model::{
    AddpTrace, Application, BackupSync, Dn, DnType, DrForward, Nlb, Passwords, PhoneProfile,
    Registrar,
};
use reader::{Reader, nearest, quoted};

/// Everything that is configured for a node.
#[derive(Clone, Debug, PartialEq)]
pub struct Directory {
    application: Application,
    dns: Vec<Dn>,
    /// Position in `dns` by number.
    numbers: HashMap<Arc<str>, usize>,
    /// Trunks by their prefix, each list in the order in which they are tried.
    prefixes: HashMap<Arc<str>, Vec<usize>>,
    /// Lengths of prefixes, longest first.
    prefix_lengths: Vec<usize>,
    /// Position of the trunk to the peer site.
    peer_trunk: Option<usize>,
}

/// Where a number leads.
#[derive(Clone, Debug, PartialEq)]
pub enum Destination<'a> {
    /// This DN has it.
    Dn(&'a Dn),
    /// No DN has it; these trunks have its longest known prefix, first to last in the order in
    /// which they are to be tried. Never empty.
    Trunks(Vec<&'a Dn>),
    /// Nowhere.
    Unknown,
}

/// A directory without errors.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// What the node uses.
    pub directory: Directory,
    /// What the operator may not have meant.
    pub notices: Vec<Notice>,
}

/// Reads a file, whose name is used in errors only.
///
/// # Errors
/// Everything that is wrong, in the order of lines, at most
/// [`DIRECTORY_ERRORS_MAX`](crate::limits::DIRECTORY_ERRORS_MAX); never empty.
pub fn read(file: &str, text: &str) -> Result<Loaded, Vec<ConfigError>> {
    let (mut reader, application, dns) = Reader::read(file, text);
    let directory = Directory::new(application, dns);
    if reader.is_clean() {
        let mut report = Report::default();
        check::application(&directory, &mut report);
        directory.dns().for_each(|dn| check::dn(&directory, dn, &mut report));
        reader.take(report.findings, report.remarks);
    }
    let is_clean = reader.is_clean();
    let (errors, notices) = reader.finish();
    match is_clean {
        true => Ok(Loaded { directory, notices }),
        false => Err(errors),
    }
}

impl Directory {
    /// Puts options together without checking them; [`read`] does. Of two DNs with the same number
    /// the later one counts.
    pub fn new(application: Application, dns: Vec<Dn>) -> Directory {
        let number = |(at, dn): (usize, &Dn)| (Arc::clone(&dn.number), at);
        let numbers = dns.iter().enumerate().map(number).collect();
        let mut directory = Directory {
            application,
            dns,
            numbers,
            prefixes: HashMap::new(),
            prefix_lengths: Vec::new(),
            peer_trunk: None,
        };
        directory.index_trunks();
        directory
    }

    fn index_trunks(&mut self) {
        self.prefixes.clear();
        for (at, dn) in self.dns.iter().enumerate() {
            if let (DnType::Trunk, Some(prefix)) = (dn.kind, &dn.prefix) {
                self.prefixes.entry(Arc::clone(prefix)).or_default().push(at);
            }
        }
        let dns = &self.dns;
        for trunks in self.prefixes.values_mut() {
            trunks.sort_by_key(|at| dns.get(*at).map(|dn| (dn.priority, Arc::clone(&dn.number))));
        }
        self.prefix_lengths = self.prefixes.keys().map(|prefix| prefix.len()).collect();
        self.prefix_lengths.sort_unstable_by(|a, b| b.cmp(a));
        self.prefix_lengths.dedup();
        self.find_peer_trunk();
    }

    fn find_peer_trunk(&mut self) {
        let named = self.application.dr_peer_trunk.as_ref();
        let at = named.and_then(|name| self.numbers.get(name)).copied();
        let is_trunk = |at: &usize| self.dns.get(*at).is_some_and(|dn| dn.kind == DnType::Trunk);
        self.peer_trunk = at.filter(is_trunk);
    }

    /// The application's options.
    pub fn application(&self) -> &Application {
        &self.application
    }

    /// The realm of challenges.
    pub fn realm(&self) -> &Arc<str> {
        self.application.registrar.realm.as_ref().unwrap_or(&self.application.switch)
    }

    /// The DN of a number or name, of whatever type.
    pub fn dn(&self, number: &str) -> Option<&Dn> {
        self.numbers.get(number).and_then(|at| self.dns.get(*at))
    }

    /// All DNs, in the order of the file.
    pub fn dns(&self) -> impl Iterator<Item = &Dn> {
        self.dns.iter()
    }

    /// Where a number leads: to the DN that has it, else through the trunks with its longest known
    /// prefix. Trunks and services can not be called by their names.
    pub fn destination<'a>(&'a self, number: &str) -> Destination<'a> {
        if let Some(dn) = self.dn(number).filter(|dn| dn.kind.is_dialable()) {
            return Destination::Dn(dn);
        }
        let longest = self
            .prefix_lengths
            .iter()
            .find_map(|length| number.get(..*length).and_then(|prefix| self.prefixes.get(prefix)));
        match longest {
            Some(trunks) => {
                Destination::Trunks(trunks.iter().filter_map(|at| self.dns.get(*at)).collect())
            }
            None => Destination::Unknown,
        }
    }

    /// The softswitch behind which DNs are that neither register nor have a contact; the first,
    /// where there are several.
    pub fn softswitch(&self) -> Option<&Dn> {
        self.dns.iter().find(|dn| dn.is_softswitch)
    }

    /// The trunk to the peer site, where business continuity is configured.
    pub fn peer_trunk(&self) -> Option<&Dn> {
        self.dns.get(self.peer_trunk?)
    }

    /// How calls for a DN are forwarded: its own option before the application's.
    pub fn dr_forward(&self, dn: &Dn) -> DrForward {
        dn.dr_forward.unwrap_or(self.application.dr_forward)
    }

    /// How long a call waits on a routing point, and where it goes then.
    pub fn default_routing<'a>(&'a self, dn: &'a Dn) -> (Duration, Option<&'a Arc<str>>) {
        let timeout = dn.router_timeout.unwrap_or(self.application.router_timeout);
        (timeout, dn.default_dn.as_ref().or(self.application.default_dn.as_ref()))
    }

    /// Silence after which `sip-pass-check` reports that nothing arrives; none: the option is off
    /// or no DN is a service.
    pub fn traffic_timeout(&self) -> Option<Duration> {
        match self.application.sip_pass_check {
            true => check::traffic_timeout(self.dns()),
            false => None,
        }
    }

    /// Changes one option while the node runs: of a DN, or of the application where `dn` is none.
    /// Nothing is changed where it is refused.
    ///
    /// # Errors
    /// The option is not known, the value is not allowed, it does not go with the others, or it can
    /// not be changed without a restart.
    pub fn set(&mut self, dn: Option<&str>, name: &str, value: &str) -> Result<Effect, SetError> {
        match dn {
            Some(number) => self.set_of_dn(number, name, value),
            None => self.set_of_application(name, value),
        }
    }

    fn set_of_application(&mut self, name: &str, value: &str) -> Result<Effect, SetError> {
        let keys = keys::APPLICATION.iter().flat_map(|(_, keys)| keys.iter());
        let known = || keys::APPLICATION.iter().flat_map(|(_, keys)| keys::names(keys)).collect();
        let key = find(keys, name, known)?;
        let before = self.application.clone();
        write(key, &mut self.application, value)?;
        self.find_peer_trunk();
        let mut report = Report::default();
        check::application(self, &mut report);
        if let Err(error) = refused(report, &Object::Application) {
            self.application = before;
            self.find_peer_trunk();
            return Err(error);
        }
        Ok(key.effect)
    }

    fn set_of_dn(&mut self, number: &str, name: &str, value: &str) -> Result<Effect, SetError> {
        let at = *self.numbers.get(number).ok_or_else(|| SetError::NoDn(number.into()))?;
        let known = || keys::names(keys::DN);
        let key = find(keys::DN.iter(), name, known)?;
        let Some(dn) = self.dns.get_mut(at) else { return Err(SetError::NoDn(number.into())) };
        if !keys::belongs_to(name, dn.kind) {
            let text = format!("a DN of type {} does not have it", dn.kind);
            return Err(SetError::Refused { name: name.into(), text });
        }
        let before = dn.clone();
        write(key, dn, value)?;
        let changed = dn.clone();
        self.index_trunks();
        let mut report = Report::default();
        check::application(self, &mut report);
        check::dn(self, &changed, &mut report);
        if let Err(error) = refused(report, &Object::Dn(Arc::clone(&before.number))) {
            if let Some(dn) = self.dns.get_mut(at) {
                *dn = before;
            }
            self.index_trunks();
            return Err(error);
        }
        Ok(key.effect)
    }

    /// What must be equal on both nodes of a pair and is not (guide, *Configuring the backup SIP
    /// Server*): option, this node's value, the other's.
    pub fn differences(&self, other: &Directory) -> Vec<(&'static str, String, String)> {
        let (a, b) = (&self.application, &other.application);
        let protocol = |of: &Application| if of.backup_sync.is_addp { "addp" } else { "default" };
        let address = |of: &Application| of.sip_address.as_deref().unwrap_or("NULL").to_owned();
        [
            ("switch", a.switch.to_string(), b.switch.to_string()),
            ("sip-port", a.sip_port.to_string(), b.sip_port.to_string()),
            ("sip-address", address(a), address(b)),
            ("protocol", protocol(a).to_owned(), protocol(b).to_owned()),
            ("realm", self.realm().to_string(), other.realm().to_string()),
            ("dn", self.dns.len().to_string(), other.dns.len().to_string()),
        ]
        .into_iter()
        .filter(|(_, ours, theirs)| ours != theirs)
        .collect()
    }
}

/// Why an option was not changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SetError {
    /// There is no such DN.
    #[error("option of dn {0:?}: there is no such dn")]
    NoDn(Arc<str>),
    /// There is no such option.
    #[error("option {name}: not known{}", nearest_part(.nearest))]
    NoOption {
        /// Its name.
        name: Arc<str>,
        /// The known name that is spelled most like it.
        nearest: Option<String>,
    },
    /// The value is not allowed.
    #[error("option {name}: found {found}, allowed: {allowed}")]
    NotAllowed {
        /// Its name.
        name: Arc<str>,
        /// The value, unless it is secret.
        found: String,
        /// What may be there.
        allowed: &'static str,
    },
    /// It can only be changed by a restart.
    #[error("option {0}: takes effect at a restart, so it can not be changed while the node runs")]
    Restart(Arc<str>),
    /// It does not go with other options.
    #[error("option {name}: {text}")]
    Refused {
        /// Its name.
        name: Arc<str>,
        /// Why.
        text: String,
    },
}

/// The last part of that error's text.
fn nearest_part(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|name| format!("; nearest: {name}")).unwrap_or_default()
}

fn find<'k, T: 'k>(
    mut keys: impl Iterator<Item = &'k Key<T>>,
    name: &str,
    known: impl FnOnce() -> Vec<&'static str>,
) -> Result<&'k Key<T>, SetError> {
    keys.find(|key| key.name == name).ok_or_else(|| {
        let nearest = nearest(name, &known());
        SetError::NoOption { name: name.into(), nearest }
    })
}

fn write<T>(key: &Key<T>, target: &mut T, value: &str) -> Result<(), SetError> {
    if key.effect == Effect::Restart {
        return Err(SetError::Restart(key.name.into()));
    }
    if (key.put)(target, value) {
        return Ok(());
    }
    let found = match key.is_secret() {
        true => "a value that is not shown".to_owned(),
        false => quoted(value),
    };
    Err(SetError::NotAllowed { name: key.name.into(), found, allowed: key.allowed })
}

/// The first finding of a change; those about the changed object first.
fn refused(report: Report, object: &Object) -> Result<(), SetError> {
    let mut findings = report.findings;
    findings.sort_by_key(|finding| finding.object != *object);
    match findings.into_iter().next() {
        Some(finding) => Err(SetError::Refused {
            name: finding.key.into(),
            text: format!("found {}, allowed: {}", finding.found, finding.allowed),
        }),
        None => Ok(()),
    }
}
