//! Every bound of the shell, with its reason and what happens at it.

use std::time::Duration;

/// Messages that wait to be written on one link. A switchover is about ten messages; beyond it the
/// other side has not read for long: the link is closed, and state is told anew on the next one.
pub const LINK_QUEUE_MAX: usize = 1024;

/// Events of all links that wait for the decision loop. Beyond it links are not read, so that TCP
/// slows their senders down.
pub const LINK_EVENTS_MAX: usize = 4096;

/// Longest wait for a peer to read what is written to it. Beyond it: the link is closed. Twice the
/// longest silence a usual heartbeat setting tolerates.
pub const LINK_WRITE_TIMEOUT: Duration = Duration::from_secs(2);

/// Longest wait for a TCP connection to one control address.
pub const LINK_CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Longest time for the TLS and WebSocket handshakes together, and for the first message after
/// them. A loaded control server needs a few milliseconds.
pub const LINK_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(2);

/// First wait after a failed or ended link; doubles up to [`LINK_BACKOFF_MAX`], half of it random,
/// so that agents do not come back in step.
pub const LINK_BACKOFF_MIN: Duration = Duration::from_millis(50);

/// Longest wait between two attempts to link.
pub const LINK_BACKOFF_MAX: Duration = Duration::from_secs(2);

/// A link that lived so long was a good one: the next attempt begins with the shortest wait.
pub const LINK_GOOD_AFTER: Duration = Duration::from_secs(5);

/// After so long without acknowledgement the kernel gives up a connection (`TCP_USER_TIMEOUT`).
/// Only cleans up: the machines notice a dead peer by its missing heartbeats, much earlier.
pub const TCP_USER_TIMEOUT: Duration = Duration::from_secs(10);

/// Largest certificate, key or CA file. A chain of four certificates is below 10 KiB. Beyond it the
/// file is refused.
pub const PEM_BYTES_MAX: u64 = 256 << 10;
