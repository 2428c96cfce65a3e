//! The HTTP API of the control server: what operators, their commands and their page speak.
//!
//! This module must not decide anything: it turns requests into inputs of the deciding machines
//! and shows what they answer. Reading order: [`types`] (the bodies).

pub mod types;
