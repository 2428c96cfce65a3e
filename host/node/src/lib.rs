//! The shell of Takeover: sockets, files, clocks and tasks around the deciding machines.

pub mod api;
