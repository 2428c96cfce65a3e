//! The one place where it is asked whether a verified plugin may have what it asks for.

use super::Verified;

/// The answer about one package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Approval {
    /// It may run.
    Granted,
    /// It asks for more than is granted; what, in words. It waits, and the one before stays.
    Missing(String),
}

/// Asks about a package.
///
/// Permissions that need an operator's grant are denied call by call as long as there are no
/// grants, so nothing speaks against running a component that asks for them.
pub(super) fn ask(_package: &Verified) -> Approval {
    Approval::Granted
}
