//! The trial of a component before it is used: an instance and its `init`, and a host that does
//! nothing.

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::sync::Arc;

use takeover_logic::component::{
    AddressAnswer, AddressCall, ManagementAnswer, ManagementCall, VipBinding,
};
use takeover_logic::link::Fault;
use wasmtime::Store;

use crate::bindings::monitor::SipMonitorPre;
use crate::bindings::policy::ForwardingPolicyPre;
use crate::bindings::reaction::AlarmReactionPre;
use crate::bindings::types;
use crate::bindings::vip::VipBackendPre;
use crate::engine::{Call, Engine};
use crate::host::{HostAnswer, LogLine, ReactionHost, SipHost, VipHost};
use crate::instance::{self, Entry, RoomOf, Rooms};
use crate::interfaces::{MonitorSide, PolicySide, ReactionSide, Scope, State, VipSide};
use crate::outcome::Outcome;
use crate::package::World;

/// The end of a trial. Boxed, because each world has a type of its own.
type Trial = Pin<Box<dyn Future<Output = Outcome<()>> + Send>>;

impl Engine {
    /// Makes an instance with these settings and initializes it, once: what a component does before
    /// its first call is seen before it is used. It reaches nothing. A fault means that `init`
    /// answered with one.
    pub fn try_out(&self, call: Call<'_>) -> Trial {
        let host = Arc::new(Nobody);
        match &call.plugin.world {
            World::Reaction(component) => {
                let state = self.rehearsal(call, ReactionSide { host });
                self.spawn_trial(Rooms::reactions, state, TryReaction(component.clone()))
            }
            World::Vip(component) => {
                let side = VipSide { host, binding: no_binding(), scope: Scope::Probe };
                let state = self.rehearsal(call, side);
                self.spawn_trial(Rooms::vip_calls, state, TryVip(component.clone()))
            }
            World::Monitor(component) => {
                let state = self.rehearsal(call, MonitorSide { host });
                self.spawn_trial(Rooms::reactions, state, TryMonitor(component.clone()))
            }
            World::Policy(component) => {
                let state = self.rehearsal(call, PolicySide { host });
                self.spawn_trial(Rooms::reactions, state, TryPolicy(component.clone()))
            }
        }
    }

    fn spawn_trial<E: Entry<Answer = ()>>(
        &self,
        room: RoomOf,
        state: State<E::Side>,
        entry: E,
    ) -> Trial {
        Box::pin(instance::spawn(self.guests.handle(), &self.rooms, room, (state, entry)))
    }
}

/// `lifecycle.init` of a reaction.
struct TryReaction(AlarmReactionPre<State<ReactionSide>>);

impl Entry for TryReaction {
    type Side = ReactionSide;
    type Answer = ();

    async fn enter(
        self,
        store: &mut Store<State<ReactionSide>>,
    ) -> wasmtime::Result<Result<(), types::Fault>> {
        let instance = self.0.instantiate_async(&mut *store).await?;
        instance.takeover_plugin_lifecycle().call_init(store).await
    }
}

/// `lifecycle.init` of a VIP backend.
struct TryVip(VipBackendPre<State<VipSide>>);

impl Entry for TryVip {
    type Side = VipSide;
    type Answer = ();

    async fn enter(
        self,
        store: &mut Store<State<VipSide>>,
    ) -> wasmtime::Result<Result<(), types::Fault>> {
        let instance = self.0.instantiate_async(&mut *store).await?;
        instance.takeover_plugin_lifecycle().call_init(store).await
    }
}

/// `lifecycle.init` of a monitor.
struct TryMonitor(SipMonitorPre<State<MonitorSide>>);

impl Entry for TryMonitor {
    type Side = MonitorSide;
    type Answer = ();

    async fn enter(
        self,
        store: &mut Store<State<MonitorSide>>,
    ) -> wasmtime::Result<Result<(), types::Fault>> {
        let instance = self.0.instantiate_async(&mut *store).await?;
        instance.takeover_plugin_lifecycle().call_init(store).await
    }
}

/// `lifecycle.init` of a policy.
struct TryPolicy(ForwardingPolicyPre<State<PolicySide>>);

impl Entry for TryPolicy {
    type Side = PolicySide;
    type Answer = ();

    async fn enter(
        self,
        store: &mut Store<State<PolicySide>>,
    ) -> wasmtime::Result<Result<(), types::Fault>> {
        let instance = self.0.instantiate_async(&mut *store).await?;
        instance.takeover_plugin_lifecycle().call_init(store).await
    }
}

/// The host of a trial.
struct Nobody;

fn refused() -> Fault {
    Fault::Unavailable("the component is only tried out".into())
}

fn say(line: &LogLine) {
    tracing::debug!("a component that is tried out says: {}", line.text);
}

impl ReactionHost for Nobody {
    fn manage(&self, _call: ManagementCall) -> HostAnswer<'_, ManagementAnswer> {
        Box::pin(async { Err(refused()) })
    }

    fn log(&self, line: LogLine) {
        say(&line);
    }
}

impl SipHost for Nobody {
    fn log(&self, line: LogLine) {
        say(&line);
    }
}

impl VipHost for Nobody {
    fn address(&self, _call: AddressCall) -> HostAnswer<'_, AddressAnswer> {
        Box::pin(async { Err(refused()) })
    }

    fn log(&self, line: LogLine) {
        say(&line);
    }
}

/// The address that a trial is about: none.
fn no_binding() -> VipBinding {
    VipBinding {
        name: "none".into(),
        address: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        prefix: 32,
        network_interface: "none".into(),
        port: None,
        probe_interval_ms: 0,
        host: "none".into(),
        other_hosts: Vec::new(),
        options: Vec::new(),
    }
}
