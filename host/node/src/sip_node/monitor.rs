//! The SIP monitor of a node: shown a sample at an interval that it chooses itself, exchanged when
//! another version comes into use. What its verdict means is the machine's business.

use std::sync::Arc;
use std::time::{Duration, Instant};

use takeover_engine::outcome::Ended;
use takeover_engine::{Call, Plugin, Resident};
use takeover_logic::limits::{MONITOR_INTERVAL_MAX, MONITOR_INTERVAL_MIN};
use tokio::sync::oneshot;

use super::limits::{COUNTS_TIMEOUT, PLUGIN_START_TIMEOUT};
use super::machine::Input;
use super::policy::{Chosen, Lines};
use super::thread::Item;
use super::wake::{NotPosted, Post};
use crate::plugins::Plugins;

/// The interval until the monitor has said its own.
const FIRST_INTERVAL: Duration = Duration::from_secs(1);

/// Shows samples to the version in use, until dropped or the node ends.
pub(crate) async fn watch(plugins: Arc<Plugins>, chosen: Chosen, post: Post<Item>) {
    let mut running: Option<(Arc<Plugin>, Resident)> = None;
    let mut interval = FIRST_INTERVAL;
    let mut refused: Option<Arc<Plugin>> = None;
    loop {
        tokio::time::sleep(interval).await;
        if let Some(plugin) = plugins.plugin(&chosen.plugin) {
            let is = |other: Option<&Arc<Plugin>>| other.is_some_and(|it| Arc::ptr_eq(it, &plugin));
            if !is(running.as_ref().map(|(plugin, _)| plugin)) && !is(refused.as_ref()) {
                match start(&plugins, &plugin, &chosen).await {
                    Some(resident) => running = Some((plugin, resident)),
                    None => refused = Some(plugin),
                }
            }
        }
        let Some((plugin, resident)) = &running else { continue };
        match turn(&plugins, (plugin, resident), &post, interval).await {
            Ok(Some(next)) => interval = next,
            Ok(None) => {}
            Err(_) => return,
        }
    }
}

async fn start(plugins: &Plugins, plugin: &Arc<Plugin>, chosen: &Chosen) -> Option<Resident> {
    let deadline = Instant::now() + PLUGIN_START_TIMEOUT;
    let call = Call { plugin, settings: &chosen.settings, deadline };
    let host = Arc::new(Lines { plugin: Arc::clone(&chosen.plugin) });
    let started = plugins.engine().start_monitor(call, host, 0).await;
    let (name, version) = (&chosen.plugin, &plugin.manifest.version);
    match started {
        Ok(resident) => {
            tracing::info!(plugin = %name, %version, "in use");
            Some(resident)
        }
        Err(ended) => {
            tracing::error!(plugin = %name, %version, "the monitor can not be started: {ended}");
            None
        }
    }
}

/// One sample; the interval that the monitor wants from now on, where it said one.
async fn turn(
    plugins: &Arc<Plugins>,
    (plugin, resident): (&Arc<Plugin>, &Resident),
    post: &Post<Item>,
    interval: Duration,
) -> Result<Option<Duration>, NotPosted> {
    let (answer, sample) = oneshot::channel();
    post.send(Item::Sample(answer)).await?;
    let Ok(Ok(Some(sample))) = tokio::time::timeout(COUNTS_TIMEOUT, sample).await else {
        return Ok(None);
    };
    let name = &plugin.manifest.name;
    let ticket = plugins.begin(name, takeover_logic::ids::InputDigest(0)).ok();
    // The rule of the contract: 0.8 of the time until the next call.
    let assessed = resident.assess(sample, Instant::now() + interval.mul_f64(0.8)).await;
    if let Some(ticket) = ticket.filter(|ticket| Arc::ptr_eq(ticket.plugin(), plugin)) {
        ticket.end(&assessed.outcome);
    }
    let next = match &assessed.outcome.ended {
        Ended::Ok(answer) => Some(answer.next_in.clamp(MONITOR_INTERVAL_MIN, MONITOR_INTERVAL_MAX)),
        _ => None,
    };
    post.send(Item::Input(Input::Assessed(assessed.verdict))).await?;
    Ok(next)
}
