//! A list of Via values: each lies in it, and one that was stamped leads back to its sender.

#![no_main]

use std::net::{IpAddr, SocketAddr};

use libfuzzer_sys::fuzz_target;
use takeover_sip::message::Via;
use takeover_sip::message::edit::{needs_stamp, stamp_via};
use takeover_sip_fuzz::place;

fuzz_target!(|bytes: &[u8]| {
    let source: SocketAddr = "192.0.2.77:4711".parse().expect("an address");
    let mut rest = bytes;
    while let Some((via, more)) = Via::parse(rest) {
        place(rest, via.whole);
        assert!(more.len() < rest.len());
        rest = more;
        via.reply_address();
        let mut stamped = Vec::new();
        stamp_via(&via, source, &mut stamped);
        let text = String::from_utf8_lossy(&stamped);
        let Some((again, behind)) = Via::parse(&stamped) else { panic!("{text}") };
        assert!(behind.is_empty(), "{text}");
        assert_eq!((again.transport, again.host, again.port), (via.transport, via.host, via.port));
        assert_eq!(again.branch, via.branch, "{text}");
        // Whatever it wrote itself, an answer goes to where it came from.
        assert_eq!(again.reply_address().map(|address| address.ip()), Some(source.ip()), "{text}");
        if via.param(b"rport").is_some() {
            assert_eq!(again.reply_address(), Some(source), "{text}");
        }
        if !needs_stamp(&via, source) {
            assert_eq!(takeover_host(via.host), Some(source.ip()));
        }
    }
});

/// The address that a host is.
fn takeover_host(host: &[u8]) -> Option<IpAddr> {
    std::str::from_utf8(host).ok()?.parse().ok()
}
