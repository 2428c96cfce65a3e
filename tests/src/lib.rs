//! What the end-to-end tests, the failover bench and the demo share: a network lab made of
//! namespaces, a SIP probe, a referee of who answers for an address, and a whole system in it.
//!
//! Nothing here knows the program under test from the inside: it is a binary, its configuration,
//! its HTTP API. Start with [`lab`], then [`probe`] and [`arp`], then [`system`].

#![allow(
    clippy::indexing_slicing,
    reason = "a missing field of a JSON answer reads as null, and a broken index ends only the test"
)]

pub mod api;
pub mod arp;
pub mod baresip;
pub mod callee;
pub mod forward;
pub mod kamailio;
pub mod keepalived;
pub mod lab;
pub mod netlink;
pub mod probe;
pub mod programs;
pub mod scheduling;
pub mod sipp;
pub mod statistics;
pub mod system;
pub mod trace;
pub mod wait;
pub mod wire;
