//! A host agent with one program that speaks: what it is told, and what its words lead to.

use super::*;
use crate::channel::Reject;
use crate::control::io::LinkEnd;
use crate::host_agent::io::{Input, ProcessInput, Saved};
use crate::host_agent::tests::{Rig, application, run_mode, spec};
use crate::link::{AgentMessage, ControlMessage, Exit, HostSpec, Task};
use crate::supervise::Ending;

fn speaking() -> HostSpec {
    let channel = ChannelSpec { pair: Some("pair".into()), run_mode_timeout_ms: 1500 };
    let mut application = application("sip1");
    application.channel = Some(channel);
    HostSpec { applications: vec![application], ..spec() }
}

fn process(rig: &mut Rig, event: ProcessInput) {
    rig.give(Input::Process { application: "sip1".into(), event });
}

fn channel(rig: &mut Rig, event: ChannelInput) {
    process(rig, ProcessInput::Channel(event));
}

fn say(rig: &mut Rig, message: FromProgram) {
    channel(rig, ChannelInput::Said(message));
}

/// Linked, with the program started, connected and ready.
fn running() -> Rig {
    let mut rig = Rig::linked();
    rig.receive(ControlMessage::Configure(speaking()));
    rig.order(Task::Start { application: "sip1".into() });
    process(&mut rig, ProcessInput::Spawned(Ok(42)));
    channel(&mut rig, ChannelInput::Connected);
    say(&mut rig, FromProgram::Ready);
    rig
}

fn told(rig: &mut Rig) -> Vec<ToProgram> {
    let told = rig.take().into_iter().filter_map(|output| match output {
        Output::Tell { message, .. } => Some(message),
        _ => None,
    });
    told.collect()
}

/// The run mode in the first hello among what was told.
fn greeted(rig: &mut Rig) -> Option<(RunMode, Term)> {
    let hello = told(rig).into_iter().find_map(|message| match message {
        ToProgram::Hello(hello) => Some(hello),
        _ => None,
    });
    let hello = hello.expect("no hello");
    hello.run_mode.map(|mode| (mode, hello.term))
}

fn state(rig: &Rig) -> (Status, Option<(RunMode, Term)>) {
    let state = &rig.agent.applications()[0];
    (state.status, state.run_mode)
}

fn done(mode: RunMode, term: u64) -> FromProgram {
    FromProgram::RunModeDone { mode, term: Term(term) }
}

fn critical(text: &str) -> FromProgram {
    FromProgram::LogEvent { id: catalog::CRITICAL_CONDITION, text: text.into() }
}

#[test]
fn it_is_initializing_until_it_says_that_it_is_ready() {
    let mut rig = Rig::linked();
    rig.receive(ControlMessage::Configure(speaking()));
    rig.order(Task::Start { application: "sip1".into() });
    process(&mut rig, ProcessInput::Spawned(Ok(42)));
    channel(&mut rig, ChannelInput::Connected);
    assert_eq!(greeted(&mut rig), None);
    assert_eq!(state(&rig).0, Status::Initializing);
    say(&mut rig, FromProgram::Ready);
    assert_eq!(state(&rig).0, Status::Running);
}

#[test]
fn a_run_mode_is_confirmed_when_the_program_says_so() {
    let mut rig = running();
    rig.take();
    let order = rig.order(run_mode(RunMode::Primary, 3));
    let primary = (RunMode::Primary, Term(3));
    let message = ToProgram::RunMode { mode: primary.0, term: primary.1 };
    assert_eq!(told(&mut rig), [message]);
    assert_eq!((rig.result(order), state(&rig).1), (None, None));
    // Words about something else change nothing.
    for other in [done(RunMode::Primary, 2), done(RunMode::Backup, 3)] {
        say(&mut rig, other);
        assert_eq!((rig.result(order), state(&rig).1), (None, None));
    }
    say(&mut rig, done(RunMode::Primary, 3));
    assert_eq!((rig.result(order), state(&rig).1), (Some(Ok(())), Some(primary)));
    rig.take();
    // It said so already.
    let order = rig.order(run_mode(RunMode::Primary, 3));
    assert_eq!(rig.result(order), Some(Ok(())));
    assert_eq!(told(&mut rig), []);
}

#[test]
fn a_run_mode_that_the_program_does_not_confirm_counts_after_a_while() {
    let mut rig = running();
    rig.take();
    let order = rig.order(run_mode(RunMode::Backup, 3));
    rig.pass(Duration::from_millis(100));
    let again = rig.order(run_mode(RunMode::Backup, 3));
    for _ in 0..13 {
        rig.pass(Duration::from_millis(100));
        rig.receive(ControlMessage::Heartbeat);
    }
    assert_eq!((rig.result(order), rig.result(again)), (None, None));
    rig.pass(Duration::from_millis(100));
    assert_eq!((rig.result(order), rig.result(again)), (Some(Ok(())), Some(Ok(()))));
    assert_eq!(state(&rig).1, Some((RunMode::Backup, Term(3))));
    let texts: Vec<_> = rig.reports().into_iter().map(|(_, text)| text).collect();
    let text = "sip1 did not say within 1500 ms that it is backup; it is taken to be";
    assert_eq!(texts, [text]);
}

#[test]
fn a_newer_run_mode_takes_the_place_of_one_that_is_under_way() {
    let mut rig = running();
    let older = rig.order(run_mode(RunMode::Primary, 3));
    let newer = rig.order(run_mode(RunMode::Backup, 4));
    assert_eq!((rig.result(older), rig.result(newer)), (Some(Err(Fault::InProgress)), None));
    say(&mut rig, done(RunMode::Primary, 3));
    assert_eq!((rig.result(newer), state(&rig).1), (None, None));
    say(&mut rig, done(RunMode::Backup, 4));
    assert_eq!(rig.result(newer), Some(Ok(())));
}

#[test]
fn a_program_that_ends_while_it_is_waited_for_is_told_first() {
    let mut rig = running();
    rig.take();
    let order = rig.order(run_mode(RunMode::Primary, 3));
    process(&mut rig, ProcessInput::Exited(Exit::Signal(9)));
    assert!(matches!(rig.result(order), Some(Err(Fault::Unavailable(_)))));
    let place = |wanted: &dyn Fn(&AgentMessage) -> bool| {
        rig.seen
            .iter()
            .position(|output| matches!(output, Output::Send(message) if wanted(message)))
            .unwrap()
    };
    let is_stopped = |message: &AgentMessage| match message {
        AgentMessage::Application(state) => state.status == Status::Stopped,
        _ => false,
    };
    let stopped = place(&is_stopped);
    let answered = place(&|message| matches!(message, AgentMessage::Done { .. }));
    assert!(stopped < answered, "{:?}", rig.seen);
}

/// Dies as primary and starts again; what the new life is told.
fn next_life(mut rig: Rig) -> Option<(RunMode, Term)> {
    process(&mut rig, ProcessInput::Exited(Exit::Signal(9)));
    process(&mut rig, ProcessInput::GroupGone);
    rig.pass(Duration::from_millis(250));
    process(&mut rig, ProcessInput::Spawned(Ok(43)));
    rig.take();
    channel(&mut rig, ChannelInput::Connected);
    greeted(&mut rig)
}

#[test]
fn the_next_life_of_a_primary_is_not_primary_while_somebody_can_decide() {
    let mut rig = running();
    rig.order(run_mode(RunMode::Primary, 3));
    say(&mut rig, done(RunMode::Primary, 3));
    assert_eq!(next_life(rig), None);
}

#[test]
fn the_next_life_of_a_primary_is_primary_while_nobody_can_decide() {
    let mut rig = running();
    rig.order(run_mode(RunMode::Primary, 3));
    say(&mut rig, done(RunMode::Primary, 3));
    rig.give(Input::LinkEnded(LinkEnd::Closed));
    assert_eq!(next_life(rig), Some((RunMode::Primary, Term(3))));
}

#[test]
fn the_next_agent_tells_what_the_one_before_told() {
    let primary = (RunMode::Primary, Term(3));
    let saved = |process| Saved {
        spec: speaking(),
        run_modes: [("sip1".into(), primary)].into(),
        processes: [("sip1".into(), process)].into(),
        ..Saved::default()
    };
    let mut rig = Rig::new(saved(OldProcess::Running { pid: 42, ending: Ending::No }));
    assert_eq!(state(&rig), (Status::Running, Some(primary)));
    channel(&mut rig, ChannelInput::Connected);
    assert_eq!(greeted(&mut rig), Some(primary));

    let rig = Rig::new(saved(OldProcess::Gone { ending: Ending::No }));
    let forgotten = Output::Persist(Record::NoRunMode("sip1".into()));
    assert_eq!(state(&rig).1, None);
    assert!(rig.seen.contains(&forgotten), "{:?}", rig.seen);
}

#[test]
fn virtual_ips_of_its_pair_are_told() {
    let mut rig = running();
    rig.take();
    rig.vip_up(3);
    let address = "10.0.0.100".parse().unwrap();
    let up = VipHere { name: "sip".into(), address, up: true };
    assert_eq!(told(&mut rig), [ToProgram::Vip(up.clone())]);
    channel(&mut rig, ChannelInput::Connected);
    let told = told(&mut rig);
    let [ToProgram::Hello(hello)] = told.as_slice() else {
        panic!("not one hello: {told:?}");
    };
    assert_eq!(hello.vips, [up]);
}

#[test]
fn options_are_told_now_and_later() {
    let mut rig = running();
    rig.take();
    rig.agent.set_option(&"sip1".into(), "log", "all");
    rig.give(Input::Tick);
    let option = ToProgram::Option { name: "log".into(), value: "all".into() };
    assert_eq!(told(&mut rig), [option]);
    channel(&mut rig, ChannelInput::Connected);
    let told = told(&mut rig);
    let [ToProgram::Hello(hello)] = told.as_slice() else {
        panic!("not one hello: {told:?}");
    };
    assert_eq!(hello.options, [("log".into(), "all".into())].into());
}

#[test]
fn a_graceful_stop_asks_on_the_channel_and_waits_for_the_answer() {
    let mut rig = running();
    rig.take();
    rig.order(Task::Stop { application: "sip1".into(), graceful: true });
    assert_eq!(state(&rig).0, Status::Suspending);
    assert_eq!(told(&mut rig), [ToProgram::Suspend]);
    say(&mut rig, FromProgram::Suspended);
    assert_eq!(state(&rig).0, Status::StopTransition);
}

#[test]
fn it_says_whether_it_can_serve_and_why_not() {
    let mut rig = running();
    let service =
        |available, why: Option<&str>| FromProgram::Service { available, why: why.map(Arc::from) };
    say(&mut rig, service(false, Some("no trunk")));
    let says = |rig: &Rig| rig.agent.applications()[0].says.clone();
    assert_eq!(state(&rig).0, Status::ServiceUnavailable);
    assert_eq!(says(&rig).as_deref(), Some("no trunk"));
    say(&mut rig, service(true, None));
    assert_eq!((state(&rig).0, says(&rig)), (Status::Running, None));
}

#[test]
fn its_log_events_are_about_it() {
    let mut rig = running();
    rig.take();
    say(&mut rig, critical("no trunk"));
    let events: Vec<_> = rig.take().into_iter().filter_map(event).collect();
    let [event] = events.as_slice() else {
        panic!("not one event: {events:?}");
    };
    assert_eq!((event.id.to_string().as_str(), &*event.text), ("00-04200", "no trunk"));
    assert_eq!(event.application, Some("sip1".into()));
    assert_eq!(event.host, Some("h1".into()));
}

fn event(output: Output) -> Option<crate::log_event::LogEvent> {
    match output {
        Output::Send(AgentMessage::Report { report, .. }) => match report {
            crate::link::Report::Event(event) => Some(event),
            crate::link::Report::Dropped(_) => None,
        },
        _ => None,
    }
}

#[test]
fn events_beyond_the_bound_are_dropped_and_counted() {
    let mut rig = running();
    rig.take();
    for number in 0..PROGRAM_EVENTS_MAX + 5 {
        say(&mut rig, critical(&number.to_string()));
    }
    let texts = |rig: &mut Rig| -> Vec<String> {
        rig.reports().into_iter().map(|(_, text)| text).collect()
    };
    let all: Vec<_> = (0..PROGRAM_EVENTS_MAX).map(|number| number.to_string()).collect();
    assert_eq!(texts(&mut rig), all);
    rig.now = rig.now + PROGRAM_EVENT_INTERVAL;
    say(&mut rig, critical("later"));
    assert_eq!(texts(&mut rig), ["5 log events of sip1 were dropped", "later"]);
}

#[test]
fn a_flood_closes_the_connection_and_is_reported_once() {
    let mut rig = running();
    rig.take();
    for _ in 0..3 {
        channel(&mut rig, ChannelInput::Connected);
        for _ in 0..CHANNEL_MESSAGES_PER_S_MAX + 10 {
            say(&mut rig, FromProgram::Alive);
        }
    }
    let seen = rig.take();
    let closed = |output: &&Output| matches!(output, Output::CloseChannel { .. });
    assert_eq!(seen.iter().filter(closed).count(), 3);
    let events: Vec<_> = seen.into_iter().filter_map(event).collect();
    let [event] = events.as_slice() else {
        panic!("not one event: {events:?}");
    };
    assert_eq!(event.id, catalog::CHANNEL_CLOSED);
    assert_eq!(&*event.text, "channel of sip1 closed: more than 200 messages within a second");
}

#[test]
fn an_event_that_is_not_for_programs_is_refused() {
    let mut rig = running();
    rig.take();
    for id in [catalog::RUN_MODE_PRIMARY, catalog::HOST_LOST, EventId::new(7, 7)] {
        channel(&mut rig, ChannelInput::Connected);
        say(&mut rig, FromProgram::LogEvent { id, text: "x".into() });
        let reason = format!("log event {id} is not one that a program may write");
        let close = Output::CloseChannel { application: "sip1".into(), reason: reason.into() };
        assert!(rig.take().contains(&close), "{id}");
    }
}

fn drain(max_calls: u32) -> Task {
    let reject = Reject { code: 503, reason: "Draining".into(), retry_after_s: 5 };
    Task::Drain { application: "sip1".into(), reject, max_calls, time_left_ms: 250 }
}

fn calls(established: u32, lost: u32) -> FromProgram {
    FromProgram::Calls(Calls { established, ringing: 0, lost })
}

fn told_calls(rig: &mut Rig) -> Vec<u32> {
    let told = rig.take().into_iter().filter_map(|output| match output {
        Output::Send(AgentMessage::Calls { calls, .. }) => Some(calls.established),
        _ => None,
    });
    told.collect()
}

#[test]
fn a_drain_is_over_when_few_enough_calls_are_left() {
    let mut rig = running();
    say(&mut rig, calls(9, 0));
    rig.take();
    let order = rig.order(drain(5));
    let asked = |output: &Output| {
        matches!(output, Output::Tell { message: ToProgram::Drain { time_left_ms: 250, .. }, .. })
    };
    assert!(rig.seen.iter().any(asked), "{:?}", rig.seen);
    say(&mut rig, calls(6, 0));
    assert_eq!(rig.result(order), None);
    say(&mut rig, calls(5, 0));
    assert_eq!(rig.result(order), Some(Ok(())));
    assert_eq!(told_calls(&mut rig), [9, 6, 5, 5]);
    say(&mut rig, calls(4, 0));
    assert!(told_calls(&mut rig).is_empty());
    say(&mut rig, calls(3, 1));
    assert_eq!(told_calls(&mut rig), [3]);
}

#[test]
fn a_program_is_asked_to_look_and_what_it_sees_is_told_on_where_it_is_news() {
    let mut rig = running();
    rig.take();
    rig.receive(ControlMessage::Suspect { vip: "sip".into() });
    assert_eq!(told(&mut rig), [ToProgram::Look]);
    rig.receive(ControlMessage::Suspect { vip: "another".into() });
    assert_eq!(told(&mut rig), []);
    let says = |serves| FromProgram::Other { serves, why: Some("seen".into()) };
    let mut seen = Vec::new();
    for serves in [None, Some(true), Some(true), Some(false), None] {
        say(&mut rig, says(serves));
        seen.extend(rig.take().into_iter().filter_map(|output| match output {
            Output::Send(AgentMessage::Other { seen, .. }) => Some(seen),
            _ => None,
        }));
    }
    let text = || Arc::<str>::from("seen");
    assert_eq!(seen, [Verdict::Good, Verdict::Bad(text()), Verdict::Unknown(text())]);
    say(&mut rig, says(Some(true)));
    rig.take();
    channel(&mut rig, ChannelInput::Ended(None));
    let unknown = |output: &Output| {
        matches!(output, Output::Send(AgentMessage::Other { seen: Verdict::Unknown(_), .. }))
    };
    assert!(rig.take().iter().any(unknown), "its word ends with its channel");
}

#[test]
fn a_drain_is_over_when_its_time_is() {
    let mut rig = running();
    say(&mut rig, calls(9, 0));
    let order = rig.order(drain(5));
    rig.pass(Duration::from_millis(249));
    assert_eq!(rig.result(order), None);
    rig.take();
    channel(&mut rig, ChannelInput::Connected);
    let again = |output: &Output| {
        matches!(output, Output::Tell { message: ToProgram::Drain { time_left_ms: 1, .. }, .. })
    };
    assert!(rig.seen.iter().any(again), "{:?}", rig.seen);
    rig.pass(Duration::from_millis(1));
    assert_eq!(rig.result(order), Some(Ok(())));
}

#[test]
fn a_drain_that_can_not_be_or_is_ended_is_answered() {
    let mut rig = running();
    say(&mut rig, calls(9, 0));
    let order = rig.order(drain(5));
    rig.take();
    let end = rig.order(Task::EndDrain { application: "sip1".into() });
    assert!(matches!(rig.result(order), Some(Err(Fault::Unavailable(_)))));
    assert_eq!(rig.result(end), Some(Ok(())));
    assert_eq!(told(&mut rig), [ToProgram::DrainOver]);
    channel(&mut rig, ChannelInput::Ended(None));
    let order = rig.order(drain(5));
    let text = "unavailable: sip1 is not connected to an application channel";
    assert_eq!(rig.result(order).unwrap().unwrap_err().to_string(), text);
}

#[test]
fn a_program_without_a_channel_is_confirmed_at_once_and_told_nothing() {
    let mut rig = Rig::linked();
    rig.order(Task::Start { application: "sip1".into() });
    process(&mut rig, ProcessInput::Spawned(Ok(42)));
    channel(&mut rig, ChannelInput::Connected);
    let order = rig.order(run_mode(RunMode::Primary, 3));
    assert_eq!(rig.result(order), Some(Ok(())));
    assert_eq!(told(&mut rig), []);
}

#[test]
fn words_to_and_from_the_store_of_its_pair_are_passed_on_as_they_are() {
    use crate::ids::ReportSequence;
    use crate::keep::{Keep, Kept};
    let mut rig = running();
    rig.take();
    let open = Keep::Open { session: 7, knows: false };
    say(&mut rig, FromProgram::Keep(open.clone()));
    let application: ApplicationName = "sip1".into();
    let passed_on = AgentMessage::Keep { application: application.clone(), keep: open.clone() };
    assert!(rig.take().contains(&Output::Send(passed_on.clone())));
    let kept = Kept::Taken { session: 7 };
    rig.receive(ControlMessage::Keep { application, kept: kept.clone() });
    rig.receive(ControlMessage::Keep { application: "sip9".into(), kept: kept.clone() });
    assert_eq!(told(&mut rig), [ToProgram::Keep(kept)]);
    rig.give(Input::LinkEnded(LinkEnd::Closed));
    say(&mut rig, FromProgram::Keep(open));
    assert!(!rig.take().contains(&Output::Send(passed_on)), "there is nobody");
    rig.give(Input::Linked);
    rig.receive(ControlMessage::Welcome { spec: speaking(), stored: ReportSequence(0) });
    assert_eq!(told(&mut rig), [ToProgram::Keep(Kept::Again)]);
}
