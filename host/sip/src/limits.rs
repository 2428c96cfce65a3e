//! Every bound of a table, a queue, a retry or a size, with its reason and what happens at it.

use std::time::Duration;

// Messages and transactions.

/// Header lines of a message. The longest seen in the field have 60. Beyond it: 400.
pub const HEADERS_MAX: usize = 200;

/// Header lines that there is room for from the start; few messages have more. Beyond it: the room
/// grows, up to [`HEADERS_MAX`].
pub const HEADERS_USUAL: usize = 24;

/// Bytes of a message's head on a stream. A UDP message can not be longer. Beyond it: the
/// connection is closed, because nobody can tell where the next message begins.
pub const HEAD_BYTES_MAX: usize = 64 << 10;

/// Bytes of a message on a stream, body included: twice what UDP can carry. Beyond it: as above.
pub const MESSAGE_BYTES_MAX: usize = 128 << 10;

/// Transactions at a time. One call uses two, each for up to 32 s after its end: at 1,000 calls/s
/// 64,000. Beyond it: the one that has been over for longest is forgotten, if for [`T4`]; where
/// none has, new INVITEs and registrations are answered with 503 and Retry-After, and anything else
/// is forwarded without a transaction. So 20,000 calls/s find room, in about 400 MiB.
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

/// Requests that wait until somebody has looked a host up. Beyond it: 503 and Retry-After.
pub const WAITING_MAX: usize = 1_000;

/// Hosts that are looked up, or were in the last seconds. Beyond it: as above.
pub const HOSTS_MAX: usize = 1_000;

/// Sources whose rates are watched. Beyond it: the ones that were silent longest are forgotten.
pub const SOURCES_MAX: usize = 20_000;

/// Time between two looks for records of INVITEs whose final answer was missed.
pub const OPEN_SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// How much longer than its time a parked call may exist: enough to be sent on or refused.
pub const PARK_GRACE: Duration = Duration::from_secs(5);

/// Bytes by which what is answered to a datagram is longer than the datagram, at most, so that a
/// spoofed source can not make much of a little. What an answer adds to what it copies: status
/// line, `received`, `rport`, To tag and Content-Length (up to 150 bytes), and one of Allow and
/// Accept (170), two challenges (275 and twice the realm) or the contacts of
/// [`ANSWERED_CONTACTS_BYTES`]. Not counted: contacts of a redirection, which are the operator's
/// own, and a challenge's realm beyond 60 bytes. The fuzz target `node` holds it.
pub const ANSWER_GROWTH_MAX: usize = 600;

/// Bytes of contacts in the answer to a REGISTER that came as a datagram and needed no password,
/// beyond those that it brought itself: three usual ones. Beyond it: the rest is left out, though
/// RFC 3261 section 10.3 asks for all; else everybody could fill such a DN with
/// [`BINDINGS_PER_DN_MAX`] long contacts, and have them sent to anybody.
pub const ANSWERED_CONTACTS_BYTES: usize = 400;

/// Parts of the new calls that can be let in or refused under overload.
pub const ADMIT_ALL: u32 = 64;

/// Seconds in the Retry-After of a 503: about as long as an overload takes to end.
pub const RETRY_AFTER_S: u32 = 5;

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

/// Agents logged in at a time: twice the 10,000 that a node is built for. Beyond it: refused.
pub const AGENTS_MAX: usize = 20_000;

/// Registrations of clients for the events of a DN: ten per DN. Beyond it: refused.
pub const REGISTRATIONS_MAX: usize = 200_000;

/// Bytes of a login id, queue or reason. Beyond it: refused.
pub const AGENT_TEXT_BYTES_MAX: usize = 256;

/// Calls that are counted. 3,000 new ones a second that last a minute are 180,000. Beyond it: a
/// call goes on uncounted, and how many did is counted.
pub const DIALOGS_MAX: usize = 200_000;

/// Answers of one forked call that are told apart. Beyond it: not counted.
pub const FORKS_MAX: usize = 4;

/// Bytes of a party's number that are kept for events and lists. Numbering plans end at 15 digits,
/// a name in a URI is rarely longer than this. Beyond it: its beginning.
pub const PARTY_NUMBER_BYTES_MAX: usize = 64;

/// Calls in one list: about 30 KB. Beyond it: the rest is asked for with the last key.
pub const CALLS_LISTED_MAX: usize = 100;

/// How long a call may ring. Timer C is above 3 minutes and starts anew with each 1xx (RFC 3261
/// section 16.6). Beyond it: not counted any longer.
pub const EARLY_LIFE_MAX: Duration = Duration::from_secs(600);

/// How long a call without a session timer is believed in: no BYE was seen, but hardly any call is
/// longer. Beyond it: not counted any longer.
pub const CONFIRMED_LIFE_MAX: Duration = Duration::from_secs(12 * 3600);

/// How long after the end of its session a call may still say BYE (RFC 4028 section 10: 32 s).
pub const SESSION_EXPIRY_GRACE: Duration = Duration::from_secs(32);

/// Calls that wait on all routing points. Beyond it: refused.
pub const PARKED_MAX: usize = 20_000;

/// Calls that wait on one routing point. Beyond it: refused.
pub const PARKED_PER_DN_MAX: usize = 5_000;

/// INVITEs without a final answer whose records are kept: 1,000 calls a second that ring for 20 s.
/// Beyond it: the oldest is dropped and counted.
pub const OPEN_INVITES_MAX: usize = 20_000;

/// How long a record is kept: as long as a call may ring.
pub const OPEN_INVITE_LIFE_MAX: Duration = EARLY_LIFE_MAX;

/// Longest line on the link between two nodes. Beyond it: the link is closed with a reason.
pub const STANDBY_LINE_BYTES_MAX: usize = 1 << 20;

/// Bytes after which a line of changes is ended: small enough that a keep-alive never waits long.
pub const STANDBY_LINE_BYTES: usize = 64 << 10;

/// Longest single item, so that a line stays below its bound. A message of 64 KiB and its answer
/// are 175 KiB in Base64. Beyond it: not told, and counted.
pub const STANDBY_ITEM_BYTES_MAX: usize = 512 << 10;

/// Bytes on their way that the other node has not acknowledged. At 10 ms and 100 MB/s 1 MB is
/// enough. Beyond it: the rest waits in the log.
pub const STANDBY_FLIGHT_BYTES_MAX: usize = 4 << 20;

/// Bytes of changes that are kept until they are acknowledged: about 9 seconds at 1,000 calls a
/// second (3.6 KB each, measured). Beyond it: all are dropped, and a snapshot is told instead.
pub const STANDBY_LOG_BYTES_MAX: usize = 32 << 20;

/// Longest wait for an acknowledgement before a call goes on without it. A standby on the same
/// network answers within 1 ms; a caller sends again after 500 ms. Beyond it: nobody waits until
/// the standby has caught up.
pub const STANDBY_WAIT: Duration = Duration::from_millis(50);

/// Calls that wait for an acknowledgement at a time. Beyond it: they go on without.
pub const STANDBY_WAITS_MAX: usize = 10_000;

/// How long a backup looks for the other node after it was asked to. Asked again every 5 s, so that
/// one lost request to do so changes nothing. Beyond it: it does not look any longer.
pub const LOOK_TIME: Duration = Duration::from_secs(12);

/// Time between two requests of a look: an answer is there before a host counts as lost, 180 ms
/// after its first missing heartbeat.
pub const LOOK_PROBE_INTERVAL: Duration = Duration::from_millis(50);

/// Requests in a row without an answer that are silence. A node that is overloaded answers within
/// [`STANDBY_WAIT`] and what is in its sockets' buffers, some 100 ms.
pub const LOOK_SILENCE: u32 = 8;

/// Longest wait for the first words on a link. Beyond it: the link is closed.
pub const STANDBY_HELLO_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a newcomer that is not the one to connect waits for the other node before it counts as
/// ready without a snapshot: twice [`STANDBY_HELLO_TIMEOUT`].
pub const STANDBY_NEWCOMER_WAIT: Duration = Duration::from_secs(10);

/// Time between two words to the store of the pair in a row: 100 a second, half of what a program
/// may say on its channel, and a whole store of 10,000 registrations in four seconds.
pub const KEEP_PACE: Duration = Duration::from_millis(10);

/// Time between two rounds of words about changed registrations. What changes twice meanwhile is
/// told once.
pub const KEEP_INTERVAL: Duration = Duration::from_secs(1);

/// Registrations that are compared with the store in one go: about half a millisecond. Beyond it:
/// the rest after [`KEEP_PACE`].
pub const KEEP_COMPARED_MAX: usize = 200;

/// How long a node that knows the registrations waits after it became primary before it opens the
/// store: calls come first then.
pub const KEEP_OPEN_DELAY: Duration = Duration::from_secs(2);

/// Longest wait for an answer of the store. Beyond it: opened anew.
pub const KEEP_ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// How far the store of the pair may be behind the standby link, and the clocks of a pair apart
/// beside it: what is younger than that is not taken back by the store. Beyond it: a telephone that
/// registered anew meanwhile is not known to a backup that takes over then, until it does again.
pub const KEEP_LAG_MAX: Duration = Duration::from_secs(10);
