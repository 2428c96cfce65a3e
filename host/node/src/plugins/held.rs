//! Settings of everything that calls a plugin: as they were when the plugin started, and as they
//! were written since. What a manifest declares with `effect = "next-start"` stays as it was.

use std::collections::BTreeMap;
use std::sync::Arc;

use takeover_engine::Plugin;
use takeover_engine::package::Settings;

use super::Use;
use crate::limits::PLUGIN_USES_MAX;

/// Settings by what calls the plugin, as in `reaction page`.
#[derive(Debug, Default)]
pub(super) struct Held {
    uses: BTreeMap<Arc<str>, Pair>,
}

#[derive(Debug)]
struct Pair {
    started_with: Settings,
    written: Settings,
}

impl Held {
    /// The plugin starts: everything that is written takes effect.
    pub(super) fn start(&mut self) {
        for pair in self.uses.values_mut() {
            pair.started_with.clone_from(&pair.written);
        }
    }

    /// These are its uses, of whom nobody else is left.
    pub(super) fn set(&mut self, uses: &[Use]) {
        self.uses.retain(|what, _| uses.iter().any(|it| it.what == *what));
        for it in uses {
            self.write(&it.what, &it.settings);
        }
    }

    /// The settings of one use as they are in effect, given those written.
    pub(super) fn of(&mut self, plugin: &Plugin, what: &Arc<str>, written: Settings) -> Settings {
        match self.write(what, &written) {
            Some(pair) => plugin.settings_in_effect(&pair.started_with, &written),
            None => written,
        }
    }

    fn write(&mut self, what: &Arc<str>, written: &Settings) -> Option<&Pair> {
        if !self.uses.contains_key(what) {
            if self.uses.len() >= PLUGIN_USES_MAX {
                return None;
            }
            let (started_with, written) = (written.clone(), written.clone());
            self.uses.insert(Arc::clone(what), Pair { started_with, written });
        }
        let pair = self.uses.get_mut(what)?;
        if pair.written != *written {
            pair.written.clone_from(written);
        }
        Some(pair)
    }

    /// What waits for the next start, a sentence each.
    pub(super) fn waiting(&self, plugin: &Plugin) -> Vec<String> {
        let mut sentences = Vec::new();
        for (what, Pair { started_with, written }) in &self.uses {
            for name in plugin.settings_waiting(started_with, written) {
                let value = |settings: &Settings| {
                    settings.get(name).map_or("not set".to_owned(), ToString::to_string)
                };
                let (now, then) = (value(started_with), value(written));
                sentences.push(format!("{what}: {name} is {now}, {then} at the next start"));
            }
        }
        sentences
    }
}
