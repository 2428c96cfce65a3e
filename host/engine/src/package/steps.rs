//! The loading of one package step by step, so that the shell can do each where it hurts nobody,
//! and say which one failed: read, verify, check, compile, link. What is initialized then is
//! [`Engine::try_out`].

use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use wasmtime::component::Component;

use super::folder::{RejectionReason, grant_text, read_file, verify};
use super::policy::{self, Policy};
use super::world_fit::Names;
use super::{Approved, CodeCache, Kind, LinkError, Manifest, ManifestError, Plugin};
use crate::aside::give_way;
use crate::engine::Engine;
use crate::grants::{self, Approval, GrantFile, Grants};
use crate::limits::{
    COMPILER_NICENESS, COMPONENT_BYTES_MAX, MANIFEST_BYTES_MAX, POLICY_BYTES_MAX,
    SIGNATURE_BYTES_MAX,
};
use crate::signature::{self, PublicKey, SIGNATURE_FILE, SignatureError};

/// The name of a policy's text in a package that is kept.
const POLICY_FILE: &str = "policy.rhai";

/// The bytes of a package and the operator's answer to it, read once. What is verified, compiled
/// and kept are these; another answer makes another package, so that it takes effect.
#[derive(Clone, Debug)]
pub struct Package {
    name: String,
    manifest: Vec<u8>,
    component: Vec<u8>,
    /// The text that the component runs, where it is a policy; the signature is then that of the
    /// text.
    policy: Option<Vec<u8>>,
    signature: Option<Vec<u8>>,
    grant: Option<String>,
}

impl Package {
    /// Reads the files of the plugin `name` in a folder, and its file in `grants`, a `grants.d`.
    ///
    /// # Errors
    /// A file that is missing, a link, too large, or not a file; an answer that others can write.
    pub fn read(folder: &Path, name: &str, grants: &Path) -> Result<Self, RejectionReason> {
        let grant = grant_text(grants, name)?;
        Ok(Self { grant, ..Self::without_grants(folder, name)? })
    }

    pub(super) fn without_grants(folder: &Path, name: &str) -> Result<Self, RejectionReason> {
        let manifest = read_file(folder, "plugin.toml", MANIFEST_BYTES_MAX)?;
        let component = read_file(folder, "component.wasm", COMPONENT_BYTES_MAX)?;
        let signature = read_signature(folder, SIGNATURE_FILE)?;
        let (name, policy) = (name.to_owned(), None);
        Ok(Self { name, manifest, component, policy, signature, grant: None })
    }

    /// Reads the policy `name` of a folder, the component of its kind in `plugins`, and its file
    /// in `grants`.
    ///
    /// # Errors
    /// As [`Package::read`]; a policy that does not say what it is, or whose component is not
    /// there.
    pub fn read_policy(
        policies: &Path,
        name: &str,
        plugins: &Path,
        grants: &Path,
    ) -> Result<Self, RejectionReason> {
        let text = policy::read_policy_file(policies, name)?;
        let (_, head) = Policy::parse(name, &text)?;
        let component = policy::component_of(plugins, head.kind)?;
        let grant = grant_text(grants, name)?;
        let package = Self::without_grants(&component, name)?;
        let signature = read_signature(policies, &policy::signature_name(name))?;
        Ok(Self { policy: Some(text), signature, grant, ..package })
    }

    /// Reads a package that [`Package::files`] were written to a folder of.
    ///
    /// # Errors
    /// As [`Package::read`].
    pub fn read_kept(folder: &Path, name: &str, grants: &Path) -> Result<Self, RejectionReason> {
        let policy = match read_file(folder, POLICY_FILE, POLICY_BYTES_MAX) {
            Ok(text) => Some(text),
            Err(reason) if reason.is_absent() => None,
            Err(reason) => return Err(reason),
        };
        Ok(Self { policy, ..Self::read(folder, name, grants)? })
    }

    /// SHA-256 over everything in it, in hexadecimal: another one is another package.
    pub fn digest(&self) -> String {
        let mut all = Sha256::new();
        let grant = self.grant.as_ref().map(|text| text.as_bytes());
        let (manifest, component) = (&self.manifest[..], &self.component[..]);
        for part in [Some(manifest), Some(component), self.signature.as_deref(), grant] {
            match part {
                Some(bytes) => all.update(Sha256::digest(bytes)),
                None => all.update([0; 32]),
            }
        }
        if let Some(policy) = &self.policy {
            all.update(Sha256::digest(policy));
        }
        format!("{:x}", all.finalize())
    }

    /// Whether the component is the one that the manifest was written for. Half-copied files are
    /// not; of a text nobody can tell.
    pub fn is_whole(&self) -> bool {
        let manifest = self.parse();
        self.policy.is_none()
            && manifest.is_ok_and(|manifest| verify(&manifest, &self.component).is_ok())
    }

    /// The files of the package by name, to be kept.
    pub fn files(&self) -> impl Iterator<Item = (&'static str, &[u8])> {
        let signature = self.signature.as_deref().map(|bytes| ("plugin.sig", bytes));
        // The manifest last, as everybody who writes a package should.
        let component = ("component.wasm", self.component.as_slice());
        let manifest = ("plugin.toml", self.manifest.as_slice());
        let policy = self.policy.as_deref().map(|bytes| (POLICY_FILE, bytes));
        [Some(component), policy, signature, Some(manifest)].into_iter().flatten()
    }

    /// The component's bytes.
    pub(super) fn component(&self) -> &[u8] {
        &self.component
    }

    /// Compares the component with the manifest, and the manifest with its signature.
    ///
    /// # Errors
    /// What does not fit, in an operator's words.
    pub fn verify(self) -> Result<Verified, RejectionReason> {
        let manifest = self.parse()?;
        verify(&manifest, &self.component)?;
        let signer = self.signer()?;
        let manifest = match &self.policy {
            Some(text) => {
                let (policy, head) = Policy::parse(&self.name, text)?;
                if head.kind.script_component() != Some(&manifest.name) {
                    return Err(RejectionReason::Name(manifest.name));
                }
                manifest.of_policy(&self.name, policy, head)
            }
            None if manifest.name != self.name => return Err(RejectionReason::Name(manifest.name)),
            None => manifest,
        };
        Ok(Verified { manifest, signer, package: self })
    }

    /// Who signed the manifest, if anybody did. A signature that does not fit is no lesser one:
    /// the plugin was changed after it was signed.
    fn signer(&self) -> Result<Option<PublicKey>, SignatureError> {
        let Some(signature) = &self.signature else { return Ok(None) };
        let text = std::str::from_utf8(signature).map_err(|_| SignatureError::Malformed)?;
        signature::verify(self.policy.as_deref().unwrap_or(&self.manifest), text).map(Some)
    }

    fn parse(&self) -> Result<Manifest, ManifestError> {
        let text = std::str::from_utf8(&self.manifest)
            .map_err(|_| ManifestError(vec!["not UTF-8 text".to_owned()]))?;
        Manifest::parse(text)
    }
}

/// The signature in a folder, if there is one.
fn read_signature(folder: &Path, file: &str) -> Result<Option<Vec<u8>>, RejectionReason> {
    match read_file(folder, file, SIGNATURE_BYTES_MAX as u64) {
        Ok(signature) => Ok(Some(signature)),
        Err(reason) if reason.is_absent() => Ok(None),
        Err(reason) => Err(reason),
    }
}

/// The kind that the manifest in a folder names; none where there is no valid manifest.
pub fn kind_of(folder: &Path) -> Option<Kind> {
    let text = read_file(folder, "plugin.toml", MANIFEST_BYTES_MAX).ok()?;
    let manifest = Manifest::parse(std::str::from_utf8(&text).ok()?).ok()?;
    Some(manifest.kind)
}

impl RejectionReason {
    /// There is no such file.
    pub fn is_absent(&self) -> bool {
        let Self::Unreadable { error, .. } = self else { return false };
        error.kind() == std::io::ErrorKind::NotFound
    }
}

/// A package whose component is the one of its manifest.
#[derive(Clone, Debug)]
pub struct Verified {
    /// Its manifest.
    pub manifest: Manifest,
    /// Who signed it, where somebody did.
    pub signer: Option<PublicKey>,
    /// Its bytes.
    pub package: Package,
}

impl Verified {
    /// Whether what it asks for is granted.
    ///
    /// # Errors
    /// The operator's answer makes no sense.
    pub fn approval(&self) -> Result<Approval, RejectionReason> {
        let Verified { manifest, signer, package } = self;
        let grant = package.grant.as_deref();
        let file = grant.map(|text| GrantFile::parse(&manifest.name, text)).transpose()?;
        Ok(grants::decide(manifest, manifest.sha256(), *signer, file.as_ref()))
    }

    pub(super) fn approved(&self, grants: Grants) -> Approved {
        Approved { manifest: self.manifest.clone(), signer: self.signer, grants }
    }
}

/// The right to compile; given back when it is dropped.
#[derive(Debug)]
pub struct CompileSlot {
    _permit: OwnedSemaphorePermit,
}

/// Machine code of a component.
#[derive(Clone)]
pub struct Compiled {
    component: Component,
    /// What it took to get it.
    pub took: Duration,
    /// It was made earlier and kept.
    pub from_cache: bool,
}

/// How much a compiler is in a hurry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Haste {
    /// It gives way to all other threads: something is at work that it must not delay. It works in
    /// idle moments only, and where those are too few, a second compiler tries it with niceness: on
    /// a machine without a free core it may take a minute and more.
    GivesWay,
    /// Nothing works without it, as when a program starts.
    AtOnce,
}

impl Engine {
    /// Waits until one more component may be compiled.
    pub async fn compile_slot(&self) -> Option<CompileSlot> {
        Arc::clone(&self.compilers)
            .acquire_owned()
            .await
            .ok()
            .map(|permit| CompileSlot { _permit: permit })
    }

    /// Compares the names of what a verified component imports and exports with its world. Costs
    /// less than a millisecond, so it comes before compiling.
    ///
    /// # Errors
    /// The first import that its world does not offer, an export that is missing, or a permission
    /// that it could not use.
    pub fn check(&self, verified: &Verified) -> Result<(), LinkError> {
        Names::read(&verified.package.component)?.check(&verified.manifest, &self.linkers.added)
    }

    /// Makes machine code of a verified component on a thread of its own, or takes what was kept.
    /// The slot is in use until the thread ends, also when nobody waits for it any more.
    ///
    /// # Errors
    /// The component is not valid, or there is no thread.
    pub async fn compile(
        &self,
        slot: CompileSlot,
        verified: Arc<Verified>,
        cache: Option<Arc<CodeCache>>,
        haste: Haste,
    ) -> Result<Compiled, LinkError> {
        let engine = self.rooms.engine.clone();
        let work = Compiling { engine, slot, verified, cache, haste };
        let early = |_| LinkError::Thread(std::io::Error::other("the thread ended early"));
        work.start()?.await.map_err(early)?
    }

    /// Binds machine code to what its world offers and its operator granted; [`Engine::check`]
    /// comes before.
    ///
    /// # Errors
    /// What is missing, or does not fit.
    pub fn link(&self, verified: &Verified, compiled: &Compiled) -> Result<Plugin, LinkError> {
        let not_granted = |reason: String| LinkError::NotGranted(reason);
        let granted = match verified.approval().map_err(|reason| not_granted(reason.to_string()))? {
            Approval::Granted(granted) => granted,
            Approval::PendingApproval(pending) => return Err(not_granted(pending.to_string())),
            Approval::NotBound(not_bound) => return Err(not_granted(not_bound.to_string())),
        };
        let approved = verified.approved(granted);
        Plugin::link(&self.linkers, approved, &compiled.component, compiled.took)
    }
}

/// What a compiler needs; the slot is in use as long as it is at work.
struct Compiling {
    engine: wasmtime::Engine,
    slot: CompileSlot,
    verified: Arc<Verified>,
    cache: Option<Arc<CodeCache>>,
    haste: Haste,
}

impl Compiling {
    /// Starts the compiler on a thread of its own.
    fn start(self) -> Result<oneshot::Receiver<Result<Compiled, LinkError>>, LinkError> {
        let (done, result) = oneshot::channel();
        let work = move || {
            if self.haste == Haste::GivesWay {
                give_way(COMPILER_NICENESS);
            }
            // Nobody waits any more when the receiver is gone.
            let _ = done.send(compile(&self.engine, &self.verified, self.cache.as_deref()));
            drop(self.slot);
        };
        let started = thread::Builder::new().name("takeover-compile".into()).spawn(work);
        started.map_err(LinkError::Thread)?;
        Ok(result)
    }
}

fn compile(
    engine: &wasmtime::Engine,
    verified: &Verified,
    cache: Option<&CodeCache>,
) -> Result<Compiled, LinkError> {
    let began = Instant::now();
    let sha256 = &verified.manifest.component.sha256;
    if let Some(component) = cache.and_then(|cache| cache.find(engine, sha256)) {
        return Ok(Compiled { component, took: began.elapsed(), from_cache: true });
    }
    let component = compile_component(engine, &verified.package.component)?;
    let took = began.elapsed();
    if let Some(cache) = cache {
        cache.keep(engine, sha256, &component);
    }
    Ok(Compiled { component, took, from_cache: false })
}

/// The one way to a compiler, which is a large program: should it panic at a component, that one is
/// refused, and the others are none the worse.
pub(super) fn compile_component(
    engine: &wasmtime::Engine,
    bytes: &[u8],
) -> Result<Component, LinkError> {
    let compile = || Component::new(engine, bytes).map_err(LinkError::Compile);
    panic::catch_unwind(AssertUnwindSafe(compile)).map_err(|_panic| LinkError::Compiler)?
}
