//! What a component may do: offered by its world, asked for in its manifest, and granted by the
//! operator. Everything else is denied with a sentence that names what is missing.
//!
//! Reading order: `permission` (the words), `file` (the operator's answer, with `reader` and
//! `scope`), `decide` (asked against granted, when a plugin is loaded), this file (each call
//! against the scope, with `destination` and `address`).

mod address;
mod decide;
mod destination;
mod file;
#[cfg(test)]
mod page;
mod permission;
mod reader;
mod scope;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::{fmt, iter};

use takeover_logic::link::Fault;
use url::Url;

pub(crate) use decide::as_far_as_granted;
pub use decide::{Approval, Missing, NotBound, Pending, decide};
pub use file::{Binding, GrantError, GrantFile};
pub use permission::{Permission, ScopeKey};

use crate::convert::bounded;
use crate::limits::DENIED_LIST_MAX;
use scope::{MailScope, Program, Scope};

/// What one plugin may do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    plugin: Arc<str>,
    asked: BTreeSet<Permission>,
    granted: BTreeMap<Permission, Scope>,
    /// Granted only while the application of the call is primary.
    only_primary: BTreeSet<Permission>,
}

impl Grants {
    /// The grants of a plugin whose manifest asks for these permissions, and whose operator
    /// granted those.
    fn new(
        plugin: &str,
        asked: BTreeSet<Permission>,
        granted: BTreeMap<Permission, Scope>,
    ) -> Self {
        Self { plugin: plugin.into(), asked, granted, only_primary: BTreeSet::new() }
    }

    /// The same with these permissions granted to primaries only.
    fn only_primary(mut self, permissions: BTreeSet<Permission>) -> Self {
        self.only_primary = permissions;
        self
    }

    /// Whether calls of a permission go through only while the application that the call is for is
    /// primary.
    pub(crate) fn is_for_primary(&self, permission: Permission) -> bool {
        self.only_primary.contains(&permission)
    }

    /// The plugin's name.
    pub(crate) fn plugin(&self) -> Arc<str> {
        Arc::clone(&self.plugin)
    }

    /// Allows a call, or says what is missing.
    ///
    /// # Errors
    /// [`Fault::Denied`] that names the permission, the plugin and which of the two keys fails.
    pub fn check(&self, permission: Permission) -> Result<(), Fault> {
        self.scope(permission).map(|_| ())
    }

    fn scope(&self, permission: Permission) -> Result<&Scope, Fault> {
        let plugin = &self.plugin;
        if !self.asked.contains(&permission) {
            let text =
                format!("permission {permission} is not asked for in plugin.toml of {plugin}");
            return Err(Fault::Denied(text.into()));
        }
        self.granted.get(&permission).ok_or_else(|| {
            let text =
                format!("permission {permission} of {plugin} is not granted by the operator");
            Fault::Denied(text.into())
        })
    }

    /// The sentence about something that lies outside of what is granted.
    fn beyond(
        &self,
        permission: Permission,
        wanted: &str,
        granted: impl Iterator<Item = impl fmt::Display>,
    ) -> Fault {
        let all: Vec<String> = granted.map(|one| one.to_string()).collect();
        let mut shown = match &all[..] {
            [] => "nothing".to_owned(),
            all => all.get(..DENIED_LIST_MAX).unwrap_or(all).join(", "),
        };
        if all.len() > DENIED_LIST_MAX {
            shown = format!("{shown} and {} more", all.len() - DENIED_LIST_MAX);
        }
        let (plugin, wanted) = (&self.plugin, quoted(wanted));
        let text = format!(
            "permission {permission} of {plugin} is not granted for {wanted}; granted: {shown}"
        );
        Fault::Denied(text.into())
    }

    /// Allows a call about an application, or about a solution, which is none.
    pub(crate) fn application(&self, permission: Permission, name: Named<'_>) -> Result<(), Fault> {
        match (self.scope(permission)?, name) {
            (Scope::Names(names), Named::Application(name)) if names.contains(name) => Ok(()),
            (Scope::Names(names), Named::Application(name)) => {
                Err(self.beyond(permission, &format!("application {name}"), names.iter()))
            }
            (Scope::Names(names), Named::Solution(name)) => {
                Err(self.beyond(permission, &format!("solution {name}"), names.iter()))
            }
            _ => Ok(()),
        }
    }

    /// Allows a call about a virtual IP.
    pub(crate) fn vip(&self, name: &str) -> Result<(), Fault> {
        let permission = Permission::VipControl;
        match self.scope(permission)? {
            Scope::Names(names) if !names.contains(name) => {
                Err(self.beyond(permission, &format!("virtual IP {name}"), names.iter()))
            }
            _ => Ok(()),
        }
    }

    /// Allows a request to a URL. The answer is the URL as it is to be sent, and the authorities.
    pub(crate) fn url(&self, text: &str) -> Result<(Url, Option<&Path>), Fault> {
        let permission = Permission::Http;
        let scopes = match self.scope(permission)? {
            Scope::Http(scopes) => scopes.as_slice(),
            _ => &[],
        };
        let url = destination::target(text)
            .map_err(|why| Fault::Invalid(format!("url {}: {why}", quoted(text)).into()))?;
        match scopes.iter().find(|scope| scope.destination.covers(&url)) {
            Some(scope) => Ok((url, scope.ca.as_deref())),
            None => {
                let granted = scopes.iter().map(|scope| &scope.destination);
                Err(self.beyond(permission, url.as_str(), granted))
            }
        }
    }

    /// The program that a component means by a name.
    pub(crate) fn program(&self, name: &str) -> Result<&Program, Fault> {
        let permission = Permission::Command;
        let programs = match self.scope(permission)? {
            Scope::Command(programs) => programs.as_slice(),
            _ => &[],
        };
        let found = programs.iter().find(|program| program.name == name);
        found.ok_or_else(|| {
            let granted = programs.iter().map(|program| &program.name);
            self.beyond(permission, name, granted)
        })
    }

    /// Allows mail to these recipients. The answer has their addresses in the normal spelling.
    pub(crate) fn mail(&self, to: &[String]) -> Result<(&MailScope, Vec<String>), Fault> {
        let permission = Permission::Mail;
        let Scope::Mail(scope) = self.scope(permission)? else {
            return Err(self.beyond(permission, "anybody", iter::empty::<&str>()));
        };
        let mut recipients = Vec::new();
        for text in to {
            let address = address::mail_address(text).ok_or_else(|| {
                Fault::Invalid(format!("recipient {}: allowed is name@domain", quoted(text)).into())
            })?;
            if !scope.recipients.iter().any(|recipient| recipient.covers(&address)) {
                return Err(self.beyond(permission, &address, scope.recipients.iter()));
            }
            recipients.push(address);
        }
        Ok((scope, recipients))
    }

    /// Allows a datagram to `host:port`. The answer has it in the normal spelling.
    pub(crate) fn end_point(&self, text: &str) -> Result<String, Fault> {
        let permission = Permission::Datagram;
        let Scope::Datagram(ends) = self.scope(permission)? else {
            return Err(self.beyond(permission, text, iter::empty::<&str>()));
        };
        let end = address::end_point(text).ok_or_else(|| {
            let text = format!("destination {}: allowed is host:port", quoted(text));
            Fault::Invalid(text.into())
        })?;
        if ends.contains(&end) {
            return Ok(end);
        }
        Err(self.beyond(permission, &end, ends.iter()))
    }
}

/// What a call of `management` is about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Named<'a> {
    /// An application.
    Application(&'a str),
    /// A solution.
    Solution(&'a str),
}

/// What a component said, short enough for a sentence.
pub(crate) fn quoted(text: &str) -> String {
    const QUOTED_BYTES_MAX: usize = 200;
    bounded(text, QUOTED_BYTES_MAX)
}

#[cfg(test)]
mod tests;
