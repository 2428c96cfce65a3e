//! Whether all is well: what is wrong in an overview, a sentence each. The page judges alike
//! (`host/node/src/ui/page.js`, function `troubles`).

use takeover_logic::component::Category;
use takeover_logic::control::io::{HostStatus, Overview, PairView, VipView};
use takeover_logic::ids::{ApplicationName, HostName};
use takeover_logic::link::{Status, Verdict};

use crate::show::word;

/// Everything that is wrong, worst kind first.
pub(crate) fn troubles(overview: &Overview) -> Vec<String> {
    let mut found = Vec::new();
    for pair in overview.pairs.iter().filter(|pair| pair.primary.is_none()) {
        found.push(format!("pair {} has no primary: {}", pair.name, pair.state));
    }
    found.extend(overview.vips.iter().filter_map(|vip| vip_trouble(overview, vip)));
    for host in overview.hosts.iter().filter(|host| host.status != HostStatus::Running) {
        found.push(match host.status {
            HostStatus::Unknown => format!("host {} has not linked up yet", host.name),
            _ => format!("host {} is disconnected", host.name),
        });
    }
    found.extend(overview.pairs.iter().filter_map(|pair| standby_trouble(overview, pair)));
    for pair in overview.pairs.iter().filter(|pair| pair.paused) {
        found.push(format!("pair {} is paused: nothing is decided about it", pair.name));
    }
    for alarm in overview.alarms.iter().filter(|alarm| !alarm.test) {
        let category = word(&alarm.category);
        found.push(format!(
            "alarm {} ({category}): {} about {}",
            alarm.id, alarm.condition, alarm.application
        ));
    }
    found
}

/// The hosts that have an address as far as their kernels say.
pub(crate) fn holders(vip: &VipView) -> Vec<&HostName> {
    let present = vip.presence.iter().filter(|(_, verdict)| **verdict == Verdict::Good);
    present.map(|(host, _)| host).collect()
}

/// The host of an application.
pub(crate) fn host_of<'a>(overview: &'a Overview, name: &ApplicationName) -> Option<&'a HostName> {
    overview.applications.iter().find(|one| one.name == *name).map(|one| &one.host)
}

/// Whether an alarm of this severity means that service is lost or about to be.
pub(crate) fn is_critical(category: Category) -> bool {
    category == Category::Critical
}

fn vip_trouble(overview: &Overview, vip: &VipView) -> Option<String> {
    let named = format!("virtual IP {} ({})", vip.name, vip.address);
    let pair = overview.pairs.iter().find(|pair| pair.name == vip.pair)?;
    let primary = pair.primary.as_ref()?;
    let wanted = host_of(overview, primary)?;
    match holders(vip).as_slice() {
        [] => Some(format!("{named} is on no host, primary is {primary} on {wanted}")),
        [holder] if *holder == wanted => None,
        [holder] => Some(format!("{named} is on {holder}, but primary is {primary} on {wanted}")),
        several => {
            let names: Vec<_> = several.iter().map(|host| host.as_str()).collect();
            Some(format!("{named} is on {} at once", names.join(" and ")))
        }
    }
}

fn standby_trouble(overview: &Overview, pair: &PairView) -> Option<String> {
    pair.primary.as_ref()?;
    let Some(backup) = &pair.backup else {
        return Some(format!("pair {} has no backup", pair.name));
    };
    let backup = overview.applications.iter().find(|one| one.name == *backup)?;
    (backup.status != Status::Running).then(|| {
        let (name, status) = (&backup.name, word(&backup.status));
        format!("pair {} can not switch over: backup {name} is {status}", pair.name)
    })
}

#[cfg(test)]
mod tests;
