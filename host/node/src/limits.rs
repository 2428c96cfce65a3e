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

/// Runs of reactions kept, to ask another version what it would have done: some busy nights, about
/// 2 KB each. Beyond it: the oldest are deleted.
pub const JOURNAL_RUNS_MAX: u64 = 10_000;

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

/// Questions of the API that wait for the decision loop. Beyond it: answered `unavailable`.
pub const ASKS_MAX: usize = 256;

/// Calls and ends of running reactions that wait for the decision loop. Beyond it the component
/// waits, within its own deadline.
pub const REACTION_CALLS_MAX: usize = 256;

/// Inputs taken in a row before links may write and the journal is fed. More make a burst cheaper,
/// fewer make the first order of a burst leave earlier.
pub const BURST_MAX: usize = 32;

/// A deadline that is due again at once is served this much later, so that it can not starve the
/// links.
pub const TICK_INTERVAL_MIN: Duration = Duration::from_millis(1);

/// Longest wait for a command to be carried out: a graceful stop may take 600 s, then its ordinary
/// stop follows. Beyond it: answered `unavailable`; the command goes on.
pub const COMMAND_TIMEOUT: Duration = Duration::from_secs(900);

/// Longest drain before a switchover, in seconds: well within [`COMMAND_TIMEOUT`]. Beyond it:
/// refused.
pub const DRAIN_S_MAX: u32 = 600;

/// Longest wait of a command's answer for the journal. Beyond it: answered `unavailable`, saying
/// that it is done but not yet recorded.
pub const DURABLE_TIMEOUT: Duration = Duration::from_secs(5);

/// Longest wait for the decision loop to answer a question about the present state.
pub const ASK_TIMEOUT: Duration = Duration::from_secs(2);

/// Items that a reader of a stream may be behind: a switchover makes about fifty. Beyond it: the
/// reader is told so and its stream ends; it resumes by sequence.
pub const STREAM_QUEUE_MAX: usize = 1024;

/// Readers of streams at a time. Beyond it: answered `unavailable`.
pub const STREAMS_MAX: usize = 64;

/// Log events read from the journal at a time while a stream catches up.
pub const STREAM_PAGE: u32 = 500;

/// Time between two comments on a quiet stream, so that both ends notice a dead one. The page takes
/// three times as much silence for a lost connection and says so.
pub const STREAM_KEEP_ALIVE: Duration = Duration::from_secs(2);

/// Largest body of a request. The largest legitimate one is 20 bytes. Beyond it: `too-large`.
pub const BODY_BYTES_MAX: usize = 64 << 10;

/// Most items of one answer that lists events, alarms or decisions.
pub const LIST_MAX: u32 = 1000;

/// Items of such an answer where the request does not say.
pub const LIST_DEFAULT: u32 = 100;

/// Connections to the TLS port and the page together. Beyond it new ones are closed at once.
pub const CONNECTIONS_MAX: usize = 2048;

/// Longest time to send the head of a request.
pub const REQUEST_HEAD_TIMEOUT: Duration = Duration::from_secs(5);

/// Changes of the configuration folder are read so long after the last of them: editors write a
/// file in several steps.
pub const RELOAD_SETTLE: Duration = Duration::from_millis(200);

/// Wait before the listener tries again after an error such as too many open files.
pub const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Longest output file of an application. At it the file is kept as `.log.1` and emptied.
pub const OUTPUT_FILE_BYTES_MAX: u64 = 8 << 20;

/// Longest line of an application's output; longer ones are cut into several.
pub const OUTPUT_LINE_BYTES_MAX: usize = 4096;

/// Output of one application read at a time, so that a chatty one does not hold up the others.
pub const OUTPUT_READ_BYTES_MAX: u64 = 256 << 10;

/// Time between two looks at the applications' output. Only people read it.
pub const OUTPUT_READ_INTERVAL: Duration = Duration::from_millis(250);

/// Inputs that wait for the host agent's decision loop. Beyond it their sources wait.
pub const AGENT_INPUTS_MAX: usize = 1024;

/// Messages that wait to be written on an application's channel: a switchover makes three. Beyond
/// it: the connection is closed, the program connects again and is told everything.
pub const CHANNEL_QUEUE_MAX: usize = 64;

/// Longest line on an application channel. The longest message of ours is a hello with many
/// addresses and options, about 2 KiB. Beyond it: the connection is closed.
pub const CHANNEL_LINE_BYTES_MAX: usize = 16 << 10;

/// Bytes that wait because the other side of an application channel does not read: hundreds of
/// messages, on top of what the kernel holds. Beyond it: the connection is closed.
pub const CHANNEL_WAITING_BYTES_MAX: usize = 64 << 10;

/// First wait of a program before it connects to its channel again; doubles up to
/// [`CHANNEL_RETRY_MAX`].
pub const CHANNEL_RETRY_MIN: Duration = Duration::from_millis(10);

/// Longest wait between two attempts: a new agent is heard again so soon at the latest.
pub const CHANNEL_RETRY_MAX: Duration = Duration::from_millis(500);

/// What a program has to say and could not be written yet, in messages. Beyond it: refused.
pub const CHANNEL_SAYINGS_MAX: usize = 256;

/// What a program was told and has not yet taken, in messages. Beyond it the channel is not read,
/// until the agent closes it.
pub const CHANNEL_NEWS_MAX: usize = 256;

/// Log events that a program keeps while its agent is away. Beyond it: the oldest are dropped.
pub const CHANNEL_EVENTS_KEPT_MAX: usize = 64;

/// Time between two words of a program about its calls.
pub const CHANNEL_CALLS_INTERVAL: Duration = Duration::from_millis(100);

/// Records that wait for the host agent's store. Beyond it the decision loop waits for the disk.
pub const STORE_RECORDS_MAX: usize = 16_384;

/// Records after which the host agent's store is moved from its log into the database, in the next
/// second of rest: the log stays at a few MiB (each record changes one to three pages of 4 KiB).
pub const STORE_CHECKPOINT_RECORDS: usize = 500;

/// Longest wait of what follows from a new term until the host agent's store has it. Beyond it the
/// agent goes on with the term in memory only: a disk that hangs must not prevent a takeover.
pub const STORE_TERM_TIMEOUT: Duration = Duration::from_millis(500);

/// Things that wait for a term to be kept. At the bound the agent goes on as after
/// [`STORE_TERM_TIMEOUT`].
pub const HELD_OUTPUTS_MAX: usize = 4096;

/// Programs of components under way at once. A reaction runs one at a time. Beyond it: the call is
/// answered `unavailable`.
pub const PROGRAMS_MAX: usize = 32;

/// Wait for the rest of a program's output after its end, where a process that left its group
/// holds the pipe open. What was written before the end is read at once.
pub const PROGRAM_OUTPUT_GRACE: Duration = Duration::from_millis(100);

/// What the SSH client says about itself, read to explain a fault. Beyond it: cut.
pub const SSH_LOG_BYTES_MAX: u64 = 8 << 10;

/// Threads for what components' calls do with files, names and new processes: all programs and all
/// lookups at once. Beyond it such work waits, within the call's deadline.
pub const OUTSIDE_THREADS_MAX: usize = 2 * PROGRAMS_MAX;

/// Longest wait, at the end of this process, for what components began to be ended.
pub const OUTSIDE_END_TIMEOUT: Duration = Duration::from_secs(1);

/// Lookups of names under way at once, those that nobody waits for any more included. A dead DNS
/// server holds one up for about 20 s. Beyond it a call waits, within its deadline.
pub const LOOKUPS_MAX: usize = 16;

/// Certificate authorities of the system are read again after so long.
pub const AUTHORITIES_AGE_MAX: Duration = Duration::from_secs(600);

/// Head of an answer to a component's HTTP request. Usual ones are below 8 KiB. Beyond it: the
/// call is answered `failed`.
pub const HTTP_HEAD_BYTES_MAX: usize = 64 << 10;

/// Headers of a component's HTTP request, and of its answer. Usual are 10 to 30. Beyond it:
/// `invalid`, or `failed`.
pub const HTTP_HEADERS_MAX: usize = 100;

/// Recipients of one mail: what every relay has to take (RFC 5321 section 4.5.3.1.8). Beyond it:
/// `invalid`.
pub const MAIL_RECIPIENTS_MAX: usize = 100;

/// What a mail relay may say on one connection: a hundred times a usual conversation. Beyond it:
/// the connection is closed and the call answered `failed`.
pub const RELAY_BYTES_MAX: usize = 256 << 10;

/// Longest farewell to a mail relay that has answered for the message already. Beyond it: the
/// connection is closed without.
pub const MAIL_QUIT_TIMEOUT: Duration = Duration::from_secs(1);

/// Longest file with a relay's password. Beyond it: `failed`.
pub const PASSWORD_BYTES_MAX: u64 = 1024;

/// Calls of components' memory that wait for the disk. Each component has one at a time. Beyond
/// it: answered `unavailable`.
pub const MEMORY_CALLS_MAX: usize = 256;

/// Text of a fault of the outside, whose parts come from programs and servers. Beyond it: cut,
/// with a mark.
pub const FAULT_TEXT_BYTES_MAX: usize = 512;

/// Events that wait for an embedded pipeline. Beyond it who hands them in waits.
pub const PIPELINE_EVENTS_MAX: usize = 1024;

/// News of an embedded pipeline that nobody has read yet. Beyond it the oldest are dropped and
/// counted.
pub const PIPELINE_NEWS_MAX: usize = 1024;

/// Time for one program of a plugin's build. The slowest, a first build of a Rust project on a busy
/// machine with its crates to be fetched, takes a few minutes. Beyond it: stopped, and an error.
pub const BUILD_TIMEOUT: Duration = Duration::from_secs(900);

/// Time between two looks at whether such a program has ended.
pub const BUILD_TOOL_POLL: Duration = Duration::from_millis(20);

/// Calls of one `plugin bench`. Beyond it: refused. A million fresh instances take about a minute.
pub const BENCH_CALLS_MAX: u32 = 1_000_000;

/// Time between two looks at the plugin folder that nothing asked for: where the system tells of no
/// changes, a new version is seen after this.
pub const PLUGIN_SCAN_INTERVAL: Duration = Duration::from_secs(5);

/// Shortest time between two looks at the plugin folder: a file that is being copied tells of
/// every piece.
pub const PLUGIN_SCAN_INTERVAL_MIN: Duration = Duration::from_millis(20);

/// Plugins of one process. Beyond it: the rest, in the order of names, is not looked at.
pub const PLUGIN_FOLDERS_MAX: usize = takeover_engine::limits::PLUGINS_MAX;

/// Longest wait at a start for the plugins to be loaded; the first one without kept machine code
/// compiles them all. Beyond it: the start goes on, and what is not loaded can not be called yet.
pub const PLUGIN_LOAD_TIMEOUT: Duration = Duration::from_secs(120);

/// Time of the trial of a version before its use: the default Timeout Startup. Beyond it: rejected.
pub const PLUGIN_TRIAL_TIMEOUT: Duration = Duration::from_secs(8);

/// Instances of a policy or a monitor in use that could not be made are tried again by a call, at
/// most so often; meanwhile calls go without them.
pub const STANDING_RETRY: Duration = Duration::from_secs(1);

/// Settings in use that a version is tried with. Beyond it: the rest meets it in its first call.
pub const PLUGIN_TRIALS_MAX: usize = 16;

/// Events of plugins that wait for whoever keeps them: a start with as many plugins as are allowed
/// makes about ten each, most of them below the standard level. Beyond it: dropped and counted.
pub const PLUGIN_EVENTS_MAX: usize = 4096;

/// Size of what is kept about a plugin's versions; it has at most 40 digests with reasons. Beyond
/// it: not used, the plugin begins anew.
pub const PLUGIN_VERSIONS_BYTES_MAX: u64 = 256 << 10;

/// Questions of one call that are recorded for a version in shadow. Beyond it: not compared.
pub const REHEARSAL_CALLS_MAX: usize = 256;

/// What one version did with one input, in words. Beyond it: cut.
pub const REHEARSAL_TEXT_BYTES_MAX: usize = 1024;

/// A call of a plugin whose instance lived so long, in milliseconds, is a log event where the
/// configuration does not say otherwise.
pub const SLOW_CALL_DEFAULT_MS: u64 = 1000;

/// Uses of one plugin whose settings are remembered as they were at its start. Beyond it: a changed
/// setting of the rest takes effect with the next call.
pub const PLUGIN_USES_MAX: usize = 1024;

/// Shortest time between two log events about slow calls of one plugin. Within it: counted, and the
/// next event says how many.
pub const SLOW_CALL_INTERVAL: Duration = Duration::from_secs(10);

/// Time between two looks of a host agent at what to tell of its plugins; nothing is told where
/// nothing changed. Operators read these numbers, nothing is decided by them.
pub const PLUGINS_TOLD_INTERVAL: Duration = Duration::from_secs(5);
/// A component in a registry: what a host takes. Beyond it: not pulled.
pub const REGISTRY_COMPONENT_BYTES_MAX: u64 = takeover_engine::limits::COMPONENT_BYTES_MAX;

/// Manifests, tokens and errors of a registry: what registries take as a manifest (distribution
/// specification, "pushing manifests"). Beyond it: an error.
pub const REGISTRY_ANSWER_BYTES_MAX: u64 = 4 << 20;

/// Redirects of one request to a registry; those that keep blobs elsewhere make one.
pub const REGISTRY_REDIRECTS_MAX: u32 = 5;

/// Wait for a connection to a registry.
pub const REGISTRY_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Longest time of one request to a registry: 64 MiB at 1 Mbit/s.
pub const REGISTRY_TIMEOUT: Duration = Duration::from_secs(600);

/// A file with credentials for registries; some tools keep dozens of registries in it.
pub const CREDENTIALS_BYTES_MAX: u64 = 1 << 20;

/// What programs want to have kept and the thread that keeps it did not take yet, in words. Each
/// program has at most three under way. Beyond it: lost; a program that gets no answer asks anew.
pub const KEEPER_WORDS_MAX: usize = 1024;

/// Answers of that thread that wait for the decision loop. Beyond it the thread waits.
pub const KEEPER_ANSWERS_MAX: usize = 256;

/// Longest time for which the file of what is kept for a pair is behind. Some 4 MB for 10,000
/// registrations, less than 1 MB/s. A crash of the control server loses as much, and a primary that
/// runs puts it right.
pub const KEPT_WRITE_INTERVAL: Duration = Duration::from_secs(5);

/// Longest file of what is kept for a pair, in bytes: twice its values' bound, as JSON. Beyond it:
/// not read, put aside.
pub const KEPT_FILE_BYTES_MAX: u64 = 64 << 20;

/// Slice of a thread that gets the processor soon after it wakes: the shortest that Linux gives;
/// its own default is 0.7 ms and more, growing with the cores. A thread that works for longer is
/// only asked more often whether others want to.
pub const PROMPT_SLICE: Duration = Duration::from_micros(100);
