//! Lets datagrams gather while there are many: one wake-up and one call of the kernel each for
//! several of them, as network cards do with their interrupts. Pure; it must not know what is in
//! a datagram.
//!
//! ```text
//!   few a second --> each one wakes the thread
//!   many         --> a look every few milliseconds, whether it brings something or not
//!   silence      --> the next one wakes it
//! ```
//!
//! A wake-up with its two calls costs as much as handling a message does, or twice that where the
//! processor has rested (`cargo xtask bench sip`), and a thread that takes each message at once has
//! one for nearly every message. Callers send in bursts: a look that brings nothing is no reason to
//! be woken by the first message of the next one (decision 0020).

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
    /// When a look brought something last.
    last: Instant,
}

impl Gathering {
    /// So many datagrams were taken, and more are there or not.
    pub(super) fn note(&mut self, now: Instant, count: usize, is_behind: bool) {
        self.is_behind = is_behind;
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
    pub(super) fn pause(&self, now: Instant) -> Option<Duration> {
        self.pause.filter(|_| !self.is_behind && now.since(self.last) < GATHER_LULL)
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

    /// One datagram every so many microseconds for 300 ms.
    fn pause_at(gap: u64) -> Option<Duration> {
        let mut gathering = Gathering::default();
        (0..300_000).step_by(gap as usize).for_each(|time| gathering.note(at(time), 1, false));
        gathering.pause(at(300_000))
    }

    #[test]
    fn few_datagrams_do_not_wait() {
        assert_eq!(pause_at(1_000), None);
        assert_eq!(pause_at(410), None);
    }

    #[test]
    fn many_wait_for_a_few_more_but_not_long() {
        assert_eq!(pause_at(390), Some(GATHER_MAX));
        let pause = pause_at(100).unwrap();
        assert!((2_950..=3_050).contains(&pause.as_micros()), "{pause:?}");
        let pause = pause_at(50).unwrap();
        assert!((1_470..=1_530).contains(&pause.as_micros()), "{pause:?}");
    }

    #[test]
    fn where_they_come_faster_than_a_pause_ends_there_is_none() {
        assert_eq!(pause_at(1), None);
    }

    /// Datagrams that come so fast that they gather, up to some time.
    fn gathering_until(end: u64) -> Gathering {
        let mut gathering = Gathering::default();
        (0..=end).step_by(100).for_each(|time| gathering.note(at(time), 1, false));
        gathering
    }

    #[test]
    fn silence_ends_the_pauses_and_one_look_without_anything_does_not() {
        let mut gathering = gathering_until(300_000);
        gathering.note(at(305_000), 0, false);
        assert!(gathering.pause(at(305_000)).is_some(), "the next burst gathers");
        gathering.note(at(310_000), 12, false);
        assert!(gathering.pause(at(317_000)).is_some());
        gathering.note(at(318_000), 0, false);
        assert_eq!(gathering.pause(at(318_000)), None, "nothing wakes for nothing");
        gathering.note(at(330_000), 1, false);
        assert!(gathering.pause(at(330_000)).is_some(), "the rest of its burst gathers");
    }

    #[test]
    fn few_after_many_do_not_wait() {
        let mut gathering = gathering_until(300_000);
        (310..=520).step_by(10).for_each(|time| gathering.note(at(time * 1_000), 1, false));
        assert_eq!(gathering.pause(at(520_000)), None);
    }

    #[test]
    fn nothing_waits_while_more_is_there_than_was_taken() {
        let mut gathering = gathering_until(300_000);
        gathering.note(at(300_100), 32, true);
        assert_eq!(gathering.pause(at(300_100)), None);
        gathering.note(at(300_200), 3, false);
        assert!(gathering.pause(at(300_200)).is_some());
    }
}
