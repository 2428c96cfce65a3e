//! How the count survives a reload: in the host's durable memory, where the operator allows it.

use super::Host;
use super::promotions::Promotions;
use crate::bindings::takeover::plugin::types::Fault;

/// The key, with the version of its form.
const KEY: &str = "promotions-1";

/// What is known of the memory.
#[derive(Debug)]
pub struct Keeper {
    /// What came back, until the count was restored.
    state: State,
    /// What was last remembered: count, exactness, and whether this server was primary.
    kept: Option<(u32, bool, bool)>,
}

#[derive(Debug)]
enum State {
    /// Not asked yet, or asked in vain; why.
    Unread(Option<String>),
    /// What was there has been read.
    Read,
    /// Not allowed, so it is not asked again; why.
    Denied(String),
}

impl Keeper {
    /// A memory that was not asked yet.
    pub const fn new() -> Self {
        Self { state: State::Unread(None), kept: None }
    }

    /// Takes over what an earlier instance counted; before the first sample is seen. A memory
    /// that can not be read now is asked again with the next sample.
    pub fn restore(&mut self, promotions: &mut Promotions, host: &mut impl Host) {
        let State::Unread(told) = &self.state else {
            return;
        };
        match host.recall(KEY) {
            Ok(value) => {
                self.state = State::Read;
                let before = parse(value.as_deref());
                if *promotions == Promotions::new() {
                    *promotions = before;
                    self.kept = value.is_some().then(|| summary(promotions));
                } else if !promotions.exact {
                    // Which of these promotions are the same nobody can say.
                    promotions.count = promotions.count.max(before.count);
                }
            }
            Err(fault) => {
                let why = format!("promotions before the start of this monitor: {}", words(&fault));
                if told.as_ref() != Some(&why) {
                    host.log(&why);
                }
                self.state = match fault {
                    Fault::Denied(_) => State::Denied(why),
                    _ => State::Unread(Some(why)),
                };
            }
        }
    }

    /// Remembers the count where it changed. What can not be remembered is tried again with the
    /// next sample; this instance knows it all the same.
    pub fn keep(&mut self, promotions: &Promotions, host: &mut impl Host) {
        let summary = summary(promotions);
        // What was not read yet is not overwritten: it may say more.
        if !matches!(self.state, State::Read) || self.kept == Some(summary) {
            return;
        }
        match host.remember(KEY, print(promotions).as_bytes()) {
            Ok(()) => self.kept = Some(summary),
            Err(fault @ Fault::Denied(_)) => {
                let why = format!("promotions can not be remembered: {}", words(&fault));
                host.log(&why);
                self.state = State::Denied(why);
            }
            Err(_) => {}
        }
    }

    /// Why the count is not exact, for operators.
    pub fn why_not_known(&self) -> &str {
        match &self.state {
            State::Unread(Some(why)) | State::Denied(why) => why,
            State::Unread(None) | State::Read => "promotions before were not counted",
        }
    }
}

/// What is worth remembering: not the time as primary, which changes with every sample.
fn summary(promotions: &Promotions) -> (u32, bool, bool) {
    (promotions.count, promotions.exact, promotions.primary_for_ms.is_some())
}

/// `COUNT exact|at-least primary MS|other`.
fn print(promotions: &Promotions) -> String {
    let exact = if promotions.exact { "exact" } else { "at-least" };
    let mode = match promotions.primary_for_ms {
        Some(for_ms) => format!("primary {for_ms}"),
        None => "other".to_owned(),
    };
    format!("{} {exact} {mode}", promotions.count)
}

/// Nothing remembered: this server was never promoted under this monitor. Something that is not
/// ours: nothing is known.
fn parse(value: Option<&[u8]>) -> Promotions {
    let Some(value) = value else {
        return Promotions { exact: true, ..Promotions::new() };
    };
    let text = String::from_utf8_lossy(value);
    let words: Vec<&str> = text.split(' ').collect();
    let (count, exact, primary_for_ms) = match words.as_slice() {
        [count, exact, "other"] => (count, exact, None),
        [count, exact, "primary", for_ms] => (count, exact, for_ms.parse().ok()),
        _ => return Promotions::new(),
    };
    match (count.parse(), *exact) {
        (Ok(count @ 0..=3), "exact") => Promotions { count, exact: true, primary_for_ms },
        (Ok(count @ 0..=3), "at-least") => Promotions { count, exact: false, primary_for_ms },
        _ => Promotions::new(),
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
