//! The sandbox with real components: the shipped ones run their cases, the hostile ones do their
//! worst, broken ones are refused.
//!
//! Needs `cargo xtask build-plugins`.

// The lints' own exception is for functions marked as tests; these files have helpers of tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod bombs;
mod crafted;
mod denied;
mod examples;
mod fixture;
mod hostile;
mod list;
mod loading;
mod monitor;
mod outside;
mod policy;
mod policy_hostile;
mod reach;
mod shipped;
mod vip;
