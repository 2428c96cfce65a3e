//! The commands about plugins that a control server answers: what it has, and what operators order.

use takeover::api::types::{
    CallCounts, PluginOrderBody, PluginView, PluginsBody, ShadowBody, ShadowOrder,
};

use crate::args::{JsonArgs, ServerArgs};
use crate::client::{Client, segment};
use crate::exit::{Exit, Failure};
use crate::out::{Out, clean};
use crate::table::{Cell, Table};

/// Shows every plugin.
pub(super) fn list(server: &ServerArgs, json: JsonArgs) -> Result<Exit, Failure> {
    let client = Client::new(server)?;
    let text = client.get_text("/v1/plugins")?;
    let body: PluginsBody = client.parse(&text)?;
    let out = Out::new();
    out.print(&if json.json { text } else { listed(out, &body) })?;
    let closed = body.plugins.iter().any(|plugin| plugin.closed.is_some());
    let well = body.rejected.is_empty() && !closed;
    Ok(if well { Exit::Ok } else { Exit::Problems })
}

/// Shows everything about one plugin.
pub(super) fn inspect(
    server: &ServerArgs,
    json: JsonArgs,
    (name, host): (&str, Option<&str>),
) -> Result<Exit, Failure> {
    let client = Client::new(server)?;
    let query = host.map_or(String::new(), |host| format!("?host={}", segment(host)));
    let text = client.get_text(&format!("/v1/plugins/{}{query}", segment(name)))?;
    let out = Out::new();
    out.print(&if json.json { text } else { inspected(out, &client.parse(&text)?) })?;
    Ok(Exit::Ok)
}

/// Orders something that needs no more words.
pub(super) fn order(
    server: &ServerArgs,
    json: JsonArgs,
    name: &str,
    action: &str,
) -> Result<Exit, Failure> {
    let client = Client::new(server)?;
    let text = client.post(&format!("/v1/plugins/{}/{action}", segment(name)), &())?;
    done(&client, json, name, text)
}

/// Turns shadow on or off.
pub(super) fn shadow(
    server: &ServerArgs,
    json: JsonArgs,
    name: &str,
    on: bool,
) -> Result<Exit, Failure> {
    let client = Client::new(server)?;
    let path = format!("/v1/plugins/{}/shadow", segment(name));
    let text = client.post(&path, &ShadowOrder { on })?;
    done(&client, json, name, text)
}

/// Shows what the version in shadow does differently.
pub(super) fn differences(
    server: &ServerArgs,
    json: JsonArgs,
    name: &str,
) -> Result<Exit, Failure> {
    let client = Client::new(server)?;
    let text = client.get_text(&format!("/v1/plugins/{}/shadow", segment(name)))?;
    let shown = if json.json { text } else { compared(name, &client.parse(&text)?) };
    Out::new().print(&shown)?;
    Ok(Exit::Ok)
}

fn done(client: &Client, json: JsonArgs, name: &str, text: String) -> Result<Exit, Failure> {
    let shown = match json.json {
        true => text,
        false => {
            let body: PluginOrderBody = client.parse(&text)?;
            clean(&format!("plugin {name}: {}", body.done))
        }
    };
    Out::new().print(&shown)?;
    Ok(Exit::Ok)
}

fn listed(out: Out, body: &PluginsBody) -> String {
    let headings = [
        "plugin",
        "host",
        "version",
        "kind",
        "state",
        "calls",
        "broken off",
        "refused",
        "other versions",
    ];
    let mut table = Table::new(&headings);
    for plugin in &body.plugins {
        let others: Vec<String> =
            plugin.others.iter().map(|it| format!("{} {}", it.version, it.state)).collect();
        let calls = &plugin.calls;
        table.row(vec![
            Cell::from(&plugin.name),
            Cell::from(place(plugin)),
            Cell::from(&plugin.version),
            Cell::from(kind_of(plugin)),
            Cell::from(plugin.closed.as_ref().unwrap_or(&plugin.state)),
            Cell::from(calls.calls),
            Cell::from(broken_off(calls)),
            Cell::from(plugin.refused.total()),
            Cell::from(others.join(", ")),
        ]);
    }
    let mut text = if table.is_empty() { "no plugins".to_owned() } else { table.render(out) };
    for rejected in &body.rejected {
        text.push('\n');
        let on = rejected.host.as_ref().map_or(String::new(), |host| format!(" on {host}"));
        let (folder, reason) = (&rejected.folder, &rejected.reason);
        text.push_str(&clean(&format!("refused: {folder}{on}: {reason}")));
    }
    text
}

fn inspected(out: Out, plugin: &PluginView) -> String {
    let mut table = Table::new(&["version", "state", "digest", "calls", "broken off", "reason"]);
    let mut row =
        |version: &str, state: &str, digest: &str, calls: Option<&CallCounts>, reason: &str| {
            let count = |count: fn(&CallCounts) -> u64| {
                calls.map(count).map_or(String::new(), |it| it.to_string())
            };
            let digest: String = digest.chars().take(12).collect();
            let (all, broken) = (count(|it| it.calls), count(broken_off));
            let cells = [version, state, &digest, &all, &broken, reason];
            table.row(cells.into_iter().map(Cell::from).collect());
        };
    if !plugin.version.is_empty() {
        let reason = plugin.closed.as_deref().unwrap_or_default();
        row(&plugin.version, &plugin.state, &plugin.sha256, Some(&plugin.calls), reason);
    }
    for other in &plugin.others {
        row(&other.version, &other.state, &other.sha256, Some(&other.calls), "");
    }
    for previous in &plugin.previous {
        let known = !previous.sha256.is_empty();
        let digest = if known { &previous.sha256 } else { &previous.package };
        row(&previous.version, "kept", digest, None, "");
    }
    for rejected in &plugin.rejected {
        let reason = format!("{}: {}", rejected.step, rejected.reason);
        row(&rejected.version, "refused", &rejected.package, None, &reason);
    }
    let used_by = match plugin.used_by.is_empty() {
        true => "nobody that is configured here".to_owned(),
        false => plugin.used_by.join(", "),
    };
    let place = place(plugin);
    let mut text = clean(&format!("plugin {} on {place} is used by {used_by}", plugin.name));
    text.push('\n');
    if let Some(file) = &plugin.policy_file {
        text.push_str(&clean(&format!("it is the text policy {file}")));
        text.push('\n');
    }
    text.push_str(&costs(out, plugin));
    for setting in &plugin.settings_waiting {
        text.push_str(&clean(&format!("pending: {setting}")));
        text.push('\n');
    }
    if plugin.not_primary > 0 {
        let count = plugin.not_primary;
        text.push_str(&format!("{count} times it was refused what only primaries may\n"));
    }
    if plugin.inputs_aside > 0 {
        text.push_str(&format!("{} inputs are put aside\n", plugin.inputs_aside));
    }
    if plugin.shadow {
        text.push_str("the next version runs in shadow\n");
    }
    text.push_str(&table.render(out));
    text
}

/// What its calls cost, and how many there are at the moment.
fn costs(out: Out, plugin: &PluginView) -> String {
    let calls = &plugin.calls;
    let mut text = String::new();
    text.push_str(&format!(
        "its calls took {} ms of their own, {} ms in the host, {} ms of waiting; \
         the longest {} ms, the largest {} KiB\n",
        calls.own_ms,
        calls.host_ms,
        calls.queued_ms,
        calls.slowest_ms,
        calls.memory_bytes_max / 1024
    ));
    text.push_str(&format!(
        "generation {}, exchanged {} times; {} calls under way, {} of them wait for room; \
         {} were refused\n",
        plugin.generation,
        plugin.reloads,
        plugin.in_flight,
        plugin.waiting,
        plugin.refused.total()
    ));
    if calls.own.calls() > 0 {
        let mut times = Table::new(&["one call", "median", "99 of 100", "longest"]);
        for (share, of) in [("in the component", &calls.own), ("in the host", &calls.host)] {
            let times_of = [of.median_us, of.p99_us, of.max_us].map(milliseconds);
            let cells = [share.to_owned()].into_iter().chain(times_of);
            times.row(cells.map(Cell::from).collect());
        }
        text.push_str(&times.render(out));
    }
    text
}

/// Where it runs.
fn place(plugin: &PluginView) -> String {
    plugin.host.as_ref().map_or_else(|| "control".to_owned(), ToString::to_string)
}

/// Microseconds as people read them beside milliseconds.
fn milliseconds(us: u64) -> String {
    format!("{} ms", us as f64 / 1e3)
}

/// Its kind, and whether a text policy is behind it.
fn kind_of(plugin: &PluginView) -> String {
    let script = if plugin.policy_file.is_some() { ", script" } else { "" };
    format!("{}{script}", plugin.kind)
}

/// Calls that ended without an answer of the component.
fn broken_off(calls: &CallCounts) -> u64 {
    calls.traps + calls.deadlines + calls.limits
}

fn compared(name: &str, body: &ShadowBody) -> String {
    let Some(shadow) = &body.shadow else {
        let next = if body.on { "; the next one will" } else { "" };
        return clean(&format!("plugin {name}: no version runs in shadow{next}"));
    };
    let mut lines = vec![format!(
        "plugin {name}: version {shadow} in shadow of {}: {} of {} calls differed",
        body.active, body.differed, body.compared
    )];
    for difference in &body.differences {
        lines.push(format!("input {}", difference.input));
        lines.push(format!("    in use     {}", difference.active));
        lines.push(format!("    in shadow  {}", difference.shadow));
    }
    lines.iter().map(|line| clean(line)).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests;
