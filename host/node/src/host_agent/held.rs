//! What waits while a new term is being kept: everything that the machine wanted after it. Signs
//! of life do not wait, so a slow disk delays an order and never looks like a lost host.

use std::collections::VecDeque;
use std::time::Instant;

use takeover_logic::host_agent::io::Output;
use takeover_logic::link::AgentMessage;
use tokio::sync::oneshot;
use tokio::time::timeout_at;

use crate::limits::{HELD_OUTPUTS_MAX, STORE_TERM_TIMEOUT};

#[cfg(test)]
mod tests;

/// Outputs in the order in which they came, and what they wait for.
#[derive(Default)]
pub(super) struct Held {
    term: Option<Wait>,
    outputs: VecDeque<Output>,
}

struct Wait {
    kept: oneshot::Receiver<()>,
    until: Instant,
}

impl Held {
    /// From now on outputs wait until the term is kept, or [`STORE_TERM_TIMEOUT`] has passed.
    pub(super) fn wait_for(&mut self, kept: oneshot::Receiver<()>) {
        self.term = Some(Wait { kept, until: Instant::now() + STORE_TERM_TIMEOUT });
    }

    /// Gives an output back that need not wait, and keeps the others.
    pub(super) fn pass(&mut self, output: Output) -> Option<Output> {
        let is_sign_of_life = matches!(output, Output::Send(AgentMessage::Heartbeat));
        if self.term.is_none() || is_sign_of_life {
            return Some(output);
        }
        self.outputs.push_back(output);
        None
    }

    /// Whether a term is being kept.
    pub(super) fn is_waiting(&self) -> bool {
        self.term.is_some()
    }

    /// Whether no more may wait.
    pub(super) fn is_full(&self) -> bool {
        self.outputs.len() >= HELD_OUTPUTS_MAX
    }

    /// Returns when the wait is over; never while there is none. Cancel safe.
    pub(super) async fn over(&mut self) {
        let Some(Wait { kept, until }) = &mut self.term else {
            return std::future::pending().await;
        };
        // An error: the store's thread ended, and nothing will be kept any more.
        if !matches!(timeout_at((*until).into(), kept).await, Ok(Ok(()))) {
            tracing::error!("the term could not be kept; it is remembered until the agent ends");
        }
    }

    /// Ends the wait, and gives back what waited.
    pub(super) fn release(&mut self) -> VecDeque<Output> {
        self.term = None;
        std::mem::take(&mut self.outputs)
    }
}
