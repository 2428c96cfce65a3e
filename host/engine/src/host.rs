//! What the shell provides to components. The grants are checked before these are called.

use std::future::Future;
use std::pin::Pin;

use takeover_logic::component::{AddressAnswer, AddressCall, ManagementAnswer, ManagementCall};
use takeover_logic::link::Fault;
use takeover_logic::log_event::{Attribute, Level};

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
