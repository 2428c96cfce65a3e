//! Applications: what their agents tell of them, and what that means for their pairs.

use std::sync::Arc;

use crate::catalog::{self, About};
use crate::config::model::Runs;
use crate::control::Control;
use crate::control::saved::SavedApplication;
use crate::ids::{ApplicationName, HostName};
use crate::link::{ApplicationState, Status, StatusCause};
use crate::run_mode::Input as PairInput;
use crate::status::{self, ApplicationStatus, Transition};

/// An application.
#[derive(Debug, Default)]
pub(super) struct Managed {
    pub(super) status: ApplicationStatus,
    /// Somebody ordered its stop, so it is not started by itself.
    pub(super) stopped_by_order: bool,
}

impl Managed {
    pub(super) fn save(&self) -> SavedApplication {
        SavedApplication {
            status: self.status.last_known(),
            pid: self.status.last_pid(),
            stopped_by_order: self.stopped_by_order,
        }
    }
}

impl Control {
    pub(super) fn kind_of(&self, application: &ApplicationName) -> Option<Arc<str>> {
        self.config.applications.get(application).map(|application| application.kind.clone())
    }

    pub(super) fn host_of(&self, application: &ApplicationName) -> Option<HostName> {
        self.config.applications.get(application).map(|application| application.host.clone())
    }

    pub(super) fn status_of(&self, application: &ApplicationName) -> Status {
        self.applications.get(application).map_or(Status::Unknown, |managed| managed.status.shown())
    }

    pub(super) fn about(&self, application: &ApplicationName) -> About {
        match self.config.applications.get(application) {
            Some(application) => About::application(self.now.at, application),
            None => About::control_server(self.now.at),
        }
    }

    /// Programs on a host, by name.
    fn programs_on(&self, host: &HostName) -> Vec<ApplicationName> {
        let on_host = self.config.applications.values().filter(|application| {
            application.host == *host && matches!(application.runs, Runs::Program(_))
        });
        on_host.map(|application| application.name.clone()).collect()
    }

    /// An agent told all its applications. One that it does not know has no process there.
    pub(super) fn applications_on_hello(&mut self, host: &HostName, states: &[ApplicationState]) {
        for name in self.programs_on(host) {
            let told = states.iter().find(|state| state.name == name).cloned();
            let state = told.unwrap_or_else(|| not_running(&name));
            // What happened while the link was down is among the agent's reports.
            let transition = self.tell(&state);
            self.pair_linked(&name, &state, transition.ended.is_some());
            self.autostart(&name);
        }
    }

    /// New applications of a linked host: their agent learns of them only now.
    pub(super) fn tell_new_applications(&mut self, names: &[ApplicationName]) {
        for name in names {
            let Some(host) = self.host_of(name) else { continue };
            if self.is_linked(&host) && self.programs_on(&host).contains(name) {
                let state = not_running(name);
                self.tell(&state);
                self.pair_linked(name, &state, false);
                self.autostart(name);
            }
        }
    }

    /// An agent told of a change.
    pub(super) fn application_changed(&mut self, host: &HostName, state: &ApplicationState) {
        if self.host_of(&state.name).as_ref() != Some(host) {
            return;
        }
        let transition = self.tell(state);
        self.record_transition(state, transition);
        let (status, cause) = (state.status, state.cause);
        if transition.ended.is_some() && status::takes_run_modes(status) {
            let ended = Status::Stopped;
            self.tell_pair(&state.name, |side| PairInput::Status { side, status: ended, cause });
        }
        self.tell_pair(&state.name, |side| PairInput::Status { side, status, cause });
    }

    pub(super) fn applications_out_of_sight(&mut self, host: &HostName) {
        for name in self.programs_on(host) {
            if let Some(managed) = self.applications.get_mut(&name) {
                managed.status.lose_sight();
                self.shown.application(&name);
            }
            self.tell_pair(&name, |side| PairInput::Lost { side });
        }
    }

    fn tell(&mut self, state: &ApplicationState) -> Transition {
        let Some(managed) = self.applications.get_mut(&state.name) else {
            return Transition::default();
        };
        self.shown.application(&state.name);
        managed.status.tell(state)
    }

    fn record_transition(&mut self, state: &ApplicationState, transition: Transition) {
        let name = &state.name;
        let about = self.about(name);
        let Some(host) = self.host_of(name) else { return };
        let says = state.says.as_deref();
        if transition.start_failed {
            let reason = says.unwrap_or("not ready within its startup timeout");
            self.record(catalog::application_start_failed(&about, name, &host, &reason));
        } else if let Some(cause) = transition.ended {
            self.record(match cause {
                StatusCause::Ordered => catalog::application_stopped(&about, name, &host),
                StatusCause::HungUp => catalog::application_hung_up(&about, name, &host),
                StatusCause::Died(exit) => {
                    catalog::application_terminated(&about, name, &host, &exit)
                }
                _ => catalog::application_terminated(&about, name, &host, &"end not seen"),
            });
        }
        if transition.started {
            self.record(catalog::application_started(&about, name, &host));
        }
        if transition.unavailable {
            let reason = says.unwrap_or("no reason given");
            self.record(catalog::service_unavailable(&about, name, &reason));
        }
        if transition.available {
            self.record(catalog::service_available(&about, name));
        }
    }
}

/// What is true of an application that an agent has never heard of.
fn not_running(name: &ApplicationName) -> ApplicationState {
    ApplicationState {
        name: name.clone(),
        status: Status::Stopped,
        cause: StatusCause::Reported,
        run_mode: None,
        pid: None,
        says: None,
    }
}
