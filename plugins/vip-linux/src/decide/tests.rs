//! The cases, run natively against a recorded host.

use takeover_cases::{Answer, Case, Script, run_all};

use super::*;
use crate::bindings::exports::takeover::plugin::vip::Binding;

/// The host of a case.
struct Recorded<'a>(&'a mut Script);

impl Recorded<'_> {
    fn ask(&mut self, question: &str) -> Result<Answer, Fault> {
        match self.0.ask(question) {
            Answer::Fault(kind, text) => Err(fault(&kind, text)),
            answer => Ok(answer),
        }
    }
}

impl Host for Recorded<'_> {
    fn name(&self) -> String {
        "192.0.2.10 on eth0".to_owned()
    }

    fn add(&mut self) -> Result<(), Fault> {
        self.ask("addresses.add 192.0.2.10 eth0").map(|_| ())
    }

    fn delete(&mut self) -> Result<(), Fault> {
        self.ask("addresses.delete 192.0.2.10 eth0").map(|_| ())
    }

    fn present(&mut self) -> Result<bool, Fault> {
        let answer = self.ask("addresses.present 192.0.2.10 eth0")?;
        Ok(answer == Answer::Present(true))
    }

    fn who_has(&mut self, attempts: u8, interval_ms: u32) -> Result<Option<String>, Fault> {
        let question = format!("addresses.who-has 192.0.2.10 eth0 {attempts} {interval_ms}");
        match self.ask(&question)? {
            Answer::Holder(holder) => Ok(holder),
            _ => Err(Fault::Failed("not in the script".into())),
        }
    }

    fn announce(&mut self) -> Result<(), Fault> {
        self.ask("addresses.announce 192.0.2.10 eth0").map(|_| ())
    }

    fn now_ms(&mut self) -> u64 {
        self.0.now_ms()
    }

    fn wait_ms(&mut self, duration_ms: u32) {
        self.0.ask(&format!("clock.wait-ms {duration_ms}"));
    }

    fn log(&mut self, _text: &str) {}
}

/// A fault of the contract, from the words of a case.
fn fault(kind: &str, text: String) -> Fault {
    match kind {
        "denied" => Fault::Denied(text),
        "not-found" => Fault::NotFound(text),
        "unavailable" => Fault::Unavailable(text),
        "in-progress" => Fault::InProgress,
        "timed-out" => Fault::TimedOut,
        "invalid" => Fault::Invalid(text),
        _ => Fault::Failed(text),
    }
}

/// The words of a case for how a call ended.
fn ended(outcome: Result<String, Fault>) -> String {
    let (kind, text) = match outcome {
        Ok(text) => return format!("ok: {text}"),
        Err(Fault::Denied(text)) => ("denied", text),
        Err(Fault::NotFound(text)) => ("not-found", text),
        Err(Fault::Unavailable(text)) => ("unavailable", text),
        Err(Fault::InProgress) => return "fault in-progress".into(),
        Err(Fault::TimedOut) => return "fault timed-out".into(),
        Err(Fault::StaleTerm(term)) => ("stale-term", term.to_string()),
        Err(Fault::Invalid(text)) => ("invalid", text),
        Err(Fault::Failed(text)) => ("failed", text),
    };
    format!("fault {kind}: {text}")
}

fn order(case: &Case) -> Order {
    Order {
        binding: Binding {
            name: "sip-vip".into(),
            address: "192.0.2.10".into(),
            prefix_length: 24,
            network_interface: "eth0".into(),
            port: None,
            probe_interval_ms: case.order.probe_interval_ms,
            host: "host-b".into(),
            other_hosts: vec!["host-a".into()],
            options: Vec::new(),
        },
        term: 7,
        release: if case.order.confirmed { Release::Confirmed } else { Release::Unknown },
        time_left_ms: case.order.time_left_ms,
    }
}

fn run(case: &Case, script: &mut Script) -> String {
    let host = &mut Recorded(script);
    let done = |done: Result<(), Fault>| match done {
        Ok(()) => "ok".to_owned(),
        Err(fault) => ended(Err(fault)),
    };
    match case.order.action.as_str() {
        "up" => done(up(&order(case), host)),
        "down" => done(down(host)),
        _ => match probe(host) {
            Presence::Present => "ok: present".to_owned(),
            Presence::Absent => "ok: absent".to_owned(),
            Presence::Unknown(reason) => format!("ok: unknown: {reason}"),
        },
    }
}

#[test]
fn every_case_holds() {
    let held = run_all(env!("CARGO_MANIFEST_DIR").as_ref(), run).unwrap_or_else(|e| panic!("{e}"));
    assert!(held >= 3, "success, denied and time-out at least");
}

#[test]
fn interval_shrinks_with_the_time_left_and_never_to_nothing() {
    let found = [10_000, 150, 90, 2, 0].map(|left_ms| interval(50, left_ms));
    assert_eq!(found, [50, 37, 22, 1, 1]);
}
