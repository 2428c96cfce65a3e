//! Server-sent events: first everything as it is, then what changes. A reader that was away
//! resumes behind the last sequence it saw and misses no log event.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use futures_util::stream::unfold;
use serde::Deserialize;
use takeover_logic::control::io::RecordedEvent;
use takeover_logic::ids::EventSequence;
use tokio::sync::{OwnedSemaphorePermit, broadcast};
use utoipa::IntoParams;

use super::ask::{QueryResult, overview, query, read_journal};
use super::auth::Viewer;
use super::error::ApiError;

use super::types::{OverviewBody, StreamItem};
use crate::control::shared::{Published, Shared};
use crate::limits::{STREAM_KEEP_ALIVE, STREAM_PAGE, STREAMS_MAX};

/// Where to resume.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct StreamQuery {
    /// Sequence of the last log event seen; the stream begins behind it. The header `Last-Event-ID`
    /// means the same and goes first.
    after: Option<u64>,
}

/// Follow log events, changes and explanations.
#[utoipa::path(
    get, path = "/v1/stream", tag = "events", params(StreamQuery),
    responses(
        (status = 200, content_type = "text/event-stream",
         body = StreamItem,
         description = "server-sent events, each with this as its data in JSON: `overview` once, \
                        then `event`, `changed` and `step`; a comment ends the stream of a \
                        reader that is too slow"),
        (status = 401, body = super::types::ErrorBody),
        (status = 503, body = super::types::ErrorBody),
    ),
    security(("token" = []))
)]
pub(super) async fn stream(
    State(shared): State<Arc<Shared>>,
    _viewer: Viewer,
    parameters: QueryResult<StreamQuery>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    let Query(StreamQuery { after }) = query(parameters)?;
    let after = match headers.get("last-event-id") {
        None => after,
        Some(id) => Some(id.to_str().ok().and_then(|id| id.parse().ok()).ok_or_else(|| {
            ApiError::invalid(format!("Last-Event-ID: found {id:?}, allowed: a number"))
        })?),
    };
    let room = Arc::clone(&shared.stream_readers).try_acquire_owned().map_err(|_| {
        ApiError::unavailable(format!("{STREAMS_MAX} streams are being read already"))
    })?;
    // Subscribed before the overview is made: what happens in between is seen twice, never missed.
    let live = shared.stream.subscribe();
    let overview = overview(&shared).await?;
    let reader = Reader {
        last: after.map_or(overview.journal_sequence, EventSequence),
        phase: Phase::Overview(overview),
        shared,
        live,
        _room: room,
    };
    let items = unfold(reader, |reader| async move {
        let (event, reader) = reader.next().await?;
        Some((Ok(event), reader))
    });
    Ok(Sse::new(items).keep_alive(KeepAlive::new().interval(STREAM_KEEP_ALIVE)))
}

/// One reader's place in the stream.
struct Reader {
    phase: Phase,
    /// Sequence of the last log event given.
    last: EventSequence,
    shared: Arc<Shared>,
    live: broadcast::Receiver<Published>,
    _room: OwnedSemaphorePermit,
}

enum Phase {
    /// Nothing given yet.
    Overview(Arc<OverviewBody>),
    /// Giving what the journal has behind `last`; these are read already, newest first.
    CatchingUp(Vec<RecordedEvent>),
    /// Giving what happens.
    Live,
    /// The last thing was given.
    Over,
}

impl Reader {
    /// The next item; none at the end.
    async fn next(mut self) -> Option<(Event, Self)> {
        loop {
            match &mut self.phase {
                Phase::Overview(overview) => {
                    let event = item(StreamItem::Overview(Arc::clone(overview)));
                    self.phase = Phase::CatchingUp(vec![]);
                    return Some((event, self));
                }
                Phase::CatchingUp(page) => {
                    if let Some(recorded) = page.pop() {
                        self.last = recorded.sequence;
                        return Some((item(StreamItem::Event(Arc::new(recorded))), self));
                    }
                    let last = self.last;
                    let read = read_journal(&self.shared, move |journal| {
                        journal.events(Some(last), STREAM_PAGE)
                    });
                    match read.await {
                        Ok(page) if page.is_empty() => self.phase = Phase::Live,
                        Ok(mut page) => {
                            page.reverse();
                            self.phase = Phase::CatchingUp(page);
                        }
                        Err(_logged) => {
                            return Some(self.end("the journal can not be read"));
                        }
                    }
                }
                Phase::Live => match self.live.recv().await {
                    Ok(Published::Event(recorded)) if recorded.sequence <= self.last => {}
                    Ok(Published::Event(recorded)) => {
                        self.last = recorded.sequence;
                        return Some((item(StreamItem::Event(recorded)), self));
                    }
                    Ok(Published::Changed(change)) => {
                        return Some((item(StreamItem::Changed(change)), self));
                    }
                    Ok(Published::Step(step)) => return Some((item(StreamItem::Step(step)), self)),
                    Err(broadcast::error::RecvError::Lagged(missed)) => {
                        let text = format!("too slow: {missed} items behind; resume by sequence");
                        return Some(self.end(&text));
                    }
                    Err(broadcast::error::RecvError::Closed) => return None,
                },
                Phase::Over => return None,
            }
        }
    }

    fn end(mut self, why: &str) -> (Event, Self) {
        self.phase = Phase::Over;
        (Event::default().comment(why), self)
    }
}

fn item(item: StreamItem) -> Event {
    let name = item.name();
    let id = match &item {
        StreamItem::Event(recorded) => Some(recorded.sequence.to_string()),
        _ => None,
    };
    let event = Event::default().event(name).json_data(item).unwrap_or_else(|error| {
        tracing::error!("stream item {name} can not be written: {error}");
        Event::default().comment("an item could not be written")
    });
    match id {
        Some(id) => event.id(id),
        None => event,
    }
}
