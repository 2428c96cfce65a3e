//! An SNMPv2c trap as bytes: RFC 1901 (message), RFC 3416 (PDU), RFC 2578 (TimeTicks).
//!
//! It must not know what the trap is about. Lengths are the shortest possible, which every reader
//! of BER understands.

use der::asn1::{AnyRef, ObjectIdentifier, OctetStringRef};
use der::{Decode, Encode, Result, Tag, TagNumber};

/// `version` of a community-based SNMPv2 message (RFC 1901 section 3).
const VERSION_2C: u8 = 1;

/// `sysUpTime.0` (RFC 3418).
const SYS_UP_TIME: &str = "1.3.6.1.2.1.1.3.0";

/// `snmpTrapOID.0` (RFC 3418).
const SNMP_TRAP_OID: &str = "1.3.6.1.6.3.1.1.4.1.0";

/// `SNMPv2-Trap-PDU`, `[7] IMPLICIT` (RFC 3416 section 3).
const TRAP_PDU: Tag = Tag::ContextSpecific { constructed: true, number: TagNumber(7) };

/// `TimeTicks`, `[APPLICATION 3] IMPLICIT` (RFC 2578 section 7.1.8).
const TIME_TICKS: Tag = Tag::Application { constructed: false, number: TagNumber(3) };

/// A trap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trap<'a> {
    /// What the manager knows its clients by.
    pub community: &'a str,
    /// Tells one message from the next; 0 to 2^31 - 1.
    pub request_id: u32,
    /// How long the sender has been up, in hundredths of a second.
    pub up_time: u32,
    /// Which trap it is.
    pub id: ObjectIdentifier,
    /// What it says: texts by name, in their order.
    pub variables: &'a [(ObjectIdentifier, String)],
}

impl Trap<'_> {
    /// The message.
    ///
    /// # Errors
    /// A text beyond what lengths can say, which the bounds of this reaction do not allow.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let ticks = self.up_time.to_der()?;
        let ticks = tagged(TIME_TICKS, &[AnyRef::from_der(&ticks)?.value()])?;
        let mut bindings = vec![
            binding(&ObjectIdentifier::new(SYS_UP_TIME)?, &ticks)?,
            binding(&ObjectIdentifier::new(SNMP_TRAP_OID)?, &self.id.to_der()?)?,
        ];
        for (name, text) in self.variables {
            bindings.push(binding(name, &octets(text)?)?);
        }
        let bindings: Vec<&[u8]> = bindings.iter().map(Vec::as_slice).collect();
        let (error_status, error_index) = (0_u8.to_der()?, 0_u8.to_der()?);
        let bindings = tagged(Tag::Sequence, &bindings)?;
        let pdu = [&*self.request_id.to_der()?, &error_status, &error_index, &bindings].concat();
        let pdu = tagged(TRAP_PDU, &[&pdu])?;
        tagged(Tag::Sequence, &[&VERSION_2C.to_der()?, &octets(self.community)?, &pdu])
    }
}

fn binding(name: &ObjectIdentifier, value: &[u8]) -> Result<Vec<u8>> {
    tagged(Tag::Sequence, &[&name.to_der()?, value])
}

fn octets(text: &str) -> Result<Vec<u8>> {
    OctetStringRef::new(text.as_bytes())?.to_der()
}

/// A value of these contents, one after the other.
fn tagged(tag: Tag, contents: &[&[u8]]) -> Result<Vec<u8>> {
    AnyRef::new(tag, &contents.concat())?.to_der()
}

#[cfg(test)]
mod tests;
