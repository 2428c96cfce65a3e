//! The file of a SIP node: where it listens, who its other half is, which components it uses. What
//! its numbers and telephones are is in the directory, another file, which this one names.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use takeover_engine::fallback::LastResort;
use takeover_engine::{PoolSettings, Settings};
use takeover_logic::component::sip::Refusal;
use takeover_logic::config::ConfigError;
use takeover_logic::config::shell::{Role, Token};
use takeover_sip::directory::{self, Directory};
use takeover_sip::flow::Transport;

use super::bind::Listen;
use super::limits::{LISTEN_ADDRESSES_MAX, SOURCE_RATE_DEFAULT};
use super::policy::Chosen;
use crate::pki::TlsFiles;

/// Largest file that is read. A directory of 100,000 numbers has about 10 MB.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// Why a node's files can not be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// It can not be read.
    #[error("{}: {source}", .path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is too large.
    #[error("{}: found more than {FILE_BYTES_MAX} bytes, allowed: at most that", .path.display())]
    TooLarge {
        /// Which.
        path: PathBuf,
    },
    /// It is no TOML, or has keys or values that it must not have.
    #[error("{}: {reason}", .path.display())]
    Toml {
        /// Which.
        path: PathBuf,
        /// What and where.
        reason: String,
    },
    /// A value is out of its range.
    #[error("{}: {key}: found {found}, allowed: {allowed}", .path.display())]
    Value {
        /// Which file.
        path: PathBuf,
        /// Which key.
        key: &'static str,
        /// What is there.
        found: String,
        /// What may be there.
        allowed: String,
    },
    /// Everything that is wrong with the directory, one error per line.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Directory(Vec<ConfigError>),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: Arc<str>,
    #[serde(default = "default_directory")]
    directory: PathBuf,
    #[serde(default = "default_state")]
    state: PathBuf,
    #[serde(default = "default_plugins")]
    plugins: PathBuf,
    secret: Option<PathBuf>,
    #[serde(default)]
    sip: Sip,
    tls: Option<Tls>,
    api: Api,
    standby: Option<Standby>,
    #[serde(default)]
    forwarding: Forwarding,
    monitor: Option<Component>,
}

fn default_directory() -> PathBuf {
    "directory.toml".into()
}

fn default_state() -> PathBuf {
    "state".into()
}

fn default_plugins() -> PathBuf {
    "plugins.d".into()
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sip {
    udp: Option<Vec<SocketAddr>>,
    tcp: Option<Vec<SocketAddr>>,
    tls: Option<Vec<SocketAddr>>,
    source_rate: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    ca: PathBuf,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Api {
    listen: SocketAddr,
    /// Without TLS; only where `listen` is a loopback address.
    #[serde(default)]
    plain: bool,
    #[serde(default)]
    tokens: Vec<FileToken>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileToken {
    name: Arc<str>,
    role: FileRole,
    sha256: Arc<str>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum FileRole {
    Viewer,
    Operator,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Standby {
    pair: Arc<str>,
    peer: Arc<str>,
    listen: SocketAddr,
    peer_address: Arc<str>,
    #[serde(default)]
    plain: bool,
    certificate_name: Option<Arc<str>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Forwarding {
    policy: Option<Arc<str>>,
    #[serde(default)]
    settings: Settings,
    deadline_ms: Option<u64>,
    #[serde(default)]
    fallback: Fallback,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", untagged)]
enum Fallback {
    #[default]
    Deliver,
    Word(String),
    Refuse {
        code: u16,
        #[serde(default)]
        reason: String,
        retry_after_s: Option<u32>,
    },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Component {
    plugin: Arc<str>,
    #[serde(default)]
    settings: Settings,
}

/// The other node of the pair.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    /// Its name.
    pub(crate) peer: Arc<str>,
    /// The name of the pair, which both nodes must have.
    pub(crate) pair: Arc<str>,
    /// Where this node listens for it.
    pub(crate) listen: SocketAddr,
    /// Where it listens, `ADDRESS:PORT` or `NAME:PORT`.
    pub(crate) peer_address: Arc<str>,
    /// The name that its certificate must have; none: the link is plain.
    pub(crate) certificate_name: Option<Arc<str>>,
}

/// Everything that a node is told by its files. Relative paths are meant from the file's folder.
#[derive(Debug)]
pub(crate) struct NodeSettings {
    /// The name of the application, as in the control server's configuration.
    pub(crate) name: Arc<str>,
    /// Numbers, trunks and options.
    pub(crate) directory: Directory,
    /// What survives a restart.
    pub(crate) state: PathBuf,
    /// Folder of the plugins.
    pub(crate) plugins: PathBuf,
    /// The key that both nodes of a pair share; none: a random one, good for one node alone.
    pub(crate) secret: Option<[u8; 16]>,
    /// Where it listens for SIP as primary.
    pub(crate) listen: Listen,
    /// Most requests a second from one address that begin something, trunks and registered
    /// telephones aside; 0: any number. Default 500.
    pub source_rate: u32,
    /// How it names itself in Via and Record-Route, by UDP, TCP and TLS.
    pub(crate) sent_by: [Box<str>; 3],
    /// Certificate, key and authority for SIP, the API and the standby link.
    pub(crate) tls: Option<TlsFiles>,
    /// Where the API is served.
    pub(crate) api: SocketAddr,
    /// Without TLS.
    pub(crate) api_is_plain: bool,
    /// Who may use the API.
    pub(crate) tokens: Vec<Token>,
    /// The other node of the pair; none: a node alone.
    pub(crate) standby: Option<Pair>,
    /// The forwarding policy; none: the fallback decides.
    pub(crate) policy: Option<Chosen>,
    /// What can be chosen about its instances.
    pub(crate) pool: PoolSettings,
    /// What decides when no policy does.
    pub(crate) fallback: LastResort,
    /// The SIP monitor.
    pub(crate) monitor: Option<Chosen>,
}

/// Reads a node's files.
///
/// # Errors
/// What is wrong; of the directory everything at once.
pub(crate) fn load(path: &Path) -> Result<NodeSettings, SettingsError> {
    let text = read(path)?;
    let file: File = toml::from_str(&text).map_err(|error| SettingsError::Toml {
        path: path.to_owned(),
        reason: error.to_string(),
    })?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let directory_path = folder.join(&file.directory);
    let text = read(&directory_path)?;
    let name = directory_path.file_name().unwrap_or_default().to_string_lossy();
    let loaded = directory::read(&name, &text).map_err(SettingsError::Directory)?;
    for notice in loaded.notices {
        tracing::warn!("{notice}");
    }
    Checks { path, folder }.settings(file, loaded.directory)
}

fn read(path: &Path) -> Result<String, SettingsError> {
    use std::io::Read as _;
    let unreadable = |source| SettingsError::Unreadable { path: path.to_owned(), source };
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(SettingsError::TooLarge { path: path.to_owned() });
    }
    Ok(text)
}

/// What goes together.
struct Checks<'a> {
    path: &'a Path,
    folder: &'a Path,
}

impl Checks<'_> {
    fn refuse<T>(
        &self,
        key: &'static str,
        found: impl ToString,
        allowed: &str,
    ) -> Result<T, SettingsError> {
        let (path, found) = (self.path.to_owned(), found.to_string());
        Err(SettingsError::Value { path, key, found, allowed: allowed.to_owned() })
    }

    fn settings(self, file: File, directory: Directory) -> Result<NodeSettings, SettingsError> {
        let listen = self.listen(&file, &directory)?;
        let sent_by = self.sent_by(&listen, &directory)?;
        let source_rate = file.sip.source_rate.unwrap_or(SOURCE_RATE_DEFAULT);
        let (fallback, policy, pool) = self.forwarding(file.forwarding)?;
        if file.api.plain && !file.api.listen.ip().is_loopback() {
            return self.refuse("api.plain", file.api.listen, "a loopback address, or TLS");
        }
        if file.tls.is_none() && (!file.api.plain || !listen.tls.is_empty()) {
            return self.refuse("tls", "nothing", "certificate, key and ca, or api.plain = true");
        }
        let standby = self.standby(file.standby, &file.name, file.tls.is_some())?;
        if standby.is_some() && file.secret.is_none() {
            return self.refuse("secret", "nothing", "a file that both nodes of the pair have");
        }
        let tokens = file.api.tokens.into_iter().map(|token| self.token(token));
        let tls = file.tls.map(|tls| TlsFiles {
            certificate: self.folder.join(tls.certificate),
            key: self.folder.join(tls.key),
            ca: self.folder.join(tls.ca),
        });
        Ok(NodeSettings {
            tokens: tokens.collect::<Result<_, _>>()?,
            secret: file.secret.map(|path| self.secret(&self.folder.join(path))).transpose()?,
            name: file.name,
            directory,
            state: self.folder.join(file.state),
            plugins: self.folder.join(file.plugins),
            listen,
            source_rate,
            sent_by,
            tls,
            api: file.api.listen,
            api_is_plain: file.api.plain,
            standby,
            policy,
            pool,
            fallback,
            monitor: file.monitor.map(|it| Chosen { plugin: it.plugin, settings: it.settings }),
        })
    }

    /// By UDP and TCP on the virtual IP, where nothing else is written.
    fn listen(&self, file: &File, directory: &Directory) -> Result<Listen, SettingsError> {
        let application = directory.application();
        let address = application.sip_address.as_deref().and_then(|it| it.parse::<IpAddr>().ok());
        let address = address.unwrap_or(IpAddr::from([0, 0, 0, 0]));
        let port = application.sip_port;
        let on = |port| vec![SocketAddr::new(address, port)];
        let listen = Listen {
            udp: file.sip.udp.clone().unwrap_or_else(|| on(port)),
            tcp: file.sip.tcp.clone().unwrap_or_else(|| on(port)),
            tls: file.sip.tls.clone().unwrap_or_default(),
        };
        for (key, found) in
            [("sip.udp", &listen.udp), ("sip.tcp", &listen.tcp), ("sip.tls", &listen.tls)]
        {
            if found.len() > LISTEN_ADDRESSES_MAX {
                let allowed = format!("at most {LISTEN_ADDRESSES_MAX} addresses");
                return self.refuse(key, found.len(), &allowed);
            }
        }
        Ok(listen)
    }

    /// How the node names itself: by its virtual IP, else by the address that it listens on.
    fn sent_by(
        &self,
        listen: &Listen,
        directory: &Directory,
    ) -> Result<[Box<str>; 3], SettingsError> {
        let all = [&listen.udp, &listen.tcp, &listen.tls].map(|addresses| addresses.first());
        let certain = all.iter().flatten().map(|it| it.ip()).find(|ip| !ip.is_unspecified());
        let host = match (&directory.application().sip_address, certain) {
            (Some(name), _) => name.to_string(),
            (None, Some(address)) => address.to_string(),
            (None, None) => {
                let allowed = "sip-address in the directory, or an address of this node";
                return self.refuse("sip.udp", "every address", allowed);
            }
        };
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        let ports = [Transport::Udp, Transport::Tcp, Transport::Tls];
        let mut ports = ports
            .iter()
            .zip(all)
            .map(|(transport, address)| address.map_or(transport.default_port(), SocketAddr::port));
        Ok(std::array::from_fn(|_| format!("{host}:{}", ports.next().unwrap_or(5060)).into()))
    }

    fn forwarding(
        &self,
        file: Forwarding,
    ) -> Result<(LastResort, Option<Chosen>, PoolSettings), SettingsError> {
        let fallback = match file.fallback {
            Fallback::Deliver => LastResort::Deliver,
            Fallback::Word(word) if word == "deliver" => LastResort::Deliver,
            Fallback::Word(word) => {
                return self.refuse("forwarding.fallback", word, "\"deliver\" or { code = ... }");
            }
            Fallback::Refuse { code, reason, retry_after_s } => {
                let refusal = Refusal { code, reason: reason.into(), retry_after_s };
                if let Err(beyond) = refusal.check() {
                    return self.refuse("forwarding.fallback", beyond.found, &beyond.allowed);
                }
                LastResort::Refuse(refusal)
            }
        };
        let mut pool = PoolSettings::default();
        if let Some(milliseconds) = file.deadline_ms {
            pool.deadline = Duration::from_millis(milliseconds);
        }
        let settings = file.settings;
        let policy = file.policy.map(|plugin| Chosen { plugin, settings });
        Ok((fallback, policy, pool))
    }

    fn standby(
        &self,
        file: Option<Standby>,
        name: &str,
        has_tls: bool,
    ) -> Result<Option<Pair>, SettingsError> {
        let Some(file) = file else { return Ok(None) };
        if *file.peer == *name {
            return self.refuse("standby.peer", &file.peer, "the name of the other node");
        }
        if !file.plain && !has_tls {
            return self.refuse("standby.plain", "false", "true, or the files of [tls]");
        }
        let of_certificate = file.certificate_name.unwrap_or_else(|| Arc::clone(&file.peer));
        Ok(Some(Pair {
            certificate_name: (!file.plain).then_some(of_certificate),
            pair: file.pair,
            peer: file.peer,
            listen: file.listen,
            peer_address: file.peer_address,
        }))
    }

    fn token(&self, token: FileToken) -> Result<Token, SettingsError> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if token.sha256.len() != 64 || !token.sha256.bytes().all(is_digit) {
            return self.refuse(
                "api.tokens.sha256",
                "(secret)",
                "64 digits, as takeover pki token",
            );
        }
        let role = match token.role {
            FileRole::Viewer => Role::Viewer,
            FileRole::Operator => Role::Operator,
        };
        Ok(Token { name: token.name, role, sha256: token.sha256 })
    }

    /// 32 hexadecimal digits.
    fn secret(&self, path: &Path) -> Result<[u8; 16], SettingsError> {
        let text = read(path)?;
        let text = text.trim();
        let mut key = [0; 16];
        let digits: Option<Vec<u8>> = (0..16)
            .map(|index| u8::from_str_radix(text.get(2 * index..2 * index + 2)?, 16).ok())
            .collect();
        match digits {
            Some(digits) if text.len() == 32 => key.copy_from_slice(&digits),
            _ => return self.refuse("secret", "(secret)", "32 hexadecimal digits"),
        }
        Ok(key)
    }
}

#[cfg(test)]
mod tests;
