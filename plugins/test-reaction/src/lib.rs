//! A reaction that misbehaves on request. Tests use it; nobody ships it.

#[allow(unsafe_code, missing_docs, clippy::all, reason = "made by the contract's macro")]
mod bindings {
    wit_bindgen::generate!({ path: "../../wit", world: "alarm-reaction", generate_all });
    use super::Component;
    export!(Component);
}
mod asking;
mod misbehave;

use bindings::exports::takeover::plugin::{lifecycle, reaction};
use bindings::takeover::plugin::types::{Fault, Level};
use bindings::takeover::plugin::{clock, log, settings};

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
        asking::ask(&word, &alarm.application)
    }
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
