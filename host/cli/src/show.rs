//! How things look to people: times, words, overviews, events, alarms, explanations.

use jiff::tz::TimeZone;
use serde::Serialize;
use takeover::api::types::{ConditionsBody, OverviewBody, SelectorBy, SelectorView};
use takeover_logic::component::Phase;
use takeover_logic::control::io::{
    AlarmView, ApplicationDetail, ApplicationView, ClearedBy, HostStatus, Overview, ReactionState,
    ReactionView, RecordedEvent, Step,
};
use takeover_logic::link::{Exit, RunMode, Status, StatusCause, Verdict};
use takeover_logic::log_event::Level;
use takeover_logic::time::Timestamp;

use crate::health::{holders, host_of, is_critical, troubles};
use crate::out::{Out, Style, clean};
use crate::table::{Cell, Table};

/// How to show things: where, and in which time zone.
#[derive(Clone, Debug)]
pub(crate) struct Show {
    /// Where.
    pub(crate) out: Out,
    /// Of the person who reads.
    pub(crate) zone: TimeZone,
}

/// The word for a value, as in configuration, API and page.
pub(crate) fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word.replace('-', " "),
        _ => String::new(),
    }
}

impl Show {
    /// For the person at this terminal.
    pub(crate) fn new() -> Self {
        Self { out: Out::new(), zone: TimeZone::system() }
    }

    /// A point of time to the millisecond.
    pub(crate) fn time(&self, at: Timestamp) -> String {
        let millis = i64::try_from(at.0).unwrap_or(i64::MAX);
        match jiff::Timestamp::from_millisecond(millis) {
            Ok(at) => at.to_zoned(self.zone.clone()).strftime("%F %T%.3f").to_string(),
            Err(_) => format!("{at} ms"),
        }
    }

    /// The whole overview: first whether all is well, then the details.
    pub(crate) fn overview(&self, body: &OverviewBody) -> String {
        let overview = &body.overview;
        let mut text = self.verdict(body);
        let sections = [pairs(overview), vips(overview), hosts(overview), applications(overview)];
        for section in sections.into_iter().flatten() {
            text.push('\n');
            text.push_str(&section.render(self.out));
        }
        text.push('\n');
        text.push_str(&self.alarms(&overview.alarms));
        text
    }

    fn verdict(&self, body: &OverviewBody) -> String {
        let at = self.out.paint(Style::Dim, &self.time(body.at));
        let troubles = troubles(&body.overview);
        if troubles.is_empty() {
            return format!("{}  {at}\n", self.out.paint(Style::Good, "all is well"));
        }
        let mut text = format!("{}  {at}\n", self.out.paint(Style::Bad, "not all is well"));
        for trouble in troubles {
            text.push_str(&format!("  {}\n", clean(&trouble)));
        }
        text
    }

    /// One application with its options.
    pub(crate) fn application(&self, detail: &ApplicationDetail) -> String {
        let one = &detail.application;
        let mode = one.run_mode.map(|mode| format!(", {}", word(&mode))).unwrap_or_default();
        let text = format!("{} on {}: {}{mode}", one.name, one.host, status(one));
        let mut text = format!("{}\n", clean(&text));
        let mut table = Table::new(&["option", "value", "configured", "set by", "at"]);
        for option in &detail.options {
            let set = option.set_by.as_deref().unwrap_or_default();
            let at = option.set_at.map(|at| self.time(at)).unwrap_or_default();
            let configured = match &option.set_by {
                Some(_) => option.configured.to_string(),
                None => String::new(),
            };
            table.row(vec![
                Cell::from(format!("{}/{}", option.section, option.name)),
                Cell::from(option.value.to_string()),
                Cell::from(configured),
                Cell::from(set),
                Cell::from(at),
            ]);
        }
        match table.is_empty() {
            true => text.push_str("no options\n"),
            false => text.push_str(&table.render(self.out)),
        }
        text
    }

    /// Alarms, each with its reactions below it.
    pub(crate) fn alarms(&self, alarms: &[AlarmView]) -> String {
        if alarms.is_empty() {
            return format!("{}\n", self.out.paint(Style::Dim, "no alarms"));
        }
        let headings =
            ["alarm", "severity", "condition", "about", "raised", "repeats", "reactions"];
        let mut table = Table::new(&headings);
        for alarm in alarms {
            let style = if is_critical(alarm.category) { Style::Bad } else { Style::Attention };
            let test = if alarm.test { " (test)" } else { "" };
            let about = match &alarm.host {
                Some(host) => format!("{} on {host}", alarm.application),
                None => alarm.application.to_string(),
            };
            let mut reactions = alarm.reactions.iter().map(reaction);
            let first = reactions.next().unwrap_or_else(|| "none".into());
            table.row(vec![
                Cell::from(alarm.id),
                Cell::styled(style, format!("{}{test}", word(&alarm.category))),
                Cell::from(&alarm.condition),
                Cell::from(about),
                Cell::from(self.time(alarm.raised_at)),
                Cell::from(alarm.repeats),
                first,
            ]);
            let blank = || vec![Cell::from(""); headings.len() - 1];
            for reaction in reactions {
                table.row(blank().into_iter().chain([reaction]).collect());
            }
            if let Some((at, by)) = &alarm.cleared {
                let text = format!("cleared {} by {}", self.time(*at), cleared_by(by));
                table.row(blank().into_iter().chain([Cell::styled(Style::Dim, text)]).collect());
            }
        }
        table.render(self.out)
    }

    /// The alarm conditions.
    pub(crate) fn conditions(&self, body: &ConditionsBody) -> String {
        let headings = ["condition", "severity", "raised by", "runs", "cleared by", "meaning"];
        let mut table = Table::new(&headings);
        for one in &body.conditions {
            let names = one.reactions.iter().map(ToString::to_string).collect::<Vec<_>>();
            let cancel = one.cancel.as_ref().map(selector);
            let timeout = one.cancel_timeout_s.map(|seconds| format!("{seconds} s"));
            let cleared: Vec<_> = cancel.into_iter().chain(timeout).collect();
            let severity = word(&one.category) + if one.enabled { "" } else { " (disabled)" };
            table.row(vec![
                Cell::from(&one.name),
                Cell::from(severity),
                Cell::from(selector(&one.detect)),
                Cell::from(names.join(", ")),
                Cell::from(cleared.join(" or ")),
                Cell::from(&one.description),
            ]);
        }
        table.render(self.out)
    }

    /// One log event in one line; widths are fixed because lines come one by one.
    pub(crate) fn event(&self, recorded: &RecordedEvent) -> String {
        let event = &recorded.event;
        let style = match event.level {
            Level::Alarm => Style::Attention,
            Level::Standard => Style::Plain,
            _ => Style::Dim,
        };
        let about = match (&event.application, &event.host) {
            (Some(application), Some(host)) => format!("{application}@{host}"),
            (Some(application), None) => application.to_string(),
            (None, Some(host)) => format!("@{host}"),
            (None, None) => "-".to_owned(),
        };
        let mut text = event.text.to_string();
        // Most of them are in the sentence already; the rest is told beside it.
        let told = |value: &str| event.text.contains(value);
        for attribute in event.attributes.iter().filter(|one| !told(&one.value)) {
            text.push_str(&format!("  {}={}", attribute.name, attribute.value));
        }
        format!(
            "{:>6}  {}  {}  {:<11}  {:<16}  {}\n",
            recorded.sequence.0,
            self.out.paint(Style::Dim, &self.time(event.at)),
            event.id,
            word(&event.level),
            clean(&about),
            self.out.paint(style, &clean(&text)),
        )
    }

    /// The explanation of a decision.
    pub(crate) fn steps(&self, steps: &[Step]) -> String {
        let Some(first) = steps.first() else { return "no step is recorded\n".to_owned() };
        let term = steps.iter().map(|step| step.term).max().unwrap_or_default();
        let mut text = format!(
            "decision {} about pair {}, term {term}, {}\n",
            first.switchover,
            first.pair,
            self.time(first.at)
        );
        for step in steps {
            let after = format!("{:>+9.3} s", step.after.as_secs_f64());
            let after = self.out.paint(Style::Dim, &after);
            text.push_str(&format!("{after}  {}\n", clean(&step.sentence)));
        }
        text
    }
}

fn pairs(overview: &Overview) -> Option<Table> {
    let mut table = Table::new(&["pair", "primary", "backup", "term", "decision", "state"]);
    let on = |name: &takeover_logic::ids::ApplicationName| match host_of(overview, name) {
        Some(host) => format!("{name} on {host}"),
        None => name.to_string(),
    };
    for pair in &overview.pairs {
        let primary = match &pair.primary {
            Some(name) => Cell::styled(Style::Good, on(name)),
            None => Cell::styled(Style::Bad, "none"),
        };
        let backup = pair.backup.as_ref().map(on).unwrap_or_else(|| "none".to_owned());
        let decision = pair.switchover.map(|id| id.to_string()).unwrap_or_default();
        let state = if pair.paused { "paused; " } else { "" }.to_owned() + &pair.state;
        table.row(vec![
            Cell::from(&pair.name),
            primary,
            Cell::from(backup),
            Cell::from(pair.term),
            Cell::from(decision),
            Cell::styled(if pair.paused { Style::Attention } else { Style::Plain }, state),
        ]);
    }
    (!table.is_empty()).then_some(table)
}

fn vips(overview: &Overview) -> Option<Table> {
    let mut table = Table::new(&["virtual IP", "pair", "address", "held by"]);
    for vip in &overview.vips {
        let names: Vec<_> = holders(vip).iter().map(|host| host.as_str()).collect();
        let held = match names.as_slice() {
            [] => Cell::styled(Style::Bad, "no host"),
            [one] => Cell::styled(Style::Good, *one),
            several => Cell::styled(Style::Bad, several.join(" and ")),
        };
        let mut row =
            vec![Cell::from(&vip.name), Cell::from(&vip.pair), Cell::from(&vip.address), held];
        for (host, verdict) in &vip.presence {
            if let Verdict::Unknown(reason) = verdict {
                let text = format!("{host}: unknown, {reason}");
                row.push(Cell::styled(Style::Attention, text));
            }
        }
        table.row(row);
    }
    (!table.is_empty()).then_some(table)
}

fn hosts(overview: &Overview) -> Option<Table> {
    let mut table = Table::new(&["host", "status", "address", "version"]);
    for host in &overview.hosts {
        let style = match host.status {
            HostStatus::Running => Style::Good,
            HostStatus::Unknown => Style::Attention,
            HostStatus::Disconnected => Style::Bad,
        };
        table.row(vec![
            Cell::from(&host.name),
            Cell::styled(style, word(&host.status)),
            Cell::from(host.address),
            Cell::from(host.version.as_deref().unwrap_or_default()),
        ]);
    }
    (!table.is_empty()).then_some(table)
}

fn applications(overview: &Overview) -> Option<Table> {
    let mut table = Table::new(&["application", "host", "status", "run mode", "pid", "says"]);
    for one in &overview.applications {
        let mode = one.run_mode.as_ref().map(word).unwrap_or_default();
        let mode_style = match one.run_mode {
            Some(RunMode::Primary) => Style::Good,
            _ => Style::Plain,
        };
        table.row(vec![
            Cell::from(&one.name),
            Cell::from(&one.host),
            Cell::styled(status_style(one), status(one)),
            Cell::styled(mode_style, mode),
            Cell::from(one.pid.map(|pid| pid.to_string()).unwrap_or_default()),
            Cell::from(one.says.as_deref().unwrap_or_default()),
        ]);
    }
    (!table.is_empty()).then_some(table)
}

fn status_style(one: &ApplicationView) -> Style {
    match one.status {
        Status::Running => Style::Good,
        Status::Stopped if one.cause == Some(StatusCause::Ordered) => Style::Plain,
        Status::Stopped | Status::ServiceUnavailable => Style::Bad,
        _ => Style::Attention,
    }
}

fn status(one: &ApplicationView) -> String {
    let cause = match one.cause {
        Some(StatusCause::Died(exit @ (Exit::Code(_) | Exit::Signal(_)))) => {
            format!(": died, {exit}")
        }
        Some(StatusCause::Died(Exit::Unseen)) => ": died".to_owned(),
        Some(StatusCause::HungUp) => ": hung up".to_owned(),
        Some(StatusCause::StartFailed) => ": start failed".to_owned(),
        Some(StatusCause::Restarted) => ", restarted".to_owned(),
        Some(StatusCause::Adopted) => ", adopted".to_owned(),
        Some(StatusCause::Ordered | StatusCause::Reported) | None => String::new(),
    };
    word(&one.status) + &cause
}

fn reaction(view: &ReactionView) -> Cell {
    let name = match view.phase {
        Phase::Raised => view.reaction.to_string(),
        Phase::Cleared => format!("{} (clearance)", view.reaction),
    };
    match &view.state {
        ReactionState::Waiting => Cell::styled(Style::Dim, format!("{name}: waits")),
        ReactionState::Running => Cell::from(format!("{name}: runs")),
        ReactionState::Succeeded(text) if text.is_empty() => {
            Cell::styled(Style::Good, format!("{name}: succeeded"))
        }
        ReactionState::Succeeded(text) => {
            Cell::styled(Style::Good, format!("{name}: succeeded, {text}"))
        }
        ReactionState::Failed(text) => Cell::styled(Style::Bad, format!("{name}: failed, {text}")),
    }
}

fn cleared_by(by: &ClearedBy) -> String {
    match by {
        ClearedBy::Event => "its cancel event".to_owned(),
        ClearedBy::Timeout => "its cancel timeout".to_owned(),
        ClearedBy::Operator(name) => format!("operator {name}"),
        ClearedBy::Configuration => "a change of the configuration".to_owned(),
    }
}

fn selector(view: &SelectorView) -> String {
    match (view.by, &view.name) {
        (SelectorBy::Application, Some(name)) => format!("{} about {name}", view.event),
        (SelectorBy::ApplicationType, Some(name)) => {
            format!("{} about any {name}", view.event)
        }
        _ => format!("{} about any application", view.event),
    }
}

#[cfg(test)]
mod tests;
