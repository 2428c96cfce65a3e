//! Both real ends over loopback TLS: what goes through, and each way to be refused.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use takeover_logic::control::io::LinkEnd;
use takeover_logic::ids::ReportSequence;
use takeover_logic::limits::LINK_MESSAGE_BYTES_MAX;
use takeover_logic::link::{AgentMessage, ControlMessage, Hello, PROTOCOL};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::{TlsAcceptor, TlsConnector};
use tokio_tungstenite::tungstenite::Message;

use super::client::{ClientSettings, connect};
use super::server::{Caller, serve};
use super::{AgentEvent, AgentLink, LinkEvent, LinkNews, LinkSender, in_process};
use crate::pki::tests::expired_host;
use crate::pki::{TlsFiles, create_ca, create_control, create_host, facts};
use crate::tls;

const WAIT: Duration = Duration::from_secs(10);

pub(crate) fn files(folder: &Path, stem: &str) -> TlsFiles {
    let file = |name: String| -> PathBuf { folder.join(name) };
    TlsFiles {
        certificate: file(format!("{stem}.pem")),
        key: file(format!("{stem}.key")),
        ca: file("ca.pem".into()),
    }
}

/// A folder with a CA, a control server for loopback and a host h1.
pub(crate) fn pki_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    create_ca(folder.path(), "test", 2).unwrap();
    create_control(folder.path(), &["localhost".into(), "127.0.0.1".into()], 2).unwrap();
    create_host(folder.path(), "h1", 2).unwrap();
    folder
}

pub(crate) fn hello(host: &str) -> AgentMessage {
    AgentMessage::Hello(Hello {
        protocol: PROTOCOL,
        version: "test".into(),
        host: host.into(),
        session: 1,
        applications: vec![],
        vips: vec![],
        newest_report: ReportSequence(0),
    })
}

struct Server {
    address: String,
    news: mpsc::Receiver<LinkNews>,
    folder: tempfile::TempDir,
}

/// The control server's end without HTTP routing, which has its own tests.
async fn server() -> Server {
    let folder = pki_folder();
    let acceptor = TlsAcceptor::from(tls::server(&files(folder.path(), "control")).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (sender, news) = mpsc::channel(64);
    tokio::spawn(async move {
        let links = AtomicU64::new(1);
        loop {
            let (tcp, from) = listener.accept().await.unwrap();
            super::server::tune(&tcp).unwrap();
            let link = links.fetch_add(1, Ordering::Relaxed);
            let (acceptor, sender) = (acceptor.clone(), sender.clone());
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(tcp).await else { return };
                let names = match stream.get_ref().1.peer_certificates() {
                    Some([leaf, ..]) => facts(leaf).unwrap().names,
                    _ => vec![],
                };
                let Ok(socket) = tokio_tungstenite::accept_async(stream).await else { return };
                let caller = Caller { address: from, names: names.into() };
                serve(socket.into_inner(), vec![], (caller, link), sender).await;
            });
        }
    });
    Server { address, news, folder }
}

impl Server {
    fn agent(&self, stem: &str) -> AgentLink {
        self.agent_trusting(&files(self.folder.path(), stem), &self.address)
    }

    fn agent_trusting(&self, files: &TlsFiles, address: &str) -> AgentLink {
        connect(ClientSettings {
            host: "h1".into(),
            addresses: vec![address.to_owned()],
            tls: tls::client(files).unwrap(),
        })
    }

    async fn next(&mut self) -> LinkNews {
        tokio::time::timeout(WAIT, self.news.recv()).await.expect("news in time").unwrap()
    }

    async fn linked(&mut self) -> LinkSender<ControlMessage> {
        match self.next().await.event {
            LinkEvent::Linked(sender) => sender,
            other => panic!("expected linked, found {other:?}"),
        }
    }

    async fn message(&mut self) -> AgentMessage {
        match self.next().await.event {
            LinkEvent::Message(message) => message,
            other => panic!("expected a message, found {other:?}"),
        }
    }

    async fn ended(&mut self) -> (LinkEnd, String) {
        match self.next().await.event {
            LinkEvent::Ended { end, reason } => (end, reason.to_string()),
            other => panic!("expected an end, found {other:?}"),
        }
    }
}

async fn event(agent: &mut AgentLink) -> AgentEvent {
    tokio::time::timeout(WAIT, agent.next()).await.expect("an event in time").unwrap()
}

async fn agent_linked(agent: &mut AgentLink) -> LinkSender<AgentMessage> {
    match event(agent).await {
        LinkEvent::Linked(sender) => sender,
        other => panic!("expected linked, found {other:?}"),
    }
}

/// What the control server answers before it closes.
async fn refusal(agent: &mut AgentLink) -> String {
    match event(agent).await {
        LinkEvent::Message(ControlMessage::Refused(reason)) => reason.to_string(),
        other => panic!("expected a refusal, found {other:?}"),
    }
}

#[tokio::test]
async fn messages_go_both_ways_in_order_and_the_link_comes_back() {
    let mut server = server().await;
    let mut agent = server.agent("h1");
    let to_control = agent_linked(&mut agent).await;
    to_control.send(hello("h1")).unwrap();
    let to_agent = server.linked().await;
    assert_eq!(server.message().await, hello("h1"));
    for sequence in 1..=100 {
        to_agent.send(ControlMessage::Stored(ReportSequence(sequence))).unwrap();
    }
    for sequence in 1..=100 {
        match event(&mut agent).await {
            LinkEvent::Message(ControlMessage::Stored(stored)) => assert_eq!(stored.0, sequence),
            other => {
                panic!("expected message {sequence}, found {other:?}; {:?}", server.next().await)
            }
        }
    }
    drop(to_agent);
    assert!(matches!(event(&mut agent).await, LinkEvent::Ended { end: LinkEnd::Closed, .. }));
    assert_eq!(server.ended().await.0, LinkEnd::Silent);
    assert!(to_control.send(AgentMessage::Heartbeat).is_err(), "a sender ends with its link");
    let again = agent_linked(&mut agent).await;
    again.send(hello("h1")).unwrap();
    let _to_agent = server.linked().await;
    assert_eq!(server.message().await, hello("h1"));
}

#[tokio::test]
async fn an_agent_that_is_gone_ends_the_link_at_once() {
    let mut server = server().await;
    let mut agent = server.agent("h1");
    let to_control = agent_linked(&mut agent).await;
    to_control.send(hello("h1")).unwrap();
    let _to_agent = server.linked().await;
    server.message().await;
    drop(agent);
    assert_eq!(server.ended().await.0, LinkEnd::Closed);
}

#[tokio::test]
async fn a_host_name_that_is_not_the_certificates_is_refused() {
    let server = server().await;
    let mut agent = server.agent("h1");
    let to_control = agent_linked(&mut agent).await;
    to_control.send(hello("h2")).unwrap();
    assert_eq!(
        refusal(&mut agent).await,
        "host \"h2\" does not match its certificate, which is for h1"
    );
}

#[tokio::test]
async fn another_first_message_or_protocol_is_refused() {
    let server = server().await;
    let mut agent = server.agent("h1");
    let to_control = agent_linked(&mut agent).await;
    to_control.send(AgentMessage::Heartbeat).unwrap();
    assert_eq!(refusal(&mut agent).await, "found another first message, allowed: hello");

    let other = r#"{"tell":"hello","protocol":7,"new":"shape"}"#;
    let answer = raw(&server, vec![Message::text(other)]).await;
    assert!(answer.contains("the agent speaks link protocol 7, this control server 1"), "{answer}");
}

#[tokio::test]
async fn malformed_binary_and_oversized_messages_end_the_link_and_nothing_else() {
    let mut server = server().await;
    let cases = [
        (Message::text("{\"tell\":"), "message not understood: EOF while parsing"),
        (Message::text("{\"tell\":\"dance\"}"), "message not understood: unknown variant `dance`"),
        (Message::binary(vec![1, 2, 3]), "found a binary frame, allowed: text frames of JSON"),
        (
            Message::text("x".repeat(LINK_MESSAGE_BYTES_MAX + 1)),
            "message of at least 4194305 bytes, allowed: 4194304",
        ),
    ];
    for (message, expected) in cases {
        // As the first message it is refused, as a later one it ends the link.
        let answer = raw(&server, vec![message.clone()]).await;
        assert!(answer.contains(expected), "{answer} does not contain {expected}");
        let hello = Message::text(serde_json::to_string(&hello("h1")).unwrap());
        raw(&server, vec![hello, message]).await;
        let _to_agent = server.linked().await;
        server.message().await;
        let (end, reason) = server.ended().await;
        assert_eq!(end, LinkEnd::Invalid);
        assert!(reason.contains(expected), "{reason} does not contain {expected}");
    }
    let mut agent = server.agent("h1");
    agent_linked(&mut agent).await.send(hello("h1")).unwrap();
    server.linked().await;
}

/// Sends frames as a program that is not ours would, and returns the text answered, if any.
async fn raw(server: &Server, frames: Vec<Message>) -> String {
    let connector = TlsConnector::from(tls::client(&files(server.folder.path(), "h1")).unwrap());
    let tcp = TcpStream::connect(&server.address).await.unwrap();
    let tls = connector.connect("127.0.0.1".try_into().unwrap(), tcp).await.unwrap();
    let (mut socket, _) = tokio_tungstenite::client_async("ws://test/", tls).await.unwrap();
    for frame in frames {
        // The other side may close while a long frame is being written.
        let _ = socket.send(frame).await;
    }
    match tokio::time::timeout(WAIT, socket.next()).await.expect("an answer in time") {
        Some(Ok(Message::Text(text))) => text.to_string(),
        other => format!("{other:?}"),
    }
}

#[tokio::test]
async fn an_expired_certificate_is_refused_and_so_is_one_of_another_ca() {
    let server = server().await;
    let folder = server.folder.path();
    expired_host(folder, "old");
    let other = pki_folder();
    let foreign = TlsFiles { ca: folder.join("ca.pem"), ..files(other.path(), "h1") };
    for (files, expected) in [
        (files(folder, "old"), "CertificateExpired"),
        (foreign, "DecryptError|UnknownCA|BadCertificate"),
    ] {
        // The checks of our own daemon would not let it start, so the handshake is made by hand.
        let error = handshake_error(&server, &files).await;
        assert!(
            expected.split('|').any(|alert| error.contains(alert)),
            "{error} does not name {expected}"
        );
    }
}

/// The error of a handshake with unchecked files.
async fn handshake_error(server: &Server, files: &TlsFiles) -> String {
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&files.ca).unwrap()).unwrap();
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(
            vec![CertificateDer::from_pem_file(&files.certificate).unwrap()],
            PrivateKeyDer::from_pem_file(&files.key).unwrap(),
        )
        .unwrap();
    let tcp = TcpStream::connect(&server.address).await.unwrap();
    let name = "127.0.0.1".try_into().unwrap();
    match TlsConnector::from(Arc::new(config)).connect(name, tcp).await {
        Err(error) => error.to_string(),
        // With TLS 1.3 the client hears of it with the first read.
        Ok(stream) => match tokio_tungstenite::client_async("ws://test/", stream).await {
            Err(error) => error.to_string(),
            Ok(_) => "no error".to_owned(),
        },
    }
}

#[tokio::test]
async fn an_agent_does_not_trust_a_control_server_of_another_ca_or_name() {
    let mut server = server().await;
    let other = pki_folder();
    let mut agent = server.agent_trusting(&files(other.path(), "h1"), &server.address);
    let elsewhere = server.address.replace("127.0.0.1", "127.0.0.2");
    let mut misnamed = server.agent_trusting(&files(server.folder.path(), "h1"), &elsewhere);
    // A good agent gets through meanwhile; these two never do.
    let mut good = server.agent("h1");
    agent_linked(&mut good).await.send(hello("h1")).unwrap();
    server.linked().await;
    for untrusting in [&mut agent, &mut misnamed] {
        let event = tokio::time::timeout(Duration::from_millis(300), untrusting.next()).await;
        assert!(event.is_err(), "it trusted: {event:?}");
    }
}

#[tokio::test]
async fn the_second_address_is_used_when_the_first_does_not_answer() {
    let mut server = server().await;
    let dead = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let refused = dead.local_addr().unwrap().to_string();
    drop(dead);
    let mut agent = connect(ClientSettings {
        host: "h1".into(),
        addresses: vec![refused, server.address.clone()],
        tls: tls::client(&files(server.folder.path(), "h1")).unwrap(),
    });
    agent_linked(&mut agent).await.send(hello("h1")).unwrap();
    server.linked().await;
}

#[tokio::test]
async fn the_in_process_link_behaves_the_same() {
    let (mut agent, local) = in_process("h1".into());
    let (sender, news) = mpsc::channel(64);
    let folder = pki_folder();
    let mut server = Server { address: String::new(), news, folder };
    tokio::spawn(async move { local.serve(&AtomicU64::new(1), sender).await });
    for _ in 0..2 {
        let to_control = agent_linked(&mut agent).await;
        to_control.send(hello("h1")).unwrap();
        let to_agent = server.linked().await;
        assert_eq!(server.message().await, hello("h1"));
        to_agent.send(ControlMessage::Heartbeat).unwrap();
        assert!(matches!(event(&mut agent).await, LinkEvent::Message(ControlMessage::Heartbeat)));
        drop(to_agent);
        assert!(matches!(event(&mut agent).await, LinkEvent::Ended { .. }));
        server.ended().await;
    }
    drop(agent);
    let end = tokio::time::timeout(WAIT, server.news.recv()).await.expect("the end in time");
    assert!(end.is_none(), "{end:?}");
}

/// Prints the round trip; nothing depends on it, because the machine may be busy.
#[tokio::test]
async fn round_trips_are_counted_and_all_arrive() {
    let mut server = server().await;
    let mut agent = server.agent("h1");
    let to_control = agent_linked(&mut agent).await;
    to_control.send(hello("h1")).unwrap();
    let to_agent = server.linked().await;
    server.message().await;
    let mut took = Vec::new();
    for sequence in 0..2000 {
        let begun = Instant::now();
        to_agent.send(ControlMessage::Stored(ReportSequence(sequence))).unwrap();
        assert!(matches!(
            event(&mut agent).await,
            LinkEvent::Message(ControlMessage::Stored(stored)) if stored.0 == sequence
        ));
        to_control.send(AgentMessage::Heartbeat).unwrap();
        assert_eq!(server.message().await, AgentMessage::Heartbeat);
        took.push(begun.elapsed());
    }
    took.sort();
    println!("link round trip: median {:?}, p95 {:?}", took[1000], took[1900]);
}
