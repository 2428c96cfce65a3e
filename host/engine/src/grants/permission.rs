//! The permissions: their words, what each reaches, and the keys that narrow or carry it in a file
//! of `grants.d`.

use std::fmt;

use serde::{Deserialize, Serialize};

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

    /// Those that take effect when a manifest asks for them and the operator wrote no file for the
    /// plugin: they reach nothing but what the configuration names (decision 0006). Where there is
    /// a file, it alone decides, about these too.
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

    /// Its word, as written in `plugin.toml` and in `grants.d`.
    pub fn word(self) -> &'static str {
        match self {
            Permission::SetOption => "set-option",
            other => other.interface(),
        }
    }

    /// What it reaches at most, for operators.
    pub fn reaches(self) -> &'static str {
        match self {
            Permission::Addresses => "the one address of the order, on its interface",
            Permission::Command => "the programs that the grant names, here or on one other host",
            Permission::Datagram => "the UDP destinations that the grant names",
            Permission::Http => "the HTTP destinations that the grant names",
            Permission::Mail => "the recipients that the grant names, through its relay",
            Permission::Management => {
                "every application and solution: read, start, stop, switchover"
            }
            Permission::Memory => "64 KiB of its own durable state on this host",
            Permission::SetOption => "options of applications",
            Permission::VipControl => "virtual IPs, through their host agents",
        }
    }

    /// The keys that its row in a file of `grants.d` may have beside `permission`.
    pub fn scope_keys(self) -> &'static [ScopeKey] {
        match self {
            Permission::Addresses | Permission::Memory => &[],
            Permission::Command => COMMAND_KEYS,
            Permission::Datagram => DATAGRAM_KEYS,
            Permission::Http => HTTP_KEYS,
            Permission::Mail => MAIL_KEYS,
            Permission::Management => MANAGEMENT_KEYS,
            Permission::SetOption => OPTION_KEYS,
            Permission::VipControl => VIP_KEYS,
        }
    }

    /// Whether it changes something outside, so that its row may say `when`.
    pub fn acts(self) -> bool {
        !matches!(self, Permission::Addresses | Permission::Memory)
    }

    /// Whether its row must carry a scope: without one there would be nothing that it reaches.
    pub fn needs_scope(self) -> bool {
        self.scope_keys().iter().any(|key| key.required && !key.name.contains('.'))
    }

    /// Whether a file may have several rows of it, for destinations or programs of different kinds.
    pub fn may_repeat(self) -> bool {
        matches!(self, Permission::Command | Permission::Http)
    }

    /// Those whose rows know this key.
    pub(super) fn with_key(name: &str) -> Vec<&'static str> {
        let knows = |permission: &Permission| {
            permission.scope_keys().iter().any(|key| key.name.split('.').next() == Some(name))
        };
        Permission::ALL.into_iter().filter(knows).map(Permission::word).collect()
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A key of a row in `grants.d`; a dot leads into a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScopeKey {
    /// As written.
    pub name: &'static str,
    /// It must be there, where its table is.
    pub required: bool,
    /// What it means.
    pub meaning: &'static str,
}

const fn required(name: &'static str, meaning: &'static str) -> ScopeKey {
    ScopeKey { name, required: true, meaning }
}

const fn optional(name: &'static str, meaning: &'static str) -> ScopeKey {
    ScopeKey { name, required: false, meaning }
}

/// The same for every permission that acts.
const WHEN: ScopeKey = optional(
    "when",
    "`primary`: only while the application that the call is for is primary, with the term that the \
     call began under; always, unless written",
);

const HTTP_KEYS: &[ScopeKey] = &[
    required(
        "destinations",
        "list of URLs; scheme, host and port must be the same, and the path must be that path or \
         lie below it",
    ),
    optional("ca", "absolute path of a PEM file with the authorities to trust instead"),
    WHEN,
];

const COMMAND_KEYS: &[ScopeKey] = &[
    required("programs", "list of `{ name, path }`: the component says the name, the path is run"),
    optional("remote", "table: run them on this host through SSH"),
    required("remote.host", "its address or name"),
    optional("remote.port", "its port, 22 unless written"),
    required("remote.user", "the user there"),
    required("remote.identity", "absolute path of the private key"),
    required("remote.host_key", "the only host key accepted, as in `ssh-ed25519 AAAA...`"),
    WHEN,
];

const MAIL_KEYS: &[ScopeKey] = &[
    required("from", "the sender's address"),
    required("recipients", "list of addresses, or `*@domain` for all of one domain"),
    required("relay", "table: where messages are handed over"),
    required("relay.host", "its address or name"),
    optional("relay.port", "25, 587 or 465 by its security, unless written"),
    optional("relay.security", "`none`, `starttls` or `tls`; `starttls` unless written"),
    optional("relay.user", "user name, with `password_file`; not with security `none`"),
    optional("relay.password_file", "absolute path of a file with the password"),
    WHEN,
];

const DATAGRAM_KEYS: &[ScopeKey] = &[required("destinations", "list of `host:port`"), WHEN];

const MANAGEMENT_KEYS: &[ScopeKey] = &[
    optional(
        "applications",
        "only these applications; solutions are then denied, because they hold others",
    ),
    WHEN,
];

const OPTION_KEYS: &[ScopeKey] =
    &[optional("applications", "only those of these applications"), WHEN];

const VIP_KEYS: &[ScopeKey] = &[optional("vips", "only these virtual IPs"), WHEN];
