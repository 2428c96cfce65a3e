//! Probing for another holder: when to send, and when silence is evidence.
//!
//! Knows nothing of what the evidence is used for.

use std::sync::Arc;
use std::time::Duration;

use crate::ids::RequestId;
use crate::limits::{HOLDER_PROBE_INTERVAL, PROBE_SETTLE, SILENT_PROBES_MIN, SUSPECT_PROBING};
use crate::time::Instant;

/// What a backend's run waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To learn who holds the address.
    WhoHas,
    /// To add it, once nobody answers.
    Add,
}

/// A question that probing answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) request: RequestId,
    pub(super) purpose: Purpose,
    pub(super) attempts: u32,
    pub(super) interval: Duration,
}

impl Question {
    /// What the agent itself wants to know before it adds without a confirmed release.
    pub(super) fn before_adding(request: RequestId, interval: Duration) -> Self {
        Self { request, purpose: Purpose::Add, attempts: SILENT_PROBES_MIN, interval }
    }
}

/// Probes sent and answers seen.
#[derive(Clone, Debug, Default)]
pub(super) struct Probing {
    /// Probes since the last answer, or since probing began.
    unanswered: u32,
    sent_at: Option<Instant>,
    /// Who answered last.
    holder: Option<Arc<str>>,
    suspected_until: Option<Instant>,
    holding: bool,
    /// An up found another holder: probe until that one is silent.
    awaiting: bool,
    question: Option<Question>,
}

impl Probing {
    /// The holder may be gone: probe from now on, at the pair's own interval.
    pub(super) fn suspect(&mut self, now: Instant) {
        self.suspected_until = Some(now + SUSPECT_PROBING);
    }

    /// Forgets the evidence and the suspicion: it is about an earlier holder.
    pub(super) fn forget(&mut self) {
        *self = Self {
            holding: self.holding,
            awaiting: self.awaiting,
            question: self.question.take(),
            ..Self::default()
        };
    }

    /// Whether to wait for the silence of the holder that stood in the way of an up.
    pub(super) fn set_awaiting(&mut self, awaiting: bool) {
        self.awaiting = awaiting;
    }

    /// Whether the holder that was waited for has become silent; says so once.
    pub(super) fn take_silence(&mut self, now: Instant) -> bool {
        let settled = self.sent_at.is_some_and(|at| at + PROBE_SETTLE <= now);
        let silent = self.awaiting && settled && self.unanswered >= SILENT_PROBES_MIN;
        self.awaiting &= !silent;
        silent
    }

    /// Whether this host holds the address and therefore watches for another holder.
    pub(super) fn set_holding(&mut self, holding: bool) {
        if self.holding != holding {
            self.forget();
            self.holding = holding;
        }
    }

    /// Asks; replaces an earlier question, which its run can not be waiting for any more.
    pub(super) fn ask(&mut self, question: Question) {
        self.question = Some(question);
    }

    /// Takes the question back.
    pub(super) fn take_question(&mut self) -> Option<Question> {
        self.question.take()
    }

    /// An answer came.
    pub(super) fn answered(&mut self, from: Arc<str>) {
        self.unanswered = 0;
        self.holder = Some(from);
    }

    /// Who answered the last probe, or the one before it.
    pub(super) fn visible_holder(&self) -> Option<&Arc<str>> {
        self.holder.as_ref().filter(|_| self.unanswered <= 1)
    }

    /// The last probe never left, so its silence says nothing.
    pub(super) fn not_sent(&mut self) {
        self.unanswered = self.unanswered.saturating_sub(1);
    }

    /// Whether a probe is due; if so, it counts as sent.
    pub(super) fn send(&mut self, now: Instant, interval: Duration) -> bool {
        if self.suspected_until.is_some_and(|until| until <= now) {
            self.suspected_until = None;
        }
        let due = self.next_probe_at(interval).is_some_and(|at| at <= now);
        if due {
            self.sent_at = Some(now);
            self.unanswered = self.unanswered.saturating_add(1);
        } else if self.interval(interval).is_none() {
            self.forget();
        }
        due
    }

    /// The question, where silence has answered it.
    pub(super) fn settle(&mut self, now: Instant) -> Option<Question> {
        let settled = self.settled_at()?;
        (settled <= now).then(|| self.question.take()).flatten()
    }

    /// When something is to be done next.
    pub(super) fn deadline(&self, interval: Duration) -> Option<Instant> {
        let silence_at = self.sent_at.map(|at| at + PROBE_SETTLE);
        let enough = self.awaiting && self.unanswered >= SILENT_PROBES_MIN;
        [self.next_probe_at(interval), self.settled_at(), silence_at.filter(|_| enough)]
            .into_iter()
            .fold(None, Instant::earliest)
    }

    /// When the silence after the last probe will have lasted long enough for the question.
    fn settled_at(&self) -> Option<Instant> {
        let question = self.question?;
        let enough = self.unanswered >= question.attempts;
        let sent_at = self.sent_at.filter(|_| enough)?;
        Some(sent_at + question.interval.min(PROBE_SETTLE))
    }

    fn next_probe_at(&self, interval: Duration) -> Option<Instant> {
        let interval = self.interval(interval)?;
        Some(self.sent_at.map_or(Instant(0), |at| at + interval))
    }

    /// Shortest of the intervals that are wanted now.
    fn interval(&self, interval: Duration) -> Option<Duration> {
        let suspected = self.suspected_until.map(|_| interval);
        let holding = (self.holding || self.awaiting).then_some(HOLDER_PROBE_INTERVAL);
        let asked = self.question.map(|question| question.interval);
        [suspected, holding, asked].into_iter().flatten().min()
    }
}
