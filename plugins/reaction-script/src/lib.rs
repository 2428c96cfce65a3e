//! Reaction `reaction-script`: glue between the contract and `decide`, and nothing else.

#[allow(unsafe_code, missing_docs, clippy::all, reason = "made by the contract's macro")]
mod bindings {
    wit_bindgen::generate!({ path: "../../wit", world: "alarm-reaction", generate_all });
    use super::Component;
    export!(Component);
}
mod decide;

use std::cell::OnceCell;
use std::rc::Rc;

use bindings::exports::takeover::plugin::{lifecycle, reaction};
use bindings::takeover::plugin::types::{Fault, Level};
use bindings::takeover::plugin::{
    clock, command, datagram, http, log, mail, management, memory, settings, vip_control,
};
use decide::{Host, Reaction};
use takeover_script::LogLevel;

thread_local! {
    /// The reaction of this instance, read once.
    static REACTION: OnceCell<Reaction> = const { OnceCell::new() };
}

struct Component;

impl lifecycle::Guest for Component {
    fn init() -> Result<(), Fault> {
        let reaction = Reaction::read(Rc::new(Imported), write)?;
        let again = |_| Fault::Invalid("init: called twice".into());
        REACTION.with(|cell| cell.set(reaction).map_err(again))
    }
}

impl reaction::Guest for Component {
    fn react(alarm: reaction::Alarm) -> Result<String, Fault> {
        REACTION.with(|cell| match cell.get() {
            Some(reaction) => reaction.react(&alarm),
            None => Err(Fault::Invalid("init: was not called".into())),
        })
    }
}

/// Writes a line of the script.
fn write(level: LogLevel, text: &str) {
    let level = match level {
        LogLevel::Standard => Level::Standard,
        LogLevel::Interaction => Level::Interaction,
        LogLevel::Trace => Level::Trace,
        LogLevel::Debug => Level::Debug,
    };
    log::write(level, text, &[]);
}

/// The host's functions.
struct Imported;

impl Host for Imported {
    fn setting(&self, key: &str) -> Option<String> {
        settings::get(key)
    }

    fn get_application(&self, name: &str) -> Result<management::Application, Fault> {
        management::get_application(name)
    }

    fn start_application(&self, name: &str) -> Result<(), Fault> {
        management::start_application(name)
    }

    fn stop_application(&self, name: &str, graceful: bool) -> Result<(), Fault> {
        management::stop_application(name, graceful)
    }

    fn restart_application(&self, name: &str) -> Result<(), Fault> {
        management::restart_application(name)
    }

    fn start_solution(&self, name: &str) -> Result<(), Fault> {
        management::start_solution(name)
    }

    fn stop_solution(&self, name: &str) -> Result<(), Fault> {
        management::stop_solution(name)
    }

    fn switchover(&self, application: &str, only_if: management::OnlyIf) -> Result<(), Fault> {
        management::switchover(application, only_if)
    }

    fn set_option(
        &self,
        application: &str,
        option: (&str, &str),
        value: &str,
    ) -> Result<(), Fault> {
        management::set_option(application, option.0, option.1, value)
    }

    fn enable_vip(&self, vip: &str, application: &str) -> Result<(), Fault> {
        vip_control::enable(vip, application)
    }

    fn disable_vip(&self, vip: &str, application: &str) -> Result<(), Fault> {
        vip_control::disable(vip, application)
    }

    fn run(&self, program: &str, arguments: &[String]) -> Result<command::Output, Fault> {
        command::run(program, arguments)
    }

    fn request(&self, request: &http::Request) -> Result<http::Response, Fault> {
        http::send(request)
    }

    fn mail(&self, to: &[String], subject: &str, text: &str) -> Result<(), Fault> {
        mail::send(to, subject, text)
    }

    fn datagram(&self, to: &str, payload: &[u8]) -> Result<(), Fault> {
        datagram::send(to, payload)
    }

    fn recall(&self, key: &str) -> Result<Option<Vec<u8>>, Fault> {
        memory::get(key)
    }

    fn remember(&self, key: &str, value: Option<&[u8]>) -> Result<(), Fault> {
        memory::set(key, value)
    }

    fn now_unix_ms(&self) -> u64 {
        clock::now_unix_ms()
    }

    fn monotonic_ms(&self) -> u64 {
        clock::monotonic_ms()
    }

    fn wait_ms(&self, duration_ms: u32) {
        clock::wait_ms(duration_ms);
    }
}
