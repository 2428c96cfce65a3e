//! The HTTP API of the control server: what operators, their commands and their page speak.
//!
//! This module must not decide anything: it turns requests into questions to the decision loop
//! and shows what it answers. Reading order: [`types`] (the bodies), `routes` (the paths), `auth`
//! (who may), `stream` (server-sent events), `metrics` (in the format of `exposition`), `listen`
//! (connections), `agent` (links), [`openapi`].

mod agent;
mod ask;
pub(crate) mod auth;
pub(crate) mod error;
pub(crate) mod exposition;
pub(crate) mod listen;
mod metrics;
pub mod openapi;
mod page;
mod plugins;
pub(crate) mod routes;
mod stream;
#[cfg(test)]
mod tests;
pub mod types;
