//! What is configured for a node, as plain values with their defaults.
//!
//! Must not know how it is written ([`super::keys`]) or which values go together
//! (`super::check`). Option names, ranges and defaults: guide, *Configuration Options* of
//! business continuity and *Configuring the primary SIP Server*; where the guide names no default,
//! ours is given.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use takeover_logic::component::sip::DrForward;

use crate::digest::Ha1;

/// Options of the application.
#[derive(Clone, Debug, PartialEq)]
pub struct Application {
    /// Name of the switch whose DNs these are; both nodes of a pair have the same.
    pub switch: Arc<str>,
    /// `sip-port`: the same on both nodes of a pair. Default 5060.
    pub sip_port: u16,
    /// `sip-address`: the virtual IP, which Via and Record-Route name. None: the address that a
    /// message came to.
    pub sip_address: Option<Arc<str>>,
    /// `sip-pass-check`: watch whether SIP messages arrive at all. Default false.
    pub sip_pass_check: bool,
    /// `dr-forward` for DNs that do not say. Default off.
    pub dr_forward: DrForward,
    /// `dr-peer-trunk`: the trunk to the peer site; none: no business continuity.
    pub dr_peer_trunk: Option<Arc<str>>,
    /// `dr-peer-location`: the switch of the peer site.
    pub dr_peer_location: Option<Arc<str>>,
    /// `shutdown-sip-reject-code`: 300 to 603. Default 603.
    pub shutdown_sip_reject_code: u16,
    /// `shutdown-sip-reject-phrase`: reason phrase with that code; none: the code's own. Some
    /// telephones fail over on a code together with its phrase.
    pub shutdown_sip_reject_phrase: Option<Arc<str>>,
    /// `router-timeout`: how long a call waits on a routing point before it goes to `default-dn`.
    /// Default 10 s.
    pub router_timeout: Duration,
    /// `default-dn`: where a call goes that nobody routed.
    pub default_dn: Option<Arc<str>>,
    /// `enforce-external-domains`: hosts whose parties are external.
    pub enforce_external_domains: Vec<Arc<str>>,
    /// `cof-feature` of `extrouter`.
    pub cof_feature: bool,
    /// `default-network-call-id-matching` of `extrouter`.
    pub network_call_id_matching: Option<Arc<str>>,
    /// Section `backup-sync`.
    pub backup_sync: BackupSync,
    /// Section `registrar`.
    pub registrar: Registrar,
    /// Section `nlb`; none: it is not written.
    pub nlb: Option<Nlb>,
}

impl Default for Application {
    fn default() -> Self {
        Application {
            switch: "".into(),
            sip_port: 5060,
            sip_address: None,
            sip_pass_check: false,
            dr_forward: DrForward::Off,
            dr_peer_trunk: None,
            dr_peer_location: None,
            shutdown_sip_reject_code: 603,
            shutdown_sip_reject_phrase: None,
            router_timeout: Duration::from_secs(10),
            default_dn: None,
            enforce_external_domains: Vec::new(),
            cof_feature: false,
            network_call_id_matching: None,
            backup_sync: BackupSync::default(),
            registrar: Registrar::default(),
            nlb: None,
        }
    }
}

/// The link between the two nodes of a pair (section `backup-sync`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackupSync {
    /// `protocol`: whether the link is kept alive (`addp`) or not (`default`, the default).
    pub is_addp: bool,
    /// `sync-reconnect-tout`: wait before the link is tried again. Default 20 s.
    pub sync_reconnect_tout: Duration,
    /// `addp-timeout`: silence of the other node after which it is asked. Default 0: never.
    pub addp_timeout: Duration,
    /// `addp-remote-timeout`: the same for the other node, told to it. Default 0.
    pub addp_remote_timeout: Duration,
    /// `addp-trace`: who notes what the keep-alive does. Default nobody.
    pub addp_trace: AddpTrace,
    /// `network-latency` between the two hosts, which the sizing rules are about. Default 0.
    pub network_latency: Duration,
    /// `ha-sync-port`; none: the port of the application's other listeners, which the shell knows.
    pub ha_sync_port: Option<u16>,
}

impl Default for BackupSync {
    fn default() -> Self {
        BackupSync {
            is_addp: false,
            sync_reconnect_tout: Duration::from_secs(20),
            addp_timeout: Duration::ZERO,
            addp_remote_timeout: Duration::ZERO,
            addp_trace: AddpTrace::Off,
            network_latency: Duration::ZERO,
            ha_sync_port: None,
        }
    }
}

/// Who notes what the keep-alive does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddpTrace {
    /// Nobody.
    Off,
    /// This node.
    Local,
    /// The other node.
    Remote,
    /// Both.
    Both,
}

/// What the registrar allows (section `registrar`, ours).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registrar {
    /// `realm` of challenges; none: the name of the switch. Ready HA1s are made for it.
    pub realm: Option<Arc<str>>,
    /// `expires-min`, in seconds; less is answered with 423. Default 60.
    pub expires_min_s: u32,
    /// `expires-default`, in seconds. Default 600.
    pub expires_default_s: u32,
    /// `expires-max`, in seconds; more is cut. Default 3600.
    pub expires_max_s: u32,
}

impl Default for Registrar {
    fn default() -> Self {
        Registrar { realm: None, expires_min_s: 60, expires_default_s: 600, expires_max_s: 3600 }
    }
}

/// What the site says of its network load balancing cluster, so that it can be checked against the
/// guide (*Configuring Windows NLB cluster parameters*).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nlb {
    /// `port-range`, both ends included.
    pub ports: (u16, u16),
}

impl Default for Nlb {
    fn default() -> Self {
        Nlb { ports: (0, u16::MAX) }
    }
}

/// What kind of thing a DN is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DnType {
    /// A telephone.
    Extension,
    /// A telephone at which an agent works.
    AcdPosition,
    /// A queue that agents log in to.
    AcdQueue,
    /// A port of a machine that treats calls.
    CallProcessingPort,
    /// A way to another switch, by the prefix of a number.
    Trunk,
    /// Where a call waits until somebody routes it.
    RoutingPoint,
    /// A service of the network; here a softswitch, behind which telephones are.
    VoipService,
}

impl DnType {
    /// All of them.
    pub const ALL: [DnType; 7] = [
        DnType::Extension,
        DnType::AcdPosition,
        DnType::AcdQueue,
        DnType::CallProcessingPort,
        DnType::Trunk,
        DnType::RoutingPoint,
        DnType::VoipService,
    ];

    /// Its name as the guide writes it.
    pub fn name(self) -> &'static str {
        match self {
            DnType::Extension => "Extension",
            DnType::AcdPosition => "ACD Position",
            DnType::AcdQueue => "ACD Queue",
            DnType::CallProcessingPort => "Call Processing Port",
            DnType::Trunk => "Trunk",
            DnType::RoutingPoint => "Routing Point",
            DnType::VoipService => "Voice over IP Service",
        }
    }

    /// Whether its number can be called.
    pub fn is_dialable(self) -> bool {
        !matches!(self, DnType::Trunk | DnType::VoipService)
    }

    /// Whether an agent can log in there.
    pub fn takes_agents(self) -> bool {
        matches!(self, DnType::Extension | DnType::AcdPosition)
    }
}

impl fmt::Display for DnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How the telephones behind a DN behave, where that asks for a certain `dr-forward` (guide,
/// *Using IP Phones*).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PhoneProfile {
    /// Registers at both sites.
    Simultaneous,
    /// Registers at the second site when the first is down; also Bria and Alcatel telephones.
    Sequential,
    /// Behind an OpenScape Voice switch.
    OpenScapeVoice,
}

/// One directory number.
#[derive(Clone, Debug, PartialEq)]
pub struct Dn {
    /// The number, or the name of a trunk or service.
    pub number: Arc<str>,
    /// What it is.
    pub kind: DnType,
    /// `contact`: where it is, as `host`, `host:port` or a SIP URI; none: where it registered.
    pub contact: Option<Arc<str>>,
    /// `prefix` of the numbers that a trunk leads to.
    pub prefix: Option<Arc<str>>,
    /// `priority` among trunks with the same prefix; the lowest is tried first. Default 0.
    pub priority: u32,
    /// `capacity`: most calls at a time; none: any number.
    pub capacity: Option<u32>,
    /// `oos-check`: time between two checks. Default 0: not checked.
    pub oos_check: Duration,
    /// `oos-force`: time without an answer after which it is out of service. Default 0: as soon as
    /// the check itself fails.
    pub oos_force: Duration,
    /// `dr-forward`; none: the application's.
    pub dr_forward: Option<DrForward>,
    /// Passwords; none: this DN is not challenged.
    pub passwords: Passwords,
    /// `default-dn` of a routing point; none: the application's.
    pub default_dn: Option<Arc<str>>,
    /// `router-timeout` of a routing point; none: the application's.
    pub router_timeout: Option<Duration>,
    /// `service-type`, which must be `softswitch`.
    pub is_softswitch: bool,
    /// `auto-redirect-enabled`; must not be written for trunks of business continuity.
    pub auto_redirect_enabled: Option<bool>,
    /// `phone-profile`.
    pub phone_profile: Option<PhoneProfile>,
}

impl Dn {
    /// A DN without any option.
    pub fn new(number: impl Into<Arc<str>>, kind: DnType) -> Dn {
        Dn {
            number: number.into(),
            kind,
            contact: None,
            prefix: None,
            priority: 0,
            capacity: None,
            oos_check: Duration::ZERO,
            oos_force: Duration::ZERO,
            dr_forward: None,
            passwords: Passwords::default(),
            default_dn: None,
            router_timeout: None,
            is_softswitch: false,
            auto_redirect_enabled: None,
            phone_profile: None,
        }
    }

    /// Whether active out-of-service detection is configured for it.
    pub fn is_checked(&self) -> bool {
        !self.oos_check.is_zero()
    }

    /// Whether it counts for `sip-pass-check`: a DN with both options.
    pub fn is_service(&self) -> bool {
        self.is_checked() && !self.oos_force.is_zero()
    }
}

/// What a DN proves itself with. Never shown.
#[derive(Clone, Default, PartialEq)]
pub struct Passwords {
    /// `password` itself.
    pub(crate) password: Option<Arc<str>>,
    /// `ha1-md5`: MD5 of `number:realm:password`.
    pub(crate) md5: Option<Ha1>,
    /// `ha1-sha-256`: SHA-256 of the same.
    pub(crate) sha256: Option<Ha1>,
}

impl Passwords {
    /// Whether there is any.
    pub fn is_some(&self) -> bool {
        self.password.is_some() || self.md5.is_some() || self.sha256.is_some()
    }

    /// One password.
    pub fn new(password: &str) -> Passwords {
        Passwords { password: Some(password.into()), ..Passwords::default() }
    }
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_some() { "(secret)" } else { "(none)" })
    }
}
