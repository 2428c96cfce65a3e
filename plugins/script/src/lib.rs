//! What the components that run text policies share: an engine without a way out, bounds, and
//! errors that say where in the text.
//!
//! It must not know the contract: what a script sees and answers is each component's own.
//!
//! Reading order: [`limits`], [`Program`], [`ScriptError`].

mod engine;
mod error;
pub mod limits;
mod program;

pub use engine::{LogLevel, engine, register_log};
pub use error::ScriptError;
pub use program::Program;
// The components name the types of the scripts' values through here, so that all mean one version.
pub use rhai;
