//! Traffic monitoring (guide, *SIP Traffic Monitoring*) on interfaces that are cut while the
//! management network lives: a primary that hears no SIP says so, and the pair changes sides.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use takeover_tests::lab::{Cut, Lab, Net, Node, Running, VIP};
use takeover_tests::system::{BACKUP, PRIMARY, SIP_PORT, Settings, digest};
use takeover_tests::wire::{self, Wire};
use takeover_tests::{programs, wait};

use crate::node_stage::node_settings;
use crate::stage::{SOON, Stage, staged_in};

/// Port of the device that the nodes ask.
const DEVICE_PORT: u16 = 5071;

/// The shortest that can be configured: asked each second, out of service a second later. So T is
/// two seconds.
const DIRECTORY: &str = "sip-pass-check = true\n\n\
    [[dn]]\nnumber = \"device\"\ntype = \"Extension\"\n\
    oos-check = 1\noos-force = 1\n";

/// Application can not serve.
const UNAVAILABLE: &str = "90-02006";
/// Application can serve again.
const AVAILABLE: &str = "90-02007";

/// Longer than all the silences of the longest rhythm here, 22 s, with the moves between them.
const RHYTHM_TIMEOUT: Duration = Duration::from_secs(50);

/// The monitor with its grant, and what the pair itself needs.
fn put_plugins(folder: &Path) -> Result<()> {
    let shelf = programs::plugins()?;
    for name in ["reaction-vip", "vip-linux", "monitor-traffic"] {
        let copy = folder.join("plugins.d").join(name);
        fs::create_dir_all(&copy)?;
        for file in ["component.wasm", "plugin.toml"] {
            fs::copy(shelf.join(name).join(file), copy.join(file))
                .with_context(|| format!("plugin {name}"))?;
        }
    }
    let component = fs::read(folder.join("plugins.d/monitor-traffic/component.wasm"))?;
    let grant =
        format!("sha256 = \"{}\"\n\n[[grant]]\npermission = \"memory\"\n", digest(component));
    fs::create_dir_all(folder.join("grants.d"))?;
    Ok(fs::write(folder.join("grants.d/monitor-traffic.toml"), grant)?)
}

fn settings(folder: &Path) -> Settings {
    let contact = format!("contact = \"{}:{DEVICE_PORT}\"\n", Node::C2.address(Net::Sip));
    Settings {
        node: "[monitor]\nplugin = \"monitor-traffic\"\n".to_owned(),
        plugins: Some(folder.join("plugins.d")),
        // Half a minute in which each switchover counts: a machine that stands still for a moment
        // is not to be taken for two lost hosts.
        heartbeat: Duration::from_millis(500),
        ..node_settings(&format!("{DIRECTORY}{contact}"))
    }
}

/// A device that answers OPTIONS.
fn device(lab: &Lab) -> Result<Running> {
    let mut command = Command::new(programs::ours("lab_sipd")?);
    let listen = format!("{}:{DEVICE_PORT}", Node::C2.address(Net::Sip));
    command.args(["--name", "device", "--listen", &listen]);
    lab.spawn(Node::C2, "device", command)
}

/// Who said that it can not serve, and after which silence, in their order: `(name, limit)`.
fn silences(stage: &Stage<'_>) -> Result<Vec<(String, String)>> {
    let events = stage.events()?;
    let said = events.iter().filter(|event| event.id == UNAVAILABLE);
    said.map(|event| {
        let limit = event.text.split("(limit ").nth(1).and_then(|rest| rest.split(')').next());
        let limit = limit.with_context(|| event.text.clone())?.to_owned();
        Ok((event.application.clone().unwrap_or_default(), limit))
    })
    .collect()
}

/// Waits until so many were said.
fn wait_silences(stage: &Stage<'_>, count: usize) -> Result<Vec<(String, String)>> {
    wait::until(&format!("{count} silences"), RHYTHM_TIMEOUT, || {
        let found = silences(stage).map_err(|error| format!("{error:#}"))?;
        if found.len() >= count { Ok(found) } else { Err(format!("{found:?}")) }
    })
}

fn expect(found: &[(String, String)], expected: &[(&str, &str)]) -> Result<()> {
    let found: Vec<(&str, &str)> = found.iter().map(|(n, l)| (n.as_str(), l.as_str())).collect();
    ensure!(found == expected, "{found:?}, expected {expected:?}");
    Ok(())
}

/// The client talks to h1, then h1 hears nothing any more.
fn one_side_is_cut(stage: &mut Stage<'_>) -> Result<()> {
    stage.mark()?;
    stage.lab.cut(Node::H1, &[Net::Sip], Cut::Silent)?;
    expect(&wait_silences(stage, 1)?, &[(PRIMARY, "2 s")])?;
    stage.wait_serving(Node::H2)?;
    // As backup it is as well as it can be.
    stage.wait_event(AVAILABLE, Some(PRIMARY))?;
    Ok(())
}

/// Nobody hears anything: T for the side that had messages, then T, T, 2T, 2T, 4T.
fn both_sides_are_cut(stage: &mut Stage<'_>) -> Result<()> {
    stage.mark()?;
    for node in [Node::C1, Node::H2] {
        stage.lab.cut(node, &[Net::Sip], Cut::Silent)?;
    }
    let rhythm = [
        (BACKUP, "2 s"),
        (PRIMARY, "2 s"),
        (BACKUP, "2 s"),
        (PRIMARY, "4 s"),
        (BACKUP, "4 s"),
        (PRIMARY, "8 s"),
    ];
    expect(&wait_silences(stage, rhythm.len())?, &rhythm)?;
    stage.system.wait_serving(Node::H2, SOON)
}

/// The one that is primary would now wait for 4T; after a single message it is T again.
fn one_message_ends_it(stage: &mut Stage<'_>) -> Result<()> {
    stage.mark()?;
    for node in [Node::H1, Node::H2] {
        stage.lab.heal(node)?;
    }
    stage.lab.forget_neighbors(Node::C2)?;
    let mut wire = Wire::udp(stage.lab, Node::C2, 5072, (VIP, SIP_PORT).into())?;
    let local = wire.local();
    let request = format!(
        "OPTIONS sip:{VIP} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bKone;rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:one@{local}>;tag=one\r\nTo: <sip:{VIP}>\r\n\
         Call-ID: one\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    );
    wire.send(request.as_bytes())?;
    let answer = wire.expect("answer", |message| wire::code(message) == Some(200))?;
    ensure!(wire::header(&answer, "Server") == Some("h2"), "{answer}");
    expect(&wait_silences(stage, 1)?, &[(BACKUP, "2 s")])?;
    stage.system.wait_serving(Node::H1, SOON)
}

/// Nothing comes in but answers to the node's own questions: they keep it primary beyond T, and
/// when they end it is T that counts.
fn answers_of_a_device_are_traffic(stage: &mut Stage<'_>) -> Result<()> {
    // The first answer comes within a second, and T is two.
    const BEYOND: Duration = Duration::from_millis(3_500);
    let device = device(stage.lab)?;
    stage.mark()?;
    wait::stays("the device's answers keep h1 primary", BEYOND, || {
        let found = silences(stage).map_err(|error| format!("{error:#}"))?;
        if found.is_empty() { Ok(()) } else { Err(format!("{found:?}")) }
    })?;
    drop(device);
    expect(&wait_silences(stage, 1)?, &[(PRIMARY, "2 s")])
}

#[test]
fn a_primary_without_sip_gives_way_in_the_guides_rhythm() -> Result<()> {
    let folder = tempfile::Builder::new().prefix("takeover-plugins-").tempdir()?;
    crate::lab_test_with(&["ip", "nft", "curl"], |lab| {
        put_plugins(folder.path())?;
        let device = device(lab)?;
        staged_in(lab, settings(folder.path()), |stage| {
            one_side_is_cut(stage)?;
            drop(device);
            both_sides_are_cut(stage)?;
            one_message_ends_it(stage)?;
            answers_of_a_device_are_traffic(stage)
        })
    })
}
