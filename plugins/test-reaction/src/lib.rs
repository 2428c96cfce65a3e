//! A reaction that misbehaves on request. Tests use it; nobody ships it.

#[allow(unsafe_code, missing_docs, clippy::all, reason = "made by the contract's macro")]
mod bindings {
    wit_bindgen::generate!({ path: "../../wit", world: "alarm-reaction", generate_all });
    use super::Component;
    export!(Component);
}
mod misbehave;

use bindings::exports::takeover::plugin::{lifecycle, reaction};
use bindings::takeover::plugin::types::{Fault, Level};
use bindings::takeover::plugin::{
    clock, command, datagram, http, log, mail, management, memory, settings, vip_control,
};

struct Component;

impl lifecycle::Guest for Component {
    fn init() -> Result<(), Fault> {
        let word = settings::get("init").unwrap_or_default();
        if word == "fault" {
            return Err(Fault::Invalid("refused in init".into()));
        }
        misbehave::misbehave(&word);
        Ok(())
    }
}

impl reaction::Guest for Component {
    fn react(alarm: reaction::Alarm) -> Result<String, Fault> {
        let word = settings::get("do").unwrap_or_default();
        misbehave::misbehave(&word);
        match word.as_str() {
            "answer-2-mib" => return Ok("a".repeat(2 << 20)),
            "answer-64-kib" => return Ok("a".repeat(64 << 10)),
            "log" => (0..500).for_each(|n| log::write(Level::Standard, &format!("line {n}"), &[])),
            "setting" => return Ok(settings::get("number").unwrap_or_default()),
            "files" => return Ok(files()),
            "clock" => return Ok(format!("{} {}", clock::now_unix_ms() > 0, ticks())),
            _ => {}
        }
        ask(&word, &alarm.application)
    }
}

/// Asks for something of the host.
fn ask(word: &str, application: &str) -> Result<String, Fault> {
    let request = || http::Request {
        method: "GET".into(),
        url: "http://192.0.2.1/".into(),
        headers: Vec::new(),
        body: Vec::new(),
    };
    match word {
        "enable" => vip_control::enable("a-vip", application)?,
        "start" => management::start_application(application)?,
        "set-option" => management::set_option(application, "section", "key", "value")?,
        "command" => command::run("/bin/true", &[]).map(|_| ())?,
        "http" => http::send(&request()).map(|_| ())?,
        "mail" => mail::send(&[], "subject", "text")?,
        "datagram" => datagram::send("192.0.2.1:9", &[1])?,
        "memory-get" => memory::get("key").map(|_| ())?,
        "memory-set" => memory::set("key", Some(&[1]))?,
        _ => {}
    }
    Ok("well behaved".into())
}

/// Tries to get out through the system interface.
fn files() -> String {
    let environment = std::env::vars().count();
    let arguments = std::env::args().count();
    let read = std::fs::read("/etc/passwd").is_ok() || std::fs::read_dir("/").is_ok();
    let connected = std::net::TcpStream::connect("127.0.0.1:22").is_ok();
    let bound = std::net::UdpSocket::bind("127.0.0.1:0").is_ok();
    format!("{environment} {arguments} {read} {connected} {bound}")
}

/// Whether the monotonic clock moves with a wait.
fn ticks() -> bool {
    let before = clock::monotonic_ms();
    clock::wait_ms(20);
    clock::monotonic_ms() - before >= 20
}
