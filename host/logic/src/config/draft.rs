//! Objects that were read but not yet checked against each other, with the places that errors
//! about them will name.

use std::collections::BTreeMap;

use super::error::Place;
use super::model::{
    Application, Condition, Config, ControlSettings, Host, Pair, Reaction, Solution, Vip,
};
use super::reader::Placed;
use crate::ids::{
    ApplicationName, ConditionName, HostName, PairName, ReactionName, SolutionName, VipName,
};

/// A virtual IP with the places of what is checked later.
#[derive(Clone, Debug)]
pub(super) struct DraftVip {
    /// What was read.
    pub(super) vip: Vip,
    /// Where the address is written.
    pub(super) address: Place,
    /// Where the interface is written, or would be.
    pub(super) network_interface: Place,
    /// Where the lease is written, or would be.
    pub(super) lease: Place,
}

/// Everything read so far. Objects with errors are left out; their names are known to the sink.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) control: Option<ControlSettings>,
    pub(super) hosts: BTreeMap<HostName, Placed<Host>>,
    pub(super) applications: BTreeMap<ApplicationName, Placed<Application>>,
    pub(super) pairs: BTreeMap<PairName, Placed<Pair>>,
    pub(super) vips: BTreeMap<VipName, DraftVip>,
    pub(super) reactions: BTreeMap<ReactionName, Placed<Reaction>>,
    pub(super) conditions: BTreeMap<ConditionName, Placed<Condition>>,
    pub(super) solutions: BTreeMap<SolutionName, Solution>,
}

impl Draft {
    /// The configuration, once nothing is wrong.
    pub(super) fn into_config(self) -> Option<Config> {
        fn values<K: Ord, V>(placed: BTreeMap<K, Placed<V>>) -> BTreeMap<K, V> {
            placed.into_iter().map(|(name, placed)| (name, placed.value)).collect()
        }
        Some(Config {
            control: self.control?,
            hosts: values(self.hosts),
            applications: values(self.applications),
            pairs: values(self.pairs),
            vips: self.vips.into_iter().map(|(name, draft)| (name, draft.vip)).collect(),
            reactions: values(self.reactions),
            conditions: values(self.conditions),
            solutions: self.solutions,
        })
    }
}
