//! Values of the contract in the words of a case. Each component has types of its own for them,
//! made from the contract, hence macros.

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

/// Defines, for the types of a policy's bindings in scope, `call` (the call of a case) and `words`
/// (a decision, as a case expects it).
#[macro_export]
macro_rules! forwarding_words {
    () => {
        /// The call of a case.
        fn call(facts: &$crate::forwarding::CallFacts) -> Call {
            let to = &facts.destination;
            let attribute = |(name, value): &(String, String)| Attribute {
                name: name.clone(),
                value: value.clone(),
            };
            Call {
                kind: match facts.kind.as_str() {
                    "inbound" => CallKind::Inbound,
                    "internal" => CallKind::Internal,
                    "routed" => CallKind::Routed,
                    other => panic!("kind {other}"),
                },
                request_uri: facts.request_uri.clone(),
                caller: facts.caller.clone(),
                source: facts.source.clone(),
                call_id: facts.call_id.clone(),
                from_peer: facts.from_peer,
                destination: Destination {
                    dn: to.dn.clone(),
                    known: to.known,
                    registered: to.registered,
                    in_service: to.in_service,
                    agent_logged_in: to.agent_logged_in,
                    dr_forward: match to.dr_forward.as_str() {
                        "off" => DrForward::Off,
                        "no-agent" => DrForward::NoAgent,
                        "oos" => DrForward::Oos,
                        other => panic!("dr_forward {other}"),
                    },
                },
                peer: facts.peer.as_ref().map(|peer| Peer {
                    trunk: peer.trunk.clone(),
                    contact: peer.contact.clone(),
                    in_service: peer.in_service,
                }),
                node_mode: match facts.node_mode.as_str() {
                    "in-service" => NodeMode::InService,
                    "single-site" => NodeMode::SingleSite,
                    "shutting-down" => NodeMode::ShuttingDown,
                    other => panic!("node_mode {other}"),
                },
                shutdown_reject_code: facts.shutdown_reject_code,
                headers: facts.headers.iter().map(attribute).collect(),
            }
        }

        /// The decision in the words of a case.
        fn words(decision: Decision) -> String {
            use $crate::forwarding::Decision as Words;
            match decision {
                Decision::Deliver => Words::Deliver,
                Decision::Redirect(to) => Words::Redirect(to.code, to.contacts),
                Decision::ThroughTrunk(name) => Words::ThroughTrunk(name),
                Decision::Refuse(no) => Words::Refuse(no.code, no.reason, no.retry_after_s),
            }
            .to_string()
        }
    };
}
