//! Fake clock, seeded network and kernel, and reference checks: everything that tests the deciding
//! machines without an operating system. Only ever a development dependency.

pub mod builders;
pub mod simulation;
