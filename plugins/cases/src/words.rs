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

/// Defines, for a monitor's `Host` and the types of its bindings in scope, the host of a case
/// (`Recorded`), `sample` and `judged` (what it is shown and answers, in a case's words), and
/// `run_case`.
#[macro_export]
macro_rules! monitor_words {
    () => {
        /// The host of a case.
        struct Recorded<'a> {
            case: &'a $crate::monitor::MonitorCase,
            memory: &'a mut $crate::monitor::Memory,
            lines: Vec<String>,
        }

        impl Host for Recorded<'_> {
            fn setting(&mut self, key: &str) -> Option<String> {
                self.case.setting(key)
            }

            fn recall(&mut self, key: &str) -> Result<Option<Vec<u8>>, Fault> {
                self.memory.get(key).map_err(fault)
            }

            fn remember(&mut self, key: &str, value: &[u8]) -> Result<(), Fault> {
                self.memory.set(key, Some(value.to_vec())).map_err(fault)
            }

            fn log(&mut self, text: &str) {
                self.lines.push(text.to_owned());
            }
        }

        /// A fault of the contract, from the words of a case.
        fn fault((kind, text): (String, String)) -> Fault {
            match kind.as_str() {
                "denied" => Fault::Denied(text),
                "unavailable" => Fault::Unavailable(text),
                "timed-out" => Fault::TimedOut,
                _ => Fault::Failed(text),
            }
        }

        /// The sample of a case.
        fn sample(facts: &$crate::monitor::SampleFacts) -> Sample {
            let device = |facts: &$crate::monitor::DeviceFacts| Device {
                dn: facts.dn.clone(),
                check_interval_s: facts.check_interval_s,
                force_timeout_s: facts.force_timeout_s,
                in_service: facts.in_service,
                answered_ago_ms: facts.answered_ago_ms,
            };
            Sample {
                run_mode: match facts.run_mode.as_str() {
                    "primary" => RunMode::Primary,
                    "backup" => RunMode::Backup,
                    "exiting" => RunMode::Exiting,
                    other => panic!("run_mode {other}"),
                },
                in_run_mode_ms: facts.in_run_mode_ms,
                vip_up_ms: facts.vip_up_ms,
                received: facts.received,
                last_message_ago_ms: facts.last_message_ago_ms,
                responses_2xx: facts.responses_2xx,
                responses_4xx: facts.responses_4xx,
                responses_5xx: facts.responses_5xx,
                timeouts: facts.timeouts,
                retransmissions: facts.retransmissions,
                devices: facts.device.iter().map(device).collect(),
            }
        }

        /// The answer in the words of a case.
        fn judged(answer: Answer) -> $crate::monitor::Judged {
            let verdict = match answer.assessment {
                Assessment::Running => "running".to_owned(),
                Assessment::Unavailable(reason) => format!("unavailable: {reason}"),
                Assessment::Unknown(reason) => format!("unknown: {reason}"),
            };
            $crate::monitor::Judged { verdict, next_in_ms: answer.next_in_ms }
        }

        /// Runs a case; also gives what was logged.
        fn run_case(
            case: &$crate::monitor::MonitorCase,
        ) -> (Vec<$crate::monitor::Judged>, Vec<String>) {
            let mut memory = case.memory();
            let mut host = Recorded { case, memory: &mut memory, lines: Vec::new() };
            let mut monitor = Monitor::new();
            let mut answers = Vec::new();
            for facts in &case.sample {
                if facts.reload {
                    monitor = Monitor::new();
                }
                answers.push(judged(monitor.assess(&sample(facts), &mut host)));
            }
            (answers, host.lines)
        }
    };
}
