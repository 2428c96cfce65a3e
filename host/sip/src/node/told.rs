//! What a caller is told when a policy does not let its call through.

use std::borrow::Cow;

use takeover_logic::component::sip::{ForwardingDecision, Refusal};

use super::way::uri_at;
use crate::message::answer::{self, Answer};
use crate::message::edit::write_display;

/// An answer that a decision means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// 300 to 699.
    pub code: u16,
    /// The phrase behind it.
    pub phrase: Cow<'static, str>,
    /// Whole header lines, each with its end.
    pub lines: Vec<u8>,
}

impl Told {
    pub(super) fn answer(&self) -> Answer<'_> {
        Answer { code: self.code, phrase: &self.phrase, lines: &self.lines, ..Answer::default() }
    }

    pub(super) fn refused(refusal: &Refusal) -> Told {
        let code = refusal.code;
        let mut lines = Vec::new();
        if let Some(seconds) = refusal.retry_after_s {
            write_display(&mut lines, &format_args!("Retry-After: {seconds}\r\n"));
        }
        let phrase = match refusal.reason.is_empty() {
            true => answer::phrase(code).into(),
            false => refusal.reason.to_string().into(),
        };
        Told { code, phrase, lines }
    }

    /// Several contacts get q values, first to last in the order in which they are to be tried.
    fn redirected(code: u16, contacts: &[String], number: &str, mut lines: Vec<u8>) -> Told {
        lines.clear();
        for (index, contact) in contacts.iter().enumerate() {
            lines.extend_from_slice(b"Contact: <");
            for part in uri_at(contact, number) {
                lines.extend_from_slice(part.as_bytes());
            }
            lines.push(b'>');
            if contacts.len() > 1 {
                let q = 1000_usize.saturating_sub(index * 100).max(100);
                write_display(&mut lines, &format_args!(";q={}.{:03}", q / 1000, q % 1000));
            }
            lines.extend_from_slice(b"\r\n");
        }
        Told { code, phrase: answer::phrase(code).into(), lines }
    }
}

/// The answer to a call for `number`; none where the decision lets it through.
pub fn told(decision: &ForwardingDecision, number: &str) -> Option<Told> {
    told_into(decision, number, Vec::new())
}

/// The same, with memory for its lines.
pub(super) fn told_into(
    decision: &ForwardingDecision,
    number: &str,
    lines: Vec<u8>,
) -> Option<Told> {
    match decision {
        ForwardingDecision::Deliver | ForwardingDecision::ThroughTrunk(_) => None,
        ForwardingDecision::Redirect { code, contacts } => {
            Some(Told::redirected(*code, contacts, number, lines))
        }
        ForwardingDecision::Refuse(refusal) => Some(Told::refused(refusal)),
    }
}
