//! The sandbox with real components: the shipped ones run their cases, the hostile ones do their
//! worst, broken ones are refused.
//!
//! Needs `cargo xtask build-plugins`.

mod cases;
mod denied;
mod examples;
mod fixture;
mod hostile;
mod loading;
mod vip;
