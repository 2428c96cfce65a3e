//! Proof of a password: HTTP digest for SIP (RFC 3261 section 22, RFC 8760), with SHA-256 and MD5.
//!
//! Nonces hold no state: a time and a keyed hash over it. Both nodes of a pair have the key, so a
//! nonce of one is good at the other. What is remembered is bounded: used counts of nonces
//! (`replay`) and failures (`throttle`). Must not know SIP messages: header values come in,
//! header values go out.

use std::fmt::{self, Write};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use siphasher::sip::SipHasher24;
use takeover_logic::time::{Now, Timestamp};

use crate::directory::Passwords;
use crate::limits::{NONCE_LIFE, NONCE_SKEW_MAX};

mod credentials;
mod hash;
mod replay;
#[cfg(test)]
mod tests;
mod throttle;

use credentials::Credentials;
pub use credentials::Malformed;
pub use hash::{Algorithm, Ha1};
use replay::{Count, Replays};
use throttle::Throttle;

/// Bytes of a nonce: time, number of the machine, number of the challenge, keyed hash.
const NONCE_BYTES: usize = 24;

/// Challenges and checks for one realm.
pub struct Digest {
    realm: Arc<str>,
    key: [u8; 16],
    machine: u32,
    challenges: u32,
    replays: Replays,
    throttle: Throttle,
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Digest").field("realm", &self.realm).finish_non_exhaustive()
    }
}

/// A request that wants to be let in.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// Values of its Authorization (or Proxy-Authorization) headers.
    pub values: &'a [&'a [u8]],
    /// Its method.
    pub method: &'a [u8],
    /// Where it came from.
    pub source: IpAddr,
    /// The DN that it speaks for; the user name must be the same.
    pub dn: &'a str,
    /// What the DN is configured with; none: there is no such DN, which is not told.
    pub passwords: Option<&'a Passwords>,
}

/// What is to be done with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It proved its DN.
    Accepted,
    /// It is to be challenged; `stale`: its password was right, its nonce too old.
    Challenge {
        /// Value of the parameter of the same name.
        stale: bool,
    },
    /// Its proof is wrong; refuse it (403).
    Wrong,
    /// Its header can not be understood; refuse it (400).
    Malformed(Malformed),
    /// Too many failures; refuse it (503) without looking at its proof.
    Throttled {
        /// When it may try again.
        retry_after_s: u32,
    },
}

/// What a nonce says about itself.
struct Nonce {
    at: Timestamp,
    /// Which challenge it was: machine and number.
    number: u64,
}

impl Digest {
    /// Challenges for a realm with a key that both nodes of a pair have. `machine` tells apart the
    /// machines of a node that challenge at the same time.
    pub fn new(realm: Arc<str>, key: [u8; 16], machine: u32) -> Digest {
        let (replays, throttle) = (Replays::default(), Throttle::default());
        Digest { realm, key, machine, challenges: 0, replays, throttle }
    }

    /// Values of the challenge headers, best first, one header each (RFC 8760 section 2.4). Only
    /// what the DN's configuration can check; everything where there is no such DN.
    pub fn challenge(
        &mut self,
        at: Timestamp,
        stale: bool,
        passwords: Option<&Passwords>,
    ) -> impl Iterator<Item = String> {
        self.challenges = self.challenges.wrapping_add(1);
        let nonce = self.nonce(at, self.challenges);
        let realm = Arc::clone(&self.realm);
        let has = |algorithm| passwords.is_none_or(|passwords| algorithm_of(passwords, algorithm));
        let offered = [Algorithm::Sha256, Algorithm::Md5].map(|a| has(a).then_some(a));
        offered.into_iter().flatten().map(move |algorithm| {
            let stale = if stale { ", stale=true" } else { "" };
            let name = algorithm.name();
            let realm = realm.replace(['"', '\\'], "");
            format!(
                "Digest realm=\"{realm}\", nonce=\"{nonce}\", algorithm={name}, qop=\"auth\"{stale}"
            )
        })
    }

    /// Judges a request. What was wrong is counted.
    pub fn check(&mut self, now: Now, attempt: &Attempt<'_>) -> Outcome {
        let mut malformed = None;
        let mut ours = None;
        for value in attempt.values {
            match Credentials::parse(value) {
                Ok(credentials) if credentials.realm == self.realm.as_bytes() => {
                    ours = ours.or(Some(credentials));
                }
                // For another realm, or of a scheme that is not spoken here: as if they were not
                // there (RFC 4475 section 3.3.7).
                Ok(_) | Err(Malformed::Scheme) => {}
                Err(error) => malformed = Some(error),
            }
        }
        let Some(credentials) = ours else {
            return match malformed {
                Some(error) => Outcome::Malformed(error),
                None => Outcome::Challenge { stale: false },
            };
        };
        if let Some(wait) = self.throttle.refuses(now.instant, attempt.source, attempt.dn) {
            let wait = wait + Duration::from_millis(999);
            let retry_after_s = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX);
            return Outcome::Throttled { retry_after_s };
        }
        if !self.is_right(&credentials, attempt) {
            let dn = attempt.passwords.map(|_| attempt.dn);
            self.throttle.failed(now.instant, attempt.source, dn);
            return Outcome::Wrong;
        }
        let Some(nonce) = self.read_nonce(credentials.nonce) else {
            return Outcome::Challenge { stale: true };
        };
        if !is_fresh(nonce.at, now.at) {
            return Outcome::Challenge { stale: true };
        }
        match self.replays.count(nonce.at, nonce.number, credentials.count) {
            Count::New => {
                self.throttle.succeeded(attempt.source, attempt.dn);
                Outcome::Accepted
            }
            Count::Used | Count::Forgotten => Outcome::Challenge { stale: true },
        }
    }

    /// Whether the response is what the password makes of the request. Takes the same way whether
    /// there is a DN or not.
    fn is_right(&self, credentials: &Credentials<'_>, attempt: &Attempt<'_>) -> bool {
        let none = Passwords::default();
        let passwords = attempt.passwords.unwrap_or(&none);
        let algorithm = credentials.algorithm;
        let ready = match algorithm {
            Algorithm::Md5 => passwords.md5.clone(),
            Algorithm::Sha256 => passwords.sha256.clone(),
        };
        let has_any = ready.is_some() || passwords.password.is_some();
        let ha1 = ready.unwrap_or_else(|| {
            let password = passwords.password.as_deref().unwrap_or_default();
            Ha1::of(algorithm, attempt.dn, &self.realm, password)
        });
        let expected = ha1.response(algorithm, attempt.method, credentials);
        let is_equal = hash::equals(expected.as_bytes(), credentials.response);
        let is_owner = credentials.username == attempt.dn.as_bytes();
        is_equal & is_owner & has_any
    }

    fn nonce(&self, at: Timestamp, challenge: u32) -> String {
        let number = u64::from(self.machine) << 32 | u64::from(challenge);
        let mut text = String::with_capacity(NONCE_BYTES * 2);
        for word in [at.0, number, self.seal(at, number)] {
            // Writing to a text can not fail.
            let _ = write!(text, "{word:016x}");
        }
        text
    }

    /// What a nonce says, where it is one of this pair's.
    fn read_nonce(&self, text: &[u8]) -> Option<Nonce> {
        if text.len() != NONCE_BYTES * 2 {
            return None;
        }
        let text = std::str::from_utf8(text).ok()?;
        let word = |at: usize| u64::from_str_radix(text.get(at * 16..at * 16 + 16)?, 16).ok();
        let (at, number, seal) = (Timestamp(word(0)?), word(1)?, word(2)?);
        let is_ours = hash::equals(&seal.to_be_bytes(), &self.seal(at, number).to_be_bytes());
        is_ours.then_some(Nonce { at, number })
    }

    /// The keyed hash of a nonce. The realm is in it, so that one key serves several purposes.
    fn seal(&self, at: Timestamp, number: u64) -> u64 {
        let mut bytes = Vec::with_capacity(64);
        bytes.extend_from_slice(b"nonce:");
        bytes.extend_from_slice(self.realm.as_bytes());
        bytes.extend_from_slice(&at.0.to_be_bytes());
        bytes.extend_from_slice(&number.to_be_bytes());
        SipHasher24::new_with_key(&self.key).hash(&bytes)
    }
}

/// Whether the configuration of a DN can check an algorithm.
fn algorithm_of(passwords: &Passwords, algorithm: Algorithm) -> bool {
    let ready = match algorithm {
        Algorithm::Md5 => passwords.md5.is_some(),
        Algorithm::Sha256 => passwords.sha256.is_some(),
    };
    ready || passwords.password.is_some()
}

/// Whether a nonce of one time is good at another.
fn is_fresh(made: Timestamp, at: Timestamp) -> bool {
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    made.0 <= at.0.saturating_add(millis(NONCE_SKEW_MAX))
        && at.0 < made.0.saturating_add(millis(NONCE_LIFE))
}
