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

/// Inputs of the deciding machines kept for replay: two hosts at 100 ms heartbeats make about
/// 40 rows a second, so this is over an hour of everything. Beyond it: the oldest are deleted.
pub const JOURNAL_INPUTS_MAX: u64 = 200_000;

/// Log events kept: a busy week, about 100 MB. Beyond it: the oldest are deleted.
pub const JOURNAL_EVENTS_MAX: u64 = 200_000;

/// Steps of run-mode decisions kept: some thousand decisions. Beyond it: the oldest are deleted.
pub const JOURNAL_STEPS_MAX: u64 = 100_000;

/// Cleared alarms kept. Beyond it: the oldest are deleted.
pub const JOURNAL_ALARMS_MAX: u64 = 20_000;

/// Starts of the control server, and configuration texts, kept. Beyond it: the oldest are deleted.
pub const JOURNAL_STARTS_MAX: u64 = 100;

/// Rows deleted from one table in one commit, so that trimming never delays an acknowledgement.
pub const JOURNAL_TRIM_ROWS_MAX: u64 = 2_000;

/// Rows that wait while the journal can not be written (disk full). Beyond it: waiting inputs are
/// dropped first, then the oldest of the rest; both are counted and the count is recorded.
pub const JOURNAL_WAITING_MAX: usize = 50_000;

/// Time between two attempts to write after one went wrong.
pub const JOURNAL_RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Inputs that decided nothing (heartbeats) may wait so long for a commit, so that an idle system
/// does not wear the disk. Lost with a power failure they are missed by nobody.
pub const JOURNAL_IDLE_COMMIT_INTERVAL: Duration = Duration::from_secs(1);
