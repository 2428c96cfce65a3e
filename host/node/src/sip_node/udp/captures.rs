//! Whether somebody captures packets on this host.
//!
//! A capture sees a run of messages as the one packet that it is until it leaves the host, and
//! shows the first message only. Who looks for a fault must see each of them.

use std::path::Path;
use std::time::Duration;

use takeover_logic::time::Instant;

/// What the captures of this thread's network namespace are listed in.
const PACKET_SOCKETS: &str = "/proc/thread-self/net/packet";

/// Protocol of the sockets that see what leaves, too (`ETH_P_ALL`): those of tcpdump, Wireshark and
/// sngrep. Others see what arrives only.
const EVERY_PROTOCOL: &str = "0003";

/// Time from one look to the next. A capture that has just begun may miss messages for so long.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// What was seen last.
#[derive(Debug)]
pub(super) struct Captures {
    table: Box<Path>,
    looked: Option<Instant>,
    are_there: bool,
}

impl Default for Captures {
    fn default() -> Self {
        Self::listed_in(Path::new(PACKET_SOCKETS))
    }
}

impl Captures {
    /// Those that a table of the kernel lists.
    pub(super) fn listed_in(table: &Path) -> Self {
        Self { table: table.into(), looked: None, are_there: false }
    }

    /// Whether there are any. Reads a small table of the kernel, once a second at most.
    pub(super) fn are_there(&mut self, now: Instant) -> bool {
        if self.looked.is_none_or(|looked| now.since(looked) >= LOOK_INTERVAL) {
            self.looked = Some(now);
            self.are_there = match std::fs::read_to_string(&self.table) {
                Ok(table) => names_a_capture(&table),
                // A kernel without packet sockets has no captures; else nobody can say.
                Err(error) => error.kind() != std::io::ErrorKind::NotFound,
            };
        }
        self.are_there
    }
}

/// The fourth column of that table is the protocol, in hexadecimal; its first line is a heading.
fn names_a_capture(table: &str) -> bool {
    let protocols = table.lines().skip(1).filter_map(|line| line.split_ascii_whitespace().nth(3));
    protocols.into_iter().any(|protocol| protocol == EVERY_PROTOCOL)
}

#[cfg(test)]
mod tests {
    use nix::sched::{CloneFlags, unshare};
    use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, socket};

    use super::*;

    #[test]
    fn a_capture_is_told_from_other_packet_sockets() {
        let heading = "sk               RefCnt Type Proto  Iface R Rmem   User   Inode\n";
        let arp = "0000000000000000 3      3    0806   2     1 0      0      51913\n";
        let all = "0000000000000000 3      3    0003   0     1 0      0      51920\n";
        assert!(!names_a_capture(""));
        assert!(!names_a_capture(heading));
        assert!(!names_a_capture(&[heading, arp].concat()));
        assert!(names_a_capture(&[heading, arp, all].concat()));
    }

    /// In a network namespace of its own, where nobody else captures.
    #[test]
    fn a_capture_is_seen_from_a_second_after_it_began_until_a_second_after_its_end() {
        let looks = std::thread::spawn(|| {
            if unshare(CloneFlags::CLONE_NEWNET).is_err() {
                println!("SKIP captures: needs root");
                return;
            }
            let mut captures = Captures::default();
            assert!(!captures.are_there(Instant(0)), "a new namespace");
            let (flags, every) = (SockFlag::empty(), SockProtocol::EthAll);
            let capture = socket(AddressFamily::Packet, SockType::Raw, flags, every).unwrap();
            assert!(!captures.are_there(Instant(999_999_999)), "looked at once a second");
            assert!(captures.are_there(Instant(1_000_000_000)));
            drop(capture);
            assert!(!captures.are_there(Instant(2_000_000_000)));
        });
        looks.join().unwrap();
    }
}
