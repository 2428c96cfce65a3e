//! Every bound of a queue, a retry, a table or a size, with its reason and what happens at it.

use std::time::Duration;

// What the node knows: directory, digest, location, devices, agents, dialogs, parked calls, link.

/// Errors of one directory file that are reported. Beyond it: the rest is left out; an operator
/// mends the first ones first.
pub const DIRECTORY_ERRORS_MAX: usize = 200;

/// How long a nonce is good. Long enough that a telephone which registers every 10 minutes is
/// rarely challenged twice; as short as that because the other node of a pair does not know which
/// counts were used. Beyond it: challenged again as stale.
pub const NONCE_LIFE: Duration = Duration::from_secs(600);

/// How far a nonce may come from the future: the clocks of a pair may differ. Beyond it: stale.
pub const NONCE_SKEW_MAX: Duration = Duration::from_secs(30);

/// Nonces whose used counts are remembered: twice 10,000 telephones. Beyond it: the oldest is
/// forgotten, and it and every older one is stale.
pub const NONCES_MAX: usize = 20_000;

/// Parameters of one credentials header; ten are known. Beyond it: malformed.
pub const CREDENTIAL_PARAMETERS_MAX: usize = 24;

/// Sources and DNs whose failed attempts are counted. Beyond it: the one whose count is oldest is
/// forgotten.
pub const FAILURES_MAX: usize = 20_000;

/// Time over which failed attempts are counted, and for which is refused then.
pub const FAILURES_WINDOW: Duration = Duration::from_secs(60);

/// Failed attempts of one source in that time. A site behind one address may have a dozen
/// telephones with an old password. Beyond it: refused until the time is over, except for DNs that
/// this source has proved before.
pub const SOURCE_FAILURES_MAX: u32 = 60;

/// Failed attempts for one DN in that time, from all sources: 30 guesses a minute are 43,000 a day,
/// far below what a password withstands. Beyond it: refused, except from where it was last proved;
/// from there four times as many.
pub const DN_FAILURES_MAX: u32 = 30;

/// Contacts of one DN: a desk telephone, a soft one, a few more. Beyond it: refused (403).
pub const BINDINGS_PER_DN_MAX: usize = 8;

/// Bytes of one contact or path. Beyond it: refused.
pub const BINDING_TEXT_BYTES_MAX: usize = 1024;

/// DNs that are registered at a time: five times what a node is built for, about 20 MB. Beyond it:
/// refused (503).
pub const REGISTERED_DNS_MAX: usize = 50_000;
