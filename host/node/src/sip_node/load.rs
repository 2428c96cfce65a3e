//! Which share of new calls is let in: all, until datagrams come faster than they are taken; then
//! as many as can be carried. Pure; what is done with those beyond it is the machine's business.
//!
//! The share goes down by a quarter with each window in which the sockets were never found empty,
//! and up by a fourth with each other one. So most of what a node can carry is carried: three calls
//! of four at one and a half times its clean rate. With a share that knows only all and nothing it
//! was one of seven (`cargo xtask bench sip`).

use takeover_logic::time::Instant;
use takeover_sip::limits::ADMIT_ALL;

use super::limits::{OVERLOAD_TOLD_INTERVAL, OVERLOAD_WINDOW, OVERLOAD_WINDOWS_MAX};

/// How far the node keeps up.
#[derive(Debug)]
pub(super) struct Load {
    window_since: Instant,
    /// The sockets were empty at some moment of this window.
    caught_up: bool,
    /// They were not after the last turn.
    was_behind: bool,
    share: u32,
    told_at: Option<Instant>,
}

impl Default for Load {
    fn default() -> Self {
        Self {
            window_since: Instant::default(),
            caught_up: true,
            was_behind: false,
            share: ADMIT_ALL,
            told_at: None,
        }
    }
}

impl Load {
    /// After a turn, which left something on the sockets or not; the new share where it is another
    /// one, of [`ADMIT_ALL`].
    pub(super) fn note(&mut self, now: Instant, is_behind: bool) -> Option<u32> {
        // Behind a turn that found the end, the thread slept.
        self.caught_up |= !self.was_behind || !is_behind;
        self.was_behind = is_behind;
        let since = now.since(self.window_since);
        if since < OVERLOAD_WINDOW {
            return None;
        }
        let before = self.share;
        if self.caught_up {
            let windows = since.as_nanos() / OVERLOAD_WINDOW.as_nanos();
            let more = |share: u32| (share + share / 4 + 1).min(ADMIT_ALL);
            (0..windows.min(OVERLOAD_WINDOWS_MAX)).for_each(|_| self.share = more(self.share));
        } else {
            self.share = (self.share * 3 / 4).max(1);
        }
        (self.window_since, self.caught_up) = (now, !is_behind);
        (self.share != before).then_some(self.share)
    }

    /// Whether the log is to be told that calls are refused: not with every change.
    pub(super) fn is_news(&mut self, now: Instant) -> bool {
        let is_old = self.told_at.is_none_or(|at| now.since(at) >= OVERLOAD_TOLD_INTERVAL);
        let is_news = self.share < ADMIT_ALL && is_old;
        if is_news {
            self.told_at = Some(now);
        }
        is_news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: u64) -> Instant {
        Instant(milliseconds * 1_000_000)
    }

    /// Behind in every turn, one a millisecond, from one time to another.
    fn behind(load: &mut Load, milliseconds: std::ops::Range<u64>) -> Vec<u32> {
        milliseconds.filter_map(|time| load.note(at(time), true)).collect()
    }

    #[test]
    fn the_share_falls_while_behind_and_comes_back_after_it() {
        let mut load = Load::default();
        load.note(at(1000), false);
        assert!(behind(&mut load, 1001..1010).is_empty());
        assert_eq!(load.note(at(1010), false), None, "it has caught up");
        let window = OVERLOAD_WINDOW.as_millis() as u64;
        let shares = behind(&mut load, 1011..1021 + 4 * window);
        assert_eq!(shares, [48, 36, 27], "the first window began with an empty socket");
        let end = 1021 + 5 * window;
        assert_eq!(load.note(at(end), false), Some(34));
        assert_eq!(load.note(at(end + 1000), false), Some(ADMIT_ALL));
        assert_eq!(load.note(at(end + 2000), false), None);
    }

    #[test]
    fn a_burst_after_a_pause_is_no_overload() {
        let mut load = Load::default();
        load.note(at(1000), false);
        assert_eq!(load.note(at(2000), true), None);
        assert_eq!(load.note(at(2001), false), None);
    }

    #[test]
    fn somebody_is_always_let_in() {
        let mut load = Load::default();
        load.note(at(0), false);
        assert_eq!(behind(&mut load, 1..10_000).last(), Some(&1));
    }

    #[test]
    fn the_log_is_told_once_in_a_while() {
        let mut load = Load::default();
        assert!(!load.is_news(at(0)), "all are let in");
        behind(&mut load, 0..500);
        assert!(load.is_news(at(500)) && !load.is_news(at(600)));
        assert!(load.is_news(at(500) + OVERLOAD_TOLD_INTERVAL));
    }
}
