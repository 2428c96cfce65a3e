//! The order in which services and hosts are to be tried.

use hickory_resolver::proto::rr::rdata::{NAPTR, SRV};
use takeover_sip::flow::Transport;

/// The transport that a NAPTR record is about, where it leads to SRV records (RFC 3263 section
/// 4.1).
pub(super) fn transport_of(record: &NAPTR) -> Option<Transport> {
    if !record.flags.eq_ignore_ascii_case(b"s") || record.replacement.is_root() {
        return None;
    }
    let services = [
        (&b"SIP+D2U"[..], Transport::Udp),
        (b"SIP+D2T", Transport::Tcp),
        (b"SIPS+D2T", Transport::Tls),
    ];
    let is_it = |(name, _): &(&[u8], Transport)| record.services.eq_ignore_ascii_case(name);
    services.into_iter().find(is_it).map(|(_, transport)| transport)
}

/// By priority, and within one at random by weight (RFC 2782). `random` gives a number below the
/// one that it is given.
pub(super) fn by_weight(mut records: Vec<SRV>, random: impl Fn(u32) -> u32) -> Vec<SRV> {
    // Those of weight 0 come first, so that they are chosen but seldom.
    records.sort_by_key(|record| (record.priority, record.weight));
    let mut ordered = Vec::with_capacity(records.len());
    while let Some(priority) = records.first().map(|record| record.priority) {
        let same = records.iter().take_while(|record| record.priority == priority);
        let sum: u32 = same.clone().map(|record| u32::from(record.weight)).sum();
        let chosen = random(sum.saturating_add(1));
        let mut running = 0;
        let index = same
            .map(|record| {
                running += u32::from(record.weight);
                running
            })
            .position(|running| running >= chosen);
        ordered.push(records.remove(index.unwrap_or(0)));
    }
    ordered
}

#[cfg(test)]
mod tests {
    use hickory_resolver::proto::rr::Name;

    use super::*;

    fn srv(priority: u16, weight: u16, port: u16) -> SRV {
        SRV::new(priority, weight, port, Name::from_ascii("host.example.").unwrap())
    }

    fn ports(records: &[SRV]) -> Vec<u16> {
        records.iter().map(|record| record.port).collect()
    }

    #[test]
    fn priorities_come_in_order_and_weights_share() {
        let records = vec![srv(20, 0, 3), srv(10, 60, 1), srv(10, 20, 2), srv(10, 0, 4)];
        let lowest = by_weight(records.clone(), |_| 0);
        assert_eq!(ports(&lowest), [4, 2, 1, 3]);
        let highest = by_weight(records.clone(), |bound| bound - 1);
        assert_eq!(ports(&highest), [1, 2, 4, 3]);
        // Every number of the first draw: three quarters begin with the heavy one.
        let firsts: Vec<u16> = (0..=80)
            .map(|chosen| {
                by_weight(records.clone(), |bound| if bound == 81 { chosen } else { 0 })[0].port
            })
            .collect();
        let count = |port| firsts.iter().filter(|first| **first == port).count();
        assert_eq!((count(1), count(2), count(4)), (60, 20, 1));
    }
}
