//! The paths of the API and what each does.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{DefaultBodyLimit, Path, Query, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use takeover_logic::config::model::{Condition, EventSelector, Selection};
use takeover_logic::control::io::{ApplicationDetail, Command};
use takeover_logic::ids::{AlarmId, EventSequence, SwitchoverId};
use utoipa::IntoParams;

use super::agent;
use super::ask::{
    QueryResult, application, bounded, command, number, overview, query, read_journal,
};
use super::auth::{Operator, Viewer};
use super::error::ApiError;
use super::openapi;
use super::stream;
use super::types::{
    AlarmsBody, AnswerBody, ApplicationOrderBody, ConditionView, ConditionsBody, ErrorBody,
    ErrorCode, EventsBody, HealthBody, OptionBody, OverviewBody, PluginsBody, SelectorBy,
    SelectorView, StepsBody, StopBody, SwitchoverBody, SwitchoversBody,
};
use crate::control::shared::Shared;
use crate::limits::{BODY_BYTES_MAX, DRAIN_S_MAX};
use crate::link::client::AGENT_PATH;

/// Everything that the control server answers over HTTP.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/v1/overview", get(get_overview))
        .route("/v1/events", get(get_events))
        .route("/v1/alarms", get(get_alarms))
        .route("/v1/alarms/{id}/clear", post(clear_alarm))
        .route("/v1/conditions", get(get_conditions))
        .route("/v1/conditions/{name}/test", post(test_condition))
        .route("/v1/pairs/{name}/{action}", post(act_on_pair))
        .route("/v1/applications/{name}", get(get_application))
        .route("/v1/applications/{name}/{action}", post(act_on_application))
        .route("/v1/switchovers", get(get_switchovers))
        .route("/v1/switchovers/{id}", get(get_steps))
        .route("/v1/config", get(get_config))
        .route("/v1/plugins", get(get_plugins))
        .merge(super::plugins::routes())
        .route("/v1/stream", get(stream::stream))
        .route(AGENT_PATH, get(agent::link))
        .route("/healthz", get(get_health))
        .route("/metrics", get(super::metrics::get_metrics))
        .route("/openapi.json", get(openapi::serve))
        .merge(super::page::routes())
        .fallback(|| async { ApiError::not_found("there is no such path; see /openapi.json") })
        .method_not_allowed_fallback(|| async {
            ApiError::invalid("the path does not take this method; see /openapi.json")
        })
        .layer(middleware::from_fn(limit_body))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(shared)
}

/// A body that says it is too large is refused before anything is read of it.
async fn limit_body(request: Request, next: Next) -> Response {
    let length = request.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > BODY_BYTES_MAX as u64) {
        return too_large().into_response();
    }
    next.run(request).await
}

fn too_large() -> ApiError {
    ApiError::new(ErrorCode::TooLarge, format!("body: at most {BODY_BYTES_MAX} bytes"))
}

/// Everything that operators see, at one moment.
#[utoipa::path(
    get, path = "/v1/overview", tag = "state",
    responses((status = 200, body = OverviewBody), (status = 401, body = ErrorBody)),
    security(("token" = []))
)]
async fn get_overview(
    State(shared): State<Arc<Shared>>,
    _viewer: Viewer,
) -> Result<Json<OverviewBody>, ApiError> {
    Ok(Json(OverviewBody::clone(&*overview(&shared).await?)))
}

/// Which part of the log.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct EventsQuery {
    /// Events behind this sequence; without it the newest ones.
    after: Option<u64>,
    /// At most so many, 1 to 1000. Default 100.
    limit: Option<u32>,
}

/// Recorded log events, oldest first.
#[utoipa::path(
    get, path = "/v1/events", tag = "events", params(EventsQuery),
    responses(
        (status = 200, body = EventsBody),
        (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
    ),
    security(("token" = []))
)]
async fn get_events(
    State(shared): State<Arc<Shared>>,
    _viewer: Viewer,
    parameters: QueryResult<EventsQuery>,
) -> Result<Json<EventsBody>, ApiError> {
    let Query(EventsQuery { after, limit }) = query(parameters)?;
    let limit = bounded(limit)?;
    let after = after.map(EventSequence);
    let events = read_journal(&shared, move |journal| journal.events(after, limit)).await?;
    Ok(Json(EventsBody { events }))
}

/// Which alarms.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct AlarmsQuery {
    /// True: the active ones; false: the cleared ones; without it both, active ones first.
    active: Option<bool>,
    /// At most so many cleared ones, 1 to 1000. Default 100.
    limit: Option<u32>,
}

/// Active and past alarms.
#[utoipa::path(
    get, path = "/v1/alarms", tag = "alarms", params(AlarmsQuery),
    responses(
        (status = 200, body = AlarmsBody),
        (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
    ),
    security(("token" = []))
)]
async fn get_alarms(
    State(shared): State<Arc<Shared>>,
    _viewer: Viewer,
    parameters: QueryResult<AlarmsQuery>,
) -> Result<Json<AlarmsBody>, ApiError> {
    let Query(AlarmsQuery { active, limit }) = query(parameters)?;
    let limit = bounded(limit)?;
    let mut alarms = Vec::new();
    if active != Some(false) {
        alarms.extend(overview(&shared).await?.overview.alarms.iter().rev().cloned());
    }
    if active != Some(true) {
        alarms.extend(read_journal(&shared, move |journal| journal.cleared_alarms(limit)).await?);
    }
    Ok(Json(AlarmsBody { alarms }))
}

/// Clear an active alarm by hand.
#[utoipa::path(
    post, path = "/v1/alarms/{id}/clear", tag = "alarms",
    params(("id" = u64, Path, description = "number of the alarm")),
    responses(
        (status = 200, body = AnswerBody),
        (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 503, body = ErrorBody),
    ),
    security(("token" = []))
)]
async fn clear_alarm(
    State(shared): State<Arc<Shared>>,
    operator: Operator,
    id: Result<Path<u64>, PathRejection>,
) -> Result<Json<AnswerBody>, ApiError> {
    let alarm = AlarmId(number(id)?);
    command(&shared, operator, Command::ClearAlarm { alarm }).await
}

/// The configured alarm conditions.
#[utoipa::path(
    get, path = "/v1/conditions", tag = "alarms",
    responses((status = 200, body = ConditionsBody), (status = 401, body = ErrorBody)),
    security(("token" = []))
)]
async fn get_conditions(
    State(shared): State<Arc<Shared>>,
    _viewer: Viewer,
) -> Json<ConditionsBody> {
    let running = shared.running.load();
    let conditions = running.config.conditions.values().map(condition).collect();
    Json(ConditionsBody { conditions })
}

fn condition(condition: &Condition) -> ConditionView {
    ConditionView {
        name: condition.name.clone(),
        description: condition.description.clone(),
        category: condition.category,
        enabled: condition.enabled,
        detect: selector(&condition.detect),
        cancel: condition.cancel.as_ref().map(selector),
        cancel_timeout_s: condition.cancel_timeout.map(|timeout| timeout.as_secs()),
        reactions: condition.reactions.clone(),
        clearance_reactions: condition.clearance_reactions.clone(),
    }
}

fn selector(selector: &EventSelector) -> SelectorView {
    let (by, name) = match &selector.selection {
        Selection::Application(name) => (SelectorBy::Application, Some(name.as_str().into())),
        Selection::ApplicationType(kind) => (SelectorBy::ApplicationType, Some(kind.clone())),
        Selection::Any => (SelectorBy::Any, None),
    };
    SelectorView { event: selector.event, by, name }
}

/// Simulate the detect event of a condition and run its reactions.
#[utoipa::path(
    post, path = "/v1/conditions/{name}/test", tag = "alarms",
    params(("name" = String, Path, description = "name of the condition")),
    responses(
        (status = 200, body = AnswerBody),
        (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 409, body = ErrorBody),
    ),
    security(("token" = []))
)]
async fn test_condition(
    State(shared): State<Arc<Shared>>,
    operator: Operator,
    Path(name): Path<String>,
) -> Result<Json<AnswerBody>, ApiError> {
    command(&shared, operator, Command::TestAlarm { condition: name.as_str().into() }).await
}

/// Act on a pair: `switchover` exchanges the run modes and is answered when the new primary has
/// its addresses; `pause` decides nothing by itself until `resume`.
#[utoipa::path(
    post, path = "/v1/pairs/{name}/{action}", tag = "pairs",
    params(
        ("name" = String, Path, description = "name of the pair"),
        ("action" = String, Path, description = "switchover, pause or resume"),
    ),
    request_body(content = Option<SwitchoverBody>, description = "for switchover only"),
    responses(
        (status = 200, body = AnswerBody),
        (status = 400, body = ErrorBody),
        (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 409, body = ErrorBody),
        (status = 422, body = ErrorBody), (status = 503, body = ErrorBody),
    ),
    security(("token" = []))
)]
async fn act_on_pair(
    State(shared): State<Arc<Shared>>,
    operator: Operator,
    Path((name, action)): Path<(String, String)>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<AnswerBody>, ApiError> {
    let body = body.map_err(|_| too_large())?;
    let pair = name.as_str().into();
    let order = match action.as_str() {
        "switchover" => match switchover_body(&body)? {
            SwitchoverBody { drain_s: None, .. } => Command::Switchover { pair },
            SwitchoverBody { drain_s: Some(seconds), max_calls } => {
                let drain_ms = u64::from(seconds) * 1000;
                Command::DrainedSwitchover { pair, drain_ms, max_calls }
            }
        },
        "pause" => Command::Pause { pair },
        "resume" => Command::Resume { pair },
        _ => return Err(no_action(&action, "switchover, pause, resume")),
    };
    command(&shared, operator, order).await
}

/// One application with its options.
#[utoipa::path(
    get, path = "/v1/applications/{name}", tag = "applications",
    params(("name" = String, Path, description = "name of the application")),
    responses(
        (status = 200, body = ApplicationDetail),
        (status = 401, body = ErrorBody), (status = 404, body = ErrorBody),
    ),
    security(("token" = []))
)]
async fn get_application(
    State(shared): State<Arc<Shared>>,
    _viewer: Viewer,
    Path(name): Path<String>,
) -> Result<Json<ApplicationDetail>, ApiError> {
    application(&shared, &name).await.map(Json)
}

/// Act on an application: `start`, `stop` (the body may ask for a graceful stop), `restart`,
/// `set-option` and `unset-option` (the body says which).
#[utoipa::path(
    post, path = "/v1/applications/{name}/{action}", tag = "applications",
    params(
        ("name" = String, Path, description = "name of the application"),
        ("action" = String, Path, description = "start, stop, restart, set-option or unset-option"),
    ),
    request_body(content = Option<ApplicationOrderBody>, description = "for stop, and for options"),
    responses(
        (status = 200, body = AnswerBody),
        (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 409, body = ErrorBody), (status = 422, body = ErrorBody),
    ),
    security(("token" = []))
)]
async fn act_on_application(
    State(shared): State<Arc<Shared>>,
    operator: Operator,
    Path((name, action)): Path<(String, String)>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<AnswerBody>, ApiError> {
    let body = body.map_err(|_| too_large())?;
    let application = name.as_str().into();
    let order = match action.as_str() {
        "start" => Command::Start { application },
        "stop" => Command::Stop { application, graceful: stop_body(&body)?.graceful },
        "restart" => Command::Restart { application },
        "set-option" => {
            let (option, value) = option_body(&body)?;
            let missing = || ApiError::invalid("body: found no value, needed for set-option");
            Command::SetOption { application, option, value: value.ok_or_else(missing)? }
        }
        "unset-option" => {
            let (option, value) = option_body(&body)?;
            if value.is_some() {
                return Err(ApiError::invalid("body: found a value, allowed for set-option only"));
            }
            Command::UnsetOption { application, option }
        }
        _ => {
            return Err(no_action(&action, "start, stop, restart, set-option, unset-option"));
        }
    };
    command(&shared, operator, order).await
}

fn switchover_body(body: &[u8]) -> Result<SwitchoverBody, ApiError> {
    if body.is_empty() || body == b"null" {
        return Ok(SwitchoverBody::default());
    }
    let body: SwitchoverBody = serde_json::from_slice(body)
        .map_err(|error| ApiError::invalid(format!("body: {error}")))?;
    match body.drain_s {
        Some(found) if !(1..=DRAIN_S_MAX).contains(&found) => Err(ApiError::invalid(format!(
            "body: drain_s: found {found}, allowed: 1 to {DRAIN_S_MAX}"
        ))),
        _ => Ok(body),
    }
}

fn stop_body(body: &[u8]) -> Result<StopBody, ApiError> {
    if body.is_empty() {
        return Ok(StopBody::default());
    }
    serde_json::from_slice(body).map_err(|error| ApiError::invalid(format!("body: {error}")))
}

fn option_body(body: &[u8]) -> Result<(Arc<str>, Option<Arc<str>>), ApiError> {
    let read: OptionBody = serde_json::from_slice(body)
        .map_err(|error| ApiError::invalid(format!("body: {error}")))?;
    Ok((read.option.into(), read.value.map(Arc::from)))
}

fn no_action(found: &str, allowed: &str) -> ApiError {
    ApiError::not_found(format!("action: found {found:?}, allowed: {allowed}"))
}

/// How many.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct LimitQuery {
    /// At most so many, 1 to 1000. Default 100.
    limit: Option<u32>,
}

/// Past run-mode decisions, newest first.
#[utoipa::path(
    get, path = "/v1/switchovers", tag = "pairs", params(LimitQuery),
    responses(
        (status = 200, body = SwitchoversBody),
        (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
    ),
    security(("token" = []))
)]
async fn get_switchovers(
    State(shared): State<Arc<Shared>>,
    _viewer: Viewer,
    parameters: QueryResult<LimitQuery>,
) -> Result<Json<SwitchoversBody>, ApiError> {
    let Query(LimitQuery { limit }) = query(parameters)?;
    let limit = bounded(limit)?;
    let switchovers = read_journal(&shared, move |journal| journal.switchovers(limit)).await?;
    Ok(Json(SwitchoversBody { switchovers }))
}

/// Why a decision was made: a sentence per step.
#[utoipa::path(
    get, path = "/v1/switchovers/{id}", tag = "pairs",
    params(("id" = u64, Path, description = "number of the decision")),
    responses(
        (status = 200, body = StepsBody),
        (status = 401, body = ErrorBody), (status = 404, body = ErrorBody),
    ),
    security(("token" = []))
)]
async fn get_steps(
    State(shared): State<Arc<Shared>>,
    _viewer: Viewer,
    id: Result<Path<u64>, PathRejection>,
) -> Result<Json<StepsBody>, ApiError> {
    let id = SwitchoverId(number(id)?);
    let steps = read_journal(&shared, move |journal| journal.steps(id)).await?;
    if steps.is_empty() {
        return Err(ApiError::not_found(format!("there is no switchover {id} in the journal")));
    }
    Ok(Json(StepsBody { steps }))
}

/// The configuration in use, with everything that pairs expand to.
#[utoipa::path(
    get, path = "/v1/config", tag = "state",
    responses((status = 200, body = Object), (status = 401, body = ErrorBody)),
    security(("token" = []))
)]
async fn get_config(State(shared): State<Arc<Shared>>, _viewer: Viewer) -> Response {
    Json(&*shared.running.load().config).into_response()
}

/// The plugins of the control server and of every linked host: version in use, versions on their
/// way and before, refused ones, calls.
#[utoipa::path(
    get, path = "/v1/plugins", tag = "state",
    responses((status = 200, body = PluginsBody), (status = 401, body = ErrorBody)),
    security(("token" = []))
)]
async fn get_plugins(State(shared): State<Arc<Shared>>, _viewer: Viewer) -> Json<PluginsBody> {
    Json(shared.all_plugins())
}

/// Whether the control server is well. No token needed.
#[utoipa::path(
    get, path = "/healthz", tag = "state",
    responses((status = 200, body = HealthBody), (status = 503, body = HealthBody))
)]
async fn get_health(State(shared): State<Arc<Shared>>) -> (StatusCode, Json<HealthBody>) {
    let journal = shared.journal_failing.load();
    let decides = overview(&shared).await.is_ok();
    let well = journal.is_none() && decides;
    let body = HealthBody {
        status: if well { "ok" } else { "failing" }.to_owned(),
        journal: journal.as_ref().clone().unwrap_or_else(|| "ok".to_owned()),
    };
    (if well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Json(body))
}
