//! Names that both nodes of a pair give to the same thing: branches, tags, transaction keys.
//!
//! A branch is a keyed hash of what identifies the request that came in and of where it goes
//! (RFC 3261 section 16.11). So a retransmission, a CANCEL or an ACK that reaches the other node of
//! the pair is forwarded under the same branch, and a call that rings goes on ringing there.

use std::hash::Hasher as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use siphasher::sip128::{Hasher128 as _, SipHasher24};

use crate::message::via::MAGIC;
use crate::message::{HeaderName, Message, Method, StartLine, Via};

/// The key that both nodes of a pair share and nobody else knows. Never printed.
#[derive(Clone, Copy)]
pub struct Secret([u8; 16]);

impl Secret {
    /// A key of sixteen random bytes.
    pub fn new(bytes: [u8; 16]) -> Secret {
        Secret(bytes)
    }

    /// A keyed hash of several parts, `about` telling one use from another.
    pub fn hash(&self, about: u8, parts: &[&[u8]]) -> u128 {
        let mut hasher = SipHasher24::new_with_key(&self.0);
        // Together, where there is room: the hasher takes its time with each piece.
        let mut room = [0; HASHED_TOGETHER];
        let mut used = 0;
        let mut take = |bytes: &[u8]| {
            if room.len() - used < bytes.len() {
                hasher.write(room.get(..used).unwrap_or_default());
                used = 0;
            }
            match room.get_mut(used..used + bytes.len()) {
                Some(place) => {
                    place.copy_from_slice(bytes);
                    used += bytes.len();
                }
                None => hasher.write(bytes),
            }
        };
        take(&[about]);
        for part in parts {
            take(part);
            // Lengths, so that no two lists of parts look alike.
            take(&(part.len() as u32).to_le_bytes());
        }
        hasher.write(room.get(..used).unwrap_or_default());
        hasher.finish128().as_u128()
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Bytes that are hashed together: what identifies a usual request.
const HASHED_TOGETHER: usize = 256;

/// Uses of the hash.
mod about {
    pub(super) const BRANCH: u8 = b'b';
    pub(super) const SERVER: u8 = b's';
    pub(super) const TAG: u8 = b't';
    pub(super) const LOOP: u8 = b'l';
    pub(super) const DIALOG: u8 = b'd';
}

/// What identifies a request here: its topmost Via (section 17.2.3), or for an element of RFC 2543
/// everything that it compares.
fn identity<'a>(message: &Message<'a>, via: &Via<'a>) -> [&'a [u8]; 4] {
    let branch = via.branch;
    if branch.starts_with(MAGIC) {
        [branch, via.host, port(via), &[]]
    } else {
        let from = message.from_tag().unwrap_or_default();
        [via.whole, message.call_id(), from, message.request_uri()]
    }
}

fn port<'a>(via: &Via<'a>) -> &'a [u8] {
    let sent_by = via.whole.get(..via.whole.len() - via.params.len()).unwrap_or_default();
    let from = memchr::memrchr(b':', sent_by).filter(|_| via.port.is_some());
    from.and_then(|at| sent_by.get(at + 1..)).unwrap_or_default().trim_ascii()
}

fn number<'a>(message: &Message<'a>) -> &'a [u8] {
    let value = message.value(HeaderName::CSeq).unwrap_or_default();
    value.split(u8::is_ascii_whitespace).next().unwrap_or_default()
}

/// The key of a request's server transaction. ACK and CANCEL have that of their INVITE.
pub fn server_key<'a>(secret: &Secret, message: &Message<'a>, via: &Via<'a>) -> u128 {
    let method: &[u8] = match message.start() {
        StartLine::Request { method: Method::Ack | Method::Cancel, .. } => b"INVITE",
        StartLine::Request { method_at, .. } => message.at(method_at),
        StartLine::Response { .. } => b"",
    };
    let [a, b, c, d] = identity(message, via);
    secret.hash(about::SERVER, &[a, b, c, d, number(message), method])
}

/// Number of the branch under which a request goes to a target.
pub fn branch<'a>(secret: &Secret, message: &Message<'a>, via: &Via<'a>, target: &[u8]) -> u128 {
    let [a, b, c, d] = identity(message, via);
    secret.hash(about::BRANCH, &[a, b, c, d, message.call_id(), number(message), target])
}

/// What a request has in common with itself when it comes round again unchanged: the second half
/// of a branch (section 16.6 step 8).
pub fn loop_mark(secret: &Secret, message: &Message<'_>) -> u32 {
    let route = message.value(HeaderName::Route).unwrap_or_default();
    let from = message.from_tag().unwrap_or_default();
    let to = message.to_tag().unwrap_or_default();
    let uri = message.request_uri();
    let parts = [message.call_id(), number(message), from, to, uri, route];
    (secret.hash(about::LOOP, &parts) & 0xffff_ffff) as u32
}

/// The To tag of an answer that is not remembered: the same for every copy of the request
/// (RFC 3261 section 8.2.7).
pub fn tag(secret: &Secret, message: &Message<'_>) -> Hex {
    let from = message.from_tag().unwrap_or_default();
    let parts = [message.call_id(), from, number(message)];
    Hex::of((secret.hash(about::TAG, &parts) >> 64) as u64)
}

/// A number as sixteen hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hex([u8; 16]);

impl Hex {
    /// The digits of a number.
    pub fn of(number: u64) -> Hex {
        let mut digits = [0; 16];
        let halves = [(number >> 32) as u32, number as u32];
        for (place, half) in digits.chunks_exact_mut(8).zip(halves) {
            place.copy_from_slice(&digits_of(half).to_be_bytes());
        }
        Hex(digits)
    }

    /// The same as bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Eight digits, one to a byte and all at once: every answer bears a tag.
fn digits_of(number: u32) -> u64 {
    let each = |byte: u8| u64::from_ne_bytes([byte; 8]);
    let spread = u64::from(number);
    let spread = (spread | spread << 16) & 0x0000_ffff_0000_ffff;
    let spread = (spread | spread << 8) & 0x00ff_00ff_00ff_00ff;
    let nibbles = (spread | spread << 4) & each(0x0f);
    // One where the nibble is ten or more.
    let letters = (nibbles + each(6)) >> 4 & each(1);
    nibbles + each(b'0') + letters * u64::from(b'a' - b'0' - 10)
}

impl std::ops::Deref for Hex {
    type Target = str;

    fn deref(&self) -> &str {
        // Digits are always text.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// Parameter of our Record-Route, whose value is [`dialog_mark`].
pub const DIALOG: &str = "d";

/// What shows that this pair let a call in: only its later requests come with the mark, so that
/// nobody sends through here by just saying that a call exists.
pub fn dialog_mark(secret: &Secret, call_id: &[u8]) -> u64 {
    (secret.hash(about::DIALOG, &[call_id]) >> 64) as u64
}

/// Where the number stands in a branch.
const NUMBER_AT: usize = MAGIC.len() + 1;
const NUMBER_END: usize = NUMBER_AT + 22;

/// Appends a branch as it stands in a Via.
pub fn write(out: &mut Vec<u8>, number: u128, mark: u32) {
    let mut text = [0_u8; 28];
    out.extend_from_slice(MAGIC);
    out.push(b't');
    for (bytes, dot) in [(&number.to_be_bytes()[..], true), (&mark.to_be_bytes()[..], false)] {
        let length = URL_SAFE_NO_PAD.encode_slice(bytes, &mut text).unwrap_or_default();
        out.extend_from_slice(text.get(..length).unwrap_or_default());
        if dot {
            out.push(b'.');
        }
    }
}

/// Number and loop mark of a branch that this pair made; none for any other.
pub fn read(branch: &[u8]) -> Option<(u128, u32)> {
    if !branch.starts_with(MAGIC) || branch.get(MAGIC.len()) != Some(&b't') {
        return None;
    }
    let mut number = [0; 16];
    let mut mark = [0; 4];
    let text = branch.get(NUMBER_AT..NUMBER_END)?;
    let length = URL_SAFE_NO_PAD.decode_slice(text, &mut number).ok()?;
    let rest = branch.get(NUMBER_END..)?.strip_prefix(b".")?;
    let second = URL_SAFE_NO_PAD.decode_slice(rest, &mut mark).ok()?;
    let whole = length == number.len() && second == mark.len();
    whole.then(|| (u128::from_be_bytes(number), u32::from_be_bytes(mark)))
}

#[cfg(test)]
mod tests {
    use std::hash::Hasher as _;

    use siphasher::sip128::{Hasher128 as _, SipHasher24};

    use super::{HASHED_TOGETHER, Hex, Secret};

    #[test]
    fn a_hash_is_that_of_its_parts_one_by_one() {
        let text = [7_u8; 3 * HASHED_TOGETHER];
        let lengths = [0, 1, 7, 100, HASHED_TOGETHER - 5, HASHED_TOGETHER, 2 * HASHED_TOGETHER];
        for first in lengths {
            for second in lengths {
                let parts = [&text[..first], &text[..second], b"end"];
                let mut hasher = SipHasher24::new_with_key(&[9; 16]);
                hasher.write(b"x");
                for part in parts {
                    hasher.write(part);
                    hasher.write(&(part.len() as u32).to_le_bytes());
                }
                let expected = hasher.finish128().as_u128();
                assert_eq!(Secret::new([9; 16]).hash(b'x', &parts), expected, "{first} {second}");
            }
        }
    }

    #[test]
    fn a_number_has_sixteen_digits() {
        for number in [0, 1, 0xdead_beef, u64::MAX, 0x0123_4567_89ab_cdef, 0x9a9a_a9a9_0f0f_f0f0] {
            assert_eq!(&*Hex::of(number), format!("{number:016x}"));
        }
    }
}
