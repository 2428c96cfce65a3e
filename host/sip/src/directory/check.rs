//! Which options go together: the guide's rules about a whole directory.
//!
//! Used where a file is read and where an option is changed at run time, so it must not know
//! where anything is written.

use std::sync::Arc;
use std::time::Duration;

use super::model::{Application, Dn, DnType, DrForward, PhoneProfile};
use super::{Destination, Directory};

/// What a finding is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Object {
    /// The application.
    Application,
    /// The DN of this number.
    Dn(Arc<str>),
}

/// Something that must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) object: Object,
    pub(super) key: &'static str,
    pub(super) found: String,
    pub(super) allowed: String,
}

/// Something that may be, but may not be meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Remark {
    pub(super) object: Object,
    pub(super) key: &'static str,
    pub(super) text: String,
}

/// Collects findings and remarks.
#[derive(Default)]
pub(super) struct Report {
    pub(super) findings: Vec<Finding>,
    pub(super) remarks: Vec<Remark>,
}

impl Report {
    fn wrong(&mut self, object: &Object, key: &'static str, texts: (String, String)) {
        let (found, allowed) = texts;
        self.findings.push(Finding { object: object.clone(), key, found, allowed });
    }

    fn remark(&mut self, object: &Object, key: &'static str, text: impl Into<String>) {
        self.remarks.push(Remark { object: object.clone(), key, text: text.into() });
    }
}

/// The option is not written.
fn nothing(allowed: &str) -> (String, String) {
    ("nothing".to_owned(), allowed.to_owned())
}

/// Checks the application's options, which may refer to DNs.
pub(super) fn application(directory: &Directory, report: &mut Report) {
    let application = directory.application();
    let of = &Object::Application;
    if application.switch.is_empty() {
        report.wrong(of, "switch", nothing("a name, the same on both nodes of a pair"));
    }
    if application.sip_address.is_none() {
        let text = "is not set: messages name the address they arrived at, which is wrong behind a \
                    virtual IP";
        report.remark(of, "sip-address", text);
    }
    if application.sip_pass_check && directory.traffic_timeout().is_none() {
        let text = "has no effect: no DN has both oos-check and oos-force";
        report.remark(of, "sip-pass-check", text);
    }
    if let Some(number) = &application.default_dn {
        leads_somewhere(directory, of, number, report);
    }
    registrar(application, report);
    backup_sync(application, report);
    continuity(directory, report);
    if let Some(nlb) = application.nlb {
        let (first, last) = nlb.ports;
        if !(first..=last).contains(&application.sip_port) {
            let found = format!("{first}-{last}");
            let allowed = format!("a range with sip-port ({})", application.sip_port);
            report.wrong(of, "port-range", (found, allowed));
        }
    }
}

fn registrar(application: &Application, report: &mut Report) {
    let registrar = &application.registrar;
    let (min, max) = (registrar.expires_min_s, registrar.expires_max_s);
    if !(min..=max).contains(&registrar.expires_default_s) {
        let found = format!("{} between {min} and {max}", registrar.expires_default_s);
        let allowed = "expires-min, expires-default and expires-max in rising order".to_owned();
        report.wrong(&Object::Application, "expires-default", (found, allowed));
    }
}

/// The sizing rules (guide, *Configuring the primary SIP Server*): the two time-outs at least twice
/// the latency, the reconnect at least twice the time-out and the latency.
fn backup_sync(application: &Application, report: &mut Report) {
    let of = &Object::Application;
    let sync = &application.backup_sync;
    let timeouts =
        [("addp-timeout", sync.addp_timeout), ("addp-remote-timeout", sync.addp_remote_timeout)];
    if !sync.is_addp {
        for (key, timeout) in timeouts {
            if !timeout.is_zero() {
                report.remark(of, key, "has no effect: protocol is not addp");
            }
        }
        return;
    }
    let least = sync.network_latency * 2;
    for (key, timeout) in timeouts {
        if timeout.is_zero() {
            report.remark(of, key, "is 0: a dead link is not noticed from this side");
        } else if timeout < least {
            let allowed = format!("at least {least:?}, twice network-latency");
            report.wrong(of, key, (format!("{timeout:?}"), allowed));
        }
    }
    let longest = sync.addp_timeout.max(sync.addp_remote_timeout);
    let least = longest * 2 + sync.network_latency;
    if sync.sync_reconnect_tout < least {
        let found = format!("{:?}", sync.sync_reconnect_tout);
        let allowed = format!("at least {least:?}: twice addp-timeout, and network-latency");
        report.wrong(of, "sync-reconnect-tout", (found, allowed));
    }
}

/// The rules of a pair of sites (guide, *Deploying Basic SIP Business Continuity*).
fn continuity(directory: &Directory, report: &mut Report) {
    let application = directory.application();
    let of = &Object::Application;
    let Some(name) = &application.dr_peer_trunk else {
        if application.dr_forward != DrForward::Off {
            report.remark(of, "dr-forward", "has no effect: dr-peer-trunk is not set");
        }
        if application.shutdown_sip_reject_code <= 302 {
            let text = "redirects to the peer, but dr-peer-trunk is not set: 603 is sent";
            report.remark(of, "shutdown-sip-reject-code", text);
        }
        return;
    };
    match directory.dn(name) {
        Some(trunk) if trunk.kind == DnType::Trunk => peer_trunk(directory, trunk, report),
        found => {
            let found = match found {
                Some(dn) => format!("{name:?}, of type {}", dn.kind),
                None => format!("{name:?}, which no DN is called"),
            };
            report.wrong(of, "dr-peer-trunk", (found, "the name of a Trunk DN".to_owned()));
        }
    }
    match &application.dr_peer_location {
        None => report.wrong(of, "dr-peer-location", nothing("the switch of the peer site")),
        Some(peer) if *peer == application.switch => {
            let allowed = "the switch of the other site".to_owned();
            report.wrong(of, "dr-peer-location", (format!("{peer:?}, this switch"), allowed));
        }
        Some(_) => {}
    }
    if !application.cof_feature || application.network_call_id_matching.is_none() {
        let text = "and default-network-call-id-matching = sip are needed between the two sites";
        report.remark(of, "cof-feature", text);
    }
    if application.default_dn.is_none() {
        report.remark(of, "default-dn", "is not set: calls that nobody routes are refused");
    }
    if application.enforce_external_domains.len() < 2 {
        let text = "does not hold both peers: parties of the other site may be taken for own ones";
        report.remark(of, "enforce-external-domains", text);
    }
}

/// What the trunk to the peer site must have.
fn peer_trunk(directory: &Directory, trunk: &Dn, report: &mut Report) {
    let of = &Object::Dn(Arc::clone(&trunk.number));
    for (key, time) in [("oos-check", trunk.oos_check), ("oos-force", trunk.oos_force)] {
        if time.is_zero() {
            let allowed = "1 second or more: dr-peer-trunk must be checked";
            report.wrong(of, key, nothing(allowed));
        }
    }
    if trunk.auto_redirect_enabled.is_some() {
        let texts = ("the option on dr-peer-trunk".to_owned(), "nothing".to_owned());
        report.wrong(of, "auto-redirect-enabled", texts);
    }
    let Some(prefix) = &trunk.prefix else {
        report.wrong(of, "prefix", nothing("a prefix that no number has: this is dr-peer-trunk"));
        return;
    };
    let dialed = directory.dns().find(|dn| {
        let is_other_trunk = dn.number != trunk.number && dn.prefix.as_ref() == Some(prefix);
        is_other_trunk || (dn.kind.is_dialable() && dn.number.starts_with(&**prefix))
    });
    if let Some(dn) = dialed {
        let found = format!("{prefix:?}, which {} {:?} has too", dn.kind, dn.number);
        let allowed = "a prefix of its own that no number begins with".to_owned();
        report.wrong(of, "prefix", (found, allowed));
    }
}

/// Checks one DN.
pub(super) fn dn(directory: &Directory, dn: &Dn, report: &mut Report) {
    let of = &Object::Dn(Arc::clone(&dn.number));
    if matches!(dn.kind, DnType::Trunk | DnType::VoipService) && dn.contact.is_none() {
        report.wrong(of, "contact", nothing("where it is: it does not register"));
    }
    if dn.kind == DnType::VoipService && !dn.is_softswitch {
        report.wrong(of, "service-type", nothing("softswitch"));
    }
    if dn.is_checked() && !dn.oos_force.is_zero() && dn.oos_force > dn.oos_check {
        let text = "is longer than oos-check: the next check comes before this one is judged";
        report.remark(of, "oos-force", text);
    }
    if !dn.is_checked() && !dn.oos_force.is_zero() {
        report.remark(of, "oos-force", "has no effect: oos-check is not set");
    }
    if let Some(number) = &dn.default_dn {
        leads_somewhere(directory, of, number, report);
    }
    let application = directory.application();
    if application.dr_peer_trunk.is_some() {
        phones(dn, directory.dr_forward(dn), of, report);
    }
}

/// Which telephones want which forwarding (guide, *Using IP Phones*).
fn phones(dn: &Dn, forward: DrForward, of: &Object, report: &mut Report) {
    match dn.phone_profile {
        Some(PhoneProfile::Sequential) if forward != DrForward::Oos => {
            let text = "registers at one site at a time: dr-forward should be oos";
            report.remark(of, "phone-profile", text);
        }
        Some(PhoneProfile::OpenScapeVoice) if forward != DrForward::NoAgent => {
            report.remark(of, "phone-profile", "dr-forward should be no-agent");
        }
        _ => {}
    }
}

fn leads_somewhere(directory: &Directory, of: &Object, number: &str, report: &mut Report) {
    if matches!(directory.destination(number), Destination::Unknown) {
        let allowed = "the number of a DN, or one that a trunk's prefix leads to".to_owned();
        report.wrong(of, "default-dn", (format!("{number:?}"), allowed));
    }
}

/// Silence after which `sip-pass-check` means that nothing arrives (guide, *SIP Traffic
/// Monitoring*): the longest sum of `oos-check` and `oos-force` among service DNs.
pub(super) fn traffic_timeout<'a>(dns: impl Iterator<Item = &'a Dn>) -> Option<Duration> {
    dns.filter(|dn| dn.is_service()).map(|dn| dn.oos_check + dn.oos_force).max()
}
