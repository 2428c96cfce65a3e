//! Faults and ends of calls in the words of cases.

use takeover_logic::link::Fault;

use crate::outcome::Ended;

/// The fault of a kind; a kind that is not known is a failure.
pub(super) fn fault(kind: &str, text: &str) -> Fault {
    match kind {
        "denied" => Fault::Denied(text.into()),
        "not-found" => Fault::NotFound(text.into()),
        "unavailable" => Fault::Unavailable(text.into()),
        "in-progress" => Fault::InProgress,
        "timed-out" => Fault::TimedOut,
        "invalid" => Fault::Invalid(text.into()),
        _ => Fault::Failed(text.into()),
    }
}

/// How a call ended: an answer in the words of `ok`, `fault KIND: TEXT`, `trap: TEXT`, or what an
/// operator would read.
pub(super) fn words<T>(ended: Ended<T>, ok: impl FnOnce(T) -> String) -> String {
    let (kind, text) = match ended {
        Ended::Ok(answer) => return ok(answer),
        Ended::Trap(text) => return format!("trap: {text}"),
        Ended::Fault(Fault::Denied(text)) => ("denied", text.to_string()),
        Ended::Fault(Fault::NotFound(text)) => ("not-found", text.to_string()),
        Ended::Fault(Fault::Unavailable(text)) => ("unavailable", text.to_string()),
        Ended::Fault(Fault::InProgress) => return "fault in-progress".to_owned(),
        Ended::Fault(Fault::TimedOut) => return "fault timed-out".to_owned(),
        Ended::Fault(Fault::StaleTerm(term)) => ("stale-term", term.to_string()),
        Ended::Fault(Fault::Invalid(text)) => ("invalid", text.to_string()),
        Ended::Fault(Fault::Failed(text)) => ("failed", text.to_string()),
        other => return other.map(|_| ()).to_string(),
    };
    format!("fault {kind}: {text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_read_as_they_are_written() {
        for text in ["denied: a", "not-found: a", "unavailable: a", "invalid: a", "failed: a"] {
            let (kind, rest) = text.split_once(": ").unwrap();
            let ended = Ended::<()>::Fault(fault(kind, rest));
            assert_eq!(words(ended, |()| String::new()), format!("fault {text}"));
        }
        for kind in ["in-progress", "timed-out"] {
            let ended = Ended::<()>::Fault(fault(kind, ""));
            assert_eq!(words(ended, |()| String::new()), format!("fault {kind}"));
        }
    }

    #[test]
    fn every_other_end_has_words_of_its_own() {
        let said = |ended: Ended<()>| words(ended, |()| "ok".to_owned());
        assert_eq!(said(Ended::Ok(())), "ok");
        assert_eq!(said(Ended::Trap("line 1: x".into())), "trap: line 1: x");
        assert_eq!(said(Ended::Deadline), "deadline passed");
    }
}
