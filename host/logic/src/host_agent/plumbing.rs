//! How the outputs of supervisors and addresses become outputs of the agent.

use crate::address::io::{Input as AddressInput, Output as AddressOutput};
use crate::catalog::{self, About};
use crate::channel::ToProgram;
use crate::ids::{ApplicationName, VipName};
use crate::limits::SIGHTINGS_WAITING_MAX;
use crate::link::{AgentMessage, ApplicationState, Fault, Sighting, Status, StatusCause};
use crate::log_event::LogEvent;
use crate::supervise::Output as SupervisorOutput;
use crate::time::Instant;

use super::HostAgent;
use super::io::{BackendRun, Output, Record, Signal, Target};

impl HostAgent {
    /// Drains every machine.
    pub(super) fn gather(&mut self) {
        let supervisors: Vec<_> = self
            .supervisors
            .iter_mut()
            .flat_map(|(name, machine)| drain(name, || machine.poll()))
            .collect();
        for (name, output) in supervisors {
            self.supervisor_output(&name, output);
        }
        let addresses: Vec<_> = self
            .addresses
            .iter_mut()
            .flat_map(|(name, machine)| drain(name, || machine.poll()))
            .collect();
        for (name, output) in addresses {
            self.address_output(&name, output);
        }
    }

    fn supervisor_output(&mut self, name: &ApplicationName, output: SupervisorOutput) {
        let signal = |signal| Output::Signal { application: name.clone(), signal };
        match output {
            SupervisorOutput::Spawn => {
                if let Some(machine) = self.supervisors.get(name) {
                    let spec = machine.spec().clone();
                    self.open_channel(&spec);
                    self.outputs.push_back(Output::Spawn(spec));
                }
            }
            SupervisorOutput::Suspend(how) => self.outputs.push_back(signal(Signal::Suspend(how))),
            SupervisorOutput::AskToFinish => self.tell_program(name, ToProgram::Suspend),
            SupervisorOutput::Terminate => self.outputs.push_back(signal(Signal::Terminate)),
            SupervisorOutput::Kill => self.outputs.push_back(signal(Signal::Kill)),
            SupervisorOutput::HasProcess(process) => {
                self.persist(Record::Process(name.clone(), process));
            }
            SupervisorOutput::Changed(change) => {
                let state = change.of(name.clone(), self.confirmed_run_mode(name));
                if self.link.is_open() {
                    self.outputs.push_back(Output::Send(AgentMessage::Application(state)));
                } else if let Some(event) = self.missed_event(&state) {
                    self.report(event);
                }
            }
            SupervisorOutput::Done { order, result } => {
                self.send(AgentMessage::Done { order, result });
            }
        }
    }

    fn address_output(&mut self, name: &VipName, output: AddressOutput) {
        let Some(spec) = self.addresses.get(name).map(|machine| machine.spec()) else {
            return;
        };
        let vip = name.clone();
        let network_interface = spec.network_interface.clone();
        match output {
            AddressOutput::Kernel(operation) => {
                let target = Target::of(spec);
                self.outputs.push_back(Output::Kernel { vip, target, operation });
            }
            AddressOutput::Probe => {
                let address = spec.address;
                self.outputs.push_back(Output::Probe { vip, network_interface, address });
            }
            AddressOutput::ProbeReference(address) => {
                self.outputs.push_back(Output::Probe { vip, network_interface, address });
            }
            AddressOutput::Announce => {
                let target = Target::of(spec);
                self.outputs.push_back(Output::Announce { vip, target });
            }
            AddressOutput::RunBackend { run, action, order, deadline } => {
                let (backend, settings) = (spec.backend.clone(), spec.settings.clone());
                let run = BackendRun { vip, run, backend, settings, action, order, deadline };
                self.outputs.push_back(Output::RunBackend(run));
            }
            AddressOutput::CancelBackend { run } => {
                self.outputs.push_back(Output::CancelBackend(run));
            }
            AddressOutput::AnswerBackend { request, result } => {
                self.outputs.push_back(Output::AnswerBackend { request, result });
            }
            AddressOutput::StateChanged => {
                self.tell_programs_of_vip(name);
                self.tell_vip(name);
            }
            AddressOutput::Seen(sighting) => self.seen(vip, sighting),
            AddressOutput::Done { order, result } => {
                self.send(AgentMessage::Done { order, result });
            }
        }
    }

    /// Tells what nobody ordered, or keeps it for the next link.
    fn seen(&mut self, vip: VipName, sighting: Sighting) {
        if self.link.is_up() {
            self.outputs.push_back(Output::Send(AgentMessage::Seen { vip, sighting }));
            return;
        }
        if self.sightings.len() >= SIGHTINGS_WAITING_MAX {
            self.sightings.pop_front();
        }
        self.sightings.push_back((vip, sighting));
    }

    /// Sends, where there is a link.
    pub(super) fn send(&mut self, message: AgentMessage) {
        if self.link.is_open() {
            self.outputs.push_back(Output::Send(message));
        }
    }

    pub(super) fn tell_application(&mut self, name: &ApplicationName) {
        if let Some(state) = self.application_state(name) {
            self.send(AgentMessage::Application(state));
        }
    }

    pub(super) fn tell_vip(&mut self, name: &VipName) {
        if let Some(state) = self.vip_state(name) {
            self.send(AgentMessage::Vip(state));
        }
    }

    /// Passes a call of a backend on; one for an address that is not there any more is answered.
    pub(super) fn backend_call(&mut self, now: Instant, vip: &VipName, input: AddressInput) {
        if self.addresses.contains_key(vip) {
            self.address(now, vip, input);
        } else if let AddressInput::BackendCall { request, .. } = input {
            let text = format!("virtual IP {vip} is not configured on this host");
            let result = Err(Fault::NotFound(text.into()));
            self.outputs.push_back(Output::AnswerBackend { request, result });
        }
    }

    /// What the control server would have recorded had it been told: while it is away, a status
    /// that changes twice would leave no trace in the next `Hello`.
    fn missed_event(&self, state: &ApplicationState) -> Option<LogEvent> {
        let (name, host) = (&state.name, &self.identity.host);
        let about = About {
            at: self.now.at,
            application: Some(name.clone()),
            application_type: None,
            host: Some(host.clone()),
        };
        let says = state.says.as_deref().unwrap_or("not ready within its startup timeout");
        match (state.status, state.cause) {
            (Status::Running, StatusCause::Restarted) => {
                Some(catalog::application_started(&about, name, host))
            }
            (Status::Stopped, StatusCause::Died(exit)) => {
                Some(catalog::application_terminated(&about, name, host, &exit))
            }
            (Status::Stopped, StatusCause::HungUp) => {
                Some(catalog::application_hung_up(&about, name, host))
            }
            (Status::Stopped, StatusCause::StartFailed) => {
                Some(catalog::application_start_failed(&about, name, host, &says))
            }
            (Status::ServiceUnavailable, _) => {
                let reason = state.says.as_deref().unwrap_or("no reason given");
                Some(catalog::service_unavailable(&about, name, &reason))
            }
            _ => None,
        }
    }
}

fn drain<N: Clone, T>(name: &N, mut poll: impl FnMut() -> Option<T>) -> Vec<(N, T)> {
    let mut outputs = Vec::new();
    while let Some(output) = poll() {
        outputs.push((name.clone(), output));
    }
    outputs
}
