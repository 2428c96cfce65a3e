//! `takeover up`, `control`, `host-agent` and `sip-node`: starts a daemon, says what it does, and
//! stops it in order when the service manager or the person at the terminal asks.

use std::error::Error;
use std::future::Future;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use takeover::control::{self, ControlSettings};
use takeover_logic::link::RunMode;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::args::{LogArgs, LogFormat};
use crate::exit::{Exit, Failure};

/// Runs a control server until it is told to stop.
pub(crate) fn control(dir: PathBuf, log: &LogArgs) -> Result<Exit, Failure> {
    let settings = ControlSettings { folder: dir, local_agents: Vec::new(), sandbox: None };
    daemon(log, |shutdown| control::run(settings, shutdown))
}

/// Runs a host agent until it is told to stop.
pub(crate) fn host_agent(file: &Path, log: &LogArgs) -> Result<Exit, Failure> {
    daemon(log, |shutdown| takeover::daemon::host_agent(file, shutdown))
}

/// Runs a SIP node until it is told to stop.
pub(crate) fn sip_node(
    file: &Path,
    run_mode: Option<&str>,
    log: &LogArgs,
) -> Result<Exit, Failure> {
    let run_mode = run_mode.map(|mode| match mode {
        "primary" => RunMode::Primary,
        _ => RunMode::Backup,
    });
    daemon(log, |shutdown| takeover::sip_node::run(file, run_mode, shutdown))
}

/// Runs both in one process until it is told to stop.
pub(crate) fn up(dir: &Path, log: &LogArgs) -> Result<Exit, Failure> {
    daemon(log, |shutdown| takeover::daemon::up(dir, shutdown))
}

/// Runs a daemon with a future that is ready when it is to stop.
fn daemon<R, E>(log: &LogArgs, run: impl FnOnce(Shutdown) -> R) -> Result<Exit, Failure>
where
    R: Future<Output = Result<(), E>>,
    E: Error + Send + Sync + 'static,
{
    start_log(log)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .on_thread_start(takeover::threads::be_prompt)
        .build()
        .map_err(|error| Failure::new(Exit::Problems, format!("runtime: {error}")))?;
    runtime.block_on(async {
        // Caught from the start: a stop that comes while the daemon starts is not lost.
        let shutdown = shutdown()?;
        run(Box::pin(shutdown)).await.map_err(anyhow::Error::from)?;
        Ok(Exit::Ok)
    })
}

/// Ready when the daemon is to stop.
type Shutdown = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

fn shutdown() -> Result<impl Future<Output = ()> + Send + use<>, Failure> {
    let catch = |kind| {
        signal(kind).map_err(|error| Failure::new(Exit::Problems, format!("signals: {error}")))
    };
    let (mut terminate, mut interrupt) =
        (catch(SignalKind::terminate())?, catch(SignalKind::interrupt())?);
    Ok(async move {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        tracing::info!("{name}: stopping");
    })
}

/// Diagnostics go to standard error, where the service manager picks them up.
fn start_log(log: &LogArgs) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(&log.log)
        .map_err(|error| Failure::new(Exit::Usage, format!("log filter {:?}: {error}", log.log)))?;
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match log.log_format {
        LogFormat::Text => subscriber.init(),
        LogFormat::Json => subscriber.json().init(),
    }
    Ok(())
}
