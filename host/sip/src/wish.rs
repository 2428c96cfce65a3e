//! What the machine asks of its shell besides sending messages.

use crate::flow::{ConnectionId, Transport};
use crate::standby::{LinkEvent, LinkId, Standing};

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
        /// For a `sips` URI: by TLS only.
        secure: bool,
    },
    /// Close a connection.
    Close(ConnectionId),
    /// Connect to the other node of the pair.
    Dial,
    /// Send a line to the other node.
    Standby(LinkId, Vec<u8>),
    /// Close the link to the other node, after what was sent on it.
    CloseLink(LinkId),
    /// Whether this node knows what it should.
    Standing(Standing),
    /// Record something that happened to the link.
    Link(LinkEvent),
    /// Tell clients what happened to an agent or a DN.
    Agent(crate::agents::Event),
    /// Tell clients what happened to a party of a call.
    Call(crate::calls::Event),
    /// Record something that happened.
    Event(crate::event::NodeEvent),
    /// Say this to the store of the pair.
    Keep(takeover_logic::keep::Keep),
    /// Everything is finished after a suspend: the program may end.
    Suspended,
}
