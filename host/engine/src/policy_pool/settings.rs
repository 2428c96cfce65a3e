//! What can be chosen about a pool.

use std::time::Duration;

use takeover_logic::link::Fault;

use crate::limits;

/// What can be chosen about a pool of policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolSettings {
    /// Warm instances, 1 to [`limits::POOL_WARM_MAX`]. Default: as many as there are threads for
    /// guests; a node wants as many as it has threads for calls.
    pub warm: usize,
    /// One-shot instances under way at once, 0 to [`limits::POOL_ONE_SHOTS_MAX`]. Default
    /// [`limits::POOL_ONE_SHOTS`].
    pub one_shots: usize,
    /// Longest time of a decision, 1 ms to [`limits::POLICY_DEADLINE_MAX`]. Default
    /// [`limits::POLICY_DEADLINE`].
    pub deadline: Duration,
    /// Calls after which an instance is replaced, 1 to [`limits::POLICY_CALLS_MAX`], the default.
    pub calls_max: u32,
    /// Chance in the waits before an instance that could not be made is tried again. Default 0; a
    /// node gives each of its pools another number.
    pub seed: u64,
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self {
            warm: limits::GUEST_THREADS,
            one_shots: limits::POOL_ONE_SHOTS,
            deadline: limits::POLICY_DEADLINE,
            calls_max: limits::POLICY_CALLS_MAX,
            seed: 0,
        }
    }
}

impl PoolSettings {
    /// Everything is in its range, or the first thing that is not.
    pub(crate) fn check(&self) -> Result<(), Fault> {
        let deadline_ms = usize::try_from(self.deadline.as_millis()).unwrap_or(usize::MAX);
        let deadline_ms_max = usize::try_from(limits::POLICY_DEADLINE_MAX.as_millis());
        let calls = |calls: u32| usize::try_from(calls).unwrap_or(usize::MAX);
        for (name, found, min, max) in [
            ("warm", self.warm, 1, limits::POOL_WARM_MAX),
            ("one_shots", self.one_shots, 0, limits::POOL_ONE_SHOTS_MAX),
            ("deadline in ms", deadline_ms, 1, deadline_ms_max.unwrap_or(usize::MAX)),
            ("calls_max", calls(self.calls_max), 1, calls(limits::POLICY_CALLS_MAX)),
        ] {
            if !(min..=max).contains(&found) {
                let text = format!("pool setting {name}: found {found}, allowed {min} to {max}");
                return Err(Fault::Invalid(text.into()));
            }
        }
        Ok(())
    }

    /// The same with no more instances than the plugin may have calls under way; one of them is
    /// always warm.
    pub(crate) fn within(self, concurrency: Option<usize>) -> Self {
        let Some(concurrency) = concurrency else { return self };
        let warm = self.warm.min(concurrency);
        Self { warm, one_shots: self.one_shots.min(concurrency.saturating_sub(warm)), ..self }
    }

    /// Instances that such a pool may have at once.
    pub(crate) fn instances(&self) -> usize {
        self.warm + self.one_shots
    }
}
