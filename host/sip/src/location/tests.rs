//! Telephones that come, stay, move and go, and a second node that is told.

use std::net::SocketAddr;

use proptest::prelude::*;

use super::*;
use crate::flow::Transport;

fn limits() -> Registrar {
    Registrar { realm: None, expires_min_s: 60, expires_default_s: 600, expires_max_s: 3600 }
}

fn flow(port: u16, connection: Option<u64>) -> Flow {
    let remote = SocketAddr::from(([10, 0, 0, 1], port));
    let transport = if connection.is_some() { Transport::Tls } else { Transport::Udp };
    Flow { transport, remote, connection: connection.map(ConnectionId) }
}

fn contact(uri: &str, q: u16, expires_s: Option<u32>) -> NewContact<'_> {
    NewContact { contact: uri, identity: identity(&[uri.as_bytes()]), q, expires_s }
}

struct Phone {
    dn: Arc<str>,
    call_id: &'static [u8],
    flow: Flow,
}

impl Phone {
    fn new(dn: &str) -> Phone {
        Phone { dn: dn.into(), call_id: b"call", flow: flow(5060, None) }
    }

    fn send(
        &self,
        location: &mut Location,
        (at, cseq): (u64, u32),
        wish: Wish<'_>,
    ) -> Result<(), RegisterError> {
        let (dn, call_id) = (&self.dn, self.call_id);
        let register = Register { dn, call_id, cseq, flow: self.flow, path: None, wish };
        location.register(Timestamp(at), &register)
    }

    fn contacts<'l>(&self, location: &'l Location, at: u64) -> Vec<&'l str> {
        location.lookup(&self.dn, Timestamp(at)).map(|b| &*b.contact).collect()
    }
}

/// Lets the second node hear everything that the first one has to tell.
fn tell(from: &mut Location, to: &mut Location) -> usize {
    let mut count = 0;
    while let Some(change) = from.poll_change() {
        let line = serde_json::to_string(&change).unwrap();
        to.apply(serde_json::from_str(&line).unwrap());
        count += 1;
    }
    assert!(from == to, "the tables differ");
    count
}

#[test]
fn a_telephone_registers_refreshes_and_leaves() {
    let mut location = Location::new(limits());
    let phone = Phone::new("7001");
    phone.send(&mut location, (0, 1), Wish::Update(&[contact("a", 1000, Some(100))])).unwrap();
    phone.send(&mut location, (50_000, 2), Wish::Update(&[contact("a", 1000, None)])).unwrap();
    let binding = location.lookup("7001", Timestamp(100_000)).next().unwrap();
    assert_eq!(binding.expires, Timestamp(650_000), "the default");
    phone
        .send(&mut location, (50_000, 3), Wish::Update(&[contact("a", 1000, Some(90_000))]))
        .unwrap();
    assert_eq!(phone.contacts(&location, 3_649_999), ["a"], "cut to the maximum");
    assert_eq!(phone.contacts(&location, 3_650_000), [""; 0]);
    phone.send(&mut location, (60_000, 4), Wish::Update(&[contact("a", 1000, Some(0))])).unwrap();
    assert!(location.is_empty());
}

#[test]
fn a_brief_interval_is_refused_and_nothing_of_the_request_is_taken() {
    let mut location = Location::new(limits());
    let phone = Phone::new("7001");
    let wish = [contact("a", 1000, Some(100)), contact("b", 1000, Some(59))];
    let refused = RegisterError::IntervalTooBrief { found_s: 59, min_s: 60 };
    assert_eq!(phone.send(&mut location, (0, 1), Wish::Update(&wish)), Err(refused));
    assert!(location.is_empty());
    assert_eq!(location.poll_change(), None);
}

#[test]
fn contacts_are_tried_by_q_and_then_the_newest() {
    let mut location = Location::new(limits());
    let phone = Phone::new("7001");
    let wish = [contact("low", 100, None), contact("high", 900, None), contact("mid", 500, None)];
    phone.send(&mut location, (0, 1), Wish::Update(&wish)).unwrap();
    phone.send(&mut location, (1, 2), Wish::Update(&[contact("new", 500, None)])).unwrap();
    assert_eq!(phone.contacts(&location, 2), ["high", "new", "mid", "low"]);
}

#[test]
fn an_older_request_of_the_same_telephone_is_refused_and_a_repeated_one_changes_nothing() {
    let mut location = Location::new(limits());
    let phone = Phone::new("7001");
    phone.send(&mut location, (0, 5), Wish::Update(&[contact("a", 1000, None)])).unwrap();
    let late = phone.send(&mut location, (9, 4), Wish::Update(&[contact("a", 1000, Some(0))]));
    assert_eq!(late, Err(RegisterError::OutOfOrder { found: 4, last: 5 }));
    let late = phone.send(&mut location, (9, 4), Wish::RemoveAll);
    assert_eq!(late, Err(RegisterError::OutOfOrder { found: 4, last: 5 }));
    while location.poll_change().is_some() {}
    phone.send(&mut location, (9, 5), Wish::Update(&[contact("a", 1000, None)])).unwrap();
    assert_eq!(location.poll_change(), None);
    let restarted = Phone { call_id: b"other", ..Phone::new("7001") };
    restarted.send(&mut location, (9, 1), Wish::Update(&[contact("a", 1000, None)])).unwrap();
    restarted.send(&mut location, (10, 2), Wish::RemoveAll).unwrap();
    assert!(location.is_empty());
}

#[test]
fn a_lost_connection_is_marked_and_repaired_by_the_next_registration() {
    let mut location = Location::new(limits());
    let phone = Phone { flow: flow(1, Some(7)), ..Phone::new("7001") };
    let desk = Phone { call_id: b"desk", ..Phone::new("7001") };
    phone.send(&mut location, (0, 1), Wish::Update(&[contact("tls", 1000, None)])).unwrap();
    desk.send(&mut location, (1, 1), Wish::Update(&[contact("udp", 500, None)])).unwrap();
    assert_eq!(phone.contacts(&location, 2), ["tls", "udp"]);
    location.connection_closed(ConnectionId(7));
    location.connection_closed(ConnectionId(8));
    assert_eq!(phone.contacts(&location, 2), ["udp", "tls"], "what is lost comes last");
    let lost: Vec<bool> = location.lookup("7001", Timestamp(2)).map(|b| b.flow_lost).collect();
    assert_eq!(lost, [false, true]);
    let again = Phone { flow: flow(1, Some(9)), ..Phone::new("7001") };
    again.send(&mut location, (3, 2), Wish::Update(&[contact("tls", 1000, None)])).unwrap();
    assert_eq!(phone.contacts(&location, 4), ["tls", "udp"]);
    let mut standby = Location::new(limits());
    tell(&mut location, &mut standby);
    standby.take_over();
    assert_eq!(phone.contacts(&standby, 4), ["udp", "tls"], "connections end with their node");
}

#[test]
fn only_who_serves_lets_contacts_end() {
    let (mut location, mut standby) = (Location::new(limits()), Location::new(limits()));
    let phone = Phone::new("7001");
    let wish = [contact("a", 1000, Some(60)), contact("b", 1000, Some(120))];
    phone.send(&mut location, (0, 1), Wish::Update(&wish)).unwrap();
    tell(&mut location, &mut standby);
    assert_eq!(standby.deadline(), Some(Timestamp(60_000)));
    assert_eq!((standby.len(), phone.contacts(&standby, 70_000).len()), (1, 1));
    let mut gone = Vec::new();
    location.expire(Timestamp(59_999), &mut gone);
    assert_eq!(tell(&mut location, &mut standby), 0);
    location.expire(Timestamp(60_000), &mut gone);
    assert_eq!((tell(&mut location, &mut standby), gone.len()), (1, 0));
    assert_eq!(location.deadline(), Some(Timestamp(120_000)));
    standby.expire(Timestamp(500_000), &mut gone);
    assert_eq!(gone, [Arc::from("7001")], "it took over");
    assert!(standby.is_empty() && standby.deadline().is_none());
}

#[test]
fn bounds_hold() {
    let mut location = Location::new(limits());
    let names: Vec<String> = (0..=BINDINGS_PER_DN_MAX).map(|n| format!("c{n}")).collect();
    let wish: Vec<NewContact<'_>> = names.iter().map(|n| contact(n, 1, None)).collect();
    let phone = Phone::new("7001");
    let full = phone.send(&mut location, (0, 1), Wish::Update(&wish));
    assert_eq!(full, Err(RegisterError::TooManyContacts));
    let long = "x".repeat(BINDING_TEXT_BYTES_MAX + 1);
    let refused = phone.send(&mut location, (0, 1), Wish::Update(&[contact(&long, 1, None)]));
    assert_eq!(refused, Err(RegisterError::TooLong(BINDING_TEXT_BYTES_MAX + 1)));
    for n in 0..REGISTERED_DNS_MAX {
        let phone = Phone::new(&n.to_string());
        phone.send(&mut location, (0, 1), Wish::Update(&[contact("a", 1, None)])).unwrap();
    }
    let one_more = phone.send(&mut location, (0, 1), Wish::Update(&[contact("a", 1, None)]));
    assert_eq!(one_more, Ok(()), "7001 is among them");
    let one_more = Phone::new("new").send(&mut location, (0, 1), Wish::Update(&wish[..1]));
    assert_eq!(one_more, Err(RegisterError::TooManyDns));
}

#[test]
fn coming_and_going_does_not_fill_the_queue() {
    let mut location = Location::new(limits());
    let phone = Phone::new("7001");
    for n in 0..5000_u32 {
        let expires = if n % 2 == 0 { 600 } else { 0 };
        let wish = [contact("a", 1000, Some(expires))];
        phone.send(&mut location, (u64::from(n), n + 1), Wish::Update(&wish)).unwrap();
    }
    assert!(location.queue.len() <= QUEUE_SLACK + 2, "{}", location.queue.len());
}

#[test]
fn a_binding_stays_small() {
    assert!(size_of::<Binding>() <= 160, "{}", size_of::<Binding>());
}

/// What may happen, each to one of a few DNs.
fn any_step() -> impl Strategy<Value = (u8, u8, u8, u16)> {
    (0..4_u8, 0..3_u8, 0..6_u8, 0..300_u16)
}

proptest! {
    /// After any course, told in full, both tables are equal, and nothing outlives its time.
    #[test]
    fn the_second_node_knows_the_same(steps in prop::collection::vec(any_step(), 1..60)) {
        let (mut location, mut standby) = (Location::new(limits()), Location::new(limits()));
        let (mut at, mut gone) = (0_u64, Vec::new());
        for (cseq, (dn, which, what, wait_s)) in (1_u32..).zip(steps) {
            at += u64::from(wait_s) * 1000;
            let connection = (what == 1).then_some(u64::from(which));
            let mut phone = Phone::new(&format!("70{dn}"));
            phone.flow = flow(5060 + u16::from(which), connection);
            let uri = format!("c{which}");
            let expires = if what == 3 { 0 } else { 60 + u32::from(wait_s) };
            let wish = [contact(&uri, 100 * u16::from(what), Some(expires))];
            match what {
                0 => location.connection_closed(ConnectionId(u64::from(which))),
                4 => phone.send(&mut location, (at, cseq), Wish::RemoveAll).unwrap(),
                _ => phone.send(&mut location, (at, cseq), Wish::Update(&wish)).unwrap(),
            }
            location.expire(Timestamp(at), &mut gone);
            prop_assert!(location.deadline().is_none_or(|due| due > Timestamp(at)));
            for dn in location.dns() {
                prop_assert!(location.is_registered(dn, Timestamp(at)));
            }
            tell(&mut location, &mut standby);
        }
        location.expire(Timestamp(at + 4_000_000), &mut gone);
        tell(&mut location, &mut standby);
        prop_assert!(location.is_empty() && location.connections.is_empty());
        prop_assert!(standby.connections.is_empty());
    }
}
