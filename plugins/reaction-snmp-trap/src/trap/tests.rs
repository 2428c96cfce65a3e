//! Traps against the bytes that net-snmp 5.9.3 sends for the same ones: `snmptrap -v 2c -c public
//! MANAGER 100000 1.3.6.1.4.1.32473.1.0.1 1.3.6.1.4.1.32473.1.1.1.0 s a-condition ...`, with its
//! random request id.

use super::*;

/// What the first case sends.
const ORDINARY: &str = "\
    3082010b02010104067075626c6963a781fd02040c27a9620201000201003081ee300f06082b0601\
    020101030043030186a03019060a2b060106030101040100060b2b0601040181fd59010001301b06\
    0c2b0601040181fd5901010100040b612d636f6e646974696f6e3015060c2b0601040181fd590101\
    020004056d616a6f723015060c2b0601040181fd590101030004057369702d613016060c2b060104\
    0181fd59010104000406686f73742d613018060c2b0601040181fd5901010500040830302d303531\
    3530302b060c2b0601040181fd5901010600041b72756e206d6f6465206368616e67656420746f20\
    7072696d6172793016060c2b0601040181fd59010107000406726169736564\
";

/// The largest numbers, and texts that are empty.
const LARGEST: &str = "\
    3081ca02010104067075626c6963a781bc02047fffffff0201000201003081ad301106082b060102\
    01010300430500ffffffff3019060a2b060106030101040100060b2b0601040181fd590100023011\
    060c2b0601040181fd59010101000401783010060c2b0601040181fd590101020004003010060c2b\
    0601040181fd590101030004003010060c2b0601040181fd590101040004003010060c2b06010401\
    81fd590101050004003010060c2b0601040181fd590101060004003010060c2b0601040181fd5901\
    0107000400\
";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn variables(texts: [&str; 7]) -> Vec<(ObjectIdentifier, String)> {
    let name = |number: usize| format!("1.3.6.1.4.1.32473.1.1.{number}.0");
    let binding = |(at, text): (usize, &str)| {
        (ObjectIdentifier::new(&name(at + 1)).unwrap(), text.to_owned())
    };
    texts.into_iter().enumerate().map(binding).collect()
}

#[test]
fn a_trap_is_byte_for_byte_what_net_snmp_sends() {
    let texts = [
        "a-condition",
        "major",
        "sip-a",
        "host-a",
        "00-05150",
        "run mode changed to primary",
        "raised",
    ];
    let trap = Trap {
        community: "public",
        request_id: 0x0c27_a962,
        up_time: 100_000,
        id: ObjectIdentifier::new("1.3.6.1.4.1.32473.1.0.1").unwrap(),
        variables: &variables(texts),
    };
    assert_eq!(hex(&trap.encode().unwrap()), ORDINARY);
}

#[test]
fn large_numbers_stay_positive_and_empty_texts_stay() {
    let trap = Trap {
        community: "public",
        request_id: 0x7fff_ffff,
        up_time: u32::MAX,
        id: ObjectIdentifier::new("1.3.6.1.4.1.32473.1.0.2").unwrap(),
        variables: &variables(["x", "", "", "", "", "", ""]),
    };
    assert_eq!(hex(&trap.encode().unwrap()), LARGEST);
}
