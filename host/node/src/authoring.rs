//! What authors of plugins need, apart from the command line: new projects, building, checking,
//! testing and measuring them. Everything runs on the author's machine and reaches no running
//! system.
//!
//! It must not know how results are printed.
//!
//! Reading order: [`project`] (what a project is), [`create`] (a new one), [`build`] (component and
//! manifest, ready to be copied), [`policy`] (what needs no build), [`Subject`] (either of them),
//! [`check`], [`mod@test`] and [`mod@bench`] (around the real engine), [`replay`] (recorded runs),
//! [`policy_trial`] (one call, described by hand), [`vouch`] (signatures, grants).

pub mod bench;
pub mod build;
pub mod check;
pub mod create;
mod error;
pub mod policy;
pub mod policy_trial;
pub mod project;
pub mod replay;
mod stage;
mod subject;
mod templates;
pub mod test;
mod tools;
pub mod vouch;

pub use error::AuthoringError;
pub use project::{Language, Project};
pub use subject::Subject;
