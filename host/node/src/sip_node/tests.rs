//! A whole node on the loopback: telephones by UDP and TCP, a client, run modes.

use std::io::{Read, Write};
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use takeover_logic::ids::Term;
use takeover_logic::link::RunMode;

use super::machine::{Input, Report};
use super::run::Running;
use super::settings;
use super::thread::Item;
use super::thread::tests::free_address;

const WAIT: Duration = Duration::from_secs(10);

struct Bench {
    running: Running,
    reports: mpsc::Receiver<Report>,
    sip: SocketAddr,
    _folder: tempfile::TempDir,
}

fn write(folder: &Path, sip: SocketAddr) {
    let file = "name = \"a\"\n[api]\nlisten = \"127.0.0.1:0\"\nplain = true\n";
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
    write(folder.path(), sip);
    let settings = settings::load(&folder.path().join("sip-node.toml")).unwrap();
    let (sender, reports) = mpsc::channel();
    let reporting = Box::new(move |report| {
        let _ = sender.send(report);
    });
    let running = Running::start(settings, reporting).await.unwrap();
    let first = reports.recv_timeout(WAIT).expect("no report within 10 s");
    assert_eq!(first, Report::Ready, "it has nobody to learn from");
    Bench { running, reports, sip, _folder: folder }
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
