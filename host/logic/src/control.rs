//! The control server's deciding half, put together from its machines.
//!
//! The shell hands every input to [`Control`], drains every output, and sleeps until the deadline.
//! Reading order: [`io`] (what comes in and goes out).

pub mod io;
