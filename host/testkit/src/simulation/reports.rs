//! Numbered log events: what the programs wrote must be in the journal exactly once, in order.

use takeover_logic::ids::HostName;
use takeover_logic::log_event::{Attribute, EventId, Level, LogEvent};
use takeover_logic::time::Timestamp;

use super::world::World;

/// An id that nothing else uses.
const NUMBERED: EventId = EventId::new(23, 777);

/// The n-th event of a host's programs.
pub(super) fn numbered(host: &HostName, number: u64) -> LogEvent {
    LogEvent {
        id: NUMBERED,
        level: Level::Standard,
        text: format!("number {number}").into(),
        application: None,
        application_type: None,
        host: Some(host.clone()),
        at: Timestamp(number),
        attributes: vec![Attribute::new("number", number)],
    }
}

impl World {
    /// Compares what was written with what the journal holds for good.
    pub(super) fn check_reports(&mut self) {
        let mut wrong = Vec::new();
        for (host, written) in &self.written {
            let recorded: Vec<u64> = (self.server.journal().iter())
                .filter(|recorded| recorded.event.id == NUMBERED)
                .filter(|recorded| recorded.event.host.as_ref() == Some(host))
                .map(|recorded| recorded.event.at.0)
                .collect();
            let expected: Vec<u64> = (1..=*written).collect();
            if recorded != expected {
                let first = recorded.iter().zip(&expected).position(|(a, b)| a != b);
                let place = first.unwrap_or(recorded.len().min(expected.len()));
                let found = recorded.get(place);
                wrong.push(format!(
                    "{host}: wrote {written} log events, {} are in the journal; at place {} is \
                     {found:?}",
                    recorded.len(),
                    place + 1,
                ));
            }
        }
        let sequences = self.server.journal().iter().map(|recorded| recorded.sequence.0);
        let jump = sequences.zip(1..).find(|(sequence, expected)| sequence != expected);
        if let Some((sequence, expected)) = jump {
            wrong.push(format!("journal: sequence {sequence} where {expected} comes next"));
        }
        for text in wrong {
            self.broke(text);
        }
    }
}
