//! What the machine asks of its shell besides sending messages.

use crate::flow::{ConnectionId, Transport};

/// One thing that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Find the addresses of a host (RFC 3263); answered with the question's number.
    Resolve {
        /// Number of the question.
        question: u64,
        /// Host name.
        host: String,
        /// Port, where one is written: then no SRV record is asked for.
        port: Option<u16>,
        /// Transport, where one is written.
        transport: Option<Transport>,
    },
    /// Close a connection.
    Close(ConnectionId),
    /// Send bytes to the other node of the pair.
    Standby(Vec<u8>),
    /// Record something that happened.
    Event(crate::event::NodeEvent),
    /// Everything is finished after a suspend: the program may end.
    Suspended,
}
