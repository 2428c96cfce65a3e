//! Decisions without a sandbox. The cases in `cases/` are run by `takeover plugin test`.

use super::*;

/// A host with one application.
struct Recorded {
    status: Status,
    restart: Result<(), Fault>,
    asked: Vec<String>,
}

impl Recorded {
    fn new(status: Status, restart: Result<(), Fault>) -> Self {
        Self {
            status,
            restart,
            asked: Vec::new(),
        }
    }
}

impl Applications for Recorded {
    fn status(&mut self, application: &str) -> Result<Status, Fault> {
        self.asked.push(format!("status {application}"));
        Ok(self.status)
    }

    fn restart(&mut self, application: &str) -> Result<(), Fault> {
        self.asked.push(format!("restart {application}"));
        self.restart.clone()
    }
}

#[test]
fn application_that_does_not_run_is_restarted() {
    let mut host = Recorded::new(Status::Stopped, Ok(()));
    assert_eq!(react("sip-a", &mut host).unwrap(), "sip-a restarted");
    assert_eq!(host.asked, ["status sip-a", "restart sip-a"]);
}

#[test]
fn application_that_runs_is_left_alone() {
    let mut host = Recorded::new(Status::Running, Ok(()));
    assert_eq!(
        react("sip-a", &mut host).unwrap(),
        "sip-a is running, nothing to do"
    );
    assert_eq!(host.asked, ["status sip-a"]);
}

#[test]
fn restart_under_way_is_as_good_and_any_other_fault_is_told() {
    let mut host = Recorded::new(Status::Stopped, Err(Fault::InProgress));
    assert_eq!(
        react("sip-a", &mut host).unwrap(),
        "sip-a is already being restarted"
    );
    let mut host = Recorded::new(Status::Stopped, Err(Fault::TimedOut));
    assert!(matches!(react("sip-a", &mut host), Err(Fault::TimedOut)));
}
