//! Components as models: a reaction that puts an address here and takes it off there, and a VIP
//! backend, both as the shipped ones do it, and both in every bad mood that a component can have.

use std::collections::BTreeMap;

use takeover_logic::component::{AddressAnswer, AddressCall, ManagementAnswer, ManagementCall};
use takeover_logic::control::io::{Input as ControlInput, ReactionFault, ReactionRun};
use takeover_logic::host_agent::io::{BackendRun, Input as AgentInput};
use takeover_logic::ids::{BackendRunId, HostName, RequestId, RunId, VipName};
use takeover_logic::link::{Fault, Release, VipAction};

use super::clock::{MS, Time};
use super::world::{Event, World};

/// How a component behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    /// As it should.
    Well,
    /// As it should, after so long.
    Slow(Time),
    /// It answers with a fault.
    Fails,
    /// It traps in the middle of its work.
    Traps,
    /// It does its work and then never ends.
    Hangs,
    /// It says that it is done and did nothing.
    Lies,
}

impl Mood {
    fn is_bad(self) -> bool {
        !matches!(self, Self::Well | Self::Slow(_))
    }
}

/// A reaction under way.
#[derive(Debug)]
pub(super) struct Reaction {
    call: ManagementCall,
    mood: Mood,
}

/// A run of a VIP backend under way.
#[derive(Debug)]
pub(super) struct Backend {
    vip: VipName,
    action: VipAction,
    release: Release,
    mood: Mood,
    /// It asks no longer than this who has the address.
    give_up_at: Time,
    /// What its last call asked.
    asked: Option<AddressCall>,
    /// It has put the address on.
    added: bool,
}

/// Who waits for an answer.
#[derive(Clone, Debug)]
pub(super) enum Asker {
    /// A reaction, of which control server.
    Reaction(RunId, u64),
    /// A backend, of which agent on a host.
    Backend(HostName, BackendRunId, u64),
}

/// Every backend run, by host and number.
pub(super) type Backends = BTreeMap<(HostName, BackendRunId), Backend>;

impl World {
    /// The sandbox instantiates a reaction.
    pub(super) fn start_reaction(&mut self, run: ReactionRun) {
        let life = self.server.life;
        let text = |key: &str| run.settings.get(key).and_then(|value| value.as_str());
        let (vip, application) = (text("vip"), text("application"));
        let (Some(vip), Some(application)) = (vip, application) else {
            let fault = ReactionFault::Fault(Fault::Invalid("settings".into()));
            return self.hand_control(
                MS,
                ControlInput::ReactionEnded { run: run.run, result: Err(fault) },
            );
        };
        let (vip, application) = (vip.into(), application.into());
        let call = match text("action") {
            Some("enable") => ManagementCall::EnableVip { vip, application },
            _ => ManagementCall::DisableVip { vip, application },
        };
        let mood = self.moods.reactions;
        self.components_failed |= mood.is_bad();
        self.reactions.insert(run.run, Reaction { call, mood });
        let delay = self.rng.u64(50_000..300_000);
        let delay = if let Mood::Slow(slow) = mood { delay + slow } else { delay };
        self.after(delay, Event::ReactionStep(run.run, life));
        self.at(self.time + 8_000 * MS, Event::ReactionOverdue(run.run, life));
    }

    /// A reaction does its one thing.
    pub(super) fn reaction_step(&mut self, run: RunId, life: u64) {
        let Some(reaction) = self.reactions.get(&run).filter(|_| self.server.life == life) else {
            return;
        };
        let call = reaction.call.clone();
        match reaction.mood {
            Mood::Fails => {
                let fault = Fault::Failed("the network device refused".into());
                self.end_reaction(run, Err(ReactionFault::Fault(fault)));
            }
            Mood::Lies => self.end_reaction(run, Ok(())),
            Mood::Well | Mood::Slow(_) | Mood::Traps | Mood::Hangs => {
                let request = self.new_request();
                self.askers.insert(request, Asker::Reaction(run, life));
                self.hand_control(0, ControlInput::Component { request, run, call });
            }
        }
    }

    /// The control server answers a reaction's call.
    pub(super) fn answer_reaction(
        &mut self,
        request: RequestId,
        result: Result<ManagementAnswer, Fault>,
    ) {
        let Some(Asker::Reaction(run, _)) = self.askers.remove(&request) else {
            return self.broke(format!("a component's request {request} was answered twice"));
        };
        let Some(mood) = self.reactions.get(&run).map(|reaction| reaction.mood) else { return };
        match mood {
            Mood::Traps => self.end_reaction(run, Err(ReactionFault::Ended("trap".into()))),
            Mood::Hangs => {}
            _ => {
                // That the same work is under way is as good.
                let done = matches!(result, Ok(_) | Err(Fault::InProgress));
                let result = if done { Ok(()) } else { result.map(drop) };
                self.end_reaction(run, result.map_err(ReactionFault::Fault));
            }
        }
    }

    /// The sandbox ends a reaction that outlives its deadline.
    pub(super) fn reaction_overdue(&mut self, run: RunId, life: u64) {
        if self.server.life == life && self.reactions.contains_key(&run) {
            self.end_reaction(run, Err(ReactionFault::Ended("deadline".into())));
        }
    }

    fn end_reaction(&mut self, run: RunId, result: Result<(), ReactionFault>) {
        self.reactions.remove(&run);
        let result = result.map(|()| "done".into());
        self.hand_control(20_000, ControlInput::ReactionEnded { run, result });
    }

    /// The sandbox instantiates a backend.
    pub(super) fn start_backend(&mut self, host: &HostName, run: BackendRun) {
        let mood = match run.action {
            VipAction::Up => self.moods.up,
            VipAction::Down => self.moods.down,
        };
        self.components_failed |= mood.is_bad();
        self.tell(format!(
            "{host}: backend {} runs {:?} of {}, release {:?}, {mood:?}",
            run.run, run.action, run.vip, run.order.release
        ));
        let Some(life) = self.hosts.get(host).map(|found| found.life) else { return };
        let backend = Backend {
            vip: run.vip,
            action: run.action,
            release: run.order.release,
            mood,
            give_up_at: self.time + Time::from(run.order.time_left_ms.saturating_sub(400)) * MS,
            asked: None,
            added: false,
        };
        self.backends.insert((host.clone(), run.run), backend);
        let delay = self.rng.u64(50_000..300_000);
        let delay = if let Mood::Slow(slow) = mood { delay + slow } else { delay };
        self.after(delay, Event::BackendStep(host.clone(), run.run, life, None));
    }

    /// The agent wants no more of a run.
    pub(super) fn cancel_backend(&mut self, host: &HostName, run: BackendRunId) {
        self.backends.remove(&(host.clone(), run));
    }

    /// The agent answers a backend's call.
    pub(super) fn answer_backend(
        &mut self,
        host: &HostName,
        request: RequestId,
        result: Result<AddressAnswer, Fault>,
    ) {
        match self.askers.remove(&request) {
            Some(Asker::Backend(asker, run, life)) if asker == *host => {
                let step = Event::BackendStep(asker, run, life, Some(Box::new(result)));
                self.after(20_000, step);
            }
            _ => self.broke(format!("{host}: a backend's request {request} was answered twice")),
        }
    }

    /// A backend goes on, with the answer to its last call.
    pub(super) fn backend_step(
        &mut self,
        host: &HostName,
        (run, life): (BackendRunId, u64),
        answer: Option<Result<AddressAnswer, Fault>>,
    ) {
        let is_same = self.hosts.get(host).is_some_and(|found| found.life == life);
        let Some(backend) = self.backends.get_mut(&(host.clone(), run)).filter(|_| is_same) else {
            return;
        };
        let (vip, time) = (backend.vip.clone(), self.time);
        let next = match (backend.mood, &backend.asked) {
            (Mood::Fails, _) => Err(Err(Fault::Failed("permission denied".into()))),
            (Mood::Lies, _) => Err(Ok(())),
            (Mood::Traps, Some(_)) => Err(Err(Fault::Failed("trap".into()))),
            _ => next_call(backend, answer, time),
        };
        match next {
            Ok(call) => {
                backend.added |= call == AddressCall::Add;
                backend.asked = Some(call.clone());
                let request = self.new_request();
                self.askers.insert(request, Asker::Backend(host.clone(), run, life));
                self.hand_agent(host, 20_000, AgentInput::BackendCall { vip, run, request, call });
            }
            Err(_) if backend.mood == Mood::Hangs => {}
            Err(result) => {
                self.backends.remove(&(host.clone(), run));
                self.hand_agent(host, 20_000, AgentInput::BackendEnded { vip, run, result });
            }
        }
    }
}

/// What `vip-linux` does next: a call, or its end.
fn next_call(
    backend: &Backend,
    answer: Option<Result<AddressAnswer, Fault>>,
    time: Time,
) -> Result<AddressCall, Result<(), Fault>> {
    use AddressAnswer::{Holder, Present};
    let who_has = AddressCall::WhoHas { attempts: 3, interval_ms: 50 };
    let is_unknown = backend.release == Release::Unknown;
    let answer = answer.transpose().map_err(Err)?;
    match (backend.action, &backend.asked, answer) {
        (VipAction::Down, None, _) => Ok(AddressCall::Delete),
        (VipAction::Down, Some(AddressCall::Delete), _) => Ok(AddressCall::Present),
        (VipAction::Down, _, Some(Present(true))) => Err(Err(Fault::Failed("still there".into()))),
        (VipAction::Up, None, _) if is_unknown => Ok(AddressCall::Present),
        (VipAction::Up, None, _) => Ok(AddressCall::Add),
        (VipAction::Up, Some(AddressCall::Present), Some(Present(false))) if !backend.added => {
            Ok(who_has)
        }
        (VipAction::Up, Some(AddressCall::Present), _) if !backend.added => Ok(AddressCall::Add),
        (VipAction::Up, Some(AddressCall::WhoHas { .. }), Some(Holder(Some(holder)))) => {
            if time < backend.give_up_at {
                return Ok(who_has);
            }
            let text = format!("{holder} still answers for it");
            Err(Err(Fault::Unavailable(text.into())))
        }
        (VipAction::Up, Some(AddressCall::WhoHas { .. }), _) => Ok(AddressCall::Add),
        (VipAction::Up, Some(AddressCall::Add), _) => Ok(AddressCall::Present),
        (VipAction::Up, Some(AddressCall::Present), Some(Present(true))) => {
            Ok(AddressCall::Announce)
        }
        (VipAction::Up, Some(AddressCall::Present), _) => Err(Err(Fault::Failed("gone".into()))),
        _ => Err(Ok(())),
    }
}
