//! Records that come, change and go, told to a second node.

use super::*;

fn record(since: u64) -> OpenInvite {
    let from = Flow::udp(([10, 0, 0, 1], 5060).into());
    OpenInvite {
        from,
        destination: Some("7001".into()),
        target: "sip:7001@10.0.0.2".into(),
        flow: None,
        invite: Raw::from(&b"INVITE \xff\0\r\n"[..]),
        last_response: None,
        since: Timestamp(since),
    }
}

fn key(n: usize) -> Arc<str> {
    format!("{n}").into()
}

#[test]
fn a_record_follows_its_invite() {
    let (mut open, mut standby) = (OpenInvites::default(), OpenInvites::default());
    open.put(&key(1), record(0));
    open.answered(&key(1), b"SIP/2.0 180 Ringing\r\n\r\n");
    open.answered(&key(2), b"unknown");
    open.put(&key(3), record(5));
    open.remove(&key(3));
    open.remove(&key(3));
    let mut count = 0;
    while let Some(change) = open.poll_change() {
        let line = serde_json::to_string(&change).unwrap();
        standby.apply(serde_json::from_str(&line).unwrap());
        count += 1;
    }
    assert_eq!(count, 4);
    assert!(open == standby);
    let found = standby.get("1").unwrap();
    assert_eq!(&*found.invite.0, b"INVITE \xff\0\r\n");
    assert!(found.last_response.as_ref().unwrap().0.starts_with(b"SIP/2.0 180"));
}

#[test]
fn records_end_by_time_unless_their_call_waits() {
    let mut open = OpenInvites::default();
    open.put(&key(1), record(0));
    open.put(&key(2), record(1));
    open.put(&key(3), record(2));
    let life = u64::try_from(OPEN_INVITE_LIFE_MAX.as_millis()).unwrap();
    open.expire(Timestamp(life - 1), |_| false);
    assert_eq!(open.len(), 3);
    open.expire(Timestamp(life + 1), |key| key == "1");
    let left: Vec<&str> = open.keys().map(|key| &**key).collect();
    assert_eq!(left, ["1", "3"]);
}

#[test]
fn beyond_the_bound_the_oldest_is_dropped() {
    let mut open = OpenInvites::default();
    for n in 0..=OPEN_INVITES_MAX {
        open.put(&key(n), record(u64::try_from(n).unwrap()));
    }
    assert_eq!((open.len(), open.dropped()), (OPEN_INVITES_MAX, 1));
    assert!(open.get("0").is_none() && open.get("1").is_some());
}

#[test]
fn what_is_not_base64_is_refused() {
    serde_json::from_str::<Raw>("\"?\"").unwrap_err();
    assert_eq!(serde_json::from_str::<Raw>("\"QQ==\"").unwrap(), Raw::from(&b"A"[..]));
}
