//! The interfaces that reach beyond what the configuration names: programs, HTTP, mail, datagrams
//! and a component's own durable state.
//!
//! The sandbox has checked every call against the operator's grant before it comes here, and has
//! replaced what the component named by what the grant says it means. What comes here is carried
//! out as it is, within the bounds of [`crate::limits`] and until its deadline.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use takeover_logic::link::Fault;

use crate::host::HostAnswer;

/// Carries out what components ask of the outside. One value per process.
///
/// An answer that is dropped ends what it began: a program's process group is killed, a connection
/// is closed.
pub trait Outside: Send + Sync + 'static {
    /// Interface `command`: runs a program without a shell and waits for its end.
    fn run(&self, call: CommandCall) -> HostAnswer<'_, CommandOutput>;

    /// Interface `http`: one request, one answer; redirects are not followed.
    fn request(&self, call: HttpCall) -> HostAnswer<'_, HttpResponse>;

    /// Interface `mail`: answered when the relay took the message.
    fn mail(&self, call: MailCall) -> HostAnswer<'_, ()>;

    /// Interface `datagram`: answered when the datagram left this host.
    fn datagram(&self, call: DatagramCall) -> HostAnswer<'_, ()>;

    /// Interface `memory`: the value that this plugin last set under the key.
    fn recall(&self, plugin: &str, key: &str) -> HostAnswer<'_, Option<Vec<u8>>>;

    /// Interface `memory`: answered when the value is on disk; none forgets it.
    fn remember(&self, plugin: &str, key: &str, value: Option<Vec<u8>>) -> HostAnswer<'_, ()>;
}

/// A program to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandCall {
    /// On whose behalf.
    pub plugin: Arc<str>,
    /// Absolute path of the program, from the grant.
    pub program: PathBuf,
    /// Its arguments; never joined, never given to a shell.
    pub arguments: Vec<String>,
    /// The host that it runs on; none: here.
    pub remote: Option<Remote>,
    /// When it is killed.
    pub deadline: Instant,
}

/// A host reached by SSH, as the grant binds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// Address or name.
    pub host: String,
    /// Port, by default 22.
    pub port: u16,
    /// User there.
    pub user: String,
    /// File with the private key.
    pub identity: PathBuf,
    /// The only host key that is accepted, as in `ssh-ed25519 AAAA...`.
    pub host_key: String,
}

/// What a program left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandOutput {
    /// Its exit code; 128 + n when signal n ended it.
    pub exit_code: i32,
    /// At most [`COMMAND_OUTPUT_BYTES_MAX`](crate::limits::COMMAND_OUTPUT_BYTES_MAX); the rest is
    /// cut.
    pub stdout: String,
    /// Likewise.
    pub stderr: String,
}

/// An HTTP request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpCall {
    /// On whose behalf.
    pub plugin: Arc<str>,
    /// GET, POST, PUT, PATCH, DELETE or HEAD.
    pub method: String,
    /// Absolute; its scheme, host, port and path are within the grant.
    pub url: String,
    /// Names and values, already checked for line breaks.
    pub headers: Vec<(String, String)>,
    /// At most [`HTTP_BODY_BYTES_MAX`](crate::limits::HTTP_BODY_BYTES_MAX).
    pub body: Vec<u8>,
    /// PEM file with the authorities to trust instead of the system's, from the grant.
    pub ca: Option<PathBuf>,
    /// When the connection is closed.
    pub deadline: Instant,
}

/// The answer to an HTTP request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpResponse {
    /// Its status.
    pub status: u16,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// At most [`HTTP_BODY_BYTES_MAX`](crate::limits::HTTP_BODY_BYTES_MAX); the rest is cut.
    pub body: Vec<u8>,
}

/// A message for the operator's relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailCall {
    /// On whose behalf.
    pub plugin: Arc<str>,
    /// Where it is handed over, from the grant.
    pub relay: Relay,
    /// Sender's address, from the grant.
    pub from: String,
    /// Recipients, each within the grant.
    pub to: Vec<String>,
    /// One line.
    pub subject: String,
    /// The text.
    pub text: String,
    /// When the connection is closed.
    pub deadline: Instant,
}

/// The operator's mail relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relay {
    /// Address or name.
    pub host: String,
    /// Port: 25, 465, 587.
    pub port: u16,
    /// How the connection is secured.
    pub security: RelaySecurity,
    /// User name and the file with the password, where the relay wants them.
    pub credentials: Option<(String, PathBuf)>,
}

/// How the connection to a mail relay is secured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelaySecurity {
    /// Not at all: for a relay on this host.
    None,
    /// STARTTLS, refused where the relay does not offer it (RFC 3207).
    StartTls,
    /// TLS from the first byte (RFC 8314).
    Tls,
}

/// A UDP datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatagramCall {
    /// On whose behalf.
    pub plugin: Arc<str>,
    /// `host:port`, within the grant.
    pub to: String,
    /// At most [`DATAGRAM_BYTES_MAX`](crate::limits::DATAGRAM_BYTES_MAX).
    pub payload: Vec<u8>,
    /// When it is given up.
    pub deadline: Instant,
}

/// Reaches nothing: for processes that run no such components, and tests.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoOutside;

impl NoOutside {
    fn refuse<T: Send + 'static>(what: &str) -> HostAnswer<'static, T> {
        let fault = Fault::Unavailable(format!("{what} is not served here").into());
        Box::pin(std::future::ready(Err(fault)))
    }
}

impl Outside for NoOutside {
    fn run(&self, _: CommandCall) -> HostAnswer<'_, CommandOutput> {
        Self::refuse("command")
    }

    fn request(&self, _: HttpCall) -> HostAnswer<'_, HttpResponse> {
        Self::refuse("http")
    }

    fn mail(&self, _: MailCall) -> HostAnswer<'_, ()> {
        Self::refuse("mail")
    }

    fn datagram(&self, _: DatagramCall) -> HostAnswer<'_, ()> {
        Self::refuse("datagram")
    }

    fn recall(&self, _: &str, _: &str) -> HostAnswer<'_, Option<Vec<u8>>> {
        Self::refuse("memory")
    }

    fn remember(&self, _: &str, _: &str, _: Option<Vec<u8>>) -> HostAnswer<'_, ()> {
        Self::refuse("memory")
    }
}
