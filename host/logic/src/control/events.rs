//! Log events and the explanation of decisions: how both get their numbers.

use std::sync::Arc;

use crate::alarm;
use crate::control::Control;
use crate::control::io::{Output, RecordedEvent, Step};
use crate::ids::{PairName, Term};
use crate::log_event::LogEvent;

impl Control {
    /// Records a log event, and shows it to the alarm conditions.
    pub(super) fn record(&mut self, mut event: LogEvent) {
        // Whoever wrote it may not know the type, by which conditions can select.
        if let (Some(application), None) = (&event.application, &event.application_type) {
            event.application_type = self.kind_of(application);
        }
        let sequence = self.counters.event.next();
        self.counters.event = sequence;
        let recorded = RecordedEvent { sequence, event };
        self.outputs.push_back(Output::Record(recorded.clone()));
        self.alarms.handle(self.now, alarm::Input::Event(recorded));
    }

    /// Adds a sentence to the explanation of the last decision about a pair.
    pub(super) fn explain(&mut self, pair: &PairName, term: Term, sentence: impl Into<Arc<str>>) {
        let Some(decision) = self.pairs.get(pair).and_then(|managed| managed.decision) else {
            return;
        };
        self.outputs.push_back(Output::Explain(Step {
            switchover: decision.switchover,
            pair: pair.clone(),
            term,
            at: self.now.at,
            after: self.now.instant.since(decision.began_at),
            sentence: sentence.into(),
        }));
    }
}
