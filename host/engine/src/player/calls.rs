//! Cases of the kinds that are called once: alarm reactions and VIP backends.

use std::sync::Arc;
use std::time::Instant;

use takeover_cases::Case;
use takeover_logic::component::{AlarmCall, Phase, VipOrder};
use takeover_logic::link::{Release, Verdict, VipAction};
use takeover_logic::log_event::EventId;
use takeover_logic::time::Timestamp;

use super::stage::Scene;
use super::words::words;
use super::{Played, Player, alarm, known, order, settings};
use crate::engine::Call;
use crate::limits::CASE_TIMEOUT;
use crate::outcome::Outcome;
use crate::package::{Kind, Plugin};

/// What a case calls.
enum Entry {
    React(Box<AlarmCall>),
    Move(VipAction, VipOrder),
    Probe(VipOrder),
}

impl Player {
    /// # Errors
    /// Why the case can not be played.
    pub(super) async fn play_call(
        &mut self,
        plugin: &Arc<Plugin>,
        case: &Case,
    ) -> Result<Played, Vec<String>> {
        let mut problems = Vec::new();
        let settings = settings(plugin, &case.settings, &mut problems);
        let (alarm, order) = (alarm_of(case, &mut problems), order_of(case, &mut problems));
        let entry = match plugin.manifest.kind {
            Kind::VipBackend => order,
            _ => alarm,
        };
        let (Some(entry), true) = (entry, problems.is_empty()) else {
            return Err(problems);
        };
        let script = Some(case.script());
        self.stage.open(Scene { script, ..Scene::default() });
        let deadline = Instant::now() + CASE_TIMEOUT;
        let outcome = self.outcome(Call { plugin, settings: &settings, deadline }, entry).await;
        let Scene { script, lines, .. } = self.stage.close();
        let Outcome { ended, took, memory_bytes_max, .. } = outcome;
        let ended = words(ended, |text| text);
        let script = script.unwrap_or_else(|| case.script());
        Ok(Played { problems: case.problems(&script, &ended), lines, took, memory_bytes_max })
    }

    /// Calls the component; what it answers is already in the words of cases.
    async fn outcome(&self, call: Call<'_>, entry: Entry) -> Outcome<String> {
        let host = Arc::new(self.stage.clone());
        let engine = &self.engine;
        match entry {
            Entry::React(alarm) => {
                engine.react(call, *alarm, host).await.map(|text| format!("ok: {text}"))
            }
            Entry::Move(action, order) => {
                engine.move_vip(call, action, order, host).await.map(|()| "ok".to_owned())
            }
            Entry::Probe(order) => engine.probe_vip(call, order.binding, host).await.map(presence),
        }
    }
}

/// The alarm that a case speaks of.
fn alarm_of(case: &Case, problems: &mut Vec<String>) -> Option<Entry> {
    let facts = &case.alarm;
    let mut call = alarm(&facts.application);
    call.condition = facts.condition.as_str().into();
    call.phase = if facts.raised { Phase::Raised } else { Phase::Cleared };
    call.test = facts.test;
    call.repeats = facts.repeats;
    call.host = (!facts.host.is_empty()).then(|| facts.host.as_str().into());
    call.event.host.clone_from(&call.host);
    call.event.application_type =
        (!facts.application_type.is_empty()).then(|| facts.application_type.as_str().into());
    call.event.text = facts.text.as_str().into();
    call.event.at = Timestamp(facts.at_unix_ms);
    let category = known("alarm.category", &facts.category, problems);
    let event = &facts.event;
    let Ok(id) = event.parse::<EventId>() else {
        problems.push(format!("alarm.event is {event:?}, allowed is an id such as 00-05150"));
        return None;
    };
    call.event.id = id;
    call.category = category?;
    Some(Entry::React(Box::new(call)))
}

/// The order that a case speaks of.
fn order_of(case: &Case, problems: &mut Vec<String>) -> Option<Entry> {
    let facts = &case.order;
    let release = if facts.confirmed { Release::Confirmed } else { Release::Unknown };
    let mut order = order(release, facts.time_left_ms);
    order.binding.probe_interval_ms = facts.probe_interval_ms.into();
    match facts.action.as_str() {
        "up" => Some(Entry::Move(VipAction::Up, order)),
        "down" => Some(Entry::Move(VipAction::Down, order)),
        "probe" => Some(Entry::Probe(order)),
        other => {
            problems.push(format!("order.action is {other:?}, allowed is up, down or probe"));
            None
        }
    }
}

fn presence(verdict: Verdict) -> String {
    match verdict {
        Verdict::Good => "ok: present".to_owned(),
        Verdict::Bad(_) => "ok: absent".to_owned(),
        Verdict::Unknown(reason) => format!("ok: unknown: {reason}"),
    }
}
