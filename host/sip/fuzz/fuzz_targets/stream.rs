//! Bytes of a connection: pieces are never longer than what there is, and do not depend on how the
//! bytes arrive.

#![no_main]

use libfuzzer_sys::fuzz_target;
use takeover_sip::message::Message;
use takeover_sip::message::stream::{Piece, next};

fuzz_target!(|bytes: &[u8]| {
    let mut rest = bytes;
    while !rest.is_empty() {
        match next(rest) {
            Ok(Piece::Message(length)) => {
                assert!(0 < length && length <= rest.len());
                let (whole, behind) = rest.split_at(length);
                assert_eq!(next(whole), Ok(Piece::Message(length)), "alone");
                for part in [length / 2, length - 1] {
                    let early = next(&whole[..part]);
                    assert!(!matches!(early, Ok(Piece::Message(_))), "{part} of {length} bytes");
                }
                let message = Message::scan(whole).expect("what was framed is a message");
                let body = message.position(message.body()).expect("a body in its message");
                if message.fault().is_none() {
                    assert_eq!(body.end, length);
                }
                rest = behind;
            }
            Ok(Piece::KeepAlive { skip, .. }) => {
                assert!(0 < skip && skip <= rest.len());
                rest = &rest[skip..];
            }
            Ok(Piece::More) | Err(_) => return,
        }
    }
});
