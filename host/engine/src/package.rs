//! A plugin on disk: a folder with `plugin.toml` and `component.wasm`, read once, verified, and
//! compiled from the very bytes that were verified.

mod code_cache;
mod folder;
mod interfaces;
mod manifest;
pub mod policy;
mod precompiled;
mod settings;
mod steps;
mod world_fit;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

pub use code_cache::{CacheError, CodeCache};
pub use folder::{Folders, Loaded, Rejection, RejectionReason, candidates};
pub use interfaces::interfaces;
pub(crate) use manifest::syntax_problem;
pub use manifest::{ComponentFile, Kind, Manifest, ManifestError};
pub use policy::Policy;
pub use settings::{Effect, Setting, SettingType};
pub use steps::{CompileSlot, Compiled, Haste, Package, Verified, kind_of};

use wasmtime::component::Component;

use crate::bindings::monitor::SipMonitorPre;
use crate::bindings::policy::ForwardingPolicyPre;
use crate::bindings::reaction::AlarmReactionPre;
use crate::bindings::vip::VipBackendPre;
use crate::engine::Linkers;
use crate::gate::Gate;
use crate::grants::{Grants, Permission};
use crate::interfaces::{MonitorSide, PolicySide, ReactionSide, State, VipSide};
use crate::log_rate::LogRate;
use crate::signature::PublicKey;
use world_fit::Names;

/// Settings of a component as the operator wrote them.
pub type Settings = BTreeMap<String, serde_json::Value>;

/// The contract that this program serves, and its version.
pub(crate) const CONTRACT: &str = "takeover:plugin";
pub(crate) const CONTRACT_MAJOR: u64 = 1;
pub(crate) const CONTRACT_MINOR: u64 = 0;

/// A component that was verified, compiled and linked.
pub struct Plugin {
    /// Its manifest.
    pub manifest: Arc<Manifest>,
    /// SHA-256 of what its author wrote, in hexadecimal: the component, or the text of a policy.
    pub sha256: String,
    /// Who signed its manifest, where somebody did.
    pub signer: Option<PublicKey>,
    /// What it may do.
    pub grants: Arc<Grants>,
    /// What compiling took.
    pub compile_time: Duration,
    /// Names of the interfaces that the component imports, WASI's included.
    pub imports: Vec<String>,
    pub(crate) world: World,
    pub(crate) log_rate: Arc<Mutex<LogRate>>,
    pub(crate) waiting: Arc<AtomicU32>,
    pub(crate) not_primary: Arc<AtomicU64>,
    /// How many calls of it are under way, and how many wait.
    pub(crate) gate: Arc<Gate>,
}

/// A plugin whose component is the one of its manifest, and which the operator lets run.
pub(crate) struct Approved {
    pub(crate) manifest: Manifest,
    pub(crate) signer: Option<PublicKey>,
    pub(crate) grants: Grants,
}

/// A component, ready to be instantiated in its world.
pub(crate) enum World {
    Reaction(AlarmReactionPre<State<ReactionSide>>),
    Vip(VipBackendPre<State<VipSide>>),
    Monitor(SipMonitorPre<State<MonitorSide>>),
    Policy(ForwardingPolicyPre<State<PolicySide>>),
}

impl Plugin {
    /// Everything that is wrong with these settings, one sentence each; empty: nothing.
    pub fn validate_settings(&self, settings: &Settings) -> Vec<String> {
        self.manifest.validate_settings(settings)
    }

    /// The settings to call it with: those written last, but what takes effect at the next start as
    /// it was at the last one.
    pub fn settings_in_effect(&self, started_with: &Settings, written: &Settings) -> Settings {
        settings::in_effect(&self.manifest.settings, started_with, written)
    }

    /// Names of the settings that were changed and wait for the next start.
    pub fn settings_waiting(&self, started_with: &Settings, written: &Settings) -> Vec<&str> {
        settings::waiting(&self.manifest.settings, started_with, written)
    }

    /// What the settings name in the configuration: setting, what it names, and the name.
    pub fn names_in<'a>(
        &'a self,
        settings: &'a Settings,
    ) -> impl Iterator<Item = (&'a str, SettingType, &'a str)> {
        settings.iter().filter_map(|(key, value)| {
            let holds = self.manifest.settings.get(key)?.holds;
            Some((key.as_str(), holds, value.as_str()?))
        })
    }

    /// Calls that wait for room for their instance, at this moment.
    pub fn waiting(&self) -> u32 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// What calls asked for and were refused, because it is granted to primaries only.
    pub fn not_primary(&self) -> u64 {
        self.not_primary.load(Ordering::Relaxed)
    }

    /// Compiles and links verified bytes. Takes tens of milliseconds of one thread.
    pub(crate) fn compile(
        engine: &wasmtime::Engine,
        linkers: &Linkers,
        approved: Approved,
        bytes: &[u8],
    ) -> Result<Self, LinkError> {
        let began = Instant::now();
        Names::read(bytes)?.check(&approved.manifest, &linkers.added)?;
        let component = steps::compile_component(engine, bytes)?;
        Self::link(linkers, approved, &component, began.elapsed())
    }

    /// Links what was compiled from verified bytes, whose names were checked.
    pub(crate) fn link(
        linkers: &Linkers,
        approved: Approved,
        component: &Component,
        compile_time: Duration,
    ) -> Result<Self, LinkError> {
        let Approved { manifest, signer, grants } = approved;
        let kind = manifest.kind;
        let interface = component.component_type();
        let imports =
            interface.imports(component.engine()).map(|(name, _)| name.to_owned()).collect();
        let world = match kind {
            Kind::AlarmReaction => linkers
                .reaction
                .instantiate_pre(component)
                .and_then(AlarmReactionPre::new)
                .map(World::Reaction),
            Kind::VipBackend => {
                linkers.vip.instantiate_pre(component).and_then(VipBackendPre::new).map(World::Vip)
            }
            Kind::SipMonitor => linkers
                .monitor
                .instantiate_pre(component)
                .and_then(SipMonitorPre::new)
                .map(World::Monitor),
            Kind::ForwardingPolicy => linkers
                .policy
                .instantiate_pre(component)
                .and_then(ForwardingPolicyPre::new)
                .map(World::Policy),
        };
        Ok(Self {
            sha256: manifest.sha256().to_owned(),
            gate: Arc::new(Gate::new(&manifest)),
            manifest: Arc::new(manifest),
            signer,
            grants: Arc::new(grants),
            compile_time,
            imports,
            world: world.map_err(LinkError::Types)?,
            log_rate: Arc::new(Mutex::new(LogRate::new(Instant::now()))),
            waiting: Arc::default(),
            not_primary: Arc::default(),
        })
    }
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plugin")
            .field("name", &self.manifest.name)
            .field("version", &self.manifest.version)
            .field("sha256", &self.sha256)
            .finish_non_exhaustive()
    }
}

/// Why verified bytes are not a plugin of their kind.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// Not a component, or a broken one.
    #[error("component.wasm is not a valid component: {0:#}")]
    Compile(wasmtime::Error),
    /// The compiler panicked: the component is at fault, or the compiler is.
    #[error("component.wasm makes the compiler fail; its last words are on standard error")]
    Compiler,
    /// The operator has not granted what it asks for.
    #[error("{0}")]
    NotGranted(String),
    /// It wants something that its world does not offer.
    #[error("component imports {import}, which the world {kind} does not offer")]
    Import {
        /// What.
        import: String,
        /// Its kind.
        kind: Kind,
    },
    /// It does not have what its kind must have.
    #[error("component does not export {export}, which kind {kind} needs; it exports {found}")]
    Export {
        /// What.
        export: String,
        /// Its kind.
        kind: Kind,
        /// What it exports instead.
        found: String,
    },
    /// The manifest asks for more than the component could use.
    #[error("plugin.toml asks for {0}, but the component does not import {interface}",
        interface = .0.interface())]
    Unused(Permission),
    /// There is no thread to compile on.
    #[error("no thread to compile on: {0}")]
    Thread(std::io::Error),
    /// Names fit, types do not.
    #[error("component was built against another version of the contract: {0:#}")]
    Types(wasmtime::Error),
}

/// The interface of our contract that `takeover:plugin/log@1.0.0` names.
pub fn interface_of(name: &str) -> Option<&str> {
    let interface = name.strip_prefix(CONTRACT)?.strip_prefix('/')?;
    Some(interface.split('@').next().unwrap_or(interface))
}
