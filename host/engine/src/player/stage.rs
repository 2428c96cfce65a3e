//! Host and clock of the case that runs at the moment.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use takeover_cases::monitor::Memory;
use takeover_cases::{Answer, Script};

use crate::host::{Clock, LogLine, SipHost};

/// What the clock shows in cases that have no script to move it.
const STANDING_MS: u64 = 1_000_000;

/// What goes on at the moment.
#[derive(Debug, Default)]
pub(super) struct Scene {
    /// Questions and answers, where the form of the case has them.
    pub(super) script: Option<Script>,
    /// A memory that works, where the form of the case has one.
    pub(super) memory: Option<Memory>,
    /// What the component wrote to the log.
    pub(super) lines: Vec<String>,
}

/// Where scenes are played: everything that the engine asks of its host ends here.
#[derive(Clone, Debug, Default)]
pub(super) struct Stage(Arc<Mutex<Scene>>);

impl Stage {
    pub(super) fn open(&self, scene: Scene) {
        *self.lock() = scene;
    }

    /// Ends the scene. A component that outlives its case has nobody to answer it.
    pub(super) fn close(&self) -> Scene {
        std::mem::take(&mut *self.lock())
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Scene> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn ask(&self, question: &str) -> Answer {
        let nobody = || Answer::Fault("failed".into(), "nothing in this case answers it".into());
        self.lock().script.as_mut().map_or_else(nobody, |script| script.ask(question))
    }

    pub(super) fn keep(&self, line: LogLine) {
        self.lock().lines.push(line.text);
    }

    fn now_ms(&self) -> u64 {
        self.lock().script.as_ref().map_or(STANDING_MS, Script::now_ms)
    }
}

impl Clock for Stage {
    fn now_unix_ms(&self) -> u64 {
        self.now_ms()
    }

    fn monotonic_ms(&self) -> u64 {
        self.now_ms()
    }

    fn wait(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.ask(&format!("clock.wait-ms {}", duration.as_millis()));
        Box::pin(async {})
    }
}

impl SipHost for Stage {
    fn log(&self, line: LogLine) {
        self.keep(line);
    }
}
