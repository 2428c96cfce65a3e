//! The table and the lines of results.

use std::collections::BTreeMap;

use takeover_tests::statistics::Summary;

use crate::load::{Load, Step};
use crate::server::Who;

/// Two steps one right after the other: what disturbs this machine disturbs both.
#[derive(Clone, Copy)]
pub(crate) struct Pair {
    pub(crate) ours: Step,
    pub(crate) theirs: Step,
}

/// Everything that was measured.
#[derive(Default)]
pub(crate) struct Report {
    compared: BTreeMap<Load, Vec<Pair>>,
    clean: BTreeMap<Who, u32>,
    overload: Vec<(&'static str, u32, Step)>,
    memory: Option<(f64, f64)>,
}

impl Report {
    pub(crate) fn compared(&mut self, load: Load, pair: Pair) {
        self.compared.entry(load).or_default().push(pair);
    }

    pub(crate) fn clean(&mut self, who: Who, rate: u32) {
        self.clean.insert(who, rate);
    }

    pub(crate) fn overload(&mut self, name: &'static str, rate: u32, step: Step) {
        self.overload.push((name, rate, step));
    }

    pub(crate) fn memory(&mut self, registrations: &[f64], calls: &[f64]) {
        let medians = (Summary::of(registrations), Summary::of(calls));
        self.memory = match medians {
            (Some(registrations), Some(calls)) => Some((registrations.median, calls.median)),
            _ => None,
        };
    }

    /// Whether a call failed at a rate at which none should.
    pub(crate) fn has_failures(&self) -> bool {
        self.compared.values().flatten().any(|pair| pair.ours.failed + pair.theirs.failed > 0)
    }

    /// The median of something over all pairs of a load.
    fn median(&self, load: Load, of: impl Fn(&Pair) -> f64) -> Option<f64> {
        let values: Vec<f64> = self.compared.get(&load)?.iter().map(of).collect();
        Summary::of(&values).map(|summary| summary.median)
    }

    #[expect(clippy::print_stdout, reason = "the output of a bench")]
    pub(crate) fn print(&self) {
        println!("| on-CPU time per call, us, medians | takeover | kamailio | ratio |");
        println!("|---|---|---|---|");
        let mut results = Vec::new();
        for load in Load::ALL {
            let ours = self.median(load, |pair| pair.ours.cpu_us);
            let theirs = self.median(load, |pair| pair.theirs.cpu_us);
            let ratio = self.median(load, |pair| pair.ours.cpu_us / pair.theirs.cpu_us);
            let (Some(ours), Some(theirs), Some(ratio)) = (ours, theirs, ratio) else { continue };
            let name = load.name();
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
