//! The file of a SIP node: where it listens, who its other half is, which components it uses. What
//! its numbers and telephones are is in the directory, another file, which this one names.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use takeover_engine::PoolSettings;
use takeover_engine::fallback::LastResort;
use takeover_logic::config::ConfigError;
use takeover_logic::config::shell::Token;
use takeover_sip::directory::{self, Directory};

use self::reader::Reader;
use super::bind::Listen;
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
    /// Everything that is wrong with the file and its directory, one error per line.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Config(Vec<ConfigError>),
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
    /// Where they are written.
    pub(crate) directory_path: PathBuf,
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
/// A file that can not be read, or else everything that is wrong in both.
pub(crate) fn load(path: &Path) -> Result<NodeSettings, SettingsError> {
    let text = read(path)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let reader = Reader::new(&name, &text);
    let mut top = reader.top();
    if !reader.is_clean() {
        drop(top);
        return Err(SettingsError::Config(reader.errors()));
    }
    let written = top.value("directory", "the path of a file");
    let directory_path = folder.join(written.unwrap_or(PathBuf::from("directory.toml")));
    let directory = directory_of(&directory_path);
    let (directory, mut errors) = match directory {
        Ok(directory) => (Some(directory), Vec::new()),
        Err(SettingsError::Config(errors)) => (None, errors),
        Err(error) => return Err(error),
    };
    let settings = checks::settings(folder, top, (directory, &directory_path));
    let of_file = reader.errors();
    errors.splice(0..0, of_file);
    match settings {
        Some(settings) if errors.is_empty() => Ok(settings),
        _ => Err(SettingsError::Config(errors)),
    }
}

/// Reads a directory.
///
/// # Errors
/// It can not be read, or everything that is wrong in it.
pub(crate) fn directory_of(path: &Path) -> Result<Directory, SettingsError> {
    let text = read(path)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let loaded = directory::read(&name, &text).map_err(SettingsError::Config)?;
    for notice in loaded.notices {
        tracing::warn!("{notice}");
    }
    Ok(loaded.directory)
}

/// The bytes of a file of the node's.
///
/// # Errors
/// It can not be read, or is too large.
pub(crate) fn bytes_of(path: &Path) -> Result<Vec<u8>, SettingsError> {
    use std::io::Read as _;
    let unreadable = |source| SettingsError::Unreadable { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(SettingsError::TooLarge { path: path.to_owned() });
    }
    Ok(bytes)
}

fn read(path: &Path) -> Result<String, SettingsError> {
    let text = String::from_utf8(bytes_of(path)?);
    text.map_err(|error| SettingsError::Unreadable {
        path: path.to_owned(),
        source: std::io::Error::new(std::io::ErrorKind::InvalidData, error),
    })
}

mod checks;
mod reader;
#[cfg(test)]
mod tests;
