//! What host agents tell of their plugins. Only shown: nothing is decided by it, so it goes past
//! the machines and the journal.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use takeover_logic::ids::HostName;
use takeover_logic::limits::PLUGINS_TOLD_MAX;
use takeover_logic::plugin::report::PluginView;

/// The plugins of each linked host, as last told.
#[derive(Default)]
pub(crate) struct ToldPlugins {
    hosts: Mutex<BTreeMap<HostName, Arc<[PluginView]>>>,
}

impl ToldPlugins {
    /// An agent told of its plugins. Whose they are says the link, not the message.
    pub(super) fn tell(&self, host: &HostName, plugins: Vec<PluginView>) {
        let mine = |plugin: PluginView| PluginView { host: Some(host.clone()), ..plugin.bounded() };
        let plugins = plugins.into_iter().take(PLUGINS_TOLD_MAX).map(mine).collect();
        self.lock().insert(host.clone(), plugins);
    }

    /// A host is out of sight: what was told is not known to be so any more.
    pub(super) fn forget(&self, host: &HostName) {
        self.lock().remove(host);
    }

    /// The plugins of every host, by host and name.
    pub(crate) fn all(&self) -> Vec<Arc<[PluginView]>> {
        self.lock().values().map(Arc::clone).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<HostName, Arc<[PluginView]>>> {
        // The map is whole after every operation.
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
