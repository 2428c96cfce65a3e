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
    /// How many there are.
    pub(super) const COUNT: usize = Self::Other as usize + 1;

    /// The header of a name in any case, long or compact (RFC 3261 section 7.3.3).
    pub fn of(name: &[u8]) -> HeaderName {
        let Some(first) = name.first() else { return Self::Other };
        // Length and first letter leave one, in one case two.
        let (written, header): (&[u8], HeaderName) = match (name.len(), first.to_ascii_lowercase())
        {
            (1, letter) => return Self::compact(letter),
            (2, b't') => (b"To", Self::To),
            (3, b'v') => (b"Via", Self::Via),
            (4, b'f') => (b"From", Self::From),
            (4, b'c') => (b"CSeq", Self::CSeq),
            (4, b'p') => (b"Path", Self::Path),
            (4, b'd') => (b"Date", Self::Date),
            (5, b'r') => (b"Route", Self::Route),
            (5, b'e') => (b"Event", Self::Event),
            (7, b'c') if name.contains(&b'-') => (b"Call-ID", Self::CallId),
            (7, b'c') => (b"Contact", Self::Contact),
            (7, b'e') => (b"Expires", Self::Expires),
            (7, b'r') => (b"Require", Self::Require),
            (8, b'r') => (b"Refer-To", Self::ReferTo),
            (9, b's') => (b"Supported", Self::Supported),
            (10, b'u') => (b"User-Agent", Self::UserAgent),
            (11, b'm') => (b"Min-Expires", Self::MinExpires),
            (11, b'r') => (b"Retry-After", Self::RetryAfter),
            (12, b'm') => (b"Max-Forwards", Self::MaxForwards),
            (12, b'r') => (b"Record-Route", Self::RecordRoute),
            (12, b'c') => (b"Content-Type", Self::ContentType),
            (13, b'a') => (b"Authorization", Self::Authorization),
            (13, b'p') => (b"Proxy-Require", Self::ProxyRequire),
            (14, b'c') => (b"Content-Length", Self::ContentLength),
            (15, b's') => (b"Session-Expires", Self::SessionExpires),
            (19, b'p') => (b"Proxy-Authorization", Self::ProxyAuthorization),
            _ => return Self::Other,
        };
        // Nearly everybody writes them as the RFCs do, and comparing that costs least.
        let is_it = written == name || written.eq_ignore_ascii_case(name);
        if is_it { header } else { Self::Other }
    }

    fn compact(letter: u8) -> HeaderName {
        match letter {
            b'c' => Self::ContentType,
            b'f' => Self::From,
            b'i' => Self::CallId,
            b'k' => Self::Supported,
            b'l' => Self::ContentLength,
            b'm' => Self::Contact,
            b'o' => Self::Event,
            b'r' => Self::ReferTo,
            b't' => Self::To,
            b'v' => Self::Via,
            b'x' => Self::SessionExpires,
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
