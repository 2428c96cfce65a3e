//! What the calls of cases have in common: where a case says nothing, it is this.

use std::net::{IpAddr, Ipv4Addr};

use takeover_logic::component::{AlarmCall, Category, Phase, VipBinding, VipOrder};
use takeover_logic::ids::Term;
use takeover_logic::link::Release;
use takeover_logic::log_event::{EventId, Level, LogEvent};
use takeover_logic::time::Timestamp;

/// An alarm about an application, with a fixed value for everything else.
pub fn alarm(application: &str) -> AlarmCall {
    AlarmCall {
        condition: "a-condition".into(),
        category: Category::Major,
        application: application.into(),
        host: Some("host-a".into()),
        event: LogEvent {
            id: EventId::new(0, 5150),
            level: Level::Standard,
            text: "run mode changed to primary".into(),
            application: Some(application.into()),
            application_type: Some("sip-server".into()),
            host: Some("host-a".into()),
            at: Timestamp(1_700_000_000_000),
            attributes: Vec::new(),
        },
        phase: Phase::Raised,
        repeats: 0,
        test: false,
    }
}

/// The virtual IP of every case: 192.0.2.10/24 on eth0 of host-b.
pub fn binding() -> VipBinding {
    VipBinding {
        name: "sip-vip".into(),
        address: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 10)),
        prefix: 24,
        network_interface: "eth0".into(),
        port: Some(5060),
        probe_interval_ms: 50,
        host: "host-b".into(),
        other_hosts: vec!["host-a".into()],
        options: Vec::new(),
    }
}

/// An order about [`binding`], of term 7.
pub fn order(release: Release, time_left_ms: u32) -> VipOrder {
    VipOrder { binding: binding(), term: Term(7), release, time_left_ms }
}
