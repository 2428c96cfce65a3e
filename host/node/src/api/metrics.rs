//! `GET /metrics`: what a monitoring system collects. The figures are those that operators see
//! elsewhere (overview, plugins), and a few lengths and counts of this process.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use serde::Serialize;
use takeover_logic::control::io::{HostStatus, Overview};
use takeover_logic::link::Status;
use takeover_logic::plugin::report::{CALL_TIME_BOUNDS_US, CallCounts, CallTimes, PluginView};

use super::ask::overview;
use super::auth::Viewer;
use super::error::ApiError;
use super::exposition::{CONTENT_TYPE, Exposition, Kind};
use super::types::ErrorBody;
use crate::control::shared::Shared;
use crate::limits::{ASKS_MAX, STREAMS_MAX};

/// Figures for a monitoring system, in the OpenMetrics text format: applications by status, pairs
/// and terms, alarms, links, events, queues, and the calls of every plugin on every linked host.
#[utoipa::path(
    get, path = "/metrics", tag = "state",
    responses(
        (status = 200, content_type = "application/openmetrics-text", body = String),
        (status = 401, body = ErrorBody), (status = 503, body = ErrorBody),
    ),
    security(("token" = []))
)]
pub(super) async fn get_metrics(
    State(shared): State<Arc<Shared>>,
    _viewer: Viewer,
) -> Result<impl IntoResponse, ApiError> {
    let mut text = Exposition::default();
    let body = overview(&shared).await?;
    text.family("takeover_build", Kind::Info, "The control server's program.");
    text.sample(&[("version", &body.version)], 1);
    state(&mut text, &body.overview);
    process(&mut text, &shared);
    plugins(&mut text, &shared.all_plugins().plugins);
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text.finish()))
}

/// The word for a value, as in the API.
fn word(value: &impl Serialize) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

/// Every status, so that none of them comes and goes as a series.
const STATUSES: [Status; 11] = [
    Status::Unknown,
    Status::Stopped,
    Status::StartPending,
    Status::StartTransition,
    Status::Initializing,
    Status::Running,
    Status::ServiceUnavailable,
    Status::Suspending,
    Status::Suspended,
    Status::StopPending,
    Status::StopTransition,
];

/// What the machines hold to be so.
fn state(text: &mut Exposition, overview: &Overview) {
    text.family("takeover_applications", Kind::Gauge, "Applications by status.");
    for status in STATUSES {
        let count = overview.applications.iter().filter(|it| it.status == status).count();
        text.sample(&[("status", &word(&status))], count);
    }
    text.family("takeover_pair_term", Kind::Gauge, "Term of the last promotion of a pair.");
    for pair in &overview.pairs {
        text.sample(&[("pair", &pair.name)], pair.term);
    }
    text.family("takeover_pair_primary", Kind::Gauge, "1: the pair has a primary.");
    for pair in &overview.pairs {
        text.sample(&[("pair", &pair.name)], u8::from(pair.primary.is_some()));
    }
    text.family("takeover_pair_paused", Kind::Gauge, "1: the pair decides nothing by itself.");
    for pair in &overview.pairs {
        text.sample(&[("pair", &pair.name)], u8::from(pair.paused));
    }
    let mut alarms = BTreeMap::from([("critical", 0), ("major", 0), ("minor", 0)].map(owned));
    for alarm in &overview.alarms {
        *alarms.entry(word(&alarm.category)).or_default() += 1;
    }
    text.family("takeover_alarms_active", Kind::Gauge, "Active alarms by severity.");
    for (category, count) in alarms {
        text.sample(&[("category", &category)], count);
    }
    text.family("takeover_host_linked", Kind::Gauge, "1: the host's agent is linked.");
    for host in &overview.hosts {
        let linked = u8::from(host.status == HostStatus::Running);
        text.sample(&[("host", &host.name)], linked);
    }
}

fn owned((name, count): (&str, u64)) -> (String, u64) {
    (name.to_owned(), count)
}

/// What this process counts.
fn process(text: &mut Exposition, shared: &Shared) {
    text.family("takeover_events", Kind::Counter, "Log events recorded since the start.");
    for (level, count) in shared.figures.events() {
        text.sample(&[("level", &word(&level))], count);
    }
    text.family("takeover_inputs", Kind::Counter, "Inputs of the deciding machines.");
    text.sample(&[], shared.figures.inputs());
    text.family("takeover_queue_length", Kind::Gauge, "What waits in a queue of the process.");
    let asks = ASKS_MAX.saturating_sub(shared.asks.capacity());
    text.sample(&[("queue", &"asks")], asks);
    text.sample(&[("queue", &"journal")], shared.figures.rows_waiting());
    text.family("takeover_stream_readers", Kind::Gauge, "Readers of the event stream.");
    let readers = STREAMS_MAX.saturating_sub(shared.stream_readers.available_permits());
    text.sample(&[], readers);
    text.family("takeover_journal_failing", Kind::Gauge, "1: the journal can not be written.");
    text.sample(&[], u8::from(shared.journal_failing.load().is_some()));
}

/// One version of a plugin with its calls.
struct Version<'a> {
    host: &'a dyn Display,
    plugin: &'a dyn Display,
    version: &'a str,
    generation: u64,
    calls: &'a CallCounts,
}

/// Where the control server's own plugins run.
const OWN_HOST: &str = "";

fn plugins(text: &mut Exposition, views: &[PluginView]) {
    let host =
        |view: &PluginView| view.host.as_ref().map_or(OWN_HOST.to_owned(), |it| it.to_string());
    let hosts: Vec<String> = views.iter().map(host).collect();
    let views = || views.iter().zip(&hosts);
    text.family("takeover_plugin", Kind::Info, "The version of a plugin in use.");
    for (view, host) in views().filter(|(view, _)| !view.version.is_empty()) {
        let (name, sha256) = (&view.name, &view.sha256);
        let labels: [(&str, &dyn Display); 6] = [
            ("host", host),
            ("plugin", name),
            ("version", &view.version),
            ("kind", &view.kind),
            ("sha256", sha256),
            ("state", &view.state),
        ];
        text.sample(&labels, 1);
    }
    type Figure = (&'static str, Kind, &'static str, fn(&PluginView) -> u64);
    let figures: [Figure; 7] = [
        ("takeover_plugin_generation", Kind::Gauge, "Number of the version in use.", |it| {
            it.generation
        }),
        ("takeover_plugin_reloads", Kind::Counter, "Exchanges of the version in use.", |it| {
            it.reloads
        }),
        ("takeover_plugin_closed", Kind::Gauge, "1: calls are refused at the moment.", |it| {
            it.closed.is_some().into()
        }),
        ("takeover_plugin_inputs_aside", Kind::Gauge, "Inputs that are put aside.", |it| {
            it.inputs_aside as u64
        }),
        (
            "takeover_plugin_not_primary",
            Kind::Counter,
            "What calls asked for and were refused, granted to primaries only.",
            |it| it.not_primary,
        ),
        ("takeover_plugin_calls_in_flight", Kind::Gauge, "Calls under way.", |it| {
            it.in_flight.into()
        }),
        ("takeover_plugin_calls_waiting", Kind::Gauge, "Calls that wait for room.", |it| {
            it.waiting.into()
        }),
    ];
    for (name, kind, help, of) in figures {
        text.family(name, kind, help);
        for (view, host) in views() {
            text.sample(&[("host", host), ("plugin", &view.name)], of(view));
        }
    }
    text.family("takeover_plugin_calls_refused", Kind::Counter, "Calls that were not let in.");
    for (view, host) in views() {
        let refused = &view.refused;
        for (reason, count) in [
            ("not-loaded", refused.not_loaded),
            ("resting", refused.resting),
            ("quarantined", refused.quarantined),
            ("put-aside", refused.put_aside),
        ] {
            text.sample(&[("host", host), ("plugin", &view.name), ("reason", &reason)], count);
        }
    }
    let versions: Vec<Version<'_>> =
        views().flat_map(|(view, host)| versions(view, host)).collect();
    calls(text, &versions);
}

/// The version in use and those beside it.
fn versions<'a>(view: &'a PluginView, host: &'a String) -> Vec<Version<'a>> {
    let active = Version {
        host,
        plugin: &view.name,
        version: &view.version,
        generation: view.generation,
        calls: &view.calls,
    };
    let others = view.others.iter().map(|other| Version {
        host,
        plugin: &view.name,
        version: &other.version,
        generation: other.generation,
        calls: &other.calls,
    });
    let active = (!view.version.is_empty()).then_some(active);
    active.into_iter().chain(others).collect()
}

fn calls(text: &mut Exposition, versions: &[Version<'_>]) {
    text.family("takeover_plugin_calls", Kind::Counter, "Calls by how they ended.");
    for version in versions {
        let calls = version.calls;
        for (outcome, count) in [
            ("answered", calls.answered),
            ("fault", calls.faults),
            ("trap", calls.traps),
            ("deadline", calls.deadlines),
            ("limit", calls.limits),
            ("saturated", calls.saturated),
        ] {
            version.with(&[("outcome", &outcome)], |labels| text.sample(labels, count));
        }
    }
    text.family(
        "takeover_plugin_call_seconds",
        Kind::Histogram,
        "Time of calls in the component and in functions of the host.",
    );
    for version in versions {
        let shares = [("component", &version.calls.own), ("host", &version.calls.host)];
        for (share, times) in shares {
            version.with(&[("share", &share)], |labels| spread(text, labels, times));
        }
    }
    text.family(
        "takeover_plugin_queued_seconds",
        Kind::Counter,
        "Time that calls waited for a thread or for room.",
    );
    for version in versions {
        let seconds = version.calls.queued_ms as f64 / 1e3;
        version.with(&[], |labels| text.sample(labels, seconds));
    }
    text.family("takeover_plugin_memory_peak_bytes", Kind::Gauge, "Highest memory of one call.");
    for version in versions {
        let bytes = version.calls.memory_bytes_max;
        version.with(&[], |labels| text.sample(labels, bytes));
    }
}

fn spread(text: &mut Exposition, labels: super::exposition::Labels<'_>, times: &CallTimes) {
    let count = |place| times.counts.get(place).copied().unwrap_or_default();
    let bounds = CALL_TIME_BOUNDS_US.iter().enumerate();
    let counts = bounds.map(|(place, bound)| (*bound as f64 / 1e6, count(place)));
    let beyond = count(CALL_TIME_BOUNDS_US.len());
    text.histogram(labels, counts, beyond, times.total_us as f64 / 1e6);
}

impl Version<'_> {
    /// Hands out its own labels and these.
    fn with(
        &self,
        more: &[(&'static str, &dyn Display)],
        write: impl FnOnce(&[(&'static str, &dyn Display)]),
    ) {
        let mut labels: Vec<(&'static str, &dyn Display)> = vec![
            ("host", self.host),
            ("plugin", self.plugin),
            ("version", &self.version),
            ("generation", &self.generation),
        ];
        labels.extend_from_slice(more);
        write(&labels);
    }
}
