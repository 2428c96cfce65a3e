//! What the handlers have in common: parameters, questions to the decision loop, the journal.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query};
use takeover_logic::control::io::{ApplicationDetail, Command};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::auth::Operator;
use super::error::ApiError;
use super::types::{AnswerBody, OverviewBody};
use crate::control::shared::{Ask, Shared};
use crate::journal::JournalReader;
use crate::limits::{ASK_TIMEOUT, COMMAND_TIMEOUT, DURABLE_TIMEOUT, LIST_DEFAULT, LIST_MAX};

/// Parameters after `?`, with our own error.
pub(super) type QueryResult<T> = Result<Query<T>, QueryRejection>;

pub(super) fn query<T>(parameters: QueryResult<T>) -> Result<Query<T>, ApiError> {
    parameters.map_err(|error| ApiError::invalid(error.body_text()))
}

pub(super) fn number(id: Result<Path<u64>, PathRejection>) -> Result<u64, ApiError> {
    id.map(|Path(id)| id).map_err(|error| ApiError::invalid(error.body_text()))
}

pub(super) fn bounded(limit: Option<u32>) -> Result<u32, ApiError> {
    match limit.unwrap_or(LIST_DEFAULT) {
        limit @ 1..=LIST_MAX => Ok(limit),
        found => Err(ApiError::invalid(format!("limit: found {found}, allowed: 1 to {LIST_MAX}"))),
    }
}

fn try_ask(shared: &Shared, ask: Ask) -> Result<(), ApiError> {
    shared.asks.try_send(ask).map_err(|error| {
        ApiError::unavailable(match error {
            mpsc::error::TrySendError::Full(_) => "too many requests are waiting",
            mpsc::error::TrySendError::Closed(_) => "the control server is stopping",
        })
    })
}

/// Everything that operators see, asked from the decision loop.
pub(super) async fn overview(shared: &Shared) -> Result<Arc<OverviewBody>, ApiError> {
    let (reply, answer) = oneshot::channel();
    try_ask(shared, Ask::Overview(reply))?;
    match timeout(ASK_TIMEOUT, answer).await {
        Ok(Ok(overview)) => Ok(overview),
        Ok(Err(_)) => Err(ApiError::unavailable("the control server is stopping")),
        Err(_) => Err(ApiError::unavailable("the decision loop does not answer")),
    }
}

/// Everything about one application, asked from the decision loop.
pub(super) async fn application(
    shared: &Shared,
    name: &str,
) -> Result<ApplicationDetail, ApiError> {
    let (reply, answer) = oneshot::channel();
    try_ask(shared, Ask::Application(name.into(), reply))?;
    match timeout(ASK_TIMEOUT, answer).await {
        Ok(Ok(Some(detail))) => Ok(*detail),
        Ok(Ok(None)) => Err(ApiError::not_found(format!("application {name}: not configured"))),
        Ok(Err(_)) => Err(ApiError::unavailable("the control server is stopping")),
        Err(_) => Err(ApiError::unavailable("the decision loop does not answer")),
    }
}

/// Reads the journal off the API's threads.
pub(super) async fn read_journal<T: Send + 'static>(
    shared: &Shared,
    read: impl FnOnce(&JournalReader) -> rusqlite::Result<T> + Send + 'static,
) -> Result<T, ApiError> {
    let journal = Arc::clone(&shared.journal);
    match tokio::task::spawn_blocking(move || read(&journal)).await {
        Ok(read) => Ok(read?),
        Err(error) => Err(ApiError::unavailable(format!("reading the journal: {error}"))),
    }
}

/// Has a command carried out. Its answer is given when it is durable.
pub(super) async fn command(
    shared: &Shared,
    Operator(operator): Operator,
    command: Command,
) -> Result<Json<AnswerBody>, ApiError> {
    let (decided, outcome) = oneshot::channel();
    let (durable, recorded) = oneshot::channel();
    try_ask(shared, Ask::Command { operator, command, decided, durable })?;
    let stopping = || ApiError::unavailable("the control server is stopping");
    let answer = timeout(COMMAND_TIMEOUT, outcome)
        .await
        .map_err(|_| ApiError::unavailable(format!("no outcome within {COMMAND_TIMEOUT:?}")))?
        .map_err(|_| stopping())??;
    match timeout(DURABLE_TIMEOUT, recorded).await {
        Ok(Ok(())) => Ok(Json(AnswerBody { answer })),
        Ok(Err(_)) => Err(stopping()),
        Err(_) => {
            let reason = shared.journal_failing.load();
            let reason = reason.as_ref().as_deref().unwrap_or("it is slow").to_owned();
            Err(ApiError::unavailable(format!(
                "done, but not yet recorded, because the journal can not be written: {reason}"
            )))
        }
    }
}
