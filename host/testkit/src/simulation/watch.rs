//! What must hold, watched from outside: who answers for the address, and which terms are given.

use std::collections::BTreeMap;

use takeover_logic::ids::{ApplicationName, HostName, PairName, Term};
use takeover_logic::link::RunMode;

use super::clock::{MS, Time};
use super::world::World;

/// What was seen so far.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// Since when several hosts answer for the address.
    several_since: Option<(Time, Vec<HostName>)>,
    /// How long several may answer; architecture 7.
    pub(super) allowed: Time,
    /// The newest promotion that was ordered, by pair.
    promoted: BTreeMap<PairName, (Term, ApplicationName)>,
    /// What was found wrong and not yet told.
    found: Vec<String>,
}

impl Watch {
    /// A run mode was ordered.
    pub(super) fn ordered(
        &mut self,
        application: &ApplicationName,
        pair: &PairName,
        (run_mode, term): (RunMode, Term),
    ) {
        if run_mode != RunMode::Primary {
            return;
        }
        if let Some((last, last_application)) = self.promoted.get(pair) {
            if term < *last {
                self.found.push(format!("pair {pair}: term {term} after term {last}"));
            }
            if term == *last && application != last_application {
                let two = format!("{last_application} and {application}");
                self.found.push(format!("pair {pair}: term {term} given to {two}"));
            }
        }
        self.promoted.insert(pair.clone(), (term, application.clone()));
    }
}

impl World {
    /// Tells what the watch has found.
    pub(super) fn report_watch(&mut self) {
        for found in std::mem::take(&mut self.watch.found) {
            self.broke(found);
        }
    }

    /// Looks who answers for the address; called whenever that may have changed.
    pub(super) fn referee(&mut self) {
        let holders = self.holders();
        if holders != self.last_holders {
            let names: Vec<&str> = holders.iter().map(|host| host.as_str()).collect();
            let names = if names.is_empty() { "nobody".to_owned() } else { names.join(" and ") };
            self.tell(format!("network: {names} answers for {}", self.address));
            self.last_holders.clone_from(&holders);
            self.moves += 1;
        }
        match (&self.watch.several_since, holders.len() > 1) {
            (None, true) => self.watch.several_since = Some((self.time, holders)),
            (Some(_), false) => self.end_of_several(),
            _ => {}
        }
    }

    /// Nobody, or one, answers again.
    pub(super) fn end_of_several(&mut self) {
        let Some((since, hosts)) = self.watch.several_since.take() else { return };
        let lasted = self.time - since;
        if lasted > self.watch.allowed {
            let names: Vec<&str> = hosts.iter().map(|host| host.as_str()).collect();
            let (lasted, allowed) = (lasted / MS, self.watch.allowed / MS);
            let names = names.join(" and ");
            self.broke(format!("{names} answered for {lasted} ms, allowed {allowed} ms"));
        }
    }
}
