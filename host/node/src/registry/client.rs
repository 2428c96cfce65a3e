//! The part of the OCI distribution protocol that a plugin needs (distribution specification 1.1:
//! "pull", and "push" with a blob in one piece), on the HTTP client of the operator commands. Not
//! here: listing, mounting, chunks, deleting, indexes.
//!
//! Without TLS nothing but this machine is reached. Credentials go to the registry, and to the
//! place that it names for tokens; after a redirect they do not go along.

use std::fs;
use std::sync::Arc;

use serde_json::Value;
use ureq::http::{Response, header};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body};

use super::artifact::{Blob, MANIFEST_TYPE, digest};
use super::credentials::Credentials;
use super::reference::Reference;
use super::{Access, RegistryError};
use crate::limits::{
    REGISTRY_ANSWER_BYTES_MAX, REGISTRY_CONNECT_TIMEOUT, REGISTRY_REDIRECTS_MAX, REGISTRY_TIMEOUT,
};

/// A registry, as one command reaches it.
pub(super) struct Client {
    agent: Agent,
    reference: Reference,
    credentials: Option<Credentials>,
    /// Header for the next request, once the registry has asked for one.
    authorization: Option<String>,
}

/// A request, so that it can be made again with what the registry asked for.
#[derive(Clone, Copy)]
struct Ask<'a> {
    method: Method,
    url: &'a str,
    /// What is sent, and of which type.
    body: Option<(&'a [u8], &'a str)>,
    /// What it is, for errors.
    what: &'a str,
}

#[derive(Clone, Copy)]
enum Method {
    Head,
    Get,
    Post,
    Put,
}

type Result<T> = std::result::Result<T, RegistryError>;

impl Client {
    pub(super) fn new(access: &Access) -> Result<Self> {
        let Access { reference, credentials, ca } = access;
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(REGISTRY_REDIRECTS_MAX)
            .https_only(!reference.is_local())
            .proxy(None)
            .user_agent(concat!("takeover/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(REGISTRY_CONNECT_TIMEOUT))
            .timeout_global(Some(REGISTRY_TIMEOUT));
        if !reference.is_local() {
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let tls = TlsConfig::builder()
                .root_certs(RootCerts::new_with_certs(&authorities(ca.as_deref())?))
                .unversioned_rustls_crypto_provider(provider)
                .build();
            config = config.tls_config(tls);
        }
        Ok(Self {
            agent: config.build().into(),
            reference: reference.clone(),
            credentials: credentials.clone(),
            authorization: None,
        })
    }

    /// Sends a blob, unless the registry has it.
    pub(super) fn push_blob(&mut self, blob: &Blob) -> Result<()> {
        let url = self.url(&format!("blobs/{}", blob.digest));
        let what = "look for a blob";
        let found = self.ask(Ask { method: Method::Head, url: &url, body: None, what })?;
        if found.status().is_success() {
            return Ok(());
        }
        let (url, what) = (self.url("blobs/uploads/"), "begin to send a blob");
        let body: Option<(&[u8], &str)> = Some((&[], "application/octet-stream"));
        let begun = self.ask(Ask { method: Method::Post, url: &url, body, what })?;
        let begun = self.successful(begun, what)?;
        let location = begun.headers().get(header::LOCATION).and_then(|it| it.to_str().ok());
        let location = location.ok_or_else(|| self.problem(what, "it does not say where"))?;
        let url = self.upload(location, &blob.digest)?;
        let what = "send a blob";
        let body: Option<(&[u8], &str)> = Some((&blob.bytes, "application/octet-stream"));
        let sent = self.ask(Ask { method: Method::Put, url: &url, body, what })?;
        self.successful(sent, what).map(drop)
    }

    /// Sends the manifest under the tag; its digest.
    pub(super) fn push_manifest(&mut self, manifest: &[u8]) -> Result<String> {
        let url = self.url(&format!("manifests/{}", self.reference.version()));
        let (what, body) = ("send the manifest", Some((manifest, MANIFEST_TYPE)));
        let sent = self.ask(Ask { method: Method::Put, url: &url, body, what })?;
        self.successful(sent, what)?;
        Ok(digest(manifest))
    }

    /// The manifest and its digest, which is the one of the reference where that has one.
    pub(super) fn pull_manifest(&mut self) -> Result<(Vec<u8>, String)> {
        let url = self.url(&format!("manifests/{}", self.reference.version()));
        let what = "get the manifest";
        let bytes = self.get(&url, what, REGISTRY_ANSWER_BYTES_MAX)?;
        let found = digest(&bytes);
        match self.reference.digest() {
            Some(wanted) if wanted != found => {
                let problem = format!("what came has the digest {found}");
                Err(self.problem(what, &problem))
            }
            _ => Ok((bytes, found)),
        }
    }

    /// A blob of this size, verified.
    pub(super) fn pull_blob(&mut self, wanted: &str, size: u64) -> Result<Vec<u8>> {
        let (url, what) = (self.url(&format!("blobs/{wanted}")), "get the component");
        let bytes = self.get(&url, what, size)?;
        let found = digest(&bytes);
        if found == wanted && bytes.len() as u64 == size {
            return Ok(bytes);
        }
        let problem = format!(
            "what came is {} bytes with the digest {found}, the manifest says {size} bytes with \
             {wanted}",
            bytes.len()
        );
        Err(self.problem(what, &problem))
    }

    fn get(&mut self, url: &str, what: &str, max: u64) -> Result<Vec<u8>> {
        let got = self.ask(Ask { method: Method::Get, url, body: None, what })?;
        let mut body = self.successful(got, what)?.into_body();
        // One byte more is enough to see that it is not what was promised.
        let read = body.with_config().limit(max.saturating_add(1)).read_to_vec();
        read.map_err(|error| self.problem(what, &error.to_string()))
    }

    fn url(&self, path: &str) -> String {
        format!("{}/v2/{}/{path}", self.reference.base(), self.reference.repository())
    }

    /// Where a blob is sent to: on the same registry, or credentials would go to another.
    fn upload(&self, location: &str, digest: &str) -> Result<String> {
        let base = self.reference.base();
        let url = match location.starts_with('/') {
            true => format!("{base}{location}"),
            false => location.to_owned(),
        };
        if !url.starts_with(&format!("{base}/")) {
            let problem = format!("it wants the blob to be sent elsewhere: {url}");
            return Err(self.problem("begin to send a blob", &problem));
        }
        let mark = if url.contains('?') { '&' } else { '?' };
        Ok(format!("{url}{mark}digest={digest}"))
    }

    /// Asks, and once more where the registry wants to know who asks.
    fn ask(&mut self, ask: Ask<'_>) -> Result<Response<Body>> {
        let answer = self.ask_once(ask)?;
        if answer.status().as_u16() != 401 {
            return Ok(answer);
        }
        let challenge = answer.headers().get(header::WWW_AUTHENTICATE);
        let challenge = challenge.and_then(|it| it.to_str().ok()).unwrap_or_default().to_owned();
        self.authorization = Some(self.answer_to(&challenge, ask.what)?);
        self.ask_once(ask)
    }

    fn ask_once(&self, ask: Ask<'_>) -> Result<Response<Body>> {
        let Ask { method, url, body, what } = ask;
        let authorization = self.authorization.as_deref();
        let result = match method {
            Method::Head | Method::Get => {
                let request = match method {
                    Method::Head => self.agent.head(url),
                    _ => self.agent.get(url),
                };
                let request = request.header(header::ACCEPT, MANIFEST_TYPE);
                match authorization {
                    Some(value) => request.header(header::AUTHORIZATION, value).call(),
                    None => request.call(),
                }
            }
            Method::Post | Method::Put => {
                let (bytes, media_type) = body.unwrap_or_default();
                let request = match method {
                    Method::Post => self.agent.post(url),
                    _ => self.agent.put(url),
                };
                let request = request.header(header::CONTENT_TYPE, media_type);
                match authorization {
                    Some(value) => request.header(header::AUTHORIZATION, value).send(bytes),
                    None => request.send(bytes),
                }
            }
        };
        result.map_err(|error| self.problem(what, &error.to_string()))
    }

    /// The header that a challenge asks for (RFC 7235; distribution's token authentication).
    fn answer_to(&self, challenge: &str, what: &str) -> Result<String> {
        let basic = self.credentials.as_ref().map(Credentials::header);
        let (scheme, rest) = challenge.split_once(' ').unwrap_or((challenge, ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return basic.ok_or_else(|| self.problem(what, "it wants credentials"));
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(self.problem(what, "it wants credentials of a kind that is not known here"));
        }
        let named = |name: &str| parameter(rest, name);
        let realm = named("realm").ok_or_else(|| self.problem(what, "it names no token server"))?;
        let mut url = realm.clone();
        for name in ["service", "scope"] {
            if let Some(value) = named(name) {
                url.push(if url.contains('?') { '&' } else { '?' });
                url.push_str(&format!("{name}={}", escaped(&value)));
            }
        }
        let request = self.agent.get(&url);
        let answer = match basic {
            Some(basic) => request.header(header::AUTHORIZATION, basic).call(),
            None => request.call(),
        };
        let token = |text: &str| {
            let body: Value = serde_json::from_str(text).ok()?;
            let token = body.get("token").or_else(|| body.get("access_token"))?;
            token.as_str().map(|token| format!("Bearer {token}"))
        };
        let refused = |problem: &str| self.problem("get a token", &format!("{realm}: {problem}"));
        let answer = answer.map_err(|error| refused(&error.to_string()))?;
        let status = answer.status();
        if !status.is_success() {
            return Err(refused(&format!("HTTP {status}")));
        }
        let mut body = answer.into_body();
        let text = body.with_config().limit(REGISTRY_ANSWER_BYTES_MAX).read_to_string();
        token(&text.unwrap_or_default()).ok_or_else(|| refused("there is no token in its answer"))
    }

    /// An answer that says yes.
    fn successful(&self, answer: Response<Body>, what: &str) -> Result<Response<Body>> {
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let mut body = answer.into_body();
        let text = body.with_config().limit(REGISTRY_ANSWER_BYTES_MAX).read_to_string();
        let said = said(&text.unwrap_or_default());
        Err(self.problem(what, &format!("HTTP {status}{said}")))
    }

    fn problem(&self, what: &str, problem: &str) -> RegistryError {
        RegistryError::Registry {
            registry: self.reference.registry().to_owned(),
            what: what.to_owned(),
            problem: problem.to_owned(),
        }
    }
}

/// What a registry says is wrong, as far as it says so in its protocol's form.
fn said(text: &str) -> String {
    let first = || {
        let body: Value = serde_json::from_str(text).ok()?;
        let error = body.get("errors")?.get(0)?;
        let part = |name: &str| error.get(name)?.as_str().map(str::to_owned);
        Some(format!(" ({}: {})", part("code")?, part("message").unwrap_or_default()))
    };
    first().unwrap_or_default()
}

/// A parameter of a challenge: `name="value"`.
pub(super) fn parameter(text: &str, name: &str) -> Option<String> {
    let mut rest = text;
    loop {
        let (key, after) = rest.trim_start_matches([' ', ',']).split_once("=\"")?;
        let (value, next) = after.split_once('"')?;
        if key.trim().eq_ignore_ascii_case(name) {
            return Some(value.to_owned());
        }
        rest = next;
    }
}

/// As one value of a query (RFC 3986, 3.4: all but unreserved, `:` and `/` is escaped).
fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/".contains(&byte);
    text.bytes().fold(String::new(), |mut all, byte| {
        match plain(byte) {
            true => all.push(char::from(byte)),
            false => all.push_str(&format!("%{byte:02X}")),
        }
        all
    })
}

/// The authorities to trust: those of a file, else the system's.
fn authorities(ca: Option<&std::path::Path>) -> Result<Vec<Certificate<'static>>> {
    let Some(path) = ca else {
        let found = rustls_native_certs::load_native_certs();
        return Ok(found.certs.iter().map(|it| Certificate::from_der(it).to_owned()).collect());
    };
    let bytes =
        fs::read(path).map_err(|source| RegistryError::File { path: path.to_owned(), source })?;
    let certificates = parse_pem(&bytes).filter_map(|item| match item {
        Ok(PemItem::Certificate(certificate)) => Some(certificate),
        _ => None,
    });
    Ok(certificates.collect())
}
