//! What a program last said of itself, to be said again to the next agent.
//!
//! Must not know how it is said.

use std::collections::VecDeque;

use takeover_logic::channel::{Calls, FromProgram, Hello};
use takeover_logic::ids::Term;
use takeover_logic::link::RunMode;

use crate::limits::CHANNEL_EVENTS_KEPT_MAX;

/// The last word on each subject.
#[derive(Debug, Default)]
pub(super) struct Memory {
    is_ready: bool,
    service: Option<FromProgram>,
    status_text: Option<FromProgram>,
    run_mode: Option<(RunMode, Term)>,
    is_suspended: bool,
    calls: Option<Calls>,
    other: Option<FromProgram>,
    /// Log events that nobody has heard yet, oldest first.
    events: VecDeque<FromProgram>,
    /// The program was asked to finish its work.
    was_asked_to_finish: bool,
}

impl Memory {
    /// Remembers what the program says. Gives what is to be said now, where somebody listens;
    /// calls have their own time.
    pub(super) fn note(&mut self, message: FromProgram, is_heard: bool) -> Option<FromProgram> {
        match &message {
            FromProgram::Ready => self.is_ready = true,
            FromProgram::Service { .. } => self.service = Some(message.clone()),
            FromProgram::StatusText { .. } => self.status_text = Some(message.clone()),
            FromProgram::RunModeDone { mode, term } => self.run_mode = Some((*mode, *term)),
            FromProgram::Suspended => self.is_suspended = true,
            FromProgram::Other { .. } => self.other = Some(message.clone()),
            FromProgram::Calls(calls) => {
                self.calls = Some(*calls);
                return None;
            }
            FromProgram::LogEvent { .. } if !is_heard => {
                if self.events.len() >= CHANNEL_EVENTS_KEPT_MAX {
                    self.events.pop_front();
                }
                self.events.push_back(message.clone());
            }
            FromProgram::LogEvent { .. }
            | FromProgram::Alive
            | FromProgram::Stopping
            | FromProgram::Keep(_)
            | FromProgram::Unknown => {}
        }
        Some(message).filter(|_| is_heard)
    }

    /// What is said on a new connection.
    pub(super) fn repeat(&mut self, hello: &Hello) -> Vec<FromProgram> {
        let ready = self.is_ready.then_some(FromProgram::Ready);
        let same =
            |(mode, term): &(RunMode, Term)| (hello.run_mode, hello.term) == (Some(*mode), *term);
        let run_mode = self.run_mode.filter(same);
        let run_mode = run_mode.map(|(mode, term)| FromProgram::RunModeDone { mode, term });
        let suspended = self.is_suspended.then_some(FromProgram::Suspended);
        let states = [
            self.status_text.clone(),
            ready,
            self.service.clone(),
            run_mode,
            self.calls(),
            self.other.clone(),
            suspended,
        ];
        states.into_iter().flatten().chain(std::mem::take(&mut self.events)).collect()
    }

    /// The calls that were told last.
    pub(super) fn calls(&self) -> Option<FromProgram> {
        self.calls.map(FromProgram::Calls)
    }

    /// Whether the request to finish is the first.
    pub(super) fn is_suspend_news(&mut self) -> bool {
        !std::mem::replace(&mut self.was_asked_to_finish, true)
    }
}
