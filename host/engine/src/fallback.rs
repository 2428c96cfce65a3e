//! What decides about a call when its policy does not: the caller always gets a decision, and is
//! told whose it is.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use takeover_logic::component::sip::{ForwardingCall, ForwardingDecision, Refusal};

use crate::outcome::{Ended, Outcome};
use crate::policy_pool::PolicyPool;

/// Something that decides about calls: a pool, or what leads to the one in use.
pub trait Policy: fmt::Debug + Send + Sync {
    /// Asks it, here and now, on this thread.
    fn decide(&self, call: &ForwardingCall) -> Outcome<ForwardingDecision>;

    /// The plugin's name.
    fn name(&self) -> &str;
}

impl Policy for PolicyPool {
    fn decide(&self, call: &ForwardingCall) -> Outcome<ForwardingDecision> {
        PolicyPool::decide(self, call)
    }

    fn name(&self) -> &str {
        self.plugin()
    }
}

/// What the operator chose for calls that the policy does not decide.
#[derive(Clone, Debug)]
pub enum StaticFallback {
    /// To the destination, as if there were no policy.
    Deliver,
    /// Refused. A refusal that is out of its bounds is replaced by 503, see [`decide`].
    Refuse(Refusal),
    /// Another policy is asked, once; what it does not decide is as its own fallback says.
    OtherPolicy {
        /// Which.
        pool: Arc<dyn Policy>,
        /// What decides when that one does not either.
        otherwise: LastResort,
    },
}

/// A fallback that can not fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LastResort {
    /// To the destination.
    Deliver,
    /// Refused.
    Refuse(Refusal),
}

/// A decision, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// The decision. There always is one.
    pub decision: ForwardingDecision,
    /// Who made it.
    pub by: DecidedBy,
    /// Time of all policies that were asked.
    pub took: Duration,
}

/// Who made a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecidedBy {
    /// The policy.
    Policy,
    /// The other policy that the fallback names.
    OtherPolicy {
        /// Why the first one did not.
        why: String,
    },
    /// What the operator wrote.
    Static {
        /// Why no policy did.
        why: String,
    },
}

/// Asks a policy, and whatever decides without it.
///
/// Takes at most one deadline of each pool that is asked, give or take a tick of the epoch.
pub fn decide(pool: &dyn Policy, fallback: &StaticFallback, call: &ForwardingCall) -> Decided {
    let outcome = pool.decide(call);
    let why = match outcome.ended {
        Ended::Ok(decision) => {
            return Decided { decision, by: DecidedBy::Policy, took: outcome.took };
        }
        ended => format!("policy {}: {ended}", pool.name()),
    };
    let last = |last: LastResort, why: String, took: Duration| {
        let decision = last.decision();
        Decided { decision, by: DecidedBy::Static { why }, took }
    };
    match fallback {
        StaticFallback::Deliver => last(LastResort::Deliver, why, outcome.took),
        StaticFallback::Refuse(refusal) => {
            last(LastResort::Refuse(refusal.clone()), why, outcome.took)
        }
        StaticFallback::OtherPolicy { pool, otherwise } => {
            let other = pool.decide(call);
            let took = outcome.took + other.took;
            match other.ended {
                Ended::Ok(decision) => {
                    Decided { decision, by: DecidedBy::OtherPolicy { why }, took }
                }
                ended => {
                    let why = format!("{why}; policy {}: {ended}", pool.name());
                    last(otherwise.clone(), why, took)
                }
            }
        }
    }
}

impl LastResort {
    /// The decision. A refusal that could not be sent becomes "503 Service Unavailable": bad
    /// configuration is refused when it is read, and a call must not be the place to find it.
    pub fn decision(self) -> ForwardingDecision {
        match self {
            LastResort::Deliver => ForwardingDecision::Deliver,
            LastResort::Refuse(refusal) if refusal.check().is_ok() => {
                ForwardingDecision::Refuse(refusal)
            }
            LastResort::Refuse(_) => {
                let reason = "".into();
                ForwardingDecision::Refuse(Refusal { code: 503, reason, retry_after_s: None })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusal_that_can_not_be_sent_becomes_service_unavailable() {
        let refuse = |code, reason: &str| {
            let refusal = Refusal { code, reason: reason.into(), retry_after_s: None };
            LastResort::Refuse(refusal).decision()
        };
        let plain = |code, reason: &str| {
            ForwardingDecision::Refuse(Refusal { code, reason: reason.into(), retry_after_s: None })
        };
        assert_eq!(refuse(480, "later"), plain(480, "later"));
        assert_eq!(refuse(200, "fine"), plain(503, ""));
        assert_eq!(refuse(480, "a\r\nb"), plain(503, ""));
    }
}
