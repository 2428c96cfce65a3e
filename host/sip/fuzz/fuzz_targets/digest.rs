//! Credentials: one header value a line. Nobody gets in without the password.

#![no_main]

use std::net::IpAddr;

use libfuzzer_sys::fuzz_target;
use takeover_sip::digest::{Attempt, Digest, Outcome};
use takeover_sip::directory::Passwords;
use takeover_sip_fuzz::{START, split};

fuzz_target!(|bytes: &[u8]| {
    let mut digest = Digest::new("example.com".into(), [9; 16], 1);
    let values: Vec<&[u8]> = split(bytes, b"\n").collect();
    let passwords = Passwords::new("not to be guessed: 7c2f9b1e");
    for passwords in [Some(&passwords), Some(&Passwords::default()), None] {
        let (source, dn, method) = (IpAddr::from([192, 0, 2, 77]), "1000", &b"REGISTER"[..]);
        let attempt = Attempt { values: &values, method, source, dn, passwords };
        let outcome = digest.check(START, &attempt);
        assert_ne!(outcome, Outcome::Accepted);
    }
    let challenges: Vec<String> = digest.challenge(START.at, true, None).collect();
    assert_eq!(challenges.len(), 2);
});
