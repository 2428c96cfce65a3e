//! What the keys of `sip-node.toml` are, and what goes together. Everything is looked at, so that
//! an operator is told all errors at once; a value that is wrong stands for its default meanwhile.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use takeover_engine::fallback::LastResort;
use takeover_engine::{PoolSettings, Settings};
use takeover_logic::component::sip::Refusal;
use takeover_logic::config::shell::{Role, Token};
use takeover_sip::directory::Directory;
use takeover_sip::flow::Transport;

use super::reader::Section;
use super::{NodeSettings, Pair, read};
use crate::pki::TlsFiles;
use crate::sip_node::bind::Listen;
use crate::sip_node::limits::{LISTEN_ADDRESSES_MAX, SOURCE_RATE_DEFAULT};
use crate::sip_node::policy::Chosen;

const ADDRESSES: &str = "a list of ADDRESS:PORT";
const ADDRESS: &str = "ADDRESS:PORT";
const NAME: &str = "a name";
const FILE: &str = "the path of a file";
const FOLDER: &str = "the path of a folder";
const YES_OR_NO: &str = "true or false";

/// How the node is reached by clients.
struct Api {
    listen: SocketAddr,
    is_plain: bool,
    tokens: Vec<Token>,
}

/// Reads every section. What is wrong is told to the reader; none where nothing could stand for it.
pub(super) fn settings(
    folder: &Path,
    mut top: Section<'_>,
    (directory, directory_path): (Option<Directory>, &Path),
) -> Option<NodeSettings> {
    let name: Option<Arc<str>> = top.needed("name", NAME);
    let state = top.value("state", FOLDER).unwrap_or(PathBuf::from("state"));
    let plugins = top.value("plugins", FOLDER).unwrap_or(PathBuf::from("plugins.d"));
    let secret_file: Option<PathBuf> = top.value("secret", FILE);
    let (listen, source_rate) = listen(&mut top, directory.as_ref());
    let sent_by = directory.as_ref().and_then(|it| sent_by(&top, &listen, it));
    let has_tls = top.has("tls");
    let tls = tls(&mut top, folder);
    let api = api(&mut top);
    let has_standby = top.has("standby");
    let standby = standby(&mut top, name.as_deref(), has_tls);
    let (fallback, policy, pool) = forwarding(&mut top);
    let monitor = monitor(&mut top);
    let needs_tls = !listen.tls.is_empty() || api.as_ref().is_some_and(|api| !api.is_plain);
    if needs_tls && !has_tls {
        top.refuse("tls", "nothing", "certificate, key and ca, or api.plain = true");
    }
    if has_standby && secret_file.is_none() {
        top.refuse("secret", "nothing", "a file that both nodes of the pair have");
    }
    let secret = secret_file.and_then(|path| secret(&top, &folder.join(path)));
    top.end();
    let Api { listen: api, is_plain: api_is_plain, tokens } = api?;
    Some(NodeSettings {
        name: name?,
        directory: directory?,
        directory_path: directory_path.to_owned(),
        state: folder.join(state),
        plugins: folder.join(plugins),
        secret,
        listen,
        source_rate,
        sent_by: sent_by?,
        tls,
        api,
        api_is_plain,
        tokens,
        standby,
        policy,
        pool,
        fallback,
        monitor,
    })
}

/// By UDP and TCP on the virtual IP, where nothing else is written.
fn listen(top: &mut Section<'_>, directory: Option<&Directory>) -> (Listen, u32) {
    let application = directory.map(Directory::application);
    let address = application.and_then(|it| it.sip_address.as_deref()?.parse::<IpAddr>().ok());
    let address = address.unwrap_or(IpAddr::from([0, 0, 0, 0]));
    let port = application.map_or(5060, |it| it.sip_port);
    let usual = vec![SocketAddr::new(address, port)];
    let Some(mut sip) = top.section("sip") else {
        let listen = Listen { udp: usual.clone(), tcp: usual, tls: Vec::new() };
        return (listen, SOURCE_RATE_DEFAULT);
    };
    let mut addresses = |key: &'static str, usual: Vec<SocketAddr>| {
        let found: Vec<SocketAddr> = sip.value(key, ADDRESSES).unwrap_or(usual);
        if found.len() > LISTEN_ADDRESSES_MAX {
            sip.refuse(key, found.len(), &format!("at most {LISTEN_ADDRESSES_MAX} addresses"));
        }
        found
    };
    let udp = addresses("udp", usual.clone());
    let tcp = addresses("tcp", usual);
    let tls = addresses("tls", Vec::new());
    let source_rate = sip.value("source_rate", "a whole number, 0 or more");
    sip.end();
    (Listen { udp, tcp, tls }, source_rate.unwrap_or(SOURCE_RATE_DEFAULT))
}

/// How the node names itself: by its virtual IP, else by the address that it listens on.
fn sent_by(top: &Section<'_>, listen: &Listen, directory: &Directory) -> Option<[Box<str>; 3]> {
    let all = [&listen.udp, &listen.tcp, &listen.tls].map(|addresses| addresses.first());
    let certain = all.iter().flatten().map(|it| it.ip()).find(|ip| !ip.is_unspecified());
    let host = match (&directory.application().sip_address, certain) {
        (Some(name), _) => name.to_string(),
        (None, Some(address)) => address.to_string(),
        (None, None) => {
            let allowed = "sip-address in the directory, or an address of this node";
            top.refuse("sip.udp", "every address", allowed);
            return None;
        }
    };
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    let ports = [Transport::Udp, Transport::Tcp, Transport::Tls];
    let mut ports = ports
        .iter()
        .zip(all)
        .map(|(transport, address)| address.map_or(transport.default_port(), SocketAddr::port));
    Some(std::array::from_fn(|_| format!("{host}:{}", ports.next().unwrap_or(5060)).into()))
}

fn tls(top: &mut Section<'_>, folder: &Path) -> Option<TlsFiles> {
    let mut tls = top.section("tls")?;
    let [certificate, key, ca] =
        ["certificate", "key", "ca"].map(|name| tls.needed::<PathBuf>(name, FILE));
    tls.end();
    Some(TlsFiles {
        certificate: folder.join(certificate?),
        key: folder.join(key?),
        ca: folder.join(ca?),
    })
}

fn api(top: &mut Section<'_>) -> Option<Api> {
    if !top.has("api") {
        top.refuse("api", "nothing", "a table with listen");
    }
    let mut api = top.section("api")?;
    let listen: Option<SocketAddr> = api.needed("listen", ADDRESS);
    let is_plain = api.value("plain", YES_OR_NO).unwrap_or(false);
    if let Some(listen) = listen.filter(|at| is_plain && !at.ip().is_loopback()) {
        api.refuse("plain", listen, "a loopback address, or TLS");
    }
    let tokens = api.sections("tokens", "api.tokens");
    let tokens = tokens.into_iter().filter_map(token).collect();
    api.end();
    Some(Api { listen: listen?, is_plain, tokens })
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum FileRole {
    Viewer,
    Operator,
}

fn token(mut section: Section<'_>) -> Option<Token> {
    let name = section.needed("name", NAME);
    let role = match section.needed("role", "\"viewer\" or \"operator\"") {
        Some(FileRole::Viewer) => Some(Role::Viewer),
        Some(FileRole::Operator) => Some(Role::Operator),
        None => None,
    };
    let digits = "64 digits, as takeover pki token";
    let sha256: Option<Arc<str>> = section.needed("sha256", digits);
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let is_sound = |text: &Arc<str>| text.len() == 64 && text.bytes().all(is_digit);
    if sha256.as_ref().is_some_and(|text| !is_sound(text)) {
        section.refuse("sha256", "(secret)", digits);
    }
    section.end();
    Some(Token { name: name?, role: role?, sha256: sha256? })
}

fn standby(top: &mut Section<'_>, own: Option<&str>, has_tls: bool) -> Option<Pair> {
    let mut standby = top.section("standby")?;
    let pair = standby.needed("pair", NAME);
    let peer: Option<Arc<str>> = standby.needed("peer", NAME);
    let listen = standby.needed("listen", ADDRESS);
    let peer_address = standby.needed("peer_address", "ADDRESS:PORT or NAME:PORT");
    let is_plain = standby.value("plain", YES_OR_NO).unwrap_or(false);
    let written: Option<Arc<str>> = standby.value("certificate_name", NAME);
    if own.is_some() && peer.as_deref() == own {
        standby.refuse("peer", peer.as_deref().unwrap_or_default(), "the name of the other node");
    }
    if !is_plain && !has_tls {
        standby.refuse("plain", "false", "true, or the files of [tls]");
    }
    standby.end();
    let peer = peer?;
    let certificate_name = (!is_plain).then(|| written.unwrap_or_else(|| Arc::clone(&peer)));
    Some(Pair { peer, pair: pair?, listen: listen?, peer_address: peer_address?, certificate_name })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, untagged)]
enum Fallback {
    Word(String),
    Refuse {
        code: u16,
        #[serde(default)]
        reason: String,
        retry_after_s: Option<u32>,
    },
}

fn forwarding(top: &mut Section<'_>) -> (LastResort, Option<Chosen>, PoolSettings) {
    let mut pool = PoolSettings::default();
    let Some(mut forwarding) = top.section("forwarding") else {
        return (LastResort::Deliver, None, pool);
    };
    let plugin: Option<Arc<str>> = forwarding.value("policy", "the name of a plugin");
    let settings = forwarding.value::<Settings>("settings", "a table of settings");
    if let Some(milliseconds) = forwarding.value("deadline_ms", "a whole number") {
        pool.deadline = Duration::from_millis(milliseconds);
    }
    let allowed = "\"deliver\" or { code = ... }";
    let fallback = match forwarding.value("fallback", allowed) {
        None => LastResort::Deliver,
        Some(Fallback::Word(word)) => {
            if word != "deliver" {
                forwarding.refuse("fallback", word, allowed);
            }
            LastResort::Deliver
        }
        Some(Fallback::Refuse { code, reason, retry_after_s }) => {
            let refusal = Refusal { code, reason: reason.into(), retry_after_s };
            if let Err(beyond) = refusal.check() {
                forwarding.refuse("fallback", beyond.found, &beyond.allowed);
            }
            LastResort::Refuse(refusal)
        }
    };
    forwarding.end();
    let settings = settings.unwrap_or_default();
    (fallback, plugin.map(|plugin| Chosen { plugin, settings }), pool)
}

fn monitor(top: &mut Section<'_>) -> Option<Chosen> {
    let mut monitor = top.section("monitor")?;
    let plugin = monitor.needed("plugin", "the name of a plugin");
    let settings = monitor.value::<Settings>("settings", "a table of settings");
    monitor.end();
    Some(Chosen { plugin: plugin?, settings: settings.unwrap_or_default() })
}

/// 32 hexadecimal digits.
fn secret(top: &Section<'_>, path: &Path) -> Option<[u8; 16]> {
    let text = match read(path) {
        Ok(text) => text,
        Err(error) => {
            top.refuse("secret", error, "a file that can be read");
            return None;
        }
    };
    let text = text.trim();
    let mut key = [0; 16];
    let digits: Option<Vec<u8>> = (0..16)
        .map(|index| u8::from_str_radix(text.get(2 * index..2 * index + 2)?, 16).ok())
        .collect();
    match digits {
        Some(digits) if text.len() == 32 => key.copy_from_slice(&digits),
        _ => {
            top.refuse("secret", "(secret)", "32 hexadecimal digits");
            return None;
        }
    }
    Some(key)
}
