//! The format on the wire, which programs in other languages keep to.

use super::*;
use crate::keep::Item;

#[track_caller]
fn is_written_as<T>(message: &T, text: &str)
where
    T: Serialize + for<'a> Deserialize<'a> + PartialEq + std::fmt::Debug,
{
    assert_eq!(serde_json::to_string(message).unwrap(), text);
    assert_eq!(serde_json::from_str::<T>(text).unwrap(), *message);
}

#[test]
fn what_the_agent_says_has_this_form() {
    let address = "192.0.2.100".parse().unwrap();
    let vip = VipHere { name: "sip".into(), address, up: true };
    let hello = Hello {
        protocol: PROTOCOL,
        application: "sip-1".into(),
        pair: Some("sip".into()),
        run_mode: Some(RunMode::Primary),
        term: Term(7),
        vips: vec![vip.clone()],
        options: [("log".into(), "all".into())].into(),
        suspending: false,
    };
    is_written_as(
        &ToProgram::Hello(hello),
        concat!(
            r#"{"type":"hello","protocol":1,"application":"sip-1","pair":"sip","#,
            r#""run_mode":"primary","term":7,"#,
            r#""vips":[{"name":"sip","address":"192.0.2.100","up":true}],"#,
            r#""options":{"log":"all"},"suspending":false}"#
        ),
    );
    let run_mode = ToProgram::RunMode { mode: RunMode::Backup, term: Term(8) };
    is_written_as(&run_mode, r#"{"type":"run_mode","mode":"backup","term":8}"#);
    is_written_as(
        &ToProgram::Vip(vip),
        r#"{"type":"vip","name":"sip","address":"192.0.2.100","up":true}"#,
    );
    let option = ToProgram::Option { name: "a".into(), value: "b".into() };
    is_written_as(&option, r#"{"type":"option","name":"a","value":"b"}"#);
    let reject = Reject { code: 503, reason: "Draining".into(), retry_after_s: 5 };
    is_written_as(
        &ToProgram::Drain { reject, time_left_ms: 30_000 },
        concat!(
            r#"{"type":"drain","reject":{"code":503,"reason":"Draining","retry_after_s":5},"#,
            r#""time_left_ms":30000}"#
        ),
    );
    is_written_as(&ToProgram::DrainOver, r#"{"type":"drain_over"}"#);
    is_written_as(&ToProgram::Look, r#"{"type":"look"}"#);
    is_written_as(&ToProgram::Suspend, r#"{"type":"suspend"}"#);
}

#[test]
fn what_a_program_says_has_this_form() {
    is_written_as(&FromProgram::Ready, r#"{"type":"ready"}"#);
    let other = FromProgram::Other { serves: Some(false), why: Some("no answer".into()) };
    is_written_as(&other, r#"{"type":"other","serves":false,"why":"no answer"}"#);
    let service = FromProgram::Service { available: false, why: Some("no trunk".into()) };
    is_written_as(&service, r#"{"type":"service","available":false,"why":"no trunk"}"#);
    let done = FromProgram::RunModeDone { mode: RunMode::Primary, term: Term(7) };
    is_written_as(&done, r#"{"type":"run_mode_done","mode":"primary","term":7}"#);
    let event = FromProgram::LogEvent { id: EventId::new(0, 4200), text: "x".into() };
    is_written_as(&event, r#"{"type":"log_event","id":"00-04200","text":"x"}"#);
    let calls = FromProgram::Calls(Calls { established: 3, ringing: 1, lost: 0 });
    is_written_as(&calls, r#"{"type":"calls","established":3,"ringing":1,"lost":0}"#);
}

#[test]
fn what_is_left_out_or_unknown_does_no_harm() {
    let said = |text: &str| serde_json::from_str::<FromProgram>(text).unwrap();
    let available = FromProgram::Service { available: true, why: None };
    assert_eq!(said(r#"{"type":"service","available":true,"since":3}"#), available);
    assert_eq!(said(r#"{"type":"news","of":"the future"}"#), FromProgram::Unknown);
    let told = r#"{"type":"hello","protocol":1,"application":"a"}"#;
    let ToProgram::Hello(hello) = serde_json::from_str(told).unwrap() else {
        panic!("not a hello");
    };
    assert_eq!((hello.run_mode, hello.term, hello.pair), (None, Term(0), None));
    assert!(serde_json::from_str::<FromProgram>(r#"{"type":"log_event","id":"x"}"#).is_err());
}

#[test]
fn words_to_and_from_the_store_of_a_pair_have_this_form() {
    let item = |value: Option<&str>| Item { key: "a/1".into(), value: value.map(Into::into) };
    let open = Keep::Open { session: 7, knows: true };
    is_written_as(
        &FromProgram::Keep(open),
        r#"{"type":"keep","do":"open","session":7,"knows":true}"#,
    );
    let items = vec![item(Some("x")), item(None)];
    let put = Keep::Put { session: 7, term: Term(2), items: items.clone(), all: true };
    is_written_as(
        &FromProgram::Keep(put),
        concat!(
            r#"{"type":"keep","do":"put","session":7,"term":2,"items":"#,
            r#"[{"key":"a/1","value":"x"},{"key":"a/1","value":null}],"all":true}"#
        ),
    );
    let taken = FromProgram::Keep(Keep::Taken { session: 7 });
    is_written_as(&taken, r#"{"type":"keep","do":"taken","session":7}"#);
    is_written_as(&ToProgram::Keep(Kept::Again), r#"{"type":"keep","do":"again"}"#);
    let told = Kept::Told { session: 7, begin: true, end: false, items };
    is_written_as(
        &ToProgram::Keep(told),
        concat!(
            r#"{"type":"keep","do":"told","session":7,"begin":true,"end":false,"#,
            r#""items":[{"key":"a/1","value":"x"},{"key":"a/1","value":null}]}"#
        ),
    );
    let newer = serde_json::from_str::<FromProgram>(r#"{"type":"keep","do":"news"}"#).unwrap();
    assert_eq!(newer, FromProgram::Keep(Keep::Unknown));
}
