//! Messages: torture, edits, answers, streams.

mod parts;
mod torture;
