//! Tells the service manager how our own daemons are: ready, alive, stopping (`sd_notify(3)`).
//! Does nothing where `NOTIFY_SOCKET` is not set.

use std::env;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// Service is given from now on.
pub fn ready() {
    send("READY=1");
}

/// The daemon is ending in order.
pub fn stopping() {
    send("STOPPING=1");
}

/// Tells that the runtime it is called on is alive, twice per watchdog interval, for ever; ends at
/// once where the service manager watches nothing.
pub async fn watchdog() {
    let Some(interval) = watchdog_interval() else { return };
    let mut ticks = tokio::time::interval(interval / 2);
    loop {
        ticks.tick().await;
        send("WATCHDOG=1");
    }
}

/// What the service manager expects of this process: `WATCHDOG_USEC`, unless it is meant for
/// another one (`WATCHDOG_PID`).
fn watchdog_interval() -> Option<Duration> {
    let number = |name| env::var(name).ok()?.parse::<u64>().ok();
    let ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
    number("WATCHDOG_USEC").filter(|usec| ours && *usec > 0).map(Duration::from_micros)
}

fn send(message: &str) {
    let Some(path) = env::var_os("NOTIFY_SOCKET") else { return };
    let address = match path.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(&path),
    };
    let sent = address
        .and_then(|address| UnixDatagram::unbound()?.send_to_addr(message.as_bytes(), &address));
    if let Err(error) = sent {
        tracing::warn!("telling the service manager {message}: {error}");
    }
}
