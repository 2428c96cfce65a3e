//! Every bound of a queue, a retry, a table or a size, with its reason and what happens at it.

use std::time::Duration;

/// Longest link message either side accepts, in bytes. The largest legitimate one is a `Welcome`
/// with a few hundred applications (about 200 KiB). Beyond it: the link is closed with an error.
pub const LINK_MESSAGE_BYTES_MAX: usize = 4 << 20;

/// Reports a host agent keeps while the control server does not acknowledge them. A busy host
/// writes a few per minute, so this is days. Beyond it: the oldest is dropped and counted.
pub const SPOOL_REPORTS_MAX: usize = 10_000;

/// Timeout Startup of a virtual-IP control application where nothing else is configured
/// (guide, *Creating Application Objects for control scripts*): 8 s.
pub const TIMEOUT_STARTUP: Duration = Duration::from_secs(8);

/// Cancel Timeout of the four alarm conditions of a pair (guide, *Creating Alarm Conditions*): 1 s.
pub const PAIR_CANCEL_TIMEOUT: Duration = Duration::from_secs(1);

/// Kernel lifetime of a leased address, in seconds (`valid_lft`; the kernel's resolution is 1 s,
/// measured removal 2.01 to 2.38 s after the last refresh).
pub const ADDRESS_LEASE_S: u32 = 2;

/// Active alarms. One per condition and application; a site with 1,000 applications and ten
/// conditions each stays below it. Beyond it: events raise no more alarms, which is recorded once
/// (90-04006) and the events are counted until there is room (90-04007).
pub const ALARMS_MAX: usize = 10_000;

/// Alarm reactions that run or wait. A switchover needs two to four, so this is a storm of
/// hundreds at once. Beyond it: a reaction fails at once and that is recorded (90-04005).
pub const REACTION_RUNS_MAX: usize = 1_000;

/// How long after a reaction's deadline the shell may still say how it ended; the sandbox ends an
/// instance within 50 ms of its deadline. Beyond it: the run counts as failed.
pub const REACTION_ANSWER_GRACE: Duration = Duration::from_secs(1);

/// Shortest time between two reports of an alarm's growing counter, so that a storm of repeats
/// does not become a storm of updates on every operator's screen. Between them: only counted.
pub const ALARM_REPEATS_INTERVAL: Duration = Duration::from_secs(1);
