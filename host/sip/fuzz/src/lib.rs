//! What several targets need: a node with a directory and a clock, and where one slice lies in
//! another.

use std::ops::Range;
use std::sync::LazyLock;

use takeover_logic::component::sip::{ForwardingCall, ForwardingDecision};
use takeover_logic::time::{Instant, Now, Timestamp};
use takeover_sip::branch::Secret;
use takeover_sip::directory::{self, Directory};
use takeover_sip::flow::Flow;
use takeover_sip::node::{Decider, Node, Settings};
use takeover_sip::proxy::Names;
use takeover_sip::standby;

/// A site with a DN that has a password, two that have none, a routing point and a trunk.
const DIRECTORY: &str = r#"
[TServer]
switch = "site1"
sip-address = "10.0.0.9"
dr-peer-trunk = "to-site2"
dr-peer-location = "site2"

[registrar]
realm = "example.com"

[[dn]]
number = "1000"
type = "Extension"
password = "not to be guessed: 7c2f9b1e"

[[dn]]
number = "2000"
type = "Extension"

[[dn]]
number = "3000"
type = "Extension"
contact = "phone.example.net"

[[dn]]
number = "9000"
type = "Routing Point"
default-dn = "2000"

[[dn]]
number = "to-site2"
type = "Trunk"
contact = "10.9.0.9"
prefix = "8"
oos-check = 300
oos-force = 10
"#;

/// The time at which everything begins.
pub const START: Now = Now { instant: Instant(1_000_000_000), at: Timestamp(1_800_000_000_000) };

/// Delivers every call.
pub struct Deliver;

impl Decider for Deliver {
    fn decide(&mut self, _call: &ForwardingCall) -> ForwardingDecision {
        ForwardingDecision::Deliver
    }
}

/// Read once: it takes longer than most inputs.
static SITE: LazyLock<Directory> = LazyLock::new(|| {
    directory::read("sip.toml", DIRECTORY).expect("the directory of the targets").directory
});

/// A node that has not been told its run mode.
pub fn node(standby: Option<standby::Settings>) -> Node {
    let sent_by = ["10.0.0.9:5060", "10.0.0.9:5060", "10.0.0.9:5061"].map(Into::into);
    let key = [9; 16];
    let settings = Settings {
        names: Names::new(sent_by),
        server: "takeover".into(),
        secret: Secret::new(key),
        key,
        machine: 1,
        standby,
        source_rate: 0,
    };
    Node::new(settings, SITE.clone(), START)
}

/// The way to and from a UDP address.
pub fn udp(address: &str) -> Flow {
    Flow::udp(address.parse().expect("an address of the targets"))
}

/// Where `part` lies in `whole`.
///
/// # Panics
/// Where it does not: the finding.
pub fn place(whole: &[u8], part: &[u8]) -> Range<usize> {
    let begin = (part.as_ptr() as usize).checked_sub(whole.as_ptr() as usize);
    let begin = begin.expect("a part that lies before its whole");
    assert!(begin + part.len() <= whole.len(), "a part that lies behind its whole");
    begin..begin + part.len()
}

/// The pieces of `bytes` between copies of `mark`.
pub fn split<'a>(bytes: &'a [u8], mark: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut rest = Some(bytes);
    std::iter::from_fn(move || {
        let whole = rest?;
        match whole.windows(mark.len()).position(|window| window == mark) {
            Some(at) => {
                rest = Some(&whole[at + mark.len()..]);
                Some(&whole[..at])
            }
            None => rest.take(),
        }
    })
}
