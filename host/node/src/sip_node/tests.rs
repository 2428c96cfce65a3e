//! A whole node on the loopback: telephones by UDP and TCP, a client, run modes.

use std::io::{Read, Write};
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use takeover_logic::ids::Term;
use takeover_logic::link::RunMode;
use takeover_logic::time::Timestamp;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{WebSocketStream, client_async};

use super::machine::{Input, Report};
use super::record;
use super::run::Running;
use super::settings;
use super::thread::Item;
use super::thread::tests::free_address;

const WAIT: Duration = Duration::from_secs(10);

struct Bench {
    running: Running,
    reports: mpsc::Receiver<Report>,
    sip: SocketAddr,
    api: SocketAddr,
    folder: tempfile::TempDir,
}

fn write(folder: &Path, sip: SocketAddr, api: SocketAddr) {
    let token = crate::pki::hex(&Sha256::digest("secret"));
    let file = format!(
        "name = \"a\"\n[api]\nlisten = \"{api}\"\nplain = true\n\
         tokens = [{{ name = \"desk\", role = \"operator\", sha256 = \"{token}\" }}]\n"
    );
    std::fs::write(folder.join("sip-node.toml"), file).unwrap();
    let directory = format!(
        "[TServer]\nswitch = \"site1\"\nsip-address = \"{}\"\nsip-port = {}\n\n\
         [[dn]]\nnumber = \"1000\"\ntype = \"Extension\"\n",
        sip.ip(),
        sip.port()
    );
    std::fs::write(folder.join("directory.toml"), directory).unwrap();
}

async fn bench() -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let sip = free_address();
    let api = free_address();
    write(folder.path(), sip, api);
    let settings = settings::load(&folder.path().join("sip-node.toml")).unwrap();
    let (sender, reports) = mpsc::channel();
    let reporting = Box::new(move |report| {
        let _ = sender.send(report);
    });
    let running = Running::start(settings, reporting).await.unwrap();
    let first = reports.recv_timeout(WAIT).expect("no report within 10 s");
    assert_eq!(first, Report::Ready, "it has nobody to learn from");
    Bench { running, reports, sip, api, folder }
}

impl Bench {
    async fn run_mode(&self, mode: RunMode, term: u64) {
        let term = Term(term);
        self.running.post.send(Item::Input(Input::RunMode { mode, term })).await.unwrap();
        let report = self.reports.recv_timeout(WAIT).expect("no report within 10 s");
        assert_eq!(report, Report::RunMode { mode, term });
    }
}

fn options(sip: SocketAddr, transport: &str, local: SocketAddr) -> String {
    format!(
        "OPTIONS sip:{sip} SIP/2.0\r\nVia: SIP/2.0/{transport} {local};branch=z9hG4bK1\r\n\
         Max-Forwards: 70\r\nFrom: <sip:t@{local}>;tag=1\r\nTo: <sip:{sip}>\r\n\
         Call-ID: 1@{local}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    )
}

/// Asks until there is an answer, as a telephone does: the port is bound a moment after the run
/// mode is taken on.
fn ask_by_udp(sip: SocketAddr) -> String {
    let phone = UdpSocket::bind("127.0.0.1:0").unwrap();
    phone.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    let request = options(sip, "UDP", phone.local_addr().unwrap());
    for _ in 0..20 {
        phone.send_to(request.as_bytes(), sip).unwrap();
        let mut bytes = [0; 2000];
        if let Ok(length) = phone.recv(&mut bytes) {
            return String::from_utf8_lossy(&bytes[..length]).into_owned();
        }
    }
    panic!("no answer within 10 s");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_answers_as_primary_by_udp_and_tcp_and_not_as_backup() {
    let bench = bench().await;
    bench.run_mode(RunMode::Primary, 1).await;
    let sip = bench.sip;
    let answer = tokio::task::spawn_blocking(move || ask_by_udp(sip)).await.unwrap();
    assert!(answer.starts_with("SIP/2.0 200"), "{answer}");
    let answer = tokio::task::spawn_blocking(move || {
        let mut phone = std::net::TcpStream::connect(sip).unwrap();
        phone.set_read_timeout(Some(WAIT)).unwrap();
        let request = options(sip, "TCP", phone.local_addr().unwrap());
        phone.write_all(request.as_bytes()).unwrap();
        let mut bytes = [0; 2000];
        let length = phone.read(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    });
    let answer = answer.await.unwrap();
    assert!(answer.starts_with("SIP/2.0 200"), "{answer}");
    bench.run_mode(RunMode::Backup, 2).await;
    // Reported after the port was given up.
    UdpSocket::bind(sip).expect("the port is still bound");
    assert!(std::net::TcpStream::connect(sip).is_err());
    bench.running.until(std::future::ready(())).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_asked_before_a_connection_breaks_is_answered() {
    let bench = bench().await;
    bench.run_mode(RunMode::Primary, 1).await;
    let sip = bench.sip;
    let heard = tokio::task::spawn_blocking(move || {
        // The port is bound when this is answered.
        ask_by_udp(sip);
        let mut phone = std::net::TcpStream::connect(sip).unwrap();
        phone.set_read_timeout(Some(WAIT)).unwrap();
        let local = phone.local_addr().unwrap();
        let [first, second] = [1, 2].map(|number| {
            options(sip, "TCP", local).replace("CSeq: 1", &format!("CSeq: {number}"))
        });
        let segment = format!("{first}{second}GET / HTTP/1.1\r\nHost: {sip}\r\n\r\nand more");
        phone.write_all(segment.as_bytes()).unwrap();
        let mut all = String::new();
        phone.read_to_string(&mut all).unwrap();
        all
    });
    let heard = heard.await.unwrap();
    assert_eq!(heard.matches("SIP/2.0 200").count(), 2, "{heard}");
    assert!(heard.contains("CSeq: 1 OPTIONS") && heard.contains("CSeq: 2 OPTIONS"), "{heard}");
    bench.running.until(std::future::ready(())).await.unwrap();
}

/// A desktop at the API.
struct Desk(WebSocketStream<tokio::net::TcpStream>);

impl Desk {
    async fn at(api: SocketAddr) -> Desk {
        let mut request = format!("ws://{api}/v1/client").into_client_request().unwrap();
        request.headers_mut().insert("authorization", "Bearer secret".parse().unwrap());
        let stream = tokio::net::TcpStream::connect(api).await.unwrap();
        Desk(client_async(request, stream).await.unwrap().0)
    }

    async fn say(&mut self, request: Value) {
        self.0.send(Message::text(request.to_string())).await.unwrap();
    }

    /// The next event of one of these names.
    async fn hear(&mut self, names: &[&str]) -> Value {
        let next = async {
            loop {
                let frame = self.0.next().await.expect("the stream ended").unwrap();
                let Message::Text(text) = frame else { continue };
                let event: Value = serde_json::from_str(&text).unwrap();
                if names.contains(&event["event"].as_str().unwrap()) {
                    return event;
                }
            }
        };
        tokio::time::timeout(WAIT, next).await.expect("no event within 10 s")
    }
}

/// A telephone that is called, and one that calls it; ends when the call is up.
fn call(sip: SocketAddr, callee: &UdpSocket) {
    callee.set_read_timeout(Some(WAIT)).unwrap();
    let caller = UdpSocket::bind("127.0.0.1:0").unwrap();
    let from = caller.local_addr().unwrap();
    let invite = format!(
        "INVITE sip:1000@{sip} SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bK1\r\n\
         Max-Forwards: 70\r\nFrom: <sip:7777@{from}>;tag=1\r\nTo: <sip:1000@{sip}>\r\n\
         Call-ID: c@{from}\r\nCSeq: 1 INVITE\r\nContact: <sip:7777@{from}>\r\n\
         Content-Length: 0\r\n\r\n"
    );
    caller.send_to(invite.as_bytes(), sip).unwrap();
    let mut bytes = [0; 4000];
    let (length, node) = callee.recv_from(&mut bytes).unwrap();
    let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
    let (line, rest) = text.split_once("\r\n").unwrap();
    assert!(line.starts_with("INVITE sip:1000@127.0.0.1:"), "{line}");
    let rest =
        rest.replace(&format!("To: <sip:1000@{sip}>"), &format!("To: <sip:1000@{sip}>;tag=2"));
    for code in ["180 Ringing", "200 OK"] {
        callee.send_to(format!("SIP/2.0 {code}\r\n{rest}").as_bytes(), node).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_desktop_sees_a_call_the_record_has_it_and_a_new_directory_counts() {
    let bench = bench().await;
    let callee = UdpSocket::bind("127.0.0.1:0").unwrap();
    let path = bench.folder.path().join("directory.toml");
    let before = std::fs::read_to_string(&path).unwrap();
    let mut desk = Desk::at(bench.api).await;
    desk.hear(&["LinkConnected"]).await;
    bench.run_mode(RunMode::Primary, 1).await;
    assert_eq!(desk.hear(&["PrimaryChanged"]).await["primary"], true);

    let contact = format!("contact = \"{}\"\n", callee.local_addr().unwrap());
    std::fs::write(&path, before.clone() + &contact).unwrap();
    let read_again = bench.reports.recv_timeout(WAIT).expect("no report within 10 s");
    assert!(matches!(read_again, Report::Event { number: 6053, .. }), "{read_again:?}");

    desk.say(json!({ "request": "RegisterAddress", "dn": "1000" })).await;
    desk.hear(&["RegisterAddress"]).await;
    let sip = bench.sip;
    tokio::task::spawn_blocking(move || {
        ask_by_udp(sip);
        call(sip, &callee);
    })
    .await
    .unwrap();
    let ringing = desk.hear(&["Ringing", "Established"]).await;
    assert_eq!((&ringing["event"], &ringing["ani"]), (&"Ringing".into(), &"7777".into()));
    let established = desk.hear(&["Established"]).await;
    assert_eq!(established["call"], ringing["call"]);
    desk.say(json!({ "request": "QueryCalls", "dn": "1000" })).await;
    let calls = desk.hear(&["QueryCalls"]).await;
    assert_eq!(calls["calls"][0]["call"], ringing["call"]);
    desk.say(json!({ "request": "MakeCall", "dn": "1000" })).await;
    let refused = desk.hear(&["Error"]).await;
    assert!(refused["message"].as_str().unwrap().contains("not done here"), "{refused}");

    std::fs::write(&path, before.replace("Extension", "Telephone")).unwrap();
    let report = bench.reports.recv_timeout(WAIT).expect("no report within 10 s");
    assert!(matches!(report, Report::Event { number: 2002, .. }), "{report:?}");

    bench.running.until(std::future::ready(())).await.unwrap();
    let state = bench.folder.path().join("state");
    let recorded = tokio::task::spawn_blocking(move || {
        let read = || record::read(&state, Timestamp(0), 10).unwrap().0;
        let mut tries = 0;
        while read().is_empty() && tries < 500 {
            tries += 1;
            std::thread::sleep(Duration::from_millis(20));
        }
        read()
    });
    let recorded = recorded.await.unwrap();
    assert_eq!(recorded.len(), 1, "{recorded:?}");
    assert_eq!(&*recorded[0].call.destination.dn, "1000");
}
