//! Every bound of a table, a queue, a retry or a size, with its reason and what happens at it.

use std::time::Duration;

// Messages and transactions.

/// Header lines of a message. The longest seen in the field have 60. Beyond it: 400.
pub const HEADERS_MAX: usize = 200;

/// Bytes of a message's head on a stream. A UDP message can not be longer. Beyond it: the
/// connection is closed, because nobody can tell where the next message begins.
pub const HEAD_BYTES_MAX: usize = 64 << 10;

/// Bytes of a message on a stream, body included: twice what UDP can carry. Beyond it: as above.
pub const MESSAGE_BYTES_MAX: usize = 128 << 10;

/// Transactions at a time. One call uses two, each for up to 32 s after its end: at 1,000 calls/s
/// 64,000. Beyond it: new INVITEs and registrations are answered with 503 and Retry-After, anything
/// else is forwarded without a transaction.
pub const TRANSACTIONS_MAX: usize = 200_000;

/// Targets that one request is sent to. A person with desk phone, mobile and softphone has three.
/// Beyond it: those of the lowest preference get no call.
pub const TARGETS_MAX: usize = 10;

/// Hosts that one target's name leads to (RFC 3263). Beyond it: the rest are not tried.
pub const ALTERNATIVES_MAX: usize = 6;

/// Round-trip time estimate (RFC 3261 section 17.1.1.1).
pub const T1: Duration = Duration::from_millis(500);

/// Longest wait between two retransmissions of anything but an INVITE.
pub const T2: Duration = Duration::from_secs(4);

/// How long a message can stay in the network.
pub const T4: Duration = Duration::from_secs(5);

/// How long an unanswered request or response is sent again, and how long an ended transaction
/// still knows its own retransmissions (timers B, D, F, H, J, L, M: 64 times T1).
pub const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(32);

/// Longest ringing without another provisional response (timer C, RFC 3261 section 16.6 step 11:
/// more than three minutes). Beyond it: the branch is canceled.
pub const TIMER_C: Duration = Duration::from_secs(181);
