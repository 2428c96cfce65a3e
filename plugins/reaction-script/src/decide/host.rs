//! What the reaction asks of the host: the functions of the contract, one by one.

use crate::bindings::takeover::plugin::command::Output;
use crate::bindings::takeover::plugin::http::{Request, Response};
use crate::bindings::takeover::plugin::management::{Application, OnlyIf};
use crate::bindings::takeover::plugin::types::Fault;

/// The host. Each function is the one of the contract that its name says.
pub trait Host {
    /// `settings.get`.
    fn setting(&self, key: &str) -> Option<String>;
    /// `management.get-application`.
    fn get_application(&self, name: &str) -> Result<Application, Fault>;
    /// `management.start-application`.
    fn start_application(&self, name: &str) -> Result<(), Fault>;
    /// `management.stop-application`.
    fn stop_application(&self, name: &str, graceful: bool) -> Result<(), Fault>;
    /// `management.restart-application`.
    fn restart_application(&self, name: &str) -> Result<(), Fault>;
    /// `management.start-solution`.
    fn start_solution(&self, name: &str) -> Result<(), Fault>;
    /// `management.stop-solution`.
    fn stop_solution(&self, name: &str) -> Result<(), Fault>;
    /// `management.switchover`.
    fn switchover(&self, application: &str, only_if: OnlyIf) -> Result<(), Fault>;
    /// `management.set-option`; `option` is section and key.
    fn set_option(&self, application: &str, option: (&str, &str), value: &str)
    -> Result<(), Fault>;
    /// `vip-control.enable`.
    fn enable_vip(&self, vip: &str, application: &str) -> Result<(), Fault>;
    /// `vip-control.disable`.
    fn disable_vip(&self, vip: &str, application: &str) -> Result<(), Fault>;
    /// `command.run`.
    fn run(&self, program: &str, arguments: &[String]) -> Result<Output, Fault>;
    /// `http.send`.
    fn request(&self, request: &Request) -> Result<Response, Fault>;
    /// `mail.send`.
    fn mail(&self, to: &[String], subject: &str, text: &str) -> Result<(), Fault>;
    /// `datagram.send`.
    fn datagram(&self, to: &str, payload: &[u8]) -> Result<(), Fault>;
    /// `memory.get`.
    fn recall(&self, key: &str) -> Result<Option<Vec<u8>>, Fault>;
    /// `memory.set`.
    fn remember(&self, key: &str, value: Option<&[u8]>) -> Result<(), Fault>;
    /// `clock.now-unix-ms`.
    fn now_unix_ms(&self) -> u64;
    /// `clock.monotonic-ms`.
    fn monotonic_ms(&self) -> u64;
    /// `clock.wait-ms`.
    fn wait_ms(&self, duration_ms: u32);
}
