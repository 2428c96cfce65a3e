//! What a node reports for operators and clients.

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeEvent {
    /// A device answered again.
    BackInService {
        /// Its directory number.
        dn: String,
    },
    /// A device gave no answer.
    OutOfService {
        /// Its directory number.
        dn: String,
    },
}
