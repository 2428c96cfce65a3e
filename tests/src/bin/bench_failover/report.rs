//! The bench's tables and result lines.

use anyhow::Result;
use takeover_tests::statistics::Summary;

use crate::Arguments;
use crate::contestant::Who;

/// What happens to the holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// SIGKILL of the SIP server.
    Kill,
    /// A switchover by order.
    Manual,
    /// Its power fails.
    Host,
}

impl Event {
    /// Every event.
    pub(crate) const ALL: [Event; 3] = [Event::Kill, Event::Manual, Event::Host];

    /// Its name in result lines.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Event::Kill => "kill",
            Event::Manual => "manual",
            Event::Host => "host",
        }
    }
}

/// Every measurement.
#[derive(Default)]
pub(crate) struct Report {
    runs: Vec<(Who, Event, Option<f64>)>,
    false_takeovers: Vec<Who>,
}

impl Report {
    /// Keeps one measurement; a failed one is counted, not hidden.
    pub(crate) fn add(&mut self, who: Who, event: Event, measured: Result<f64>) {
        self.runs.push((who, event, measured.ok()));
    }

    /// Counts a takeover for which there was no reason.
    pub(crate) fn add_false_takeover(&mut self, who: Who) {
        self.false_takeovers.push(who);
    }

    /// Whether any repeat failed.
    pub(crate) fn has_failures(&self) -> bool {
        self.runs.iter().any(|(_, _, outage)| outage.is_none())
    }

    fn of(&self, who: Who, event: Event) -> (Option<Summary>, usize) {
        let runs: Vec<Option<f64>> = self
            .runs
            .iter()
            .filter(|(w, e, _)| *w == who && *e == event)
            .map(|(_, _, outage)| *outage)
            .collect();
        let good: Vec<f64> = runs.iter().flatten().copied().collect();
        (Summary::of(&good), runs.len() - good.len())
    }

    /// Prints the table and the result lines.
    #[expect(clippy::print_stdout, reason = "what the bench is for")]
    pub(crate) fn print(&self, arguments: &Arguments) {
        let scheduling = if arguments.realtime { "SCHED_FIFO" } else { "ordinary scheduling" };
        println!("outage at the client in ms, median / p95 / max; {scheduling}; lab of namespaces");
        println!("host loss: heartbeat 50 ms x 3 of ours and of the floor\n");
        for event in Event::ALL {
            println!("{}", event.name());
            let ours = self.of(Who::Ours, event).0;
            for who in Who::ALL {
                let (summary, failed) = self.of(who, event);
                let Some(summary) = summary else {
                    if failed > 0 {
                        println!("  {:28} all {failed} repeats failed", who.title());
                    }
                    continue;
                };
                let ratio = match ours {
                    Some(ours) if who != Who::Ours && ours.median > 0.0 => {
                        format!("{:8.2} x ours", summary.median / ours.median)
                    }
                    _ => String::new(),
                };
                let failed = if failed > 0 { format!(", {failed} failed") } else { String::new() };
                let runs = summary.count;
                println!("  {:28} {summary:24} {ratio:16} {runs} runs{failed}", who.title());
            }
        }
        for who in Who::ALL {
            let count = self.false_takeovers.iter().filter(|found| **found == who).count();
            if count > 0 {
                println!("{}: took over for nothing {count} times, not in the table", who.title());
            }
        }
        println!();
        for (who, prefix) in [(Who::Floor, "floor."), (Who::Ours, "")] {
            for event in Event::ALL {
                if let (Some(summary), _) = self.of(who, event) {
                    let name = format!("result {prefix}failover.{}", event.name());
                    println!("{name}.median {:.2} ms", summary.median);
                    if event == Event::Kill {
                        println!("{name}.p95 {:.2} ms", summary.p95);
                    }
                }
            }
        }
    }
}
