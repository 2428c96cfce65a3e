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
mod sip;

use std::future::Future;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use takeover_logic::component::VipBinding;
use takeover_logic::link::Fault;
use takeover_logic::log_event::Level;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::bindings::{clock, log, settings, types};
use crate::convert;
use crate::gate::Gate;
use crate::grants::{Grants, Permission};
use crate::host::outside::Outside;
use crate::host::{Clock, HostAnswer, LogLine, ReactionHost, VipHost};
use crate::last_words::LastWords;
use crate::limiter::Limiter;
use crate::log_rate::LogRate;
use crate::outcome::{HostPart, HostShare};
use crate::package::{Manifest, Plugin, Settings};

pub(crate) use sip::{MonitorSide, PolicySide};

/// The part of a call's state that depends on the world.
pub(crate) trait Side: Send + 'static {
    /// Passes a log line to the shell.
    fn log(&self, line: LogLine);

    /// Whether the application that the call is for is primary, with the call's term; here for
    /// worlds whose calls are for none.
    fn primary(&self) -> HostAnswer<'static, ()> {
        Box::pin(async { Err(Fault::Denied("the call is for no application".into())) })
    }
}

/// A call of a reaction.
pub(crate) struct ReactionSide {
    pub(crate) host: Arc<dyn ReactionHost>,
}

impl Side for ReactionSide {
    fn log(&self, line: LogLine) {
        self.host.log(line);
    }

    fn primary(&self) -> HostAnswer<'static, ()> {
        let host = Arc::clone(&self.host);
        Box::pin(async move { host.primary().await })
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

    /// An address is put on for a primary only, and its host agent ends the run as soon as it hears
    /// of a newer term.
    fn primary(&self) -> HostAnswer<'static, ()> {
        let name = self.binding.name.clone();
        let is_up = self.scope == Scope::Up;
        Box::pin(async move {
            let why =
                || Fault::Denied(format!("this host is not to have virtual IP {name}").into());
            if is_up { Ok(()) } else { Err(why()) }
        })
    }
}

/// Time spent in host functions that wait.
#[derive(Debug, Default)]
pub(crate) struct HostTime {
    /// By interface: as many as a world offers, and none for a call that waited in none.
    parts: Vec<HostPart>,
    /// Set while a host function waits, so that a call that is cut short there is counted too.
    waiting: Option<(&'static str, Instant)>,
}

impl HostTime {
    pub(crate) fn add(&mut self, interface: &'static str, took: Duration) {
        match self.parts.iter_mut().find(|part| part.interface == interface) {
            Some(part) => part.took += took,
            None => self.parts.push(HostPart { interface, took }),
        }
    }

    /// Counts what is still being waited for, because the call ends here.
    fn end(&mut self) {
        if let Some((interface, since)) = self.waiting.take() {
            self.add(interface, since.elapsed());
        }
    }

    /// What the call spent in host functions, and in which of their interfaces most of it.
    pub(crate) fn ended(&mut self) -> HostShare {
        self.end();
        HostShare {
            total: self.parts.iter().map(|part| part.took).sum(),
            most: self.parts.iter().max_by_key(|part| part.took).copied(),
        }
    }
}

/// The state of one instance, and of the call that it is in.
pub(crate) struct State<S> {
    pub(crate) side: S,
    pub(crate) limiter: Limiter,
    pub(crate) host_time: HostTime,
    pub(crate) deadline: Instant,
    /// Where the call is let in.
    pub(crate) gate: Arc<Gate>,
    grants: Arc<Grants>,
    outside: Arc<dyn Outside>,
    /// The call runs on the caller's own thread, where there is nobody to give way to.
    pub(crate) in_place: bool,
    pub(crate) manifest: Arc<Manifest>,
    log_rate: Arc<Mutex<LogRate>>,
    /// Calls of the plugin that wait for room.
    pub(crate) waiting: Arc<AtomicU32>,
    /// Calls of the plugin that were refused because of a run mode or a term.
    not_primary: Arc<AtomicU64>,
    settings: Settings,
    clock: Arc<dyn Clock>,
    lines_dropped: u64,
    stderr: LastWords,
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
        let stderr = LastWords::default();
        Self {
            side,
            limiter: Limiter::new(parts.memory_bytes_max),
            host_time: HostTime::default(),
            deadline: parts.deadline,
            gate: Arc::clone(&parts.plugin.gate),
            grants: Arc::clone(&parts.plugin.grants),
            outside: parts.outside,
            in_place: false,
            manifest: Arc::clone(&parts.plugin.manifest),
            log_rate: Arc::clone(&parts.plugin.log_rate),
            waiting: Arc::clone(&parts.plugin.waiting),
            not_primary: Arc::clone(&parts.plugin.not_primary),
            settings: parts.settings,
            clock: parts.clock,
            lines_dropped: 0,
            wasi: WasiCtx::builder()
                .allow_tcp(false)
                .allow_udp(false)
                .stderr(stderr.clone())
                .build(),
            stderr,
            table: ResourceTable::new(),
        }
    }

    /// Begins another call of the same instance.
    pub(crate) fn begin(&mut self, deadline: Instant) {
        self.deadline = deadline;
        self.host_time = HostTime::default();
    }

    /// Awaits the shell's answer to a call of an interface and counts the time.
    pub(crate) async fn wait_for<T>(
        &mut self,
        interface: &'static str,
        answer: impl Future<Output = T>,
    ) -> T {
        self.host_time.waiting = Some((interface, Instant::now()));
        let answer = answer.await;
        self.host_time.end();
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

    /// Lets a call that acts through, unless its permission is granted to primaries only and the
    /// application that the call is for is none, or its term is old.
    pub(crate) async fn in_run_mode(&mut self, permission: Permission) -> Result<(), types::Fault> {
        if !self.grants.is_for_primary(permission) {
            return Ok(());
        }
        let primary = self.side.primary();
        let checked = self.wait_for("run-mode", primary).await.map_err(|fault| match fault {
            Fault::Denied(why) => {
                let plugin = &self.manifest.name;
                let text = format!(
                    "permission {permission} of {plugin} is granted to primaries only: {why}"
                );
                Fault::Denied(text.into())
            }
            other => other,
        });
        if checked.is_err() {
            self.not_primary.fetch_add(1, Ordering::Relaxed);
        }
        self.admit(checked)
    }

    fn log_if_denied<T>(&mut self, checked: &Result<T, Fault>) {
        if let Err(fault @ Fault::Denied(_)) = checked {
            let (level, text) = (Level::Standard, fault.to_string());
            self.log(LogLine { level, text, attributes: Vec::new() });
        }
    }

    /// Passes a line to the shell, within the plugin's rate.
    pub(crate) fn log(&mut self, line: LogLine) {
        // Not held while the shell works: instances of a plugin must not wait for each other.
        let allowed =
            self.log_rate.lock().unwrap_or_else(PoisonError::into_inner).take(Instant::now());
        if allowed {
            self.side.log(line);
        } else {
            self.lines_dropped += 1;
        }
    }

    /// Says how many lines were dropped, if any. Called once, when a call has ended.
    pub(crate) fn report_dropped_lines(&mut self) {
        let dropped = std::mem::take(&mut self.lines_dropped);
        if dropped > 0 {
            let plugin = &self.manifest.name;
            self.side.log(LogLine {
                level: Level::Standard,
                text: format!("{dropped} log lines of {plugin} dropped: too many"),
                attributes: Vec::new(),
            });
        }
    }

    /// The same for an instance that goes on: such a line counts against the rate too, or every
    /// call of a busy one would write it. What is not said now is said later.
    pub(crate) fn mention_dropped_lines(&mut self) {
        let may =
            || self.log_rate.lock().unwrap_or_else(PoisonError::into_inner).take(Instant::now());
        if self.lines_dropped > 0 && may() {
            self.report_dropped_lines();
        }
    }

    /// What the component wrote to its standard error: the message of a panic, in most languages.
    pub(crate) fn last_words(&self) -> String {
        self.stderr.text()
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
        self.wait_for("clock", clock.wait(Duration::from_millis(duration_ms.into()))).await;
    }
}
