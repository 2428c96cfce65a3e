//! Every bound of a script, with its reason. At each of them the run ends with an error that no
//! `catch` of the script sees.

/// Bounds that differ with how long a script may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Steps of one run: statements, expressions, turns of loops.
    pub operations: u64,
    /// Bytes of text in one value, everything inside it included.
    pub text_bytes: usize,
    /// Items of lists in one value, everything inside it included.
    pub list_items: usize,
    /// Entries of maps in one value, everything inside it included, where an operator makes it;
    /// what a script puts in one by one is bounded by its steps.
    pub map_entries: usize,
}

/// For a decision about a call, which has 50 ms: 100,000 steps took 7 to 40 ms in the sandbox, on a
/// busy machine. A text holds the longest list of headers, not a document.
pub const DECISION: Bounds =
    Bounds { operations: 100_000, text_bytes: 16 << 10, list_items: 1_024, map_entries: 256 };

/// For a reaction, which has seconds, most of them spent waiting. A text holds the longest body
/// of an HTTP answer (contract: `http`).
pub const REACTION: Bounds =
    Bounds { operations: 1_000_000, text_bytes: 256 << 10, list_items: 4_096, map_entries: 1_024 };

/// Length of a script. As much as the host takes for all settings together. Beyond it: `invalid`.
pub const SCRIPT_BYTES_MAX: usize = 64 << 10;

/// Calls inside calls. As deep as allowed with expressions as deep as allowed has to fit into the
/// 512 KiB that the sandbox has for a stack.
pub const CALL_DEPTH_MAX: usize = 16;

/// Statements and expressions inside each other. Deeper ones are refused when the script is read.
pub const EXPRESSION_DEPTH_MAX: usize = 32;

/// Variables at one moment: with the bounds of their values this is what bounds memory.
pub const VARIABLES_MAX: usize = 64;

/// Functions of a script. Beyond it: refused when the script is read.
pub const FUNCTIONS_MAX: usize = 64;

/// Text of an error that operators see. Beyond it: cut, with a mark.
pub const ERROR_BYTES_MAX: usize = 512;
