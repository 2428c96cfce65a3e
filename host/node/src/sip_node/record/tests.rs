//! Decisions that are kept and read again, and what happens at each bound.

use takeover_logic::component::sip::{CallKind, DrForward, ForwardingDestination, NodeMode};

use super::*;

fn call(number: u64) -> ForwardingCall {
    ForwardingCall {
        kind: CallKind::Inbound,
        request_uri: format!("sip:{number}@example.com"),
        caller: "sip:7777@example.com".into(),
        source: "192.0.2.1:5060".into(),
        call_id: number.to_string(),
        from_peer: false,
        destination: ForwardingDestination {
            dn: number.to_string(),
            known: true,
            registered: true,
            in_service: true,
            agent_logged_in: false,
            dr_forward: DrForward::Off,
        },
        peer: None,
        node_mode: NodeMode::InService,
        shutdown_reject_code: 603,
        headers: Vec::new(),
    }
}

fn decided(at: u64) -> Decided {
    Decided {
        at: Timestamp(at),
        call: call(at),
        decision: ForwardingDecision::Deliver,
        by_fallback: false,
        skipped: 0,
    }
}

/// What is in the folder when so many records are.
fn wait_for(folder: &Path, count: usize) -> Vec<Decided> {
    for _ in 0..500 {
        let found = read(folder, Timestamp(0), usize::MAX).map(|(found, _)| found);
        match found {
            Ok(found) if found.len() >= count => return found,
            _ => std::thread::sleep(Duration::from_millis(20)),
        }
    }
    panic!("fewer than {count} records after 10 s");
}

#[test]
fn decisions_are_kept_in_order_and_over_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    for life in [1_u64, 2] {
        let recorder = Recorder::start(folder.path()).unwrap();
        for number in 0..10 {
            let at = life * 1_000_000 + number;
            let by_fallback = number == 3;
            let decision = (&ForwardingDecision::Deliver, by_fallback);
            recorder.keep(Timestamp(at), &call(at), decision);
        }
        drop(recorder);
        let expected = usize::try_from(life).unwrap() * 10;
        assert_eq!(wait_for(folder.path(), expected).len(), expected);
    }
    let (found, beyond) = read(folder.path(), Timestamp(1_000_005), 12).unwrap();
    assert_eq!((found.len(), beyond), (12, 3));
    let expected = Decided { by_fallback: true, ..decided(2_000_003) };
    assert_eq!(found[5], expected);
}

#[test]
fn beyond_its_rate_decisions_are_counted_and_not_kept() {
    let mut room = Room { left: 2, since: Timestamp(0), skipped: 0 };
    let taken: Vec<_> = (0..5).map(|_| room.take(Timestamp(500))).collect();
    assert_eq!(taken, [Some(0), Some(0), None, None, None]);
    assert_eq!(room.take(Timestamp(1500)), Some(3), "a second later");
    assert_eq!(room.left, RECORD_PER_S - 1);
    room.take(Timestamp(1_000_000_000));
    assert_eq!(room.left, RECORD_BURST - 1, "never more than that at once");
}

#[test]
fn a_full_file_takes_the_place_of_the_older_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = Files::open(folder.path().to_owned()).unwrap();
    for number in 1..=3 {
        files.bytes = RECORD_FILE_BYTES_MAX;
        files.write(&line(&decided(number)).unwrap()).unwrap();
    }
    files.file.flush().unwrap();
    let found = wait_for(folder.path(), 2);
    let times: Vec<u64> = found.iter().map(|decided| decided.at.0).collect();
    assert_eq!(times, [2, 3]);
}

#[test]
fn what_can_not_be_read_is_passed_over_and_no_record_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let error = read(folder.path(), Timestamp(0), 10).unwrap_err().to_string();
    assert!(error.contains("decisions-new.jsonl: No such file"), "{error}");
    let mut text = line(&decided(7)).unwrap();
    text.extend_from_slice(b"{\"at\":8,\"cal");
    fs::write(folder.path().join("decisions-new.jsonl"), text).unwrap();
    let (found, _) = read(folder.path(), Timestamp(0), 10).unwrap();
    assert_eq!(found, [decided(7)]);
    let mut long = decided(1);
    long.call.caller = "x".repeat(RECORD_LINE_BYTES_MAX);
    assert_eq!(line(&long), None);
}
