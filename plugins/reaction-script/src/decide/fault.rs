//! A fault of the contract as a value of the script language: thrown instead of an answer, caught
//! with `try { } catch (fault) { }`, and made with `fault(kind, text)` to be thrown.

use takeover_script::rhai::{Dynamic, Engine, EvalAltResult, NativeCallContext, Position};

use crate::bindings::takeover::plugin::types::Fault;

/// Result of a function that a script calls.
pub type Outcome<T> = Result<T, Box<EvalAltResult>>;

/// A fault. `kind` is the word of the contract, `text` what comes with it.
#[derive(Clone, Debug)]
pub struct FaultValue {
    kind: &'static str,
    text: String,
    term: u64,
}

/// What a function of a module answers; an error gets the place of the call in the script, which
/// the engine leaves out there.
pub fn placed<T>(
    context: &NativeCallContext<'_>,
    answer: impl FnOnce() -> Outcome<T>,
) -> Outcome<T> {
    answer().map_err(|mut error| {
        error.set_position(context.call_position());
        error
    })
}

/// Adds a function that asks the host to a module: `function!(module, "name", |host, argument:
/// type| answer)`, where `host` is a variable of the place.
macro_rules! function {
    ($module:ident, $name:literal, |$host:ident $(, $argument:ident: $type:ty)*| $answer:expr) => {{
        let $host = std::rc::Rc::clone($host);
        $module.set_native_fn(
            $name,
            move |context: takeover_script::rhai::NativeCallContext $(, $argument: $type)*| {
                $crate::decide::fault::placed(&context, || $answer)
            },
        );
    }};
}
pub(super) use function;

/// The answer, or the fault as something that a script can catch.
pub fn thrown<T>(answer: Result<T, Fault>) -> Outcome<T> {
    answer.map_err(|fault| {
        let value = Dynamic::from(FaultValue::from(fault));
        EvalAltResult::ErrorRuntime(value, Position::NONE).into()
    })
}

/// Teaches the engine faults.
pub fn register(engine: &mut Engine) {
    engine
        .register_type_with_name::<FaultValue>("fault")
        .register_get("kind", |fault: &mut FaultValue| fault.kind)
        .register_get("text", |fault: &mut FaultValue| fault.text.clone())
        .register_fn("to_string", |fault: &mut FaultValue| fault.to_string())
        .register_fn("to_debug", |fault: &mut FaultValue| fault.to_string())
        .register_fn("fault", made);
}

/// A fault of the script's own. The kinds that say what another part of the system is doing are
/// not for a script to make.
fn made(kind: &str, text: &str) -> Outcome<FaultValue> {
    const KINDS: [&str; 5] = ["denied", "not-found", "unavailable", "invalid", "failed"];
    match KINDS.into_iter().find(|known| *known == kind) {
        Some(kind) => Ok(FaultValue { kind, text: text.to_owned(), term: 0 }),
        None => {
            let allowed = KINDS.join(", ");
            Err(format!("fault: kind is {kind:?}, allowed is {allowed}").into())
        }
    }
}

impl From<Fault> for FaultValue {
    fn from(fault: Fault) -> Self {
        let (kind, text, term) = match fault {
            Fault::Denied(text) => ("denied", text, 0),
            Fault::NotFound(text) => ("not-found", text, 0),
            Fault::Unavailable(text) => ("unavailable", text, 0),
            Fault::InProgress => ("in-progress", "the same work is under way".to_owned(), 0),
            Fault::TimedOut => ("timed-out", "the deadline passed".to_owned(), 0),
            Fault::StaleTerm(term) => ("stale-term", format!("the newest term is {term}"), term),
            Fault::Invalid(text) => ("invalid", text, 0),
            Fault::Failed(text) => ("failed", text, 0),
        };
        Self { kind, text, term }
    }
}

impl std::fmt::Display for FaultValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.kind, self.text)
    }
}

impl FaultValue {
    /// The fault of the contract, its text after `place`.
    pub fn into_fault(self, place: &str) -> Fault {
        let text = format!("{place}{}", self.text);
        match self.kind {
            "denied" => Fault::Denied(text),
            "not-found" => Fault::NotFound(text),
            "unavailable" => Fault::Unavailable(text),
            "in-progress" => Fault::InProgress,
            "timed-out" => Fault::TimedOut,
            "stale-term" => Fault::StaleTerm(self.term),
            "invalid" => Fault::Invalid(text),
            _ => Fault::Failed(text),
        }
    }
}
