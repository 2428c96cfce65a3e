//! How what is usual survives a reload: in the host's durable memory, where the operator allows it.

use super::Host;
use super::baseline::Baseline;
use crate::bindings::takeover::plugin::types::Fault;

/// The key, with the version of its form.
const KEY: &str = "baseline-1";

/// Good intervals between two writes. A reload forgets that many at most.
const KEEP_EVERY: u64 = 6;

/// What is known of the memory.
#[derive(Debug)]
pub struct Keeper {
    state: State,
    /// Good intervals since it was last remembered.
    since: u64,
}

#[derive(Debug)]
enum State {
    /// Not asked yet, or asked in vain; why.
    Unread(Option<String>),
    /// What was there has been read.
    Read,
    /// Not allowed, so it is not asked again.
    Denied,
}

impl Keeper {
    /// A memory that was not asked yet.
    pub const fn new() -> Self {
        Self { state: State::Unread(None), since: 0 }
    }

    /// Takes over what an earlier instance learned, unless this one knows more. A memory that can
    /// not be read now is asked again with the next sample.
    pub fn restore(&mut self, baseline: &mut Baseline, host: &mut impl Host) {
        let State::Unread(told) = &self.state else { return };
        match host.recall(KEY) {
            Ok(value) => {
                self.state = State::Read;
                let text = String::from_utf8_lossy(value.as_deref().unwrap_or_default());
                if let Some(before) = Baseline::parse(&text)
                    && before.intervals() > baseline.intervals()
                {
                    *baseline = before;
                }
            }
            Err(fault) => {
                let why = format!("what was usual before can not be read: {}", words(&fault));
                if told.as_ref() != Some(&why) {
                    host.log(&why);
                }
                self.state = match fault {
                    Fault::Denied(_) => State::Denied,
                    _ => State::Unread(Some(why)),
                };
            }
        }
    }

    /// Remembers from time to time. What can not be remembered is tried again after the next good
    /// interval; this instance knows it all the same.
    pub fn keep(&mut self, baseline: &Baseline, host: &mut impl Host) {
        self.since = self.since.saturating_add(1);
        // What was not read yet is not overwritten: it may say more.
        if !matches!(self.state, State::Read) || self.since < KEEP_EVERY {
            return;
        }
        match host.remember(KEY, baseline.print().as_bytes()) {
            Ok(()) => self.since = 0,
            Err(fault @ Fault::Denied(_)) => {
                host.log(&format!("what is usual can not be remembered: {}", words(&fault)));
                self.state = State::Denied;
            }
            Err(_) => {}
        }
    }
}

/// A fault as a part of a sentence.
fn words(fault: &Fault) -> String {
    match fault {
        Fault::Denied(text) => format!("denied: {text}"),
        Fault::NotFound(text) => format!("not found: {text}"),
        Fault::Unavailable(text) => format!("unavailable: {text}"),
        Fault::InProgress => "already in progress".to_owned(),
        Fault::TimedOut => "timed out".to_owned(),
        Fault::StaleTerm(term) => format!("stale term: the newest is {term}"),
        Fault::Invalid(text) => format!("invalid: {text}"),
        Fault::Failed(text) => text.clone(),
    }
}
