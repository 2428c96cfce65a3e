//! The HTTP API from the client's side: requests, their errors as sentences with an exit code.

use std::io::{BufRead, BufReader};
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use takeover::api::types::{ErrorBody, ErrorCode};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body};

use crate::args::ServerArgs;
use crate::exit::{Exit, Failure};

/// Wait for a connection. A control server in the same country needs 0.05 s; one that is down
/// behind a firewall is reported after this.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Wait for the answer to a question. The control server answers within 2 s or says that it can
/// not.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Wait for a command to be carried out: longer than the control server itself waits
/// (`takeover::limits::COMMAND_TIMEOUT`), so that it is the one that says what took too long.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(910);

/// Longest silence of a stream. The control server sends a sign of life every 2 s
/// (`takeover::limits::STREAM_KEEP_ALIVE`), so a longer silence is a lost link.
pub(crate) const STREAM_SILENCE_MAX: Duration = Duration::from_secs(6);

/// Longest answer that is read, in bytes; 1000 log events have about 1 MiB.
const ANSWER_BYTES_MAX: u64 = 64 << 20;

/// Longest token or certificate file, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// A control server, as this command reaches it.
pub(crate) struct Client {
    agent: Agent,
    server: String,
    token: String,
}

impl Client {
    /// Reads token and certificate; connects with the first request.
    pub(crate) fn new(args: &ServerArgs) -> Result<Self, Failure> {
        let server = args.server.trim_end_matches('/').to_owned();
        let tls = check_server(&server)?;
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_per_read(Some(ANSWER_TIMEOUT));
        if tls {
            let Some(ca) = &args.ca else {
                let text =
                    format!("{server}: no certificate authority to check it with: give --ca FILE");
                return Err(Failure::new(Exit::Usage, text));
            };
            let roots = RootCerts::new_with_certs(&authorities(ca)?);
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let tls = TlsConfig::builder()
                .root_certs(roots)
                .unversioned_rustls_crypto_provider(provider)
                .build();
            config = config.tls_config(tls);
        }
        Ok(Self { agent: config.build().into(), server, token: token(args)? })
    }

    /// The answer to a question, typed.
    pub(crate) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.parse(&self.get_text(path)?)
    }

    /// The answer to a question, as the control server wrote it.
    pub(crate) fn get_text(&self, path: &str) -> Result<String, Failure> {
        let request = self.agent.get(self.url(path)).header("authorization", self.bearer());
        self.text(self.answered(request.call())?)
    }

    /// The answer to a command, as the control server wrote it.
    pub(crate) fn post(&self, path: &str, body: &impl Serialize) -> Result<String, Failure> {
        let request = self
            .agent
            .post(self.url(path))
            .header("authorization", self.bearer())
            .config()
            .timeout_per_read(Some(COMMAND_TIMEOUT))
            .build();
        self.text(self.answered(request.send_json(body))?)
    }

    /// A text of the control server, typed.
    pub(crate) fn parse<T: DeserializeOwned>(&self, text: &str) -> Result<T, Failure> {
        serde_json::from_str(text).map_err(|error| {
            let text = format!("{}: its answer is not understood: {error}", self.server);
            Failure::new(Exit::Unreachable, text)
        })
    }

    /// An open stream of server-sent events, resumed after `after`.
    pub(crate) fn stream(&self, after: Option<u64>) -> Result<impl BufRead + use<>, Failure> {
        let query = after.map(|after| format!("?after={after}")).unwrap_or_default();
        let request = self
            .agent
            .get(self.url(&format!("/v1/stream{query}")))
            .header("authorization", self.bearer())
            .header("accept", "text/event-stream")
            .config()
            .timeout_per_read(Some(STREAM_SILENCE_MAX))
            .build();
        let body = self.answered(request.call())?;
        Ok(BufReader::new(body.into_with_config().limit(u64::MAX).reader()))
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.server)
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.token)
    }

    /// The body of a success, or the sentence of the error.
    fn answered(
        &self,
        result: Result<ureq::http::Response<Body>, ureq::Error>,
    ) -> Result<Body, Failure> {
        let response = result.map_err(|error| {
            Failure::new(Exit::Unreachable, format!("{}: {}", self.server, describe(&error)))
        })?;
        let status = response.status();
        let body = response.into_body();
        if status.is_success() {
            return Ok(body);
        }
        let text = self.text(body).unwrap_or_default();
        Err(match serde_json::from_str::<ErrorBody>(&text) {
            Ok(body) => Failure::new(exit_of(body.error.code), body.error.message),
            Err(_) => {
                let text = format!("{}: answered HTTP {status}", self.server);
                Failure::new(exit_of_status(status.as_u16()), text)
            }
        })
    }

    fn text(&self, mut body: Body) -> Result<String, Failure> {
        body.with_config().limit(ANSWER_BYTES_MAX).read_to_string().map_err(|error| {
            Failure::new(Exit::Unreachable, format!("{}: {}", self.server, describe(&error)))
        })
    }
}

/// A name as one segment of a path (RFC 3986, section 2.3: all but unreserved is escaped).
pub(crate) fn segment(name: &str) -> String {
    let mut escaped = String::new();
    for byte in name.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                escaped.push(char::from(byte));
            }
            byte => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

/// Whether the address wants TLS; refuses what would send the token in the clear.
fn check_server(server: &str) -> Result<bool, Failure> {
    let refuse = |text: &str| Err(Failure::new(Exit::Usage, format!("server {server:?}: {text}")));
    let (tls, authority) = match server.split_once("://") {
        Some(("https", authority)) => (true, authority),
        Some(("http", authority)) => (false, authority),
        _ => return refuse("expected https://HOST:PORT, or http:// on this machine"),
    };
    if authority.is_empty() || authority.contains(['/', '?', '#', '@']) {
        return refuse("expected https://HOST:PORT and nothing behind it");
    }
    if !tls && !is_loopback(authority) {
        return refuse("http would send the token in the clear: use https");
    }
    Ok(tls)
}

fn is_loopback(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(ipv6) => ipv6.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn read(file: &Path) -> Result<String, Failure> {
    let refuse = |text: String| Failure::new(Exit::Usage, format!("{}: {text}", file.display()));
    let length = std::fs::metadata(file).map_err(|error| refuse(error.to_string()))?.len();
    if length > FILE_BYTES_MAX {
        return Err(refuse(format!("{length} bytes, {FILE_BYTES_MAX} are allowed")));
    }
    std::fs::read_to_string(file).map_err(|error| refuse(error.to_string()))
}

fn token(args: &ServerArgs) -> Result<String, Failure> {
    let token = match &args.token_file {
        Some(file) => read(file)?,
        None => std::env::var("TAKEOVER_TOKEN").map_err(|_| {
            let text = "no token: give --token-file FILE or set TAKEOVER_TOKEN";
            Failure::new(Exit::Unauthorized, text)
        })?,
    };
    let token = token.trim();
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        let text = "the token is not one: expected printable characters without blanks";
        return Err(Failure::new(Exit::Usage, text));
    }
    Ok(token.to_owned())
}

fn authorities(file: &Path) -> Result<Vec<Certificate<'static>>, Failure> {
    let text = read(file)?;
    let certificates: Vec<_> = parse_pem(text.as_bytes())
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() {
        let text = format!("{}: no certificate in PEM form", file.display());
        return Err(Failure::new(Exit::Usage, text));
    }
    Ok(certificates)
}

fn exit_of(code: ErrorCode) -> Exit {
    match code {
        ErrorCode::NotFound
        | ErrorCode::Conflict
        | ErrorCode::Failed
        | ErrorCode::Invalid
        | ErrorCode::TooLarge => Exit::Refused,
        ErrorCode::Unauthorized | ErrorCode::Forbidden => Exit::Unauthorized,
        ErrorCode::Unavailable => Exit::Unreachable,
    }
}

fn exit_of_status(status: u16) -> Exit {
    match status {
        401 | 403 => Exit::Unauthorized,
        400..=499 => Exit::Refused,
        _ => Exit::Unreachable,
    }
}

/// The library's error in an operator's words.
fn describe(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Io(error) => error.to_string(),
        ureq::Error::Timeout(_) => "no answer in time".to_owned(),
        ureq::Error::HostNotFound => "no such host".to_owned(),
        ureq::Error::ConnectionFailed => "can not be reached".to_owned(),
        ureq::Error::Rustls(error) => format!("TLS: {error}"),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
