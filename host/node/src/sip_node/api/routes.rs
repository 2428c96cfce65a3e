//! The paths of the agents' API, by HTTP.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, FromRequestParts, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::Value;
use takeover_logic::config::shell::{Role, Token};
use tokio::sync::oneshot;
use tokio::time::timeout;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::client;
use super::metrics;
use super::types::{EventBody, NodeHealth, REQUESTS, RequestBody};
use super::{Client, Shared};
use crate::api::auth::find;
use crate::api::error::ApiError;
use crate::api::types::{ErrorBody, ErrorCode};
use crate::sip_node::limits::{
    CLIENT_REQUEST_BYTES_MAX, CLIENTS_MAX, COUNTS_TIMEOUT, REQUEST_TIMEOUT,
};
use crate::sip_node::machine::Input;
use crate::sip_node::thread::{Counts, Item};

/// Whoever holds a token.
pub(super) struct Holder(Token);

impl Holder {
    /// Its role allows to act.
    pub(super) fn operator(&self) -> Result<(), ApiError> {
        match self.0.role {
            Role::Operator => Ok(()),
            Role::Viewer => Err(ApiError::new(
                ErrorCode::Forbidden,
                format!("token {:?} has the role viewer, needed: operator", &*self.0.name),
            )),
        }
    }
}

impl FromRequestParts<Arc<Shared>> for Holder {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, ApiError> {
        let unauthorized = |message| ApiError::new(ErrorCode::Unauthorized, message);
        let presented = parts
            .headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
            .ok_or_else(|| unauthorized("a token is needed: Authorization: Bearer TOKEN"))?;
        let token = find(&shared.tokens, presented.trim());
        token.map(Holder).ok_or_else(|| unauthorized("the token is not known"))
    }
}

/// Every path.
pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/healthz", get(get_health))
        .route("/metrics", get(metrics::get_metrics))
        .route("/openapi.json", get(get_description))
        .route("/v1/client", get(client::connect))
        .route("/v1/requests", post(post_request))
        .layer(DefaultBodyLimit::max(CLIENT_REQUEST_BYTES_MAX))
        .with_state(shared)
}

/// What the SIP thread counted.
pub(super) async fn counts(shared: &Shared) -> Result<Counts, ApiError> {
    let (answer, counts) = oneshot::channel();
    let posted = shared.post.try_send(Item::Counts(answer));
    posted.map_err(|error| ApiError::unavailable(error.to_string()))?;
    match timeout(COUNTS_TIMEOUT, counts).await {
        Ok(Ok(counts)) => Ok(counts),
        Ok(Err(_)) => Err(ApiError::unavailable("the SIP node is stopping")),
        Err(_) => Err(ApiError::unavailable("the SIP thread does not answer")),
    }
}

/// A client that finds room.
pub(super) fn join(shared: &Shared, holder: &Holder) -> Result<Client, ApiError> {
    let full = || ApiError::unavailable(format!("{CLIENTS_MAX} clients are connected already"));
    shared.hub.join(&holder.0.name).ok_or_else(full)
}

/// A request, given its text.
///
/// # Errors
/// What is wrong with it, in one sentence.
pub(super) fn read_request(text: &[u8]) -> Result<RequestBody, String> {
    serde_json::from_slice(text).map_err(|error| format!("request: {error}"))
}

/// Whole again, as the machine reads it.
pub(super) fn value_of(body: RequestBody) -> Value {
    let mut value = body.more;
    value.insert("request".to_owned(), body.request.into());
    Value::Object(value)
}

/// Ask for one thing and wait for its answer. Events that come of it are for those who listen.
#[utoipa::path(
    post, path = "/v1/requests", tag = "agents", request_body = RequestBody,
    responses(
        (status = 200, body = EventBody, description = "the event that answers it"),
        (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody),
        (status = 422, body = EventBody, description = "the event Error"),
        (status = 503, body = ErrorBody),
    ),
    security(("token" = []))
)]
async fn post_request(
    State(shared): State<Arc<Shared>>,
    holder: Holder,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    holder.operator()?;
    let body = body.map_err(|error| ApiError::new(ErrorCode::TooLarge, error.body_text()))?;
    let request = read_request(&body).map_err(ApiError::invalid)?;
    let mut client = join(&shared, &holder)?;
    let id = client.id;
    let answered = ask(&shared, &mut client, request).await;
    shared.hub.leave(id);
    // An error is the end of the node.
    let _ = shared.post.send(Item::Input(Input::ClientGone(id))).await;
    answered
}

async fn ask(
    shared: &Shared,
    client: &mut Client,
    request: RequestBody,
) -> Result<Response, ApiError> {
    let reference = request.reference;
    let (client_is, request) = (client.asker(), value_of(request));
    let input = Input::Request { client: client_is, reference, request };
    let posted = shared.post.try_send(Item::Input(input));
    posted.map_err(|error| ApiError::unavailable(error.to_string()))?;
    let answer = async {
        loop {
            let event = client.events.recv().await?;
            let read: EventBody = serde_json::from_str(&event).ok()?;
            if read.reference == Some(reference) {
                return Some((read.event == "Error", event));
            }
        }
    };
    match timeout(REQUEST_TIMEOUT, answer).await {
        Ok(Some((is_error, event))) => {
            let status = if is_error { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
            let json = [(CONTENT_TYPE, "application/json")];
            Ok((status, json, event.to_string()).into_response())
        }
        Ok(None) => Err(ApiError::unavailable("the SIP node ended the request")),
        Err(_) => Err(ApiError::unavailable(format!("no answer within {REQUEST_TIMEOUT:?}"))),
    }
}

/// Whether the node is well. No token needed. A backup is as well as a primary.
#[utoipa::path(
    get, path = "/healthz", tag = "state",
    responses((status = 200, body = NodeHealth), (status = 503, body = NodeHealth))
)]
async fn get_health(State(shared): State<Arc<Shared>>) -> (StatusCode, Json<NodeHealth>) {
    let counts = counts(&shared).await;
    let status = if counts.is_ok() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = NodeHealth {
        status: if counts.is_ok() { "ok" } else { "failing" }.to_owned(),
        port: counts.map_or_else(|_| "not known".to_owned(), |counts| counts.binding),
        standby: shared.has_standby(),
    };
    (status, Json(body))
}

#[derive(OpenApi)]
#[openapi(
    info(title = "Takeover SIP node", description = "Agents and devices of a SIP node."),
    paths(post_request, get_health, client::connect, metrics::get_metrics),
    components(schemas(RequestBody, EventBody)),
    modifiers(&Schemes)
)]
struct Api;

struct Schemes;

impl Modify for Schemes {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        api.info.description = Some(format!(
            "Agents and devices of a SIP node, open on both nodes of a pair at all times: clients \
             connect to both and see PrimaryChanged at a switchover. Every path under /v1 and \
             /metrics needs `Authorization: Bearer TOKEN`; requests need the role operator. \
             Requests: {REQUESTS}."
        ));
        if let Some(components) = &mut api.components {
            let token = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
            components.add_security_scheme("token", token);
        }
    }
}

/// The description as JSON, indented.
pub fn document() -> String {
    let text = Api::openapi().to_pretty_json();
    text.unwrap_or_else(|error| format!("{{\"error\": {:?}}}", error.to_string())) + "\n"
}

async fn get_description() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], document())
}
