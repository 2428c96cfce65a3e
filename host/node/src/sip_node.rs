//! The SIP node's shell: sockets, connections, names, the standby link and the agents' API around
//! the machine of `takeover-sip`, which decides.
//!
//! One thread of its own carries SIP: datagrams come in and go out there, and the machine runs
//! there, forwarding policies included. Everything that may wait runs on the runtime and reaches
//! that thread through one bounded queue.
//!
//! Reading order: `machine` (the seam), `node_machine` (the machine behind it), `thread` (the
//! loop), `wake`, `gather`, `load`, `udp`, `bind`, `connections`, `resolve`, `standby_link`,
//! `policy`, [`record`] and `monitor` (components), `other` (does the other node serve), [`api`],
//! `effects` (who does what the machine wants), `settings`, `reload`, [`run`], `limits`.

pub mod api;
pub(crate) mod bind;
pub(crate) mod connections;
pub(crate) mod effects;
mod gather;
pub(crate) mod limits;
mod load;
pub(crate) mod machine;
pub(crate) mod monitor;
pub(crate) mod node_machine;
pub(crate) mod other;
pub(crate) mod policy;
pub mod record;
pub(crate) mod reload;
pub(crate) mod requests;
pub(crate) mod resolve;
pub(crate) mod run;
pub(crate) mod settings;
pub(crate) mod standby_link;
pub(crate) mod supervised;
#[cfg(test)]
mod tests;
pub(crate) mod thread;
pub(crate) mod udp;
pub(crate) mod wake;

pub use run::{NodeError, run};
pub use settings::SettingsError;
