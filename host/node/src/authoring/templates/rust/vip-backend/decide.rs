//! What the backend does, apart from the sandbox.

use crate::bindings::takeover::plugin::types::Fault;

/// Unanswered probes after which nobody else has the address.
const PROBES: u8 = 3;

/// What matters of an order.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    /// The old holder is known to have let go.
    pub released: bool,
    /// Wait after each probe, in milliseconds.
    pub interval_ms: u32,
}

/// What the backend asks of the host, about the address of this call.
pub trait Host {
    /// Address and interface, for messages.
    fn name(&self) -> String;
    /// Puts the address on.
    fn add(&mut self) -> Result<(), Fault>;
    /// Takes the address off.
    fn delete(&mut self) -> Result<(), Fault>;
    /// Whether the kernel has it.
    fn present(&mut self) -> Result<bool, Fault>;
    /// Who else answers for it.
    fn who_has(&mut self, attempts: u8, interval_ms: u32) -> Result<Option<String>, Fault>;
    /// Tells the network.
    fn announce(&mut self) -> Result<(), Fault>;
    /// Writes a line for operators.
    fn log(&mut self, text: &str);
}

/// Puts the address on, verifies and announces it. Where nobody knows whether the old holder let
/// go, it asks the network first: an address on two hosts is worse than one on none.
pub fn up(order: Order, host: &mut impl Host) -> Result<(), Fault> {
    if !order.released
        && let Some(holder) = host.who_has(PROBES, order.interval_ms)?
    {
        let text = format!("{}: {holder} answers for it", host.name());
        return Err(Fault::Unavailable(text));
    }
    host.add()?;
    if !host.present()? {
        return Err(Fault::Failed(format!(
            "{}: not there after it was added",
            host.name()
        )));
    }
    if let Err(fault) = host.announce() {
        // It serves those who ask for it, and the host repeats announcements by itself.
        host.log(&format!(
            "{}: there, but not announced: {fault:?}",
            host.name()
        ));
    }
    Ok(())
}

/// Takes the address off and verifies that.
pub fn down(host: &mut impl Host) -> Result<(), Fault> {
    host.delete()?;
    if host.present()? {
        return Err(Fault::Failed(format!(
            "{}: still there after it was deleted",
            host.name()
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
