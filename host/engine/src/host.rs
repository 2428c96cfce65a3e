//! What the shell provides to components. The grants are checked before these are called.
//!
//! Reading order: this file (what each world has of its own), [`outside`] (what all worlds share),
//! [`interface`] (what an embedding program adds).

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use takeover_logic::component::{AddressAnswer, AddressCall, ManagementAnswer, ManagementCall};
use takeover_logic::link::Fault;
use takeover_logic::log_event::{Attribute, Level};

pub mod interface;
pub mod outside;

/// An answer that may take a while. Dropped when the component's deadline passes.
pub type HostAnswer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Fault>> + Send + 'a>>;

/// A line that a component writes to the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Severity.
    pub level: Level,
    /// The sentence.
    pub text: String,
    /// Details.
    pub attributes: Vec<Attribute>,
}

/// The shell's side of the world `alarm-reaction`, one value per call of a reaction.
pub trait ReactionHost: Send + Sync + 'static {
    /// Interfaces `management` and `vip-control`.
    fn manage(&self, call: ManagementCall) -> HostAnswer<'_, ManagementAnswer>;

    /// Whether the application that the call is for is primary, with the term that the call began
    /// under: a fault says why not. Asked where a grant is for primaries only; a program that knows
    /// no run modes denies it.
    fn primary(&self) -> HostAnswer<'_, ()> {
        Box::pin(async { Err(Fault::Denied("there are no run modes here".into())) })
    }

    /// Interface `log`.
    fn log(&self, line: LogLine);
}

/// The shell's side of the world `vip-backend`, one value per order.
pub trait VipHost: Send + Sync + 'static {
    /// Interface `addresses`, for the one address of the order.
    fn address(&self, call: AddressCall) -> HostAnswer<'_, AddressAnswer>;

    /// Interface `log`.
    fn log(&self, line: LogLine);
}

/// The shell's side of the worlds of a SIP node, `sip-monitor` and `forwarding-policy`: one value
/// per plugin, shared by its instances.
pub trait SipHost: Send + Sync + 'static {
    /// Interface `log`. Called on the thread that carries the call, so it must not wait.
    fn log(&self, line: LogLine);
}

/// The time that components see. Deadlines do not come from here: they are always real.
pub trait Clock: Send + Sync + 'static {
    /// Wall-clock time in milliseconds since 1970-01-01 UTC.
    fn now_unix_ms(&self) -> u64;

    /// Monotonic time in milliseconds since an origin of the clock's choice.
    fn monotonic_ms(&self) -> u64;

    /// Returns when that much time has passed.
    fn wait(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// The clocks of this host.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    origin: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self { origin: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now_unix_ms(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    fn monotonic_ms(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn wait(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(tokio::time::sleep(duration))
    }
}
