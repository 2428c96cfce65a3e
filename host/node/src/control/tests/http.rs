//! A small HTTP client for tests: one request per connection, and a reader of event streams.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

const WAIT: Duration = Duration::from_secs(20);

/// An answer; the body is null where it is not JSON.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) text: String,
    pub(crate) body: Value,
}

fn head(method: &str, path: &str, token: Option<&str>, body: &str) -> String {
    let token = token.map(|token| format!("Authorization: Bearer {token}\r\n"));
    format!(
        "{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{}\
         Content-Length: {}\r\n\r\n",
        token.unwrap_or_default(),
        body.len()
    )
}

pub(crate) async fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    token: Option<&str>,
    body: Option<&str>,
) -> Answer {
    let stream = TcpStream::connect(address).await.unwrap();
    exchange(stream, &head(method, path, token, body.unwrap_or("")), body.unwrap_or("")).await
}

/// The same by TLS, without a client certificate.
pub(crate) async fn tls_request(
    address: SocketAddr,
    tls: Arc<rustls::ClientConfig>,
    path: &str,
    token: Option<&str>,
) -> Answer {
    let stream = TcpStream::connect(address).await.unwrap();
    let name = "127.0.0.1".try_into().unwrap();
    let stream = TlsConnector::from(tls).connect(name, stream).await.unwrap();
    exchange(stream, &head("GET", path, token, ""), "").await
}

async fn exchange<S>(mut stream: S, head: &str, body: &str) -> Answer
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    stream.write_all(head.as_bytes()).await.unwrap();
    // The server may answer and close before it has read all of a body.
    let _ = stream.write_all(body.as_bytes()).await;
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(WAIT, stream.read_to_end(&mut bytes)).await;
    let _ = read.expect("an answer in time"); // a reset after the answer does not matter
    let text = String::from_utf8(bytes).unwrap();
    let (head, text) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let body = serde_json::from_str(text).unwrap_or(Value::Null);
    Answer { status, head: head.to_owned(), text: text.to_owned(), body }
}

/// A reader of an event stream.
pub(crate) struct Sse {
    lines: BufReader<TcpStream>,
}

/// One item: its name, its id where it has one, and its data.
pub(crate) type Item = (String, Option<u64>, Value);

impl Sse {
    pub(crate) async fn open(address: SocketAddr, path: &str, token: &str) -> Self {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(head("GET", path, Some(token), "").as_bytes()).await.unwrap();
        let mut lines = BufReader::new(stream);
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            lines.read_line(&mut line).await.unwrap();
        }
        Self { lines }
    }

    /// The next item; comments are passed over.
    pub(crate) async fn next(&mut self) -> Item {
        tokio::time::timeout(WAIT, self.read()).await.expect("an item in time")
    }

    async fn read(&mut self) -> Item {
        let (mut name, mut id, mut data) = (String::new(), None, Value::Null);
        loop {
            let mut line = String::new();
            assert!(self.lines.read_line(&mut line).await.unwrap() > 0, "the stream has ended");
            if line.ends_with("\r\n") {
                continue; // framing of chunks; our lines end with \n alone
            }
            match line.trim_end().split_once(": ") {
                Some(("event", text)) => name = text.to_owned(),
                Some(("id", text)) => id = text.parse().ok(),
                Some(("data", text)) => data = serde_json::from_str(text).unwrap(),
                _ if line == "\n" && !name.is_empty() => return (name, id, data),
                _ => {}
            }
        }
    }
}
