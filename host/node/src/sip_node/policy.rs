//! Who decides where calls go: the forwarding policy, asked in place on the SIP thread, and where
//! there is none or it gives no answer, what the operator wrote. Which version of the policy is
//! asked is the plugins' business ([`StandingPolicy`]).

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use takeover_engine::Settings;
use takeover_engine::fallback::LastResort;
use takeover_engine::host::{LogLine, SipHost};
use takeover_engine::outcome::Ended;
use takeover_logic::component::sip::{ForwardingCall, ForwardingDecision};
use takeover_logic::log_event::Level;

use super::record::Recorder;
use crate::clock;
use crate::plugins::StandingPolicy;

/// A plugin and what it is called with.
#[derive(Clone, Debug)]
pub(crate) struct Chosen {
    /// Its name.
    pub(crate) plugin: Arc<str>,
    /// Its settings.
    pub(crate) settings: Settings,
}

/// What decides where calls go.
#[derive(Debug)]
pub(crate) struct Decisions {
    policy: OnceLock<StandingPolicy>,
    fallback: LastResort,
    /// Where decisions are kept; none: they are not.
    recorder: OnceLock<Recorder>,
    asked: AtomicU64,
    by_fallback: AtomicU64,
}

/// Decisions since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct DecisionCounts {
    /// All of them.
    pub(crate) asked: u64,
    /// Of those, that no policy made.
    pub(crate) fallback: u64,
}

impl Decisions {
    /// Without a policy yet.
    pub(crate) fn new(fallback: LastResort) -> Self {
        let (asked, by_fallback) = (AtomicU64::new(0), AtomicU64::new(0));
        let (policy, recorder) = (OnceLock::new(), OnceLock::new());
        Self { policy, fallback, recorder, asked, by_fallback }
    }

    /// From now on this policy is asked first. A node has one; a second one is not taken.
    pub(crate) fn ask(&self, policy: StandingPolicy) {
        let _ = self.policy.set(policy);
    }

    /// From now on decisions are kept; a second recorder is not taken.
    pub(crate) fn keep(&self, recorder: Recorder) {
        let _ = self.recorder.set(recorder);
    }

    /// Decides, here and now; at most one deadline of the policy later.
    pub(crate) fn decide(&self, call: &ForwardingCall) -> ForwardingDecision {
        let (decision, by_fallback) = self.made(call);
        if let Some(recorder) = self.recorder.get() {
            recorder.keep(clock::coarse_timestamp(), call, (&decision, by_fallback));
        }
        decision
    }

    /// The decision, and whether it is the fallback's.
    fn made(&self, call: &ForwardingCall) -> (ForwardingDecision, bool) {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if let Some(policy) = self.policy.get() {
            match policy.decide(call).ended {
                Ended::Ok(decision) => return (decision, false),
                ended => {
                    let plugin = policy.plugin();
                    tracing::warn!(%plugin, call_id = %call.call_id, "no decision: {ended}");
                }
            }
        }
        self.by_fallback.fetch_add(1, Ordering::Relaxed);
        (self.fallback.clone().decision(), true)
    }

    /// What was decided since the start.
    pub(crate) fn counts(&self) -> DecisionCounts {
        DecisionCounts {
            asked: self.asked.load(Ordering::Relaxed),
            fallback: self.by_fallback.load(Ordering::Relaxed),
        }
    }
}

/// A component's lines go to the diagnostic log, marked as its own.
#[derive(Debug)]
pub(super) struct Lines {
    plugin: Arc<str>,
}

impl Lines {
    /// Of this plugin.
    pub(super) fn of(plugin: &Arc<str>) -> Self {
        Self { plugin: Arc::clone(plugin) }
    }
}

impl SipHost for Lines {
    fn log(&self, line: LogLine) {
        let LogLine { level, text, attributes } = line;
        let plugin = &self.plugin;
        let details: Vec<String> =
            attributes.iter().map(|it| format!("{}={:?}", it.name, it.value)).collect();
        let details = details.join(" ");
        match level {
            Level::Alarm => tracing::warn!(%plugin, "{text} {details}"),
            Level::Standard | Level::Interaction => tracing::info!(%plugin, "{text} {details}"),
            Level::Trace => tracing::debug!(%plugin, "{text} {details}"),
            Level::Debug => tracing::trace!(%plugin, "{text} {details}"),
        }
    }
}

#[cfg(test)]
mod tests;
