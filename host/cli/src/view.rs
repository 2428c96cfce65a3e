//! Keeps an overview current from the changes of a stream.

use takeover_logic::control::io::{Change, Overview};

/// Puts one change into the overview, by name; new objects are sorted in.
pub(crate) fn apply(overview: &mut Overview, change: Change) {
    match change {
        Change::Host(host) => put(&mut overview.hosts, host, |one| one.name.clone()),
        Change::Application(application) => {
            put(&mut overview.applications, application, |one| one.name.clone());
        }
        Change::Pair(pair) => put(&mut overview.pairs, pair, |one| one.name.clone()),
        Change::Vip(vip) => put(&mut overview.vips, vip, |one| one.name.clone()),
        Change::Alarm(alarm) if alarm.cleared.is_some() => {
            overview.alarms.retain(|one| one.id != alarm.id);
        }
        Change::Alarm(alarm) => put(&mut overview.alarms, alarm, |one| one.id),
    }
}

fn put<T, K: Ord>(list: &mut Vec<T>, value: T, key: impl Fn(&T) -> K) {
    let wanted = key(&value);
    match list.iter().position(|one| key(one) >= wanted) {
        Some(at) => match list.get_mut(at) {
            Some(found) if key(found) == wanted => *found = value,
            _ => list.insert(at, value),
        },
        None => list.push(value),
    }
}

#[cfg(test)]
pub(crate) mod tests;
