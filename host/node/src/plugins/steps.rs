//! The steps that bring a version into use, each where it hurts nobody: files on threads that may
//! wait, compiling on threads that give way, instances where all guests run.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use takeover_engine::engine::Call;
use takeover_engine::grants::Approval;
use takeover_engine::outcome::Ended;
use takeover_engine::package::{Haste, Manifest, Package, Settings, Verified};
use takeover_logic::ids::{Generation, PackageDigest};
use takeover_logic::plugin::io::{Facts, Input, Source, Step, StepResult};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::slot::{Load, Slot, settings_of};
use super::{Plugins, Use, scan};
use crate::limits::{PLUGIN_TRIAL_TIMEOUT, PLUGIN_TRIALS_MAX};

/// What is to be done.
pub(super) struct Work {
    pub(super) generation: Generation,
    pub(super) step: Step,
    pub(super) digest: PackageDigest,
    pub(super) source: Source,
    /// What the steps before made.
    pub(super) load: Load,
}

/// Does a step and tells the machine how it ended.
pub(super) async fn run(plugins: Arc<Plugins>, slot: Arc<Slot>, work: Work) {
    let (generation, step) = (work.generation, work.step);
    let result = match step {
        Step::Verify => verify(&plugins, &slot, work).await,
        Step::Check => check(&plugins, &slot, &work),
        Step::Compile => compile(&plugins, &slot, work).await,
        Step::Link => link(&plugins, &slot, &work),
        Step::Start => start(&plugins, &slot, work).await,
    };
    let result = result.unwrap_or_else(|reason| StepResult::Failed(reason.into()));
    slot.handle(&plugins, Input::Done { generation, step, result });
}

type Result<T> = std::result::Result<T, String>;

/// Reads once. What comes after works on these bytes, whatever happens to the files.
async fn verify(plugins: &Plugins, slot: &Slot, work: Work) -> Result<StepResult> {
    let kept = match work.source {
        Source::Folder => None,
        Source::Kept => {
            Some(plugins.store.copy_of(&slot.name, &work.digest).ok_or("no kept copies")?)
        }
    };
    let (name, folders) = (Arc::clone(&slot.name), plugins.folders.clone());
    let read = move || {
        let package = match kept {
            Some(copy) => Package::read_kept(&copy, &name, &folders.grants),
            None => scan::read(&folders, &name),
        };
        let package = package.map_err(|reason| reason.to_string())?;
        if package.digest() != work.digest.as_str() {
            return Err("it, or what is granted to it, is another by now".to_owned());
        }
        package.verify().map_err(|reason| reason.to_string())
    };
    let verified = spawn_blocking(read).await.map_err(|error| error.to_string())??;
    let manifest = &verified.manifest;
    let sha256 = manifest.sha256().into();
    let facts = Facts { version: manifest.version.as_str().into(), sha256 };
    let mut state = slot.lock();
    if state.machine.active().is_none() {
        state.machine.set_settings(settings_of(manifest.kind));
    }
    if let Some(load) = state.loads.get_mut(&work.generation) {
        load.verified = Some(Arc::new(verified));
    }
    Ok(StepResult::Verified(facts))
}

fn check(plugins: &Plugins, slot: &Slot, work: &Work) -> Result<StepResult> {
    let verified = work.verified()?;
    let manifest = &verified.manifest;
    let approval = verified.approval().map_err(|reason| reason.to_string())?;
    if let Some(active) = slot.active.load_full()
        && active.manifest.kind != manifest.kind
    {
        return Err(format!(
            "it is of kind {}, the version in use is of kind {}; another kind is another plugin",
            manifest.kind, active.manifest.kind
        ));
    }
    plugins.engine.check(verified).map_err(|unfit| unfit.to_string())?;
    let uses = plugins.uses.load();
    let problems: Vec<String> = uses_of(&uses, slot)
        .flat_map(|it| {
            let problems = manifest.validate_settings(&it.settings).into_iter();
            problems.map(|problem| format!("{}: settings: {problem}", it.what))
        })
        .collect();
    // The first version meets the configuration where that is checked.
    if !problems.is_empty() && slot.active.load().is_some() {
        return Err(problems.join("; "));
    }
    Ok(match approval {
        Approval::Granted(_) => StepResult::Done,
        Approval::PendingApproval(pending) => StepResult::Missing(pending.to_string().into()),
        Approval::NotBound(not_bound) => StepResult::Missing(not_bound.to_string().into()),
    })
}

async fn compile(plugins: &Plugins, slot: &Slot, work: Work) -> Result<StepResult> {
    let verified = Arc::clone(work.verified()?);
    let room = plugins.engine.compile_slot().await.ok_or("the sandbox was stopped")?;
    let cache = plugins.cache.clone();
    let limit = takeover_engine::limits::COMPILE_TIME_MAX;
    let started = plugins.started.load(Ordering::Acquire);
    let haste = if started { Haste::GivesWay } else { Haste::AtOnce };
    let compiled = timeout(limit, plugins.engine.compile(room, verified, cache, haste))
        .await
        .map_err(|_| format!("compiling took longer than {} s", limit.as_secs()))?
        .map_err(|error| error.to_string())?;
    let (name, took, kept) = (&slot.name, compiled.took, compiled.from_cache);
    tracing::debug!(plugin = %name, generation = %work.generation, ?took, kept, "compiled");
    if let Some(load) = slot.lock().loads.get_mut(&work.generation) {
        load.compiled = Some(compiled);
    }
    Ok(StepResult::Done)
}

fn link(plugins: &Plugins, slot: &Slot, work: &Work) -> Result<StepResult> {
    let compiled = work.load.compiled.as_ref().ok_or("there is no machine code")?;
    let plugin = plugins.engine.link(work.verified()?, compiled).map_err(|e| e.to_string())?;
    if let Some(load) = slot.lock().loads.get_mut(&work.generation) {
        load.compiled = None;
        load.plugin = Some(Arc::new(plugin));
    }
    Ok(StepResult::Done)
}

/// Initializes it once with every settings in use, and keeps a copy for the next start.
async fn start(plugins: &Plugins, slot: &Slot, work: Work) -> Result<StepResult> {
    let plugin = work.load.plugin.as_ref().ok_or("it is not linked")?;
    let uses = plugins.uses.load_full();
    let manifest = &plugin.manifest;
    let fits = |it: &&Use| manifest.validate_settings(&it.settings).is_empty();
    let mut uses: Vec<&Use> = uses_of(&uses, slot).filter(fits).take(PLUGIN_TRIALS_MAX).collect();
    uses.dedup_by(|one, other| one.settings == other.settings);
    let known = !uses.is_empty() || !slot.seats().is_empty();
    let first = slot.active.load().is_none();
    let unknown = Use { what: "without settings".into(), settings: Settings::new() };
    if !known {
        uses.push(&unknown);
    }
    for Use { what, settings } in uses {
        let deadline = Instant::now() + PLUGIN_TRIAL_TIMEOUT;
        let outcome = plugins.engine.try_out(Call { plugin, settings, deadline }).await;
        match outcome.ended {
            Ended::Ok(()) => {}
            // It may need settings that nobody has written yet; and where there is no other
            // version, one whose every call answers with a fault says more than none.
            Ended::Fault(_) if (!known || first) && manifest.policy.is_none() => {}
            // With a policy what init refuses is its text, whatever the settings.
            ended => return Err(refused(manifest, what, &ended.to_string())),
        }
    }
    for seat in slot.seats() {
        let engine = Arc::clone(&plugins.engine);
        match seat.prepare(engine, work.generation, Arc::clone(plugin)).await {
            Ok(()) => {}
            Err(Ended::Fault(_)) if first => {}
            Err(ended) => return Err(format!("init where it is used: {ended}")),
        }
    }
    let verified = Arc::clone(work.verified()?);
    let (store, name) = (plugins.store.clone(), Arc::clone(&slot.name));
    let keep = move || store.keep(&name, &work.digest, &verified.package);
    match spawn_blocking(keep).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::warn!("plugin {}: no copy for a rollback: {error}", slot.name);
        }
        Err(error) => tracing::warn!("plugin {}: no copy for a rollback: {error}", slot.name),
    }
    // The copy is there; the bytes need not stay in memory.
    if let Some(load) = slot.lock().loads.get_mut(&work.generation) {
        load.verified = None;
    }
    Ok(StepResult::Done)
}

/// Why an instance was not made: for a policy, where in its text.
fn refused(manifest: &Manifest, what: &str, ended: &str) -> String {
    match &manifest.policy {
        Some(policy) => policy.explain(ended),
        None => format!("init, {what}: {ended}"),
    }
}

impl Work {
    fn verified(&self) -> Result<&Arc<Verified>> {
        self.load.verified.as_ref().ok_or_else(|| "it was not read".to_owned())
    }
}

fn uses_of<'a>(uses: &'a super::Uses, slot: &Slot) -> impl Iterator<Item = &'a Use> {
    uses.get(&slot.name).into_iter().flatten()
}
