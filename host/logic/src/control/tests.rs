//! Stories of a pair on two hosts, through the whole of the control server's machines. The agents
//! and components are models that do what they are told at once, unless a story says otherwise.

mod addresses;
mod bench;
mod commands;
mod laws;
mod links;
mod options;
mod restart;
mod switchover;
