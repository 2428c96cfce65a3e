//! Reads the directory and the certificates again when their files change or on SIGHUP. Good ones
//! are used from the next message or connection on; of a bad one every error is told, and what was
//! read last stays.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::connections::{CurrentStreamTls, StreamTls, sip_server};
use super::machine::Input;
use super::settings;
use super::thread::Item;
use super::wake::Post;
use crate::api::listen::CurrentTls;
use crate::limits::RELOAD_SETTLE;
use crate::pki::{PkiError, TlsFiles};
use crate::tls;

#[cfg(test)]
mod tests;

/// The certificates that a node uses now, for the API and for everything else.
#[derive(Clone, Debug)]
pub(crate) struct Certificates {
    files: TlsFiles,
    /// For the API.
    pub(crate) api: CurrentTls,
    /// For SIP and the standby link.
    pub(crate) stream: CurrentStreamTls,
}

impl Certificates {
    /// Reads them.
    ///
    /// # Errors
    /// Whatever is wrong with one of the files.
    pub(crate) fn read(files: &TlsFiles) -> Result<Certificates, PkiError> {
        let (api, stream) = Certificates::load(files)?;
        let (api, stream) = (Arc::new(ArcSwap::new(api)), Arc::new(ArcSwap::from_pointee(stream)));
        Ok(Certificates { files: files.clone(), api, stream })
    }

    fn load(files: &TlsFiles) -> Result<(Arc<rustls::ServerConfig>, StreamTls), PkiError> {
        let server = tls::server(files)?;
        let stream = StreamTls { server: sip_server(&server), client: tls::client(files)? };
        Ok((server, stream))
    }

    /// Reads them again: connections that begin from now on use what is there now.
    fn again(&self) -> Result<(), PkiError> {
        let (api, stream) = Certificates::load(&self.files)?;
        self.api.store(api);
        self.stream.store(Arc::new(stream));
        Ok(())
    }
}

/// The reload task.
pub(crate) struct Reload {
    directory: PathBuf,
    certificates: Option<Certificates>,
    post: Post<Item>,
    /// What the files had in them when they were looked at last, good or bad.
    seen: Seen,
}

/// A key is among it: it is not to be printed.
#[derive(Default, PartialEq, Eq)]
struct Seen {
    directory: Option<Vec<u8>>,
    certificates: [Option<Vec<u8>>; 3],
}

impl Reload {
    /// Knows the files as they are now.
    pub(crate) fn new(
        directory: PathBuf,
        certificates: Option<Certificates>,
        post: Post<Item>,
    ) -> Reload {
        let mut reload = Reload { directory, certificates, post, seen: Seen::default() };
        reload.seen = reload.look();
        reload
    }

    /// Runs until the node ends.
    pub(crate) async fn run(mut self) {
        let (changes, mut changed) = mpsc::channel(1);
        let _watcher = self.watch(changes);
        let mut hangup = signal(SignalKind::hangup())
            .inspect_err(|error| tracing::warn!("SIGHUP is not handled: {error}"))
            .ok();
        // What changed between the start's reading and the watch.
        let mut by_signal = false;
        loop {
            if !self.turn(by_signal).await {
                return;
            }
            by_signal = tokio::select! {
                Some(()) = changed.recv() => false,
                () = next(&mut hangup) => true,
            };
            while let Ok(Some(())) = timeout(RELOAD_SETTLE, changed.recv()).await {}
        }
    }

    fn files(&self) -> impl Iterator<Item = &PathBuf> {
        let of_tls = self.certificates.iter().map(|it| &it.files);
        let of_tls = of_tls.flat_map(|files| [&files.certificate, &files.key, &files.ca]);
        std::iter::once(&self.directory).chain(of_tls)
    }

    /// Tells of changes in the files' folders; without a watcher SIGHUP still works.
    fn watch(&self, changes: mpsc::Sender<()>) -> Option<RecommendedWatcher> {
        let handler = move |event: notify::Result<notify::Event>| {
            if event.is_ok_and(|event| !event.kind.is_access()) {
                let _ = changes.try_send(()); // one waiting is as good as two
            }
        };
        let folders: BTreeSet<PathBuf> = self.files().map(|file| folder(file)).collect();
        let watcher = notify::recommended_watcher(handler).and_then(|mut watcher| {
            for folder in &folders {
                watcher.watch(folder, RecursiveMode::NonRecursive)?;
            }
            Ok(watcher)
        });
        watcher
            .inspect_err(|error| tracing::warn!("files are not watched, use SIGHUP: {error}"))
            .ok()
    }

    fn look(&self) -> Seen {
        let read = |path: &PathBuf| settings::bytes_of(path).ok();
        let certificates = self.certificates.as_ref().map(|it| &it.files);
        let certificates =
            certificates.map(|files| [&files.certificate, &files.key, &files.ca].map(read));
        Seen { directory: read(&self.directory), certificates: certificates.unwrap_or_default() }
    }

    /// Reads what has changed, after a signal everything; whether the node goes on.
    async fn turn(&mut self, by_signal: bool) -> bool {
        let now = self.look();
        let before = std::mem::replace(&mut self.seen, now);
        let mut inputs = Vec::new();
        if by_signal || before.directory != self.seen.directory {
            inputs.push(match settings::directory_of(&self.directory) {
                Ok(directory) => Input::Directory(Arc::new(directory)),
                Err(error) => Input::NotLoaded(error.to_string().into()),
            });
        }
        if by_signal || before.certificates != self.seen.certificates {
            match self.certificates.as_ref().map(Certificates::again) {
                Some(Ok(())) => tracing::info!("certificates read again"),
                Some(Err(error)) => inputs.push(Input::NotLoaded(error.to_string().into())),
                None => {}
            }
        }
        for input in inputs {
            if self.post.send(Item::Input(input)).await.is_err() {
                return false;
            }
        }
        true
    }
}

fn folder(file: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

async fn next(hangup: &mut Option<Signal>) {
    let received = match hangup {
        Some(signal) => signal.recv().await,
        None => None,
    };
    if received.is_none() {
        std::future::pending().await
    }
}
