//! Interfaces that no operator can grant yet. They are linked, so that a component which imports
//! them loads, and they deny every call through the same check as all others.

use takeover_logic::link::Fault;

use super::{Side, State};
use crate::bindings::{command, datagram, http, mail, memory, types};
use crate::convert::fault_to_guest;
use crate::grants::Permission;

impl<S: Side> State<S> {
    /// Denies. Were the permission granted, there would still be nothing behind it.
    fn deny<T>(&mut self, permission: Permission) -> Result<T, types::Fault> {
        let fault = match self.require(permission) {
            Err(fault) => fault,
            Ok(()) => Fault::Unavailable(format!("{permission} is not served here").into()),
        };
        Err(fault_to_guest(fault))
    }
}

impl<S: Side> memory::Host for State<S> {
    fn get(&mut self, _key: String) -> Result<Option<Vec<u8>>, types::Fault> {
        self.deny(Permission::Memory)
    }

    fn set(&mut self, _key: String, _value: Option<Vec<u8>>) -> Result<(), types::Fault> {
        self.deny(Permission::Memory)
    }
}

impl<S: Side> command::Host for State<S> {
    fn run(
        &mut self,
        _program: String,
        _arguments: Vec<String>,
    ) -> Result<command::Output, types::Fault> {
        self.deny(Permission::Command)
    }
}

impl<S: Side> http::Host for State<S> {
    fn send(&mut self, _request: http::Request) -> Result<http::Response, types::Fault> {
        self.deny(Permission::Http)
    }
}

impl<S: Side> mail::Host for State<S> {
    fn send(
        &mut self,
        _to: Vec<String>,
        _subject: String,
        _text: String,
    ) -> Result<(), types::Fault> {
        self.deny(Permission::Mail)
    }
}

impl<S: Side> datagram::Host for State<S> {
    fn send(&mut self, _to: String, _payload: Vec<u8>) -> Result<(), types::Fault> {
        self.deny(Permission::Datagram)
    }
}
