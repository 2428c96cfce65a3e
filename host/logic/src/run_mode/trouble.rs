//! Whether the primary is in trouble, what would help, and who is to be primary when nobody is.

use crate::limits;
use crate::link::{RunMode, Status, Verdict};
use crate::run_mode::instance::{Instance, Link};
use crate::run_mode::io::{Cause, Notice, Output, Side};
use crate::run_mode::{Pair, Phase};
use crate::status;
use crate::time::Instant;

/// What would help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remedy {
    /// Nothing yet: the host may come back in time.
    Wait,
    /// The other one becomes primary; this one can not be told, or need not be.
    Replace,
    /// This one stands by first, then the other one becomes primary.
    Exchange,
    /// This one is told again, with a new term.
    Renew,
}

/// What is wrong with a primary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) cause: Cause,
    pub(super) remedy: Remedy,
}

impl Pair {
    /// What is wrong with the primary, if anything is: the rows of the decision table, in the
    /// order of their weight.
    pub(super) fn trouble(&self, primary: Side) -> Option<Trouble> {
        let holder = self.get(primary);
        let backup = self.get(primary.other());
        let label = holder.label.clone();
        let (cause, remedy) = match holder.link {
            Link::NotYet => return None,
            Link::Lost(_) => {
                let until = self.given_up_at(primary).into_iter().flatten().max();
                let over = until.is_none_or(|at| self.now >= at);
                (Cause::HostLost(label), if over { Remedy::Replace } else { Remedy::Wait })
            }
            Link::Up if !status::takes_run_modes(holder.status) => {
                let (status, cause) = (holder.status, holder.cause);
                (Cause::Ended { primary: label, status, cause }, Remedy::Replace)
            }
            Link::Up if holder.status == Status::ServiceUnavailable => {
                (Cause::ServiceUnavailable(label), Remedy::Exchange)
            }
            Link::Up if !holder.is_confirmed(RunMode::Primary) => {
                (Cause::RunModeGone(label), Remedy::Renew)
            }
            // Cut off on both sides, or nobody knows: nothing to gain.
            Link::Up => match (&holder.network, &backup.network) {
                (Verdict::Bad(reason), Verdict::Good) if backup.can_serve() => {
                    let reason = reason.clone();
                    (Cause::CutOff { primary: label, reason }, Remedy::Exchange)
                }
                _ => return None,
            },
        };
        Some(Trouble { cause, remedy })
    }

    /// When a lost primary is given up: after the ordinary wait, and after the further one while
    /// its backup still sees it serve.
    pub(super) fn given_up_at(&self, primary: Side) -> [Option<Instant>; 2] {
        let since = self.get(primary).lost_since();
        let waited = since.map(|at| at + self.settings.disconnect_switchover_timeout);
        let serves = self.get(primary.other()).other == Verdict::Good;
        let postponed = waited.map(|at| at + self.settings.evidence_wait);
        [waited, postponed.filter(|_| serves)]
    }

    /// The primary can not be reached: its backup is asked to look for it, and where it still sees
    /// it serve, operators are told that the takeover waits for that.
    fn look_for(&mut self, primary: Side) {
        let (now, backup) = (self.now, primary.other());
        let at_most = self.settings.evidence_wait;
        let [waited, postponed] = self.given_up_at(primary);
        let waits = waited.max(postponed).is_some_and(|until| now < until);
        if !waits || at_most.is_zero() || self.paused || !self.get(backup).can_serve() {
            self.look_at = None;
            return;
        }
        if self.look_at.is_none_or(|at| now >= at) {
            self.look_at = Some(now + limits::LOOK_INTERVAL);
            self.outputs.push_back(Output::Look { side: backup });
        }
        if postponed.is_some() && waited.is_some_and(|waited| waited <= now) {
            self.note(Notice::Postponed { primary, backup, at_most });
        }
    }

    /// What its backup saw of a primary that is replaced without having been asked.
    fn tell_evidence(&mut self, backup: Side) {
        let Instance { label, other, .. } = self.get(backup);
        let sentence = match other {
            Verdict::Good => {
                let waited = self.settings.evidence_wait.as_secs_f64();
                format!(
                    "{label} still saw it serve after {waited} s; it is not waited for any longer"
                )
            }
            Verdict::Bad(reason) => format!("{label} saw that it does not serve: {reason}"),
            Verdict::Unknown(_) => return,
        };
        self.step(sentence);
    }

    /// Somebody is primary: acts where it is in trouble.
    pub(super) fn watch(&mut self, primary: Side) {
        self.look_for(primary);
        let Some(Trouble { cause, remedy }) = self.trouble(primary) else {
            self.noted = None;
            return;
        };
        let backup = primary.other();
        // Just restarted: who could take over is not yet known.
        let unsure = self.is_settling() && self.get(backup).link == Link::NotYet;
        if remedy == Remedy::Wait || unsure {
            return;
        }
        if self.paused {
            self.note(Notice::Paused { cause });
            return;
        }
        if remedy == Remedy::Renew {
            self.begin(cause, primary);
            self.promote(primary, 1);
            return;
        }
        if !self.get(backup).can_serve() {
            let status = self.shown_status(backup);
            self.note(Notice::BackupNotRunning { cause, backup, status });
            // A host that can not be reached may come back with its primary in office.
            if self.get(primary).link == Link::Up && remedy == Remedy::Replace {
                self.leave_leaderless();
            }
            return;
        }
        if remedy == Remedy::Exchange && self.retry_at.is_some_and(|at| self.now < at) {
            return;
        }
        self.begin(cause, backup);
        match remedy {
            Remedy::Exchange => self.demote(primary),
            _ => {
                if self.get(primary).link != Link::Up {
                    self.tell_evidence(backup);
                }
                self.promote(backup, 1);
            }
        }
    }

    /// Nobody is primary: the first that can serve becomes it.
    pub(super) fn find_primary(&mut self) {
        let early = self.retry_at.is_some_and(|at| self.now < at);
        if self.paused || self.is_settling() || early {
            return;
        }
        let (first, second) = (&self.first, &self.second);
        let waited = self.was_led || self.now >= self.grace_until;
        let (cause, side) = if first.can_serve() && !self.was_led {
            (Cause::Startup(first.label.clone()), Side::First)
        } else if first.can_serve() {
            (Cause::FirstRunning(first.label.clone()), Side::First)
        } else if second.can_serve() && self.was_led {
            (Cause::FirstRunning(second.label.clone()), Side::Second)
        } else if second.can_serve() && waited {
            let waited = self.settings.startup_grace;
            (Cause::NotStarted { primary: first.description(), waited }, Side::Second)
        } else {
            return;
        };
        self.begin(cause, side);
        self.promote(side, 1);
    }

    /// Nobody is primary any more, and operators should know why.
    pub(super) fn leave_leaderless(&mut self) {
        self.enter(Phase::Leaderless);
        let reason = format!("{}; {}", self.first.description(), self.second.description()).into();
        self.outputs.push_back(Output::Notice(Notice::Leaderless { reason }));
    }

    /// The control server was just restarted and has not yet heard of both.
    fn is_settling(&self) -> bool {
        self.settle_until.is_some_and(|until| self.now < until)
    }

    fn shown_status(&self, side: Side) -> Status {
        let instance = self.get(side);
        if instance.link == Link::Up { instance.status } else { Status::Unknown }
    }
}
