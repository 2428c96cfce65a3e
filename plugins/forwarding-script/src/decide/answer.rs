//! What a script gives back: the contract's decisions, checked when they are made.

use std::rc::Rc;

use takeover_script::rhai::{Array, Engine, EvalAltResult, ImmutableString};

use crate::bindings::exports::takeover::plugin::forwarding::{Decision, Redirect, Refusal};

/// Contacts of one redirection. A caller tries them one after the other; more than a handful and
/// it has hung up. Beyond it: an error of the script.
const CONTACTS_MAX: usize = 8;

/// Bytes of a contact, the name of a trunk or a reason. Beyond it: an error of the script.
const TEXT_BYTES_MAX: usize = 256;

/// Result of a function that a script calls.
type Outcome<T> = Result<T, Box<EvalAltResult>>;

/// A decision, as a value of the script language. Shared, because one that does not depend on the
/// call is made once and handed out for every call.
#[derive(Clone, Debug)]
pub struct Answer(Rc<Decision>);

impl Answer {
    /// The decision of the contract.
    pub fn into_decision(self) -> Decision {
        Rc::unwrap_or_clone(self.0)
    }

    fn new(decision: Decision) -> Self {
        Self(Rc::new(decision))
    }
}

/// Teaches the engine the decisions.
pub fn register(engine: &mut Engine) {
    engine
        .register_type_with_name::<Answer>("decision")
        .register_fn("deliver", || Answer::new(Decision::Deliver))
        .register_fn("redirect", redirect)
        .register_fn("through_trunk", through_trunk)
        .register_fn("refuse", |code: i64, reason: &str| refuse(code, reason, None))
        .register_fn("refuse", |code: i64, reason: &str, retry_after_s: i64| {
            refuse(code, reason, Some(retry_after_s))
        });
}

fn redirect(code: i64, contacts: Array) -> Outcome<Answer> {
    let code = within("redirect: code", code, 300, 399)?;
    if contacts.is_empty() || contacts.len() > CONTACTS_MAX {
        let found = contacts.len();
        return Err(format!("redirect: {found} contacts, allowed is 1 to {CONTACTS_MAX}").into());
    }
    let contact = |value| match value {
        Ok(contact) => plain("redirect: contact", contact),
        Err(found) => Err(format!("redirect: contact is {found}, allowed is a text").into()),
    };
    let contacts = contacts
        .into_iter()
        .map(|value| contact(value.into_immutable_string()))
        .collect::<Outcome<_>>()?;
    Ok(Answer::new(Decision::Redirect(Redirect { code, contacts })))
}

fn through_trunk(name: ImmutableString) -> Outcome<Answer> {
    Ok(Answer::new(Decision::ThroughTrunk(plain("through_trunk: name", name)?)))
}

fn refuse(code: i64, reason: &str, retry_after_s: Option<i64>) -> Outcome<Answer> {
    let code = within("refuse: code", code, 400, 699)?;
    let reason = if reason.is_empty() {
        // SIP allows a reason phrase without a word (RFC 3261, 25.1).
        String::new()
    } else {
        plain("refuse: reason", reason.into())?
    };
    let retry_after_s = retry_after_s
        .map(|seconds| within("refuse: retry_after_s", seconds, 0, u32::MAX))
        .transpose()?;
    Ok(Answer::new(Decision::Refuse(Refusal { code, reason, retry_after_s })))
}

/// A number within bounds.
fn within<T>(what: &str, found: i64, min: T, max: T) -> Outcome<T>
where
    T: TryFrom<i64> + PartialOrd + std::fmt::Display,
{
    match T::try_from(found) {
        Ok(number) if (&min..=&max).contains(&&number) => Ok(number),
        _ => Err(format!("{what} is {found}, allowed is {min} to {max}").into()),
    }
}

/// A text that can stand in a line of SIP: a line break in it would begin another header.
fn plain(what: &str, text: ImmutableString) -> Outcome<String> {
    if text.is_empty() || text.len() > TEXT_BYTES_MAX || text.chars().any(char::is_control) {
        let allowed = format!("allowed is 1 to {TEXT_BYTES_MAX} bytes without control characters");
        return Err(format!("{what} is {:?}, {allowed}", text.as_str()).into());
    }
    Ok(text.into_owned())
}
