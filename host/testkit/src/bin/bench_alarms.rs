//! Measures how many log events pass through the alarm conditions in a second, on one core, and
//! whether that depends on the number of conditions. First part of `cargo xtask bench alarms`.
#![expect(clippy::print_stdout, reason = "its output is its purpose")]

use std::sync::Arc;
use std::time::{Duration, Instant as Clock};

use takeover_logic::alarm::{Alarms, Input, Output};
use takeover_logic::catalog::{self, About};
use takeover_logic::config::model::{Application, Config, Selection};
use takeover_logic::control::io::RecordedEvent;
use takeover_logic::ids::EventSequence;
use takeover_logic::log_event::{Attribute, EventId, Level, LogEvent};
use takeover_logic::time::{Instant, Now, Timestamp};
use takeover_testkit::builders;

/// Events of one pass.
const EVENTS: usize = 1_000_000;
/// Events made at a time, outside of what is measured.
const CHUNK: usize = 50_000;
/// One event in so many is wanted by a condition.
const WANTED_EVERY: usize = 100;
/// Passes for each number of conditions; the median counts.
const PASSES: usize = 5;
/// Time between two events: the rate that is to be reached.
const EVENT_INTERVAL: Duration = Duration::from_micros(5);
/// To be reached with the most conditions.
const GOAL_PER_S: f64 = 200_000.0;

/// What one pass did.
struct Pass {
    per_s: f64,
    raised: usize,
    runs: usize,
}

fn main() {
    println!(
        "{EVENTS} events, 1 in {WANTED_EVERY} wanted by a condition and raising an alarm, one core"
    );
    println!(
        "{:>10}  {:>10}  {:>12}  {:>8}  {:>8}",
        "conditions", "ns/event", "events/s", "alarms", "runs"
    );
    let mut last = 0.0;
    for count in [10, 1_000, 10_000] {
        let applications = applications(count);
        let config = config(count, &applications);
        let mut passes: Vec<Pass> = (0..PASSES).map(|_| pass(&config, &applications)).collect();
        passes.sort_by(|a, b| a.per_s.total_cmp(&b.per_s));
        let Some(Pass { per_s, raised, runs }) = passes.get(PASSES / 2) else { return };
        let nanos = 1e9 / per_s;
        println!("{count:>10}  {nanos:>10.0}  {per_s:>12.0}  {raised:>8}  {runs:>8}");
        last = *per_s;
    }
    println!("goal: {GOAL_PER_S:.0} events/s with 10,000 conditions, flat");
    println!("result alarms.events_per_s {last:.0} 1/s");
}

/// As many applications as a site with so many conditions has: four conditions for each pair.
fn applications(conditions: usize) -> Vec<Application> {
    let kind: Arc<str> = "sip-server".into();
    let name = |number| format!("sip-{number:05}");
    (0..(conditions / 2).max(2)).map(|n| builders::program(&name(n), &kind, "h1")).collect()
}

/// Half of the conditions select one event by application, as those of pairs do; a quarter
/// select by type and a quarter any application, each another event.
fn config(count: usize, applications: &[Application]) -> Config {
    let mut config = builders::empty_config();
    let reaction = builders::reaction("VIP");
    for application in applications {
        config.applications.insert(application.name.clone(), application.clone());
    }
    for number in 0..count {
        let own = EventId::new(0, 10_000 + u32::try_from(number).unwrap_or(0));
        let whose = applications.get(number / 2).map(|found| found.name.clone());
        let (event, selection) = match (number % 4, whose) {
            (0 | 1, Some(whose)) => (catalog::RUN_MODE_PRIMARY, Selection::Application(whose)),
            (2, _) => (own, Selection::ApplicationType("sip-server".into())),
            _ => (own, Selection::Any),
        };
        let mut condition = builders::condition(format!("C{number:05}"), event, selection);
        // Shorter than the time between two events that it wants, so that each of them raises an
        // alarm, with few conditions as with many.
        condition.cancel_timeout = Some(Duration::from_millis(1));
        if number % 4 < 2 {
            condition.reactions.push(reaction.name.clone());
        }
        config.conditions.insert(condition.name.clone(), condition);
    }
    config.reactions.insert(reaction.name.clone(), reaction);
    config
}

/// The n-th event: mostly ones that no condition wants, by their id or by their application.
fn event(number: usize, at: Now, applications: &[Application], conditions: usize) -> LogEvent {
    let nobody = !number.is_multiple_of(WANTED_EVERY);
    let turn = number / WANTED_EVERY;
    let place = if nobody { number } else { turn % conditions / 2 } % applications.len();
    let about = match applications.get(place) {
        Some(application) => About::application(at.at, application),
        None => About::control_server(at.at),
    };
    let id = if nobody {
        // Every second one has an id that conditions select by application, but about nobody.
        let foreign = EventId::new(1, u32::try_from(number % 50_000).unwrap_or(0));
        if number.is_multiple_of(2) { catalog::RUN_MODE_PRIMARY } else { foreign }
    } else {
        let wanted = turn % conditions;
        let own = 10_000 + u32::try_from(wanted).unwrap_or(0);
        if wanted % 4 < 2 { catalog::RUN_MODE_PRIMARY } else { EventId::new(0, own) }
    };
    let stranger = nobody.then(|| "not-configured".into());
    LogEvent {
        id,
        level: Level::Standard,
        text: "something happened".into(),
        application: stranger.or(about.application),
        application_type: about.application_type,
        host: about.host,
        at: at.at,
        attributes: vec![Attribute::new("number", number)],
    }
}

/// Pushes all events through fresh alarms and does what the control server does with the outputs:
/// recorded events come back in, reactions are answered.
fn pass(config: &Config, applications: &[Application]) -> Pass {
    let mut alarms = Alarms::new(config);
    let mut measured = Duration::ZERO;
    let (mut raised, mut runs) = (0, 0);
    for first in (0..EVENTS).step_by(CHUNK) {
        let chunk: Vec<(Now, LogEvent)> = (first..first + CHUNK)
            .map(|number| {
                let after = EVENT_INTERVAL * u32::try_from(number).unwrap_or(u32::MAX);
                let now = Now { instant: Instant(0) + after, at: Timestamp(0) };
                (now, event(number, now, applications, config.conditions.len()))
            })
            .collect();
        let begin = Clock::now();
        for (now, event) in chunk {
            alarms.handle(now, recorded(event));
            while let Some(output) = alarms.poll() {
                match output {
                    Output::Run(run) => {
                        runs += 1;
                        let ended = Input::ReactionEnded { run: run.run, result: Ok("".into()) };
                        alarms.handle(now, ended);
                    }
                    Output::Record(event) => {
                        raised += usize::from(event.id == catalog::ALARM_RAISED);
                        alarms.handle(now, recorded(event));
                    }
                    Output::Changed(_) | Output::Rearmed { .. } => {}
                }
            }
        }
        measured += begin.elapsed();
    }
    Pass { per_s: EVENTS as f64 / measured.as_secs_f64(), raised, runs }
}

fn recorded(event: LogEvent) -> Input {
    Input::Event(RecordedEvent { sequence: EventSequence(0), event })
}
