//! Every bound of the sandbox, with its reason and what happens at it.

use std::time::Duration;

/// Memory of one instance, summed over its memories, where nothing else is said. Rust guests use
/// about 1.1 MiB, JavaScript guests 2, Python guests 13. A plugin may ask for another amount
/// (`memory_mib` in plugin.toml). Beyond it: the call ends as `Limit`.
pub const MEMORY_BYTES: usize = 16 << 20;

/// The most that can be configured as memory of one instance: the size of a slot of the pool.
pub const MEMORY_BYTES_MAX: usize = 64 << 20;

/// Of the memory that a call has written to, what stays in its slot of the pool for the next call
/// of the same component: a Rust guest writes to some 60 KiB, an interpreter to a few hundred.
/// Beyond it: given back to the system. All slots together keep at most so much each.
pub const KEPT_MEMORY_BYTES: usize = 1 << 20;

/// The same for each table, of which few are larger than a page.
pub const KEPT_TABLE_BYTES: usize = 64 << 10;

/// Elements over all tables of one instance. A Rust guest has a few hundred. Beyond it: `Limit`.
pub const TABLE_ELEMENTS_MAX: usize = 20_000;

/// Core instances in one component instance; toolchains make about ten. Beyond it: `Limit`.
pub const CORE_INSTANCES_MAX: usize = 64;

/// Tables in one component instance. Beyond it: `Limit`.
pub const TABLES_MAX: usize = 8;

/// Memories in one component instance. Beyond it: `Limit`.
pub const MEMORIES_MAX: usize = 4;

/// Stack of guest code. Beyond it: `Trap`. The difference to [`FIBER_STACK_BYTES`] is what host
/// functions may use; running out of that would end the process, so it is generous.
pub const GUEST_STACK_BYTES: usize = 512 << 10;

/// Stack of the fiber that a call runs on.
pub const FIBER_STACK_BYTES: usize = 2 << 20;

/// Bytes that a component may hand to the host in one call or answer. Beyond it: `Limit`.
pub const HOST_CALL_BYTES_MAX: usize = 1 << 20;

/// Text of an answer or a fault that operators see. Beyond it: cut, with a mark.
pub const ANSWER_TEXT_BYTES_MAX: usize = 4096;

/// What a component wrote to its standard error, kept to explain a trap. Beyond it: dropped.
pub const STDERR_BYTES_MAX: usize = 1024;

/// Text of one log line. Beyond it: cut, with a mark.
pub const LOG_TEXT_BYTES_MAX: usize = 2048;

/// Attributes of one log line. Beyond it: dropped.
pub const LOG_ATTRIBUTES_MAX: usize = 16;

/// Value of an attribute of a log line. Beyond it: cut, with a mark.
pub const LOG_ATTRIBUTE_BYTES_MAX: usize = 1024;

/// Log lines of one plugin in a burst. Beyond it: dropped and counted.
pub const LOG_LINES_BURST: u32 = 64;

/// Log lines of one plugin a second, on average.
pub const LOG_LINES_PER_S: u32 = 16;

/// Alarm reactions under way at once. A pair raises at most a handful at a time. Beyond it: the
/// call waits, and is `Saturated` at its deadline.
pub const REACTIONS_MAX: usize = 112;

/// Orders to VIP backends under way at once, kept apart from reactions, so that reactions that
/// hang never delay an address. Beyond it: as above.
pub const VIP_CALLS_MAX: usize = 16;

/// Calls of one plugin under way at once, where `plugin.toml` says nothing (`concurrency`), and the
/// most that it can say: all there is room for. Beyond it: the call waits.
pub const CONCURRENCY_MAX: usize = REACTIONS_MAX;

/// Calls of one plugin that wait, where `plugin.toml` says nothing (`queue`), and the most that it
/// can say: a storm of alarms makes fewer, and each holds some kilobytes. Beyond it: `Saturated`,
/// at once.
pub const QUEUE_MAX: usize = 256;

/// Monitors of one process, old and new generations together. A node has one or two. Beyond it: a
/// further one is not started.
pub const RESIDENTS_MAX: usize = 16;

/// Instances of forwarding policies that the pools of one process may have, warm and one-shot, old
/// and new generations together. Beyond it: a further pool is not started.
pub const POLICY_INSTANCES_MAX: usize = 128;

/// Warm instances of one pool: more than a node has threads for calls. Beyond it: not started.
pub const POOL_WARM_MAX: usize = 32;

/// One-shot instances under way at once, for one pool, where nothing else is said. They cost ten
/// times a warm call, so more of them would only make a burst longer. Beyond it: `Saturated`, at
/// once, and the static fallback decides.
pub const POOL_ONE_SHOTS: usize = 4;

/// The most that can be configured as such.
pub const POOL_ONE_SHOTS_MAX: usize = 32;

/// Calls after which an instance of a pool is replaced by a fresh one, so that what a component
/// leaks or piles up does not add up for ever. A busy node makes as many in minutes.
pub const POLICY_CALLS_MAX: u32 = 100_000;

/// Longest time of one decision where nothing else is said: far above any decision, far below the
/// first retransmission of an INVITE (500 ms, RFC 3261, 17.1.1.2). Beyond it: `Deadline`.
pub const POLICY_DEADLINE: Duration = Duration::from_millis(50);

/// The most that can be configured as such.
pub const POLICY_DEADLINE_MAX: Duration = Duration::from_secs(1);

/// Longest time until a replacement in a pool has instantiated and run its `init`. Beyond it: it is
/// tried again after a while.
pub const POOL_START_TIMEOUT: Duration = Duration::from_secs(8);

/// Time between two looks at the deadline of running guest code. A deadline is overshot by about
/// this at most.
pub const EPOCH_INTERVAL: Duration = Duration::from_millis(10);

/// Longest time from the beginning of a decision to the first look, where no other guest code runs:
/// the shortest deadline of a policy less [`EPOCH_INTERVAL`], and at most this. More often would
/// only wake up an idle process.
pub const EPOCH_INTERVAL_IDLE: Duration = Duration::from_millis(40);

/// Time between two looks while a call computes for long: others wait that long for the processor
/// at most, where the system's own share of time is about 4 ms.
pub const EPOCH_INTERVAL_BUSY: Duration = Duration::from_millis(1);

/// Threads that run guest code. Two, so that one guest in a tight loop delays the others by a
/// tick at most.
pub const GUEST_THREADS: usize = 2;

/// A call that has computed for so long without a pause, when a tick finds it, goes on among the
/// patient threads. Far above any call of a compiled guest (0.1 ms), so that few are moved for the
/// chance of a tick alone; what it is worth is what others wait behind a loop at most.
pub const LONG_TURN: Duration = Duration::from_millis(2);

/// Plugins that are remembered to compute for long. More than a site has; beyond it a call begins
/// among the quick threads each time.
pub const LONG_NAMES_MAX: usize = 256;

/// Threads for calls that compute for long: one core stays free for everything else. Beyond it:
/// such calls share them, turn by turn.
pub fn patient_threads_max() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    cores.saturating_sub(1).max(1)
}

/// How much the threads of calls that compute for long give way to all others, 0 to 19.
pub const PATIENT_NICENESS: i32 = 10;

/// Probes of one `who-has` call.
pub const PROBE_ATTEMPTS_MAX: u8 = 10;

/// Wait after each probe of one `who-has` call, in milliseconds.
pub const PROBE_INTERVAL_MS_MAX: u32 = 1000;

/// Size of `component.wasm`. Python guests are about 18 MiB. Beyond it: rejected unread.
pub const COMPONENT_BYTES_MAX: u64 = 64 << 20;

/// Size of `plugin.toml`. Beyond it: rejected unread.
pub const MANIFEST_BYTES_MAX: u64 = 64 << 10;

/// Plugin folders in one folder. Beyond it: the rest, in the order of names, is rejected.
pub const PLUGINS_MAX: usize = 256;

/// Size of a file of `policies.d`: what the script components read at most. Beyond it: rejected
/// unread.
pub const POLICY_BYTES_MAX: u64 = 64 << 10;

/// Policies in one folder: each has an instance of a script component ready or made anew. Beyond
/// it: the rest, in the order of names, is rejected.
pub const POLICIES_MAX: usize = 64;

/// Of the line that an error of a policy is about, what is shown. Beyond it: cut, with a mark.
pub const POLICY_LINE_SHOWN_BYTES_MAX: usize = 120;

/// The version that a policy's author writes. Beyond it: rejected.
pub const POLICY_VERSION_BYTES_MAX: usize = 64;

/// Settings of one reaction or virtual IP, as JSON. Beyond it: a configuration error.
pub const SETTINGS_BYTES_MAX: usize = 64 << 10;

/// What a program may leave on each of its streams. Beyond it: cut (contract: `command.output`).
pub const COMMAND_OUTPUT_BYTES_MAX: usize = 64 << 10;

/// Body of an HTTP request or answer. Beyond it: refused as `invalid`, or cut (contract: `http`).
pub const HTTP_BODY_BYTES_MAX: usize = 256 << 10;

/// Payload of a datagram: fits every Ethernet. Beyond it: `invalid` (contract: `datagram`).
pub const DATAGRAM_BYTES_MAX: usize = 1400;

/// Durable state of one plugin, keys and values. Beyond it: `invalid` (contract: `memory`).
pub const MEMORY_STATE_BYTES_MAX: usize = 64 << 10;

/// Size of a file of `grants.d`. Beyond it: the plugin is rejected, the file unread.
pub const GRANT_FILE_BYTES_MAX: u64 = 64 << 10;

/// Rows of one file of `grants.d`. Beyond it: the file is refused; nobody could oversee them.
pub const GRANTS_MAX: usize = 64;

/// Entries of one list in a file of `grants.d`. Beyond it: the file is refused.
pub const GRANT_SCOPE_MAX: usize = 64;

/// What is granted, as far as the sentence about a denied call lists it. Beyond it: a number.
pub const DENIED_LIST_MAX: usize = 8;

/// Size of `plugin.sig`: a key and a signature are 142 bytes. Beyond it: no signature.
pub const SIGNATURE_BYTES_MAX: usize = 512;

/// What is read of a file with a private key. Beyond it: no key.
pub const KEY_FILE_BYTES_MAX: u64 = 4096;

/// A URL; servers take about as much. Beyond it: `invalid`.
pub const HTTP_URL_BYTES_MAX: usize = 8 << 10;

/// Headers of a request or an answer. Beyond it: `invalid`, or left out.
pub const HTTP_HEADERS_MAX: usize = 64;

/// Names and values of all headers of a request or an answer. Beyond it: as above.
pub const HTTP_HEADER_BYTES_MAX: usize = 16 << 10;

/// Arguments of a program. Beyond it: `invalid`.
pub const COMMAND_ARGUMENTS_MAX: usize = 256;

/// All arguments of a program together: fits the smallest limit of the systems that run them.
/// Beyond it: `invalid`.
pub const COMMAND_ARGUMENT_BYTES_MAX: usize = 64 << 10;

/// Recipients of a message. Beyond it: `invalid`.
pub const MAIL_RECIPIENTS_MAX: usize = 32;

/// Subject of a message: fits one line of the format (RFC 5322, 2.1.1) after encoding. Beyond it:
/// `invalid`.
pub const MAIL_SUBJECT_BYTES_MAX: usize = 512;

/// Text of a message. Beyond it: `invalid`.
pub const MAIL_TEXT_BYTES_MAX: usize = 64 << 10;

/// A key of durable state. Beyond it: `invalid`.
pub const MEMORY_KEY_BYTES_MAX: usize = 256;

/// A name of something in the configuration, as a component says it. Beyond it: `invalid`, so that
/// it does not get into the journal.
pub const NAME_BYTES_MAX: usize = 256;

/// The value of an option, likewise.
pub const OPTION_VALUE_BYTES_MAX: usize = 4096;

/// Real time for one test case of a component, whose own clock is the case's. A case that takes
/// longer hangs or loops; it ends as `Deadline`.
pub const CASE_TIMEOUT: Duration = Duration::from_secs(10);

/// Compilers at work at once: one core stays free for decisions, and more than four gain little.
/// Beyond it: the next waits.
pub fn compilers_max() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    cores.saturating_sub(1).clamp(1, 4)
}

/// How much a compiler gives way to all others, 0 to 19: as much as what computes for long, and no
/// more. All threads share one address space, and one that hardly ever gets the processor holds its
/// lock against those that must not wait (141 ms, as measured for the idle class).
pub const COMPILER_NICENESS: i32 = PATIENT_NICENESS;

/// Longest time of compiling one component; a Python guest of 18 MiB takes about 3 s of a core.
pub const COMPILE_TIME_MAX: Duration = Duration::from_secs(60);

/// Size of one file of kept machine code; a Python guest makes about 60 MiB. Beyond it: not kept.
pub const CODE_FILE_BYTES_MAX: u64 = 256 << 20;

/// Files of kept machine code. Beyond it: those that were not used for the longest time go.
pub const CODE_FILES_MAX: usize = 64;
