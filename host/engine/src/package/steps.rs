//! The loading of one package step by step, so that the shell can do each where it hurts nobody,
//! and say which one failed: read, verify, check, compile, link. What is initialized then is
//! [`Engine::try_out`].

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use tokio::sync::OwnedSemaphorePermit;
use wasmtime::component::Component;

use super::approval::{self, Approval};
use super::folder::{RejectionReason, check_folder, read_file, verify};
use super::{CodeCache, LinkError, Manifest, ManifestError, Plugin, check_served};
use crate::engine::Engine;
use crate::limits::{
    COMPILER_NICENESS, COMPONENT_BYTES_MAX, MANIFEST_BYTES_MAX, SIGNATURE_FILE_BYTES_MAX,
};

/// The bytes of a package, read once. What is verified, compiled and kept are these.
#[derive(Clone, Debug)]
pub struct Package {
    name: String,
    manifest: Vec<u8>,
    component: Vec<u8>,
    signature: Option<Vec<u8>>,
}

impl Package {
    /// Reads the files of a plugin's folder.
    ///
    /// # Errors
    /// A file that is missing, a link, too large, or not a file.
    pub fn read(folder: &Path) -> Result<Self, RejectionReason> {
        let name = check_folder(folder)?;
        let manifest = read_file(folder, "plugin.toml", MANIFEST_BYTES_MAX)?;
        let component = read_file(folder, "component.wasm", COMPONENT_BYTES_MAX)?;
        let signature = match read_file(folder, "plugin.sig", SIGNATURE_FILE_BYTES_MAX) {
            Ok(signature) => Some(signature),
            Err(reason) if reason.is_absent() => None,
            Err(reason) => return Err(reason),
        };
        Ok(Self { name, manifest, component, signature })
    }

    /// SHA-256 over everything in it, in hexadecimal: another one is another package.
    pub fn digest(&self) -> String {
        let mut all = Sha256::new();
        for part in [Some(&self.manifest), Some(&self.component), self.signature.as_ref()] {
            match part {
                Some(bytes) => all.update(Sha256::digest(bytes)),
                None => all.update([0; 32]),
            }
        }
        format!("{:x}", all.finalize())
    }

    /// Whether the component is the one that the manifest was written for. Half-copied files are
    /// not.
    pub fn is_whole(&self) -> bool {
        let manifest = self.parse();
        manifest.is_ok_and(|manifest| verify(&manifest, &self.component).is_ok())
    }

    /// The files of the package by name, to be kept.
    pub fn files(&self) -> impl Iterator<Item = (&'static str, &[u8])> {
        let signature = self.signature.as_deref().map(|bytes| ("plugin.sig", bytes));
        // The manifest last, as everybody who writes a package should.
        let component = ("component.wasm", self.component.as_slice());
        let manifest = ("plugin.toml", self.manifest.as_slice());
        [Some(component), signature, Some(manifest)].into_iter().flatten()
    }

    /// Compares the component with the manifest. The plugin's name is that of its folder, or the
    /// one given where the folder is a copy.
    ///
    /// # Errors
    /// What does not fit, in an operator's words.
    pub fn verify(self, name: Option<&str>) -> Result<Verified, RejectionReason> {
        let manifest = self.parse()?;
        if manifest.name != name.unwrap_or(&self.name) {
            return Err(RejectionReason::Name(manifest.name));
        }
        verify(&manifest, &self.component)?;
        Ok(Verified { manifest, package: self })
    }

    fn parse(&self) -> Result<Manifest, ManifestError> {
        let text = std::str::from_utf8(&self.manifest)
            .map_err(|_| ManifestError(vec!["not UTF-8 text".to_owned()]))?;
        Manifest::parse(text)
    }
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
    /// Its bytes.
    pub package: Package,
}

impl Verified {
    /// Whether the kind is run here and what it asks for is granted.
    ///
    /// # Errors
    /// A kind that nothing here runs.
    pub fn check(&self) -> Result<Approval, RejectionReason> {
        check_served(self.manifest.kind)?;
        Ok(approval::ask(self))
    }
}

/// The right to compile; given back when it is dropped.
#[derive(Debug)]
pub struct CompileSlot(OwnedSemaphorePermit);

/// Machine code of a component.
#[derive(Clone)]
pub struct Compiled {
    component: Component,
    /// What it took to get it.
    pub took: Duration,
    /// It was made earlier and kept.
    pub from_cache: bool,
}

impl Engine {
    /// Waits until one more component may be compiled.
    pub async fn compile_slot(&self) -> Option<CompileSlot> {
        Arc::clone(&self.compilers).acquire_owned().await.ok().map(CompileSlot)
    }

    /// Makes machine code of a verified component on a thread of its own, which gives way to all
    /// others; or takes what was kept. The slot is in use until the thread ends, also when nobody
    /// waits for it any more.
    ///
    /// # Errors
    /// The component is not valid, or there is no thread.
    pub async fn compile(
        &self,
        slot: CompileSlot,
        verified: Arc<Verified>,
        cache: Option<Arc<CodeCache>>,
    ) -> Result<Compiled, LinkError> {
        let engine = self.rooms.engine.clone();
        let (done, result) = tokio::sync::oneshot::channel();
        let work = move || {
            let CompileSlot(_held) = slot;
            give_way();
            // Nobody waits any more when the receiver is gone.
            let _ = done.send(compile(&engine, &verified, cache.as_deref()));
        };
        let started = thread::Builder::new().name("takeover-compile".into()).spawn(work);
        started.map_err(LinkError::Thread)?;
        let ended = |_| LinkError::Thread(std::io::Error::other("the thread ended early"));
        result.await.map_err(ended)?
    }

    /// Binds machine code to what its world offers.
    ///
    /// # Errors
    /// What is missing, or does not fit.
    pub fn link(&self, verified: &Verified, compiled: &Compiled) -> Result<Plugin, LinkError> {
        let manifest = verified.manifest.clone();
        Plugin::link(&self.linkers, manifest, &compiled.component, compiled.took)
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
    let bytes = &verified.package.component;
    let component = Component::new(engine, bytes).map_err(LinkError::Compile)?;
    let took = began.elapsed();
    if let Some(cache) = cache {
        cache.keep(engine, sha256, &component);
    }
    Ok(Compiled { component, took, from_cache: false })
}

/// Lowers the priority of this thread, and of no other: on Linux it belongs to the thread.
fn give_way() {
    if let Err(error) = rustix::process::setpriority_process(None, COMPILER_NICENESS) {
        tracing::debug!("compiling with the usual priority: {error}");
    }
}
