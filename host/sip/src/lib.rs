//! The SIP node's machines: messages, proxy, registrar, devices, agents, hot standby.
//!
//! Nothing here reads a clock, a socket, a file or a random source, and nothing is asynchronous or
//! logs: messages and facts come in, messages and wishes leave, and the shell
//! (`host/node/src/sip_node`) carries them out. One machine serves one thread.
//!
//! Why a call survives its node: what the other node of a pair needs to go on with a call travels
//! in the call's own messages, or can be computed again from them; only what can not is told to it
//! beforehand (decision 0010).
//!
//! Reading order: [`message`] (what came in), [`flow`] (where it came from), [`branch`] (how both
//! nodes of a pair get the same names), [`proxy`] (requests, responses and their timers),
//! [`directory`] (what is configured), [`location`] and [`digest`] (who is registered),
//! [`devices`], [`agents`], [`dialogs`], [`calls`], [`parked`], [`standby`] (what the other node is
//! told), [`keep`] (what it can learn from the control server), [`look`] (whether it serves),
//! [`node`] (how they are put together).

pub mod agents;
pub mod branch;
pub mod calls;
pub mod clock;
pub mod devices;
pub mod dialogs;
pub mod digest;
pub mod directory;
pub mod event;
pub mod flow;
pub mod keep;
pub mod limits;
pub mod location;
pub mod look;
pub mod message;
pub mod node;
pub mod open;
pub mod outbox;
pub mod parked;
pub mod proxy;
pub mod standby;
pub mod state;
pub mod traffic;
pub mod wish;
