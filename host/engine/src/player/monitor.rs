//! Cases of SIP monitors: samples for one instance after the other, over one memory.

use std::sync::Arc;
use std::time::{Duration, Instant};

use takeover_cases::monitor::{DeviceFacts, Judged, MonitorCase, SampleFacts};
use takeover_logic::component::sip::{MonitorAnswer, MonitorSample, MonitoredDevice};
use takeover_logic::link::Verdict;

use super::stage::Scene;
use super::words::words;
use super::{Played, Player, known, settings};
use crate::engine::Call;
use crate::limits::CASE_TIMEOUT;
use crate::outcome::Ended;
use crate::package::{Plugin, Settings};
use crate::resident::Resident;

/// Chance in the waits after a failure. No case waits, so any number will do.
const SEED: u64 = 1;

impl Player {
    /// # Errors
    /// Why the case can not be played.
    pub(super) async fn play_monitor(
        &mut self,
        plugin: &Arc<Plugin>,
        case: &MonitorCase,
    ) -> Result<Played, Vec<String>> {
        let mut problems = Vec::new();
        let settings = settings(plugin, &case.settings, &mut problems);
        let mut samples = Vec::new();
        for (index, facts) in case.sample.iter().enumerate() {
            let what = format!("sample {}: run_mode", index + 1);
            samples.extend(sample_of(facts, &what, &mut problems));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        self.stage.open(Scene { memory: Some(case.memory()), ..Scene::default() });
        let began = Instant::now();
        let (mut judged, mut memory_bytes_max) = (Vec::new(), 0);
        let mut monitor = self.start_resident(plugin, &settings).await;
        for (facts, sample) in case.sample.iter().zip(samples) {
            if facts.reload && !judged.is_empty() {
                // The old one goes first: it may be the one that the last room is taken by.
                drop(monitor);
                monitor = self.start_resident(plugin, &settings).await;
            }
            judged.push(match &monitor {
                Ok(resident) => {
                    let deadline = Instant::now() + CASE_TIMEOUT;
                    let outcome = resident.assess(sample, deadline).await.outcome;
                    memory_bytes_max = memory_bytes_max.max(outcome.memory_bytes_max);
                    judge(outcome.ended)
                }
                Err(refused) => Judged { verdict: refused.clone(), next_in_ms: 0 },
            });
        }
        let took = began.elapsed();
        drop(monitor);
        let Scene { lines, .. } = self.stage.close();
        Ok(Played { problems: case.problems(&judged), lines, took, memory_bytes_max })
    }

    async fn start_resident(
        &self,
        plugin: &Arc<Plugin>,
        settings: &Settings,
    ) -> Result<Resident, String> {
        let call = Call { plugin, settings, deadline: Instant::now() + CASE_TIMEOUT };
        let started = self.engine.start_monitor(call, Arc::new(self.stage.clone()), SEED).await;
        started.map_err(|ended| words(ended, |()| String::new()))
    }
}

/// The sample of a case; `what` says which, where its run mode is none.
fn sample_of(facts: &SampleFacts, what: &str, problems: &mut Vec<String>) -> Option<MonitorSample> {
    let device = |facts: &DeviceFacts| MonitoredDevice {
        dn: facts.dn.as_str().into(),
        check_interval_s: facts.check_interval_s,
        force_timeout_s: facts.force_timeout_s,
        in_service: facts.in_service,
        answered_ago_ms: facts.answered_ago_ms,
    };
    Some(MonitorSample {
        run_mode: known(what, &facts.run_mode, problems)?,
        in_run_mode_ms: facts.in_run_mode_ms,
        vip_up_ms: facts.vip_up_ms,
        received: facts.received,
        last_message_ago_ms: facts.last_message_ago_ms,
        responses_2xx: facts.responses_2xx,
        responses_4xx: facts.responses_4xx,
        responses_5xx: facts.responses_5xx,
        timeouts: facts.timeouts,
        retransmissions: facts.retransmissions,
        devices: facts.device.iter().map(device).collect(),
    })
}

/// An answer in the words of a case.
fn judge(ended: Ended<MonitorAnswer>) -> Judged {
    let next_in = match &ended {
        Ended::Ok(answer) => answer.next_in,
        _ => Duration::ZERO,
    };
    let verdict = words(ended, |answer| match answer.assessment {
        Verdict::Good => "running".to_owned(),
        Verdict::Bad(reason) => format!("unavailable: {reason}"),
        Verdict::Unknown(reason) => format!("unknown: {reason}"),
    });
    Judged { verdict, next_in_ms: u32::try_from(next_in.as_millis()).unwrap_or(u32::MAX) }
}
