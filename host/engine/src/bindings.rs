//! The plugin contract as Rust types, made from `wit/`: one module per world. Nothing else is
//! written here.
//!
//! What awaits in the host is asynchronous; everything else is a plain call, which costs no
//! switch of stacks.
#![allow(missing_docs, unreachable_pub, clippy::all, clippy::restriction)]

pub(crate) mod reaction {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "alarm-reaction",
        imports: {
            "takeover:plugin/management@1.0.0": async,
            "takeover:plugin/vip-control@1.0.0": async,
            "takeover:plugin/memory@1.0.0": async,
            "takeover:plugin/command@1.0.0": async,
            "takeover:plugin/http@1.0.0": async,
            "takeover:plugin/mail@1.0.0": async,
            "takeover:plugin/datagram@1.0.0": async,
            "takeover:plugin/clock@1.0.0.wait-ms": async,
        },
        exports: { default: async },
    });
}

pub(crate) mod vip {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "vip-backend",
        imports: { "takeover:plugin/addresses@1.0.0": async },
        exports: { default: async },
        with: {
            "takeover:plugin/types@1.0.0": super::reaction::takeover::plugin::types,
            "takeover:plugin/log@1.0.0": super::reaction::takeover::plugin::log,
            "takeover:plugin/settings@1.0.0": super::reaction::takeover::plugin::settings,
            "takeover:plugin/clock@1.0.0": super::reaction::takeover::plugin::clock,
            "takeover:plugin/command@1.0.0": super::reaction::takeover::plugin::command,
            "takeover:plugin/http@1.0.0": super::reaction::takeover::plugin::http,
        },
    });
}

pub(crate) mod monitor {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "sip-monitor",
        exports: { default: async },
        with: {
            "takeover:plugin/types@1.0.0": super::reaction::takeover::plugin::types,
            "takeover:plugin/log@1.0.0": super::reaction::takeover::plugin::log,
            "takeover:plugin/settings@1.0.0": super::reaction::takeover::plugin::settings,
            "takeover:plugin/clock@1.0.0": super::reaction::takeover::plugin::clock,
            "takeover:plugin/memory@1.0.0": super::reaction::takeover::plugin::memory,
        },
    });
}

pub(crate) mod policy {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "forwarding-policy",
        exports: { "takeover:plugin/lifecycle@1.0.0": async },
        ownership: Borrowing { duplicate_if_necessary: false },
        with: {
            "takeover:plugin/types@1.0.0": super::reaction::takeover::plugin::types,
            "takeover:plugin/log@1.0.0": super::reaction::takeover::plugin::log,
            "takeover:plugin/settings@1.0.0": super::reaction::takeover::plugin::settings,
        },
    });
}

pub(crate) use reaction::takeover::plugin::{
    clock, command, datagram, http, log, mail, management, memory, settings, types, vip_control,
};
pub(crate) use vip::takeover::plugin::addresses;
