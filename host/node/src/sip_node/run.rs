//! Puts a node together from its settings and runs it until told to stop.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::config::LookupIpStrategy;
use takeover_engine::engine::EngineError;
use takeover_engine::{Kind, PoolSettings};
use takeover_logic::ids::Term;
use takeover_logic::link::RunMode;
use takeover_sip::branch::Secret;
use takeover_sip::directory::AddpTrace;
use takeover_sip::node::{Node, Settings as MachineSettings};
use takeover_sip::proxy::Names;
use takeover_sip::standby;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

use super::api::{self, Shared, hub::Hub};
use super::bind::Binding;
use super::connections::{Connections, CurrentStreamTls};
use super::effects::NodeEffects;
use super::machine::{Input, Machine, Report};
use super::node_machine::NodeMachine;
use super::other::Looker;
use super::policy::{Chosen, Decisions, Lines};
use super::record::Recorder;
use super::reload::{Certificates, Reload};
use super::resolve::{Abilities, Resolver};
use super::settings::{NodeSettings, SettingsError};
use super::standby_link::{self, StandbyLink, StandbySettings, StandbyTls};
use super::thread::{Item, SipThread};
use super::wake::{Inbox, Post};
use super::{monitor, other, supervised};
use crate::application_channel::ApplicationChannel;
use crate::clock::Clock;
use crate::control::Sandbox;
use crate::pki::PkiError;
use crate::plugins::{PluginFolders, Use, Uses};
use crate::sd_notify;

/// Why a node could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// Its files.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// A certificate, key or CA file can not be used.
    #[error(transparent)]
    Pki(#[from] PkiError),
    /// The sandbox can not be started.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The API's address can not be bound.
    #[error("api {address}: {source}")]
    Api {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// No thread, or no descriptor for its queue.
    #[error("sip thread: {0}")]
    Thread(io::Error),
    /// The operating system gives no random bytes.
    #[error("no random bytes: {0}")]
    Random(getrandom::Error),
    /// The SIP thread ended without having been told to.
    #[error("the sip thread broke off")]
    BrokeOff,
}

/// Runs a SIP node as its file says, until `shutdown` is ready. `run_mode`: the run mode of a node
/// that nobody supervises; none: backup.
///
/// # Errors
/// What prevents the start, or that the SIP thread broke off.
pub async fn run(
    file: &Path,
    run_mode: Option<RunMode>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), NodeError> {
    let settings = super::settings::load(file)?;
    if let Some(channel) = ApplicationChannel::from_environment() {
        let target = settings.listen.udp.iter().find(|at| !at.ip().is_unspecified()).copied();
        let telling = other::telling(channel.voice(), target);
        let looker = Looker::start(Arc::clone(&settings.name), target, telling);
        let running = Running::start(settings, supervised::reports(channel.voice())).await?;
        let listens = supervised::listen(channel, running.post.clone(), looker);
        tokio::select! {
            () = listens => Err(NodeError::BrokeOff),
            ended = running.until(shutdown) => ended,
        }
    } else {
        let running = Running::start(settings, Box::new(alone)).await?;
        let mode = run_mode.unwrap_or(RunMode::Backup);
        let input = Input::RunMode { mode, term: Term(1) };
        running.post.send(Item::Input(input)).await.map_err(|_| NodeError::BrokeOff)?;
        running.until(shutdown).await
    }
}

/// What a node reports that no host agent listens to by a channel.
fn alone(report: Report) {
    match report {
        Report::Ready => sd_notify::ready(),
        report => tracing::info!(?report, "report"),
    }
}

/// A node that runs.
pub(crate) struct Running {
    /// The way to its machine: run modes, options, the order to suspend.
    pub(crate) post: Post<Item>,
    ended: oneshot::Receiver<()>,
    stop: watch::Sender<bool>,
    /// Ended by dropping.
    _tasks: JoinSet<()>,
}

impl Running {
    /// Starts every part. `reports` must not wait.
    pub(crate) async fn start(
        settings: NodeSettings,
        reports: Box<dyn FnMut(Report) + Send>,
    ) -> Result<Running, NodeError> {
        let runtime = Handle::current();
        let certificates = settings.tls.as_ref().map(Certificates::read).transpose()?;
        let address = settings.api;
        let bound = TcpListener::bind(address).await;
        let listener = bound.map_err(|source| NodeError::Api { address, source })?;
        let api = listener.local_addr().unwrap_or(address);
        let (post, inbox) = Inbox::new().map_err(|errno| NodeError::Thread(errno.into()))?;
        let decisions = Arc::new(Decisions::new(settings.fallback.clone()));
        match Recorder::start(&settings.state) {
            Ok(recorder) => decisions.keep(recorder),
            // Calls go on without.
            Err(error) => {
                tracing::warn!("{}: decisions are not kept: {error}", settings.state.display());
            }
        }
        let mut tasks = JoinSet::new();
        components(&settings, &decisions, &post, &mut tasks).await?;
        let stream_tls = certificates.as_ref().map(|it| Arc::clone(&it.stream));
        let connections = connections(&settings, stream_tls.clone(), &post, &runtime);
        let standby = standby_link(&settings, stream_tls, &post, &runtime);
        let hub: Arc<Hub> = Arc::default();
        let effects = NodeEffects {
            connections: connections.clone(),
            resolver: Resolver::system(abilities(&settings)),
            standby: standby.clone(),
            hub: Arc::clone(&hub),
            post: post.clone(),
            reports,
            runtime,
        };
        let clock = Clock::new();
        let binding = Binding::new(settings.listen.clone());
        let shared = Shared {
            post: post.clone(),
            hub,
            tokens: settings.tokens.clone(),
            connections,
            standby,
            decisions: Arc::clone(&decisions),
        };
        let api_tls = certificates.as_ref().filter(|_| !settings.api_is_plain);
        let api_tls = api_tls.map(|it| Arc::clone(&it.api));
        let path = settings.directory_path.clone();
        let reload = Reload::new(path, certificates, post.clone());
        let machine = machine(settings, decisions, clock)?;
        let ended = start_thread((machine, effects, inbox), (binding, clock))?;
        tracing::info!(%api, "sip node started");
        let (stop, stopped) = watch::channel(false);
        tasks.spawn(api::serve(shared, listener, api_tls, stopped));
        tasks.spawn(reload.run());
        Ok(Running { post, ended, stop, _tasks: tasks })
    }

    /// Runs until `shutdown` is ready; the port and every connection are closed then.
    pub(crate) async fn until(
        mut self,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), NodeError> {
        tokio::select! {
            () = shutdown => {}
            _ = &mut self.ended => return Err(NodeError::BrokeOff),
        }
        sd_notify::stopping();
        let _ = self.stop.send(true);
        if self.post.send(Item::Stop).await.is_ok() {
            // An error is the end, too.
            let _ = self.ended.await;
        }
        Ok(())
    }
}

/// The components that are configured, each followed by a task of its own.
async fn components(
    settings: &NodeSettings,
    decisions: &Arc<Decisions>,
    post: &Post<Item>,
    tasks: &mut JoinSet<()>,
) -> Result<(), NodeError> {
    if settings.policy.is_none() && settings.monitor.is_none() {
        return Ok(());
    }
    let mut uses = Uses::new();
    let chosen = [("forwarding policy", &settings.policy), ("sip monitor", &settings.monitor)];
    for (what, chosen) in chosen {
        if let Some(Chosen { plugin, settings }) = chosen {
            let of_it = Use { what: what.into(), settings: settings.clone() };
            uses.entry(Arc::clone(plugin)).or_default().push(of_it);
        }
    }
    let kinds = [Kind::ForwardingPolicy, Kind::SipMonitor];
    let state = settings.state.join("plugins");
    let folders = PluginFolders::beside(settings.plugins.clone(), state, &kinds);
    let plugins = Sandbox::start(folders, None, uses).await?.plugins;
    if let Some(Chosen { plugin, settings: of_it }) = settings.policy.clone() {
        let (lines, pool) = (Arc::new(Lines::of(&plugin)), pool(settings.pool)?);
        decisions.ask(plugins.stand(&plugin, of_it, lines, pool).await);
    }
    if let Some(Chosen { plugin, settings: of_it }) = settings.monitor.clone() {
        let (lines, seed) = (Arc::new(Lines::of(&plugin)), u64::from(random_number()?));
        let monitor = plugins.stand(&plugin, of_it, lines, seed).await;
        tasks.spawn(monitor::watch(monitor, post.clone()));
    }
    Ok(())
}

/// One thread asks, so two warm instances are one more than are needed at a time.
fn pool(settings: PoolSettings) -> Result<PoolSettings, NodeError> {
    Ok(PoolSettings { warm: 2, seed: u64::from(random_number()?), ..settings })
}

fn connections(
    settings: &NodeSettings,
    stream_tls: Option<CurrentStreamTls>,
    post: &Post<Item>,
    runtime: &Handle,
) -> Connections {
    let listen = &settings.listen;
    let all = listen.tcp.iter().chain(&listen.tls).chain(&listen.udp).map(SocketAddr::ip);
    let certain: Vec<IpAddr> = all.filter(|ip| !ip.is_unspecified()).collect();
    let of_family = |is_ipv4| certain.iter().copied().find(|ip| ip.is_ipv4() == is_ipv4);
    let sources = [true, false].into_iter().filter_map(of_family).collect();
    Connections::new(post.clone(), stream_tls, sources, runtime.clone())
}

fn standby_link(
    settings: &NodeSettings,
    tls: Option<CurrentStreamTls>,
    post: &Post<Item>,
    runtime: &Handle,
) -> Option<StandbyLink> {
    let pair = settings.standby.clone()?;
    let mutual = pair.certificate_name.zip(tls);
    let mutual = mutual.map(|(peer_name, current)| StandbyTls { current, peer_name });
    let link = StandbySettings {
        name: Arc::clone(&settings.name),
        peer: pair.peer,
        listen: pair.listen,
        peer_address: pair.peer_address,
        tls: mutual,
    };
    Some(StandbyLink::start(link, post.clone(), runtime))
}

/// Addresses of families that the node has sockets of.
fn abilities(settings: &NodeSettings) -> Abilities {
    let listen = &settings.listen;
    let all = || listen.udp.iter().chain(&listen.tcp).chain(&listen.tls);
    let families = match (all().any(SocketAddr::is_ipv4), all().any(SocketAddr::is_ipv6)) {
        (true, false) => LookupIpStrategy::Ipv4Only,
        (false, true) => LookupIpStrategy::Ipv6Only,
        _ => LookupIpStrategy::Ipv4AndIpv6,
    };
    Abilities { families, has_tls: settings.tls.is_some() }
}

fn machine(
    settings: NodeSettings,
    decisions: Arc<Decisions>,
    clock: Clock,
) -> Result<NodeMachine, NodeError> {
    let key = match settings.secret {
        Some(key) => key,
        None => {
            let mut key = [0; 16];
            getrandom::fill(&mut key).map_err(NodeError::Random)?;
            key
        }
    };
    let addresses = settings.listen.udp.iter().chain(&settings.listen.tcp).map(SocketAddr::ip);
    let vip = addresses.into_iter().find(|ip| !ip.is_unspecified());
    let standby = settings.standby.as_ref().map(|pair| {
        let link = standby::Settings {
            pair: Arc::clone(&pair.pair),
            application: Arc::clone(&settings.name),
            machine: 0,
            dials: standby_link::dials(&settings.name, &pair.peer),
            reconnect: Duration::ZERO,
            timeout: Duration::ZERO,
            remote_timeout: Duration::ZERO,
            is_addp: false,
            trace: AddpTrace::Off,
        };
        link.with(&settings.directory.application().backup_sync)
    });
    let of_machine = MachineSettings {
        names: Names::new(settings.sent_by),
        server: settings.name.as_ref().into(),
        secret: Secret::new(key),
        key,
        machine: random_number()?,
        standby,
        source_rate: settings.source_rate,
    };
    let node = Node::new(of_machine, settings.directory, clock.now());
    Ok(NodeMachine::new(node, decisions, vip))
}

fn random_number() -> Result<u32, NodeError> {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes).map_err(NodeError::Random)?;
    Ok(u32::from_ne_bytes(bytes))
}

/// The parts are put together on their own thread: the kernel's view of a socket's memory must not
/// move to another one.
fn start_thread<M>(
    (machine, effects, inbox): (M, NodeEffects, Inbox<Item>),
    around: (Binding, Clock),
) -> Result<oneshot::Receiver<()>, NodeError>
where
    M: Machine + Send + 'static,
{
    let (ended, end) = oneshot::channel::<()>();
    let body = move || {
        SipThread::new(machine, effects, inbox, around).run();
        drop(ended); // also by a panic: that is how the rest learns of it
    };
    std::thread::Builder::new().name("sip".into()).spawn(body).map_err(NodeError::Thread)?;
    Ok(end)
}
