//! A client of the control server's HTTP API: small, blocking, and able to ask from inside a
//! namespace, which no ready-made one is.
//!
//! Speaks plain HTTP to the loopback listener (`page`); one connection per question.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::lab::namespace;

/// The loopback port that the lab's control server serves the page and the API on.
pub const PAGE_PORT: u16 = 8787;

/// Longest wait for an answer: a switchover answers within 10 s.
const TIMEOUT: Duration = Duration::from_secs(15);

/// A control server's API as seen from its own machine.
#[derive(Clone, Debug)]
pub struct Api {
    namespace: Option<String>,
    address: SocketAddr,
    token: String,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// The body; null where it is not JSON.
    pub body: Value,
}

impl Api {
    /// The API of the control server in a namespace; none: in this one.
    pub fn new(namespace: Option<String>, token: &str) -> Self {
        let address = (Ipv4Addr::LOCALHOST, PAGE_PORT).into();
        Self { namespace, address, token: token.to_owned() }
    }

    /// The same at another port.
    #[must_use]
    pub fn at_port(mut self, port: u16) -> Self {
        self.address.set_port(port);
        self
    }

    /// The same with another token.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self.clone() }
    }

    /// Connects from where the control server is.
    ///
    /// # Errors
    /// Where nobody listens.
    pub fn connect(&self) -> Result<TcpStream> {
        let connect = || {
            TcpStream::connect_timeout(&self.address, Duration::from_secs(1))
                .with_context(|| format!("connect to {}", self.address))
        };
        match &self.namespace {
            Some(name) => namespace::inside(name, connect),
            None => connect(),
        }
    }

    /// Asks, whatever the answer's status.
    ///
    /// # Errors
    /// Where there is no answer.
    pub fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Response> {
        let mut stream = self.connect()?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n\
             {body}",
            self.address,
            self.token,
            body.len()
        );
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).with_context(|| format!("{method} {path}"))?;
        parse(&answer).with_context(|| format!("{method} {path}: answer makes no sense"))
    }

    /// Reads something.
    ///
    /// # Errors
    /// Where the answer is not a success.
    pub fn get(&self, path: &str) -> Result<Value> {
        self.succeed("GET", path, None)
    }

    /// Orders something.
    ///
    /// # Errors
    /// Where the answer is not a success, with what the server says.
    pub fn post(&self, path: &str) -> Result<Value> {
        self.succeed("POST", path, None)
    }

    /// The same with a body.
    ///
    /// # Errors
    /// As [`Api::post`].
    pub fn post_body(&self, path: &str, body: &Value) -> Result<Value> {
        self.succeed("POST", path, Some(body))
    }

    fn succeed(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
        let response = self.ask(method, path, body)?;
        if !(200..300).contains(&response.status) {
            bail!("{method} {path}: {}: {}", response.status, response.body);
        }
        Ok(response.body)
    }
}

/// Status and body of an HTTP/1.1 answer that ended with the connection.
fn parse(answer: &[u8]) -> Option<Response> {
    let split = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(answer.get(..split)?).ok()?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let rest = answer.get(split + 4..)?;
    let is_chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    let body = if is_chunked { unchunk(rest)? } else { rest.to_vec() };
    Some(Response { status, body: serde_json::from_slice(&body).unwrap_or_default() })
}

/// Joins the chunks of a chunked body.
fn unchunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = rest.windows(2).position(|window| window == b"\r\n")?;
        let size = std::str::from_utf8(rest.get(..line)?).ok()?.trim();
        let size = usize::from_str_radix(size, 16).ok()?;
        let start = line + 2;
        body.extend_from_slice(rest.get(start..start + size)?);
        if size == 0 {
            return Some(body);
        }
        rest = rest.get(start + size + 2..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn plain_and_chunked_answers_are_read() {
        let plain = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{\"a\":1}";
        let response = parse(plain).expect("an answer");
        assert_eq!((response.status, response.body["a"].as_u64()), (200, Some(1)));
        let chunked =
            b"HTTP/1.1 404 Not Found\r\ntransfer-encoding: chunked\r\n\r\n3\r\n{\"a\r\n4\r\n\":2}\r\n0\r\n\r\n";
        let response = parse(chunked).expect("an answer");
        assert_eq!((response.status, response.body["a"].as_u64()), (404, Some(2)));
    }
}
