//! Calls of a version that runs beside the one in use: what the version in use asked and was
//! answered is recorded, and the other one gets the same answers to the same questions. Whatever
//! else it asks is refused, so it changes nothing; what it asked is compared.

use std::fmt::{Debug, Write as _};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use takeover_engine::host::{HostAnswer, LogLine, ReactionHost, VipHost};
use takeover_engine::outcome::Ended;
use takeover_logic::component::{AddressAnswer, AddressCall, ManagementAnswer, ManagementCall};
use takeover_logic::link::Fault;

use crate::limits::{REHEARSAL_CALLS_MAX, REHEARSAL_TEXT_BYTES_MAX};

/// Questions of one call and the answers to them, in order.
#[derive(Debug)]
pub(crate) struct Transcript<C, A>(Mutex<Vec<(C, Result<A, Fault>)>>);

impl<C, A> Default for Transcript<C, A> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<C: Clone, A: Clone> Transcript<C, A> {
    /// Everything in it.
    pub(crate) fn all(&self) -> Vec<(C, Result<A, Fault>)> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.clone()
    }
}

impl<C: Debug, A> Transcript<C, A> {
    fn lock(&self) -> MutexGuard<'_, Vec<(C, Result<A, Fault>)>> {
        // A list that is only added to is whole after every operation.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was asked, in words.
    fn questions(&self) -> Vec<String> {
        self.lock().iter().map(|(call, _)| format!("{call:?}")).collect()
    }
}

/// A host that writes down what is asked and answered.
pub(crate) struct Recording<H, C, A> {
    pub(crate) host: H,
    pub(crate) transcript: Arc<Transcript<C, A>>,
}

impl<H, C: Clone + Debug, A: Clone> Recording<H, C, A> {
    async fn note(
        &self,
        call: C,
        answer: impl Future<Output = Result<A, Fault>>,
    ) -> Result<A, Fault> {
        let result = answer.await;
        let mut transcript = self.transcript.lock();
        if transcript.len() < REHEARSAL_CALLS_MAX {
            transcript.push((call, result.clone()));
        }
        result
    }
}

impl<H: ReactionHost> ReactionHost for Recording<H, ManagementCall, ManagementAnswer> {
    fn manage(&self, call: ManagementCall) -> HostAnswer<'_, ManagementAnswer> {
        Box::pin(self.note(call.clone(), self.host.manage(call)))
    }

    fn primary(&self) -> HostAnswer<'_, ()> {
        self.host.primary()
    }

    fn log(&self, line: LogLine) {
        self.host.log(line);
    }
}

impl<H: VipHost> VipHost for Recording<H, AddressCall, AddressAnswer> {
    fn address(&self, call: AddressCall) -> HostAnswer<'_, AddressAnswer> {
        Box::pin(self.note(call.clone(), self.host.address(call)))
    }

    fn log(&self, line: LogLine) {
        self.host.log(line);
    }
}

/// A host that answers from a record and does nothing.
pub(crate) struct Replay<C, A> {
    recorded: Arc<Transcript<C, A>>,
    asked: Mutex<Vec<C>>,
}

impl<C: Clone + PartialEq + Debug, A: Clone> Replay<C, A> {
    pub(crate) fn new(recorded: Arc<Transcript<C, A>>) -> Self {
        Self { recorded, asked: Mutex::default() }
    }

    fn answer(&self, call: C) -> Result<A, Fault> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let place = asked.len();
        if place < REHEARSAL_CALLS_MAX {
            asked.push(call.clone());
        }
        match self.recorded.lock().get(place) {
            Some((recorded, answer)) if *recorded == call => answer.clone(),
            _ => Err(Fault::Unavailable("the version in use did not ask this".into())),
        }
    }

    fn questions(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.iter().map(|call| format!("{call:?}")).collect()
    }
}

impl ReactionHost for Replay<ManagementCall, ManagementAnswer> {
    fn manage(&self, call: ManagementCall) -> HostAnswer<'_, ManagementAnswer> {
        let answer = self.answer(call);
        Box::pin(async { answer })
    }

    /// What is asked for has no effect here, so nothing is to be fenced.
    fn primary(&self) -> HostAnswer<'_, ()> {
        Box::pin(async { Ok(()) })
    }

    fn log(&self, line: LogLine) {
        tracing::debug!("a component in shadow says: {}", line.text);
    }
}

impl VipHost for Replay<AddressCall, AddressAnswer> {
    fn address(&self, call: AddressCall) -> HostAnswer<'_, AddressAnswer> {
        let answer = self.answer(call);
        Box::pin(async { answer })
    }

    fn log(&self, line: LogLine) {
        tracing::debug!("a component in shadow says: {}", line.text);
    }
}

/// What two versions did with the same input, in words.
pub(crate) struct Compared {
    pub(super) active: String,
    pub(super) shadow: String,
    pub(super) differs: bool,
}

impl Compared {
    pub(crate) fn new<C: Clone + PartialEq + Debug, A: Clone>(
        (active, recorded): (&str, &Transcript<C, A>),
        (shadow, replayed): (&str, &Replay<C, A>),
    ) -> Self {
        let active = words(active, &recorded.questions());
        let shadow = words(shadow, &replayed.questions());
        let differs = active != shadow;
        Self { active: cut(active), shadow: cut(shadow), differs }
    }
}

/// How a call ended, with the component's answer.
pub(crate) fn ended_words<T: Debug>(ended: &Ended<T>) -> String {
    match ended {
        Ended::Ok(answer) => format!("answered {answer:?}"),
        other => other.to_string(),
    }
}

fn words(ended: &str, questions: &[String]) -> String {
    let mut text = ended.to_owned();
    if !questions.is_empty() {
        let _ = write!(text, " after {}", questions.join("; ")); // a String takes everything
    }
    text
}

fn cut(mut text: String) -> String {
    let mut end = text.len().min(REHEARSAL_TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}
