//! How a call of a component ended, and what it cost.

use std::fmt;
use std::time::Duration;

use takeover_logic::link::{Fault, Verdict};

/// How a call ended. Everything but `Ok` and `Fault` says nothing about the outside world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended<T> {
    /// The component answered.
    Ok(T),
    /// The component answered with a fault.
    Fault(Fault),
    /// It trapped: unreachable code, stack overflow, out of bounds, and so on.
    Trap(String),
    /// The deadline passed.
    Deadline,
    /// It asked for more memory, tables or instances than granted.
    Limit(String),
    /// No instance could be made: the engine or the plugin is at a bound.
    Saturated(Bound),
}

/// Which bound kept a call from an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Bound {
    /// The instances of the engine, of a pool, or of a resident.
    #[error("no free instance")]
    Instances,
    /// `concurrency` of the plugin: so many calls of it were under way until the deadline.
    #[error("no free instance: {0} under way, as allowed")]
    Concurrency(usize),
    /// `queue` of the plugin: so many calls of it waited already.
    #[error("queue full: {concurrency} under way and {queue} waiting, as allowed")]
    Queue {
        /// Calls under way at once.
        concurrency: usize,
        /// Calls that may wait.
        queue: usize,
    },
}

impl<T> Ended<T> {
    /// The same with the answer changed.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Ended<U> {
        match self {
            Ended::Ok(value) => Ended::Ok(f(value)),
            Ended::Fault(fault) => Ended::Fault(fault),
            Ended::Trap(text) => Ended::Trap(text),
            Ended::Deadline => Ended::Deadline,
            Ended::Limit(text) => Ended::Limit(text),
            Ended::Saturated(bound) => Ended::Saturated(bound),
        }
    }
}

impl<T> fmt::Display for Ended<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ended::Ok(_) => f.write_str("succeeded"),
            Ended::Fault(fault) => write!(f, "{fault}"),
            Ended::Trap(text) => write!(f, "trapped: {text}"),
            Ended::Deadline => f.write_str("deadline passed"),
            Ended::Limit(text) => write!(f, "limit reached: {text}"),
            Ended::Saturated(bound) => write!(f, "{bound}"),
        }
    }
}

/// What the host functions of one interface took of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostPart {
    /// The interface, as in `http`; `embedded` for those of the program around the engine.
    pub interface: &'static str,
    /// All of its functions together.
    pub took: Duration,
}

/// What all host functions took of a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HostShare {
    pub(crate) total: Duration,
    pub(crate) most: Option<HostPart>,
}

/// How a call ended and what it cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome<T> {
    /// How it ended.
    pub ended: Ended<T>,
    /// Wall time from the call to its end, instantiation included.
    pub took: Duration,
    /// The part of it from the making of the instance to its end; the rest is waiting for a
    /// thread or for room.
    pub instance: Duration,
    /// The part of that spent in host functions.
    pub in_host: Duration,
    /// The interface whose functions took most of that; none: none of them waited.
    pub most_in: Option<HostPart>,
    /// Highest sum over the component's memories, in bytes.
    pub memory_bytes_max: usize,
}

impl<T> Outcome<T> {
    /// The same with the answer changed.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Outcome<U> {
        let Outcome { ended, took, instance, in_host, most_in, memory_bytes_max } = self;
        Outcome { ended: ended.map(f), took, instance, in_host, most_in, memory_bytes_max }
    }
}

/// What a VIP backend's `probe` says, as a verdict: present is good, absent is bad.
pub type Presence = Verdict;
