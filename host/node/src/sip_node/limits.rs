//! Every bound of the SIP node's shell, with its reason and what happens at it.

use std::time::Duration;

/// Largest message: what fits into a datagram (RFC 3261 section 18.1.1 wants all of it taken).
/// Beyond it: a datagram can not be longer; a stream's connection is closed.
pub(crate) const MESSAGE_BYTES_MAX: usize = 65_535;

/// Datagrams taken or sent in one call of the kernel. Room for each is prepared before every call,
/// so more would cost those that come alone. Beyond it: the next call.
pub(crate) const BATCH_MAX: usize = 32;

/// Datagrams per second from which on they may gather before they are looked at. A timer wakes a
/// thread at the cost of several datagrams, and what waits for it cools down; what gathered is
/// answered with one call of the kernel. At 3,000 a second an OPTIONS cost 6.9 us with pauses and
/// 8.0 without, at 1,500 it took 11.5 and 12.6, and there the delay is a price for nothing: a node
/// that is asked so little has time. Below this rate every one is taken at once.
pub(crate) const GATHER_FROM_PER_S: u32 = 2_500;

/// Datagrams that are waited for: fewer than a batch, which means that more comes in than is taken.
pub(crate) const GATHER_COUNT: u32 = 30;

/// Longest time that datagrams gather: a hundredth of the first wait before a message is sent again
/// (T1, RFC 3261 section 17.1.1.1).
pub(crate) const GATHER_MAX: Duration = Duration::from_millis(5);

/// Silence after which the next datagram wakes the thread: one look that brought nothing.
pub(crate) const GATHER_LULL: Duration = Duration::from_millis(8);

/// Shortest time for which a thread is put to sleep. Below it batches form by themselves.
pub(crate) const GATHER_MIN: Duration = Duration::from_micros(60);

/// Shortest time from one look at the machine's deadlines to the next: transactions that end one
/// after the other share a wake-up. Their timers are late by this much at most, a 25th of T1.
pub(crate) const DEADLINE_INTERVAL_MIN: Duration = Duration::from_millis(20);

/// Time over which the rate of datagrams is judged: many bursts, or the rate of one would be taken
/// for that of all.
pub(crate) const GATHER_WINDOW: Duration = Duration::from_millis(100);

/// Wanted receive buffer of a UDP socket: about two seconds of 3,000 messages of 700 bytes per
/// second. The kernel may grant less. Beyond it: the kernel drops, and callers send again.
pub(crate) const UDP_RECEIVE_BUFFER_BYTES: usize = 4 << 20;

/// Wanted send buffer of a UDP socket, for bursts of several batches. Beyond it: see
/// [`UDP_SEND_WAIT`].
pub(crate) const UDP_SEND_BUFFER_BYTES: usize = 1 << 20;

/// Longest wait for room in a full send buffer, once per batch. Beyond it: the message is dropped
/// and counted; SIP sends it again.
pub(crate) const UDP_SEND_WAIT: Duration = Duration::from_millis(5);

/// Destinations that could not be reached, told per turn of the loop. Beyond it: counted only;
/// timers find out.
pub(crate) const UNREACHABLE_MAX: usize = 64;

/// Local addresses of a node: a virtual IP of each family, or the same for both hosts of a site.
/// Beyond it: refused at the start.
pub(crate) const LISTEN_ADDRESSES_MAX: usize = 8;

/// A node that has not found the end of what waits on its sockets for so long is overloaded: a part
/// of the new calls is refused, so that those under way get through. At 25,000 messages per second
/// it is 1,250 of them, half of what the receive buffer takes. With 20 ms bursts of sipp alone were
/// taken for overload: the rate at which no call is refused was 4,000 a second instead of 6,000.
pub(crate) const OVERLOAD_WINDOW: Duration = Duration::from_millis(50);

/// Windows without overload that are counted after a pause: enough to let all calls in again.
pub(crate) const OVERLOAD_WINDOWS_MAX: u128 = 64;

/// Time between two lines of the log that say that calls are refused.
pub(crate) const OVERLOAD_TOLD_INTERVAL: Duration = Duration::from_secs(10);

/// Inputs that wait for the SIP thread: a second of 4,000 messages by TCP. Beyond it connections
/// are not read, so that TCP slows their senders down, and requests of clients are refused.
pub(crate) const INBOX_MAX: usize = 4096;

/// Inputs taken in a row before datagrams get their turn.
pub(crate) const INBOX_TURN_MAX: usize = 256;

/// Shortest sleep of the SIP thread where nothing arrives. A timer that ends before the kernel's
/// next tick (4 ms at 250 Hz) is set in the hardware when the sleep begins and once more when a
/// datagram ends it: 12 us for each wake-up instead of 4, measured in a virtual machine. Deadlines
/// are looked at after every datagram in any case; where none comes, they are late by this at most.
pub(crate) const SLEEP_MIN: Duration = Duration::from_millis(5);

/// Longest sleep of the SIP thread where nothing is due, so that a lost wake-up can never be more
/// than a delay.
pub(crate) const IDLE_MAX: Duration = Duration::from_millis(1000);

/// Open connections by TCP and TLS. A telephone has one. Beyond it new ones are closed at once.
pub(crate) const CONNECTIONS_MAX: usize = 20_000;

/// Connections accepted from one address, so that one source can not take all of them. A site's
/// telephones may share an address behind its router. Beyond it new ones are closed at once.
pub(crate) const CONNECTIONS_PER_SOURCE_MAX: usize = 2_000;

/// Messages that wait to be written on one connection. Beyond it the peer does not read: the
/// connection is closed.
pub(crate) const CONNECTION_QUEUE_MAX: usize = 256;

/// Longest wait for a new connection, TLS included. Shorter than timer B (32 s), so that there is
/// time for another address. Beyond it: unreachable.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Longest time of a TLS handshake that a peer began. Beyond it: closed.
pub(crate) const TLS_ACCEPT_TIMEOUT: Duration = Duration::from_secs(5);

/// Longest wait for a peer to read what is written to it. Beyond it: closed.
pub(crate) const STREAM_WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// Longest time from what can not be framed on a connection to its end: what was asked before it is
/// answered, and the peer reads that and closes. Beyond it: closed. As long as a peer may take for
/// its part of a handshake.
pub(crate) const STREAM_LAST_ANSWERS: Duration = Duration::from_secs(5);

/// A connection on which nothing arrives for so long is closed. Many telephones send no
/// keep-alive, and then nothing but their REGISTER, once an hour or oftener, shows that they are
/// there.
pub(crate) const STREAM_IDLE_MAX: Duration = Duration::from_secs(3900);

/// Longest wait for the first bytes of a connection that was accepted, and for the next part of a
/// message that has begun. Beyond it: closed.
pub(crate) const STREAM_PART_TIMEOUT: Duration = Duration::from_secs(30);

/// After so long without acknowledgement the kernel gives up a connection (`TCP_USER_TIMEOUT`);
/// on a quiet one it looks every minute whether the peer is still there.
pub(crate) const STREAM_USER_TIMEOUT: Duration = Duration::from_secs(20);

/// Bytes read from a connection at a time.
pub(crate) const STREAM_READ_BYTES: usize = 16 << 10;

/// Wait before a listener tries again after an error such as too many open files.
pub(crate) const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Questions for addresses under way at once. Beyond it: answered with an error at once; the call
/// is refused rather than kept waiting.
pub(crate) const RESOLVE_MAX: usize = 256;

/// Answers kept, as long as their time to live says.
pub(crate) const RESOLVE_CACHE_MAX: u64 = 4096;

/// Longest time for all the lookups of one question. Beyond it: answered with an error. A third of
/// the time a caller waits before it hangs up.
pub(crate) const RESOLVE_TIMEOUT: Duration = Duration::from_secs(4);

/// Addresses of one answer. Beyond it: the rest, which is the least wanted, is left out.
pub(crate) const RESOLVE_TARGETS_MAX: usize = 16;

/// Longest line of the standby link: a record with a raw INVITE of the largest size, its bytes
/// written as text. Beyond it: the link is closed.
pub(crate) const STANDBY_LINE_BYTES_MAX: usize = 256 << 10;

/// Lines that wait to be written on the standby link. Beyond it the link is closed: the standby is
/// behind and gets a new snapshot.
pub(crate) const STANDBY_QUEUE_MAX: usize = 16_384;

/// Longest wait for the standby to read what is written to it. Beyond it: closed.
pub(crate) const STANDBY_WRITE_TIMEOUT: Duration = Duration::from_secs(5);

/// A standby link on which nothing comes is asked for a sign of life by the kernel so often, in
/// seconds. Where the other end has given it up, or is another program by now, the answer is a
/// reset; an end that has nothing to say would not learn of it otherwise.
pub(crate) const STANDBY_KEEPALIVE_S: u32 = 2;

/// Longest time for connection and handshake of the standby link. Beyond it: tried again.
pub(crate) const STANDBY_CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Time between two attempts to bind the SIP port: a port that the other instance of a single-host
/// pair gives up is taken at once.
pub(crate) const BIND_RETRY_INTERVAL: Duration = Duration::from_millis(500);

/// Clients of the agents' API at a time, by WebSocket. A desktop has one, to each node. Beyond it:
/// answered `unavailable`.
pub(crate) const CLIENTS_MAX: usize = 2000;

/// Events that a client may be behind. A call makes about ten. Beyond it: the client is told so
/// and disconnected.
pub(crate) const CLIENT_QUEUE_MAX: usize = 512;

/// Longest request of a client. Beyond it: refused by HTTP, disconnected by WebSocket.
pub(crate) const CLIENT_REQUEST_BYTES_MAX: usize = 16 << 10;

/// Longest wait for a client to read what is written to it. Beyond it: disconnected.
pub(crate) const CLIENT_WRITE_TIMEOUT: Duration = Duration::from_secs(5);

/// Time between two pings to a client, so that both ends notice a dead one.
pub(crate) const CLIENT_PING_INTERVAL: Duration = Duration::from_secs(15);

/// Longest wait for the machine to answer a request by HTTP. Beyond it: answered `unavailable`.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// Longest wait for the SIP thread to say what it counted. Beyond it: answered `unavailable`.
pub(crate) const COUNTS_TIMEOUT: Duration = Duration::from_secs(1);

/// Time between two reports of how many calls there are while a switchover waits for their end.
pub(crate) const CALLS_TOLD_INTERVAL: Duration = Duration::from_millis(200);

/// Most requests a second from one address that begin something, where nothing is configured. A
/// switchboard without a trunk of its own is far below it; beyond it: dropped and counted.
pub(crate) const SOURCE_RATE_DEFAULT: u32 = 500;

/// Decisions kept per second, over time. At 2 a second a day of records is about 100 MB, and a node
/// with fewer calls keeps all of them. Beyond it: not kept, and counted.
pub(crate) const RECORD_PER_S: u64 = 2;

/// Decisions kept in a burst. Beyond it: as above.
pub(crate) const RECORD_BURST: u64 = 200;

/// Bytes of one of the two files of decisions. Beyond it: the other one is begun anew, so that
/// between one and two of them are kept.
pub(crate) const RECORD_FILE_BYTES_MAX: u64 = 128 << 20;

/// Bytes of one decision. The usual ones have 600. Beyond it: not kept.
pub(crate) const RECORD_LINE_BYTES_MAX: usize = 64 << 10;

/// Decisions that wait to be written. Beyond it: not kept, and counted.
pub(crate) const RECORD_QUEUE_MAX: usize = 1024;
