//! Lets datagrams gather while there are many: one wake-up and one call of the kernel each for
//! several of them, as network cards do with their interrupts. Pure; it must not know what is in
//! a datagram.
//!
//! A wake-up with its two calls costs as much as handling a message does, or twice that where the
//! processor has rested (`cargo xtask bench sip`), and a thread that takes each message at once has
//! one for nearly every message. A timer's wake-up costs several of them, so where messages are few
//! nothing waits, and where none came the next one is waited for without a timer (decisions 0018
//! and 0019).

use std::time::Duration;

use takeover_logic::time::Instant;

use super::limits::{
    GATHER_COUNT, GATHER_FROM_PER_S, GATHER_LULL, GATHER_MAX, GATHER_MIN, GATHER_WINDOW,
};

/// How fast datagrams come, and how long the next ones may gather.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    window_since: Instant,
    in_window: u32,
    pause: Option<Duration>,
    /// There is something to take now.
    is_behind: bool,
    /// The last look brought nothing.
    is_lull: bool,
    /// When one brought something last.
    last: Instant,
}

impl Gathering {
    /// So many datagrams were taken, and more are there or not.
    pub(super) fn note(&mut self, now: Instant, count: usize, is_behind: bool) {
        (self.is_behind, self.is_lull) = (is_behind, count == 0);
        self.last = if count == 0 { self.last } else { now };
        self.in_window = self.in_window.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
        let window = now.since(self.window_since);
        if window >= GATHER_WINDOW {
            self.pause = pause(window, self.in_window);
            (self.window_since, self.in_window) = (now, 0);
        }
    }

    /// How long to leave the sockets alone before they are looked at again; none: until there is
    /// something.
    pub(super) fn pause(&self) -> Option<Duration> {
        self.pause.filter(|_| !self.is_behind && !self.is_lull)
    }

    /// How long what has just come may wait for more; none: it is taken at once.
    pub(super) fn pause_after_lull(&self, now: Instant) -> Option<Duration> {
        self.pause.filter(|_| self.is_lull && now.since(self.last) < GATHER_LULL)
    }
}

/// As long as a few datagrams need to come at the rate of a window.
fn pause(window: Duration, count: u32) -> Option<Duration> {
    let per_second = f64::from(count) / window.as_secs_f64();
    if per_second < f64::from(GATHER_FROM_PER_S) {
        return None;
    }
    let few = Duration::from_secs_f64(f64::from(GATHER_COUNT) / per_second);
    (few >= GATHER_MIN).then(|| few.min(GATHER_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(microseconds: u64) -> Instant {
        Instant(microseconds * 1_000)
    }

    /// One datagram every so many microseconds for 100 ms.
    fn pause_at(gap: u64) -> Option<Duration> {
        let mut gathering = Gathering::default();
        (0..100_000).step_by(gap as usize).for_each(|time| gathering.note(at(time), 1, false));
        gathering.pause()
    }

    #[test]
    fn few_datagrams_do_not_wait() {
        assert_eq!(pause_at(1_000), None);
        assert_eq!(pause_at(410), None);
    }

    #[test]
    fn many_wait_for_a_few_more_but_not_long() {
        assert_eq!(pause_at(390), Some(GATHER_MAX));
        let pause = pause_at(190).unwrap();
        assert!((2_800..=3_000).contains(&pause.as_micros()), "{pause:?}");
        let pause = pause_at(50).unwrap();
        assert!((730..=770).contains(&pause.as_micros()), "{pause:?}");
    }

    #[test]
    fn where_they_come_faster_than_a_pause_ends_there_is_none() {
        assert_eq!(pause_at(3), None);
    }

    #[test]
    fn the_end_of_a_burst_ends_the_pauses() {
        let mut gathering = Gathering::default();
        (0..300).for_each(|number| gathering.note(at(number * 100), 1, false));
        assert!(gathering.pause().is_some() && gathering.pause_after_lull(at(30_000)).is_none());
        gathering.note(at(31_000), 0, false);
        assert_eq!(gathering.pause(), None, "nothing wakes for nothing");
        assert!(gathering.pause_after_lull(at(33_000)).is_some(), "the next burst gathers");
        assert_eq!(gathering.pause_after_lull(at(35_000)), None, "a single call does not wait");
    }

    #[test]
    fn nothing_waits_while_more_is_there_than_was_taken() {
        let mut gathering = Gathering::default();
        (0..300).for_each(|number| gathering.note(at(number * 100), 1, false));
        gathering.note(at(30_100), 16, true);
        assert_eq!(gathering.pause(), None);
        gathering.note(at(30_200), 3, false);
        assert!(gathering.pause().is_some());
    }
}
