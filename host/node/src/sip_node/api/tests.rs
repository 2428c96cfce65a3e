//! Real clients by HTTP and WebSocket over the loopback; the SIP thread is a stand-in.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use takeover_engine::fallback::LastResort;
use takeover_logic::config::shell::Role;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{WebSocketStream, client_async};

use super::*;
use crate::sip_node::limits::CLIENT_QUEUE_MAX;
use crate::sip_node::machine::{Input, Metric};
use crate::sip_node::thread::Counts;
use crate::sip_node::thread::tests::Heard;

const WAIT: Duration = Duration::from_secs(10);

struct Node {
    address: SocketAddr,
    hub: Arc<Hub>,
    _stop: watch::Sender<bool>,
}

fn token(name: &str, role: Role) -> Token {
    let sha256 = crate::pki::hex(&Sha256::digest(name.as_bytes())).into();
    Token { name: name.into(), role, sha256 }
}

/// A node whose machine answers what it is asked with the event `Done` or, for `Fail`, `Error`.
async fn node() -> Node {
    let (post, mut heard) = Heard::new();
    let hub: Arc<Hub> = Arc::default();
    let told = Arc::clone(&hub);
    std::thread::spawn(move || {
        while let Some(item) = heard.next_or_end() {
            match item {
                Item::Input(Input::ClientCame(client, _)) => {
                    told.tell(Some(client), &r#"{"event":"LinkConnected"}"#.into());
                }
                Item::Input(Input::Request { client, reference, request }) => {
                    let name = if request["request"] == "Fail" { "Error" } else { "Done" };
                    let event = json!({"event": name, "reference": reference, "was": request});
                    told.tell(Some(client.id), &event.to_string().into());
                }
                Item::Counts(answer) => {
                    let metric = Metric { name: "calls_total", help: "Calls.", value: 7.0 };
                    let counts = Counts { machine: vec![metric], ..Counts::default() };
                    let _ = answer.send(counts);
                }
                _ => {}
            }
        }
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shared = Shared {
        connections: Connections::new(post.clone(), None, vec![], Handle::current()),
        post,
        hub: Arc::clone(&hub),
        tokens: vec![token("operator", Role::Operator), token("viewer", Role::Viewer)],
        standby: None,
        decisions: Arc::new(Decisions::new(LastResort::Deliver)),
    };
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(serve(shared, listener, None, stopped));
    Node { address, hub, _stop: stop }
}

type Socket = WebSocketStream<TcpStream>;

async fn client(node: &Node) -> Socket {
    let mut request = format!("ws://{}/v1/client", node.address).into_client_request().unwrap();
    request.headers_mut().insert("authorization", "Bearer operator".parse().unwrap());
    let stream = TcpStream::connect(node.address).await.unwrap();
    let (mut socket, _) = client_async(request, stream).await.unwrap();
    assert_eq!(event(&mut socket).await, json!({"event": "LinkConnected"}));
    socket
}

async fn frame(socket: &mut Socket) -> Message {
    loop {
        let next = tokio::time::timeout(WAIT, socket.next()).await.expect("nothing within 10 s");
        match next.expect("the stream ended").unwrap() {
            Message::Ping(_) => {}
            frame => return frame,
        }
    }
}

async fn event(socket: &mut Socket) -> Value {
    serde_json::from_str(frame(socket).await.to_text().unwrap()).unwrap()
}

async fn http(node: &Node, request: &str, token: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(node.address).await.unwrap();
    let length = body.len();
    let text = format!(
        "{request} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let body = answer.split_once("\r\n\r\n").unwrap().1.to_owned();
    (status, body)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_are_answered_and_events_reach_everybody() {
    let node = node().await;
    let (mut one, mut other) = (client(&node).await, client(&node).await);
    let login = json!({"request": "AgentLogin", "reference": 7, "dn": "1001", "agent": "9001"});
    one.send(Message::text(login.to_string())).await.unwrap();
    let done = event(&mut one).await;
    assert_eq!((&done["event"], &done["reference"]), (&json!("Done"), &json!(7)));
    assert_eq!(
        (&done["was"]["dn"], &done["was"]["request"]),
        (&json!("1001"), &json!("AgentLogin"))
    );
    one.send(Message::text("no JSON")).await.unwrap();
    let error = event(&mut one).await;
    assert_eq!(error["event"], "Error");
    assert!(error["message"].as_str().unwrap().starts_with("request: "), "{error}");
    node.hub.tell(None, &r#"{"event":"PrimaryChanged"}"#.into());
    assert_eq!(event(&mut one).await["event"], "PrimaryChanged");
    assert_eq!(event(&mut other).await["event"], "PrimaryChanged");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_does_not_read_is_told_why_and_disconnected() {
    let node = node().await;
    let mut slow = client(&node).await;
    // Large enough that the kernel's buffers do not take them all.
    let event: Arc<str> =
        json!({"event": "Ringing", "data": "x".repeat(60_000)}).to_string().into();
    let mut told = 0;
    while node.hub.counts().slow == 0 {
        node.hub.tell(None, &event);
        told += 1;
        assert!(told < 100_000, "it is never too slow");
        if told % 100 == 0 {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(node.hub.counts().clients, 0);
    let close = loop {
        match frame(&mut slow).await {
            Message::Text(_) => {}
            Message::Close(close) => break close.unwrap(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(u16::from(close.code), 1013);
    assert_eq!(close.reason.as_str(), format!("too slow: {CLIENT_QUEUE_MAX} events are waiting"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_breaks_the_rules_is_disconnected() {
    let node = node().await;
    let mut binary = client(&node).await;
    binary.send(Message::binary(vec![1, 2, 3])).await.unwrap();
    let Message::Close(Some(close)) = frame(&mut binary).await else { panic!() };
    assert_eq!(u16::from(close.code), 1008);
    let mut large = client(&node).await;
    large.send(Message::text("x".repeat(20_000))).await.unwrap();
    let ended = tokio::time::timeout(WAIT, async {
        while let Some(Ok(frame)) = large.next().await {
            assert!(!matches!(frame, Message::Text(_)));
        }
    });
    ended.await.expect("it goes on");
    assert_eq!(node.hub.counts().clients, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_http_a_request_is_answered_too() {
    let node = node().await;
    let login = r#"{"request":"AgentLogin","reference":3,"dn":"1001"}"#;
    let (status, body) = http(&node, "POST /v1/requests", "operator", login).await;
    assert_eq!(status, 200);
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap()["was"]["dn"], "1001");
    let (status, body) =
        http(&node, "POST /v1/requests", "operator", r#"{"request":"Fail"}"#).await;
    assert_eq!((status, body.contains("Error")), (422, true), "{body}");
    let (status, body) = http(&node, "POST /v1/requests", "operator", "{}").await;
    assert_eq!((status, body.contains("missing field `request`")), (400, true), "{body}");
    let (status, _) = http(&node, "POST /v1/requests", "operator", &" ".repeat(20_000)).await;
    assert_eq!(status, 413);
    assert_eq!(node.hub.counts().clients, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_decide_who_may() {
    let node = node().await;
    let (status, _) = http(&node, "POST /v1/requests", "viewer", r#"{"request":"A"}"#).await;
    assert_eq!(status, 403);
    let (status, _) = http(&node, "POST /v1/requests", "nobody", r#"{"request":"A"}"#).await;
    assert_eq!(status, 401);
    assert_eq!(http(&node, "GET /metrics", "nobody", "").await.0, 401);
    let (status, metrics) = http(&node, "GET /metrics", "viewer", "").await;
    assert_eq!(status, 200);
    for line in ["takeover_sip_calls_total 7", "# TYPE takeover_sip_clients gauge"] {
        assert!(metrics.lines().any(|it| it == line), "{line}: {metrics}");
    }
    let (status, health) = http(&node, "GET /healthz", "", "").await;
    assert_eq!((status, health.contains("\"ok\"")), (200, true), "{health}");
    let (status, description) = http(&node, "GET /openapi.json", "", "").await;
    assert_eq!(status, 200);
    let description: Value = serde_json::from_str(&description).unwrap();
    for path in ["/v1/client", "/v1/requests", "/metrics", "/healthz"] {
        assert!(description["paths"][path].is_object(), "{path}");
    }
}
