//! Interface `addresses`, scoped to the one address of the order.

use std::net::IpAddr;
use std::sync::Arc;

use takeover_logic::component::{AddressAnswer, AddressCall};
use takeover_logic::link::Fault;

use super::{Scope, State, VipSide};
use crate::bindings::{addresses, types};
use crate::convert::fault_to_guest;
use crate::grants::Permission;
use crate::limits::{PROBE_ATTEMPTS_MAX, PROBE_INTERVAL_MS_MAX};

type Answer<T> = Result<T, types::Fault>;

impl VipSide {
    /// Allows a call about the order's own address, as far as the kind of order goes.
    pub(crate) fn admit(
        &self,
        address: &str,
        network_interface: &str,
        call: &AddressCall,
    ) -> Result<(), Fault> {
        let (own, own_interface) = (self.binding.address, &self.binding.network_interface);
        let same = address.parse::<IpAddr>().is_ok_and(|address| address == own);
        if !same || network_interface != &**own_interface {
            let text = format!(
                "address {address} on {network_interface}: this order is about {own} on \
                 {own_interface}"
            );
            return Err(Fault::Denied(text.into()));
        }
        let word = match (call, self.scope) {
            (AddressCall::Add, Scope::Down | Scope::Probe) => "add",
            (AddressCall::Announce, Scope::Down | Scope::Probe) => "announce",
            (AddressCall::Delete, Scope::Probe) => "delete",
            _ => return Ok(()),
        };
        let order = if self.scope == Scope::Down { "down" } else { "probe" };
        Err(Fault::Denied(format!("addresses.{word} is not allowed in {order}").into()))
    }
}

impl State<VipSide> {
    async fn address(
        &mut self,
        address: &str,
        network_interface: &str,
        call: AddressCall,
    ) -> Answer<AddressAnswer> {
        self.require(Permission::Addresses).map_err(fault_to_guest)?;
        self.side.admit(address, network_interface, &call).map_err(fault_to_guest)?;
        let host = Arc::clone(&self.side.host);
        self.wait_for("addresses", host.address(call)).await.map_err(fault_to_guest)
    }
}

fn unfitting(call: &str) -> types::Fault {
    fault_to_guest(Fault::Failed(format!("addresses.{call}: the host gave no answer to it").into()))
}

/// Checks the numbers of a `who-has` call.
fn probe(attempts: u8, interval_ms: u32) -> Result<AddressCall, Fault> {
    let found = if !(1..=PROBE_ATTEMPTS_MAX).contains(&attempts) {
        format!("attempts {attempts}, allowed 1 to {PROBE_ATTEMPTS_MAX}")
    } else if !(1..=PROBE_INTERVAL_MS_MAX).contains(&interval_ms) {
        format!("interval-ms {interval_ms}, allowed 1 to {PROBE_INTERVAL_MS_MAX}")
    } else {
        return Ok(AddressCall::WhoHas { attempts, interval_ms });
    };
    Err(Fault::Invalid(format!("addresses.who-has: {found}").into()))
}

impl addresses::Host for State<VipSide> {
    async fn add(&mut self, address: String, network_interface: String) -> Answer<()> {
        self.address(&address, &network_interface, AddressCall::Add).await.map(|_| ())
    }

    async fn delete(&mut self, address: String, network_interface: String) -> Answer<()> {
        self.address(&address, &network_interface, AddressCall::Delete).await.map(|_| ())
    }

    async fn present(&mut self, address: String, network_interface: String) -> Answer<bool> {
        match self.address(&address, &network_interface, AddressCall::Present).await? {
            AddressAnswer::Present(present) => Ok(present),
            AddressAnswer::Done | AddressAnswer::Holder(_) => Err(unfitting("present")),
        }
    }

    async fn who_has(
        &mut self,
        address: String,
        network_interface: String,
        attempts: u8,
        interval_ms: u32,
    ) -> Answer<Option<String>> {
        let call = probe(attempts, interval_ms).map_err(fault_to_guest)?;
        match self.address(&address, &network_interface, call).await? {
            AddressAnswer::Holder(holder) => Ok(holder.map(|holder| holder.to_string())),
            AddressAnswer::Done | AddressAnswer::Present(_) => Err(unfitting("who-has")),
        }
    }

    async fn announce(&mut self, address: String, network_interface: String) -> Answer<()> {
        self.address(&address, &network_interface, AddressCall::Announce).await.map(|_| ())
    }
}

#[cfg(test)]
mod tests;
