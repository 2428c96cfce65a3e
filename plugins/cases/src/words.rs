//! Faults of the contract in the words of a case. Each component has types of its own for them,
//! made from the contract, hence a macro.

/// Defines, for the fault type of a component's bindings, `answer` (asks the host of a case) and
/// `words` (how a call ended, as a case expects it).
#[macro_export]
macro_rules! fault_words {
    ($Fault:ident) => {
        /// Asks the host of a case; its fault is one of the contract.
        fn answer(script: &mut $crate::Script, question: &str) -> Result<$crate::Answer, $Fault> {
            let (kind, text) = match script.ask(question) {
                $crate::Answer::Fault(kind, text) => (kind, text),
                answer => return Ok(answer),
            };
            Err(match kind.as_str() {
                "denied" => $Fault::Denied(text),
                "not-found" => $Fault::NotFound(text),
                "unavailable" => $Fault::Unavailable(text),
                "in-progress" => $Fault::InProgress,
                "timed-out" => $Fault::TimedOut,
                "invalid" => $Fault::Invalid(text),
                _ => $Fault::Failed(text),
            })
        }

        /// The words of a case for how a call ended.
        fn words(outcome: Result<String, $Fault>) -> String {
            let (kind, text) = match outcome {
                Ok(text) => return format!("ok: {text}"),
                Err($Fault::Denied(text)) => ("denied", text),
                Err($Fault::NotFound(text)) => ("not-found", text),
                Err($Fault::Unavailable(text)) => ("unavailable", text),
                Err($Fault::InProgress) => return "fault in-progress".to_owned(),
                Err($Fault::TimedOut) => return "fault timed-out".to_owned(),
                Err($Fault::StaleTerm(term)) => ("stale-term", term.to_string()),
                Err($Fault::Invalid(text)) => ("invalid", text),
                Err($Fault::Failed(text)) => ("failed", text),
            };
            format!("fault {kind}: {text}")
        }
    };
}
