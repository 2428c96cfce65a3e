//! What components reach beyond the configuration, carried out for real: programs, HTTP, mail,
//! datagrams and their own durable state.
//!
//! Must not know what a component may do: the sandbox has checked the grant before it calls, and a
//! call is carried out as it is. No secret (password, key, header of a request) is in any fault or
//! log line. Names are resolved when they are used, so whoever answers for a granted name decides
//! where a request goes: protection against that (DNS rebinding) is not here, a grant that must
//! not depend on it names an address, or `https`.
//!
//! Everything runs on a thread of its own, so that neither guests nor decisions wait for it.
//!
//! Reading order: this file (how it is put together), then one file for each interface: `command`
//! with `remote`, `http`, `mail` with `relay`, `datagram`, `memory`; `reach` and `authorities` are
//! what they share.

mod authorities;
mod command;
mod datagram;
mod http;
mod mail;
mod memory;
mod reach;
mod relay;
mod remote;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Instant;

use takeover_engine::host::HostAnswer;
use takeover_engine::host::outside::{
    CommandCall, CommandOutput, DatagramCall, HttpCall, HttpResponse, MailCall, Outside,
};
use takeover_logic::link::Fault;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;

pub use memory::{MEMORY_VERSION, MemoryError};

use self::authorities::Authorities;
use self::command::Programs;
use self::memory::Memory;
use self::reach::Resolver;
use crate::limits::{FAULT_TEXT_BYTES_MAX, OUTSIDE_END_TIMEOUT, OUTSIDE_THREADS_MAX};

/// Where components' state is kept, and whom their connections trust.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Folder for `plugin-memory.db`. It must be there.
    pub state_folder: PathBuf,
    /// PEM file with the authorities that HTTPS and mail relays are checked against where the
    /// call names none. Default: those that the operating system trusts.
    pub authorities: Option<PathBuf>,
}

/// Why the outside can not be reached at all.
#[derive(Debug, thiserror::Error)]
pub enum OutsideError {
    /// The components' state can not be used.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// A thread can not be started.
    #[error("no thread for programs and connections of components")]
    Thread(#[source] io::Error),
}

/// The real outside. Dropping it ends everything that is under way, and waits for that at most
/// [`OUTSIDE_END_TIMEOUT`].
pub struct System {
    runtime: Option<Runtime>,
    handle: Handle,
    programs: Programs,
    resolver: Resolver,
    authorities: Authorities,
    memory: Memory,
}

impl System {
    /// Opens the components' state and starts the thread.
    ///
    /// # Errors
    /// The state can not be opened or is of a newer version, or there is no thread.
    pub fn start(settings: Settings) -> Result<Self, OutsideError> {
        let memory = Memory::open(&settings.state_folder)?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(OUTSIDE_THREADS_MAX)
            .thread_name("outside")
            .enable_all()
            .build()
            .map_err(OutsideError::Thread)?;
        Ok(Self {
            handle: runtime.handle().clone(),
            runtime: Some(runtime),
            programs: Programs::default(),
            resolver: Resolver::default(),
            authorities: Authorities::new(settings.authorities),
            memory,
        })
    }

    /// Begins work on the thread of the outside when the answer is first asked for; ends it at the
    /// deadline, or when the answer is dropped.
    fn answer<T, W>(&self, deadline: Instant, work: W) -> HostAnswer<'static, T>
    where
        T: Send + 'static,
        W: Future<Output = Result<T, Fault>> + Send + 'static,
    {
        let handle = self.handle.clone();
        Box::pin(async move {
            // Timed over there: a guest that computes would delay a timer of its own runtime.
            let timed = async move { tokio::time::timeout_at(deadline.into(), work).await };
            let mut task = Task(handle.spawn(timed));
            match (&mut task.0).await {
                Ok(Ok(answer)) => answer,
                Ok(Err(_elapsed)) => Err(Fault::TimedOut),
                Err(error) if error.is_panic() => Err(failed("a defect of the host ended it")),
                Err(_stopping) => Err(unavailable("this process is stopping")),
            }
        })
    }
}

impl Outside for System {
    fn run(&self, call: CommandCall) -> HostAnswer<'_, CommandOutput> {
        let programs = self.programs.clone();
        self.answer(call.deadline, async move {
            match call.remote {
                None => programs.run_here(call.program, call.arguments).await,
                Some(ref there) => remote::run(&programs, there, &call).await,
            }
        })
    }

    fn request(&self, call: HttpCall) -> HostAnswer<'_, HttpResponse> {
        let (resolver, authorities) = (self.resolver.clone(), self.authorities.clone());
        self.answer(
            call.deadline,
            async move { http::request(&resolver, &authorities, call).await },
        )
    }

    fn mail(&self, call: MailCall) -> HostAnswer<'_, ()> {
        let (resolver, authorities) = (self.resolver.clone(), self.authorities.clone());
        self.answer(call.deadline, async move { mail::send(&resolver, &authorities, call).await })
    }

    fn datagram(&self, call: DatagramCall) -> HostAnswer<'_, ()> {
        let resolver = self.resolver.clone();
        self.answer(call.deadline, async move { datagram::send(&resolver, call).await })
    }

    fn recall(&self, plugin: &str, key: &str) -> HostAnswer<'_, Option<Vec<u8>>> {
        Box::pin(self.memory.recall(plugin, key))
    }

    fn remember(&self, plugin: &str, key: &str, value: Option<Vec<u8>>) -> HostAnswer<'_, ()> {
        Box::pin(self.memory.remember(plugin, key, value))
    }
}

impl Drop for System {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // A runtime can not be waited for on a thread of another one, so a plain thread does.
            let waiting = std::thread::spawn(move || runtime.shutdown_timeout(OUTSIDE_END_TIMEOUT));
            let _ = waiting.join(); // a panic there has been told
        }
    }
}

impl fmt::Debug for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("System").finish_non_exhaustive()
    }
}

/// Work that ends when nobody waits for it any more.
struct Task<T>(JoinHandle<T>);

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn failed(text: impl AsRef<str>) -> Fault {
    Fault::Failed(bounded(text.as_ref()).into())
}

fn unavailable(text: impl AsRef<str>) -> Fault {
    Fault::Unavailable(bounded(text.as_ref()).into())
}

fn invalid(text: impl AsRef<str>) -> Fault {
    Fault::Invalid(bounded(text.as_ref()).into())
}

fn not_found(text: impl AsRef<str>) -> Fault {
    Fault::NotFound(bounded(text.as_ref()).into())
}

/// One line of bounded length: parts of it come from programs and servers that nobody trusts.
fn bounded(text: &str) -> String {
    let end = text.floor_char_boundary(FAULT_TEXT_BYTES_MAX);
    let cut = text.get(..end).unwrap_or_default();
    let mut line: String = cut.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if end < text.len() {
        line.push_str("...");
    }
    line
}

/// An error and its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        // Some errors repeat their cause.
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}
