//! What a plugin's machine remembers over a restart of the process.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::ids::PackageDigest;

/// Everything that is not in the folder itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Saved {
    /// The last version that was in use and not on probation.
    pub active: Option<PackageDigest>,
    /// The versions before it, newest first.
    #[serde(default)]
    pub previous: Vec<PackageDigest>,
    /// Versions that are not tried again, and why; oldest first.
    #[serde(default)]
    pub denied: Vec<Denied>,
    /// The next version is to run beside the present one.
    #[serde(default)]
    pub shadow: bool,
}

/// A version that is not tried again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Denied {
    /// Which.
    pub digest: PackageDigest,
    /// Why.
    pub reason: Arc<str>,
}
