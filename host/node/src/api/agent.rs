//! The agents' path: a WebSocket upgrade that only a client certificate opens. The connection then
//! leaves HTTP and goes to the decision thread as a link.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use hyper_util::rt::TokioIo;
use tokio_rustls::server::TlsStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::error::ApiError;
use super::types::ErrorCode;
use crate::control::shared::{Ask, NewLink, Shared};
use crate::link::movable::MovableTcp;
use crate::link::server::Caller;

/// What is known of a connection, told to its handlers.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    pub(super) address: SocketAddr,
    /// The names in the client's certificate; none: it showed none.
    pub(super) names: Option<Arc<[String]>>,
}

/// Link a host agent. Needs a client certificate of the control server's CA; no token.
#[utoipa::path(
    get, path = "/v1/agent", tag = "agents",
    responses(
        (status = 101, description = "WebSocket of JSON messages, one per text frame"),
        (status = 400, body = super::types::ErrorBody, description = "not a WebSocket handshake"),
        (status = 403, body = super::types::ErrorBody, description = "no client certificate"),
    ),
    security(("certificate" = []))
)]
pub(super) async fn link(
    State(shared): State<Arc<Shared>>,
    Extension(connection): Extension<Connection>,
    mut request: Request,
) -> Result<Response, ApiError> {
    let Some(names) = connection.names else {
        return Err(ApiError::new(
            ErrorCode::Forbidden,
            "host agents link on the TLS port with a client certificate, found none",
        ));
    };
    let key = websocket_key(request.headers())?;
    let caller = Caller { address: connection.address, names };
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let from = caller.address;
        if let Err(error) = hand_over(&shared, upgrade, caller).await {
            tracing::warn!(%from, "link refused: {error}");
        }
    });
    Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(header::CONNECTION, "Upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_ACCEPT, derive_accept_key(&key))
        .body(Body::empty())
        .map_err(|error| ApiError::invalid(error.to_string()))
}

/// Checks a WebSocket handshake (RFC 6455, section 4.2.1) and returns its key.
fn websocket_key(headers: &HeaderMap) -> Result<Vec<u8>, ApiError> {
    let has = |name: header::HeaderName, token: &str| {
        headers
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .any(|value| value.split(',').any(|part| part.trim().eq_ignore_ascii_case(token)))
    };
    let key = headers.get(header::SEC_WEBSOCKET_KEY).map(|key| key.as_bytes().to_vec());
    match key {
        Some(key)
            if has(header::CONNECTION, "upgrade")
                && has(header::UPGRADE, "websocket")
                && has(header::SEC_WEBSOCKET_VERSION, "13") =>
        {
            Ok(key)
        }
        _ => Err(ApiError::invalid("allowed here: a WebSocket handshake, version 13")),
    }
}

#[derive(Debug, thiserror::Error)]
enum HandOverError {
    #[error("the connection ended before it became a link: {0}")]
    Ended(#[from] hyper::Error),
    #[error("not a connection of the TLS port")]
    Foreign,
    #[error("the control server is stopping")]
    Stopping,
}

async fn hand_over(
    shared: &Shared,
    upgrade: hyper::upgrade::OnUpgrade,
    caller: Caller,
) -> Result<(), HandOverError> {
    let parts = upgrade
        .await?
        .downcast::<TokioIo<TlsStream<MovableTcp>>>()
        .map_err(|_| HandOverError::Foreign)?;
    let link = NewLink { stream: parts.io.into_inner(), read: parts.read_buf.to_vec(), caller };
    shared.asks.send(Ask::Link(Box::new(link))).await.map_err(|_| HandOverError::Stopping)
}
