//! Against the bytes of the RFCs, field by field.

use super::*;

const MAC: Mac = [0x02, 0, 0, 0, 0, 0x0b];

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_probe_claims_no_address() {
    let expected = [
        "ffffffffffff02000000000b0806", // to everybody, from us, ARP
        "0001080006040001",             // Ethernet, IPv4, 6, 4, request
        "02000000000b00000000",         // sender: us, 0.0.0.0
        "0000000000000a510164",         // target: unknown, 10.81.1.100
    ];
    assert_eq!(hex(&probe(MAC, Ipv4Addr::new(10, 81, 1, 100))), expected.concat());
}

#[test]
fn announcements_come_as_request_and_as_reply() {
    let address = Ipv4Addr::new(10, 81, 1, 100);
    let head = "ffffffffffff02000000000b0806000108000604";
    let request = format!("{head}000102000000000b0a5101640000000000000a510164");
    let reply = format!("{head}000202000000000b0a510164ffffffffffff0a510164");
    assert_eq!(hex(&announcement(Operation::Request, MAC, address)), request);
    assert_eq!(hex(&announcement(Operation::Reply, MAC, address)), reply);
}

#[test]
fn what_is_built_is_read_back_with_and_without_padding() {
    let address = Ipv4Addr::new(192, 0, 2, 7);
    let mut frame = announcement(Operation::Reply, MAC, address).to_vec();
    let packet = parse(&frame).unwrap();
    assert_eq!((packet.sender_mac, packet.sender), (MAC, address));
    frame.resize(60, 0);
    assert_eq!(parse(&frame), Some(packet));
}

#[test]
fn anything_else_is_not_read() {
    let frame = probe(MAC, Ipv4Addr::LOCALHOST);
    for length in 0..frame.len() {
        assert_eq!(parse(&frame[..length]), None, "{length} bytes");
    }
    for (position, value) in [(12, 0x86), (15, 6), (16, 0x86), (18, 8), (21, 3)] {
        let mut other = frame;
        other[position] = value;
        assert_eq!(parse(&other), None, "byte {position} is {value}");
    }
}
