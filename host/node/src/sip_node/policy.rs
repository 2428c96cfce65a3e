//! The forwarding policy of a node: asked in place on the SIP thread, exchanged in the background
//! when another version comes into use. Where no policy decides, what the operator wrote does.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use takeover_engine::fallback::LastResort;
use takeover_engine::host::{LogLine, SipHost};
use takeover_engine::outcome::{Ended, Outcome};
use takeover_engine::{Call, Plugin, PolicyPool, PoolSettings, Settings};
use takeover_logic::component::sip::{ForwardingCall, ForwardingDecision, Refusal};
use takeover_logic::ids::InputDigest;
use takeover_logic::log_event::Level;

use super::limits::{DECISION_REPORT_INTERVAL, PLUGIN_LOOK_INTERVAL, PLUGIN_START_TIMEOUT};
use crate::plugins::Plugins;

/// Wait before a version that could not be started is tried again.
const START_RETRY: Duration = Duration::from_secs(5);

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
    current: ArcSwapOption<Current>,
    fallback: LastResort,
    asked: AtomicU64,
    by_fallback: AtomicU64,
    /// When an answer was last reported, in milliseconds since `origin`.
    reported_ms: AtomicU64,
    origin: Instant,
}

/// The policy in use.
struct Current {
    pool: PolicyPool,
    plugin: Arc<Plugin>,
    plugins: Arc<Plugins>,
}

impl std::fmt::Debug for Current {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.pool.fmt(f)
    }
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
        Self {
            current: ArcSwapOption::empty(),
            fallback,
            asked: AtomicU64::new(0),
            by_fallback: AtomicU64::new(0),
            reported_ms: AtomicU64::new(0),
            origin: Instant::now(),
        }
    }

    /// Decides, here and now; at most one deadline of the policy later.
    pub(crate) fn decide(&self, call: &ForwardingCall) -> ForwardingDecision {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let current = self.current.load();
        if let Some(current) = &*current {
            let outcome = current.pool.decide(call);
            self.report(current, call, &outcome);
            match outcome.ended {
                Ended::Ok(decision) => return decision,
                ended => {
                    let plugin = current.pool.plugin();
                    tracing::warn!(%plugin, call_id = %call.call_id, "no decision: {ended}");
                }
            }
        }
        self.by_fallback.fetch_add(1, Ordering::Relaxed);
        self.fallback()
    }

    fn fallback(&self) -> ForwardingDecision {
        match &self.fallback {
            LastResort::Deliver => ForwardingDecision::Deliver,
            LastResort::Refuse(refusal) if refusal.check().is_ok() => {
                ForwardingDecision::Refuse(refusal.clone())
            }
            // Checked when it was read; a call must not be the place to find it.
            LastResort::Refuse(_) => ForwardingDecision::Refuse(Refusal {
                code: 503,
                reason: "".into(),
                retry_after_s: None,
            }),
        }
    }

    /// What the life cycle of the plugin must know: every bad end, and now and then a good one.
    /// More would cost each call a lock.
    fn report(
        &self,
        current: &Current,
        call: &ForwardingCall,
        outcome: &Outcome<ForwardingDecision>,
    ) {
        if matches!(outcome.ended, Ended::Ok(_)) {
            let now = u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX);
            let last = self.reported_ms.load(Ordering::Relaxed);
            let interval = u64::try_from(DECISION_REPORT_INTERVAL.as_millis()).unwrap_or(u64::MAX);
            if now.saturating_sub(last) < interval {
                return;
            }
            self.reported_ms.store(now, Ordering::Relaxed);
        }
        let name = current.pool.plugin();
        // What another version did says nothing about the one in use.
        let in_use = current.plugins.plugin(name);
        if in_use.is_some_and(|plugin| Arc::ptr_eq(&plugin, &current.plugin))
            && let Ok(ticket) = current.plugins.begin(name, fingerprint(call))
        {
            ticket.end(outcome);
        }
    }

    /// What was decided since the start.
    pub(crate) fn counts(&self) -> DecisionCounts {
        DecisionCounts {
            asked: self.asked.load(Ordering::Relaxed),
            fallback: self.by_fallback.load(Ordering::Relaxed),
        }
    }
}

/// A fingerprint of what the policy is asked: the same question is the same input.
fn fingerprint(call: &ForwardingCall) -> InputDigest {
    let mut hasher = DefaultHasher::new();
    (&call.request_uri, &call.caller, &call.destination.dn, call.from_peer).hash(&mut hasher);
    InputDigest(hasher.finish())
}

/// Keeps the pool of the version in use, until dropped. A version that can not be started leaves
/// the one before in its place.
pub(crate) async fn follow(
    plugins: Arc<Plugins>,
    chosen: Chosen,
    decisions: Arc<Decisions>,
    settings: PoolSettings,
) {
    let Chosen { plugin: name, settings: of_plugin } = chosen;
    let mut running: Option<Arc<Plugin>> = None;
    loop {
        let wanted = plugins.plugin(&name);
        let is_new = |wanted: &Arc<Plugin>| {
            running.as_ref().is_none_or(|running| !Arc::ptr_eq(running, wanted))
        };
        if let Some(plugin) = wanted.filter(is_new) {
            let deadline = Instant::now() + PLUGIN_START_TIMEOUT;
            let call = Call { plugin: &plugin, settings: &of_plugin, deadline };
            let host = Arc::new(Lines { plugin: Arc::clone(&name) });
            match plugins.engine().start_policies(call, host, settings).await {
                Ok(pool) => {
                    tracing::info!(plugin = %name, version = %plugin.manifest.version, "in use");
                    running = Some(Arc::clone(&plugin));
                    let plugins = Arc::clone(&plugins);
                    decisions.current.store(Some(Arc::new(Current { pool, plugin, plugins })));
                }
                Err(ended) => {
                    tracing::error!(plugin = %name, "the policy can not be started: {ended}");
                    tokio::time::sleep(START_RETRY).await;
                }
            }
        }
        tokio::time::sleep(PLUGIN_LOOK_INTERVAL).await;
    }
}

/// A component's lines go to the diagnostic log, marked as its own.
#[derive(Debug)]
pub(super) struct Lines {
    pub(super) plugin: Arc<str>,
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
