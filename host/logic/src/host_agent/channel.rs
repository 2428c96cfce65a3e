//! What is said to programs on their channels, and by them.
//!
//! A channel belongs to one life of a process. A run mode that such a program is told counts when
//! the program says that it is so, or after a bounded wait, which is an event. The run mode of a
//! process that ended is forgotten while the control server can decide anew; while it is away the
//! next life goes on with it, because nobody else can have been given the role meanwhile.
//!
//! This module must not know sockets, nor how a message is written.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::catalog::{self, About};
use crate::channel::{Calls, FromProgram, Hello, PROTOCOL, ToProgram, VipHere};
use crate::ids::{ApplicationName, OrderId, Term, VipName};
use crate::keep::Kept;
use crate::limits::{
    CHANNEL_CLOSED_REPORT_INTERVAL, CHANNEL_MESSAGES_PER_S_MAX, ORDERS_JOINED_MAX,
    PROGRAM_EVENT_INTERVAL, PROGRAM_EVENTS_MAX, PROGRAM_TEXT_MAX,
};
use crate::link::{AgentMessage, ApplicationSpec, ChannelSpec, Fault, RunMode, Status, Verdict};
use crate::log_event::EventId;
use crate::options::OptionValue;
use crate::run_mode::io::Spoken;
use crate::supervise::{Input as SupervisorInput, Notification};
use crate::time::{Instant, Now};

use super::HostAgent;
use super::drain::Drain;
use super::io::{ChannelInput, OldProcess, Output, Record};

#[cfg(test)]
mod tests;

/// Whether the run mode that a program was told last is its run mode.
#[derive(Clone, Debug)]
enum Progress {
    /// It counts as such, though this life of the program did not say so.
    Assumed,
    /// The program said so.
    Said,
    /// The program has not yet said so.
    Waiting(Waiting),
}

#[derive(Clone, Debug)]
struct Waiting {
    set: (RunMode, Term),
    /// What was its run mode before.
    before: Option<(RunMode, Term)>,
    orders: Vec<OrderId>,
    since: Instant,
    until: Instant,
}

/// The channel of one program, in one life of it.
#[derive(Clone, Debug)]
pub(super) struct Channel {
    spec: ChannelSpec,
    is_connected: bool,
    progress: Progress,
    /// Whether each virtual IP is up, as it was told last.
    vips: BTreeMap<VipName, bool>,
    pub(super) calls: Option<Calls>,
    /// What it said last of the other one of its pair, as far as the control server was told.
    other: Option<Verdict>,
    pub(super) drain: Option<Drain>,
    /// Start of the second in which messages are counted, and their count.
    counted: (Instant, u32),
    /// Log events that it may write now, and since when that is so.
    events: (u32, Instant),
    /// Log events that were dropped and not yet reported.
    dropped: u64,
    /// When an end was reported last.
    reported_at: Option<Instant>,
}

impl Channel {
    fn new(spec: ChannelSpec, now: Instant) -> Self {
        Self {
            spec,
            is_connected: false,
            progress: Progress::Assumed,
            vips: BTreeMap::new(),
            calls: None,
            other: None,
            drain: None,
            counted: (now, 0),
            events: (PROGRAM_EVENTS_MAX, now),
            dropped: 0,
            reported_at: None,
        }
    }

    /// Takes over new settings.
    pub(super) fn reconfigure(&mut self, spec: ChannelSpec) {
        self.spec = spec;
    }

    /// When the wait for a run mode or for the end of calls is over.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let run_mode = match &self.progress {
            Progress::Waiting(waiting) => Some(waiting.until),
            Progress::Assumed | Progress::Said => None,
        };
        Instant::earliest(run_mode, self.drain.as_ref().map(|drain| drain.until))
    }

    pub(super) fn is_connected(&self) -> bool {
        self.is_connected
    }

    /// Whether one more message is within bounds.
    fn count(&mut self, now: Instant) -> bool {
        let (since, count) = &mut self.counted;
        if now.since(*since) >= Duration::from_secs(1) {
            (*since, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
        *count <= CHANNEL_MESSAGES_PER_S_MAX
    }

    /// Whether one more log event is within bounds.
    fn may_write(&mut self, now: Instant) -> bool {
        let (left, since) = &mut self.events;
        let intervals = now.since(*since).as_nanos() / PROGRAM_EVENT_INTERVAL.as_nanos();
        let intervals = u32::try_from(intervals).unwrap_or(u32::MAX);
        if intervals > 0 {
            *left = left.saturating_add(intervals).min(PROGRAM_EVENTS_MAX);
            *since = now;
        }
        let may = *left > 0;
        *left = left.saturating_sub(1);
        may
    }

    /// Ends the wait for a run mode; the orders that waited for it.
    fn stop_waiting(&mut self, then: Progress) -> Option<Waiting> {
        match std::mem::replace(&mut self.progress, then) {
            Progress::Waiting(waiting) => Some(waiting),
            Progress::Assumed | Progress::Said => None,
        }
    }
}

impl HostAgent {
    /// How many calls the program of an application says that it has; none: it did not say.
    pub fn calls(&self, application: &ApplicationName) -> Option<Calls> {
        self.channels.get(application)?.calls
    }

    /// Tells a program what of its options changed; one that is not connected is told all of them
    /// when it is. On the channel an option is named `SECTION/NAME`.
    pub(super) fn tell_options(&mut self, spec: &ApplicationSpec) {
        if spec.channel.is_none() {
            return;
        }
        for (section, options) in &spec.options {
            for (name, value) in options {
                let value = match value {
                    OptionValue::Text(text) => text.to_string(),
                    value => value.to_string(),
                };
                self.set_option(&spec.name, &format!("{section}/{name}"), &value);
            }
        }
    }

    /// Sets an option of an application; its program is told now, or when it connects.
    pub(super) fn set_option(&mut self, application: &ApplicationName, name: &str, value: &str) {
        let (name, value): (Arc<str>, Arc<str>) = (name.into(), value.into());
        let options = self.options.entry(application.clone()).or_default();
        if options.insert(name.clone(), value.clone()).is_none_or(|old| old != value) {
            self.tell_program(application, ToProgram::Option { name, value });
        }
    }

    /// What an earlier agent left: a process that still runs keeps its run mode, as far as anybody
    /// knows; the next life of one that is gone must hear it anew.
    pub(super) fn channel_of_earlier_life(
        &mut self,
        spec: &ApplicationSpec,
        old: Option<OldProcess>,
    ) {
        match old {
            Some(OldProcess::Running { .. }) => self.open_channel(spec),
            Some(OldProcess::Gone { .. }) if spec.channel.is_some() => {
                self.forget_run_mode(&spec.name);
            }
            Some(OldProcess::Gone { .. }) | None => {}
        }
    }

    /// A life of a program begins.
    pub(super) fn open_channel(&mut self, spec: &ApplicationSpec) {
        let name = spec.name.clone();
        match &spec.channel {
            Some(channel) => {
                let channel = Channel::new(channel.clone(), self.now.instant);
                self.channels.insert(name, channel);
            }
            None => drop(self.channels.remove(&name)),
        }
    }

    /// A life of a program ended, and with it what it was told.
    pub(super) fn channel_life_ended(&mut self, name: &ApplicationName) {
        if !self.channels.contains_key(name) {
            return;
        }
        // The status first: it says more than that an order failed.
        self.gather();
        let gone = Fault::Unavailable(format!("the process of {name} ended").into());
        self.drop_channel(name, &gone);
        if self.link.is_up() {
            self.forget_run_mode(name);
        }
    }

    /// An application is no longer configured.
    pub(super) fn forget_channel(&mut self, name: &ApplicationName) {
        let gone = Fault::NotFound(format!("application {name} is no longer configured").into());
        self.drop_channel(name, &gone);
        self.options.remove(name);
    }

    fn drop_channel(&mut self, name: &ApplicationName, fault: &Fault) {
        let Some(mut channel) = self.channels.remove(name) else { return };
        let drained = channel.drain.take().map(|drain| drain.order);
        let waiting = channel.stop_waiting(Progress::Assumed);
        let orders = waiting.into_iter().flat_map(|waiting| waiting.orders);
        for order in orders.chain(drained) {
            self.done(order, Err(fault.clone()));
        }
    }

    fn forget_run_mode(&mut self, name: &ApplicationName) {
        if self.run_modes.remove(name).is_some() {
            self.persist(Record::NoRunMode(name.clone()));
        }
    }

    /// The run mode that an application has, as far as is known: not yet the one that its program
    /// was told and has not confirmed.
    pub(super) fn confirmed_run_mode(&self, name: &ApplicationName) -> Option<(RunMode, Term)> {
        match self.channels.get(name).map(|channel| &channel.progress) {
            Some(Progress::Waiting(waiting)) => waiting.before,
            Some(Progress::Assumed | Progress::Said) | None => self.run_modes.get(name).copied(),
        }
    }

    /// Tells a program its new run mode and has the order wait until it says that it is so. False:
    /// there is nothing to wait for.
    pub(super) fn ask_for_run_mode(
        &mut self,
        now: Instant,
        order: OrderId,
        name: &ApplicationName,
        before: Option<(RunMode, Term)>,
    ) -> bool {
        let (Some(channel), Some(set)) =
            (self.channels.get_mut(name), self.run_modes.get(name).copied())
        else {
            return false;
        };
        match &mut channel.progress {
            Progress::Said if before == Some(set) => return false,
            Progress::Waiting(waiting) if waiting.set == set => {
                if waiting.orders.len() >= ORDERS_JOINED_MAX {
                    self.done(order, Err(Fault::InProgress));
                    return true;
                }
                waiting.orders.push(order);
            }
            _ => {
                let until = now + Duration::from_millis(channel.spec.run_mode_timeout_ms);
                let orders = vec![order];
                let waiting = Waiting { set, before, orders, since: now, until };
                let superseded = channel.stop_waiting(Progress::Waiting(waiting));
                for order in superseded.into_iter().flat_map(|waiting| waiting.orders) {
                    self.done(order, Err(Fault::InProgress));
                }
            }
        }
        self.tell_program(name, ToProgram::RunMode { mode: set.0, term: set.1 });
        true
    }

    /// Takes run modes that were not confirmed in time for confirmed.
    pub(super) fn advance_channels(&mut self, now: Instant) {
        self.advance_drains(now);
        let due: Vec<_> = (self.channels.iter())
            .filter(|(_, channel)| {
                matches!(&channel.progress, Progress::Waiting(waiting) if waiting.until <= now)
            })
            .map(|(name, _)| name.clone())
            .collect();
        for name in due {
            let Some(waiting) = self
                .channels
                .get_mut(&name)
                .and_then(|channel| channel.stop_waiting(Progress::Assumed))
            else {
                continue;
            };
            let about = self.about_program(&name);
            let run_mode = Spoken(waiting.set.0);
            let waited = format!("{} ms", now.since(waiting.since).as_millis());
            self.report(catalog::run_mode_assumed(&about, &name, &run_mode, &waited));
            self.run_mode_reached(&name, waiting.orders);
        }
    }

    fn run_mode_reached(&mut self, name: &ApplicationName, orders: Vec<OrderId>) {
        self.tell_application(name);
        for order in orders {
            self.done(order, Ok(()));
        }
    }

    /// Says something to a program, if it is connected.
    pub(super) fn tell_program(&mut self, name: &ApplicationName, message: ToProgram) {
        if self.channels.get(name).is_some_and(|channel| channel.is_connected) {
            self.outputs.push_back(Output::Tell { application: name.clone(), message });
        }
    }

    /// Tells the programs of its pair whether a virtual IP is up here, where that changed.
    pub(super) fn tell_programs_of_vip(&mut self, vip: &VipName) {
        let Some(address) = self.addresses.get(vip) else { return };
        let pair = address.spec().pair.clone();
        let here = vip_here(vip, address);
        for (name, channel) in &mut self.channels {
            let is_its = channel.is_connected && channel.spec.pair.as_ref() == Some(&pair);
            if is_its && channel.vips.insert(vip.clone(), here.up) != Some(here.up) {
                let (application, message) = (name.clone(), ToProgram::Vip(here.clone()));
                self.outputs.push_back(Output::Tell { application, message });
            }
        }
    }

    /// The holder of an address may be gone: the programs of its pair are asked whether it serves.
    pub(super) fn ask_programs_to_look(&mut self, vip: &VipName) {
        let Some(pair) = self.addresses.get(vip).map(|address| address.spec().pair.clone()) else {
            return;
        };
        let names: Vec<ApplicationName> = (self.channels.iter())
            .filter(|(_, channel)| channel.spec.pair.as_ref() == Some(&pair))
            .map(|(name, _)| name.clone())
            .collect();
        for name in names {
            self.tell_program(&name, ToProgram::Look);
        }
    }

    /// A control server is there: what programs had agreed with another one is not known to it.
    pub(super) fn tell_programs_to_open(&mut self) {
        let is_of_pair = |(_, channel): &(&ApplicationName, &Channel)| channel.spec.pair.is_some();
        let names: Vec<ApplicationName> =
            self.channels.iter().filter(is_of_pair).map(|(name, _)| name.clone()).collect();
        for name in names {
            self.tell_program(&name, ToProgram::Keep(Kept::Again));
        }
    }

    /// A program said what it sees of the other one; told on where it is news.
    fn other_told(&mut self, name: &ApplicationName, seen: Verdict) {
        let Some(channel) = self.channels.get_mut(name) else { return };
        let nothing = channel.other.is_none() && matches!(seen, Verdict::Unknown(_));
        if !nothing && channel.other.replace(seen.clone()).as_ref() != Some(&seen) {
            self.send(AgentMessage::Other { application: name.clone(), seen });
        }
    }

    pub(super) fn channel_input(&mut self, now: Now, name: &ApplicationName, input: ChannelInput) {
        let Some(channel) = self.channels.get_mut(name) else { return };
        match input {
            ChannelInput::Connected => {
                channel.is_connected = true;
                self.greet(name);
            }
            ChannelInput::Ended(reason) => {
                channel.is_connected = false;
                self.other_told(name, Verdict::Unknown("its channel ended".into()));
                if let Some(reason) = reason {
                    self.report_end(now, name, &reason);
                }
            }
            // What a connection that was closed here had still said says nothing any more.
            ChannelInput::Said(_) if !channel.is_connected => {}
            ChannelInput::Said(_) if !channel.count(now.instant) => {
                let max = CHANNEL_MESSAGES_PER_S_MAX;
                self.close_channel(now, name, format!("more than {max} messages within a second"));
            }
            ChannelInput::Said(message) => self.said(now, name, message),
        }
    }

    fn greet(&mut self, name: &ApplicationName) {
        let run_mode = self.run_modes.get(name).copied();
        let supervisor = self.supervisors.get(name);
        let suspending =
            supervisor.is_some_and(|machine| machine.state().status == Status::Suspending);
        let Some(channel) = self.channels.get_mut(name) else { return };
        let pair = channel.spec.pair.clone();
        let of_pair = self.addresses.iter().filter(|(_, address)| {
            // A program without a pair has no addresses.
            pair.as_ref() == Some(&address.spec().pair)
        });
        let vips: Vec<_> = of_pair.map(|(vip, address)| vip_here(vip, address)).collect();
        channel.vips = vips.iter().map(|vip| (vip.name.clone(), vip.up)).collect();
        let hello = Hello {
            protocol: PROTOCOL,
            application: name.clone(),
            pair,
            run_mode: run_mode.map(|(mode, _)| mode),
            term: run_mode.map(|(_, term)| term).unwrap_or_default(),
            vips,
            options: self.options.get(name).cloned().unwrap_or_default(),
            suspending,
        };
        self.tell_program(name, ToProgram::Hello(hello));
        self.repeat_drain(name);
    }

    fn said(&mut self, now: Now, name: &ApplicationName, message: FromProgram) {
        let mut notify = |notification| {
            self.supervisor(now.instant, name, SupervisorInput::Notified(notification));
        };
        match message {
            FromProgram::Ready => notify(Notification::Ready),
            FromProgram::Alive => notify(Notification::Watchdog),
            FromProgram::Stopping => notify(Notification::Stopping),
            FromProgram::Suspended => notify(Notification::Suspended),
            FromProgram::StatusText { text } => notify(Notification::Says(cut(&text))),
            FromProgram::Service { available, why } => {
                match why {
                    Some(why) => notify(Notification::Says(cut(&why))),
                    // The reason of the obstacle that is gone.
                    None if available => notify(Notification::Says("".into())),
                    None => {}
                }
                notify(Notification::Service(available));
            }
            FromProgram::RunModeDone { mode, term } => self.run_mode_done(name, (mode, term)),
            FromProgram::LogEvent { id, text } => self.program_event(now, name, id, &text),
            FromProgram::Calls(calls) => {
                self.calls_told(name, calls);
            }
            FromProgram::Other { serves, why } => {
                let why = cut(&why.unwrap_or_default());
                self.other_told(
                    name,
                    match serves {
                        Some(true) => Verdict::Good,
                        Some(false) => Verdict::Bad(why),
                        None => Verdict::Unknown(why),
                    },
                );
            }
            FromProgram::Keep(keep) => {
                self.send(AgentMessage::Keep { application: name.clone(), keep });
            }
            FromProgram::Unknown => {}
        }
    }

    /// The program is in a run mode. One that it is not to be in any more says nothing.
    fn run_mode_done(&mut self, name: &ApplicationName, done: (RunMode, Term)) {
        if self.run_modes.get(name) == Some(&done)
            && let Some(channel) = self.channels.get_mut(name)
            && let Some(waiting) = channel.stop_waiting(Progress::Said)
        {
            self.run_mode_reached(name, waiting.orders);
        }
    }

    fn program_event(&mut self, now: Now, name: &ApplicationName, id: EventId, text: &str) {
        if !catalog::is_of_programs(id) {
            let reason = format!("log event {id} is not one that a program may write");
            return self.close_channel(now, name, reason);
        }
        let about = self.about_program(name);
        let Some(channel) = self.channels.get_mut(name) else { return };
        if !channel.may_write(now.instant) {
            channel.dropped = channel.dropped.saturating_add(1);
            return;
        }
        let dropped = std::mem::take(&mut channel.dropped);
        if dropped > 0 {
            self.report(catalog::program_events_dropped(&about, name, &dropped));
        }
        self.report(catalog::of_program(&about, id, &cut(text)));
    }

    fn close_channel(&mut self, now: Now, name: &ApplicationName, reason: String) {
        if let Some(channel) = self.channels.get_mut(name) {
            channel.is_connected = false;
        }
        self.report_end(now, name, &reason);
        let (application, reason) = (name.clone(), reason.into());
        self.outputs.push_back(Output::CloseChannel { application, reason });
    }

    fn report_end(&mut self, now: Now, name: &ApplicationName, reason: &str) {
        let Some(channel) = self.channels.get_mut(name) else { return };
        let reported = channel.reported_at;
        let recently = |at: Instant| now.instant.since(at) < CHANNEL_CLOSED_REPORT_INTERVAL;
        if !reported.is_some_and(recently) {
            channel.reported_at = Some(now.instant);
            let about = self.about_program(name);
            self.report(catalog::channel_closed(&about, name, &reason));
        }
    }

    fn about_program(&self, name: &ApplicationName) -> About {
        About {
            at: self.now.at,
            application: Some(name.clone()),
            // The control server knows it.
            application_type: None,
            host: Some(self.identity.host.clone()),
        }
    }
}

fn vip_here(name: &VipName, address: &crate::address::Address) -> VipHere {
    let up = address.present() == Verdict::Good;
    VipHere { name: name.clone(), address: address.spec().address, up }
}

/// As much of a text as is taken in.
fn cut(text: &str) -> Arc<str> {
    text.chars().take(PROGRAM_TEXT_MAX).collect::<String>().into()
}
