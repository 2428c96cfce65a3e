//! Links to host agents: who is there, who has been silent for too long, and what they say.
//!
//! This file must not know what a status or an address means; it passes them on.

use std::sync::Arc;
use std::time::Duration;

use crate::catalog::{self, About};
use crate::control::Control;
use crate::control::io::{HostStatus, LinkEnd, Output};
use crate::control::saved::SavedHost;
use crate::ids::{HostName, ReportSequence, VipName};
use crate::link::{AgentMessage, ControlMessage, Hello, HostSpec, PROTOCOL, Report, Sighting};
use crate::run_mode::Input;
use crate::time::Instant;

/// A host and the link to its agent.
#[derive(Debug)]
pub(super) struct HostLink {
    pub(super) status: HostStatus,
    pub(super) version: Option<Arc<str>>,
    /// Run of the agent.
    session: u64,
    /// When anything was heard of it last.
    heard_at: Instant,
    /// A heartbeat is overdue, and the standby hosts were told.
    suspected: bool,
    /// The newest report that was taken in.
    stored: ReportSequence,
    /// What the agent was told last.
    spec: HostSpec,
}

impl HostLink {
    pub(super) fn new(saved: SavedHost, now: Instant) -> Self {
        Self {
            status: HostStatus::Unknown,
            version: None,
            session: saved.session,
            heard_at: now,
            suspected: false,
            stored: saved.stored,
            spec: HostSpec::default(),
        }
    }

    pub(super) fn save(&self) -> SavedHost {
        SavedHost { session: self.session, stored: self.stored }
    }

    pub(super) fn is_linked(&self) -> bool {
        self.status == HostStatus::Running
    }
}

impl Control {
    pub(super) fn is_linked(&self, host: &HostName) -> bool {
        self.hosts.get(host).is_some_and(HostLink::is_linked)
    }

    pub(super) fn send(&mut self, host: &HostName, message: ControlMessage) {
        self.outputs.push_back(Output::Send { host: host.clone(), message });
    }

    pub(super) fn received(&mut self, host: &HostName, message: AgentMessage) {
        if let AgentMessage::Hello(hello) = message {
            self.hello(host, &hello);
            return;
        }
        let heard_at = self.now.instant;
        // What a link still held when it was closed says nothing any more.
        let Some(link) = self.hosts.get_mut(host).filter(|link| link.is_linked()) else { return };
        link.heard_at = heard_at;
        link.suspected = false;
        match message {
            // The shell shows what is told of plugins, and keeps what is to be kept; nothing is
            // decided by it.
            AgentMessage::Hello(_)
            | AgentMessage::Heartbeat
            | AgentMessage::Plugins { .. }
            | AgentMessage::Keep { .. } => {}
            AgentMessage::Application(state) => self.application_changed(host, &state),
            AgentMessage::Vip(state) => self.vip_told(host, state),
            AgentMessage::Seen { vip, sighting } => self.seen(host, &vip, sighting),
            AgentMessage::Done { order, result } => self.order_done(host, order, result),
            AgentMessage::Calls { application, calls } => {
                self.calls_told(host, application, calls);
            }
            AgentMessage::Other { application, seen } => {
                if self.host_of(&application).as_ref() == Some(host) {
                    self.tell_pair(&application, |side| Input::Other { side, seen });
                }
            }
            AgentMessage::Report { sequence, report } => self.report(host, sequence, report),
        }
    }

    /// A link came up: the agent tells everything and is told everything.
    fn hello(&mut self, host: &HostName, hello: &Hello) {
        if let Some(reason) = self.objection(host, hello) {
            let about = About::host(self.now.at, host);
            self.record(catalog::link_invalid(&about, host, &reason));
            self.send(host, ControlMessage::Refused(reason.clone()));
            self.outputs.push_back(Output::CloseLink { host: host.clone(), reason });
            return;
        }
        // A new link may be there before the end of the old one is seen; its orders are lost.
        self.lose_orders(host);
        let spec = self.spec_for(host);
        let now = self.now.instant;
        let fresh = self.fresh;
        let Some(link) = self.hosts.get_mut(host) else { return };
        let is_news = match link.status {
            HostStatus::Unknown => fresh,
            HostStatus::Disconnected => true,
            HostStatus::Running => false,
        };
        link.status = HostStatus::Running;
        link.version = Some(hello.version.clone());
        link.session = hello.session;
        link.heard_at = now;
        link.suspected = false;
        link.spec = spec.clone();
        let stored = link.stored;
        self.shown.host(host);
        self.send(host, ControlMessage::Welcome { spec, stored });
        if is_news {
            let about = About::host(self.now.at, host);
            self.record(catalog::host_back(&about, host));
        }
        self.vips_on_hello(host, &hello.vips);
        self.applications_on_hello(host, &hello.applications);
    }

    /// Why a link can not be used, if it can not.
    fn objection(&self, host: &HostName, hello: &Hello) -> Option<Arc<str>> {
        if hello.protocol != PROTOCOL {
            let theirs = hello.protocol;
            return Some(format!("protocol {theirs}, this server speaks {PROTOCOL}").into());
        }
        if hello.host != *host {
            return Some(format!("agent says that it is host {}", hello.host).into());
        }
        (!self.hosts.contains_key(host)).then(|| format!("host {host} is not configured").into())
    }

    pub(super) fn link_ended(&mut self, host: &HostName, end: LinkEnd) {
        let reason = match end {
            LinkEnd::Closed => "its agent closed the link",
            LinkEnd::Silent => "its agent was silent",
            LinkEnd::Invalid => "its agent broke the protocol",
        };
        if self.is_linked(host) {
            self.lose_host(host, reason);
        }
    }

    /// A host can not be reached any more, or did not link up in time.
    fn lose_host(&mut self, host: &HostName, reason: &str) {
        let Some(link) = self.hosts.get_mut(host) else { return };
        link.status = HostStatus::Disconnected;
        self.shown.host(host);
        self.lose_orders(host);
        self.vips_out_of_sight(host);
        self.applications_out_of_sight(host);
        let about = About::host(self.now.at, host);
        self.record(catalog::host_lost(&about, host, &reason));
    }

    /// Where this machine itself was not called for a while, what agents sent is still waiting to
    /// be read: that time is not their silence.
    pub(super) fn forgive_own_pause(&mut self, now: Instant) {
        let interval = self.config.control.heartbeat_interval;
        let pause = now.since(self.now.instant);
        if pause > 2 * interval {
            let forgiven = pause.saturating_sub(interval);
            for link in self.hosts.values_mut().filter(|link| link.is_linked()) {
                link.heard_at = link.heard_at + forgiven;
            }
        }
    }

    /// Sends heartbeats, and looks for those that did not come.
    pub(super) fn watch_hosts(&mut self) {
        let now = self.now.instant;
        let linked: Vec<HostName> = self.linked_hosts().cloned().collect();
        if now >= self.heartbeat_at {
            for host in &linked {
                self.send(host, ControlMessage::Heartbeat);
            }
            self.heartbeat_at = now + self.config.control.heartbeat_interval;
        }
        for host in &linked {
            let Some(link) = self.hosts.get_mut(host) else { continue };
            let silence = now.since(link.heard_at);
            if now >= link.heard_at + lost_after(&self.config) {
                let reason = format!("silent for {} ms", silence.as_millis());
                let close = Output::CloseLink { host: host.clone(), reason: reason.clone().into() };
                self.outputs.push_back(close);
                self.lose_host(host, &reason);
            } else if now >= link.heard_at + suspected_after(&self.config) && !link.suspected {
                link.suspected = true;
                self.suspect(host);
            }
        }
        if now >= self.grace_until {
            let waited = self.config.control.startup_grace.as_secs_f64();
            let reason = format!("did not link up within {waited} s");
            let missing: Vec<HostName> = self.hosts_never_heard_of().cloned().collect();
            for host in &missing {
                self.lose_host(host, &reason);
            }
        }
    }

    /// When a heartbeat is due or missing.
    pub(super) fn hosts_deadline(&self) -> Option<Instant> {
        let links = || self.hosts.values().filter(|link| link.is_linked());
        let heartbeat = links().next().map(|_| self.heartbeat_at);
        let missing = links().map(|link| {
            let wait = if link.suspected { lost_after } else { suspected_after };
            link.heard_at + wait(&self.config)
        });
        let grace = self.hosts_never_heard_of().next().map(|_| self.grace_until);
        missing.chain(heartbeat).chain(grace).min()
    }

    pub(super) fn linked_hosts(&self) -> impl Iterator<Item = &HostName> {
        self.hosts.iter().filter(|(_, link)| link.is_linked()).map(|(name, _)| name)
    }

    pub(super) fn hosts_never_heard_of(&self) -> impl Iterator<Item = &HostName> {
        let unknown = |link: &HostLink| link.status == HostStatus::Unknown;
        self.hosts.iter().filter(move |(_, link)| unknown(link)).map(|(name, _)| name)
    }

    /// Takes in a report, unless it came before; says that it did either way.
    fn report(&mut self, host: &HostName, sequence: ReportSequence, report: Report) {
        let Some(link) = self.hosts.get_mut(host) else { return };
        if sequence > link.stored {
            link.stored = sequence;
            match report {
                Report::Event(mut event) => {
                    event.host = event.host.or_else(|| Some(host.clone()));
                    self.record(event);
                }
                Report::Dropped(count) => {
                    let about = About::host(self.now.at, host);
                    self.record(catalog::reports_dropped(&about, host, &count));
                }
            }
        }
        let Some(link) = self.hosts.get(host) else { return };
        let (host, stored) = (host.clone(), link.stored);
        self.outputs.push_back(Output::ReportsStored { host, stored });
    }

    fn seen(&mut self, host: &HostName, vip: &VipName, sighting: Sighting) {
        let about = self.about_vip(vip, host, None);
        if sighting == Sighting::Unclaimed {
            self.unclaimed(vip, host);
        }
        let has_let_go = matches!(sighting, Sighting::LetGo(_));
        self.record(match sighting {
            Sighting::Restored => catalog::vip_restored(&about, vip, host),
            Sighting::Removed => catalog::vip_removed(&about, vip, host),
            Sighting::OtherHolder(holder) => catalog::vip_other_holder(&about, vip, host, &holder),
            Sighting::Unclaimed => catalog::vip_unclaimed(&about, vip, host),
            Sighting::LetGo(reason) => catalog::vip_let_go(&about, vip, host, &reason),
            Sighting::Stuck(reason) => catalog::vip_stuck(&about, vip, host, &reason),
            Sighting::NotAnnounced(reason) => {
                catalog::vip_not_announced(&about, vip, host, &reason)
            }
        });
        if has_let_go {
            self.vip_let_go(host, vip);
        }
    }

    /// Sends the configuration to the agents for which it changed.
    pub(super) fn configure_hosts(&mut self) {
        let linked: Vec<HostName> = self.linked_hosts().cloned().collect();
        for host in linked {
            let spec = self.spec_for(&host);
            let Some(link) = self.hosts.get_mut(&host) else { continue };
            if link.spec != spec {
                link.spec = spec.clone();
                self.send(&host, ControlMessage::Configure(spec));
            }
        }
    }
}

/// Silence after which a host is lost.
fn lost_after(config: &crate::config::model::Config) -> Duration {
    config.control.heartbeat_interval.saturating_mul(config.control.heartbeat_misses)
}

/// Silence after which the first heartbeat counts as missed: a fifth of the interval is left to
/// the network and to both schedulers.
fn suspected_after(config: &crate::config::model::Config) -> Duration {
    config.control.heartbeat_interval.saturating_mul(6) / 5
}
