//! What happened in a run, as people read it, and what was wrong with it.

use std::fmt::Write;

use super::clock::{MS, S, Time};

/// Lines of a story that are kept; the beginning is dropped beyond it.
const LINES_MAX: usize = 5_000;

/// The steps of one run, and the properties that it broke.
#[derive(Debug, Default)]
pub(super) struct Story {
    lines: Vec<String>,
    broken: Vec<String>,
}

impl Story {
    /// Notes a step.
    pub(super) fn tell(&mut self, time: Time, line: impl AsRef<str>) {
        if self.lines.len() >= LINES_MAX {
            self.lines.drain(..LINES_MAX / 2);
        }
        self.lines.push(format!("{} {}", stamp(time), line.as_ref()));
    }

    /// Notes a broken property, both in the story and apart; each sentence once.
    pub(super) fn broke(&mut self, time: Time, property: impl Into<String>) {
        let property = property.into();
        if !self.broken.contains(&property) {
            self.tell(time, format!("BROKEN: {property}"));
            self.broken.push(property);
        }
    }

    /// The broken properties, in the order in which they broke.
    pub(super) fn broken(&self) -> &[String] {
        &self.broken
    }

    /// The whole story.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for line in &self.lines {
            // Writing to a String does not fail.
            let _ = writeln!(text, "{line}");
        }
        text
    }
}

fn stamp(time: Time) -> String {
    format!("{:>4}.{:03}", time / S, time % S / MS)
}
