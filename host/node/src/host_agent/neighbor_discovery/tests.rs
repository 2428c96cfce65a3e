//! Against the bytes of RFC 4861, field by field.

use super::*;

const MAC: Mac = [0x02, 0, 0, 0, 0, 0x0b];

fn address() -> Ipv6Addr {
    "fd81:1::1:2:aabb:ccdd".parse().unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_solicitation_names_target_and_sender() {
    let expected = [
        "8700000000000000", // type 135, code 0, checksum by the kernel, reserved
        "fd8100010000000000010002aabbccdd", // target
        "010102000000000b", // option 1, 8 bytes: source link-layer address
    ];
    assert_eq!(hex(&solicitation(MAC, address())), expected.concat());
}

#[test]
fn an_unsolicited_advertisement_overrides_caches() {
    let expected = [
        "8800000020000000",                 // type 136, flag O, not S
        "fd8100010000000000010002aabbccdd", // target
        "020102000000000b",                 // option 2, 8 bytes: target link-layer address
    ];
    assert_eq!(hex(&unsolicited_advertisement(MAC, address())), expected.concat());
}

#[test]
fn solicitations_go_to_the_group_of_the_last_three_bytes() {
    assert_eq!(solicited_node(address()).to_string(), "ff02::1:ffbb:ccdd");
}

#[test]
fn an_advertisement_is_read_with_and_without_its_option() {
    let message = unsolicited_advertisement(MAC, address());
    let read = Advertisement { target: address(), mac: Some(MAC) };
    assert_eq!(parse(&message), Some(read));
    assert_eq!(parse(&message[..24]), Some(Advertisement { mac: None, ..read }));
}

#[test]
fn anything_else_is_not_read_and_ends() {
    let message = unsolicited_advertisement(MAC, address());
    for length in 0..24 {
        assert_eq!(parse(&message[..length]), None, "{length} bytes");
    }
    let mut endless = message.to_vec();
    endless[25] = 0;
    assert!(parse(&endless).is_some_and(|read| read.mac.is_none()));
    assert_eq!(parse(&solicitation(MAC, address())), None);
}
