//! What the backend does, apart from the sandbox.

use crate::bindings::exports::takeover::plugin::vip::{Order, Presence, Release};
use crate::bindings::takeover::plugin::types::Fault;

/// Time kept for putting the address on and verifying it, in milliseconds. Both take well under a
/// millisecond on an idle host; this is for a busy one.
const RESERVE_MS: u64 = 200;

/// Shortest wait after a probe that is worth it, in milliseconds: an answer on a busy network
/// takes a few.
const INTERVAL_MS_MIN: u64 = 10;

/// Unanswered probes after which nobody else has the address. The worst case that the operator
/// was shown counts with as many.
const PROBES: u8 = 3;

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
    /// Monotonic time.
    fn now_ms(&mut self) -> u64;
    /// Waits.
    fn wait_ms(&mut self, duration_ms: u32);
    /// Writes a line for operators.
    fn log(&mut self, text: &str);
}

/// Puts the address on: at once when the old holder let go of it, otherwise when nobody answers
/// for it any more.
pub fn up(order: &Order, host: &mut impl Host) -> Result<(), Fault> {
    if order.release == Release::Unknown && !host.present()? {
        wait_for_silence(order, host)?;
    }
    host.add()?;
    if !host.present()? {
        return Err(Fault::Failed(format!("{}: not there after it was added", host.name())));
    }
    if let Err(fault) = host.announce() {
        // The address serves those who ask for it, and the host repeats announcements by itself:
        // taking it off again would help nobody.
        let text = format!("{}: there, but not announced: {}", host.name(), words(&fault));
        host.log(&text);
    }
    Ok(())
}

/// Probes until nobody answers. A holder that is cut off, frozen or dead loses the address within
/// its lease, so an answer is a reason to go on asking, not to give up.
fn wait_for_silence(order: &Order, host: &mut impl Host) -> Result<(), Fault> {
    let configured_ms = order.binding.probe_interval_ms;
    let time_left_ms = u64::from(order.time_left_ms);
    let give_up_at = host.now_ms() + time_left_ms - RESERVE_MS.min(time_left_ms / 4);
    let mut told = None;
    loop {
        let interval_ms = interval(configured_ms, give_up_at.saturating_sub(host.now_ms()));
        let Some(holder) = host.who_has(PROBES, interval_ms)? else {
            return Ok(());
        };
        if told.as_ref() != Some(&holder) {
            host.log(&format!("{}: {holder} still answers for it, waiting", host.name()));
        }
        let left_ms = give_up_at.saturating_sub(host.now_ms());
        if left_ms < round_ms(INTERVAL_MS_MIN) {
            let text = format!("{}: {holder} still answers for it", host.name());
            return Err(Fault::Unavailable(text));
        }
        told = Some(holder);
        host.wait_ms(interval(configured_ms, left_ms));
    }
}

/// Time of a round: a wait after each probe, and one before the next round.
fn round_ms(interval_ms: u64) -> u64 {
    interval_ms * (u64::from(PROBES) + 1)
}

/// The wait after each probe: what is configured, or less when a round would not fit any more.
fn interval(configured_ms: u32, left_ms: u64) -> u32 {
    let fitting = u32::try_from(left_ms / round_ms(1)).unwrap_or(u32::MAX);
    configured_ms.min(fitting).max(1)
}

/// Takes the address off. The host has re-read the kernel after the deletion; asking again is
/// what makes "gone" a fact of this call and not of somebody's cache.
pub fn down(host: &mut impl Host) -> Result<(), Fault> {
    host.delete()?;
    if host.present()? {
        return Err(Fault::Failed(format!("{}: still there after it was deleted", host.name())));
    }
    Ok(())
}

/// Looks, and changes nothing.
pub fn probe(host: &mut impl Host) -> Presence {
    match host.present() {
        Ok(true) => Presence::Present,
        Ok(false) => Presence::Absent,
        Err(fault) => Presence::Unknown(words(&fault)),
    }
}

/// A fault as a part of a sentence.
fn words(fault: &Fault) -> String {
    match fault {
        Fault::Denied(text) => format!("denied: {text}"),
        Fault::NotFound(text) => format!("not found: {text}"),
        Fault::Unavailable(text) => format!("unavailable: {text}"),
        Fault::InProgress => "already in progress".to_owned(),
        Fault::TimedOut => "timed out".to_owned(),
        Fault::StaleTerm(term) => format!("stale term: the newest is {term}"),
        Fault::Invalid(text) => format!("invalid: {text}"),
        Fault::Failed(text) => text.clone(),
    }
}

#[cfg(test)]
mod tests;
