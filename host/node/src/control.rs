//! The control server: the deciding machines with their loop, links, sandbox, journal and API.
//!
//! Reading order: this file (how it is put together), `drive` (the loop), `effects`, `record`,
//! `links`, `reactions`, `keeper`, `reload`, `shared` (what the API and the loop have in common).

mod drive;
mod effects;
mod error;
mod figures;
mod keeper;
mod links;
mod reactions;
mod record;
mod reload;
pub(crate) mod shared;
#[cfg(test)]
pub(crate) mod tests;
mod told_plugins;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::thread;

use arc_swap::ArcSwap;
use takeover_engine::engine::{Engine, EngineError, EngineSettings};
use takeover_engine::host::outside::{NoOutside, Outside};
use takeover_engine::package::Kind;
use takeover_logic::catalog::{self, About};
use takeover_logic::config::Checked;
use takeover_logic::config::model::Config;
use takeover_logic::config::shell::ControlShell;
use takeover_logic::control::Control;
use takeover_logic::control::saved::Saved;
use takeover_logic::ids::HostName;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};

pub use error::ControlError;

use self::drive::{Drive, Parts, Sources};
use self::keeper::Keeper;
use self::reactions::Reactions;
use self::record::Recorder;
use self::shared::{Ask, Running, Shared};
use crate::api::listen::{CurrentTls, Listeners};
use crate::api::routes::router;
use crate::clock::Clock;
use crate::journal::{ConfigurationText, Journal, JournalReader};
use crate::limits::{ASKS_MAX, KEEPER_ANSWERS_MAX, LINK_EVENTS_MAX, REACTION_CALLS_MAX};
use crate::link::LocalAgent;
use crate::pki::TlsFiles;
use crate::plugins::{PluginFolders, Plugins, Use, Uses};
use crate::{config_folder, outside, sd_notify, threads, tls};

/// What a control server is started with. Everything else is in its configuration.
#[derive(Debug)]
pub struct ControlSettings {
    /// The configuration folder.
    pub folder: PathBuf,
    /// Host agents in the same process.
    pub local_agents: Vec<LocalAgent>,
    /// The sandbox and its plugins; none: a sandbox is started and the configured folder loaded.
    /// Given by a process that also runs a host agent.
    pub sandbox: Option<Sandbox>,
}

/// A sandbox and what is loaded into it.
#[derive(Clone, Debug)]
pub struct Sandbox {
    /// The plugins, with the engine that runs them.
    pub plugins: Arc<Plugins>,
}

impl Sandbox {
    /// Starts an engine, loads a folder and watches it. `host` is the one that events are about;
    /// none: the control server. Must be called on a runtime with timers.
    ///
    /// # Errors
    /// The engine can not be started here. A plugin that can not be loaded is an event.
    pub async fn start(
        folders: PluginFolders,
        host: Option<HostName>,
        uses: Uses,
    ) -> Result<Self, EngineError> {
        let outside = reach_outside(&folders.state);
        let on_prompt_thread: fn() = threads::be_prompt;
        let settings = EngineSettings { outside, on_prompt_thread, ..EngineSettings::default() };
        let engine = Arc::new(Engine::start(settings)?);
        let plugins = Plugins::start(engine, folders, host, uses).await;
        Ok(Self { plugins: plugins.map_err(EngineError::Threads)? })
    }
}

/// What components reach. Where their state can not be opened they reach nothing, and say so call
/// by call: that is no reason to leave a SIP service without its management.
fn reach_outside(state_folder: &Path) -> Arc<dyn Outside> {
    let started = make_folder(state_folder).map_err(|error| error.to_string()).and_then(|()| {
        let settings = outside::Settings { state_folder: state_folder.into(), authorities: None };
        outside::System::start(settings).map_err(|error| error.to_string())
    });
    match started {
        Ok(system) => Arc::new(system),
        Err(error) => {
            let folder = state_folder.display();
            tracing::error!("components reach nothing outside: {folder}: {error}");
            Arc::new(NoOutside)
        }
    }
}

/// Where the plugins of a configuration folder are, and what is kept about them: beside the
/// journal.
pub(crate) fn plugin_folders(folder: &Path, shell: &ControlShell, kinds: &[Kind]) -> PluginFolders {
    let journal = folder.join(&*shell.journal);
    let state = journal.parent().unwrap_or(folder).join("plugins");
    let policies = folder.join(&*shell.policies);
    let beside = PluginFolders::beside(folder.join(&*shell.plugins), state, kinds)
        .granted_in(shell.grants.as_deref().map(|grants| folder.join(grants)));
    PluginFolders { policies, ..beside }
}

/// Everything in a configuration that calls plugins.
pub(crate) fn uses(config: &Config) -> Uses {
    let mut uses = Uses::new();
    let reactions = config.reactions.values().map(|reaction| {
        let what = format!("reaction {}", reaction.name);
        (&reaction.plugin, what, &reaction.settings)
    });
    let vips = config.vips.values().map(|vip| {
        let what = format!("virtual IP {}", vip.name);
        (&vip.backend, what, &vip.settings)
    });
    for (plugin, what, settings) in reactions.chain(vips) {
        let it = Use { what: what.into(), settings: settings.clone() };
        uses.entry(plugin.as_str().into()).or_default().push(it);
    }
    uses
}

/// A running control server.
#[derive(Debug)]
pub struct ControlServer {
    listen: Option<SocketAddr>,
    page: Option<SocketAddr>,
    stop: watch::Sender<bool>,
    ended: oneshot::Receiver<()>,
    thread: thread::JoinHandle<()>,
}

/// Runs a control server until `shutdown` is ready, then stops it in order.
///
/// # Errors
/// It could not be started, and why; or its decision loop ended by itself, which is a defect.
pub async fn run(
    settings: ControlSettings,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ControlError> {
    let mut server = ControlServer::start(settings).await?;
    sd_notify::ready();
    tokio::select! {
        () = shutdown => {
            sd_notify::stopping();
            server.stop().await
        }
        error = server.failed() => Err(error),
    }
}

impl ControlServer {
    /// Starts a control server: reads and checks everything, opens the journal, binds its ports,
    /// and only then begins to decide.
    ///
    /// # Errors
    /// Whatever is wrong. Nothing is left running then.
    pub async fn start(settings: ControlSettings) -> Result<Self, ControlError> {
        let ControlSettings { folder, local_agents, sandbox } = settings;
        let (checked, text) = read_configuration(&folder)?;
        let shell = checked.shell.clone();
        let tls = load_tls(&folder, &shell)?;
        // First the ports: a second control server of the same folder ends here.
        let listener = match &tls {
            Some(_) => Some(bind(shell.listen).await?),
            None => None,
        };
        let page = match shell.page {
            Some(address) => Some(bind(loopback(address)?).await?),
            None => None,
        };
        let sandbox = match sandbox {
            Some(sandbox) => sandbox,
            None => {
                let folders = plugin_folders(&folder, &shell, &[Kind::AlarmReaction]);
                Sandbox::start(folders, None, uses(&checked.config)).await?
            }
        };
        reload::check_reactions(&checked.config, &sandbox.plugins)?;
        sandbox.plugins.set_slow_call(shell.slow_call);
        let (listen_address, page_address) = (local(&listener)?, local(&page)?);
        let (stop, stopped) = watch::channel(false);
        let parts = Assembly { folder, checked, text, sandbox, stopped: stopped.clone() };
        let started = parts.start(local_agents)?;
        let listeners = Listeners::new(router(Arc::clone(&started.shared)), stopped.clone());
        if let (Some(listener), Some(tls)) = (listener, &tls) {
            tokio::spawn(listeners.clone().serve(listener, Some(Arc::clone(tls))));
        }
        if let Some(page) = page {
            tokio::spawn(listeners.serve(page, None));
        }
        tokio::spawn(plugin_events(Arc::clone(&started.shared), stopped.clone()));
        tokio::spawn(started.reload.run(tls, stopped));
        tracing::info!(listen = ?listen_address, page = ?page_address, "control server started");
        Ok(Self {
            listen: listen_address,
            page: page_address,
            stop,
            ended: started.ended,
            thread: started.thread,
        })
    }

    /// Address of the TLS port, if there is one.
    pub fn address(&self) -> Option<SocketAddr> {
        self.listen
    }

    /// Address of the page without TLS, if there is one.
    pub fn page_address(&self) -> Option<SocketAddr> {
        self.page
    }

    /// Stops in order: nothing new is taken, what was decided is recorded. Links close; host
    /// agents go on with what they have.
    ///
    /// # Errors
    /// The decision loop had ended by itself.
    pub async fn stop(self) -> Result<(), ControlError> {
        let _ = self.stop.send(true); // nobody listens: it has ended already
        let joined = tokio::task::spawn_blocking(move || self.thread.join()).await;
        match joined {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_panicked)) => Err(ControlError::LoopEnded),
            Err(_stopping) => Ok(()),
        }
    }

    /// Waits until the decision loop ends by itself, which it never should.
    pub async fn failed(&mut self) -> ControlError {
        let _ = (&mut self.ended).await; // ended either way
        ControlError::LoopEnded
    }
}

/// Everything that was read and checked.
struct Assembly {
    folder: PathBuf,
    checked: Checked,
    text: ConfigurationText,
    sandbox: Sandbox,
    stopped: watch::Receiver<bool>,
}

/// The decision loop and what goes with it.
struct Started {
    shared: Arc<Shared>,
    reload: reload::Reload,
    ended: oneshot::Receiver<()>,
    thread: thread::JoinHandle<()>,
}

impl Assembly {
    /// Opens the journal, puts the machines back where they were, and starts the loop.
    fn start(self, local_agents: Vec<LocalAgent>) -> Result<Started, ControlError> {
        let clock = Clock::new();
        let now = clock.now();
        let path = self.folder.join(&*self.checked.shell.journal);
        create_parent(&path)?;
        let (journal_news, from_journal) = mpsc::channel(4);
        let (journal, start) = Journal::open(&path, now.at, move |news| {
            let _ = journal_news.blocking_send(news); // the loop has ended
        })?;
        let Sandbox { plugins } = self.sandbox;
        let config = Arc::new(self.checked.config);
        let control = match start.state {
            None => Control::new(Arc::clone(&config), now),
            Some(state) => {
                let saved: Saved = serde_json::from_str(&state).map_err(|error| {
                    ControlError::State { path: path.clone(), reason: error.to_string() }
                })?;
                Control::restore(Arc::clone(&config), saved, now)
            }
        };
        let (asks, from_api) = mpsc::channel(ASKS_MAX);
        let running = Running { config: Arc::clone(&config), shell: self.checked.shell };
        let reader = JournalReader::open(&path)?;
        let shared = Arc::new(Shared::new(asks, running, Arc::clone(&plugins), reader));
        let (link_news, from_links) = mpsc::channel(LINK_EVENTS_MAX);
        let (to_loop, from_reactions) = mpsc::channel(REACTION_CALLS_MAX);
        let (answers, from_keeper) = mpsc::channel(KEEPER_ANSWERS_MAX);
        let kept = path.parent().unwrap_or(&self.folder).join("kept");
        let keeper = Keeper::start(kept, clock, answers).map_err(ControlError::Thread)?;
        let mut drive = Drive::new(Parts {
            control,
            config,
            clock,
            recorder: Recorder::new(journal),
            reactions: Reactions::new(Arc::clone(&plugins), to_loop),
            keeper,
            shared: Arc::clone(&shared),
            link_news: link_news.clone(),
            link_numbers: Arc::new(AtomicU64::new(1)),
            newest: start.newest,
        });
        let about = About::control_server(now.at);
        let events = vec![catalog::control_started(&about, &env!("CARGO_PKG_VERSION"))];
        drive.begin(self.text.clone(), now, events);
        let sources = Sources {
            links: from_links,
            asks: from_api,
            reactions: from_reactions,
            keeper: from_keeper,
            journal: from_journal,
            stop: self.stopped,
        };
        let (thread, ended) = spawn_loop(drive, sources, local_agents)?;
        let reload = reload::Reload::new(self.folder, self.text, plugins, Arc::clone(&shared));
        Ok(Started { shared, reload, ended, thread })
    }
}

/// Starts the decision thread.
fn spawn_loop(
    drive: Drive,
    sources: Sources,
    local_agents: Vec<LocalAgent>,
) -> Result<(thread::JoinHandle<()>, oneshot::Receiver<()>), ControlError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(ControlError::Thread)?;
    let (ending, ended) = oneshot::channel::<()>();
    let work = move || {
        // Dropped when the thread ends, however it does.
        let _ending = ending;
        threads::be_prompt();
        runtime.block_on(async move {
            for agent in local_agents {
                let (numbers, news) = (drive.link_numbers(), drive.link_news());
                tokio::spawn(async move { agent.serve(&numbers, news).await });
            }
            tokio::spawn(sd_notify::watchdog());
            drive.run(sources).await;
        });
    };
    let thread =
        thread::Builder::new().name("decide".into()).spawn(work).map_err(ControlError::Thread)?;
    Ok((thread, ended))
}

/// Reads and checks the configuration; also its text, for the journal.
fn read_configuration(folder: &Path) -> Result<(Checked, ConfigurationText), ControlError> {
    let files = config_folder::read_folder(folder).map_err(all)?;
    let text = files.iter().map(|(name, text)| format!("# {name}\n{text}\n")).collect();
    let checked = takeover_logic::config::read(&files).map_err(all)?;
    Ok((checked, ConfigurationText::new(text)))
}

/// Every error in one.
fn all<E: std::error::Error>(errors: Vec<E>) -> ControlError {
    ControlError::Configuration(errors.iter().map(ToString::to_string).collect())
}

/// The TLS settings of the configured files; none where none are configured.
fn load_tls(folder: &Path, shell: &ControlShell) -> Result<Option<CurrentTls>, ControlError> {
    let Some(files) = &shell.tls else { return Ok(None) };
    let files = TlsFiles {
        certificate: folder.join(&*files.certificate),
        key: folder.join(&*files.key),
        ca: folder.join(&*files.ca),
    };
    Ok(Some(Arc::new(ArcSwap::new(tls::server(&files)?))))
}

/// Without TLS tokens would be readable on the wire.
fn loopback(address: SocketAddr) -> Result<SocketAddr, ControlError> {
    if address.ip().is_loopback() {
        return Ok(address);
    }
    Err(ControlError::Configuration(vec![format!(
        "control: page: found {address}, allowed: a loopback address such as 127.0.0.1:8787"
    )]))
}

async fn bind(address: SocketAddr) -> Result<TcpListener, ControlError> {
    TcpListener::bind(address).await.map_err(|source| ControlError::Listen { address, source })
}

fn local(listener: &Option<TcpListener>) -> Result<Option<SocketAddr>, ControlError> {
    listener.as_ref().map(TcpListener::local_addr).transpose().map_err(ControlError::Thread)
}

/// The journal's folder is ours to make.
fn create_parent(path: &Path) -> Result<(), ControlError> {
    let Some(parent) = path.parent() else { return Ok(()) };
    make_folder(parent).map_err(|source| ControlError::Folder { path: parent.to_owned(), source })
}

/// Makes a folder where it is missing, for nobody else.
fn make_folder(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    if path.is_dir() {
        return Ok(());
    }
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Brings the events of the plugins into the decision loop, so that they are kept and conditions
/// see them.
async fn plugin_events(shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
    let mut events = shared.plugins.events();
    let forward = async {
        while let Some(event) = events.recv().await {
            if shared.asks.send(Ask::Event(event)).await.is_err() {
                return; // the server is stopping
            }
        }
    };
    tokio::select! {
        () = forward => {}
        _ = stopped.wait_for(|stopped| *stopped) => {}
    }
}
