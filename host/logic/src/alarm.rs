//! Alarms: which log events raise one, what runs then, what clears it.
//!
//! This module must not know what a reaction does, nor who writes an event. Reading order: [`io`]
//! (what comes in and goes out).

mod io;

pub use io::{Input, Output, Saved, SavedAlarm};
