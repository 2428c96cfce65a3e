//! How far each granted permission reaches, read from the rows of a file of `grants.d`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::address::{self, Recipient};
use super::destination::Destination;
use super::permission::Permission;
use super::reader::Reader;
use crate::host::outside::{Relay, RelaySecurity, Remote};

/// How far one granted permission reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// As far as the permission does.
    Whole,
    /// To these applications, or these virtual IPs.
    Names(BTreeSet<String>),
    /// To these URLs; the first that fits counts.
    Http(Vec<HttpScope>),
    /// To these programs; their names are unique.
    Command(Vec<Program>),
    /// To these recipients.
    Mail(MailScope),
    /// To these ends.
    Datagram(BTreeSet<String>),
}

/// An HTTP destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HttpScope {
    pub(super) destination: Destination,
    pub(super) ca: Option<PathBuf>,
}

/// A program that a component may run by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Program {
    pub(super) name: String,
    pub(crate) path: PathBuf,
    pub(crate) remote: Option<Remote>,
}

/// Mail through one relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MailScope {
    pub(crate) relay: Relay,
    pub(crate) from: String,
    pub(super) recipients: Vec<Recipient>,
}

impl Scope {
    /// Reads the keys of a row. None: something was wrong, and the reader knows it.
    pub(super) fn read(permission: Permission, row: &mut Reader<'_>) -> Option<Self> {
        match permission {
            Permission::Addresses | Permission::Memory => Some(Scope::Whole),
            Permission::Management | Permission::SetOption => Some(names(row, "applications")),
            Permission::VipControl => Some(names(row, "vips")),
            Permission::Http => {
                let ca = absolute(row, "ca");
                let of = |text: &str| {
                    Destination::parse(text)
                        .map(|destination| HttpScope { destination, ca: ca.clone() })
                };
                Some(Scope::Http(row.required_list("destinations", of)))
            }
            Permission::Command => Some(Scope::Command(programs(row))),
            Permission::Mail => mail(row).map(Scope::Mail),
            Permission::Datagram => {
                let of =
                    |text: &str| address::end_point(text).ok_or("allowed is host:port".to_owned());
                Some(Scope::Datagram(row.required_list("destinations", of).into_iter().collect()))
            }
        }
    }

    /// Adds what another row of the same permission says. False: there may be only one.
    pub(super) fn merge(&mut self, other: Scope) -> bool {
        match (self, other) {
            (Scope::Http(own), Scope::Http(other)) => own.extend(other),
            (Scope::Command(own), Scope::Command(other)) => own.extend(other),
            _ => return false,
        }
        true
    }

    /// The name of a program that two entries have.
    pub(super) fn doubled_program(&self) -> Option<&str> {
        let Scope::Command(programs) = self else { return None };
        let mut seen = BTreeSet::new();
        programs.iter().map(|program| program.name.as_str()).find(|name| !seen.insert(*name))
    }
}

fn names(row: &mut Reader<'_>, key: &'static str) -> Scope {
    row.texts(key).map_or(Scope::Whole, |names| Scope::Names(names.into_iter().collect()))
}

/// Where a path leads must not depend on the folder that the program was started in.
fn absolute_path(text: &str) -> Option<PathBuf> {
    let good = Path::new(text).is_absolute() && !text.contains(char::is_control);
    good.then(|| PathBuf::from(text))
}

const ABSOLUTE: &str = "an absolute path";

fn absolute(row: &mut Reader<'_>, key: &'static str) -> Option<PathBuf> {
    let text = row.text(key)?;
    let path = absolute_path(&text);
    if path.is_none() {
        row.report(&format!("{key} is {text:?}, allowed is {ABSOLUTE}"));
    }
    path
}

fn programs(row: &mut Reader<'_>) -> Vec<Program> {
    let tables = row.required_tables("programs");
    let remote = row.nested("remote").and_then(remote);
    let mut programs = Vec::new();
    for (index, table) in tables.into_iter().enumerate() {
        let mut part = row.part(&format!("program {}", index + 1), table);
        let name = part.required_text("name");
        let path = part.required("path", ABSOLUTE, absolute_path);
        part.end();
        if let (Some(name), Some(path)) = (name, path) {
            programs.push(Program { name, path, remote: remote.clone() });
        }
    }
    programs
}

/// A word that no program can take for an option or for two words.
fn plain_word(text: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    (!text.starts_with('-') && text.chars().all(plain)).then(|| text.to_owned())
}

fn host_key(text: &str) -> Option<String> {
    let words: Vec<&str> = text.split(' ').collect();
    let [kind, key] = words[..] else { return None };
    let known = kind.starts_with("ssh-") || kind.starts_with("ecdsa-");
    let base64 = |c: char| c.is_ascii_alphanumeric() || "+/=".contains(c);
    (known && plain_word(kind).is_some() && key.len() > 16 && key.chars().all(base64))
        .then(|| text.to_owned())
}

const HOST: &str = "an address or a name of a host";

fn remote(mut table: Reader<'_>) -> Option<Remote> {
    let host = table.required("host", HOST, address::host);
    let port = table.port("port").unwrap_or(22);
    let user = table.required("user", "letters, digits, dots and hyphens", plain_word);
    let identity = table.required("identity", ABSOLUTE, absolute_path);
    let host_key = table.required("host_key", "a key as in ssh-ed25519 AAAA...", host_key);
    table.end();
    Some(Remote { host: host?, port, user: user?, identity: identity?, host_key: host_key? })
}

fn mail(row: &mut Reader<'_>) -> Option<MailScope> {
    let from = row.required("from", "a mail address", address::mail_address);
    let recipients = row.required_list("recipients", |text| {
        Recipient::parse(text).ok_or("allowed is name@domain or *@domain".to_owned())
    });
    if !row.has("relay") {
        row.report("the table relay is missing");
    }
    let relay = row.nested("relay").and_then(relay);
    Some(MailScope { relay: relay?, from: from?, recipients })
}

fn relay(mut table: Reader<'_>) -> Option<Relay> {
    let host = table.required("host", HOST, address::host);
    let port = table.port("port");
    let (security, usual_port) = match table.text("security").as_deref() {
        None | Some("starttls") => (RelaySecurity::StartTls, 587),
        Some("tls") => (RelaySecurity::Tls, 465),
        Some("none") => (RelaySecurity::None, 25),
        Some(other) => {
            let text = format!("security is {other:?}, allowed is none or starttls or tls");
            table.report(&text);
            (RelaySecurity::StartTls, 587)
        }
    };
    let credentials = match (table.text("user"), absolute(&mut table, "password_file")) {
        (Some(user), Some(file)) => Some((user, file)),
        (None, None) => None,
        _ => {
            table.report("user and password_file belong together");
            None
        }
    };
    if credentials.is_some() && security == RelaySecurity::None {
        table.report("a password does not go over a connection with security none");
    }
    table.end();
    Some(Relay { host: host?, port: port.unwrap_or(usual_port), security, credentials })
}
