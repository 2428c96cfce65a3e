//! Turns kept machine code into a component again. The only file of this crate with unsafe code:
//! the engine runs what it is given here without looking at it.
//!
//! # Why it is sound
//!
//! [`Component::deserialize`] asks that the bytes come from [`Component::serialize`] unchanged. A
//! [`Checked`] is only made by [`Checked::new`], from a file of [`super::code_cache`], which saw to
//! it that
//! - the file is a regular one, belongs to the user of this process and can be written by nobody
//!   else, in a folder of which the same holds: whoever could put other bytes there could as well
//!   replace this program;
//! - its SHA-256, written with it, fits: what is torn or rotten is not used;
//! - its name has the compatibility hash of this engine, and the engine compares version, target
//!   and settings itself before it maps anything.
#![allow(unsafe_code)]

use sha2::{Digest, Sha256};
use wasmtime::component::Component;

/// Starts every file of kept code.
const MAGIC: &[u8] = b"takeover-code-1\n";

/// The bytes of a file whose owner and digest were checked.
pub(super) struct Checked(Vec<u8>);

impl Checked {
    /// Takes the bytes of a file that only the user of this process can write; none: they are not
    /// what was written.
    pub(super) fn new(file: &[u8]) -> Option<Self> {
        let (digest, code) = file.strip_prefix(MAGIC)?.split_at_checked(32)?;
        (Sha256::digest(code).as_slice() == digest).then(|| Self(code.to_vec()))
    }

    /// The component, if it is one of this engine.
    pub(super) fn load(&self, engine: &wasmtime::Engine) -> wasmtime::Result<Component> {
        // SAFETY: see the head of this file; there is no other way to a `Checked`.
        unsafe { Component::deserialize(engine, &self.0) }
    }
}

/// The bytes of a file that [`Checked::new`] takes.
pub(super) fn file_of(component: &Component) -> wasmtime::Result<Vec<u8>> {
    let code = component.serialize()?;
    Ok([MAGIC, Sha256::digest(&code).as_slice(), &code].concat())
}
