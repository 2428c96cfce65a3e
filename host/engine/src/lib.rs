//! The sandbox: loads components from a folder and calls them, each call under one absolute
//! deadline, with what was granted and nothing else. Reactions and VIP backends get a fresh
//! instance per call; SIP monitors live on, and forwarding policies are kept warm.
//!
//! This crate must not know sockets, processes or addresses: what a component asks for goes
//! through the traits in [`host`], which the shell implements.
//!
//! Reading order: [`host`] and [`outcome`] (the contract with the shell), [`engine`] (start,
//! load, call), `gate` and `instance` (the life of one
//! call), `interfaces` (what a component may import),
//! [`grants`] (what is denied, and how it says so), [`signature`] (who vouches for a plugin),
//! [`package`] (a plugin on disk), [`limits`]; then `lasting` (instances that outlive a call),
//! [`resident`] (monitors), [`policy_pool`] and [`fallback`] (policies, and what decides without
//! them), [`player`] (a component's own test cases).

mod aside;
mod at_once;
mod backoff;
mod bindings;
mod convert;
pub mod engine;
pub mod fallback;
mod gate;
pub mod grants;
pub mod host;
mod instance;
mod interfaces;
mod last_words;
mod lasting;
mod limiter;
pub mod limits;
mod log_rate;
pub mod outcome;
pub mod package;
pub mod player;
pub mod policy_pool;
pub mod resident;
pub mod signature;
mod ticker;
mod try_out;

pub use engine::{Call, Engine, EngineError, EngineSettings};
pub use fallback::{Decided, StaticFallback};
pub use host::interface::HostInterface;
pub use package::{
    CodeCache, Folders, Kind, Loaded, Manifest, Package, Plugin, Rejection, Settings, Verified,
};
pub use policy_pool::{PolicyPool, PoolSettings};
pub use resident::{Assessed, Resident};
