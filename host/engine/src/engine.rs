//! The engine: one per process. Starts the sandbox, loads plugins, calls them; `start` has what
//! outlives a call.
//!
//! It must not know what a component is for, nor what the shell does with the answers.

use std::collections::BTreeMap;
use std::fmt;
use std::future::{self, Future};
use std::io;
use std::sync::Arc;
use std::time::Instant;

use futures_util::future::Either;
use takeover_logic::component::{AlarmCall, VipBinding, VipOrder};
use takeover_logic::link::{Fault, Verdict, VipAction};
use tokio::runtime::{Handle, Runtime};
use tokio::sync::Semaphore;
use wasmtime::component::{HasSelf, Linker};
use wasmtime::{
    Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig, WasmFeatures,
};

use crate::bindings::monitor::SipMonitor;
use crate::bindings::policy::ForwardingPolicy;
use crate::bindings::reaction::AlarmReaction;
use crate::bindings::vip::VipBackend;
use crate::host::interface::HostInterface;
use crate::host::outside::{NoOutside, Outside};
use crate::host::{Clock, ReactionHost, SystemClock, VipHost};
use crate::instance::{self, MoveVip, ProbeVip, React, RoomOf, Rooms};
use crate::interfaces::{
    MonitorSide, Parts, PolicySide, ReactionSide, Scope, Side, State, VipSide,
};
use crate::limits;
use crate::outcome::{Ended, Outcome};
use crate::package::{CONTRACT, Plugin, World};
use crate::ticker::Pulse;
use crate::{aside, at_once};

mod start;

/// What can be chosen when the engine starts.
#[derive(Clone)]
pub struct EngineSettings {
    /// Memory of one instance in bytes, over all of its memories. Default
    /// [`limits::MEMORY_BYTES`], at most [`limits::MEMORY_BYTES_MAX`].
    pub memory_bytes_max: usize,
    /// Threads that run guest code, 1 to 16. Default [`limits::GUEST_THREADS`].
    pub guest_threads: usize,
    /// Reactions under way at once, 1 to [`limits::REACTIONS_MAX`], which is the default.
    pub reactions_max: usize,
    /// Calls of VIP backends under way at once, 1 to [`limits::VIP_CALLS_MAX`], the default.
    pub vip_calls_max: usize,
    /// The time that components see. Default: this host's clocks.
    pub clock: Arc<dyn Clock>,
    /// What carries out what components ask of the outside. Default: nothing is reached.
    pub outside: Arc<dyn Outside>,
    /// Called on each thread that must not wait long for the processor when it starts: those for
    /// short calls, and the one that makes guests look at their deadlines. Default: does nothing.
    pub on_prompt_thread: fn(),
    /// What alarm reactions may import besides the contract's interfaces, from the program that
    /// the engine is embedded in. Default: nothing.
    pub interfaces: Vec<HostInterface>,
}

impl fmt::Debug for EngineSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineSettings")
            .field("memory_bytes_max", &self.memory_bytes_max)
            .field("guest_threads", &self.guest_threads)
            .field("reactions_max", &self.reactions_max)
            .field("vip_calls_max", &self.vip_calls_max)
            .field("interfaces", &self.interfaces)
            .finish_non_exhaustive()
    }
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            memory_bytes_max: limits::MEMORY_BYTES,
            guest_threads: limits::GUEST_THREADS,
            reactions_max: limits::REACTIONS_MAX,
            vip_calls_max: limits::VIP_CALLS_MAX,
            clock: Arc::new(SystemClock::default()),
            outside: Arc::new(NoOutside),
            on_prompt_thread: || {},
            interfaces: Vec::new(),
        }
    }
}

/// Why the engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A setting is out of its range.
    #[error("engine setting {name}: found {found}, allowed 1 to {max}")]
    Setting {
        /// Which.
        name: &'static str,
        /// Its value.
        found: usize,
        /// The highest value allowed.
        max: usize,
    },
    /// This machine can not run the sandbox.
    #[error("sandbox on this machine: {0:#}")]
    Sandbox(wasmtime::Error),
    /// A thread could not be started.
    #[error("threads of the sandbox")]
    Threads(#[source] io::Error),
}

/// What every call needs besides what it is about.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// The component.
    pub plugin: &'a Arc<Plugin>,
    /// Its settings, checked with [`Plugin::validate_settings`] when configuration was read.
    pub settings: &'a BTreeMap<String, serde_json::Value>,
    /// When the call must have ended: instantiation, `init`, the call, and the host functions.
    pub deadline: Instant,
}

/// The sandbox. Dropping it ends the calls under way.
pub struct Engine {
    pub(crate) rooms: Arc<Rooms>,
    pub(crate) linkers: Arc<Linkers>,
    pub(crate) memory_bytes_max: usize,
    /// Compilers that may run at once.
    pub(crate) compilers: Arc<Semaphore>,
    pub(crate) guests: Guests,
    /// Where calls go on that compute for long.
    _patient: Guests,
    clock: Arc<dyn Clock>,
    outside: Arc<dyn Outside>,
    /// What calls without effects reach.
    nothing: Arc<dyn Outside>,
    allocator: Allocator,
}

/// How instances get their memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allocator {
    /// From slots reserved at the start: a fresh instance costs 16 to 28 us.
    Pooling,
    /// From the system each time, where the address space is not there: about twice that.
    OnDemand,
}

/// What components of each world may import.
pub(crate) struct Linkers {
    pub(crate) reaction: Linker<State<ReactionSide>>,
    pub(crate) vip: Linker<State<VipSide>>,
    pub(crate) monitor: Linker<State<MonitorSide>>,
    pub(crate) policy: Linker<State<PolicySide>>,
    /// Full names of the embedder's interfaces.
    pub(crate) added: Vec<String>,
}

impl Engine {
    /// Starts the engine with threads of its own; callers may be on any runtime or none.
    ///
    /// # Errors
    /// A setting out of range, a machine without what the sandbox needs, or no threads left.
    pub fn start(settings: EngineSettings) -> Result<Self, EngineError> {
        check("memory_bytes_max", settings.memory_bytes_max, limits::MEMORY_BYTES_MAX)?;
        check("guest_threads", settings.guest_threads, 16)?;
        check("reactions_max", settings.reactions_max, limits::REACTIONS_MAX)?;
        check("vip_calls_max", settings.vip_calls_max, limits::VIP_CALLS_MAX)?;
        let (engine, allocator) = new_engine().map_err(EngineError::Sandbox)?;
        tracing::info!(?allocator, "sandbox started");
        let patients = aside::Patients::default();
        let on_thread = settings.on_prompt_thread;
        let pulse = Pulse::start(engine.weak(), patients.clone(), on_thread);
        let pulse = pulse.map_err(EngineError::Threads)?;
        let linkers = Linkers::new(&engine, &settings.interfaces).map_err(EngineError::Sandbox)?;
        let guests = Guests::start(settings.guest_threads, on_thread);
        let guests = guests.map_err(EngineError::Threads)?;
        let patient = settings.guest_threads.min(limits::patient_threads_max());
        let patient = aside::start(patient).map_err(EngineError::Threads)?;
        let patient = Guests::of(patient);
        Ok(Self {
            linkers: Arc::new(linkers),
            memory_bytes_max: settings.memory_bytes_max,
            compilers: Arc::new(Semaphore::new(limits::compilers_max())),
            guests,
            clock: settings.clock,
            outside: settings.outside,
            nothing: Arc::new(NoOutside),
            allocator,
            rooms: Arc::new(Rooms {
                engine,
                pulse,
                patient: patient.handle().clone(),
                patients,
                habits: aside::Habits::default(),
                reactions: Semaphore::new(settings.reactions_max),
                vip_calls: Semaphore::new(settings.vip_calls_max),
                residents: Arc::new(Semaphore::new(limits::RESIDENTS_MAX)),
                policy_instances: Arc::new(Semaphore::new(limits::POLICY_INSTANCES_MAX)),
            }),
            _patient: patient,
        })
    }

    /// How instances get their memory on this machine.
    pub fn allocator(&self) -> Allocator {
        self.allocator
    }

    /// Runs an alarm reaction. It begins at once, and ends when the returned future is dropped.
    pub fn react(
        &self,
        call: Call<'_>,
        alarm: AlarmCall,
        host: Arc<dyn ReactionHost>,
    ) -> impl Future<Output = Outcome<String>> + Send + use<> {
        self.react_within(&self.outside, call, alarm, host)
    }

    /// Like [`Engine::react`], for a version whose answers are only compared: it reaches nothing
    /// but `host`.
    pub fn rehearse_react(
        &self,
        call: Call<'_>,
        alarm: AlarmCall,
        host: Arc<dyn ReactionHost>,
    ) -> impl Future<Output = Outcome<String>> + Send + use<> {
        self.react_within(&self.nothing, call, alarm, host)
    }

    fn react_within(
        &self,
        outside: &Arc<dyn Outside>,
        call: Call<'_>,
        alarm: AlarmCall,
        host: Arc<dyn ReactionHost>,
    ) -> impl Future<Output = Outcome<String>> + Send + use<> {
        let World::Reaction(component) = &call.plugin.world else {
            return Either::Left(wrong_kind(call.plugin, "alarm-reaction"));
        };
        let entry = React { component: component.clone(), alarm };
        let state = self.state(outside, call, ReactionSide { host });
        let room = Rooms::reactions;
        Either::Right(instance::spawn(self.guests.handle(), &self.rooms, room, (state, entry)))
    }

    /// Runs a VIP backend's `up` or `down`; otherwise like [`Engine::react`].
    pub fn move_vip(
        &self,
        call: Call<'_>,
        action: VipAction,
        order: VipOrder,
        host: Arc<dyn VipHost>,
    ) -> impl Future<Output = Outcome<()>> + Send + use<> {
        self.move_vip_within((&self.outside, Rooms::vip_calls), call, (action, order), host)
    }

    /// Like [`Engine::move_vip`], for a version whose answers are only compared: it reaches nothing
    /// but `host`. It runs in the room of reactions, so that it never delays an address.
    pub fn rehearse_move_vip(
        &self,
        call: Call<'_>,
        action: VipAction,
        order: VipOrder,
        host: Arc<dyn VipHost>,
    ) -> impl Future<Output = Outcome<()>> + Send + use<> {
        self.move_vip_within((&self.nothing, Rooms::reactions), call, (action, order), host)
    }

    fn move_vip_within(
        &self,
        (outside, room): (&Arc<dyn Outside>, RoomOf),
        call: Call<'_>,
        (action, order): (VipAction, VipOrder),
        host: Arc<dyn VipHost>,
    ) -> impl Future<Output = Outcome<()>> + Send + use<> {
        let World::Vip(component) = &call.plugin.world else {
            return Either::Left(wrong_kind(call.plugin, "vip-backend"));
        };
        let scope = match action {
            VipAction::Up => Scope::Up,
            VipAction::Down => Scope::Down,
        };
        let side = VipSide { host, binding: order.binding.clone(), scope };
        let state = self.state(outside, call, side);
        let entry = MoveVip { component: component.clone(), action, order };
        Either::Right(instance::spawn(self.guests.handle(), &self.rooms, room, (state, entry)))
    }

    /// Runs a VIP backend's `probe`: present is good, absent is bad. It can change nothing.
    pub fn probe_vip(
        &self,
        call: Call<'_>,
        binding: VipBinding,
        host: Arc<dyn VipHost>,
    ) -> impl Future<Output = Outcome<Verdict>> + Send + use<> {
        let World::Vip(component) = &call.plugin.world else {
            return Either::Left(wrong_kind(call.plugin, "vip-backend"));
        };
        let side = VipSide { host, binding: binding.clone(), scope: Scope::Probe };
        let entry = ProbeVip { component: component.clone(), binding };
        let state = self.state(&self.outside, call, side);
        let room = Rooms::vip_calls;
        Either::Right(instance::spawn(self.guests.handle(), &self.rooms, room, (state, entry)))
    }

    /// The state of a call without effects: it reaches nothing but the host of the call.
    pub(crate) fn rehearsal<S: Side>(&self, call: Call<'_>, side: S) -> State<S> {
        self.state(&self.nothing, call, side)
    }

    /// Memory that one instance of a plugin may have, in bytes.
    pub fn memory_bytes_of(&self, plugin: &Plugin) -> usize {
        plugin.manifest.memory_bytes.unwrap_or(self.memory_bytes_max)
    }

    /// The state of a call that reaches `outside`.
    fn state<S: Side>(&self, outside: &Arc<dyn Outside>, call: Call<'_>, side: S) -> State<S> {
        let parts = Parts {
            plugin: call.plugin,
            settings: call.settings.clone(),
            clock: Arc::clone(&self.clock),
            outside: Arc::clone(outside),
            memory_bytes_max: self.memory_bytes_of(call.plugin),
            deadline: call.deadline,
        };
        State::new(parts, side)
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("allocator", &self.allocator).finish_non_exhaustive()
    }
}

fn check(name: &'static str, found: usize, max: usize) -> Result<(), EngineError> {
    if (1..=max).contains(&found) {
        return Ok(());
    }
    Err(EngineError::Setting { name, found, max })
}

fn wrong_kind<T>(plugin: &Plugin, wanted: &str) -> future::Ready<Outcome<T>> {
    let ended = wrong_kind_fault(plugin, wanted);
    future::ready(instance::without_instance(ended, Instant::now()))
}

fn wrong_kind_fault<T>(plugin: &Plugin, wanted: &str) -> Ended<T> {
    let (name, kind) = (&plugin.manifest.name, plugin.manifest.kind);
    let text = format!("plugin {name} is of kind {kind}, wanted is {wanted}");
    Ended::Fault(Fault::Invalid(text.into()))
}

impl Linkers {
    fn new(engine: &wasmtime::Engine, added: &[HostInterface]) -> wasmtime::Result<Self> {
        let mut reaction = Linker::new(engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut reaction)?;
        AlarmReaction::add_to_linker::<_, HasSelf<_>>(&mut reaction, |state| state)?;
        for interface in added {
            // The contract's interfaces ask for grants, so nothing may take their place.
            let name = interface.name();
            if name.starts_with("wasi:") || name.starts_with(CONTRACT) {
                wasmtime::bail!("interface {name}: this name is not an embedder's to define");
            }
            interface.link(&mut reaction)?;
        }
        let added = added.iter().map(|interface| interface.name().to_owned()).collect();
        let mut vip = Linker::new(engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut vip)?;
        VipBackend::add_to_linker::<_, HasSelf<_>>(&mut vip, |state| state)?;
        let mut monitor = Linker::new(engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut monitor)?;
        SipMonitor::add_to_linker::<_, HasSelf<_>>(&mut monitor, |state| state)?;
        let mut policy = Linker::new(engine);
        at_once::add_to_linker(&mut policy)?;
        ForwardingPolicy::add_to_linker::<_, HasSelf<_>>(&mut policy, |state| state)?;
        Ok(Self { reaction, vip, monitor, policy, added })
    }
}

/// The runtime that guest code runs on, and nothing else.
pub(crate) struct Guests(Option<Runtime>, Handle);

impl Guests {
    fn start(threads: usize, on_thread: fn()) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_name("takeover-guest")
            .on_thread_start(on_thread)
            .enable_time()
            .build()?;
        Ok(Self::of(runtime))
    }

    fn of(runtime: Runtime) -> Self {
        let handle = runtime.handle().clone();
        Self(Some(runtime), handle)
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.1
    }
}

impl Drop for Guests {
    /// Does not wait, so that the engine can be dropped on a thread of another runtime.
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Makes the engine. Reserving the pool is the probe for its address space (about 1.4 TB, which
/// `ulimit -v` or a small machine may not give); without it memory comes on demand.
fn new_engine() -> wasmtime::Result<(wasmtime::Engine, Allocator)> {
    match wasmtime::Engine::new(&engine_config(Allocator::Pooling)) {
        Ok(engine) => Ok((engine, Allocator::Pooling)),
        Err(error) => {
            tracing::warn!("no address space for the pool, instances on demand: {error:#}");
            let engine = wasmtime::Engine::new(&engine_config(Allocator::OnDemand))?;
            Ok((engine, Allocator::OnDemand))
        }
    }
}

/// The one configuration of the sandbox. Everything that is not needed is off, because what is
/// off can not be attacked: most advisories of the last years were in these proposals.
///
/// More than one memory is needed: guests of JavaScript are components made of components, and the
/// adapters that the engine puts between those see the memories of both.
fn engine_config(allocator: Allocator) -> Config {
    let mut config = Config::new();
    config.epoch_interruption(true);
    config.concurrency_support(false);
    let off = WasmFeatures::CM_ASYNC
        | WasmFeatures::GC
        | WasmFeatures::THREADS
        | WasmFeatures::EXCEPTIONS
        | WasmFeatures::MEMORY64
        | WasmFeatures::RELAXED_SIMD
        | WasmFeatures::TAIL_CALL;
    config.wasm_features(off, false);
    config.max_wasm_stack(limits::GUEST_STACK_BYTES);
    config.async_stack_size(limits::FIBER_STACK_BYTES);
    // Loading compiles on threads of its own, bounded there; see `package::folder`.
    config.parallel_compilation(false);
    if allocator == Allocator::Pooling {
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool()));
    }
    config
}

/// One slot per call that can be under way, and per instance that outlives its calls.
fn pool() -> PoolingAllocationConfig {
    let instances = limits::REACTIONS_MAX
        + limits::VIP_CALLS_MAX
        + limits::RESIDENTS_MAX
        + limits::POLICY_INSTANCES_MAX;
    let count = |per_one: usize| u32::try_from(instances * per_one).unwrap_or(u32::MAX);
    let bound = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(count(1));
    pool.total_core_instances(count(16));
    // A guest of JavaScript has a second one, of no pages, for the parts that it is linked of.
    pool.total_memories(count(2));
    pool.total_stacks(count(1));
    pool.total_tables(count(2));
    pool.table_elements(limits::TABLE_ELEMENTS_MAX);
    pool.max_memory_size(limits::MEMORY_BYTES_MAX);
    pool.max_core_instances_per_component(bound(limits::CORE_INSTANCES_MAX));
    pool.max_memories_per_component(bound(limits::MEMORIES_MAX));
    pool.max_tables_per_component(bound(limits::TABLES_MAX));
    // What a call wrote to is put back by the kernel's own record of it (`PAGEMAP_SCAN`, Linux 6.7)
    // and stays in memory, so that the next instance does not fault it in again: 16 us for a fresh
    // reaction with 1 MiB, and no other core is interrupted. Without the record, the first so many
    // bytes of each memory would be written, used or not (45 us with 1 MiB), so there all of it is
    // given back to the system (28 us).
    pool.pagemap_scan(Enabled::Auto);
    if PoolingAllocationConfig::is_pagemap_scan_available() {
        pool.linear_memory_keep_resident(limits::KEPT_MEMORY_BYTES);
    }
    pool.table_keep_resident(limits::KEPT_TABLE_BYTES);
    pool
}
