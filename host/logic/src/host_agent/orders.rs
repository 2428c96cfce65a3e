//! What the control server says: configuration and orders.

use std::time::Duration;

use crate::address::Address;
use crate::address::io::Input as AddressInput;
use crate::channel::ToProgram;
use crate::ids::{ApplicationName, OrderId, PairName, Term, VipName};
use crate::link::{AgentMessage, ControlMessage, Fault, HostSpec, RunMode, Status, Task, VipSpec};
use crate::supervise::{Input as SupervisorInput, Supervisor};
use crate::time::{Instant, Now};

use super::HostAgent;
use super::drain::Drain;
use super::io::{Output, Record, Signal, Target};

impl HostAgent {
    pub(super) fn received(&mut self, now: Now, message: ControlMessage) {
        if !self.link.is_open() {
            return;
        }
        self.link.hear(now.instant);
        match message {
            ControlMessage::Heartbeat => {}
            ControlMessage::Welcome { spec, stored } => {
                self.configure(now.instant, spec);
                self.link.welcome();
                self.tell_contact(now.instant);
                if self.spool.link(stored) {
                    self.persist(Record::ReportsRenumbered);
                    let kept: Vec<_> = self.spool.all().cloned().collect();
                    for (sequence, report) in kept {
                        self.persist(Record::Report(sequence, report));
                    }
                } else {
                    self.persist(Record::ReportsUpTo(stored));
                }
                for (vip, sighting) in std::mem::take(&mut self.sightings) {
                    self.outputs.push_back(Output::Send(AgentMessage::Seen { vip, sighting }));
                }
                self.send_reports();
                self.tell_plugins();
                self.tell_programs_to_open();
            }
            ControlMessage::Configure(spec) => self.configure(now.instant, spec),
            ControlMessage::Stored(stored) => {
                self.spool.trim(stored);
                self.persist(Record::ReportsUpTo(stored));
                self.send_reports();
            }
            ControlMessage::Order { order, task } => self.order(now.instant, order, task),
            ControlMessage::Suspect { vip } => {
                self.address(now.instant, &vip, AddressInput::Suspected);
                self.ask_programs_to_look(&vip);
            }
            ControlMessage::Announce { vip } => {
                self.address(now.instant, &vip, AddressInput::AnnounceAsked);
            }
            ControlMessage::Keep { application, kept } => {
                self.tell_program(&application, ToProgram::Keep(kept));
            }
            ControlMessage::Refused(reason) => {
                self.outputs.push_back(Output::Refused(reason));
            }
        }
    }

    /// Takes over a configuration. What stays configured goes on as it is.
    fn configure(&mut self, now: Instant, spec: HostSpec) {
        if self.spec == spec {
            return;
        }
        self.link.configure(&spec);
        self.persist(Record::Spec(spec.clone()));
        self.spec = spec;
        let applications = self.spec.applications.clone();
        for application in &applications {
            if self
                .supervisors
                .get(&application.name)
                .is_none_or(|supervisor| supervisor.spec().options != application.options)
            {
                self.outputs.push_back(Output::Options(application.clone()));
                self.untold_options.insert(application.name.clone());
                self.tell_options(application);
            }
            match self.supervisors.get_mut(&application.name) {
                Some(supervisor) => {
                    supervisor.reconfigure(application.clone());
                    if let (Some(channel), Some(spec)) =
                        (self.channels.get_mut(&application.name), &application.channel)
                    {
                        channel.reconfigure(spec.clone());
                    }
                }
                None => {
                    let supervisor = Supervisor::new(application.clone());
                    self.supervisors.insert(application.name.clone(), supervisor);
                }
            }
        }
        let is_gone = |name: &ApplicationName| {
            !self.spec.applications.iter().any(|application| application.name == *name)
        };
        let gone: Vec<_> = self.supervisors.keys().filter(|name| is_gone(name)).cloned().collect();
        for name in gone {
            self.forget_application(now, &name);
        }
        self.configure_addresses(now);
    }

    /// Tells programs that serve of changed options; one that is not ready yet may not know the
    /// signal and is told when it is. One that does not run reads them when it starts.
    pub(super) fn signal_options(&mut self) {
        for name in std::mem::take(&mut self.untold_options) {
            let Some(supervisor) = self.supervisors.get(&name) else { continue };
            let Some(signal) = supervisor.spec().options_signal else { continue };
            match supervisor.state().status {
                Status::Running | Status::ServiceUnavailable => {
                    let signal = Signal::Options(signal);
                    self.outputs.push_back(Output::Signal { application: name, signal });
                }
                Status::StartTransition | Status::Initializing => {
                    self.untold_options.insert(name);
                }
                _ => {}
            }
        }
    }

    /// Lets go of an application that is no longer configured. Its process is not touched: an
    /// edit of a file must not end calls.
    fn forget_application(&mut self, now: Instant, name: &ApplicationName) {
        if let Some(supervisor) = self.supervisors.get_mut(name) {
            supervisor.handle(now, SupervisorInput::Forget);
        }
        self.gather();
        self.supervisors.remove(name);
        self.forget_channel(name);
        self.run_modes.remove(name);
        self.persist(Record::Process(name.clone(), None));
        self.outputs.push_back(Output::Abandon(name.clone()));
    }

    /// Brings the address machines in line with the configuration. An address that moved or is
    /// gone is given up first; its machine is replaced when that is done.
    pub(super) fn configure_addresses(&mut self, now: Instant) {
        let wanted = |name: &VipName| self.spec.vips.iter().find(|vip| vip.name == *name);
        let mut settled = Vec::new();
        for (name, address) in &mut self.addresses {
            match wanted(name) {
                Some(spec)
                    if is_same_place(spec, address.spec()) && !self.leaving.contains(name) =>
                {
                    address.reconfigure(spec.clone());
                }
                _ if self.leaving.insert(name.clone()) => {
                    let reason = "it is no longer configured here".into();
                    address.handle(now, AddressInput::GiveUp(reason));
                }
                _ if address.is_settled() => settled.push(name.clone()),
                _ => {}
            }
        }
        if !settled.is_empty() {
            self.gather();
        }
        for name in settled {
            self.addresses.remove(&name);
            self.leaving.remove(&name);
        }
        for spec in &self.spec.vips {
            if self.addresses.contains_key(&spec.name) {
                continue;
            }
            let host = self.identity.host.clone();
            let mut address = Address::new(host, spec.clone(), self.contact, now);
            if let Some(state) = self.interfaces.get(&spec.network_interface) {
                address.handle(now, AddressInput::Interface(*state));
            }
            self.addresses.insert(spec.name.clone(), address);
        }
    }

    fn order(&mut self, now: Instant, order: OrderId, task: Task) {
        if self.stopping.is_some() {
            let fault = Fault::Unavailable("the host agent is being stopped".into());
            return self.done(order, Err(fault));
        }
        match task {
            Task::SetRunMode { application, pair, run_mode, term } => {
                self.set_run_mode(now, order, (&application, &pair), (run_mode, term));
            }
            Task::Start { application } => {
                self.supervise(now, order, &application, SupervisorInput::Start(order));
            }
            Task::Stop { application, graceful } => {
                let stop = SupervisorInput::Stop { order, graceful };
                self.supervise(now, order, &application, stop);
            }
            Task::Drain { application, reject, max_calls, time_left_ms } => {
                let until = now + Duration::from_millis(time_left_ms);
                let drain = Drain { order, reject, max_calls, until };
                self.begin_drain(now, &application, drain);
            }
            Task::EndDrain { application } => {
                self.end_drain(&application);
                self.done(order, Ok(()));
            }
            Task::Vip { vip, action, term, release, time_left_ms } => {
                let known = self.addresses.get(&vip).filter(|_| !self.leaving.contains(&vip));
                let Some(pair) = known.map(|address| address.spec().pair.clone()) else {
                    let text = format!("virtual IP {vip} is not configured on this host");
                    return self.done(order, Err(Fault::NotFound(text.into())));
                };
                if let Err(fault) = self.fence(now, &pair, term) {
                    return self.done(order, Err(fault));
                }
                self.last_run = self.last_run.next();
                let run = self.last_run;
                self.address(
                    now,
                    &vip,
                    AddressInput::Order { order, run, action, term, release, time_left_ms },
                );
            }
        }
    }

    fn supervise(
        &mut self,
        now: Instant,
        order: OrderId,
        application: &ApplicationName,
        input: SupervisorInput,
    ) {
        match self.supervisors.get_mut(application) {
            Some(supervisor) => supervisor.handle(now, input),
            None => self.done(order, Err(unknown(application))),
        }
    }

    /// Sets a run mode. A program that speaks confirms it itself; for one that takes no commands
    /// that is done here.
    fn set_run_mode(
        &mut self,
        now: Instant,
        order: OrderId,
        (application, pair): (&ApplicationName, &PairName),
        set: (RunMode, Term),
    ) {
        if let Err(fault) = self.take_run_mode(now, application, pair, set) {
            return self.done(order, Err(fault));
        }
        let before = self.confirmed_run_mode(application);
        if self.run_modes.insert(application.clone(), set) != Some(set) {
            self.persist(Record::RunMode(application.clone(), set.0, set.1));
        }
        if !self.ask_for_run_mode(now, order, application, before) {
            if before != Some(set) {
                self.tell_application(application);
            }
            self.done(order, Ok(()));
        }
    }

    /// Whether a run mode can be set. A program that does not run can stand by, but it can not be
    /// primary.
    fn take_run_mode(
        &mut self,
        now: Instant,
        application: &ApplicationName,
        pair: &PairName,
        (run_mode, term): (RunMode, Term),
    ) -> Result<(), Fault> {
        let supervisor = self.supervisors.get(application).ok_or_else(|| unknown(application))?;
        let status = supervisor.state().status;
        self.fence(now, pair, term)?;
        if run_mode == RunMode::Primary && status == Status::Stopped {
            let text = format!("application {application} is not running");
            return Err(Fault::Unavailable(text.into()));
        }
        Ok(())
    }

    /// Refuses a term that is older than the highest seen, and keeps a newer one before anything
    /// is done about it.
    fn fence(&mut self, now: Instant, pair: &PairName, term: Term) -> Result<(), Fault> {
        let highest = self.terms.get(pair).copied().unwrap_or_default();
        if term < highest {
            return Err(Fault::StaleTerm(highest));
        }
        if term > highest {
            self.terms.insert(pair.clone(), term);
            self.persist(Record::Term(pair.clone(), term));
            for address in self.addresses.values_mut() {
                if address.spec().pair == *pair {
                    address.handle(now, AddressInput::TermRaised(term));
                }
            }
            self.gather();
            let of_pair = |(_, address): &(_, &Address)| address.spec().pair == *pair;
            let vips: Vec<_> =
                self.addresses.iter().filter(of_pair).map(|(name, _)| name.clone()).collect();
            for vip in vips {
                self.tell_vip(&vip);
            }
        }
        Ok(())
    }

    pub(super) fn done(&mut self, order: OrderId, result: Result<(), Fault>) {
        self.send(AgentMessage::Done { order, result });
    }
}

fn is_same_place(a: &VipSpec, b: &VipSpec) -> bool {
    Target::of(a) == Target::of(b)
}

fn unknown(application: &ApplicationName) -> Fault {
    Fault::NotFound(format!("application {application} is not configured on this host").into())
}
