//! Compares what a plugin asks for with what the operator answered.
//!
//! ```text
//!   file for another component or signer  -> not bound
//!   asks for more than is granted         -> pending approval
//!   otherwise                             -> granted
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::Grants;
use super::file::{Binding, GrantFile};
use super::permission::Permission;
use super::scope::Scope;
use crate::package::Manifest;
use crate::signature::PublicKey;

/// What comes out of the comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Approval {
    /// It may run, with these grants.
    Granted(Grants),
    /// It asks for more than is granted: it waits for the operator, and what ran before goes on.
    PendingApproval(Pending),
    /// The operator's answer was about something else.
    NotBound(NotBound),
}

/// A plugin asks for more than is granted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Pending {
    /// Which plugin.
    pub plugin: String,
    /// There is a file about it in `grants.d`.
    pub has_file: bool,
    /// What is missing, in the order of the permissions' words.
    pub missing: Vec<Missing>,
}

/// A permission that is asked for and not granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Which.
    pub permission: Permission,
    /// Why the plugin wants it, in its author's words.
    pub reason: String,
}

impl fmt::Display for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = |missing: &Missing| format!("{} ({})", missing.permission, missing.reason);
        let missing: Vec<String> = self.missing.iter().map(words).collect();
        let (missing, plugin) = (missing.join(" and "), &self.plugin);
        let how = if self.has_file { "does not grant it" } else { "does not exist" };
        write!(f, "pending approval: it asks for {missing}, and grants.d/{plugin}.toml {how}")
    }
}

/// The operator's answer was given for another component, or for another signer's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct NotBound {
    /// Which plugin.
    pub plugin: String,
    /// What the answer holds for.
    pub bound: Binding,
    /// SHA-256 of the component that is there.
    pub sha256: String,
    /// Who signed what is there.
    pub signer: Option<PublicKey>,
}

impl fmt::Display for NotBound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (plugin, bound) = (&self.plugin, &self.bound);
        write!(f, "pending approval: grants.d/{plugin}.toml holds for {bound}, and this one ")?;
        match (bound, self.signer) {
            (Binding::Digest(_), _) => write!(f, "has {}", self.sha256),
            (Binding::Signer(_), Some(signer)) => write!(f, "is signed by {signer}"),
            (Binding::Signer(_), None) => f.write_str("is not signed"),
        }
    }
}

/// Decides whether a plugin may run, and with which grants.
///
/// `sha256` is the digest of the component's bytes, already compared with the manifest; `signer`
/// is who [`verify`](crate::signature::verify) says signed the manifest; `file` is the operator's
/// answer, if there is one. Without one, what [`Permission::GRANTED_WHEN_ASKED`] lists is granted.
pub fn decide(
    manifest: &Manifest,
    sha256: &str,
    signer: Option<PublicKey>,
    file: Option<&GrantFile>,
) -> Approval {
    let bound = file.map(|file| &file.binding).filter(|bound| match bound {
        Binding::Digest(digest) => !digest.eq_ignore_ascii_case(sha256),
        Binding::Signer(key) => signer != Some(*key),
    });
    if let Some(bound) = bound {
        return Approval::NotBound(NotBound {
            plugin: manifest.name.clone(),
            bound: bound.clone(),
            sha256: sha256.to_owned(),
            signer,
        });
    }
    let granted = match file {
        Some(file) => file.granted.clone(),
        None => without_file(),
    };
    let missing = |(permission, reason): (&Permission, &String)| Missing {
        permission: *permission,
        reason: reason.clone(),
    };
    let missing: Vec<Missing> = manifest
        .permissions()
        .iter()
        .filter(|(permission, _)| !granted.contains_key(permission))
        .map(missing)
        .collect();
    if !missing.is_empty() {
        let (plugin, has_file) = (manifest.name.clone(), file.is_some());
        return Approval::PendingApproval(Pending { plugin, has_file, missing });
    }
    let asked = manifest.permissions().keys().copied().collect();
    let grants = Grants::new(&manifest.name, asked, granted);
    Approval::Granted(grants.only_primary(only_primary(file)))
}

/// What of that which a plugin asks for is granted, whoever it is bound to: for tools that try a
/// plugin out, where what is missing is denied call by call.
pub(crate) fn as_far_as_granted(manifest: &Manifest, file: Option<&GrantFile>) -> Grants {
    let granted = file.map_or_else(without_file, |file| file.granted.clone());
    let asked = manifest.permissions().keys().copied().collect();
    Grants::new(&manifest.name, asked, granted).only_primary(only_primary(file))
}

fn only_primary(file: Option<&GrantFile>) -> BTreeSet<Permission> {
    file.map(|file| file.only_primary.clone()).unwrap_or_default()
}

fn without_file() -> BTreeMap<Permission, Scope> {
    Permission::GRANTED_WHEN_ASKED.into_iter().map(|one| (one, Scope::Whole)).collect()
}
