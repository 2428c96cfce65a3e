//! Every bound of the sandbox, with its reason and what happens at it.

use std::time::Duration;

/// Memory of one instance, summed over its memories, where nothing else is said. Rust guests use
/// about 1.1 MiB, Go guests a few, Python guests need more. Beyond it: the call ends as `Limit`.
pub const MEMORY_BYTES: usize = 16 << 20;

/// The most that can be configured as memory of one instance: the size of a slot of the pool.
pub const MEMORY_BYTES_MAX: usize = 64 << 20;

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

/// Time between two looks at the deadline of running guest code. A deadline is overshot by about
/// this at most; shorter costs wake-ups of an idle process.
pub const EPOCH_INTERVAL: Duration = Duration::from_millis(10);

/// Threads that run guest code. Two, so that one guest in a tight loop delays the others by a
/// tick at most.
pub const GUEST_THREADS: usize = 2;

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

/// Size of `plugin.sig` beside a manifest; it travels with the package. Beyond it: rejected unread.
pub const SIGNATURE_FILE_BYTES_MAX: u64 = 4 << 10;

/// Compilers at work at once: one core stays free for decisions, and more than four gain little.
/// Beyond it: the next waits.
pub fn compilers_max() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    cores.saturating_sub(1).clamp(1, 4)
}

/// How much a compiling thread gives way to all others, 0 to 19.
pub const COMPILER_NICENESS: i32 = 15;

/// Longest time of compiling one component; a Python guest of 18 MiB takes about 3 s of a core.
pub const COMPILE_TIME_MAX: Duration = Duration::from_secs(60);

/// Size of one file of kept machine code; a Python guest makes about 60 MiB. Beyond it: not kept.
pub const CODE_FILE_BYTES_MAX: u64 = 256 << 20;

/// Files of kept machine code. Beyond it: those that were not used for the longest time go.
pub const CODE_FILES_MAX: usize = 64;
