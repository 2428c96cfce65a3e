//! Calls that wait, and how each way of waiting ends.

use super::*;

fn key(n: usize) -> InviteKey {
    InviteKey(u128::try_from(n).unwrap())
}

fn park(parked: &mut Parked, at: u64, n: usize, dn: &str) -> Result<(), ParkError> {
    let to = Some(Arc::from("7001"));
    let wait = (Duration::from_secs(10), to.as_ref());
    parked.park(Timestamp(at), (key(n), CallKey(0)), &dn.into(), wait)
}

fn tell(from: &mut Parked, to: &mut Parked) {
    while let Some(change) = from.poll_change() {
        let line = serde_json::to_string(&change).unwrap();
        to.apply(serde_json::from_str(&line).unwrap());
    }
    assert!(from == to && from.queues == to.queues && from.deadlines == to.deadlines);
}

#[test]
fn a_call_waits_in_its_place_until_it_is_taken_or_its_time_passes() {
    let (mut parked, mut standby) = (Parked::default(), Parked::default());
    park(&mut parked, 0, 2, "9000").unwrap();
    park(&mut parked, 1, 1, "9000").unwrap();
    park(&mut parked, 2, 3, "9001").unwrap();
    park(&mut parked, 5000, 2, "9000").unwrap();
    tell(&mut parked, &mut standby);
    let order: Vec<InviteKey> = standby.queue("9000").map(|call| call.key).collect();
    assert_eq!(order, [key(2), key(1)], "the longest first; parking again changes nothing");
    assert_eq!(parked.take(key(1)).unwrap().since, Timestamp(1));
    assert_eq!(parked.take(key(1)), None);
    assert_eq!(parked.of_call(CallKey(0)), Some(key(3)), "the latest of the call");
    assert_eq!(parked.take_due(Timestamp(9_999)), None);
    tell(&mut parked, &mut standby);
    let due = standby.take_due(Timestamp(10_000)).unwrap();
    assert_eq!((due.key, due.default_dn), (key(2), Some("7001".into())), "it took over");
    assert_eq!(standby.take_due(Timestamp(10_000)), None);
    assert_eq!(standby.deadline(), Some(Timestamp(10_002)));
    assert_eq!((standby.waiting("9000"), standby.waiting("9001"), standby.len()), (0, 1, 1));
}

#[test]
fn bounds_hold() {
    let mut parked = Parked::default();
    for n in 0..PARKED_MAX {
        let dn = (n / PARKED_PER_DN_MAX).to_string();
        park(&mut parked, 0, n, &dn).unwrap();
        if n + 1 == PARKED_PER_DN_MAX {
            assert_eq!(park(&mut parked, 0, PARKED_MAX, &dn), Err(ParkError::DnFull));
        }
    }
    assert_eq!(park(&mut parked, 0, PARKED_MAX, "new"), Err(ParkError::Full));
}
