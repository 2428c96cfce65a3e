//! A branch: what was written is read, and what is read was written like that.

#![no_main]

use libfuzzer_sys::fuzz_target;
use takeover_sip::branch;

fuzz_target!(|bytes: &[u8]| {
    let mut written = Vec::new();
    if let Some((number, mark)) = branch::read(bytes) {
        branch::write(&mut written, number, mark);
        assert_eq!(written, bytes);
    }
    let Some((number, rest)) = bytes.split_first_chunk::<16>() else { return };
    let Some(mark) = rest.first_chunk::<4>() else { return };
    let made = (u128::from_be_bytes(*number), u32::from_be_bytes(*mark));
    written.clear();
    branch::write(&mut written, made.0, made.1);
    assert_eq!(branch::read(&written), Some(made));
});
