//! The real thing in network namespaces of its own: kernel, wire, processes, and the whole agent
//! with a scripted control server. What needs root says so where there is none.

mod channel;
mod kernel;
mod namespace;
pub(super) mod processes;
mod whole;
mod wire;
