//! What an operator writes, read, checked as a whole and expanded to the guide's objects.
//!
//! Files are read by the shell; this module sees names and texts. Start with [`model`]: the
//! checked configuration that every machine uses.

pub mod model;
