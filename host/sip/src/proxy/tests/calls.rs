//! Calls through one proxy.

use super::*;

const INVITE: &str = "INVITE sip:2000@10.0.0.2:5060 SIP/2.0";

#[test]
fn a_call_goes_through_and_its_route_is_recorded() {
    let mut stage = Stage::new();
    stage.arrives(&request("INVITE", "a"), CALLER, vec![target(&[CALLEE])]);
    let sent = stage.messages();
    assert_eq!(first_line(&sent[0].1), "SIP/2.0 100 Trying");
    let invite = &sent[1].1;
    assert_eq!((sent[1].0.as_str(), first_line(invite).as_str()), (CALLEE, INVITE));
    assert_eq!(value(invite, HeaderName::MaxForwards), "69");
    let route = value(invite, HeaderName::RecordRoute);
    assert!(route.starts_with("<sip:10.0.0.9:5060;d=") && route.ends_with(";lr>"), "{route}");
    assert!(
        value(invite, HeaderName::Via).starts_with("SIP/2.0/UDP 10.0.0.9:5060;branch=z9hG4bKt")
    );
    stage.arrives(&answer(invite, 100), CALLEE, vec![]);
    assert_eq!(stage.sent(), [], "100 is for this hop alone");
    for (code, line) in [(180, "SIP/2.0 180 Ringing"), (200, "SIP/2.0 200 OK")] {
        stage.arrives(&answer(invite, code), CALLEE, vec![]);
        let back = stage.only(CALLER);
        assert_eq!(first_line(&back), line);
        assert_eq!(value(&back, HeaderName::Via), "SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKa");
    }
    stage.arrives(&answer(invite, 200), CALLEE, vec![]);
    assert_eq!(stage.sent(), [to(CALLER, "SIP/2.0 200 OK")], "a 200 that came again");
    stage.wait(Duration::from_secs(33));
    assert!(stage.proxy.is_empty());
}

#[test]
fn an_invite_that_comes_again_gets_the_last_answer_again() {
    let mut stage = Stage::new();
    let invite = request("INVITE", "a");
    stage.arrives(&invite, CALLER, vec![target(&[CALLEE])]);
    let sent = stage.only(CALLEE);
    stage.arrives(&invite, CALLER, vec![target(&[CALLEE])]);
    assert_eq!(stage.sent(), [to(CALLER, "SIP/2.0 100 Trying")]);
    stage.arrives(&answer(&sent, 180), CALLEE, vec![]);
    stage.out.clear();
    stage.arrives(&invite, CALLER, vec![target(&[CALLEE])]);
    assert_eq!(stage.sent(), [to(CALLER, "SIP/2.0 180 Ringing")]);
    assert_eq!(stage.proxy.counters().request_repeats, 2);
}

#[test]
fn an_unanswered_invite_is_sent_seven_times_and_then_given_up() {
    let mut stage = Stage::new();
    stage.arrives(&request("INVITE", "a"), CALLER, vec![target(&[CALLEE])]);
    stage.out.clear();
    let mut times = Vec::new();
    for tick in 1..=320 {
        stage.wait(Duration::from_millis(100));
        for (whom, line) in stage.sent() {
            times.push((tick * 100, whom, line));
        }
    }
    let repeats: Vec<i32> =
        times.iter().filter(|(_, whom, _)| whom == CALLEE).map(|it| it.0).collect();
    assert_eq!(repeats, [500, 1500, 3500, 7500, 15_500, 31_500]);
    assert_eq!(
        times.last().map(|it| (it.0, it.2.as_str())),
        Some((32_000, "SIP/2.0 408 Request Timeout"))
    );
    assert_eq!(stage.proxy.counters().timeouts, 1);
}

#[test]
fn a_cancel_waits_for_a_provisional_answer() {
    let mut stage = Stage::new();
    stage.arrives(&request("INVITE", "a"), CALLER, vec![target(&[CALLEE])]);
    let invite = stage.only(CALLEE);
    assert!(stage.cancel(&request("CANCEL", "a")));
    assert_eq!(stage.sent(), [to(CALLER, "SIP/2.0 200 OK")]);
    stage.arrives(&answer(&invite, 180), CALLEE, vec![]);
    let sent = stage.messages();
    let cancel = &sent.iter().find(|(whom, _)| whom == CALLEE).expect("a CANCEL").1;
    assert_eq!(first_line(cancel), INVITE.replace("INVITE", "CANCEL"));
    assert_eq!(value(cancel, HeaderName::Via), value(&invite, HeaderName::Via));
    stage.arrives(&answer(cancel, 200), CALLEE, vec![]);
    assert_eq!(stage.sent(), []);
    stage.arrives(&answer(&invite, 487), CALLEE, vec![]);
    let ack = to(CALLEE, &INVITE.replace("INVITE", "ACK"));
    assert_eq!(stage.sent(), [ack, to(CALLER, "SIP/2.0 487 Request Terminated")]);
    stage.arrives(&request("ACK", "a"), CALLER, vec![]);
    stage.wait(Duration::from_secs(40));
    assert!(stage.proxy.is_empty());
}

#[test]
fn a_refusal_is_sent_until_it_is_acknowledged() {
    let mut stage = Stage::new();
    stage.arrives(&request("INVITE", "a"), CALLER, vec![target(&[CALLEE])]);
    let invite = stage.only(CALLEE);
    stage.arrives(&answer(&invite, 486), CALLEE, vec![]);
    stage.out.clear();
    stage.wait(Duration::from_millis(500));
    assert_eq!(stage.sent(), [to(CALLER, "SIP/2.0 486 Busy Here")]);
    stage.arrives(&request("ACK", "a"), CALLER, vec![]);
    stage.wait(Duration::from_secs(4));
    assert_eq!(stage.sent(), []);
}

#[test]
fn the_first_who_answers_gets_the_call_and_the_others_are_taken_back() {
    let mut stage = Stage::new();
    stage.arrives(&request("INVITE", "a"), CALLER, vec![target(&[CALLEE]), target(&[SECOND])]);
    let sent = stage.messages();
    let at = |whom: &str| sent.iter().find(|(to, _)| to == whom).expect("sent").1.clone();
    let (one, two) = (at(CALLEE), at(SECOND));
    stage.arrives(&answer(&two, 180), SECOND, vec![]);
    stage.out.clear();
    stage.arrives(&answer(&one, 200), CALLEE, vec![]);
    let cancel = to(SECOND, "CANCEL sip:2000@10.0.0.3:5060 SIP/2.0");
    assert_eq!(stage.sent(), [to(CALLER, "SIP/2.0 200 OK"), cancel]);
    stage.arrives(&answer(&two, 487), SECOND, vec![]);
    assert_eq!(stage.sent(), [to(SECOND, "ACK sip:2000@10.0.0.3:5060 SIP/2.0")]);
}

#[test]
fn of_several_refusals_the_best_goes_back() {
    for (first, second, best) in
        [(404, 486, 404), (486, 401, 401), (503, 404, 404), (486, 600, 600)]
    {
        let mut stage = Stage::new();
        stage.arrives(&request("INVITE", "a"), CALLER, vec![target(&[CALLEE]), target(&[SECOND])]);
        let sent = stage.messages();
        let at = |whom: &str| sent.iter().find(|(to, _)| to == whom).expect("sent").1.clone();
        stage.arrives(&answer(&at(CALLEE), first), CALLEE, vec![]);
        assert!(stage.messages().iter().all(|(whom, _)| whom != CALLER), "not yet");
        stage.arrives(&answer(&at(SECOND), second), SECOND, vec![]);
        let back = first_line(&stage.only(CALLER));
        assert!(back.starts_with(&format!("SIP/2.0 {best} ")), "{first} {second}: {back}");
    }
}

#[test]
fn a_host_that_refuses_or_is_silent_is_followed_by_the_next() {
    let mut stage = Stage::new();
    stage.arrives(&request("INVITE", "a"), CALLER, vec![target(&[CALLEE, SECOND])]);
    let first = stage.only(CALLEE);
    stage.arrives(&answer(&first, 503), CALLEE, vec![]);
    let second = stage.only(SECOND);
    assert_ne!(value(&first, HeaderName::Via), value(&second, HeaderName::Via));
    stage.arrives(&answer(&second, 503), SECOND, vec![]);
    assert_eq!(first_line(&stage.only(CALLER)), "SIP/2.0 500 Server Internal Error");

    stage.arrives(&request("BYE", "b"), CALLER, vec![target(&[CALLEE, SECOND])]);
    stage.out.clear();
    stage.proxy.unreachable(stage.now, &flow(CALLEE), &mut stage.out);
    assert_eq!(stage.sent(), [to(SECOND, "BYE sip:2000@10.0.0.2:5060 SIP/2.0")]);
}

#[test]
fn ringing_without_end_is_taken_back_after_three_minutes() {
    let mut stage = Stage::new();
    stage.arrives(&request("INVITE", "a"), CALLER, vec![target(&[CALLEE])]);
    let invite = stage.only(CALLEE);
    stage.arrives(&answer(&invite, 180), CALLEE, vec![]);
    stage.wait(Duration::from_secs(180));
    stage.out.clear();
    stage.wait(Duration::from_secs(2));
    assert_eq!(stage.sent(), [to(CALLEE, &INVITE.replace("INVITE", "CANCEL"))]);
    stage.wait(Duration::from_secs(33));
    assert!(stage.sent().contains(&to(CALLER, "SIP/2.0 408 Request Timeout")));
}

#[test]
fn a_request_without_an_answer_other_than_invite_is_not_answered_too_late() {
    let mut stage = Stage::new();
    stage.arrives(&request("OPTIONS", "a"), CALLER, vec![target(&[CALLEE])]);
    stage.out.clear();
    let mut all = Vec::new();
    for _ in 0..400 {
        stage.wait(Duration::from_millis(100));
        all.extend(stage.sent());
    }
    assert!(all.iter().all(|(whom, _)| whom == CALLEE), "{all:?}");
    assert_eq!(all.len(), 10, "after 0.5, 1.5, 3.5 s and then every 4 s");
    assert!(stage.proxy.is_empty());
}
