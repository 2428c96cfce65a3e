//! REGISTER and proofs of identity (RFC 3261 sections 10.3 and 22).

use std::sync::Arc;

use takeover_logic::component::sip::CallKind;
use takeover_logic::time::{Now, Timestamp};

use super::Node;
use crate::digest::{Attempt, Outcome};
use crate::directory::Passwords;
use crate::limits::ANSWERED_CONTACTS_BYTES;
use crate::location::{NewContact, Register, RegisterError, Wish, identity};
use crate::message::answer::Answer;
use crate::message::edit::write_display;
use crate::message::scan::decimal;
use crate::message::{Address, HeaderName, Message, Uri};
use crate::outbox::Outbox;
use crate::proxy::Arrival;

/// Whether a request may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    /// It may.
    Given,
    /// It was answered.
    Refused,
}

/// Which challenge a request gets, and where it brings its proof.
#[derive(Clone, Copy)]
enum Gate {
    /// 401 and Authorization: the node itself is asked.
    Registrar,
    /// 407 and Proxy-Authorization: the node is on the way.
    Proxy,
}

impl Gate {
    fn parts(self) -> (u16, &'static str, HeaderName) {
        match self {
            Gate::Registrar => (401, "WWW-Authenticate", HeaderName::Authorization),
            Gate::Proxy => (407, "Proxy-Authenticate", HeaderName::ProxyAuthorization),
        }
    }
}

impl Node {
    /// A REGISTER for this switch.
    pub(super) fn register(&mut self, now: Now, arrival: &Arrival<'_, '_>, out: &mut Outbox) {
        let message = arrival.message;
        let user = message.to().and_then(|to| to.parts()).and_then(|uri| uri.user);
        let Some(number) = user.and_then(|user| std::str::from_utf8(user).ok()) else {
            return self.answer_code(arrival, 404, out);
        };
        let dn = self.directory.dn(number).filter(|dn| dn.kind.is_dialable());
        let known = dn.map(|dn| Arc::clone(&dn.number));
        let passwords = dn.map(|dn| dn.passwords.clone());
        let open = passwords.as_ref().is_some_and(|passwords| !passwords.is_some());
        if !open {
            let asked = (Gate::Registrar, number, passwords.as_ref());
            if self.prove(now, arrival, asked, out) == Proof::Refused {
                return;
            }
        }
        let Some(dn) = known else { return self.answer_code(arrival, 404, out) };
        match self.bind(now, arrival, &dn) {
            Ok(()) => self.registered(now.at, arrival, (&dn, open), out),
            Err(error) => self.not_registered(arrival, error, out),
        }
    }

    fn bind(
        &mut self,
        now: Now,
        arrival: &Arrival<'_, '_>,
        dn: &Arc<str>,
    ) -> Result<(), Option<RegisterError>> {
        let message = arrival.message;
        let default = message.value(HeaderName::Expires).map(expires);
        let path: Vec<&str> = message
            .values(HeaderName::Path)
            .filter_map(|path| std::str::from_utf8(path).ok())
            .collect();
        let path = path.join(", ");
        let star = message.values(HeaderName::Contact).any(|value| value.trim_ascii() == b"*");
        let contacts: Vec<NewContact<'_>> = message
            .values(HeaderName::Contact)
            .flat_map(Address::list)
            .filter(|_| !star)
            .map(|contact| new_contact(&contact, default))
            .collect::<Option<_>>()
            .ok_or(None)?;
        let alone = message.header(HeaderName::Contact).is_some()
            && !message.is_repeated(HeaderName::Contact)
            && default == Some(0);
        if star && !alone {
            return Err(None);
        }
        let wish = if star { Wish::RemoveAll } else { Wish::Update(&contacts) };
        let register = Register {
            dn,
            call_id: message.call_id(),
            cseq: message.cseq().map(|(number, _)| number).unwrap_or_default(),
            flow: *arrival.from,
            path: (!path.is_empty()).then_some(path.as_str()),
            wish,
        };
        self.state.location.register(now.at, &register).map_err(Some)?;
        self.state.devices.answered(now, dn);
        Ok(())
    }

    /// 200 with every contact of the DN (section 10.3 step 8), or as many as may be told to
    /// somebody who needed no password.
    fn registered(
        &mut self,
        at: Timestamp,
        arrival: &Arrival<'_, '_>,
        (dn, open): (&Arc<str>, bool),
        out: &mut Outbox,
    ) {
        let spoofable = open && !arrival.from.transport.is_reliable();
        let room = if spoofable { room_for_contacts(arrival.message) } else { usize::MAX };
        let mut lines = Vec::new();
        for binding in self.state.location.lookup(dn, at) {
            let left = binding.expires.0.saturating_sub(at.0) / 1000;
            let contact = &binding.contact;
            let before = lines.len();
            write_display(&mut lines, &format_args!("Contact: <{contact}>;expires={left}\r\n"));
            if lines.len() > room {
                lines.truncate(before);
            }
        }
        self.answer(arrival, &Answer { code: 200, lines: &lines, ..Answer::default() }, out);
    }

    fn not_registered(
        &mut self,
        arrival: &Arrival<'_, '_>,
        error: Option<RegisterError>,
        out: &mut Outbox,
    ) {
        match error {
            None => self.answer(arrival, &answer(400, "Bad Contact"), out),
            Some(RegisterError::IntervalTooBrief { min_s, .. }) => {
                let lines = format!("Min-Expires: {min_s}\r\n");
                let answer = Answer { code: 423, lines: lines.as_bytes(), ..Answer::default() };
                self.answer(arrival, &answer, out);
            }
            Some(RegisterError::OutOfOrder { .. }) => {
                self.answer(arrival, &answer(500, "CSeq Out Of Order"), out);
            }
            Some(RegisterError::TooManyContacts) => {
                self.answer(arrival, &answer(403, "Too Many Contacts"), out);
            }
            Some(RegisterError::TooManyDns) => self.refuse_for_now(arrival, out),
            Some(RegisterError::TooLong(_)) => {
                self.answer(arrival, &answer(400, "Contact Too Long"), out);
            }
        }
    }

    /// A caller that says it is one of our DNs proves it, unless it calls from where that DN
    /// registered. What kind of call it is then; none: it did not prove it, and was answered.
    pub(super) fn prove_caller(
        &mut self,
        arrival: &Arrival<'_, '_>,
        out: &mut Outbox,
    ) -> Option<CallKind> {
        let now = arrival.now;
        let Some(dn) = self.caller_dn(arrival) else { return Some(CallKind::Inbound) };
        let is_certain =
            || self.comes_from(now.at, dn, arrival) || self.source_trunk(arrival).is_some();
        if !dn.passwords.is_some() || is_certain() {
            return Some(CallKind::Internal);
        }
        let (number, passwords) = (Arc::clone(&dn.number), dn.passwords.clone());
        let asked = (Gate::Proxy, &*number, Some(&passwords));
        (self.prove(now, arrival, asked, out) == Proof::Given).then_some(CallKind::Internal)
    }

    fn prove(
        &mut self,
        now: Now,
        arrival: &Arrival<'_, '_>,
        (gate, dn, passwords): (Gate, &str, Option<&Passwords>),
        out: &mut Outbox,
    ) -> Proof {
        let message = arrival.message;
        let (code, challenge, proof) = gate.parts();
        let values: Vec<&[u8]> = message.values(proof).collect();
        let method = method_name(message);
        let source = arrival.from.remote.ip();
        let attempt = Attempt { values: &values, method, source, dn, passwords };
        match self.digest.check(now, &attempt) {
            Outcome::Accepted => return Proof::Given,
            Outcome::Challenge { stale } => {
                let mut lines = Vec::new();
                for value in self.digest.challenge(now.at, stale, passwords) {
                    write_display(&mut lines, &format_args!("{challenge}: {value}\r\n"));
                }
                self.answer(arrival, &Answer { code, lines: &lines, ..Answer::default() }, out);
            }
            Outcome::Wrong => self.answer_code(arrival, 403, out),
            Outcome::Malformed(_) => self.answer(arrival, &answer(400, "Bad Authorization"), out),
            Outcome::Throttled { retry_after_s } => {
                let lines = format!("Retry-After: {retry_after_s}\r\n");
                let answer = Answer { code: 503, lines: lines.as_bytes(), ..Answer::default() };
                self.answer(arrival, &answer, out);
            }
        }
        Proof::Refused
    }
}

/// Bytes of contacts that may be answered to a datagram which proved nothing.
fn room_for_contacts(message: &Message<'_>) -> usize {
    let brought = message.values(HeaderName::Contact).map(<[u8]>::len).sum::<usize>();
    ANSWERED_CONTACTS_BYTES + brought
}

fn answer(code: u16, phrase: &str) -> Answer<'_> {
    Answer { code, phrase, ..Answer::default() }
}

fn method_name<'a>(message: &Message<'a>) -> &'a [u8] {
    match message.start() {
        crate::message::StartLine::Request { method_at, .. } => message.at(method_at),
        crate::message::StartLine::Response { .. } => &[],
    }
}

/// A malformed Expires counts as one hour (section 10.2.1.1).
fn expires(value: &[u8]) -> u32 {
    decimal(value).unwrap_or(3600)
}

fn new_contact<'a>(address: &Address<'a>, default: Option<u32>) -> Option<NewContact<'a>> {
    let uri = address.parts()?;
    Some(NewContact {
        contact: std::str::from_utf8(address.uri).ok()?,
        identity: same_as(address, &uri),
        q: address.param(b"q").map_or(1000, thousandths),
        expires_s: address.param(b"expires").map(expires).or(default),
    })
}

/// What makes two contacts the same: the telephone's own name (RFC 5626), else the URI's parts.
fn same_as(address: &Address<'_>, uri: &Uri<'_>) -> u64 {
    if let Some(instance) = address.param(b"+sip.instance") {
        return identity(&[instance, address.param(b"reg-id").unwrap_or_default()]);
    }
    let host = uri.host.to_ascii_lowercase();
    let port = uri.port.unwrap_or_default().to_be_bytes();
    let transport = uri.param(b"transport").unwrap_or_default().to_ascii_lowercase();
    identity(&[uri.user.unwrap_or_default(), &host, &port, &transport])
}

/// A q value (section 20.10) in thousandths; a malformed one counts as 1.
fn thousandths(value: &[u8]) -> u16 {
    let (whole, rest) = match value.iter().position(|byte| *byte == b'.') {
        Some(dot) => {
            (value.get(..dot).unwrap_or_default(), value.get(dot + 1..).unwrap_or_default())
        }
        None => (value, &[][..]),
    };
    let mut digits =
        rest.iter().chain(b"000").take(3).map(|byte| u16::from(byte.wrapping_sub(b'0')));
    let mut next = || digits.next().filter(|digit| *digit < 10).unwrap_or(0);
    match decimal(whole) {
        Some(0) => next() * 100 + next() * 10 + next(),
        _ => 1000,
    }
}
