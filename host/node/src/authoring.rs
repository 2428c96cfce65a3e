//! What authors of plugins need, apart from the command line: new projects, building, checking,
//! testing and measuring them. Everything runs on the author's machine and reaches no running
//! system.
//!
//! It must not know how results are printed.
//!
//! Reading order: [`project`] (what a project is), [`create`] (a new one), [`build`] (component and
//! manifest, ready to be copied), [`check`], [`mod@test`] and [`mod@bench`] (around the real
//! engine), [`policy`] (one call, described by hand), [`vouch`] (signatures, grants).

pub mod bench;
pub mod build;
pub mod check;
pub mod create;
mod error;
pub mod policy;
pub mod project;
mod stage;
mod templates;
pub mod test;
mod tools;
pub mod vouch;

pub use error::AuthoringError;
pub use project::{Language, Project};
