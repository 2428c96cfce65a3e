//! The host agent's shell: the processes and addresses of one host, driven by
//! [`takeover_logic::host_agent::HostAgent`].
//!
//! It runs on a thread of its own, so that nothing else in the process can delay it. Ending it in
//! order takes its addresses off and leaves its processes running; the next agent adopts them, so
//! an agent can be replaced without an outage of the programs. Killing it leaves the processes
//! running too, and the kernel takes the addresses off within about two seconds.
//!
//! Reading order: this file (how to run it), `drive` (the loop), then one file for each outside
//! thing: `process`, `exit_watch`, `proc_stat`, `notify_socket`, `channel_socket`, `output_files`,
//! `netlink`, `network` with `arp` and `neighbor_discovery`, `backends`, `store`.

mod arp;
mod backends;
mod channel_socket;
mod drive;
mod exit_watch;
mod held;
mod neighbor_discovery;
mod netlink;
mod network;
mod notify_socket;
mod options_file;
mod output_files;
mod output_watch;
mod proc_stat;
mod process;
mod store;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use takeover_logic::host_agent::io::{Identity, Input, ProcessInput};
use takeover_logic::ids::{ApplicationName, HostName};
use takeover_logic::link::Exit;
use tokio::sync::oneshot;

pub use backends::Backends;
pub use store::StoreError;

use self::drive::Driver;
use crate::link::AgentLink;
use crate::threads;

/// Where a host agent runs and keeps things.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Name of the host, as in its certificate and in `[[host]]`.
    pub host: HostName,
    /// Folder for what survives a restart: `host-agent.db` and `output/`. Made where missing.
    pub state_folder: PathBuf,
    /// Folder for the sockets of the applications. Made where missing; at most about 80 bytes
    /// long, because a socket's path has at most 108.
    pub run_folder: PathBuf,
}

impl Settings {
    fn identity(&self) -> Result<Identity, HostAgentError> {
        let mut session = [0; 8];
        getrandom::fill(&mut session).map_err(HostAgentError::Random)?;
        Ok(Identity {
            host: self.host.clone(),
            version: env!("CARGO_PKG_VERSION").into(),
            // JSON of other languages holds 53 bits.
            session: u64::from_le_bytes(session) >> 11,
        })
    }
}

/// Why a host agent could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum HostAgentError {
    /// A folder can not be made.
    #[error("host agent folder {path}")]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Its store can not be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The kernel can not be asked for addresses.
    #[error("host agent: no netlink socket")]
    Netlink(#[source] io::Error),
    /// A thread can not be started.
    #[error("host agent: no thread")]
    Thread(#[source] io::Error),
    /// The operating system gives no random bytes.
    #[error("host agent: no random bytes")]
    Random(#[source] getrandom::Error),
    /// The loop ended without having been shut down.
    #[error("host agent: the decision loop broke off")]
    BrokeOff,
}

/// Runs a host agent until `shutdown` completes and every address is off.
///
/// # Errors
/// What prevents the start; a running agent ends only by `shutdown`.
///
/// # Cancel safety
/// Dropping the future does not end the agent; complete `shutdown` for that.
pub async fn run(
    settings: Settings,
    link: AgentLink,
    backends: Arc<Backends>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), HostAgentError> {
    let (ended, end) = oneshot::channel();
    let body = move || {
        threads::be_prompt();
        // Nobody waits any more where the future was dropped.
        let _ = ended.send(run_here(&settings, link, backends, shutdown));
    };
    std::thread::Builder::new()
        .name("host-agent".into())
        .spawn(body)
        .map_err(HostAgentError::Thread)?;
    end.await.unwrap_or(Err(HostAgentError::BrokeOff))
}

fn run_here(
    settings: &Settings,
    link: AgentLink,
    backends: Arc<Backends>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), HostAgentError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(HostAgentError::Thread)?;
    runtime.block_on(async {
        let driver = Driver::open(settings, link, backends)?;
        driver.run(shutdown).await;
        Ok(())
    })
}

/// Something that happened beside the loop.
#[derive(Debug)]
enum Event {
    /// An input for the machine as it is.
    Input(Input),
    /// A process ended; may be told twice.
    Ended { application: ApplicationName, pid: u32, exit: Exit },
    /// A command line was executed, or not.
    Spawned { application: ApplicationName, result: Result<u32, Arc<str>> },
}

impl Event {
    fn of_process(application: ApplicationName, event: ProcessInput) -> Self {
        Event::Input(Input::Process { application, event })
    }
}
