//! The shell of Takeover: sockets, files, clocks and tasks around the deciding machines.

pub mod api;
pub mod application_channel;
pub mod authoring;
pub mod clock;
pub mod config_folder;
pub mod control;
pub mod daemon;
pub mod embed;
pub mod host_agent;
pub mod journal;
pub mod limits;
pub mod link;
pub mod outside;
pub mod pki;
pub mod plugins;
pub mod registry;
pub mod sd_notify;
pub mod sip_node;
mod system_calls;
pub mod threads;
pub mod tls;
