//! A URI: its parts lie in it, and make the same URI again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use takeover_sip::message::{Scheme, Uri};
use takeover_sip_fuzz::place;

fuzz_target!(|bytes: &[u8]| {
    let Some(uri) = Uri::parse(bytes) else { return };
    for part in [uri.user.unwrap_or_default(), uri.host, uri.params, uri.headers] {
        if !part.is_empty() {
            place(bytes, part);
        }
    }
    uri.address();
    uri.is_loose();
    if !matches!(uri.scheme, Scheme::Sip | Scheme::Sips) {
        return;
    }
    assert!(!uri.host.is_empty());
    let mut again = if uri.scheme == Scheme::Sip { b"sip:".to_vec() } else { b"sips:".to_vec() };
    if let Some(user) = uri.user {
        again.extend_from_slice(user);
        again.push(b'@');
    }
    if uri.host.contains(&b':') {
        again.extend([b"[", uri.host, b"]"].concat());
    } else {
        again.extend_from_slice(uri.host);
    }
    if let Some(port) = uri.port {
        again.extend(format!(":{port}").into_bytes());
    }
    again.extend_from_slice(uri.params);
    if !uri.headers.is_empty() {
        again.push(b'?');
        again.extend_from_slice(uri.headers);
    }
    assert_eq!(Uri::parse(&again), Some(uri), "{}", String::from_utf8_lossy(&again));
});
