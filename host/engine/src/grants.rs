//! What a component may do: asked for in its manifest, and granted. Everything else is denied with
//! a sentence that names what is missing.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use takeover_logic::link::Fault;

/// Something that a component may be allowed to do. The words of `wit/README.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Permission {
    /// The address of the order, on its interface.
    Addresses,
    /// Programs on a host.
    Command,
    /// UDP datagrams.
    Datagram,
    /// HTTP requests.
    Http,
    /// Mail.
    Mail,
    /// Start, stop and switch applications.
    Management,
    /// Durable state.
    Memory,
    /// Options of applications.
    SetOption,
    /// Virtual IPs, through their host agents.
    VipControl,
}

impl Permission {
    /// Every permission, in the order of their words.
    pub const ALL: [Permission; 9] = [
        Permission::Addresses,
        Permission::Command,
        Permission::Datagram,
        Permission::Http,
        Permission::Mail,
        Permission::Management,
        Permission::Memory,
        Permission::SetOption,
        Permission::VipControl,
    ];

    /// Those that take effect when a manifest asks for them. The others reach beyond what the
    /// configuration names, so they wait for an operator's grant.
    pub const GRANTED_WHEN_ASKED: [Permission; 3] =
        [Permission::Addresses, Permission::Management, Permission::VipControl];

    /// The interface of the contract that it opens.
    pub fn interface(self) -> &'static str {
        match self {
            Permission::Addresses => "addresses",
            Permission::Command => "command",
            Permission::Datagram => "datagram",
            Permission::Http => "http",
            Permission::Mail => "mail",
            Permission::Management | Permission::SetOption => "management",
            Permission::Memory => "memory",
            Permission::VipControl => "vip-control",
        }
    }

    /// The permission of this word.
    pub fn from_word(word: &str) -> Option<Permission> {
        Permission::ALL.into_iter().find(|permission| permission.word() == word)
    }

    /// Its word, as written in `plugin.toml`.
    pub fn word(self) -> &'static str {
        match self {
            Permission::SetOption => "set-option",
            other => other.interface(),
        }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What one plugin may do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    plugin: Arc<str>,
    /// What the manifest asks for, and why.
    asked: BTreeMap<Permission, String>,
}

impl Grants {
    /// The grants of a plugin whose manifest asks for these permissions, each with a reason.
    pub fn new(plugin: &str, asked: BTreeMap<Permission, String>) -> Self {
        Self { plugin: plugin.into(), asked }
    }

    /// Allows a call, or says what is missing.
    ///
    /// # Errors
    /// [`Fault::Denied`] that names the permission, the plugin and which of the two keys fails.
    pub fn check(&self, permission: Permission) -> Result<(), Fault> {
        let plugin = &self.plugin;
        if !self.asked.contains_key(&permission) {
            let text =
                format!("permission {permission} is not asked for in plugin.toml of {plugin}");
            return Err(Fault::Denied(text.into()));
        }
        if !Permission::GRANTED_WHEN_ASKED.contains(&permission) {
            let text =
                format!("permission {permission} of {plugin} is not granted by the operator");
            return Err(Fault::Denied(text.into()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
