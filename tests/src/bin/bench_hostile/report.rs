//! What was seen, as tables and result lines.

use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use takeover_tests::api::Api;
use takeover_tests::statistics::milliseconds;

/// To be reached.
const LATE_GOAL_MS: f64 = 50.0;
/// To be reached.
const RATIO_GOAL: f64 = 3.0;

/// What was seen in one phase.
pub(crate) struct Phase {
    pub(crate) name: &'static str,
    /// Calls of the good component that were asked for.
    pub(crate) asked: u32,
    pub(crate) calls: Calls,
    /// How late each sign of life was.
    pub(crate) late: Vec<Duration>,
}

/// Times of the calls of one component, from the decision to call it to its end.
pub(crate) struct Calls(Vec<f64>);

impl Calls {
    /// Those that the control server's log tells of, from a place on.
    pub(crate) fn from_log(log: &Path, from: u64, plugin: &str) -> Result<Self> {
        let mut file = File::open(log)?;
        file.seek(SeekFrom::Start(from))?;
        let wanted = format!("plugin={plugin} ");
        let mut times = Vec::new();
        for line in BufReader::new(file).lines() {
            let line = line?;
            if line.contains("reaction ended") && line.contains(&wanted) {
                let took = line.split("took=").nth(1).unwrap_or_default();
                let word = took.split_whitespace().next().unwrap_or_default();
                times.push(in_milliseconds(word).with_context(|| line.clone())?);
            }
        }
        Ok(Self(times))
    }
}

/// A duration as the log writes it.
fn in_milliseconds(text: &str) -> Option<f64> {
    let split = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
    let (number, unit) = text.split_at(split);
    let factor = match unit {
        "ns" => 1e-6,
        "µs" => 1e-3,
        "ms" => 1.0,
        "s" => 1e3,
        _ => return None,
    };
    Some(number.parse::<f64>().ok()? * factor)
}

/// Bytes of a file by now.
pub(crate) fn length(path: &Path) -> Result<u64> {
    Ok(std::fs::metadata(path)?.len())
}

/// Run-mode decisions so far.
pub(crate) fn count_decisions(api: &Api) -> Result<usize> {
    let body = api.get("/v1/switchovers?limit=1000")?;
    let list = body.get("switchovers").and_then(Value::as_array);
    Ok(list.context("no list of switchovers")?.len())
}

/// What became of the hostile set, so that nobody takes silence for safety.
pub(crate) fn print_hostile(plugins: &Value, reloads: u32, orders: (u32, u32)) {
    let (orders, failed) = orders;
    println!(
        "{reloads} reloads, {orders} orders for the hostile backend, of which {failed} failed; \
         calls of each version since it came:"
    );
    println!(
        "{:<22} {:>6} {:>6} {:>6} {:>6} {:>6}  state",
        "plugin", "calls", "answer", "trap", "dead", "limit"
    );
    for plugin in plugins.get("plugins").and_then(Value::as_array).into_iter().flatten() {
        let text = |key: &str| plugin.get(key).and_then(Value::as_str).unwrap_or_default();
        let count = |key: &str| {
            plugin.get("calls").and_then(|calls| calls.get(key)?.as_u64()).unwrap_or_default()
        };
        println!(
            "{:<22} {:>6} {:>6} {:>6} {:>6} {:>6}  {} {}",
            text("name"),
            count("calls"),
            count("answered"),
            count("traps"),
            count("deadlines"),
            count("limits"),
            text("state"),
            text("closed"),
        );
    }
    for rejected in plugins.get("rejected").and_then(Value::as_array).into_iter().flatten() {
        let text = |key: &str| rejected.get(key).and_then(Value::as_str).unwrap_or_default();
        println!("{:<22} refused: {}", text("folder"), text("reason"));
    }
}

/// Prints both phases side by side, then the results.
pub(crate) fn print(quiet: &Phase, hostile: &Phase, lost: usize, decided: usize) -> Result<()> {
    println!(
        "\n{:<10} {:>7} {:>7} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}",
        "phase", "asked", "calls", "p50 ms", "p99 ms", "max ms", "signs", "late p99", "late max"
    );
    for phase in [quiet, hostile] {
        let calls = &phase.calls.0;
        let late = lateness(phase);
        println!(
            "{:<10} {:>7} {:>7} {:>9.2} {:>9.2} {:>9.2} {:>9} {:>9.2} {:>9.2}",
            phase.name,
            phase.asked,
            calls.len(),
            part(calls, 50)?,
            part(calls, 99)?,
            part(calls, 100)?,
            late.len(),
            part(&late, 99)?,
            part(&late, 100)?,
        );
    }
    println!(
        "goals: signs of life at most {LATE_GOAL_MS} ms late, p99 at most {RATIO_GOAL} times as \
         long, no run mode changed; {lost} links were lost"
    );
    let ratio = part(&hostile.calls.0, 99)? / part(&quiet.calls.0, 99)?;
    println!("result hostile.heartbeat_late.max {:.2} ms", part(&lateness(hostile), 100)?);
    println!("result hostile.p99.ratio {ratio:.2} x");
    println!("result hostile.links_lost {lost} count");
    println!("result hostile.run_mode_changes {decided} count");
    let answered = hostile.calls.0.len();
    ensure!(answered >= hostile.asked as usize, "{answered} of {} calls ended", hostile.asked);
    Ok(())
}

fn lateness(phase: &Phase) -> Vec<f64> {
    phase.late.iter().copied().map(milliseconds).collect()
}

/// The value that so many of a hundred do not exceed (nearest rank).
fn part(values: &[f64], percent: usize) -> Result<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let rank = (values.len() * percent).div_ceil(100).saturating_sub(1);
    values.get(rank).copied().context("nothing was measured")
}
