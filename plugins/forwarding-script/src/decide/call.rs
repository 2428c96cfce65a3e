//! The call, as a script sees it: names and words of the contract, with `_` in names. Nothing of
//! it can be changed. Values are made when they are asked for.

use std::rc::Rc;

use takeover_script::rhai::{Array, Dynamic, Engine, ImmutableString, Map};

use crate::bindings::exports::takeover::plugin::forwarding::{
    Call, CallKind, Destination, DrForward, NodeMode, Peer,
};

/// The whole call.
#[derive(Clone, Debug)]
pub struct CallValue(Rc<Call>);

impl CallValue {
    /// A call of the contract.
    pub fn new(call: Call) -> Self {
        Self(Rc::new(call))
    }
}

/// Its destination.
#[derive(Clone, Debug)]
struct DestinationValue(Rc<Call>);

impl DestinationValue {
    fn get(&self) -> &Destination {
        &self.0.destination
    }
}

/// The peer node, where there is one.
#[derive(Clone, Debug)]
struct PeerValue(Rc<Peer>);

/// Words that are made once and handed out by reference.
fn word_list<const N: usize>(words: [&'static str; N]) -> [ImmutableString; N] {
    words.map(ImmutableString::from)
}

/// Teaches the engine what a call has.
pub fn register(engine: &mut Engine) {
    engine
        .register_type_with_name::<CallValue>("call")
        .register_type_with_name::<DestinationValue>("destination")
        .register_type_with_name::<PeerValue>("peer");
    register_call(engine);
    register_destination(engine);
    engine
        .register_get("trunk", |peer: &mut PeerValue| text(&peer.0.trunk))
        .register_get("contact", |peer: &mut PeerValue| text(&peer.0.contact))
        .register_get("in_service", |peer: &mut PeerValue| peer.0.in_service);
}

fn register_call(engine: &mut Engine) {
    let [inbound, internal, routed] = word_list(["inbound", "internal", "routed"]);
    let [in_service, single_site, shutting_down] =
        word_list(["in-service", "single-site", "shutting-down"]);
    engine
        .register_get("kind", move |call: &mut CallValue| match call.0.kind {
            CallKind::Inbound => inbound.clone(),
            CallKind::Internal => internal.clone(),
            CallKind::Routed => routed.clone(),
        })
        .register_get("request_uri", |call: &mut CallValue| text(&call.0.request_uri))
        .register_get("caller", |call: &mut CallValue| text(&call.0.caller))
        .register_get("source", |call: &mut CallValue| text(&call.0.source))
        .register_get("call_id", |call: &mut CallValue| text(&call.0.call_id))
        .register_get("from_peer", |call: &mut CallValue| call.0.from_peer)
        .register_get("destination", |call: &mut CallValue| DestinationValue(Rc::clone(&call.0)))
        .register_get("peer", |call: &mut CallValue| match &call.0.peer {
            Some(peer) => Dynamic::from(PeerValue(Rc::new(peer.clone()))),
            None => Dynamic::UNIT,
        })
        .register_get("node_mode", move |call: &mut CallValue| match call.0.node_mode {
            NodeMode::InService => in_service.clone(),
            NodeMode::SingleSite => single_site.clone(),
            NodeMode::ShuttingDown => shutting_down.clone(),
        })
        .register_get("shutdown_reject_code", |call: &mut CallValue| {
            i64::from(call.0.shutdown_reject_code)
        })
        .register_get("headers", headers)
        .register_fn("header", header);
}

fn register_destination(engine: &mut Engine) {
    let [off, no_agent, oos] = word_list(["off", "no-agent", "oos"]);
    engine
        .register_get("dn", |to: &mut DestinationValue| text(&to.get().dn))
        .register_get("known", |to: &mut DestinationValue| to.get().known)
        .register_get("registered", |to: &mut DestinationValue| to.get().registered)
        .register_get("in_service", |to: &mut DestinationValue| to.get().in_service)
        .register_get("agent_logged_in", |to: &mut DestinationValue| to.get().agent_logged_in)
        .register_get("dr_forward", move |to: &mut DestinationValue| match to.get().dr_forward {
            DrForward::Off => off.clone(),
            DrForward::NoAgent => no_agent.clone(),
            DrForward::Oos => oos.clone(),
        });
}

fn text(value: &str) -> ImmutableString {
    ImmutableString::from(value)
}

/// All headers in their order, each as `#{name, value}`.
fn headers(call: &mut CallValue) -> Array {
    let entry = |name: &str, value: &str| {
        let mut entry = Map::new();
        entry.insert("name".into(), text(name).into());
        entry.insert("value".into(), text(value).into());
        Dynamic::from_map(entry)
    };
    call.0.headers.iter().map(|header| entry(&header.name, &header.value)).collect()
}

/// The first header of this name, in whatever case it came (RFC 3261, 7.3.1); none: `()`.
fn header(call: &mut CallValue, name: &str) -> Dynamic {
    let found = call.0.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
    found.map_or(Dynamic::UNIT, |header| text(&header.value).into())
}
