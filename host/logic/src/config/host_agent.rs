//! The host agent's own file, `host-agent.toml`: who it is and where the control server listens.
//! Everything else comes over the link.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::error::ConfigError;
use super::keys::tables;
use super::reader::{Section, Sink, Source};
use super::shell::TlsFiles;
use crate::ids::HostName;

/// Settings of a host agent. Relative paths are meant from the folder of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HostAgentSettings {
    /// The host's name, as in `[[host]]`.
    pub host: HostName,
    /// Where the control server listens, as `address:port` or `name:port`, tried in turn.
    pub control: Vec<Arc<str>>,
    /// The files of its end of the link.
    pub tls: TlsFiles,
    /// Folder of what survives a restart. Default `/var/lib/takeover`.
    pub state: Arc<str>,
    /// Folder of the plugins. Default `/usr/lib/takeover/plugins.d`.
    pub plugins: Arc<str>,
    /// Folder of the operator's grants; none: `grants.d` beside the folder of the plugins.
    pub grants: Option<Arc<str>>,
    /// Calls of plugins that take longer are log events. 1 ms to 600 s, default 1 s.
    pub slow_call: Duration,
    /// Folder of the sockets on which applications report. Default `/run/takeover`.
    pub sockets: Arc<str>,
}

/// Reads the file, given its name and text.
///
/// # Errors
///
/// Everything that is wrong; never empty.
pub fn read(name: &str, text: &str) -> Result<HostAgentSettings, Vec<ConfigError>> {
    let sink = Sink::default();
    let source = Source::parse(name, text, &sink);
    let settings = settings(&Section::root(&source, &tables::HOST_AGENT, &sink));
    let is_clean = sink.is_clean();
    let (errors, _) = sink.finish();
    settings.filter(|_| is_clean).ok_or(errors)
}

fn settings(section: &Section<'_>) -> Option<HostAgentSettings> {
    let host = section.name("host");
    let control = section.parsed_list("control", peer);
    if control.as_ref().is_some_and(Vec::is_empty) {
        section.refuse("control", "at least one address");
    }
    let [certificate, key, ca] = ["certificate", "key", "ca"].map(|key| section.text(key));
    let [state, plugins, sockets] = ["state", "plugins", "sockets"].map(|key| section.text(key));
    let grants = section.text("grants");
    let slow_call = section.milliseconds("slow_call_ms");
    Some(HostAgentSettings {
        host: HostName::new(host?.value),
        control: control?.into_iter().map(|peer| peer.value).collect(),
        tls: TlsFiles { certificate: certificate?.value, key: key?.value, ca: ca?.value },
        state: state?.value,
        plugins: plugins?.value,
        grants: grants.map(|grants| grants.value),
        slow_call: slow_call?,
        sockets: sockets?.value,
    })
}

/// `address:port` or `name:port`.
fn peer(text: &str) -> Option<Arc<str>> {
    let is_name = |name: &str| {
        (1..=253).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
    };
    let is_named = || {
        let (name, port) = text.rsplit_once(':')?;
        (is_name(name) && port.parse::<u16>().is_ok_and(|port| port != 0)).then_some(())
    };
    let is_address = text.parse::<std::net::SocketAddr>().is_ok_and(|address| address.port() != 0);
    (is_address || is_named().is_some()).then(|| text.into())
}
