//! Interface `datagram`: UDP to the granted destinations.

use std::sync::Arc;

use takeover_logic::link::Fault;

use super::{Side, State};
use crate::bindings::{datagram, types};
use crate::convert::fault_to_guest;
use crate::grants::Permission;
use crate::host::outside::DatagramCall;
use crate::limits::DATAGRAM_BYTES_MAX;

impl<S: Side> datagram::Host for State<S> {
    async fn send(&mut self, to: String, payload: Vec<u8>) -> Result<(), types::Fault> {
        let call = self.admit(self.datagram_call(&to, payload))?;
        self.in_run_mode(Permission::Datagram).await?;
        let outside = Arc::clone(&self.outside);
        self.wait_for("datagram", outside.datagram(call)).await.map_err(fault_to_guest)
    }
}

impl<S: Side> State<S> {
    fn datagram_call(&self, to: &str, payload: Vec<u8>) -> Result<DatagramCall, Fault> {
        let to = self.grants.end_point(to)?;
        let size = payload.len();
        if size > DATAGRAM_BYTES_MAX {
            let text = format!("payload: {size} bytes, at most {DATAGRAM_BYTES_MAX}");
            return Err(Fault::Invalid(text.into()));
        }
        Ok(DatagramCall { plugin: self.grants.plugin(), to, payload, deadline: self.deadline })
    }
}
