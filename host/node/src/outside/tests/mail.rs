//! A real mail relay on loopback (Debian's aiosmtpd), and some that are none.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use takeover_engine::host::outside::{MailCall, Outside, Relay, RelaySecurity};
use takeover_logic::link::Fault;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::{Bench, WAIT, after, told};
use crate::link::tests::pki_folder;

const PYTHON: &str = "/usr/bin/python3";

/// The relay as a process. Ended when dropped.
struct Server {
    process: Child,
    lines: BufReader<ChildStdout>,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    fn start(test: &str, mode: &str, pki: Option<&Path>) -> Option<Self> {
        let mut probe = Command::new(PYTHON);
        probe.args(["-c", "import aiosmtpd"]).stderr(Stdio::null());
        if !probe.status().is_ok_and(|status| status.success()) {
            assert!(std::env::var_os("REQUIRE_ALL").is_none(), "{test}: needs aiosmtpd");
            println!("SKIP {test}: needs python3-aiosmtpd");
            return None;
        }
        let mut command = Command::new(PYTHON);
        command.args(["-c", include_str!("mail_relay.py"), mode]);
        if let Some(folder) = pki {
            command.args([folder.join("control.pem"), folder.join("control.key")]);
        }
        // It complains about every client that is not pleased with its certificate.
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap());
        let mut server = Self { process, lines, port: 0 };
        server.port = server.line().parse().unwrap();
        Some(server)
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    fn message(&mut self) -> Value {
        serde_json::from_str(&self.line()).unwrap()
    }

    fn relay(&self, security: RelaySecurity) -> Relay {
        Relay { host: "localhost".into(), port: self.port, security, credentials: None }
    }
}

fn call(relay: Relay) -> MailCall {
    MailCall {
        plugin: "test".into(),
        relay,
        from: "takeover@example.org".into(),
        to: vec!["oncall@example.org".into()],
        subject: "alarm".into(),
        text: "the text".into(),
        deadline: after(WAIT),
    }
}

async fn send(bench: &Bench, call: MailCall) -> Result<(), Fault> {
    bench.system.mail(call).await
}

fn password(folder: &Path, text: &str, mode: u32) -> Option<(String, PathBuf)> {
    let file = folder.join("password");
    let _ = fs::remove_file(&file);
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
    Some(("alarm".into(), file))
}

/// A relay of few words: sends them, one line after each line that it reads.
async fn scripted(lines: &'static [&'static str]) -> Relay {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut buffer = vec![0; 4096];
        for line in lines {
            stream.write_all(format!("{line}\r\n").as_bytes()).await.unwrap();
            if let Ok(0) | Err(_) = stream.read(&mut buffer).await {
                return;
            }
        }
        // Then it says nothing any more.
        while let Ok(1..) = stream.read(&mut buffer).await {}
    });
    let security = RelaySecurity::None;
    Relay { host: "127.0.0.1".into(), port, security, credentials: None }
}

#[tokio::test]
async fn a_message_arrives_as_it_was_written() {
    let test = "a_message_arrives_as_it_was_written";
    let Some(mut server) = Server::start(test, "plain", None) else { return };
    let bench = Bench::start();
    let mut mail = call(server.relay(RelaySecurity::None));
    mail.to.push("second@example.org".into());
    send(&bench, mail.clone()).await.unwrap();
    let message = server.message();
    assert_eq!(message["from"], "takeover@example.org");
    assert_eq!(message["to"], serde_json::json!(["oncall@example.org", "second@example.org"]));
    assert_eq!(message["tls"], false);
    let text = message["text"].as_str().unwrap();
    for line in [
        "From: takeover@example.org",
        "To: oncall@example.org, second@example.org",
        "Subject: alarm",
        "Auto-Submitted: auto-generated",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "\r\nthe text\r\n",
    ] {
        assert!(text.contains(line), "{line:?} is not in {text}");
    }
    let headers = ["Date: ", "Message-ID: <"];
    assert!(headers.iter().all(|header| text.contains(header)), "{text}");

    // Line by line, whatever the lines are; and a subject beyond ASCII.
    mail.text = "one\n.\n..two\r\nthree ä\n".into();
    mail.subject = "Störung".into();
    send(&bench, mail).await.unwrap();
    let message = server.message();
    let text = message["text"].as_str().unwrap();
    assert!(text.is_ascii() && text.contains("Subject: =?utf-8?b?"), "{text}");
    assert!(text.contains("one\r\n.\r\n..two\r\nthree =C3=A4\r\n"), "{text}");
}

#[tokio::test]
async fn a_relay_with_tls_is_checked() {
    let test = "a_relay_with_tls_is_checked";
    let (folder, other) = (pki_folder(), pki_folder());
    let Some(mut starttls) = Server::start(test, "starttls", Some(folder.path())) else { return };
    let mut tls = Server::start(test, "tls", Some(folder.path())).unwrap();
    let mut plain = Server::start(test, "plain", None).unwrap();
    let bench = Bench::trusting(Some(folder.path().join("ca.pem")));
    let stranger = Bench::trusting(Some(other.path().join("ca.pem")));
    for (server, security) in
        [(&mut starttls, RelaySecurity::StartTls), (&mut tls, RelaySecurity::Tls)]
    {
        send(&bench, call(server.relay(security))).await.unwrap();
        let text = told(send(&stranger, call(server.relay(security))).await);
        assert!(text.contains("TLS: invalid peer certificate"), "{text}");
        if security == RelaySecurity::StartTls {
            assert_eq!(server.message()["tls"], true);
        }
    }
    let relay = plain.relay(RelaySecurity::StartTls);
    let text = told(send(&bench, call(relay)).await);
    assert_eq!(
        text,
        format!("relay localhost:{} does not offer STARTTLS, so nothing was sent", plain.port)
    );
    let text = told(send(&bench, call(plain.relay(RelaySecurity::Tls))).await);
    assert!(text.contains("TLS"), "{text}");
    let text = told(send(&bench, call(starttls.relay(RelaySecurity::None))).await);
    assert!(text.contains("530"), "the relay wants STARTTLS: {text}");
    send(&bench, call(plain.relay(RelaySecurity::None))).await.unwrap();
    assert_eq!(plain.message()["to"][0], "oncall@example.org", "the first that arrived");
}

#[tokio::test]
async fn the_relay_s_words_explain_a_refusal() {
    let test = "the_relay_s_words_explain_a_refusal";
    let Some(mut server) = Server::start(test, "plain", None) else { return };
    let bench = Bench::start();
    let mut mail = call(server.relay(RelaySecurity::None));
    mail.to.push("nobody@example.org".into());
    let refused = send(&bench, mail.clone()).await;
    assert!(matches!(refused, Err(Fault::Failed(_))), "{refused:?}");
    let port = server.port;
    assert_eq!(
        told(refused),
        format!("relay localhost:{port} refused the message: 550 5.1.1 <nobody> no such user here")
    );
    mail.to = vec!["later@example.org".into()];
    let refused = send(&bench, mail.clone()).await;
    assert!(matches!(refused, Err(Fault::Unavailable(_))), "{refused:?}");
    assert!(told(refused).contains("451 4.7.1 greylisted, come back later"));
    mail.to = vec!["last@example.org".into()];
    send(&bench, mail).await.unwrap();
    assert_eq!(server.message()["to"], serde_json::json!(["last@example.org"]));
}

#[tokio::test]
async fn the_password_is_read_when_it_is_used_and_never_told() {
    let test = "the_password_is_read_when_it_is_used_and_never_told";
    let folder = pki_folder();
    let Some(mut server) = Server::start(test, "auth-starttls", Some(folder.path())) else {
        return;
    };
    let bench = Bench::trusting(Some(folder.path().join("ca.pem")));
    let mut relay = server.relay(RelaySecurity::StartTls);
    relay.credentials = password(folder.path(), "wrong battery\n", 0o600);
    let refused = send(&bench, call(relay.clone())).await;
    assert!(matches!(refused, Err(Fault::Failed(_))), "{refused:?}");
    let port = server.port;
    assert_eq!(
        told(refused),
        format!("relay localhost:{port} refused the user name or the password: 535")
    );
    for mode in [0o640, 0o604, 0o620] {
        relay.credentials = password(folder.path(), "correct horse\n", mode);
        let text = told(send(&bench, call(relay.clone())).await);
        assert!(text.contains(&format!("mode {mode:o} lets others")), "{text}");
        assert!(!text.contains("horse"), "{text}");
    }
    relay.credentials = password(folder.path(), "correct horse\r\n", 0o400);
    send(&bench, call(relay.clone())).await.unwrap();
    let message = server.message();
    assert_eq!((&message["user"], &message["tls"]), (&"alarm".into(), &true.into()));
    for wrong in ["", "\n", "two\nlines\n"] {
        relay.credentials = password(folder.path(), wrong, 0o600);
        let text = told(send(&bench, call(relay.clone())).await);
        assert!(text.contains("allowed is one line with the password"), "{text}");
    }
    relay.credentials = password(folder.path(), &"x".repeat(2000), 0o600);
    assert!(told(send(&bench, call(relay.clone())).await).contains("is longer than 1024 bytes"));
    relay.credentials = Some(("alarm".into(), folder.path().join("none")));
    assert!(told(send(&bench, call(relay)).await).contains("none: No such file"));
}

#[tokio::test]
async fn a_relay_that_stalls_is_given_up_at_the_deadline() {
    let bench = Bench::start();
    let stalls: [&[&str]; 4] = [
        &[],
        &["220 relay"],
        &["220 relay", "250 relay", "250 sender"],
        &["220 relay", "250 relay", "250 sender", "250 recipient", "354 go on"],
    ];
    for lines in stalls {
        let mut mail = call(scripted(lines).await);
        mail.deadline = after(Duration::from_millis(400));
        let began = Instant::now();
        assert_eq!(send(&bench, mail).await, Err(Fault::TimedOut), "{lines:?}");
        assert!(began.elapsed() < Duration::from_secs(3), "{lines:?}: {:?}", began.elapsed());
    }
}

#[tokio::test]
async fn a_message_that_was_taken_is_sent_even_if_the_farewell_stalls() {
    let bench = Bench::start();
    let lines = &["220 relay", "250 relay", "250 sender", "250 recipient", "354 go on", "250 ok"];
    let began = Instant::now();
    send(&bench, call(scripted(lines).await)).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_relay_that_never_ends_its_line_is_cut_off() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let flood = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        while stream.write_all(&[b'2'; 4096]).await.is_ok() {}
    });
    let security = RelaySecurity::None;
    let relay = Relay { host: "127.0.0.1".into(), port, security, credentials: None };
    let text = told(send(&Bench::start(), call(relay)).await);
    assert_eq!(text, format!("relay 127.0.0.1:{port}: says more than 262144 bytes"));
    tokio::time::timeout(WAIT, flood).await.unwrap().unwrap();
}

#[tokio::test]
async fn what_is_no_relay_is_said_to_be() {
    let bench = Bench::start();
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    for security in [RelaySecurity::None, RelaySecurity::StartTls] {
        let relay = Relay { host: "127.0.0.1".into(), port: free, security, credentials: None };
        let refused = send(&bench, call(relay)).await;
        assert!(matches!(refused, Err(Fault::Unavailable(_))), "{refused:?}");
    }
    let text = told(send(&bench, call(scripted(&["HTTP/1.1 200 OK"]).await)).await);
    assert!(text.starts_with("relay 127.0.0.1:"), "{text}");
    let text = told(send(&bench, call(scripted(&["554 no service here"]).await)).await);
    assert!(text.ends_with("554 no service here"), "{text}");
}

#[tokio::test]
async fn a_message_that_makes_no_sense_is_refused() {
    let bench = Bench::start();
    let good = call(Relay {
        host: "127.0.0.1".into(),
        port: 9,
        security: RelaySecurity::None,
        credentials: None,
    });
    let refused = async |mail: MailCall| match send(&bench, mail).await {
        Err(Fault::Invalid(text)) => text.to_string(),
        other => panic!("{other:?}"),
    };
    for subject in ["a\r\nBcc: x@example.org", "a\nb", "a\0"] {
        let text = refused(MailCall { subject: subject.into(), ..good.clone() }).await;
        assert!(text.contains("subject has a line break"), "{text}");
    }
    for address in ["", "no address", "a@b\r\nRCPT TO:<c@d>", "a@b, c@d", "<a@b> x"] {
        refused(MailCall { to: vec![address.into()], ..good.clone() }).await;
        refused(MailCall { from: address.into(), ..good.clone() }).await;
    }
    refused(MailCall { to: vec![], ..good.clone() }).await;
    let text = refused(MailCall { to: vec!["a@example.org".into(); 101], ..good }).await;
    assert_eq!(text, "mail: 101 recipients, allowed are 1 to 100");
}
