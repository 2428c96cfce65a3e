//! The settings of `[control]` that only the control server's shell uses: addresses, files, and
//! who may use the API. The deciding machines never see them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::reader::Section;

/// Where the control server listens, what files it uses, and whom it answers.
///
/// Relative paths are meant from the configuration folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ControlShell {
    /// Where host agents and operators connect by TLS. Default 0.0.0.0:7600.
    pub listen: SocketAddr,
    /// Where the page and the API are served without TLS; always a loopback address.
    pub page: Option<SocketAddr>,
    /// Certificate, key and authority; without them there is no TLS port, and only a host agent
    /// in the same process can link up.
    pub tls: Option<TlsFiles>,
    /// The journal. Default `state/journal.sqlite`.
    pub journal: Arc<str>,
    /// Folder of the plugins. Default `plugins.d`.
    pub plugins: Arc<str>,
    /// Folder of the operator's grants; none: `grants.d` beside the folder of the plugins.
    pub grants: Option<Arc<str>>,
    /// Calls of plugins that take longer are log events. 1 ms to 600 s, default 1 s.
    pub slow_call: Duration,
    /// Folder of the text policies; it need not exist. Default `policies.d`.
    pub policies: Arc<str>,
    /// Who may use the API.
    pub tokens: Vec<Token>,
}

/// PEM files of one end of a link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TlsFiles {
    /// Its certificate.
    pub certificate: Arc<str>,
    /// The private key of the certificate.
    pub key: Arc<str>,
    /// The authority that signed the other end's certificate.
    pub ca: Arc<str>,
}

/// What the holder of a token may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// See everything.
    Viewer,
    /// Also act.
    Operator,
}

/// A bearer token, known by its digest only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Token {
    /// Whose.
    pub name: Arc<str>,
    /// What they may do.
    pub role: Role,
    /// SHA-256 of the token in lower-case hexadecimal, 64 digits.
    pub sha256: Arc<str>,
}

/// Reads the shell's part of `[control]`.
pub(super) fn read(section: &Section<'_>) -> Option<ControlShell> {
    let listen = section.parsed("listen", |text| text.parse().ok());
    let page = section.parsed("page", |text| {
        text.parse().ok().filter(|page: &SocketAddr| page.ip().is_loopback())
    });
    let tls = tls_files(section);
    let journal = section.text("journal");
    let plugins = section.text("plugins");
    let grants = section.text("grants");
    let slow_call = section.milliseconds("slow_call_ms");
    let policies = section.text("policies");
    let sections = section.tables("tokens");
    let tokens: Vec<Option<Token>> = sections.iter().map(token).collect();
    check_unique(sections.iter().zip(&tokens));
    Some(ControlShell {
        listen: listen?.value,
        page: page.map(|page| page.value),
        tls,
        journal: journal?.value,
        plugins: plugins?.value,
        grants: grants.map(|grants| grants.value),
        slow_call: slow_call?,
        policies: policies?.value,
        tokens: tokens.into_iter().collect::<Option<_>>()?,
    })
}

/// All three files or none.
fn tls_files(section: &Section<'_>) -> Option<TlsFiles> {
    const KEYS: [&str; 3] = ["certificate", "key", "ca"];
    let files = KEYS.map(|key| section.text(key));
    if files.iter().any(Option::is_some) {
        for key in KEYS.into_iter().filter(|key| !section.has(key)) {
            section.missing(key);
        }
    }
    let [certificate, key, ca] = files;
    Some(TlsFiles { certificate: certificate?.value, key: key?.value, ca: ca?.value })
}

fn token(section: &Section<'_>) -> Option<Token> {
    let name = section.name("name");
    let role = section.text("role");
    let sha256 = section.secret("sha256", |text| {
        text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    });
    let role = match &*role?.value {
        "operator" => Role::Operator,
        _ => Role::Viewer,
    };
    Some(Token { name: name?.value, role, sha256: sha256? })
}

/// Two tokens alike would make the audit trail name the wrong person.
fn check_unique<'a>(tokens: impl Iterator<Item = (&'a Section<'a>, &'a Option<Token>)>) {
    let (mut names, mut digests) = (BTreeMap::new(), BTreeMap::new());
    for (section, token) in tokens {
        let Some(token) = token else { continue };
        if names.insert(&token.name, ()).is_some() {
            let found = format!("{:?} again", token.name);
            section.sink().error(&section.key_place("name"), found, "each name once");
        }
        if let Some(first) = digests.insert(&token.sha256, &token.name) {
            let found = format!("the token of {first:?} again");
            section.sink().error(&section.key_place("sha256"), found, "each token once");
        }
    }
}
