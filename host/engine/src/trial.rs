//! Starts an instance and calls its `init`, nothing more: whether a plugin starts, and what that
//! costs. Whatever it asks for meanwhile is refused.
//!
//! It must not know what the numbers are for.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use takeover_logic::component::{AddressAnswer, AddressCall, ManagementAnswer, ManagementCall};
use takeover_logic::link::Fault;
use wasmtime::Store;

use crate::bindings::reaction::AlarmReactionPre;
use crate::bindings::types;
use crate::bindings::vip::VipBackendPre;
use crate::engine::{Call, Engine};
use crate::host::{HostAnswer, LogLine, ReactionHost, VipHost};
use crate::instance::{self, Entry, Rooms};
use crate::interfaces::{ReactionSide, Scope, State, VipSide};
use crate::outcome::Outcome;
use crate::package::World;
use crate::player::binding;

/// The end of a trial. Boxed, because each world has a type of its own.
type Trial = Pin<Box<dyn Future<Output = Outcome<()>> + Send>>;

impl Engine {
    /// Instantiates the component, calls `init`, and drops the instance.
    pub fn try_out(&self, call: Call<'_>) -> Trial {
        let (guests, rooms) = (self.guests.handle(), &self.rooms);
        match &call.plugin.world {
            World::Reaction(component) => {
                let entry = InitReaction(component.clone());
                let state = self.state(call, ReactionSide { host: Arc::new(Nobody) });
                Box::pin(instance::spawn(guests, rooms, Rooms::reactions, (state, entry)))
            }
            World::Vip(component) => {
                let (host, binding) = (Arc::new(Nobody), binding());
                let side = VipSide { host, binding, scope: Scope::Probe };
                let entry = InitVip(component.clone());
                let state = self.state(call, side);
                Box::pin(instance::spawn(guests, rooms, Rooms::vip_calls, (state, entry)))
            }
        }
    }
}

struct InitReaction(AlarmReactionPre<State<ReactionSide>>);

impl Entry for InitReaction {
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

struct InitVip(VipBackendPre<State<VipSide>>);

impl Entry for InitVip {
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

/// A host that serves nothing.
struct Nobody;

impl Nobody {
    fn refuse<T: Send + 'static>() -> HostAnswer<'static, T> {
        let fault = Fault::Unavailable("nothing is served while a plugin is tried out".into());
        Box::pin(std::future::ready(Err(fault)))
    }
}

impl ReactionHost for Nobody {
    fn manage(&self, _: ManagementCall) -> HostAnswer<'_, ManagementAnswer> {
        Self::refuse()
    }

    fn log(&self, _: LogLine) {}
}

impl VipHost for Nobody {
    fn address(&self, _: AddressCall) -> HostAnswer<'_, AddressAnswer> {
        Self::refuse()
    }

    fn log(&self, _: LogLine) {}
}
