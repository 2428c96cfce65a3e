//! Follows the stream of the control server across outages: opens it anew and resumes after the
//! last log event that was seen, so that none is missing and none comes twice.

use std::io::{BufRead, Read};
use std::time::Duration;

use serde::Deserialize;
use takeover::api::types::OverviewBody;
use takeover_logic::control::io::{Change, RecordedEvent};

use crate::client::Client;
use crate::exit::{Exit, Failure};
use crate::sse::{MESSAGE_BYTES_MAX, Message, Parser};

/// First pause before a stream is opened anew.
const RETRY_MIN: Duration = Duration::from_millis(200);

/// Longest pause: short enough that whoever watches does not reach for another tool.
const RETRY_MAX: Duration = Duration::from_secs(5);

/// What a follower hears.
#[derive(Debug)]
pub(crate) enum Heard {
    /// Everything as of now; first on every stream.
    Overview(Box<OverviewBody>),
    /// A log event.
    Event(Box<RecordedEvent>),
    /// Something that operators see changed.
    Changed(Box<Change>),
    /// The stream is lost, and why. It is being opened anew.
    Lost(String),
}

/// Where a follower stands.
#[derive(Debug, Default)]
struct Place {
    /// The newest log event seen.
    sequence: Option<u64>,
    /// A stream was open once, so that a failure is an outage and not a wrong address.
    was_open: bool,
    /// The outage has been told.
    told: bool,
}

/// Calls `each` for everything heard, until it fails, or the control server refuses, or it can not
/// be reached in the first place.
pub(crate) fn follow(
    client: &Client,
    after: Option<u64>,
    mut each: impl FnMut(Heard) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut place = Place { sequence: after, ..Place::default() };
    let mut pause = RETRY_MIN;
    loop {
        let outage = match client.stream(place.sequence) {
            Ok(stream) => {
                (place.was_open, place.told) = (true, false);
                pause = RETRY_MIN;
                listen(stream, &mut place, &mut each)?
            }
            Err(failure) if place.was_open && failure.exit() == Exit::Unreachable => {
                failure.sentence().unwrap_or_default().to_owned()
            }
            Err(failure) => return Err(failure),
        };
        if !place.told {
            place.told = true;
            each(Heard::Lost(outage))?;
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(RETRY_MAX);
    }
}

/// Reads one stream to its end and says why it ended.
fn listen(
    mut stream: impl BufRead,
    place: &mut Place,
    each: &mut impl FnMut(Heard) -> Result<(), Failure>,
) -> Result<String, Failure> {
    let mut parser = Parser::default();
    let mut line = Vec::new();
    loop {
        line.clear();
        let bound = u64::try_from(MESSAGE_BYTES_MAX).unwrap_or(u64::MAX);
        match Read::take(&mut stream, bound).read_until(b'\n', &mut line) {
            Ok(0) => return Ok("the control server ended the stream".to_owned()),
            Ok(_) => {}
            Err(error) => return Ok(format!("the stream broke: {error}")),
        }
        let text = String::from_utf8_lossy(&line);
        let message = match parser.line(text.trim_end_matches(['\n', '\r'])) {
            Ok(Some(message)) => message,
            Ok(None) => continue,
            Err(_) => return Ok("the stream broke: a message without end".to_owned()),
        };
        match heard(&message) {
            Ok(Some(Heard::Event(event))) => {
                let sequence = event.sequence.0;
                if place.sequence.is_none_or(|seen| sequence > seen) {
                    place.sequence = Some(sequence);
                    each(Heard::Event(event))?;
                }
            }
            Ok(Some(Heard::Overview(body))) => {
                place.sequence.get_or_insert(body.journal_sequence.0);
                each(Heard::Overview(body))?;
            }
            Ok(Some(other)) => each(other)?,
            Ok(None) => {}
            Err(error) => return Ok(format!("the stream is not understood: {error}")),
        }
    }
}

/// A message with its meaning; none where it is of no interest here.
fn heard(message: &Message) -> Result<Option<Heard>, serde_json::Error> {
    fn read<'a, T: Deserialize<'a>>(message: &'a Message) -> Result<Box<T>, serde_json::Error> {
        serde_json::from_str(&message.data).map(Box::new)
    }
    Ok(match message.event.as_str() {
        "overview" => Some(Heard::Overview(read(message)?)),
        "event" => Some(Heard::Event(read(message)?)),
        "changed" => Some(Heard::Changed(read(message)?)),
        // A newer control server may tell more.
        _ => None,
    })
}

#[cfg(test)]
mod tests;
