//! Which datagrams can leave as one run: those to one destination that are equally long, but for
//! the last one, which may be shorter. The kernel takes a run through its layers once and cuts it
//! behind them (generic segmentation offload, Linux 4.18). Pure.

use std::net::SocketAddr;

/// A datagram and where it goes.
pub(super) type Datagram<'m> = (SocketAddr, &'m [u8]);

/// Fewest messages of a run: two cost as much together as alone.
pub(super) const RUN_MIN: usize = 3;

/// Longest message of a run: what fits the smallest link that IPv6 allows (1,280 bytes, RFC 8200
/// section 5), so that no link on the way is too small for it. Longer ones go alone.
const RUN_MESSAGE_BYTES_MAX: usize = 1_232;

/// So many datagrams at the beginning belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// They are a run; each but the last is so long.
    Run(usize, u16),
    /// They go one by one: behind them is the end, or a run.
    Singles(usize),
}

/// What the datagrams begin with.
pub(super) fn first_part(datagrams: &[Datagram<'_>]) -> Part {
    let run = run(datagrams);
    if run >= RUN_MIN {
        let length = datagrams.first().map_or(0, |(_, bytes)| bytes.len());
        return Part::Run(run, u16::try_from(length).unwrap_or(u16::MAX));
    }
    let begins = |at: &usize| datagrams.get(*at..).is_some_and(|rest| self::run(rest) >= RUN_MIN);
    Part::Singles((1..datagrams.len()).find(begins).unwrap_or(datagrams.len()))
}

/// How many datagrams at the beginning could be one run.
fn run(datagrams: &[Datagram<'_>]) -> usize {
    let Some((destination, first)) = datagrams.first() else { return 0 };
    if first.is_empty() || first.len() > RUN_MESSAGE_BYTES_MAX {
        return 1;
    }
    let alike = |(to, bytes): &&Datagram<'_>| to == destination && bytes.len() == first.len();
    let equal = datagrams.iter().take_while(alike).count();
    let ends = |(to, bytes): &Datagram<'_>| {
        to == destination && !bytes.is_empty() && bytes.len() < first.len()
    };
    equal + usize::from(datagrams.get(equal).is_some_and(ends))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Datagrams by the port they go to and their length.
    fn parts(datagrams: &[(u16, usize)]) -> Vec<Part> {
        let bytes = [0; 2_000];
        let datagrams: Vec<Datagram<'_>> = datagrams
            .iter()
            .map(|(port, length)| (SocketAddr::from(([192, 0, 2, 1], *port)), &bytes[..*length]))
            .collect();
        let mut rest = &datagrams[..];
        let mut parts = Vec::new();
        while !rest.is_empty() {
            let part = first_part(rest);
            let (Part::Run(count, _) | Part::Singles(count)) = part;
            rest = &rest[count..];
            parts.push(part);
        }
        parts
    }

    #[test]
    fn equal_ones_to_one_destination_are_a_run_and_a_shorter_one_ends_it() {
        assert_eq!(parts(&[(1, 400); 12]), [Part::Run(12, 400)]);
        assert_eq!(parts(&[(1, 400), (1, 400), (1, 399)]), [Part::Run(3, 400)]);
        let two = [(1, 400), (1, 400), (1, 399), (1, 400), (1, 400), (1, 400)];
        assert_eq!(parts(&two), [Part::Run(3, 400), Part::Run(3, 400)]);
    }

    #[test]
    fn what_is_no_run_goes_alone() {
        assert_eq!(parts(&[]), []);
        assert_eq!(parts(&[(1, 400)]), [Part::Singles(1)]);
        assert_eq!(parts(&[(1, 400), (1, 400)]), [Part::Singles(2)]);
        assert_eq!(parts(&[(1, 400), (2, 400), (1, 400)]), [Part::Singles(3)]);
        assert_eq!(parts(&[(1, 400), (1, 401), (1, 402)]), [Part::Singles(3)]);
        assert_eq!(parts(&[(1, 1_233); 3]), [Part::Singles(3)], "longer than any link takes");
        assert_eq!(parts(&[(1, 0); 4]), [Part::Singles(4)], "empty ones");
        assert_eq!(parts(&[(1, 9), (1, 9), (1, 0)]), [Part::Singles(3)], "an empty one ends none");
    }

    #[test]
    fn a_run_behind_single_ones_is_found() {
        let mixed = [(1, 300), (2, 300), (1, 400), (1, 400), (1, 400), (2, 10)];
        assert_eq!(parts(&mixed), [Part::Singles(2), Part::Run(3, 400), Part::Singles(1)]);
    }
}
