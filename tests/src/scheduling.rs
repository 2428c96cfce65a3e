//! Real-time scheduling of threads that measure, so that a busy machine does not distort them.
//!
//! Goes through `chrt`, because setting a scheduler needs a system call without a safe wrapper.

use std::process::{Command, Stdio};

use nix::unistd::gettid;

/// Priority of a probe: above everything that is measured.
pub const PROBE: u8 = 20;
/// Priority of SIP responders in a measurement.
pub const RESPONDER: u8 = 10;
/// Priority of takeover programs in a measurement.
pub const TAKEOVER: u8 = 5;

/// Gives the calling thread SCHED_FIFO with `priority` (1 to 99). False where that is not allowed.
///
/// Programs that the thread starts afterwards inherit it.
pub fn realtime(priority: u8) -> bool {
    let status = Command::new("chrt")
        .args(["-f", "-p", &priority.to_string(), &gettid().to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

/// Arguments that run a program with SCHED_FIFO; put before its own. The process id is the
/// program's.
pub fn realtime_prefix(priority: u8) -> [String; 3] {
    ["chrt".into(), "-f".into(), priority.to_string()]
}
