//! The forms that cases have: one for kinds that are called once, one for monitors, one for
//! policies. `takeover-cases` reads each.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use takeover_cases::Case;
use takeover_cases::forwarding::{self, ForwardingCase};
use takeover_cases::monitor::{self, MonitorCase};

use crate::package::{Kind, Settings};

/// Settings as they are written in a case.
pub(super) type Written = BTreeMap<String, toml::Value>;

/// A case in the form of its kind.
#[derive(Clone, Debug)]
pub enum Scenario {
    /// One call of an alarm reaction or a VIP backend.
    Call(Box<Case>),
    /// Samples for a SIP monitor.
    Monitor(Box<MonitorCase>),
    /// A call for a forwarding policy.
    Policy(Box<ForwardingCase>),
}

impl Scenario {
    /// Reads the cases of a plugin's source folder, in the order of their names.
    ///
    /// # Errors
    /// A file that can not be read or is not a case of this kind; a folder without cases.
    pub fn read_all(kind: Kind, folder: &Path) -> Result<Vec<(PathBuf, Scenario)>, String> {
        fn named<T>(
            cases: Vec<(PathBuf, T)>,
            form: fn(Box<T>) -> Scenario,
        ) -> Vec<(PathBuf, Scenario)> {
            cases.into_iter().map(|(path, case)| (path, form(Box::new(case)))).collect()
        }
        Ok(match kind {
            Kind::AlarmReaction | Kind::VipBackend => {
                named(takeover_cases::read_all(folder)?, Scenario::Call)
            }
            Kind::SipMonitor => named(monitor::read_all(folder)?, Scenario::Monitor),
            Kind::ForwardingPolicy => named(forwarding::read_all(folder)?, Scenario::Policy),
        })
    }

    /// What it shows.
    pub fn title(&self) -> &str {
        match self {
            Scenario::Call(case) => &case.title,
            Scenario::Monitor(case) => &case.title,
            Scenario::Policy(case) => &case.title,
        }
    }

    /// Its settings, as a configuration would have them.
    ///
    /// # Errors
    /// A setting that a configuration can not have.
    pub fn settings(&self) -> Result<Settings, serde_json::Error> {
        settings(match self {
            Scenario::Call(case) => &case.settings,
            Scenario::Monitor(case) => &case.settings,
            Scenario::Policy(case) => &case.settings,
        })
    }

    /// Whether something is done in it: the component neither faults nor traps.
    pub fn succeeds(&self) -> bool {
        let fine = |expect: &str| !expect.starts_with("fault ") && !expect.starts_with("trap: ");
        match self {
            Scenario::Call(case) => fine(&case.expect),
            Scenario::Monitor(case) => case.sample.iter().all(|sample| fine(&sample.expect)),
            Scenario::Policy(case) => fine(&case.expect),
        }
    }
}

/// Settings of a case as a configuration would have them.
pub(super) fn settings(written: &Written) -> Result<Settings, serde_json::Error> {
    serde_json::to_value(written).and_then(serde_json::from_value)
}
