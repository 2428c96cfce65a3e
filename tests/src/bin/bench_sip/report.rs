//! The table and the lines of results.

use std::collections::BTreeMap;

use takeover_tests::statistics::Summary;

use crate::load::{Load, Step};
use crate::server::Who;

/// Everything that was measured.
#[derive(Default)]
pub(crate) struct Report {
    compared: BTreeMap<(Load, Who), Vec<Step>>,
    clean: BTreeMap<Who, u32>,
    overload: Vec<(&'static str, u32, Step)>,
    memory: Option<(f64, f64)>,
}

impl Report {
    pub(crate) fn compared(&mut self, load: Load, who: Who, step: Step) {
        self.compared.entry((load, who)).or_default().push(step);
    }

    pub(crate) fn clean(&mut self, who: Who, rate: u32) {
        self.clean.insert(who, rate);
    }

    pub(crate) fn overload(&mut self, name: &'static str, rate: u32, step: Step) {
        self.overload.push((name, rate, step));
    }

    pub(crate) fn memory(&mut self, memory: (f64, f64)) {
        self.memory = Some(memory);
    }

    /// Whether a call failed at a rate at which none should.
    pub(crate) fn has_failures(&self) -> bool {
        self.compared.values().flatten().any(|step| step.failed > 0)
    }

    fn cpu(&self, load: Load, who: Who) -> Option<f64> {
        let steps = self.compared.get(&(load, who))?;
        let values: Vec<f64> = steps.iter().map(|step| step.cpu_us).collect();
        Summary::of(&values).map(|summary| summary.median)
    }

    #[expect(clippy::print_stdout, reason = "the output of a bench")]
    pub(crate) fn print(&self) {
        println!("| on-CPU time per call, us | takeover | kamailio | ratio |");
        println!("|---|---|---|---|");
        let mut results = Vec::new();
        for load in Load::ALL {
            let both = (self.cpu(load, Who::Ours), self.cpu(load, Who::Kamailio));
            let (Some(ours), Some(theirs)) = both else { continue };
            let (name, ratio) = (load.name(), ours / theirs);
            println!("| {name} | {ours:.1} | {theirs:.1} | {ratio:.2} |");
            results.push(format!("result sip.{name}.ratio {ratio:.2} x"));
            results.push(format!("result sip.{name}.cpu {ours:.1} us"));
        }
        for (who, rate) in &self.clean {
            println!("highest clean rate of proxied calls, {who:?}: {rate}/s");
        }
        for (name, rate, step) in &self.overload {
            println!("overload {name} ({rate}/s): {step}");
            let all = (step.successful + step.failed).max(1) as f64;
            let served = 100.0 * step.successful as f64 / all;
            results.push(format!("result sip.overload_{name}.served {served:.1} %"));
        }
        if let Some(rate) = self.clean.get(&Who::Ours) {
            results.push(format!("result sip.proxy.clean_rate {rate} 1/s"));
        }
        if let Some((registrations, calls)) = self.memory {
            results.push(format!("result sip.memory_10000_registrations {registrations:.1} MiB"));
            results.push(format!("result sip.memory_1000_calls {calls:.1} MiB"));
        }
        results.iter().for_each(|line| println!("{line}"));
    }
}
