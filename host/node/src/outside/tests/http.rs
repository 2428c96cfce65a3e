//! Real HTTP and HTTPS servers on loopback, well and badly behaved.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::routing::{any, get};
use takeover_engine::host::outside::{HttpCall, HttpResponse, Outside};
use takeover_engine::limits::HTTP_BODY_BYTES_MAX;
use takeover_logic::link::Fault;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::{Bench, WAIT, after, told};
use crate::api::listen::Listeners;
use crate::limits::HTTP_HEADERS_MAX;
use crate::link::tests::{files, pki_folder};
use crate::tls;

fn call(method: &str, url: &str) -> HttpCall {
    HttpCall {
        plugin: "test".into(),
        method: method.into(),
        url: url.into(),
        headers: vec![],
        body: vec![],
        ca: None,
        deadline: after(WAIT),
    }
}

async fn echo(method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> String {
    let mut lines: Vec<String> = headers
        .iter()
        .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())))
        .collect();
    lines.sort_unstable();
    format!("{method} {uri}\n{}\n\n{}", lines.join("\n"), String::from_utf8_lossy(&body))
}

fn router() -> Router {
    Router::new()
        .route("/echo", any(echo))
        .route("/", any(echo))
        .route("/moved", get(|| async { (StatusCode::FOUND, [("location", "/echo")]) }))
        .route("/big", get(|| async { vec![b'x'; 4 * HTTP_BODY_BYTES_MAX] }))
        .route("/zipped", get(|| async { ([("content-encoding", "gzip")], "not really") }))
        .route("/never", get(std::future::pending::<String>))
}

/// A server whose port is told; ends with the test's runtime.
struct Server {
    port: u16,
    _stop: watch::Sender<bool>,
}

async fn serve(tls: Option<rustls::ServerConfig>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (stop, stopped) = watch::channel(false);
    let tls = tls.map(|tls| Arc::new(ArcSwap::from_pointee(tls)));
    tokio::spawn(Listeners::new(router(), stopped).serve(listener, tls));
    Server { port, _stop: stop }
}

/// A server that reads a request's head and says what it is told to, then keeps the connection.
/// The receiver is told when the other side closed it.
async fn canned(answer: Vec<u8>) -> (u16, watch::Receiver<bool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (closed, is_closed) = watch::channel(false);
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut buffer = vec![0; 4096];
        let mut head = Vec::new();
        while !head.windows(4).any(|end| end == b"\r\n\r\n") {
            let count = stream.read(&mut buffer).await.unwrap();
            head.extend_from_slice(&buffer[..count]);
        }
        // The other side may have had enough before the end.
        let _ = stream.write_all(&answer).await;
        while let Ok(1..) = stream.read(&mut buffer).await {}
        let _ = closed.send(true);
    });
    (port, is_closed)
}

async fn send(bench: &Bench, call: HttpCall) -> Result<HttpResponse, Fault> {
    bench.system.request(call).await
}

#[tokio::test]
async fn a_request_is_sent_as_it_is_and_its_answer_comes_back() {
    let (bench, server) = (Bench::start(), serve(None).await);
    let mut request = call("POST", &format!("http://127.0.0.1:{}/echo?q=a%20b", server.port));
    request.headers = vec![("X-One".into(), "1".into()), ("x-two".into(), "ä".into())];
    request.body = b"the body".to_vec();
    let answer = send(&bench, request).await.unwrap();
    let expected = format!(
        "POST /echo?q=a%20b\nconnection: close\ncontent-length: 8\nhost: 127.0.0.1:{}\n\
         user-agent: takeover/{}\nx-one: 1\nx-two: ä\n\nthe body",
        server.port,
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!((answer.status, String::from_utf8(answer.body).unwrap()), (200, expected));
    let kind = ("content-type".to_owned(), "text/plain; charset=utf-8".to_owned());
    assert!(answer.headers.contains(&kind), "{:?}", answer.headers);

    for (method, url) in [("PUT", "/echo"), ("PATCH", "/echo"), ("DELETE", "/echo"), ("GET", "")] {
        let url = format!("http://127.0.0.1:{}{url}", server.port);
        let answer = send(&bench, call(method, &url)).await.unwrap();
        assert!(answer.body.starts_with(method.as_bytes()), "{answer:?}");
    }
    let url = format!("http://localhost:{}/echo", server.port);
    let answer = send(&bench, call("HEAD", &url)).await.unwrap();
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    let answer = send(&bench, call("GET", &url.replace("/echo", "?q=1"))).await.unwrap();
    assert!(answer.body.starts_with(b"GET /?q=1\n"), "{answer:?}");
}

#[tokio::test]
async fn redirects_and_encodings_are_the_components_own_affair() {
    let (bench, server) = (Bench::start(), serve(None).await);
    let url = |path: &str| format!("http://127.0.0.1:{}{path}", server.port);
    let answer = send(&bench, call("GET", &url("/moved"))).await.unwrap();
    assert_eq!(answer.status, 302);
    assert!(answer.headers.contains(&("location".into(), "/echo".into())));
    let answer = send(&bench, call("GET", &url("/zipped"))).await.unwrap();
    assert_eq!(answer.body, b"not really");
    let answer = send(&bench, call("GET", &url("/nothing"))).await.unwrap();
    assert_eq!(answer.status, 404);
}

#[tokio::test]
async fn a_long_body_is_cut() {
    let (bench, server) = (Bench::start(), serve(None).await);
    let url = format!("http://127.0.0.1:{}/big", server.port);
    let answer = send(&bench, call("GET", &url)).await.unwrap();
    assert_eq!(answer.body, vec![b'x'; HTTP_BODY_BYTES_MAX]);
    // Endless, and the server never ends the connection by itself.
    let endless = [b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![b'y'; 1 << 20]].concat();
    let (port, mut closed) = canned(endless).await;
    let answer = send(&bench, call("GET", &format!("http://127.0.0.1:{port}/"))).await.unwrap();
    assert_eq!(answer.body, vec![b'y'; HTTP_BODY_BYTES_MAX]);
    tokio::time::timeout(WAIT, closed.wait_for(|closed| *closed)).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_server_that_is_too_slow_is_given_up_at_the_deadline() {
    let (bench, server) = (Bench::start(), serve(None).await);
    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf".to_vec();
    let (half_port, mut closed) = canned(half).await;
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent_port = silent.local_addr().unwrap().port();
    for url in [
        format!("http://127.0.0.1:{}/never", server.port),
        format!("http://127.0.0.1:{half_port}/"),
        format!("http://127.0.0.1:{silent_port}/"),
        format!("https://127.0.0.1:{silent_port}/"),
    ] {
        let mut request = call("GET", &url);
        request.deadline = after(Duration::from_millis(400));
        let began = Instant::now();
        assert_eq!(send(&bench, request).await, Err(Fault::TimedOut), "{url}");
        assert!(began.elapsed() < Duration::from_secs(3), "{url}: {:?}", began.elapsed());
    }
    tokio::time::timeout(WAIT, closed.wait_for(|closed| *closed)).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_dropped_answer_closes_the_connection() {
    let bench = Bench::start();
    let (port, mut closed) = canned(vec![]).await;
    let request = call("GET", &format!("http://127.0.0.1:{port}/"));
    let answer = tokio::time::timeout(Duration::from_millis(300), send(&bench, request)).await;
    assert!(answer.is_err(), "{answer:?}");
    tokio::time::timeout(WAIT, closed.wait_for(|closed| *closed)).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_server_that_can_not_be_reached_is_unavailable() {
    let bench = Bench::start();
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    for scheme in ["http", "https"] {
        let url = format!("{scheme}://127.0.0.1:{free}/?token=secret");
        let refused = send(&bench, call("GET", &url)).await;
        assert!(matches!(refused, Err(Fault::Unavailable(_))), "{refused:?}");
        let text = told(refused);
        assert!(text.contains("onnection refused") && !text.contains("secret"), "{text}");
    }
}

#[tokio::test]
async fn answers_that_are_none_are_said_to_be() {
    let bench = Bench::start();
    let many: String = (0..=HTTP_HEADERS_MAX).map(|n| format!("x-{n}: y\r\n")).collect();
    let flood = format!("HTTP/1.1 200 OK\r\nx: {}", "y".repeat(1 << 20));
    let cases = [
        (format!("HTTP/1.1 200 OK\r\n{many}\r\n"), "more than 100 headers or 65536 bytes"),
        (flood, "more than 100 headers or 65536 bytes"),
        ("SSH-2.0-OpenSSH_9.2\r\n".to_owned(), "the answer is no HTTP"),
    ];
    for (answer, words) in cases {
        let (port, _closed) = canned(answer.into_bytes()).await;
        let fault = send(&bench, call("GET", &format!("http://127.0.0.1:{port}/"))).await;
        assert!(matches!(fault, Err(Fault::Failed(_))), "{fault:?}");
        let text = told(fault);
        assert!(text.contains(words), "{text}");
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { drop(listener.accept().await) });
    let closed = send(&bench, call("GET", &url)).await;
    assert!(matches!(closed, Err(Fault::Unavailable(_))), "{closed:?}");
}

#[tokio::test]
async fn a_certificate_is_checked_against_the_authorities_of_call_or_host() {
    let folder = pki_folder();
    let other = pki_folder();
    let config = tls::server(&files(folder.path(), "control")).unwrap();
    let server = serve(Some(Arc::unwrap_or_clone(config))).await;
    let url = format!("https://localhost:{}/echo", server.port);
    let ca = |folder: &tempfile::TempDir| Some(folder.path().join("ca.pem"));

    let bench = Bench::start();
    let by_call = HttpCall { ca: ca(&folder), ..call("GET", &url) };
    assert_eq!(send(&bench, by_call).await.unwrap().status, 200);
    let by_address = url.replace("localhost", "127.0.0.1");
    let by_address = HttpCall { ca: ca(&folder), ..call("GET", &by_address) };
    assert_eq!(send(&bench, by_address).await.unwrap().status, 200);
    let trusting = Bench::trusting(ca(&folder));
    assert_eq!(send(&trusting, call("GET", &url)).await.unwrap().status, 200);

    let wrong = HttpCall { ca: ca(&other), ..call("GET", &url) };
    let text = told(send(&bench, wrong).await);
    assert!(text.contains("TLS: invalid peer certificate"), "{text}");
    let text = told(send(&Bench::trusting(ca(&other)), call("GET", &url)).await);
    assert!(text.contains("TLS: invalid peer certificate"), "{text}");
    let missing = HttpCall { ca: Some(folder.path().join("none.pem")), ..call("GET", &url) };
    let text = told(send(&bench, missing).await);
    assert!(text.contains("none.pem"), "{text}");

    // The right authority, another name.
    let (mut named, mut plain) = (call("GET", &url), call("GET", &url));
    named.url = url.replace("localhost", "[::ffff:127.0.0.1]");
    named.ca = ca(&folder);
    let text = told(send(&bench, named).await);
    assert!(text.contains("not valid for name"), "{text}");
    plain.url = url.replace("https", "http");
    assert!(send(&bench, plain).await.is_err(), "no plain HTTP on a TLS port");
    let plain = serve(None).await;
    let url = format!("https://127.0.0.1:{}/", plain.port);
    let fault = send(&bench, HttpCall { ca: ca(&folder), ..call("GET", &url) }).await;
    assert!(told(fault).contains("TLS"));
}

#[tokio::test]
async fn the_authorities_of_the_system_do_not_know_this_server() {
    let folder = pki_folder();
    let config = tls::server(&files(folder.path(), "control")).unwrap();
    let server = serve(Some(Arc::unwrap_or_clone(config))).await;
    let url = format!("https://localhost:{}/echo", server.port);
    let text = told(send(&Bench::start(), call("GET", &url)).await);
    // A machine without any says that there are none.
    let known = ["TLS: invalid peer certificate", "no certificate authority is trusted"];
    assert!(known.iter().any(|words| text.contains(words)), "{text}");
}

#[tokio::test]
async fn requests_that_make_no_sense_are_refused() {
    let bench = Bench::start();
    let refused = async |call: HttpCall| match send(&bench, call).await {
        Err(Fault::Invalid(text)) => text.to_string(),
        other => panic!("{other:?}"),
    };
    for url in [
        "",
        "/path",
        "ftp://127.0.0.1/",
        "http://",
        "http://user:secret@127.0.0.1/",
        "http://127.0.0.1:0/",
        "http://127.0.0.1:70000/",
        "http://127.0.0.1:x/",
        "http://127.0.0.1/a b",
        "http://127.0.0.1/\r\nx: y",
    ] {
        let text = refused(call("GET", url)).await;
        assert!(!text.contains("secret"), "{text}");
    }
    for method in ["CONNECT", "TRACE", "get", "GET / HTTP/1.1\r\nx: "] {
        refused(call(method, "http://127.0.0.1:9/")).await;
    }
    for (name, value) in [
        ("Host", "other"),
        ("Content-Length", "0"),
        ("transfer-encoding", "chunked"),
        ("a b", "x"),
        ("x", "secret\r\ny: z"),
    ] {
        let mut request = call("GET", "http://127.0.0.1:9/");
        request.headers = vec![(name.into(), value.into())];
        let text = refused(request).await;
        assert!(text.contains("127.0.0.1:9: header") && !text.contains("secret"), "{text}");
    }
    let mut request = call("GET", "http://127.0.0.1:9/");
    request.headers = vec![("x".into(), "y".into()); HTTP_HEADERS_MAX + 1];
    assert!(refused(request).await.contains("101 headers, allowed at most 100"));
}
