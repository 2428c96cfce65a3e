//! A list of addresses: each lies in it, behind the one before, and reads alone as it did there.

#![no_main]

use libfuzzer_sys::fuzz_target;
use takeover_sip::message::Address;
use takeover_sip_fuzz::place;

fuzz_target!(|bytes: &[u8]| {
    let mut at = 0;
    for address in Address::list(bytes) {
        let whole = place(bytes, address.whole);
        assert!(at <= whole.start && !whole.is_empty());
        at = whole.end;
        place(address.whole, address.uri);
        if !address.params.is_empty() {
            place(bytes, address.params);
        }
        address.param(b"tag");
        let Some((alone, rest)) = Address::parse(address.whole) else {
            panic!("not readable alone: {}", String::from_utf8_lossy(address.whole));
        };
        assert_eq!((alone.uri, alone.whole), (address.uri, address.whole));
        assert_eq!(alone.params.trim_ascii(), address.params.trim_ascii());
        assert!(rest.is_empty());
        if let Some(uri) = address.parts() {
            uri.address();
        }
    }
});
