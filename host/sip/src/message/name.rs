//! Names of headers and methods.

/// Headers that a proxy, registrar or check looks at; every other one is only carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HeaderName {
    /// Authorization
    Authorization,
    /// Call-ID, i
    CallId,
    /// Contact, m
    Contact,
    /// Content-Length, l
    ContentLength,
    /// Content-Type, c
    ContentType,
    /// CSeq
    CSeq,
    /// Date
    Date,
    /// Event, o
    Event,
    /// Expires
    Expires,
    /// From, f
    From,
    /// Max-Forwards
    MaxForwards,
    /// Min-Expires
    MinExpires,
    /// Path (RFC 3327)
    Path,
    /// Proxy-Authorization
    ProxyAuthorization,
    /// Proxy-Require
    ProxyRequire,
    /// Record-Route
    RecordRoute,
    /// Refer-To, r
    ReferTo,
    /// Require
    Require,
    /// Retry-After
    RetryAfter,
    /// Route
    Route,
    /// Session-Expires, x (RFC 4028)
    SessionExpires,
    /// Supported, k
    Supported,
    /// To, t
    To,
    /// User-Agent
    UserAgent,
    /// Via, v
    Via,
    /// Any other.
    Other,
}

impl HeaderName {
    /// The header of a name in any case, long or compact (RFC 3261 section 7.3.3).
    pub fn of(name: &[u8]) -> HeaderName {
        let known: &[(&[u8], HeaderName)] = match name.len() {
            1 => return Self::compact(name),
            2 => &[(b"To", Self::To)],
            3 => &[(b"Via", Self::Via)],
            4 => &[
                (b"From", Self::From),
                (b"CSeq", Self::CSeq),
                (b"Path", Self::Path),
                (b"Date", Self::Date),
            ],
            5 => &[(b"Route", Self::Route), (b"Event", Self::Event)],
            7 => &[
                (b"Call-ID", Self::CallId),
                (b"Contact", Self::Contact),
                (b"Expires", Self::Expires),
                (b"Require", Self::Require),
            ],
            8 => &[(b"Refer-To", Self::ReferTo)],
            9 => &[(b"Supported", Self::Supported)],
            10 => &[(b"User-Agent", Self::UserAgent)],
            11 => &[(b"Min-Expires", Self::MinExpires), (b"Retry-After", Self::RetryAfter)],
            12 => &[
                (b"Max-Forwards", Self::MaxForwards),
                (b"Record-Route", Self::RecordRoute),
                (b"Content-Type", Self::ContentType),
            ],
            13 => {
                &[(b"Authorization", Self::Authorization), (b"Proxy-Require", Self::ProxyRequire)]
            }
            14 => &[(b"Content-Length", Self::ContentLength)],
            15 => &[(b"Session-Expires", Self::SessionExpires)],
            19 => &[(b"Proxy-Authorization", Self::ProxyAuthorization)],
            _ => &[],
        };
        let found = known.iter().find(|(text, _)| text.eq_ignore_ascii_case(name));
        found.map_or(Self::Other, |(_, header)| *header)
    }

    fn compact(name: &[u8]) -> HeaderName {
        match name.first().map(u8::to_ascii_lowercase) {
            Some(b'c') => Self::ContentType,
            Some(b'f') => Self::From,
            Some(b'i') => Self::CallId,
            Some(b'k') => Self::Supported,
            Some(b'l') => Self::ContentLength,
            Some(b'm') => Self::Contact,
            Some(b'o') => Self::Event,
            Some(b'r') => Self::ReferTo,
            Some(b't') => Self::To,
            Some(b'v') => Self::Via,
            Some(b'x') => Self::SessionExpires,
            _ => Self::Other,
        }
    }
}

/// Methods that are treated in a way of their own; every other one is a plain request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// Opens a dialog, or changes one.
    Invite,
    /// Ends the three-way handshake of an INVITE.
    Ack,
    /// Ends a dialog.
    Bye,
    /// Takes an INVITE back.
    Cancel,
    /// Binds a contact to an address.
    Register,
    /// Asks what is possible, and whether somebody is there.
    Options,
    /// Opens a subscription.
    Subscribe,
    /// Tells a subscriber.
    Notify,
    /// Asks to call somebody else: a transfer.
    Refer,
    /// Acknowledges a provisional response.
    Prack,
    /// Changes a session before it is confirmed.
    Update,
    /// Carries something inside a dialog.
    Info,
    /// An instant message.
    Message,
    /// Any other.
    Other,
}

impl Method {
    /// The method of a name; methods are case-sensitive (RFC 3261 section 7.1).
    pub fn of(name: &[u8]) -> Method {
        match name {
            b"INVITE" => Self::Invite,
            b"ACK" => Self::Ack,
            b"BYE" => Self::Bye,
            b"CANCEL" => Self::Cancel,
            b"REGISTER" => Self::Register,
            b"OPTIONS" => Self::Options,
            b"SUBSCRIBE" => Self::Subscribe,
            b"NOTIFY" => Self::Notify,
            b"REFER" => Self::Refer,
            b"PRACK" => Self::Prack,
            b"UPDATE" => Self::Update,
            b"INFO" => Self::Info,
            b"MESSAGE" => Self::Message,
            _ => Self::Other,
        }
    }

    /// Whether a request of this method opens a dialog, so that its route is recorded.
    pub fn opens_dialog(self) -> bool {
        matches!(self, Self::Invite | Self::Subscribe | Self::Refer)
    }
}
