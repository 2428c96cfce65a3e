//! The sandbox: loads components from a folder and calls them, each call in a fresh instance under
//! one absolute deadline, with what was granted and nothing else.
//!
//! This crate must not know sockets, processes or addresses: what a component asks for goes
//! through the traits in [`host`], which the shell implements.
//!
//! Reading order: [`host`] and [`outcome`] (the contract with the shell), [`engine`] (start,
//! load, call), `instance` (the life of one call), `interfaces` (what a component may import),
//! [`grants`] (what is denied, and how it says so), [`package`] (a plugin on disk), [`limits`].

mod bindings;
mod convert;
pub mod engine;
pub mod grants;
pub mod host;
mod instance;
mod interfaces;
mod limiter;
pub mod limits;
mod log_rate;
pub mod outcome;
pub mod package;
mod ticker;
mod try_out;

pub use engine::{Call, Engine, EngineError, EngineSettings};
pub use package::{
    CodeCache, Kind, Loaded, Manifest, Package, Plugin, Rejection, Settings, Verified,
};
