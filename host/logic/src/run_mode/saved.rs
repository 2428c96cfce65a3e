//! What of a pair must survive a restart of the control server.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::{ApplicationName, Term};
use crate::link::RunMode;
use crate::run_mode::io::{Label, Settings, Side};
use crate::run_mode::{Pair, Phase};
use crate::time::Instant;

/// By the names of the applications, so that a configuration that exchanges primary and backup
/// changes nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    /// The term of the last decision.
    pub term: Term,
    /// Who is primary; none while that is being decided.
    pub primary: Option<ApplicationName>,
    /// Decides nothing by itself.
    pub paused: bool,
    /// Somebody was primary once.
    pub was_led: bool,
    /// Confirmed run modes.
    pub run_modes: BTreeMap<ApplicationName, (RunMode, Term)>,
}

impl Pair {
    /// What must survive a restart.
    pub fn save(&self) -> Saved {
        let primary = match self.phase {
            Phase::Led { primary } | Phase::Demoting { from: primary } => Some(primary),
            Phase::Leaderless | Phase::Promoting { .. } => None,
        };
        let run_modes = [&self.first, &self.second]
            .into_iter()
            .filter_map(|instance| Some((instance.label.application.clone(), instance.mode?)))
            .collect();
        Saved {
            term: self.term,
            primary: primary.map(|side| self.get(side).label.application.clone()),
            paused: self.paused,
            was_led: self.was_led,
            run_modes,
        }
    }

    /// A pair as it was saved, whose hosts have not yet linked up.
    pub fn restore(
        saved: &Saved,
        first: Label,
        second: Label,
        settings: Settings,
        now: Instant,
    ) -> Self {
        let mut pair = Self::new(first, second, settings, now);
        pair.term = saved.term;
        pair.paused = saved.paused;
        pair.was_led = saved.was_led;
        pair.settle_until = Some(now + settings.startup_grace);
        for side in Side::BOTH {
            let name = pair.get(side).label.application.clone();
            pair.get_mut(side).mode = saved.run_modes.get(&name).copied();
            if saved.primary.as_ref() == Some(&name) {
                pair.phase = Phase::Led { primary: side };
            }
        }
        pair
    }
}
