//! Instances that outlive a call: how they are made, each in a store of its own. Who calls them,
//! and when they end, is up to `resident` and `policy_pool`.

use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use wasmtime::Store;

use crate::bindings::monitor::{SipMonitor, SipMonitorPre};
use crate::bindings::policy::{ForwardingPolicy, ForwardingPolicyPre};
use crate::bindings::types;
use crate::convert;
use crate::host::outside::Outside;
use crate::host::{Clock, SipHost};
use crate::instance::{Rooms, classify, new_store};
use crate::interfaces::{MonitorSide, Parts, PolicySide, Side, State};
use crate::outcome::Ended;
use crate::package::{Plugin, Settings};

/// What instances of one component are made of, again and again.
pub(crate) struct Recipe {
    pub(crate) rooms: Arc<Rooms>,
    pub(crate) plugin: Arc<Plugin>,
    pub(crate) settings: Settings,
    pub(crate) host: Arc<dyn SipHost>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) outside: Arc<dyn Outside>,
    pub(crate) memory_bytes_max: usize,
}

impl Recipe {
    fn state<S: Side>(&self, side: S, deadline: Instant) -> State<S> {
        let parts = Parts {
            plugin: &self.plugin,
            settings: self.settings.clone(),
            clock: Arc::clone(&self.clock),
            outside: Arc::clone(&self.outside),
            memory_bytes_max: self.memory_bytes_max,
            deadline,
        };
        State::new(parts, side)
    }
}

/// A linked component of a world whose instances outlive a call.
pub(crate) trait World: Send + Sync + 'static {
    /// The world's part of the state.
    type Side: Side;
    /// What an instance exports.
    type Exports: Send + Sync;

    /// The side of a new instance.
    fn side(host: Arc<dyn SipHost>) -> Self::Side;

    /// Instantiates and calls `init`.
    fn start(
        &self,
        store: &mut Store<State<Self::Side>>,
    ) -> impl Future<Output = wasmtime::Result<Result<Self::Exports, types::Fault>>> + Send;
}

impl World for SipMonitorPre<State<MonitorSide>> {
    type Side = MonitorSide;
    type Exports = SipMonitor;

    fn side(host: Arc<dyn SipHost>) -> MonitorSide {
        MonitorSide { host }
    }

    async fn start(
        &self,
        store: &mut Store<State<MonitorSide>>,
    ) -> wasmtime::Result<Result<SipMonitor, types::Fault>> {
        let exports = self.instantiate_async(&mut *store).await?;
        let started = exports.takeover_plugin_lifecycle().call_init(store).await?;
        Ok(started.map(|()| exports))
    }
}

impl World for ForwardingPolicyPre<State<PolicySide>> {
    type Side = PolicySide;
    type Exports = ForwardingPolicy;

    fn side(host: Arc<dyn SipHost>) -> PolicySide {
        PolicySide { host }
    }

    async fn start(
        &self,
        store: &mut Store<State<PolicySide>>,
    ) -> wasmtime::Result<Result<ForwardingPolicy, types::Fault>> {
        let exports = self.instantiate_async(&mut *store).await?;
        let started = exports.takeover_plugin_lifecycle().call_init(store).await?;
        Ok(started.map(|()| exports))
    }
}

/// An instance on which `init` succeeded.
pub(crate) struct Instance<W: World> {
    pub(crate) store: Store<State<W::Side>>,
    pub(crate) exports: W::Exports,
}

impl<W: World> Instance<W> {
    /// Makes one. `in_place`: on the caller's own thread, to which it then never gives way.
    pub(crate) async fn make<T>(
        recipe: &Recipe,
        world: &W,
        deadline: Instant,
        in_place: bool,
    ) -> Result<Self, Ended<T>> {
        let _beat = recipe.rooms.pulse.guest();
        let state = recipe.state(W::side(Arc::clone(&recipe.host)), deadline);
        let mut store = new_store(&recipe.rooms.engine, state);
        store.data_mut().in_place = in_place;
        let started = world.start(&mut store).await;
        store.data_mut().mention_dropped_lines();
        match started {
            Ok(Ok(exports)) => Ok(Self { store, exports }),
            Ok(Err(fault)) => Err(Ended::Fault(convert::fault_from_guest(fault))),
            Err(error) => Err(classify(&error, store.data())),
        }
    }
}
