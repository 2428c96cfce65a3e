//! `GET /metrics`: what a monitoring system collects from a SIP node, in the form in which the
//! control server has it.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

use super::Shared;
use super::routes::{Holder, counts};
use crate::api::error::ApiError;
use crate::api::exposition::{self, Exposition, Kind};
use crate::api::types::ErrorBody;
use crate::sip_node::thread::Counts;

/// Figures for a monitoring system: sockets, connections, clients, the SIP port, decisions, and
/// whatever the machine counts.
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
    _holder: Holder,
) -> Result<impl IntoResponse, ApiError> {
    let counts = counts(&shared).await?;
    Ok(([(CONTENT_TYPE, exposition::CONTENT_TYPE)], text(&shared, &counts)))
}

fn text(shared: &Shared, counts: &Counts) -> String {
    let udp = &counts.udp;
    let streams = shared.connections.counts();
    let clients = shared.hub.counts();
    let decisions = shared.decisions.counts();
    let mut text = Exposition::default();
    #[expect(clippy::cast_precision_loss, reason = "nobody counts beyond 2^53")]
    let mut number = |name: &str, help: &str, value: u64| line(&mut text, name, help, value as f64);
    number("udp_received_total", "Datagrams received.", udp.received);
    number("udp_batches_total", "Calls of the kernel that brought datagrams.", udp.batches);
    number("udp_sent_total", "Datagrams sent.", udp.sent);
    number("udp_in_runs_total", "Datagrams sent several at once.", udp.in_runs);
    number("udp_refused_total", "Datagrams that the kernel did not take.", udp.refused);
    number("udp_dropped_total", "Datagrams dropped: the send buffer was full.", udp.dropped);
    number("udp_unreachable_total", "Reports of unreachable destinations.", udp.unreachable);
    number("stream_messages_total", "Messages over connections.", counts.stream_messages);
    number("connections", "Open connections.", streams.open);
    number("connections_accepted_total", "Connections accepted.", streams.accepted);
    number("connections_opened_total", "Connections opened.", streams.opened);
    number("connections_failed_total", "Connections that no peer took.", streams.failed);
    number("connections_refused_total", "Connections closed at a bound.", streams.refused);
    number("clients", "Connected clients.", clients.clients);
    number("client_events_total", "Events for clients.", clients.events);
    number("clients_slow_total", "Clients disconnected: too slow.", clients.slow);
    number("clients_refused_total", "Clients that found no room.", clients.refused);
    number("bound", "1: the SIP port is bound.", u64::from(counts.is_bound));
    number("standby_up", "1: the other node is linked.", u64::from(shared.has_standby()));
    number("loop_turns_total", "Turns of the SIP thread.", counts.turns);
    number("decisions_total", "Calls that a policy or its fallback decided.", decisions.asked);
    number("decisions_fallback_total", "Of those, by the fallback.", decisions.fallback);
    for metric in &counts.machine {
        line(&mut text, metric.name, metric.help, metric.value);
    }
    text.finish()
}

fn line(text: &mut Exposition, name: &str, help: &str, value: f64) {
    let (family, kind) = match name.strip_suffix("_total") {
        Some(family) => (family, Kind::Counter),
        None => (name, Kind::Gauge),
    };
    text.family(format!("takeover_sip_{family}"), kind, help);
    text.sample(&[], value);
}
