//! What told states mean, one after the other.

use super::*;
use crate::link::Exit;

const ALL: [Status; 11] = [
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

fn told(status: Status, cause: StatusCause, pid: u32) -> ApplicationState {
    ApplicationState {
        name: "sip-1".into(),
        status,
        cause,
        run_mode: None,
        pid: Some(pid),
        says: None,
    }
}

/// Tells `states` one after the other to an application that was seen stopped, and gives the
/// meaning of the last.
#[track_caller]
fn check(states: &[ApplicationState], expected: Transition) {
    let mut application = ApplicationStatus::restore(Status::Stopped, None);
    let meaning = states.iter().map(|state| application.tell(state)).last();
    assert_eq!(meaning, Some(expected));
}

const CHANGED: Transition = Transition {
    ended: None,
    start_failed: false,
    started: false,
    unavailable: false,
    available: false,
    changed: true,
};

#[test]
fn every_status_can_be_lost_and_every_life_can_end() {
    for from in ALL {
        assert!(is_transition_valid(from, Status::Unknown), "{from:?}");
        assert!(is_transition_valid(from, Status::Stopped), "{from:?}");
        assert!(is_transition_valid(Status::Unknown, from), "{from:?}");
    }
}

#[test]
fn nothing_but_an_end_follows_the_order_to_end() {
    for to in ALL {
        let allowed = matches!(to, Status::Stopped | Status::Unknown | Status::StopTransition);
        assert_eq!(is_transition_valid(Status::StopTransition, to), allowed, "{to:?}");
    }
}

#[test]
fn a_stopped_application_never_runs_without_being_started() {
    assert!(!is_transition_valid(Status::Stopped, Status::Running));
    assert!(!is_transition_valid(Status::Suspending, Status::Running));
}

#[test]
fn a_host_is_never_unknown_again() {
    assert!(is_host_transition_valid(HostStatus::Unknown, HostStatus::Disconnected));
    assert!(is_host_transition_valid(HostStatus::Disconnected, HostStatus::Running));
    assert!(!is_host_transition_valid(HostStatus::Running, HostStatus::Unknown));
}

#[test]
fn it_is_started_when_it_is_ready_not_when_it_was_executed() {
    let executed = told(Status::StartTransition, StatusCause::Ordered, 7);
    check(std::slice::from_ref(&executed), CHANGED);
    let ready = told(Status::Running, StatusCause::Reported, 7);
    check(&[executed, ready], Transition { started: true, ..CHANGED });
}

#[test]
fn service_unavailable_and_back_is_not_a_start() {
    let running = told(Status::Running, StatusCause::Reported, 7);
    let unavailable = told(Status::ServiceUnavailable, StatusCause::Reported, 7);
    let start = told(Status::StartTransition, StatusCause::Ordered, 7);
    check(
        &[start.clone(), running.clone(), unavailable.clone()],
        Transition { unavailable: true, ..CHANGED },
    );
    check(
        &[start, running.clone(), unavailable, running],
        Transition { available: true, ..CHANGED },
    );
}

#[test]
fn a_missed_step_means_that_the_process_ended() {
    let start = told(Status::StartTransition, StatusCause::Ordered, 7);
    let running = told(Status::Running, StatusCause::Reported, 7);
    let again = told(Status::Initializing, StatusCause::Restarted, 8);
    check(&[start, running, again], Transition { ended: Some(StatusCause::Restarted), ..CHANGED });
}

#[test]
fn another_process_in_the_same_status_is_a_restart() {
    let start = told(Status::StartTransition, StatusCause::Ordered, 7);
    let running = told(Status::Running, StatusCause::Reported, 7);
    let other = told(Status::Running, StatusCause::Restarted, 8);
    let expected = Transition { ended: Some(StatusCause::Restarted), started: true, ..CHANGED };
    check(&[start, running, other], expected);
}

#[test]
fn a_failed_start_is_told_once() {
    let start = told(Status::StartTransition, StatusCause::Ordered, 7);
    let failed = told(Status::Stopped, StatusCause::StartFailed, 7);
    let expected =
        Transition { ended: Some(StatusCause::StartFailed), start_failed: true, ..CHANGED };
    check(&[start.clone(), failed.clone()], expected);
    check(&[start, failed.clone(), failed], Transition::default());
}

#[test]
fn out_of_sight_it_is_unknown_and_its_past_is_not_reported_twice() {
    let mut application = ApplicationStatus::default();
    let running = told(Status::Running, StatusCause::Adopted, 7);
    assert_eq!(application.tell(&running), CHANGED);
    application.lose_sight();
    assert_eq!((application.shown(), application.pid()), (Status::Unknown, None));
    assert_eq!(application.tell(&running), CHANGED, "seen again, nothing else");
    application.lose_sight();
    let died = told(Status::Stopped, StatusCause::Died(Exit::Unseen), 7);
    let ended = Some(StatusCause::Died(Exit::Unseen));
    assert_eq!(application.tell(&died), Transition { ended, ..CHANGED });
}
