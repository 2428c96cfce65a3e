//! The trial of a component before it is used: an instance and its `init`, and a host that does
//! nothing.

use std::net::{IpAddr, Ipv4Addr};

use takeover_logic::component::{
    AddressAnswer, AddressCall, ManagementAnswer, ManagementCall, VipBinding,
};
use takeover_logic::link::Fault;
use wasmtime::Store;

use crate::bindings::reaction::AlarmReactionPre;
use crate::bindings::types;
use crate::bindings::vip::VipBackendPre;
use crate::host::{HostAnswer, LogLine, ReactionHost, VipHost};
use crate::instance::Entry;
use crate::interfaces::{ReactionSide, State, VipSide};

/// `lifecycle.init` of a reaction.
pub(crate) struct TryReaction {
    pub(crate) component: AlarmReactionPre<State<ReactionSide>>,
}

impl Entry for TryReaction {
    type Side = ReactionSide;
    type Answer = ();

    async fn enter(
        self,
        store: &mut Store<State<ReactionSide>>,
    ) -> wasmtime::Result<Result<(), types::Fault>> {
        let instance = self.component.instantiate_async(&mut *store).await?;
        instance.takeover_plugin_lifecycle().call_init(store).await
    }
}

/// `lifecycle.init` of a VIP backend.
pub(crate) struct TryVip {
    pub(crate) component: VipBackendPre<State<VipSide>>,
}

impl Entry for TryVip {
    type Side = VipSide;
    type Answer = ();

    async fn enter(
        self,
        store: &mut Store<State<VipSide>>,
    ) -> wasmtime::Result<Result<(), types::Fault>> {
        let instance = self.component.instantiate_async(&mut *store).await?;
        instance.takeover_plugin_lifecycle().call_init(store).await
    }
}

/// The host of a trial.
pub(crate) struct Nobody;

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

impl VipHost for Nobody {
    fn address(&self, _call: AddressCall) -> HostAnswer<'_, AddressAnswer> {
        Box::pin(async { Err(refused()) })
    }

    fn log(&self, line: LogLine) {
        say(&line);
    }
}

/// The address that a trial is about: none.
pub(crate) fn no_binding() -> VipBinding {
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
