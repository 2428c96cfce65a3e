//! What components ask of the outside, as questions of a case.
//!
//! The sandbox has checked these calls against the grant for cases (`grant.toml` beside the
//! manifest) and has put in what the grant says, where a case has what the component said. They
//! differ for programs alone: in a grant for cases, the last part of a program's path is the name
//! that the component says.

use takeover_cases::{Answer, ask};
use takeover_logic::link::Fault;

use super::stage::Stage;
use super::words::fault;
use crate::host::HostAnswer;
use crate::host::outside::{
    CommandCall, CommandOutput, DatagramCall, HttpCall, HttpResponse, MailCall, Outside,
};

/// What of an answer is one to the question; a fault where it is none.
fn answered<T>(answer: Answer, fits: impl FnOnce(Answer) -> Option<T>) -> Result<T, Fault> {
    if let Answer::Fault(kind, text) = &answer {
        return Err(fault(kind, text));
    }
    fits(answer).ok_or_else(|| Fault::Failed("the case's answer is to another question".into()))
}

fn done(answer: Answer) -> Option<()> {
    (answer == Answer::Done).then_some(())
}

impl Outside for Stage {
    fn run(&self, call: CommandCall) -> HostAnswer<'_, CommandOutput> {
        let name = call.program.file_name().unwrap_or(call.program.as_os_str());
        let answer = self.ask(&ask::command(&name.to_string_lossy(), &call.arguments));
        let output = answered(answer, |answer| match answer {
            Answer::Output { exit_code, stdout, stderr } => {
                Some(CommandOutput { exit_code, stdout, stderr })
            }
            _ => None,
        });
        Box::pin(async move { output })
    }

    fn request(&self, call: HttpCall) -> HostAnswer<'_, HttpResponse> {
        let headers = call.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let answer = self.ask(&ask::http(&call.method, &call.url, headers, &call.body));
        let response = answered(answer, |answer| match answer {
            Answer::Response { status, headers, body } => {
                Some(HttpResponse { status, headers, body })
            }
            _ => None,
        });
        Box::pin(async move { response })
    }

    fn mail(&self, call: MailCall) -> HostAnswer<'_, ()> {
        let answer = self.ask(&ask::mail(&call.to, &call.subject, &call.text));
        Box::pin(async move { answered(answer, done) })
    }

    fn datagram(&self, call: DatagramCall) -> HostAnswer<'_, ()> {
        let answer = self.ask(&ask::datagram(&call.to, &call.payload));
        Box::pin(async move { answered(answer, done) })
    }

    fn recall(&self, _plugin: &str, key: &str) -> HostAnswer<'_, Option<Vec<u8>>> {
        let held = self.lock().memory.as_ref().map(|memory| memory.get(key));
        let value = match held {
            Some(held) => held.map_err(|(kind, text)| fault(&kind, &text)),
            None => answered(self.ask(&ask::memory_get(key)), |answer| match answer {
                Answer::Value(value) => Some(value),
                _ => None,
            }),
        };
        Box::pin(async move { value })
    }

    fn remember(&self, _plugin: &str, key: &str, value: Option<Vec<u8>>) -> HostAnswer<'_, ()> {
        let question = ask::memory_set(key, value.as_deref());
        let kept = self.lock().memory.as_mut().map(|memory| memory.set(key, value));
        let kept = match kept {
            Some(kept) => kept.map_err(|(kind, text)| fault(&kind, &text)),
            None => answered(self.ask(&question), done),
        };
        Box::pin(async move { kept })
    }
}
