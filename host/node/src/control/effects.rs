//! What the machines want, carried out: sent, run, answered, shown or recorded. Part of the loop
//! (`drive`), so nothing here may wait.

use std::sync::Arc;

use takeover_logic::component::ManagementAnswer;
use takeover_logic::control::io::{Answer, Change, Output, RecordedEvent, Refusal};
use takeover_logic::ids::{HostName, ReportSequence, RequestId};
use takeover_logic::link::{ControlMessage, Fault};
use tokio::sync::oneshot;

use super::drive::Drive;
use super::shared::Published;
use crate::journal::Row;

/// Kept when everything before it is durable.
pub(super) enum Promise {
    Publish(Arc<RecordedEvent>),
    Answered(oneshot::Sender<()>),
    Stored { host: HostName, link: u64, stored: ReportSequence },
}

/// Who waits for an answer of the machines.
pub(super) enum Asker {
    Operator { decided: oneshot::Sender<Result<Answer, Refusal>>, durable: oneshot::Sender<()> },
    Component(oneshot::Sender<Result<ManagementAnswer, Fault>>),
}

impl Drive {
    /// Carries out one output; whether it is more than a heartbeat.
    pub(super) fn carry_out(&mut self, output: Output) -> bool {
        match output {
            Output::Send { host, message } => {
                let matters = message != ControlMessage::Heartbeat;
                self.links.send(&host, message);
                return matters;
            }
            Output::CloseLink { host, reason } => self.links.close(&host, &reason),
            Output::RunReaction(run) => {
                let deadline = self.clock.to_std(run.deadline);
                self.reactions.start(run, deadline);
            }
            Output::AnswerOperator { request, result } => self.answer_operator(request, result),
            Output::AnswerComponent { request, result } => {
                if let Some(Asker::Component(answer)) = self.askers.remove(&request) {
                    let _ = answer.send(result); // its deadline may have passed
                }
            }
            Output::Record(recorded) => {
                let recorded = Arc::new(recorded);
                self.shared.figures.event(recorded.event.level);
                self.recorder.row(Row::Event(RecordedEvent::clone(&recorded)));
                if self.recorder.is_failing() {
                    self.show(recorded);
                } else {
                    self.recorder.promise(Promise::Publish(recorded));
                }
            }
            Output::Explain(step) => {
                self.recorder.row(Row::Step(step.clone()));
                self.shared.publish(Published::Step(Arc::new(step)));
            }
            Output::Changed(change) => {
                if let Change::Alarm(alarm) = &change {
                    self.recorder.row(Row::Alarm(alarm.clone()));
                }
                self.overview = None;
                self.shared.publish(Published::Changed(Arc::new(change)));
            }
            Output::ReportsStored { host, stored } => {
                if let Some(link) = self.links.link(&host) {
                    self.recorder.promise(Promise::Stored { host, link, stored });
                }
            }
        }
        true
    }

    fn answer_operator(&mut self, request: RequestId, result: Result<Answer, Refusal>) {
        if let Some(Asker::Operator { decided, durable }) = self.askers.remove(&request) {
            let _ = decided.send(result); // the operator may have gone
            self.recorder.promise(Promise::Answered(durable));
        }
    }

    fn show(&mut self, recorded: Arc<RecordedEvent>) {
        self.published = self.published.max(recorded.sequence);
        self.shared.publish(Published::Event(recorded));
    }

    /// Keeps promises whose time has come.
    pub(super) fn keep(&mut self, promises: Vec<Promise>) {
        for promise in promises {
            match promise {
                Promise::Publish(recorded) => {
                    self.overview = None;
                    self.show(recorded);
                }
                Promise::Answered(durable) => {
                    let _ = durable.send(()); // the operator may have gone
                }
                Promise::Stored { host, link, stored } => {
                    self.links.send_on(&host, link, ControlMessage::Stored(stored));
                }
            }
        }
    }
}
