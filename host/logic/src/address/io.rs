//! What comes into the machine of one virtual IP and what leaves it.

use std::net::IpAddr;
use std::sync::Arc;

use crate::component::{AddressAnswer, AddressCall, VipOrder};
use crate::ids::{BackendRunId, OrderId, RequestId, Term};
use crate::link::{Fault, Release, Sighting, VipAction};
use crate::time::Instant;

/// What the kernel holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// The address is on the interface.
    Present,
    /// It is not.
    Absent,
    /// The kernel did not say, and why.
    Unreadable(Arc<str>),
}

/// What the kernel is asked to do with the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KernelOperation {
    /// Put it on, or renew it where it is on, with a lifetime of
    /// [`ADDRESS_LEASE_S`](crate::limits::ADDRESS_LEASE_S).
    Add,
    /// Renew the lifetime. An address that is gone stays gone; that is not an error.
    Refresh,
    /// Take it off. One that is not there is not an error.
    Delete,
    /// Only look.
    Read,
}

/// Outcome of a [`KernelOperation`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelAnswer {
    /// Why the operation itself was refused, if it was.
    pub result: Result<(), Arc<str>>,
    /// What the kernel held when it was read again after the operation.
    pub reading: Reading,
}

/// State of a network interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InterfaceState {
    /// Switched on, with carrier.
    Up,
    /// Switched off, without carrier, or not there.
    Down,
}

/// Contact with the control server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contact {
    /// It is heard.
    Linked,
    /// It is not heard.
    Lost {
        /// When it was last heard, or when the agent started.
        since: Instant,
    },
}

/// What could not be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packet {
    /// A probe for the address or for a reference.
    Probe,
    /// An announcement.
    Announcement,
}

/// One input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Time passed.
    Tick,
    /// An order of the control server; its term is the highest seen.
    Order {
        /// Answered exactly once.
        order: OrderId,
        /// Identity of the backend run that it may start.
        run: BackendRunId,
        /// Which way.
        action: VipAction,
        /// The term of the decision.
        term: Term,
        /// For up: whether the old holder let go.
        release: Release,
        /// Time left, in milliseconds.
        time_left_ms: u64,
    },
    /// A newer term of the pair was seen.
    TermRaised(Term),
    /// Its holder may be gone.
    Suspected,
    /// Another host that held it came back.
    AnnounceAsked,
    /// Contact with the control server changed.
    Contact(Contact),
    /// The interface changed.
    Interface(InterfaceState),
    /// The kernel changed the address, or dropped notices that may have said so.
    KernelChanged,
    /// Answer to the oldest unanswered [`Output::Kernel`].
    Kernel(KernelAnswer),
    /// Another host answers, by ARP or ND, for the virtual IP or a reference.
    Answered {
        /// For which.
        address: IpAddr,
        /// Its link-layer address.
        from: Arc<str>,
    },
    /// A packet could not be sent.
    NotSent {
        /// Which kind.
        packet: Packet,
        /// Why.
        reason: Arc<str>,
    },
    /// The backend asks for something.
    BackendCall {
        /// Which run.
        run: BackendRunId,
        /// Answered exactly once, unless the run is cancelled.
        request: RequestId,
        /// What.
        call: AddressCall,
    },
    /// The backend ended; traps and limits are [`Fault::Failed`], its deadline `TimedOut`.
    BackendEnded {
        /// Which run.
        run: BackendRunId,
        /// How.
        result: Result<(), Fault>,
    },
    /// Give the address up now: the agent stops, or it is no longer configured here.
    GiveUp(Arc<str>),
}

/// One output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Ask the kernel; answered in order.
    Kernel(KernelOperation),
    /// Send one probe for the address.
    Probe,
    /// Send one probe for a reference.
    ProbeReference(IpAddr),
    /// Announce the address once.
    Announce,
    /// Run the backend.
    RunBackend {
        /// Its identity.
        run: BackendRunId,
        /// Which way.
        action: VipAction,
        /// What it is told.
        order: VipOrder,
        /// When it must have ended.
        deadline: Instant,
    },
    /// Drop the run; it is not answered any more.
    CancelBackend {
        /// Which.
        run: BackendRunId,
    },
    /// Answer a call of the backend.
    AnswerBackend {
        /// Which call.
        request: RequestId,
        /// The outcome.
        result: Result<AddressAnswer, Fault>,
    },
    /// Presence or network changed; read them with `present` and `network`.
    StateChanged,
    /// Something happened that nobody had ordered.
    Seen(Sighting),
    /// An order was carried out, or not.
    Done {
        /// Which.
        order: OrderId,
        /// The outcome.
        result: Result<(), Fault>,
    },
}
