//! A value of every view in every form that it can have: each case of each enumeration, and
//! everything optional both present and absent.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use takeover_logic::component::{Category, Phase};
use takeover_logic::control::io::{
    AlarmView, Answer, ApplicationView, Change, ClearedBy, HostStatus, HostView, Overview,
    PairView, ReactionState, ReactionView, RecordedEvent, Step, VipView,
};
use takeover_logic::ids::{AlarmId, EventSequence, RunId, SwitchoverId, Term};
use takeover_logic::link::{Exit, RunMode, Status, StatusCause, Verdict};
use takeover_logic::log_event::{Attribute, EventId, Level, LogEvent};
use takeover_logic::time::Timestamp;

use crate::api::types::{AlarmsBody, AnswerBody, EventsBody, OverviewBody, StepsBody, StreamItem};

/// The values, each with the name of its schema.
pub(super) fn all() -> Vec<(&'static str, Value)> {
    let mut all = Vec::new();
    add(&mut all, "LogEvent", log_events());
    add(&mut all, "RecordedEvent", recorded());
    add(&mut all, "EventsBody", [EventsBody { events: recorded() }]);
    add(&mut all, "HostView", hosts());
    add(&mut all, "ApplicationView", applications());
    add(&mut all, "PairView", pairs());
    add(&mut all, "VipView", [vip()]);
    add(&mut all, "AlarmView", alarms());
    add(&mut all, "AlarmsBody", [AlarmsBody { alarms: alarms() }]);
    add(&mut all, "Overview", [Overview::default(), overview()]);
    add(&mut all, "OverviewBody", [body()]);
    add(&mut all, "Step", [step()]);
    add(&mut all, "StepsBody", [StepsBody { steps: vec![step()] }]);
    add(&mut all, "Change", changes());
    let answers = [Answer::Done, Answer::SwitchedOver(SwitchoverId(3)), Answer::Alarm(AlarmId(4))];
    add(&mut all, "Answer", answers.clone());
    add(&mut all, "AnswerBody", answers.map(|answer| AnswerBody { answer }));
    let event = recorded().remove(0);
    let items = [
        StreamItem::Overview(Arc::new(body())),
        StreamItem::Event(Arc::new(event)),
        StreamItem::Step(Arc::new(step())),
    ];
    add(&mut all, "StreamItem", items);
    add(&mut all, "StreamItem", changes().map(|change| StreamItem::Changed(Arc::new(change))));
    all
}

fn add<T: Serialize>(
    all: &mut Vec<(&'static str, Value)>,
    schema: &'static str,
    values: impl IntoIterator<Item = T>,
) {
    all.extend(values.into_iter().map(|value| (schema, serde_json::to_value(value).unwrap())));
}

fn log_events() -> Vec<LogEvent> {
    let levels = [Level::Alarm, Level::Standard, Level::Interaction, Level::Trace, Level::Debug];
    let event = |level| LogEvent {
        id: EventId::new(0, 5150),
        level,
        text: "sip-1 is primary".into(),
        application: Some("sip-1".into()),
        application_type: Some("sip-server".into()),
        host: Some("h1".into()),
        at: Timestamp(1_700_000_000_123),
        attributes: vec![Attribute::new("term", 7)],
    };
    let bare = LogEvent {
        application: None,
        application_type: None,
        host: None,
        attributes: vec![],
        ..event(Level::Standard)
    };
    levels.map(event).into_iter().chain([bare]).collect()
}

fn recorded() -> Vec<RecordedEvent> {
    let events = (1..).zip(log_events());
    events.map(|(place, event)| RecordedEvent { sequence: EventSequence(place), event }).collect()
}

fn hosts() -> Vec<HostView> {
    let versions = [None, Some("0.1.0".into()), Some("0.1.0".into())];
    let statuses = [HostStatus::Unknown, HostStatus::Disconnected, HostStatus::Running];
    let host = |(status, version)| HostView {
        name: "h1".into(),
        address: "192.0.2.1".parse().unwrap(),
        status,
        version,
    };
    statuses.into_iter().zip(versions).map(host).collect()
}

fn applications() -> Vec<ApplicationView> {
    let full = ApplicationView {
        name: "sip-1".into(),
        kind: "sip-server".into(),
        host: "h1".into(),
        status: Status::Running,
        cause: Some(StatusCause::Ordered),
        run_mode: Some(RunMode::Primary),
        pair: Some("sip".into()),
        pid: Some(4321),
        says: Some("ready".into()),
    };
    let bare = ApplicationView {
        cause: None,
        run_mode: None,
        pair: None,
        pid: None,
        says: None,
        ..full.clone()
    };
    let statuses = [
        Status::Unknown,
        Status::Stopped,
        Status::StartPending,
        Status::StartTransition,
        Status::Initializing,
        Status::Running,
        Status::ServiceUnavailable,
        Status::Suspending,
        Status::Suspended,
        Status::StopPending,
        Status::StopTransition,
    ];
    let causes = [
        StatusCause::Reported,
        StatusCause::Died(Exit::Code(-1)),
        StatusCause::Died(Exit::Signal(9)),
        StatusCause::Died(Exit::Unseen),
        StatusCause::HungUp,
        StatusCause::StartFailed,
        StatusCause::Restarted,
        StatusCause::Adopted,
    ];
    let modes = [RunMode::Backup, RunMode::Exiting];
    let statuses = statuses.map(|status| ApplicationView { status, ..full.clone() });
    let causes = causes.map(|cause| ApplicationView { cause: Some(cause), ..full.clone() });
    let modes = modes.map(|mode| ApplicationView { run_mode: Some(mode), ..full.clone() });
    [bare].into_iter().chain(statuses).chain(causes).chain(modes).collect()
}

fn pairs() -> Vec<PairView> {
    let full = PairView {
        name: "sip".into(),
        primary: Some("sip-1".into()),
        backup: Some("sip-2".into()),
        term: Term(7),
        paused: false,
        state: "sip-1 serves".into(),
        switchover: Some(SwitchoverId(3)),
    };
    let bare = PairView { primary: None, backup: None, switchover: None, ..full.clone() };
    vec![full, bare]
}

fn vip() -> VipView {
    let presence = [
        ("h1".into(), Verdict::Good),
        ("h2".into(), Verdict::Bad("absent".into())),
        ("h3".into(), Verdict::Unknown("not linked".into())),
    ];
    VipView {
        name: "sip".into(),
        pair: "sip".into(),
        address: "192.0.2.100/24".into(),
        presence: presence.into_iter().collect(),
    }
}

fn alarms() -> Vec<AlarmView> {
    let reaction =
        |(phase, state)| ReactionView { reaction: "tell".into(), run: RunId(5), phase, state };
    let reactions = [
        (Phase::Raised, ReactionState::Waiting),
        (Phase::Raised, ReactionState::Running),
        (Phase::Cleared, ReactionState::Succeeded("told".into())),
        (Phase::Cleared, ReactionState::Failed("timed out".into())),
    ];
    let event = log_events().remove(0);
    let active = AlarmView {
        id: AlarmId(4),
        condition: "sip-lost".into(),
        category: Category::Critical,
        application: "sip-1".into(),
        host: None,
        event,
        raised_at: Timestamp(1_700_000_000_123),
        cleared: None,
        repeats: 2,
        test: true,
        reactions: reactions.map(reaction).into(),
    };
    let cleared = [
        (Category::Critical, ClearedBy::Event),
        (Category::Major, ClearedBy::Timeout),
        (Category::Minor, ClearedBy::Operator("op".into())),
        (Category::Major, ClearedBy::Configuration),
    ];
    let cleared = cleared.map(|(category, by)| AlarmView {
        category,
        host: Some("h1".into()),
        cleared: Some((Timestamp(1_700_000_060_000), by)),
        reactions: vec![],
        ..active.clone()
    });
    [active].into_iter().chain(cleared).collect()
}

fn overview() -> Overview {
    Overview {
        hosts: hosts(),
        applications: applications(),
        pairs: pairs(),
        vips: vec![vip()],
        alarms: alarms(),
    }
}

fn body() -> OverviewBody {
    OverviewBody {
        version: "0.1.0".into(),
        at: Timestamp(1_700_000_000_123),
        journal_sequence: EventSequence(9),
        overview: overview(),
    }
}

fn step() -> Step {
    Step {
        switchover: SwitchoverId(3),
        pair: "sip".into(),
        term: Term(7),
        at: Timestamp(1_700_000_000_123),
        after: Duration::from_millis(1250),
        sentence: "h1 is lost".into(),
    }
}

fn changes() -> impl Iterator<Item = Change> {
    let hosts = hosts().into_iter().map(Change::Host);
    let applications = applications().into_iter().map(Change::Application);
    let pairs = pairs().into_iter().map(Change::Pair);
    let vips = [Change::Vip(vip())];
    let alarms = alarms().into_iter().map(Change::Alarm);
    hosts.chain(applications).chain(pairs).chain(vips).chain(alarms)
}
