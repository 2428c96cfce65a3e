//! One client by WebSocket: its requests go to the SIP thread, its events come from the hub.

use std::sync::Arc;

use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::response::Response;
use serde_json::json;
use tokio::time::{Instant, interval_at, timeout};

use super::routes::{Holder, join, read_request, value_of};
use super::{Client, Shared};
use crate::api::error::ApiError;
use crate::api::types::ErrorBody;
use crate::sip_node::limits::{
    CLIENT_PING_INTERVAL, CLIENT_REQUEST_BYTES_MAX, CLIENT_WRITE_TIMEOUT,
};
use crate::sip_node::machine::Input;
use crate::sip_node::thread::Item;
use crate::sip_node::wake::NotPosted;

/// Connect a client: a WebSocket of JSON, one request or event per text frame.
#[utoipa::path(
    get, path = "/v1/client", tag = "agents",
    responses(
        (status = 101, description = "WebSocket: requests from the client, events to it. It is \
                                      closed with 1008 and a reason where the client breaks the \
                                      rules, with 1013 where it is too slow"),
        (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 503, body = ErrorBody),
    ),
    security(("token" = []))
)]
pub(super) async fn connect(
    State(shared): State<Arc<Shared>>,
    holder: Holder,
    upgrade: WebSocketUpgrade,
) -> Result<Response, ApiError> {
    holder.operator()?;
    let client = join(&shared, &holder)?;
    let id = client.id;
    let never_came = Arc::clone(&shared);
    Ok(upgrade
        .max_message_size(CLIENT_REQUEST_BYTES_MAX)
        .max_frame_size(CLIENT_REQUEST_BYTES_MAX)
        .write_buffer_size(0)
        .on_failed_upgrade(move |_| never_came.hub.leave(id))
        .on_upgrade(move |socket| serve(shared, client, socket)))
}

/// Why a client is let go.
enum Ending {
    /// It went by itself.
    Gone,
    /// It is told why.
    Close(u16, Arc<str>),
}

async fn serve(shared: Arc<Shared>, mut client: Client, mut socket: WebSocket) {
    let id = client.id;
    let came = shared.post.send(Item::Input(Input::ClientCame(id, Arc::clone(&client.name)))).await;
    let ending = match came {
        Ok(()) => converse(&shared, &mut client, &mut socket).await,
        Err(_) => Ending::Gone,
    };
    shared.hub.leave(id);
    // An error is the end of the node.
    let _ = shared.post.send(Item::Input(Input::ClientGone(id))).await;
    if let Ending::Close(code, reason) = ending {
        tracing::info!(client = id.0, "client disconnected: {reason}");
        let frame = CloseFrame { code, reason: reason.as_ref().into() };
        // Who does not read does not hear it either.
        let _ = timeout(CLIENT_WRITE_TIMEOUT, socket.send(Message::Close(Some(frame)))).await;
    }
}

async fn converse(shared: &Shared, client: &mut Client, socket: &mut WebSocket) -> Ending {
    let mut pings = interval_at(Instant::now() + CLIENT_PING_INTERVAL, CLIENT_PING_INTERVAL);
    let mut heard_since_ping = true;
    loop {
        let frame = tokio::select! {
            reason = client.end.wait() => return Ending::Close(close_code::AGAIN, reason),
            event = client.events.recv() => match event {
                Some(event) => Message::text(event.as_ref()),
                None => continue, // the reason is there
            },
            received = socket.recv() => {
                heard_since_ping = true;
                match received {
                    Some(Ok(Message::Text(text))) => {
                        match request(shared, client, text.as_bytes()) {
                            Ok(None) => continue,
                            Ok(Some(error)) => Message::text(error),
                            Err(_) => return Ending::Gone,
                        }
                    }
                    Some(Ok(Message::Binary(_))) => {
                        let reason = "found a binary frame, allowed: text frames of JSON";
                        return Ending::Close(close_code::POLICY, reason.into());
                    }
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return Ending::Gone,
                }
            }
            _ = pings.tick() => {
                if !std::mem::take(&mut heard_since_ping) {
                    return Ending::Gone;
                }
                Message::Ping(axum::body::Bytes::new())
            }
        };
        let written = tokio::select! {
            reason = client.end.wait() => return Ending::Close(close_code::AGAIN, reason),
            written = timeout(CLIENT_WRITE_TIMEOUT, socket.send(frame)) => written,
        };
        match written {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Ending::Gone,
            Err(_) => {
                let reason = format!("too slow: nothing was read within {CLIENT_WRITE_TIMEOUT:?}");
                return Ending::Close(close_code::AGAIN, reason.into());
            }
        }
    }
}

/// Hands a request on. What can not be is answered at once, by the event `Error`.
fn request(shared: &Shared, client: &Client, text: &[u8]) -> Result<Option<String>, NotPosted> {
    let error = |reference: u64, message: String| {
        json!({ "event": "Error", "reference": reference, "message": message }).to_string()
    };
    let body = match read_request(text) {
        Ok(body) => body,
        Err(message) => return Ok(Some(error(0, message))),
    };
    let reference = body.reference;
    let input = Input::Request { client: client.asker(), reference, request: value_of(body) };
    match shared.post.try_send(Item::Input(input)) {
        Ok(()) => Ok(None),
        Err(NotPosted::Full) => Ok(Some(error(reference, NotPosted::Full.to_string()))),
        Err(gone) => Err(gone),
    }
}
