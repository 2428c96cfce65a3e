//! Names of what a pair expands to, in the guide's style.
//!
//! A pair `sip` with the virtual IP `sip-vip` gives
//!
//! | object | names |
//! |---|---|
//! | applications | `SIP_SERVER_PRIMARY`, `SIP_SERVER_BACKUP` |
//! | control applications | `SIP_SERVER_PRIMARY_VIP_UP`, `SIP_SERVER_PRIMARY_VIP_DOWN`, ... |
//! | reactions | `AR_SIP_PRIMARY_VIP_UP`, `AR_SIP_PRIMARY_VIP_DOWN`, ... |
//! | conditions | `ALRM_SIP_PRIMARY_50_HAPrimary`, `ALRM_SIP_PRIMARY_51_HABackup`, ... |
//!
//! and the last three likewise with `BACKUP`.
//!
//! A second address in `vip` is `sip-vip-2` and gives `..._VIP_2_UP`; a `[[vip]]` named `trunk`
//! gives `..._TRUNK_UP`.

use crate::link::VipAction;

/// One of the two places in a pair, as configured; not the run mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum Place {
    Primary,
    Backup,
}

impl Place {
    /// Both.
    pub(super) const BOTH: [Place; 2] = [Place::Primary, Place::Backup];

    /// The key of its table in `[[pair]]`.
    pub(super) fn key(self) -> &'static str {
        match self {
            Place::Primary => "primary",
            Place::Backup => "backup",
        }
    }

    fn upper(self) -> &'static str {
        match self {
            Place::Primary => "PRIMARY",
            Place::Backup => "BACKUP",
        }
    }
}

/// A name in capitals, with underscores for what the guide's names do not have.
fn capitals(name: &str) -> String {
    let capital = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    name.chars().map(capital).collect()
}

/// The application of a pair.
pub(super) fn application(pair: &str, place: Place) -> String {
    format!("{}_SERVER_{}", capitals(pair), place.upper())
}

/// The virtual IP at a position of the pair's own list.
pub(super) fn vip(pair: &str, position: usize) -> String {
    match position {
        0 => format!("{pair}-vip"),
        _ => format!("{pair}-vip-{}", position + 1),
    }
}

fn moves(pair: &str, place: Place, vip: &str, action: VipAction) -> String {
    let pair = format!("{}_", capitals(pair));
    let vip = capitals(vip);
    let vip = vip.strip_prefix(&pair).filter(|rest| !rest.is_empty()).unwrap_or(&vip);
    let action = match action {
        VipAction::Up => "UP",
        VipAction::Down => "DOWN",
    };
    format!("{}_{vip}_{action}", place.upper())
}

/// The control application that moves a virtual IP.
pub(super) fn control_application(
    pair: &str,
    place: Place,
    vip: &str,
    action: VipAction,
) -> String {
    format!("{}_SERVER_{}", capitals(pair), moves(pair, place, vip, action))
}

/// The reaction that moves a virtual IP.
pub(super) fn reaction(pair: &str, place: Place, vip: &str, action: VipAction) -> String {
    format!("AR_{}_{}", capitals(pair), moves(pair, place, vip, action))
}

/// The condition on a run mode of one of the applications: `is_primary` for 00-05150.
pub(super) fn condition(pair: &str, place: Place, is_primary: bool) -> String {
    let event = if is_primary { "50_HAPrimary" } else { "51_HABackup" };
    format!("ALRM_{}_{}_{event}", capitals(pair), place.upper())
}
