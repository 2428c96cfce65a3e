//! The messages as they go over the wire. A changed line is a changed protocol: raise `PROTOCOL`.

use expect_test::{Expect, expect};

use super::*;
use crate::log_event::{EventId, Level};
use crate::time::Timestamp;

fn check<M>(messages: &[M], expected: Expect)
where
    M: serde::de::DeserializeOwned + Serialize + PartialEq + fmt::Debug,
{
    let mut lines = String::new();
    for message in messages {
        let line = serde_json::to_string(message).unwrap();
        assert_eq!(&serde_json::from_str::<M>(&line).unwrap(), message, "{line}");
        lines.push_str(&line);
        lines.push('\n');
    }
    expected.assert_eq(&lines);
}

#[test]
fn every_message_of_an_agent_survives_the_wire() {
    let application = ApplicationState {
        name: "sip-1".into(),
        status: Status::Stopped,
        cause: StatusCause::Died(Exit::Signal(9)),
        run_mode: Some((RunMode::Primary, Term(7))),
        pid: Some(4711),
        says: Some("ready".into()),
    };
    let vip = VipState {
        name: "sip".into(),
        present: Verdict::Good,
        term: Term(7),
        network: Verdict::Unknown("no references".into()),
    };
    let event = LogEvent {
        id: EventId::new(0, 5064),
        level: Level::Standard,
        text: "terminated".into(),
        application: Some("sip-1".into()),
        application_type: None,
        host: Some("h1".into()),
        at: Timestamp(1_700_000_000_000),
        attributes: vec![Attribute::new("pid", 4711)],
    };
    let sequence = ReportSequence(3);
    check(
        &[
            AgentMessage::Hello(Hello {
                protocol: PROTOCOL,
                version: "0.1.0".into(),
                host: "h1".into(),
                session: u64::MAX,
                applications: vec![application.clone()],
                vips: vec![vip.clone()],
                newest_report: sequence,
            }),
            AgentMessage::Heartbeat,
            AgentMessage::Application(application),
            AgentMessage::Vip(vip),
            AgentMessage::Seen {
                vip: "sip".into(),
                sighting: Sighting::OtherHolder("02:00:00:00:00:01".into()),
            },
            AgentMessage::Done { order: OrderId(5), result: Ok(()) },
            AgentMessage::Done { order: OrderId(6), result: Err(Fault::StaleTerm(Term(8))) },
            AgentMessage::Report { sequence, report: Report::Event(event) },
            AgentMessage::Report { sequence, report: Report::Dropped(12) },
        ],
        expect![[r#"
            {"tell":"hello","protocol":1,"version":"0.1.0","host":"h1","session":18446744073709551615,"applications":[{"name":"sip-1","status":"stopped","cause":{"why":"died","exit":{"by":"signal","value":9}},"run_mode":["primary",7],"pid":4711,"says":"ready"}],"vips":[{"name":"sip","present":{"is":"good"},"term":7,"network":{"is":"unknown","reason":"no references"}}],"newest_report":3}
            {"tell":"heartbeat"}
            {"tell":"application","name":"sip-1","status":"stopped","cause":{"why":"died","exit":{"by":"signal","value":9}},"run_mode":["primary",7],"pid":4711,"says":"ready"}
            {"tell":"vip","name":"sip","present":{"is":"good"},"term":7,"network":{"is":"unknown","reason":"no references"}}
            {"tell":"seen","vip":"sip","sighting":{"saw":"other-holder","detail":"02:00:00:00:00:01"}}
            {"tell":"done","order":5,"result":{"Ok":null}}
            {"tell":"done","order":6,"result":{"Err":{"fault":"stale-term","detail":8}}}
            {"tell":"report","sequence":3,"report":{"event":{"id":"00-05064","level":"standard","text":"terminated","application":"sip-1","application_type":null,"host":"h1","at":1700000000000,"attributes":[{"name":"pid","value":"4711"}]}}}
            {"tell":"report","sequence":3,"report":{"dropped":12}}
        "#]],
    );
}

#[test]
fn every_message_of_the_control_server_survives_the_wire() {
    let spec = HostSpec { heartbeat_interval_ms: 100, heartbeat_misses: 3, ..HostSpec::default() };
    let tasks = [
        Task::SetRunMode {
            application: "sip-1".into(),
            pair: "sip".into(),
            run_mode: RunMode::Backup,
            term: Term(7),
        },
        Task::Start { application: "sip-1".into() },
        Task::Stop { application: "sip-1".into(), graceful: true },
        Task::Vip {
            vip: "sip".into(),
            action: VipAction::Up,
            term: Term(7),
            release: Release::Confirmed,
            time_left_ms: 8000,
        },
    ];
    let mut messages = vec![
        ControlMessage::Welcome { spec: spec.clone(), stored: ReportSequence(3) },
        ControlMessage::Configure(spec),
        ControlMessage::Heartbeat,
        ControlMessage::Stored(ReportSequence(3)),
        ControlMessage::Suspect { vip: "sip".into() },
        ControlMessage::Announce { vip: "sip".into() },
        ControlMessage::Refused("another version".into()),
    ];
    messages.extend(tasks.map(|task| ControlMessage::Order { order: OrderId(5), task }));
    check(
        &messages,
        expect![[r#"
        {"tell":"welcome","body":{"spec":{"heartbeat_interval_ms":100,"heartbeat_misses":3,"applications":[],"vips":[]},"stored":3}}
        {"tell":"configure","body":{"heartbeat_interval_ms":100,"heartbeat_misses":3,"applications":[],"vips":[]}}
        {"tell":"heartbeat"}
        {"tell":"stored","body":3}
        {"tell":"suspect","body":{"vip":"sip"}}
        {"tell":"announce","body":{"vip":"sip"}}
        {"tell":"refused","body":"another version"}
        {"tell":"order","body":{"order":5,"task":{"do":"set-run-mode","application":"sip-1","pair":"sip","run_mode":"backup","term":7}}}
        {"tell":"order","body":{"order":5,"task":{"do":"start","application":"sip-1"}}}
        {"tell":"order","body":{"order":5,"task":{"do":"stop","application":"sip-1","graceful":true}}}
        {"tell":"order","body":{"order":5,"task":{"do":"vip","vip":"sip","action":"up","term":7,"release":"confirmed","time_left_ms":8000}}}
    "#]],
    );
}
