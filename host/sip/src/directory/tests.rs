//! Files that are right, files that are wrong, and changes at run time.

use expect_test::{Expect, expect};

use super::*;

/// A pair of sites as the guide deploys it.
const SITE: &str = r#"
[TServer]
switch = "SW_1"
sip-port = 5060
sip-address = "10.0.0.100"
sip-pass-check = true
dr-forward = "no-agent"
dr-peer-trunk = "TRUNK_S2"
dr-peer-location = "SW_2"
default-dn = "7001"
enforce-external-domains = "sip.s1.example, sip.s2.example"

[extrouter]
cof-feature = true
default-network-call-id-matching = "sip"

[backup-sync]
protocol = "addp"
sync-reconnect-tout = "20 sec"
addp-timeout = "5"
addp-remote-timeout = 5
addp-trace = "off"
network-latency = "50 msec"

[[dn]]
number = "7001"
type = "Extension"
password = "secret"

[[dn]]
number = "7002"
type = "acd-position"
dr-forward = "oos"

[[dn]]
number = "9000"
type = "Routing Point"
router-timeout = "15 sec"

[[dn]]
number = "TRUNK_S2"
type = "Trunk"
contact = "sip.s2.example"
prefix = "+882"
oos-check = 10
oos-force = 5

[[dn]]
number = "GATEWAY"
type = "Trunk"
contact = "gw.example:5070"
prefix = "0"
priority = 2

[[dn]]
number = "GATEWAY_2"
type = "Trunk"
contact = "gw2.example"
prefix = "0"
priority = 1

[[dn]]
number = "ABROAD"
type = "Trunk"
contact = "sip:[2001:db8::1]:5060;transport=tcp"
prefix = "00"

[[dn]]
number = "SOFTSWITCH"
type = "Voice over IP Service"
service-type = "softswitch"
contact = "10.0.0.9:5060"
oos-check = 30
oos-force = 4
"#;

fn site() -> Directory {
    read("sip.toml", SITE).unwrap().directory
}

/// What is said about [`SITE`] with one text in it replaced by another.
fn check(from: &str, to: &str, expected: Expect) {
    assert!(SITE.contains(from), "{from} is not in the file");
    let text = match read("sip.toml", &SITE.replacen(from, to, 1)) {
        Ok(loaded) => loaded.notices.iter().map(|notice| format!("notice {notice}\n")).collect(),
        Err(errors) => errors.iter().map(|error| format!("{error}\n")).collect::<String>(),
    };
    expected.assert_eq(&text);
}

#[test]
fn the_guides_deployment_has_nothing_to_say_about() {
    check("[TServer]", "[TServer]", expect![[""]]);
    let directory = site();
    assert_eq!(directory.peer_trunk().unwrap().prefix.as_deref(), Some("+882"));
    assert_eq!(directory.softswitch().unwrap().number.as_ref(), "SOFTSWITCH");
    assert_eq!(directory.realm().as_ref(), "SW_1");
    assert_eq!(directory.traffic_timeout(), Some(Duration::from_secs(34)));
    assert_eq!(directory.application().backup_sync.addp_timeout, Duration::from_secs(5));
    let forward = |number| directory.dr_forward(directory.dn(number).unwrap());
    assert_eq!((forward("7001"), forward("7002")), (DrForward::NoAgent, DrForward::Oos));
    let (wait, to) = directory.default_routing(directory.dn("9000").unwrap());
    assert_eq!((wait, to.unwrap().as_ref()), (Duration::from_secs(15), "7001"));
}

#[test]
fn a_number_leads_to_its_dn_or_through_the_longest_prefix() {
    let directory = site();
    let lead = |number: &str| match directory.destination(number) {
        Destination::Dn(dn) => vec![dn.number.to_string()],
        Destination::Trunks(trunks) => trunks.iter().map(|dn| dn.number.to_string()).collect(),
        Destination::Unknown => Vec::new(),
    };
    assert_eq!(lead("7001"), ["7001"]);
    assert_eq!(lead("9000"), ["9000"]);
    assert_eq!(lead("0301234"), ["GATEWAY_2", "GATEWAY"], "lowest priority first");
    assert_eq!(lead("00491"), ["ABROAD"]);
    assert_eq!(lead("+8827001"), ["TRUNK_S2"]);
    for number in ["7003", "", "TRUNK_S2", "SOFTSWITCH", "\u{e9}7"] {
        assert_eq!(lead(number), [""; 0], "{number}");
    }
}

#[test]
fn errors_name_line_key_found_allowed_and_nearest() {
    check(
        "sip-port = 5060",
        "sip-port = 0",
        expect![[r#"
        sip.toml:4: TServer: sip-port: found 0, allowed: a port from 1 to 65535
    "#]],
    );
    check(
        "sip-port",
        "sip-prot",
        expect![[r#"
        sip.toml:4: TServer: sip-prot: found an option that is not known, allowed: switch, sip-port, sip-address, sip-pass-check, dr-forward, dr-peer-trunk, dr-peer-location, shutdown-sip-reject-code, shutdown-sip-reject-phrase, router-timeout, default-dn, enforce-external-domains; nearest: sip-port
    "#]],
    );
    check(
        "[extrouter]",
        "[extruoter]",
        expect![[r#"
            sip.toml:13: extruoter: found a table, allowed: the tables TServer, extrouter, backup-sync, registrar, nlb, and a list of tables dn; nearest: extrouter
        "#]],
    );
    check(
        "type = \"Trunk\"",
        "type = \"Trank\"",
        expect![[r#"
        sip.toml:42: dn: type: found "Trank", allowed: Extension, ACD Position, ACD Queue, Call Processing Port, Trunk, Routing Point, Voice over IP Service
    "#]],
    );
    check(
        "number = \"7002\"",
        "number = \"7001\"",
        expect![[r#"
        sip.toml:30: dn "7001": found dn "7001" again, first at sip.toml:25, allowed: each number once
    "#]],
    );
    check(
        "dr-forward = \"oos\"",
        "prefix = \"1\"",
        expect![[r#"
        sip.toml:33: dn "7002": prefix: found the option of a DN of type ACD Position, allowed: only for Trunk
    "#]],
    );
    check(
        "number = \"7002\"\n",
        "",
        expect![[r#"
        sip.toml:30: dn: number: found nothing, allowed: a number or a name
    "#]],
    );
    check(
        "password = \"secret\"",
        "ha1-md5 = \"secret\"",
        expect![[r#"
        sip.toml:28: dn "7001": ha1-md5: found a value that is not shown, allowed: 32 hexadecimal digits
    "#]],
    );
    check(
        "[[dn]]",
        "[[dn]",
        expect![[r#"
        sip.toml:25: found nothing that continues here, allowed: TOML (unclosed array table, expected `]`)
    "#]],
    );
}

#[test]
fn what_does_not_go_together_is_refused() {
    check(
        "sip-address = \"10.0.0.100\"",
        "",
        expect![[r#"
        notice sip.toml:1: TServer: sip-address: is not set: messages name the address they arrived at, which is wrong behind a virtual IP
    "#]],
    );
    check(
        "addp-timeout = \"5\"",
        "addp-timeout = \"11\"",
        expect![[r#"
        sip.toml:19: backup-sync: sync-reconnect-tout: found 20s, allowed: at least 22.05s: twice addp-timeout, and network-latency
    "#]],
    );
    check(
        "\"50 msec\"",
        "\"3 sec\"",
        expect![[r#"
        sip.toml:20: backup-sync: addp-timeout: found 5s, allowed: at least 6s, twice network-latency
        sip.toml:21: backup-sync: addp-remote-timeout: found 5s, allowed: at least 6s, twice network-latency
    "#]],
    );
    check(
        "protocol = \"addp\"",
        "",
        expect![[r#"
        notice sip.toml:20: backup-sync: addp-timeout: has no effect: protocol is not addp
        notice sip.toml:21: backup-sync: addp-remote-timeout: has no effect: protocol is not addp
    "#]],
    );
    check(
        "TRUNK_S2\"",
        "7001\"",
        expect![[r#"
        sip.toml:8: TServer: dr-peer-trunk: found "7001", of type Extension, allowed: the name of a Trunk DN
    "#]],
    );
    check(
        "\"SW_2\"",
        "\"SW_1\"",
        expect![[r#"
        sip.toml:9: TServer: dr-peer-location: found "SW_1", this switch, allowed: the switch of the other site
    "#]],
    );
    check(
        "oos-check = 10",
        "auto-redirect-enabled = true",
        expect![[r#"
        sip.toml:40: dn "TRUNK_S2": oos-check: found nothing, allowed: 1 second or more: dr-peer-trunk must be checked
        sip.toml:45: dn "TRUNK_S2": auto-redirect-enabled: found the option on dr-peer-trunk, allowed: nothing
    "#]],
    );
    check(
        "\"+882\"",
        "\"70\"",
        expect![[r#"
        sip.toml:44: dn "TRUNK_S2": prefix: found "70", which Extension "7001" has too, allowed: a prefix of its own that no number begins with
    "#]],
    );
    check(
        "default-dn = \"7001\"",
        "default-dn = \"5\"",
        expect![[r#"
        sip.toml:10: TServer: default-dn: found "5", allowed: the number of a DN, or one that a trunk's prefix leads to
    "#]],
    );
    check(
        "password",
        "phone-profile = \"bria\"\npassword",
        expect![[r#"
        notice sip.toml:28: dn "7001": phone-profile: registers at one site at a time: dr-forward should be oos
    "#]],
    );
    check(
        "[extrouter]",
        "[nlb]\nport-range = \"1-99\"\naffinity = \"some\"\n[extrouter]",
        expect![[r#"
        sip.toml:15: nlb: affinity: found "some", allowed: none or single
    "#]],
    );
    check(
        "[extrouter]",
        "[nlb]\nport-range = \"1-99\"\n[extrouter]",
        expect![[r#"
        sip.toml:14: nlb: port-range: found 1-99, allowed: a range with sip-port (5060)
    "#]],
    );
    check(
        "dr-peer-trunk = \"TRUNK_S2\"",
        "shutdown-sip-reject-code = 302",
        expect![[r#"
        notice sip.toml:7: TServer: dr-forward: has no effect: dr-peer-trunk is not set
        notice sip.toml:8: TServer: shutdown-sip-reject-code: redirects to the peer, but dr-peer-trunk is not set: 603 is sent
    "#]],
    );
    check("oos-check = 30\noos-force = 4", "", expect![[""]]);
}

#[test]
fn traffic_is_watched_only_where_a_service_is_checked() {
    let text = "[TServer]\nswitch = \"SW_1\"\nsip-address = \"10.0.0.1\"\nsip-pass-check = true\n";
    let loaded = read("sip.toml", text).unwrap();
    assert_eq!(loaded.directory.traffic_timeout(), None);
    let notices: String = loaded.notices.iter().map(ToString::to_string).collect();
    expect![
        "sip.toml:4: TServer: sip-pass-check: has no effect: no DN has both oos-check and oos-force"
    ]
    .assert_eq(&notices);
}

#[test]
fn options_change_at_run_time_or_say_why_not() {
    let mut directory = site();
    let mut set = |dn, name, value| match directory.set(dn, name, value) {
        Ok(effect) => effect.words().to_owned(),
        Err(error) => error.to_string(),
    };
    let script = [
        (None, "dr-forward", "oos"),
        (None, "dr-forward", "never"),
        (None, "dr-froward", "oos"),
        (None, "sip-port", "5070"),
        (None, "dr-peer-trunk", "GATEWAY"),
        (None, "dr-peer-trunk", "NULL"),
        (None, "protocol", "default"),
        (Some("7001"), "dr-forward", "off"),
        (Some("7001"), "prefix", "1"),
        (Some("7001"), "ha1-md5", "secret"),
        (Some("7009"), "dr-forward", "off"),
        (Some("GATEWAY"), "priority", "0"),
    ];
    let said: String = script
        .iter()
        .map(|(dn, name, value)| format!("{name}={value}: {}\n", set(*dn, name, value)))
        .collect();
    expect![[r#"
        dr-forward=oos: immediately
        dr-forward=never: option dr-forward: found "never", allowed: off, no-agent or oos
        dr-froward=oos: option dr-froward: not known; nearest: dr-forward
        sip-port=5070: option sip-port: takes effect at a restart, so it can not be changed while the node runs
        dr-peer-trunk=GATEWAY: option oos-check: found nothing, allowed: 1 second or more: dr-peer-trunk must be checked
        dr-peer-trunk=NULL: immediately
        protocol=default: at the next connection
        dr-forward=off: immediately
        prefix=1: option prefix: a DN of type Extension does not have it
        ha1-md5=secret: option ha1-md5: found a value that is not shown, allowed: 32 hexadecimal digits
        dr-forward=off: option of dn "7009": there is no such dn
        priority=0: immediately
    "#]].assert_eq(&said);
    assert_eq!(directory.dr_forward(directory.dn("7001").unwrap()), DrForward::Off);
    assert_eq!(directory.dr_forward(directory.dn("9000").unwrap()), DrForward::Oos);
    assert_eq!(directory.application().dr_peer_trunk, None);
    assert_eq!(directory.peer_trunk(), None);
    directory.set(None, "dr-peer-trunk", "TRUNK_S2").unwrap();
    directory.set(None, "dr-peer-trunk", "7001").unwrap_err();
    assert_eq!(directory.peer_trunk().unwrap().number.as_ref(), "TRUNK_S2");
    let Destination::Trunks(trunks) = directory.destination("01") else { panic!("no trunk") };
    assert_eq!(trunks[0].number.as_ref(), "GATEWAY");
    let before = directory.clone();
    directory.set(Some("GATEWAY"), "prefix", "").unwrap_err();
    assert_eq!(directory, before, "nothing changed where it was refused");
}

#[test]
fn both_nodes_of_a_pair_must_agree() {
    let other = SITE.replacen("5060", "5070", 1).replacen("10.0.0.100", "10.0.0.101", 1);
    let other = read("sip.toml", &other).unwrap().directory;
    let names: Vec<&str> = site().differences(&other).iter().map(|(name, ..)| *name).collect();
    assert_eq!(names, ["sip-port", "sip-address"]);
    assert_eq!(site().differences(&site()), []);
}

#[test]
fn the_reference_has_every_option_once() {
    let page = keys::reference();
    let count = keys::APPLICATION.iter().map(|(_, keys)| keys.len()).sum::<usize>();
    assert_eq!(page.matches("\n| `").count(), count + keys::DN.len());
}

#[test]
fn the_page_of_the_directory_is_the_one_made_from_the_tables() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/generated/sip-directory.md");
    let made = format!(
        "# The directory of a SIP node\n\n\
         Made from `host/sip/src/directory/keys.rs`; do not edit. `UPDATE_EXPECT=1 cargo test -p\n\
         takeover-sip --lib directory` makes it again.\n\n\
         One file in TOML: the options of the application by section, under the guide's names, and \
         a\n`[[dn]]` for each directory number. A file with an error is refused whole, with every \
         error in it.\n\n{}\n",
        keys::reference().trim_end()
    );
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(path, &made).unwrap();
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    assert!(found == made, "sip-directory.md is old: run this test with UPDATE_EXPECT=1");
}
