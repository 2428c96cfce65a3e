//! What components may import, interface by interface. Each function checks the grant first, then
//! passes the question to the shell, and counts the time that the shell takes.
//!
//! This module owns the state of one call: what the host functions of that call work on.

mod addresses;
mod command;
mod datagram;
mod http;
mod mail;
mod management;
mod memory;

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use takeover_logic::component::VipBinding;
use takeover_logic::link::Fault;
use takeover_logic::log_event::Level;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::bindings::{clock, log, settings, types};
use crate::convert;
use crate::grants::{Grants, Permission};
use crate::host::outside::Outside;
use crate::host::{Clock, LogLine, ReactionHost, VipHost};
use crate::limiter::Limiter;
use crate::limits::STDERR_BYTES_MAX;
use crate::log_rate::LogRate;
use crate::package::{Manifest, Plugin, Settings};

/// The part of a call's state that depends on the world.
pub(crate) trait Side: Send + 'static {
    /// Passes a log line to the shell.
    fn log(&self, line: LogLine);
}

/// A call of a reaction.
pub(crate) struct ReactionSide {
    pub(crate) host: Arc<dyn ReactionHost>,
}

impl Side for ReactionSide {
    fn log(&self, line: LogLine) {
        self.host.log(line);
    }
}

/// What a call of a VIP backend may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// `up`: everything about its address.
    Up,
    /// `down`: taking it off.
    Down,
    /// `probe`: nothing.
    Probe,
}

/// A call of a VIP backend.
pub(crate) struct VipSide {
    pub(crate) host: Arc<dyn VipHost>,
    pub(crate) binding: VipBinding,
    pub(crate) scope: Scope,
}

impl Side for VipSide {
    fn log(&self, line: LogLine) {
        self.host.log(line);
    }
}

/// Time spent in host functions that wait.
#[derive(Debug, Default)]
pub(crate) struct HostTime {
    total: Duration,
    /// Set while a host function waits, so that a call that is cut short there is counted too.
    waiting_since: Option<Instant>,
}

impl HostTime {
    pub(crate) fn add(&mut self, waited: Duration) {
        self.total += waited;
    }

    pub(crate) fn total(&self) -> Duration {
        self.total + self.waiting_since.map(|since| since.elapsed()).unwrap_or_default()
    }
}

/// The state of one call.
pub(crate) struct State<S> {
    pub(crate) side: S,
    pub(crate) limiter: Limiter,
    pub(crate) host_time: HostTime,
    pub(crate) deadline: Instant,
    grants: Arc<Grants>,
    outside: Arc<dyn Outside>,
    manifest: Arc<Manifest>,
    log_rate: Arc<Mutex<LogRate>>,
    settings: Settings,
    clock: Arc<dyn Clock>,
    lines_dropped: u64,
    stderr: MemoryOutputPipe,
    wasi: WasiCtx,
    table: ResourceTable,
}

/// What a new state is made of besides its side.
pub(crate) struct Parts<'a> {
    pub(crate) plugin: &'a Plugin,
    pub(crate) settings: Settings,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) outside: Arc<dyn Outside>,
    pub(crate) memory_bytes_max: usize,
    pub(crate) deadline: Instant,
}

impl<S: Side> State<S> {
    pub(crate) fn new(parts: Parts<'_>, side: S) -> Self {
        let stderr = MemoryOutputPipe::new(STDERR_BYTES_MAX);
        Self {
            side,
            limiter: Limiter::new(parts.memory_bytes_max),
            host_time: HostTime::default(),
            deadline: parts.deadline,
            grants: Arc::clone(&parts.plugin.grants),
            outside: parts.outside,
            manifest: Arc::clone(&parts.plugin.manifest),
            log_rate: Arc::clone(&parts.plugin.log_rate),
            settings: parts.settings,
            clock: parts.clock,
            lines_dropped: 0,
            wasi: WasiCtx::builder().stderr(stderr.clone()).build(),
            stderr,
            table: ResourceTable::new(),
        }
    }

    /// Awaits the shell's answer and counts the time.
    pub(crate) async fn wait_for<T>(&mut self, answer: impl Future<Output = T>) -> T {
        let began = Instant::now();
        self.host_time.waiting_since = Some(began);
        let answer = answer.await;
        self.host_time.waiting_since = None;
        self.host_time.total += began.elapsed();
        answer
    }

    /// Lets a call through, or denies it and says so in the log.
    pub(crate) fn require(&mut self, permission: Permission) -> Result<(), Fault> {
        let checked = self.grants.check(permission);
        self.log_if_denied(&checked);
        checked
    }

    /// Lets a checked call through; one that was denied is a line in the log.
    fn admit<T>(&mut self, checked: Result<T, Fault>) -> Result<T, types::Fault> {
        self.log_if_denied(&checked);
        checked.map_err(convert::fault_to_guest)
    }

    fn log_if_denied<T>(&mut self, checked: &Result<T, Fault>) {
        if let Err(fault @ Fault::Denied(_)) = checked {
            let (level, text) = (Level::Standard, fault.to_string());
            self.log(LogLine { level, text, attributes: Vec::new() });
        }
    }

    /// Passes a line to the shell, within the plugin's rate.
    pub(crate) fn log(&mut self, line: LogLine) {
        let mut rate = self.log_rate.lock().unwrap_or_else(PoisonError::into_inner);
        if rate.take(Instant::now()) {
            self.side.log(line);
        } else {
            self.lines_dropped += 1;
        }
    }

    /// Says how many lines were dropped, if any. Called once, when the call has ended.
    pub(crate) fn report_dropped_lines(&self) {
        if self.lines_dropped > 0 {
            let plugin = &self.manifest.name;
            self.side.log(LogLine {
                level: Level::Standard,
                text: format!("{} log lines of {plugin} dropped: too many", self.lines_dropped),
                attributes: Vec::new(),
            });
        }
    }

    /// What the component wrote to its standard error: the message of a panic, in most languages.
    pub(crate) fn last_words(&self) -> String {
        let bytes = self.stderr.contents();
        convert::bounded(String::from_utf8_lossy(&bytes).trim(), STDERR_BYTES_MAX)
    }
}

impl<S: Side> WasiView for State<S> {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl<S: Side> types::Host for State<S> {}

impl<S: Side> log::Host for State<S> {
    fn write(&mut self, level: types::Level, text: String, attributes: Vec<types::Attribute>) {
        self.log(convert::log_line(level, &text, &attributes));
    }
}

impl<S: Side> settings::Host for State<S> {
    fn get(&mut self, key: String) -> Option<String> {
        let value = self.settings.get(&key).or_else(|| self.manifest.default_of(&key))?;
        Some(match value {
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        })
    }
}

impl<S: Side> clock::Host for State<S> {
    fn now_unix_ms(&mut self) -> u64 {
        self.clock.now_unix_ms()
    }

    fn monotonic_ms(&mut self) -> u64 {
        self.clock.monotonic_ms()
    }

    async fn wait_ms(&mut self, duration_ms: u32) {
        let clock = Arc::clone(&self.clock);
        self.wait_for(clock.wait(Duration::from_millis(duration_ms.into()))).await;
    }
}
