//! Starts what outlives a call: monitors and pools of policies.

use std::future::{self, Future};
use std::sync::Arc;

use futures_util::future::Either;

use super::{Call, Engine, wrong_kind_fault};
use crate::host::SipHost;
use crate::lasting::Recipe;
use crate::outcome::{Bound, Ended};
use crate::package::World;
use crate::policy_pool::{self, PolicyPool, PoolSettings};
use crate::resident::{Life, Resident};

impl Engine {
    /// Starts a monitor, which lives until the returned value is dropped. `call.deadline` is that
    /// of its start; `seed` decides the chance in the waits before it is started again after a
    /// failure, so each monitor of a node has another one.
    ///
    /// # Errors
    /// How the start ended: a component of another kind, no room
    /// ([`crate::limits::RESIDENTS_MAX`]), a fault of `init`, or any bad end.
    pub fn start_monitor(
        &self,
        call: Call<'_>,
        host: Arc<dyn SipHost>,
        seed: u64,
    ) -> impl Future<Output = Result<Resident, Ended<()>>> + Send + use<> {
        let World::Monitor(component) = &call.plugin.world else {
            return Either::Left(future::ready(Err(wrong_kind_fault(call.plugin, "sip-monitor"))));
        };
        let Ok(slot) = Arc::clone(&self.rooms.residents).try_acquire_owned() else {
            return Either::Left(future::ready(Err(Ended::Saturated(Bound::Instances))));
        };
        let life = Life::new(self.recipe(call, host), component.clone(), seed, slot);
        Either::Right(Resident::start(self.guests.handle(), life, call.deadline))
    }

    /// Makes and fills a pool of policies, which lives until the returned value is dropped.
    /// `call.deadline` is that of its start. Settings are fixed for its life: other settings want
    /// another pool.
    ///
    /// # Errors
    /// As [`Engine::start_monitor`], and a setting of the pool out of its range. No room:
    /// [`crate::limits::POLICY_INSTANCES_MAX`].
    pub fn start_policies(
        &self,
        call: Call<'_>,
        host: Arc<dyn SipHost>,
        settings: PoolSettings,
    ) -> impl Future<Output = Result<PolicyPool, Ended<()>>> + Send + use<> {
        let refuse = |ended| Either::Left(future::ready(Err(ended)));
        let World::Policy(component) = &call.plugin.world else {
            return refuse(wrong_kind_fault(call.plugin, "forwarding-policy"));
        };
        if let Err(fault) = settings.check() {
            return refuse(Ended::Fault(fault));
        }
        let settings = settings.within(call.plugin.manifest.concurrency);
        let wanted = u32::try_from(settings.instances()).unwrap_or(u32::MAX);
        let slots = Arc::clone(&self.rooms.policy_instances).try_acquire_many_owned(wanted);
        let Ok(slots) = slots else {
            return refuse(Ended::Saturated(Bound::Instances));
        };
        let runtime = self.guests.handle().clone();
        let recipe = self.recipe(call, host);
        let shared = policy_pool::Shared::new(recipe, component.clone(), settings, runtime, slots);
        Either::Right(PolicyPool::start(Arc::new(shared), call.deadline))
    }

    fn recipe(&self, call: Call<'_>, host: Arc<dyn SipHost>) -> Recipe {
        Recipe {
            rooms: Arc::clone(&self.rooms),
            plugin: Arc::clone(call.plugin),
            settings: call.settings.clone(),
            host,
            clock: Arc::clone(&self.clock),
            outside: Arc::clone(&self.outside),
            memory_bytes_max: self.memory_bytes_of(call.plugin),
        }
    }
}
