//! The paths about single plugins: what operators see of one, and what they can order.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use takeover_logic::catalog::{self, About};
use takeover_logic::plugin::io::Action;
use utoipa::IntoParams;

use super::ask::{QueryResult, query};
use super::auth::{Operator, Viewer};
use super::error::ApiError;
use super::types::{ErrorBody, ErrorCode, PluginOrderBody, PluginView, ShadowBody, ShadowOrder};
use crate::clock;
use crate::control::shared::{Ask, Shared};
use crate::plugins::NotDone;

/// The paths of this file.
pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/v1/plugins/{name}", get(get_plugin))
        .route("/v1/plugins/{name}/shadow", get(get_shadow).post(act_on_shadow))
        .route("/v1/plugins/{name}/{action}", post(act_on_plugin))
}

/// Which host.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct HostQuery {
    /// The plugin as this host's agent runs it; without it the control server's, or where that has
    /// none of the name that of the first host that has one.
    host: Option<String>,
}

/// One plugin, also where no version of it is in use.
#[utoipa::path(
    get, path = "/v1/plugins/{name}", tag = "plugins",
    params(("name" = String, Path, description = "name of the plugin"), HostQuery),
    responses(
        (status = 200, body = PluginView), (status = 400, body = ErrorBody),
        (status = 401, body = ErrorBody), (status = 404, body = ErrorBody),
    ),
    security(("token" = []))
)]
pub(super) async fn get_plugin(
    State(shared): State<Arc<Shared>>,
    _viewer: Viewer,
    Path(name): Path<String>,
    parameters: QueryResult<HostQuery>,
) -> Result<Json<PluginView>, ApiError> {
    let Query(HostQuery { host }) = query(parameters)?;
    let own = || shared.plugins.view(&name);
    let told = shared.told_plugins.all();
    let on = |view: &&PluginView| {
        let here = |host: &String| view.host.as_ref().is_some_and(|it| it.as_str() == host);
        view.name.as_str() == name && host.as_ref().is_none_or(here)
    };
    let told = || told.iter().flat_map(|plugins| plugins.iter()).find(on).cloned();
    let view = if host.is_some() { told() } else { own().or_else(told) };
    view.map(Json).ok_or_else(|| match host {
        Some(host) => ApiError::not_found(format!("there is no plugin {name} on host {host}")),
        None => NotDone::Unknown(name).into(),
    })
}

/// What the version in shadow does differently from the one in use.
#[utoipa::path(
    get, path = "/v1/plugins/{name}/shadow", tag = "plugins",
    params(("name" = String, Path, description = "name of the plugin")),
    responses(
        (status = 200, body = ShadowBody),
        (status = 401, body = ErrorBody), (status = 404, body = ErrorBody),
    ),
    security(("token" = []))
)]
pub(super) async fn get_shadow(
    State(shared): State<Arc<Shared>>,
    _viewer: Viewer,
    Path(name): Path<String>,
) -> Result<Json<ShadowBody>, ApiError> {
    Ok(Json(shared.plugins.shadow(&name)?))
}

/// Act on a plugin: `rollback` uses the version before, `promote` the one in shadow or ends a
/// probation, `shadow` (with a body) runs the next version beside the one in use, `release` ends a
/// quarantine and allows denied packages again, `reload` looks at the folder and tries again what
/// was refused.
#[utoipa::path(
    post, path = "/v1/plugins/{name}/{action}", tag = "plugins",
    params(
        ("name" = String, Path, description = "name of the plugin"),
        ("action" = String, Path, description = "rollback, promote, shadow, release or reload"),
    ),
    request_body(content = Option<ShadowOrder>, description = "for shadow only"),
    responses(
        (status = 200, body = PluginOrderBody),
        (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 409, body = ErrorBody),
    ),
    security(("token" = []))
)]
pub(super) async fn act_on_plugin(
    State(shared): State<Arc<Shared>>,
    operator: Operator,
    Path((name, action)): Path<(String, String)>,
) -> Result<Json<PluginOrderBody>, ApiError> {
    let action = match action.as_str() {
        "rollback" => Action::Rollback,
        "promote" => Action::Promote,
        "release" => Action::Release,
        "reload" => Action::Reload,
        other => {
            let allowed = "rollback, promote, shadow, release, reload";
            let text = format!("action: found {other:?}, allowed: {allowed}");
            return Err(ApiError::not_found(text));
        }
    };
    order(&shared, operator, &name, action).await
}

/// The part of [`act_on_plugin`] that has a body.
async fn act_on_shadow(
    State(shared): State<Arc<Shared>>,
    operator: Operator,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<Json<PluginOrderBody>, ApiError> {
    let order_of: ShadowOrder = serde_json::from_slice(&body)
        .map_err(|error| ApiError::invalid(format!("body: {error}, allowed: {{\"on\": true}}")))?;
    let action = if order_of.on { Action::ShadowOn } else { Action::ShadowOff };
    order(&shared, operator, &name, action).await
}

/// Records who asked for what, then does it.
async fn order(
    shared: &Shared,
    Operator(operator): Operator,
    name: &str,
    action: Action,
) -> Result<Json<PluginOrderBody>, ApiError> {
    if shared.plugins.view(name).is_none() {
        return Err(NotDone::Unknown(name.to_owned()).into());
    }
    let about = About::control_server(clock::timestamp());
    let event = catalog::operator_plugin(&about, &operator, &action.word(), &name);
    let stopping = |_| ApiError::unavailable("the control server is stopping");
    shared.asks.send(Ask::Event(event)).await.map_err(stopping)?;
    let done = shared.plugins.operate(name, action)?;
    Ok(Json(PluginOrderBody { done: done.to_string() }))
}

impl From<NotDone> for ApiError {
    fn from(not_done: NotDone) -> Self {
        let text = not_done.to_string();
        match not_done {
            NotDone::Unknown(_) => Self::not_found(text),
            NotDone::Refused(..) => Self::new(ErrorCode::Conflict, text),
        }
    }
}
