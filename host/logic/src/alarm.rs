//! Alarms: which log events raise one, what runs then, what clears it.
//!
//! ```text
//!                    detect event               cancel event, cancel timeout,
//!                    or a test                  operator, configuration
//!   (re-)armed  ------------------->  active  --------------------------------->  cleared
//!       ^                             |    ^            |                            |
//!       |                             +----+            | clearance reactions        | last
//!       |                        detect event again:    | start                      | reaction
//!       |                        only counted           v                            v ended
//!       +---------------------------- the counted ones are told as re-armed       forgotten
//! ```
//!
//! # Invariants
//! - There is at most one active alarm per condition and subject, tests apart. The subject is the
//!   application that the event is about; its host where it is about none.
//! - A detect event runs each reaction of the condition once, and not again while the alarm is
//!   active. What a repeat would have led to is told when the alarm clears ([`Output::Rearmed`]).
//! - Every run that is put out ends exactly once: by its answer, or by itself
//!   [`REACTION_ANSWER_GRACE`] after its deadline. Its outcome is a log event and is shown beside
//!   the alarm.
//! - A test never stands in for a real event: both can be active at once.
//! - No event of level `Alarm` raises or clears an alarm, so that alarms can not feed themselves.
//! - A restart runs nothing: what was under way is shown as failed.
//! - Cleared alarms are kept only while they have runs, so both tables are bounded
//!   ([`ALARMS_MAX`], [`REACTION_RUNS_MAX`]).
//!
//! This module must not know what a reaction does, nor who writes an event. Reading order: [`io`]
//! (what comes in and goes out), this file (when), `reactions` (what runs then), `rules` and `runs`
//! (the tables beneath).

pub mod io;
mod reactions;
mod rules;
mod runs;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use crate::catalog::{self, About};
use crate::component::Phase;
use crate::config::model::{Condition, Config, Selection};
use crate::control::io::{AlarmView, ClearedBy, Refusal};
use crate::ids::{AlarmId, ApplicationName, ConditionName, HostName, RunId};
#[cfg(doc)]
use crate::limits::REACTION_RUNS_MAX;
use crate::limits::{ALARM_REPEATS_INTERVAL, ALARMS_MAX, REACTION_ANSWER_GRACE};
use crate::log_event::{Level, LogEvent};
use crate::time::{Instant, Now};

pub use io::{Input, Output, Saved, SavedAlarm};
use rules::Rules;
use runs::Runs;

/// All alarms of a control server.
#[derive(Debug)]
pub struct Alarms {
    rules: Rules,
    /// When the input that is being handled was taken.
    now: Now,
    last_alarm: AlarmId,
    last_run: RunId,
    /// Active alarms, and cleared ones with runs.
    alarms: BTreeMap<AlarmId, Alarm>,
    active: BTreeMap<Key, AlarmId>,
    cancels: BTreeSet<(Instant, AlarmId)>,
    runs: Runs,
    /// Alarms that have changed in the input that is being handled.
    touched: BTreeSet<AlarmId>,
    /// Alarms whose counter has grown since it was last told.
    counted: BTreeSet<AlarmId>,
    /// When the grown counters are told.
    tell_counts_at: Option<Instant>,
    /// Events that would have raised an alarm beyond [`ALARMS_MAX`].
    refused: u64,
    outputs: VecDeque<Output>,
    /// Scratch space, kept so that an event that matches nothing allocates nothing.
    found: (Vec<usize>, Vec<usize>),
}

/// An alarm and when it clears itself.
#[derive(Debug)]
struct Alarm {
    view: AlarmView,
    cancel_at: Option<Instant>,
    /// Runs that have not ended.
    open_runs: usize,
}

/// What can be active only once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    condition: ConditionName,
    subject: Subject,
    test: bool,
}

/// What an alarm is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    Application(ApplicationName),
    Host(HostName),
    ControlServer,
}

impl Subject {
    fn of(event: &LogEvent) -> Self {
        match (&event.application, &event.host) {
            (Some(application), _) => Self::Application(application.clone()),
            (None, Some(host)) => Self::Host(host.clone()),
            (None, None) => Self::ControlServer,
        }
    }
}

impl Alarm {
    fn key(&self) -> Key {
        let AlarmView { condition, event, test, .. } = &self.view;
        Key { condition: condition.clone(), subject: Subject::of(event), test: *test }
    }

    /// Whom events about this alarm are about.
    fn about(&self, now: Now) -> About {
        let event = &self.view.event;
        About {
            at: now.at,
            application: event.application.clone(),
            application_type: event.application_type.clone(),
            host: event.host.clone(),
        }
    }
}

impl Alarms {
    /// No alarms yet.
    pub fn new(config: &Config) -> Self {
        Self {
            rules: Rules::new(config),
            now: Now::default(),
            last_alarm: AlarmId::default(),
            last_run: RunId::default(),
            alarms: BTreeMap::new(),
            active: BTreeMap::new(),
            cancels: BTreeSet::new(),
            runs: Runs::default(),
            touched: BTreeSet::new(),
            counted: BTreeSet::new(),
            tell_counts_at: None,
            refused: 0,
            outputs: VecDeque::new(),
            found: Default::default(),
        }
    }

    /// The alarms as they were saved, after a restart of the control server. Runs that were under
    /// way or waiting have failed; nothing is run.
    pub fn restore(config: &Config, saved: Saved, now: Now) -> Self {
        let mut alarms = Self::new(config);
        alarms.now = now;
        alarms.last_alarm = saved.last_alarm;
        alarms.last_run = saved.last_run;
        for SavedAlarm { view, cancel_in } in saved.alarms {
            let id = view.id;
            let cancel_at = cancel_in.map(|left| now.instant + left);
            let alarm = Alarm { view, cancel_at, open_runs: 0 };
            if alarm.view.cleared.is_none() {
                alarms.active.insert(alarm.key(), id);
                alarms.cancels.extend(cancel_at.map(|at| (at, id)));
            }
            alarms.alarms.insert(id, alarm);
            alarms.fail_interrupted_runs(id);
        }
        alarms.clear_unconfigured();
        alarms.tell_changes();
        alarms
    }

    /// What must survive a restart, as of the last input.
    pub fn save(&self) -> Saved {
        let alarms = self.alarms.values().map(|alarm| SavedAlarm {
            view: alarm.view.clone(),
            cancel_in: alarm.cancel_at.map(|at| at.since(self.now.instant)),
        });
        Saved { last_alarm: self.last_alarm, last_run: self.last_run, alarms: alarms.collect() }
    }

    /// Takes in what happened. Drain [`Self::poll`] afterwards.
    pub fn handle(&mut self, now: Now, input: Input) {
        self.upkeep(now);
        match input {
            Input::Event(recorded) => self.on_event(&recorded.event),
            Input::ReactionEnded { run, result } => {
                self.on_reaction_ended(run, result.map_err(|fault| fault.to_string().into()));
            }
            Input::Tick => {}
        }
        self.tell_changes();
    }

    /// Simulates the detect event of a condition for an operator: raises an alarm marked as a
    /// test, which runs the reactions; no other condition sees the event. Records who asked.
    ///
    /// # Errors
    /// No such condition, nobody whom the event could be about, the condition is disabled, an
    /// alarm of it is active, or there is no room.
    pub fn test(
        &mut self,
        now: Now,
        condition: &ConditionName,
        operator: &str,
    ) -> Result<AlarmId, Refusal> {
        self.upkeep(now);
        let result = self.raise_test(condition, operator);
        self.tell_changes();
        result
    }

    fn raise_test(
        &mut self,
        condition: &ConditionName,
        operator: &str,
    ) -> Result<AlarmId, Refusal> {
        let rule = self.rules.condition_named(condition).ok_or_else(|| {
            Refusal::NotFound(format!("condition {condition}: not configured").into())
        })?;
        let conflict = |text: String| Err(Refusal::Conflict(text.into()));
        if !rule.enabled {
            return conflict(format!("condition {condition} is disabled: enable it to test it"));
        }
        let event = self.rules.simulated(&rule, self.now.at)?;
        let subject = Subject::of(&event);
        for test in [false, true] {
            let key = Key { condition: condition.clone(), subject: subject.clone(), test };
            if let Some(active) = self.active.get(&key) {
                let text = format!("alarm {active} of condition {condition} is active");
                return conflict(format!("{text}: wait until it clears, or clear it"));
            }
        }
        if self.active.len() >= ALARMS_MAX {
            return conflict(format!("{ALARMS_MAX} alarms are active: clear some"));
        }
        let about = About::control_server(self.now.at);
        self.record(catalog::operator_test(&about, &operator, condition));
        Ok(self.raise(&rule, event, true))
    }

    /// Clears an alarm for an operator; its clearance reactions run. Records who asked.
    ///
    /// # Errors
    /// No such alarm is active.
    pub fn clear(&mut self, now: Now, alarm: AlarmId, operator: &str) -> Result<(), Refusal> {
        self.upkeep(now);
        let result = self.clear_by_hand(alarm, operator);
        self.tell_changes();
        result
    }

    fn clear_by_hand(&mut self, alarm: AlarmId, operator: &str) -> Result<(), Refusal> {
        let is_active = self.alarms.get(&alarm).is_some_and(|alarm| alarm.view.cleared.is_none());
        if !is_active {
            return Err(Refusal::NotFound(format!("alarm {alarm}: not active").into()));
        }
        let about = About::control_server(self.now.at);
        self.record(catalog::operator_clear(&about, &operator, &alarm));
        self.clear_alarm(alarm, ClearedBy::Operator(operator.into()));
        Ok(())
    }

    /// Uses another configuration from now on. Alarms of conditions that are gone are cleared;
    /// other alarms, and runs that were started, stay as they are.
    pub fn reconfigure(&mut self, now: Now, config: &Config) {
        self.upkeep(now);
        self.rules = Rules::new(config);
        self.clear_unconfigured();
        self.tell_changes();
    }

    /// The next output, until there is none.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When a [`Input::Tick`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        let cancel = self.cancels.first().map(|(at, _)| *at);
        let earliest = Instant::earliest(cancel, self.runs.deadline());
        Instant::earliest(earliest, self.tell_counts_at)
    }

    /// The active alarms, oldest first.
    pub fn active(&self) -> impl Iterator<Item = &AlarmView> {
        self.alarms.values().map(|alarm| &alarm.view).filter(|view| view.cleared.is_none())
    }

    /// The alarm that a run belongs to, while the run has not ended. For calls of a component,
    /// which act in the name of the alarm.
    pub fn alarm_of(&self, run: RunId) -> Option<&AlarmView> {
        let run = self.runs.get(run)?;
        self.alarms.get(&run.alarm).map(|alarm| &alarm.view)
    }

    /// What time alone brings about, before anything else is looked at: an alarm whose cancel
    /// timeout has passed must not swallow the event that comes next.
    fn upkeep(&mut self, now: Now) {
        self.now = now;
        while let Some((at, alarm)) = self.cancels.first().copied()
            && at <= now.instant
        {
            self.clear_alarm(alarm, ClearedBy::Timeout);
        }
        while let Some(run) = self.runs.overdue(now.instant) {
            let grace = REACTION_ANSWER_GRACE.as_secs();
            let reason = format!("no answer {grace} s after its deadline");
            self.on_reaction_ended(run, Err(reason.into()));
        }
        if self.tell_counts_at.is_some_and(|at| at <= now.instant) {
            self.tell_counts_at = None;
            self.touched.append(&mut self.counted);
        }
    }

    fn on_event(&mut self, event: &LogEvent) {
        if event.level == Level::Alarm {
            return;
        }
        let (mut raises, mut clears) = std::mem::take(&mut self.found);
        self.rules.find(event, &mut raises, &mut clears);
        for number in &clears {
            if let Some(condition) = self.rules.condition(*number) {
                self.on_cancel_event(&condition, event);
            }
        }
        for number in &raises {
            if let Some(condition) = self.rules.condition(*number) {
                self.on_detect_event(&condition, event);
            }
        }
        self.found = (raises, clears);
    }

    fn on_cancel_event(&mut self, condition: &Condition, event: &LogEvent) {
        // A condition about one application has one alarm, and the event that ends it may be
        // another application's.
        let subject = match &condition.detect.selection {
            Selection::Application(name) => Subject::Application(name.clone()),
            Selection::ApplicationType(_) | Selection::Any => Subject::of(event),
        };
        for test in [false, true] {
            let key = Key { condition: condition.name.clone(), subject: subject.clone(), test };
            if let Some(alarm) = self.active.get(&key).copied() {
                self.clear_alarm(alarm, ClearedBy::Event);
            }
        }
    }

    fn on_detect_event(&mut self, condition: &Condition, event: &LogEvent) {
        let subject = Subject::of(event);
        let key = Key { condition: condition.name.clone(), subject, test: false };
        let active = self.active.get(&key).and_then(|alarm| self.alarms.get_mut(alarm));
        if let Some(alarm) = active {
            alarm.view.repeats = alarm.view.repeats.saturating_add(1);
            self.counted.insert(alarm.view.id);
            self.tell_counts_at.get_or_insert(self.now.instant + ALARM_REPEATS_INTERVAL);
        } else if self.active.len() < ALARMS_MAX {
            self.raise(condition, event.clone(), false);
        } else {
            if self.refused == 0 {
                let about = About::control_server(self.now.at);
                self.record(catalog::alarms_full(&about, &ALARMS_MAX));
            }
            self.refused += 1;
        }
    }

    fn raise(&mut self, condition: &Condition, event: LogEvent, test: bool) -> AlarmId {
        let id = self.last_alarm.next();
        self.last_alarm = id;
        let subject = || ApplicationName::from(catalog::CONTROL_SERVER);
        let view = AlarmView {
            id,
            condition: condition.name.clone(),
            category: condition.category,
            application: event.application.clone().unwrap_or_else(subject),
            host: event.host.clone(),
            event,
            raised_at: self.now.at,
            cleared: None,
            repeats: 0,
            test,
            reactions: Vec::new(),
        };
        let cancel_at = condition.cancel_timeout.map(|timeout| self.now.instant + timeout);
        let alarm = Alarm { view, cancel_at, open_runs: 0 };
        self.active.insert(alarm.key(), id);
        self.cancels.extend(cancel_at.map(|at| (at, id)));
        let category = format!("{:?}", condition.category).to_lowercase();
        let text = &alarm.view.event.text;
        let about = alarm.about(self.now);
        let raised = catalog::alarm_raised(&about, &condition.name, &id, &category, text);
        self.alarms.insert(id, alarm);
        // The reactions come first: service waits for them, the record does not.
        self.react(id, Phase::Raised, &condition.reactions);
        self.record(raised);
        self.touched.insert(id);
        id
    }

    fn clear_alarm(&mut self, id: AlarmId, by: ClearedBy) {
        let Some(alarm) = self.alarms.get_mut(&id) else { return };
        self.active.remove(&alarm.key());
        if let Some(at) = alarm.cancel_at.take() {
            self.cancels.remove(&(at, id));
        }
        let who: Arc<str> = match &by {
            ClearedBy::Event => "its cancel event".into(),
            ClearedBy::Timeout => "its cancel timeout".into(),
            ClearedBy::Operator(operator) => format!("operator {operator}").into(),
            ClearedBy::Configuration => "a change of the configuration".into(),
        };
        alarm.view.cleared = Some((self.now.at, by));
        let about = alarm.about(self.now);
        let condition = alarm.view.condition.clone();
        let application = alarm.view.application.clone();
        let (repeats, test) = (alarm.view.repeats, alarm.view.test);
        if let Some(rule) = self.rules.condition_named(&condition) {
            self.react(id, Phase::Cleared, &rule.clearance_reactions);
        }
        self.record(catalog::alarm_cleared(&about, &condition, &id, &who, &repeats));
        if repeats > 0 && !test {
            self.record(catalog::alarm_suppressed(&about, &condition, &repeats));
            let rearmed = Output::Rearmed { condition, application, suppressed: repeats };
            self.outputs.push_back(rearmed);
        }
        self.touched.insert(id);
        self.tell_room();
    }

    /// Says that alarms are raised again, once a tenth of the table is free, so that a storm at
    /// the bound does not say so at every single clearance.
    fn tell_room(&mut self) {
        if self.refused > 0 && self.active.len() <= ALARMS_MAX - ALARMS_MAX / 10 {
            let about = About::control_server(self.now.at);
            self.record(catalog::alarms_room(&about, &self.refused));
            self.refused = 0;
        }
    }

    fn clear_unconfigured(&mut self) {
        let gone = |view: &&AlarmView| self.rules.condition_named(&view.condition).is_none();
        let gone: Vec<AlarmId> = self.active().filter(gone).map(|view| view.id).collect();
        for alarm in gone {
            self.clear_alarm(alarm, ClearedBy::Configuration);
        }
    }

    /// Tells what has changed, each alarm once, and drops those that are over.
    fn tell_changes(&mut self) {
        for id in std::mem::take(&mut self.touched) {
            self.counted.remove(&id);
            let Some(alarm) = self.alarms.get(&id) else { continue };
            self.outputs.push_back(Output::Changed(alarm.view.clone()));
            if alarm.view.cleared.is_some() && alarm.open_runs == 0 {
                self.alarms.remove(&id);
            }
        }
    }

    fn record(&mut self, event: LogEvent) {
        self.outputs.push_back(Output::Record(event));
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
