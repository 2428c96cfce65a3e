//! Cases of SIP monitors: samples in their order, in one instance, each with the expected answer.
//!
//! Types of their own, with the words of the contract: a native run and a run in the sandbox each
//! turn them into theirs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::files::{self, Settings};

/// One case.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MonitorCase {
    /// What it shows.
    pub title: String,
    /// Settings that the operator wrote.
    #[serde(default)]
    pub settings: Settings,
    /// What the monitor's memory holds in the beginning, as text.
    #[serde(default)]
    memory: BTreeMap<String, String>,
    /// `KIND: TEXT` of the fault that every use of the memory ends with; none: it works.
    #[serde(default)]
    memory_fault: Option<String>,
    /// Devices of every sample that has none of its own.
    #[serde(default)]
    device: Vec<DeviceFacts>,
    /// The samples.
    pub sample: Vec<SampleFacts>,
    #[serde(skip)]
    defaults: Settings,
}

impl MonitorCase {
    /// The value of a setting as a component sees it: text as it is, everything else as JSON.
    pub fn setting(&self, key: &str) -> Option<String> {
        files::setting(&self.settings, &self.defaults, key)
    }

    /// The memory as it is in the beginning.
    pub fn memory(&self) -> Memory {
        let values = self.memory.iter();
        let fault = self.memory_fault.as_ref().map(|fault| {
            let (kind, text) = fault.split_once(": ").unwrap_or((fault, ""));
            (kind.to_owned(), text.to_owned())
        });
        Memory { values: values.map(|(k, v)| (k.clone(), v.clone().into_bytes())).collect(), fault }
    }

    /// Everything in which the answers to its samples differ from what was written.
    pub fn problems(&self, answers: &[Judged]) -> Vec<String> {
        let mut problems = Vec::new();
        if answers.len() != self.sample.len() {
            let (found, wanted) = (answers.len(), self.sample.len());
            problems.push(format!("{found} answers to {wanted} samples"));
        }
        for (index, (sample, answer)) in self.sample.iter().zip(answers).enumerate() {
            let number = index + 1;
            let (expected, found) = (&sample.expect, &answer.verdict);
            if !files::holds(expected, found) {
                problems
                    .push(format!("sample {number} was judged: {found}\n    expected: {expected}"));
            }
            let (wanted, next) = (sample.next_in_ms, answer.next_in_ms);
            if wanted.is_some_and(|wanted| wanted != next) {
                let wanted = wanted.unwrap_or_default();
                problems.push(format!("sample {number}: next in {next} ms, expected {wanted} ms"));
            }
        }
        problems
    }
}

/// A sample and what is expected of it. What a case leaves out is as in
/// [`SampleFacts::default`], but `expect` has to be there.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SampleFacts {
    /// A new instance begins before this sample; the memory stays.
    pub reload: bool,
    /// `primary`, `backup` or `exiting`.
    pub run_mode: String,
    /// For how long.
    pub in_run_mode_ms: u64,
    /// How long the virtual IP has been here; none where it is left out.
    pub vip_up_ms: Option<u64>,
    /// SIP messages since the last sample.
    pub received: u64,
    /// Time since the last of them.
    pub last_message_ago_ms: Option<u64>,
    /// Answers since the last sample, by class.
    pub responses_2xx: u64,
    /// Likewise.
    pub responses_4xx: u64,
    /// Likewise.
    pub responses_5xx: u64,
    /// Transactions without a final answer since the last sample.
    pub timeouts: u64,
    /// Likewise.
    pub retransmissions: u64,
    /// Devices; where left out, those of the case.
    pub device: Vec<DeviceFacts>,
    /// `running`, `unavailable: TEXT`, `unknown: TEXT`, `fault KIND: TEXT` or `trap: TEXT`.
    pub expect: String,
    /// When to ask again; not looked at where left out.
    pub next_in_ms: Option<u32>,
}

impl Default for SampleFacts {
    fn default() -> Self {
        Self {
            reload: false,
            run_mode: "primary".into(),
            in_run_mode_ms: 0,
            vip_up_ms: None,
            received: 0,
            last_message_ago_ms: None,
            responses_2xx: 0,
            responses_4xx: 0,
            responses_5xx: 0,
            timeouts: 0,
            retransmissions: 0,
            device: Vec::new(),
            expect: "an answer".into(),
            next_in_ms: None,
        }
    }
}

/// A device: by default one that is checked every 30 s and lost 10 s later.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DeviceFacts {
    /// Directory number.
    pub dn: String,
    /// Time between two checks; 0: not checked.
    pub check_interval_s: u32,
    /// Time without an answer after which it is out of service.
    pub force_timeout_s: u32,
    /// It answers.
    pub in_service: bool,
    /// Time since its last answer.
    pub answered_ago_ms: Option<u64>,
}

impl Default for DeviceFacts {
    fn default() -> Self {
        Self {
            dn: "7001".into(),
            check_interval_s: 30,
            force_timeout_s: 10,
            in_service: true,
            answered_ago_ms: None,
        }
    }
}

/// The monitor's durable memory, which outlives its instances. Faults are kind and text.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    values: BTreeMap<String, Vec<u8>>,
    fault: Option<(String, String)>,
}

impl Memory {
    /// The value last set.
    ///
    /// # Errors
    /// The fault that the case asks for.
    pub fn get(&self, key: &str) -> Result<Option<Vec<u8>>, (String, String)> {
        self.fault.clone().map_or_else(|| Ok(self.values.get(key).cloned()), Err)
    }

    /// Keeps a value; none forgets it.
    ///
    /// # Errors
    /// The fault that the case asks for.
    pub fn set(&mut self, key: &str, value: Option<Vec<u8>>) -> Result<(), (String, String)> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        match value {
            Some(value) => self.values.insert(key.to_owned(), value),
            None => self.values.remove(key),
        };
        Ok(())
    }
}

/// A monitor's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// In the words of [`SampleFacts::expect`].
    pub verdict: String,
    /// When it wants to be asked again.
    pub next_in_ms: u32,
}

/// Runs every case of a plugin folder, and lists everything in which they differ. `run` gives the
/// samples of a case to one instance, or to a new one where a sample says so.
///
/// # Errors
/// The problems of all cases, each under the name of its file.
pub fn run_all(
    folder: &Path,
    mut run: impl FnMut(&MonitorCase) -> Vec<Judged>,
) -> Result<usize, String> {
    let cases = read_all(folder)?;
    let mut failed = String::new();
    for (path, case) in &cases {
        for problem in case.problems(&run(case)) {
            failed.push_str(&format!("\n{} ({}): {problem}", path.display(), case.title));
        }
    }
    if failed.is_empty() { Ok(cases.len()) } else { Err(failed) }
}

/// Reads the cases of a plugin folder, in the order of their names.
///
/// # Errors
/// A file that can not be read or is not a case; a folder without cases.
pub fn read_all(folder: &Path) -> Result<Vec<(PathBuf, MonitorCase)>, String> {
    let (mut cases, defaults) = files::read::<MonitorCase>(folder)?;
    for (_, case) in &mut cases {
        case.defaults.clone_from(&defaults);
        for sample in case.sample.iter_mut().filter(|sample| sample.device.is_empty()) {
            sample.device.clone_from(&case.device);
        }
    }
    Ok(cases)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CASE: &str = "title = 't'\nmemory = { a = '1' }\n\
                        [[sample]]\nexpect = 'running'\nnext_in_ms = 7\n";

    fn judged(verdict: &str, next_in_ms: u32) -> Judged {
        Judged { verdict: verdict.into(), next_in_ms }
    }

    #[test]
    fn verdict_and_next_time_are_compared() {
        let case: MonitorCase = toml::from_str(CASE).unwrap();
        assert_eq!(case.problems(&[judged("running", 7)]), Vec::<String>::new());
        assert_eq!(case.problems(&[judged("running", 8)]).len(), 1);
        assert_eq!(case.problems(&[judged("unknown: x", 8)]).len(), 2);
        assert_eq!(case.problems(&[]).len(), 1);
    }

    #[test]
    fn memory_keeps_forgets_and_refuses() {
        let mut case: MonitorCase = toml::from_str(CASE).unwrap();
        let mut memory = case.memory();
        assert_eq!(memory.get("a"), Ok(Some(b"1".to_vec())));
        assert_eq!(memory.set("a", None), Ok(()));
        assert_eq!(memory.get("a"), Ok(None));
        case.memory_fault = Some("denied: not granted".into());
        let fault = Err(("denied".to_owned(), "not granted".to_owned()));
        assert_eq!(case.memory().get("a"), fault);
        assert_eq!(case.memory().set("a", None).map(|()| None), fault);
    }
}
