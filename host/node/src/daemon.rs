//! The daemons as their files describe them: a host agent (`takeover host-agent`), and a control
//! server with the agent of the one host it manages in one process (`takeover up`). The control
//! server alone is [`crate::control::run`].

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use takeover_engine::engine::EngineError;
use takeover_engine::package::Kind;
use takeover_logic::ids::HostName;
use tokio::sync::{oneshot, watch};

use crate::config_folder::{self, LoadError};
use crate::control::{self, ControlError, ControlSettings, Sandbox};
use crate::host_agent::{self, Backends, HostAgentError};
use crate::link::client::{self, ClientSettings};
use crate::link::in_process;
use crate::pki::{PkiError, TlsFiles};
use crate::plugins::{PluginFolders, Uses};
use crate::{sd_notify, tls};

/// Why a daemon could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// Its files can not be read, or have errors: all of them, one per line.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A certificate, key or CA file can not be used.
    #[error(transparent)]
    Pki(#[from] PkiError),
    /// The sandbox can not be started.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The control server.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The host agent.
    #[error(transparent)]
    HostAgent(#[from] HostAgentError),
    /// Both roles in one process are for one host.
    #[error(
        "{}: {found} hosts are configured, one process can only be one: use `takeover control` \
         here and `takeover host-agent` on each host", .folder.display()
    )]
    Hosts {
        /// The configuration folder.
        folder: PathBuf,
        /// How many.
        found: usize,
    },
}

/// Runs a host agent as its file says, until `shutdown` is ready and every address is off.
///
/// # Errors
/// What prevents the start; a running agent ends only by `shutdown`.
pub async fn host_agent(
    file: &Path,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), DaemonError> {
    let configured = config_folder::load_host_agent(file)?;
    let folder = file.parent().unwrap_or(Path::new("."));
    let files = TlsFiles {
        certificate: folder.join(&*configured.tls.certificate),
        key: folder.join(&*configured.tls.key),
        ca: folder.join(&*configured.tls.ca),
    };
    let tls = tls::client(&files)?;
    let state = folder.join(&*configured.state);
    let folders = PluginFolders::beside(
        folder.join(&*configured.plugins),
        state.join("plugins"),
        &[Kind::VipBackend],
    );
    let folders = folders.granted_in(configured.grants.as_deref().map(|it| folder.join(it)));
    // What the virtual IPs of this host want of their backends comes with their orders.
    let sandbox = Sandbox::start(folders, Some(configured.host.clone()), Uses::new()).await?;
    sandbox.plugins.set_slow_call(configured.slow_call);
    let settings = host_agent::Settings {
        host: configured.host.clone(),
        state_folder: state,
        run_folder: folder.join(&*configured.sockets),
    };
    let link = client::connect(ClientSettings {
        host: configured.host,
        addresses: configured.control.iter().map(ToString::to_string).collect(),
        tls,
    });
    let backends = Arc::new(Backends::reporting(sandbox.plugins));
    tracing::info!(host = %settings.host, "host agent started");
    sd_notify::ready();
    let watched = tokio::spawn(sd_notify::watchdog());
    let shutdown = async {
        shutdown.await;
        sd_notify::stopping();
    };
    let ended = host_agent::run(settings, link, backends, shutdown).await;
    watched.abort();
    Ok(ended?)
}

/// Runs a control server and the agent of its only host until `shutdown` is ready. The agent keeps
/// its state beside the journal.
///
/// # Errors
/// What prevents the start, or that the control server's decision loop ended by itself.
pub async fn up(folder: &Path, shutdown: impl Future<Output = ()>) -> Result<(), DaemonError> {
    let checked = config_folder::load(folder)?;
    let hosts: Vec<&HostName> = checked.config.hosts.keys().collect();
    let [host] = hosts.as_slice() else {
        return Err(DaemonError::Hosts { folder: folder.to_owned(), found: hosts.len() });
    };
    let host = (*host).clone();
    let journal = folder.join(&*checked.shell.journal);
    let state = journal.parent().unwrap_or(folder);
    let settings = host_agent::Settings {
        host: host.clone(),
        state_folder: state.join("host-agent"),
        run_folder: state.join("run"),
    };
    let folders =
        control::plugin_folders(folder, &checked.shell, &[Kind::AlarmReaction, Kind::VipBackend]);
    let sandbox = Sandbox::start(folders, None, control::uses(&checked.config)).await?;
    let (link, local) = in_process(host);
    let backends = Arc::new(Backends::new(Arc::clone(&sandbox.plugins)));
    let (stop, mut stopped) = watch::channel(());
    let (ended, end) = oneshot::channel();
    let agent = tokio::spawn(async move {
        let stopped = async move {
            let _ = stopped.changed().await; // an error is the end, too
        };
        let result = host_agent::run(settings, link, backends, stopped).await;
        let _ = ended.send(()); // the control server has stopped already
        result
    });
    // An agent that could not start leaves nothing to control.
    let shutdown = async {
        tokio::select! {
            () = shutdown => {}
            _ = end => {}
        }
    };
    let controlled = control::run(
        ControlSettings {
            folder: folder.to_owned(),
            local_agents: vec![local],
            sandbox: Some(sandbox),
        },
        shutdown,
    )
    .await;
    drop(stop);
    let ended = agent.await.unwrap_or(Err(HostAgentError::BrokeOff));
    controlled?;
    Ok(ended?)
}
