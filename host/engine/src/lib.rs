//! The sandbox: loads components from a folder and calls them, each call in a fresh instance under
//! one absolute deadline, with what the operator granted and nothing else.
//!
//! This crate must not know sockets, processes or addresses: what a component asks for goes
//! through the traits in [`host`], which the shell implements. Start with [`host`] and [`outcome`].

pub mod host;
pub mod outcome;
