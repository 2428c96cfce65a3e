//! The agent's view of its link: up or down, and when a heartbeat is due or missing.

use std::time::Duration;

use crate::limits::{HEARTBEAT_INTERVAL, HEARTBEAT_MISSES, WELCOME_TIMEOUT};
use crate::link::HostSpec;
use crate::time::Instant;

/// The link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Down,
    /// `Hello` was sent, `Welcome` not yet received.
    Greeting {
        welcome_by: Instant,
    },
    Up,
}

/// State of the link, and of the heartbeats on it.
#[derive(Clone, Debug)]
pub(super) struct LinkState {
    link: Link,
    /// When the control server was last heard, or the agent started.
    heard_at: Instant,
    send_at: Option<Instant>,
    interval: Duration,
    misses: u32,
}

impl LinkState {
    pub(super) fn new(spec: &HostSpec, now: Instant) -> Self {
        let mut link = Self {
            link: Link::Down,
            heard_at: now,
            send_at: None,
            interval: HEARTBEAT_INTERVAL,
            misses: HEARTBEAT_MISSES,
        };
        link.configure(spec);
        link
    }

    pub(super) fn configure(&mut self, spec: &HostSpec) {
        if spec.heartbeat_interval_ms > 0 && spec.heartbeat_misses > 0 {
            self.interval = Duration::from_millis(spec.heartbeat_interval_ms);
            self.misses = spec.heartbeat_misses;
        }
    }

    pub(super) fn open(&mut self, now: Instant) {
        self.link = Link::Greeting { welcome_by: now + WELCOME_TIMEOUT };
        self.send_at = Some(now + self.interval);
    }

    pub(super) fn welcome(&mut self) {
        self.link = Link::Up;
    }

    pub(super) fn close(&mut self) {
        self.link = Link::Down;
        self.send_at = None;
    }

    pub(super) fn hear(&mut self, now: Instant) {
        self.heard_at = now;
    }

    pub(super) fn heard_at(&self) -> Instant {
        self.heard_at
    }

    /// Messages can be sent.
    pub(super) fn is_open(&self) -> bool {
        self.link != Link::Down
    }

    /// The control server has taken this agent in.
    pub(super) fn is_up(&self) -> bool {
        self.link == Link::Up
    }

    /// Whether a heartbeat is due; if so, it counts as sent.
    pub(super) fn send_heartbeat(&mut self, now: Instant) -> bool {
        let due = self.send_at.is_some_and(|at| at <= now);
        if due {
            self.send_at = Some(now + self.interval);
        }
        due
    }

    /// Whether the control server has been silent for too long.
    pub(super) fn is_silent(&self, now: Instant) -> bool {
        self.silent_at().is_some_and(|at| at <= now)
    }

    pub(super) fn silence(&self, now: Instant) -> Duration {
        now.since(self.heard_at)
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        Instant::earliest(self.send_at, self.silent_at())
    }

    fn silent_at(&self) -> Option<Instant> {
        match self.link {
            Link::Down => None,
            Link::Greeting { welcome_by } => Some(welcome_by),
            Link::Up => Some(self.heard_at + self.interval.saturating_mul(self.misses)),
        }
    }
}
