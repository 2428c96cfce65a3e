//! The deciding machines of Takeover: who is primary, who holds an address, which alarm runs what.
//!
//! Nothing here reads a clock, a socket, a file or a random source, and nothing here is
//! asynchronous or logs: time and facts come in as inputs, wishes leave as outputs, and the shell
//! (`host/node`) carries them out. The dependency list of this crate enforces that.
//!
//! Reading order: [`ids`] and [`time`] (the words), [`link`] (what control server and host agent
//! tell each other), [`run_mode`] (who is primary), [`log_event`] and [`alarm`] (what happens
//! then), [`control`] (how the control server's machines are put together), `address` and
//! [`host_agent`] (the same for a host), [`config`] (what an operator writes).

pub mod address;
pub mod alarm;
pub mod catalog;
pub mod channel;
pub mod component;
pub mod config;
pub mod control;
#[cfg(feature = "schema")]
pub mod description;
pub mod host_agent;
pub mod ids;
pub mod keep;
pub mod limits;
pub mod link;
pub mod log_event;
pub mod options;
pub mod plugin;
pub mod run_mode;
pub mod status;
pub mod supervise;
pub mod time;
