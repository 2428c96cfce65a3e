//! Bad input of a running system: one clear error each, nothing half applied, the running system
//! keeps running.
#![expect(clippy::indexing_slicing, reason = "a JSON value reads null where there is nothing")]

use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use takeover_tests::lab::Node;
use takeover_tests::system::{PAIR, Settings, VIEWER_TOKEN};
use takeover_tests::wait;

use crate::stage::{SOON, Stage, staged};

/// Where SQLite keeps the number of the schema in its file (file format, section 1.3).
const USER_VERSION_OFFSET: u64 = 60;

fn error_of(body: &Value) -> (&str, &str) {
    let text = |key| body["error"][key].as_str().unwrap_or_default();
    (text("code"), text("message"))
}

/// A wrong token, a token of the wrong role, wrong paths, wrong and oversized bodies: refused with
/// a code and a sentence, without effect.
#[test]
fn bad_requests_are_refused_without_effect() -> Result<()> {
    staged(Settings::default(), |stage| {
        let api = stage.system.api().clone();
        let switchover = format!("/v1/pairs/{PAIR}/switchover");
        let huge = json!({ "graceful": true, "more": "x".repeat(80 << 10) });
        let stop = "/v1/applications/SIP_SERVER_PRIMARY/stop";
        for (token, method, path, body, status, code) in [
            (Some("wrong"), "GET", "/v1/overview", None, 401, "unauthorized"),
            (Some(""), "POST", switchover.as_str(), None, 401, "unauthorized"),
            (Some(VIEWER_TOKEN), "POST", &switchover, None, 403, "forbidden"),
            (None, "POST", "/v1/pairs/nobody/switchover", None, 404, "not-found"),
            (None, "POST", "/v1/conditions/nothing/test", None, 404, "not-found"),
            (None, "GET", "/v1/switchovers/99999", None, 404, "not-found"),
            (None, "GET", "/v1/nothing", None, 404, "not-found"),
            (None, "GET", "/v1/events?after=soon", None, 400, "invalid"),
            (None, "POST", stop, Some(json!({ "gracefull": true })), 400, "invalid"),
            (None, "POST", stop, Some(huge), 413, "too-large"),
        ] {
            let api = token.map_or_else(|| api.clone(), |token| api.with_token(token));
            let response = api.ask(method, path, body.as_ref())?;
            let found = error_of(&response.body);
            ensure!(
                response.status == status && found.0 == code && !found.1.is_empty(),
                "{method} {path} with {token:?}: {response:?}"
            );
        }
        let viewer = api.with_token(VIEWER_TOKEN);
        ensure!(viewer.ask("GET", "/v1/overview", None)?.status == 200, "a viewer may look");
        stage.never(&["00-05150", "00-05151", "90-06001", "90-06003"])?;
        stage.wait_settled(Node::H1)
    })
}

/// A configuration with errors is refused as a whole; a good one is taken without touching run
/// modes or the address.
#[test]
fn bad_configuration_is_refused_and_a_good_one_taken() -> Result<()> {
    staged(Settings::default(), |stage| {
        let file = stage.system.config_folder().join("sip.toml");
        let good = fs::read_to_string(&file)?;
        let bad = good.replace("network_interface", "network_interfase");
        fs::write(&file, bad)?;
        stage.system.control()?.signal(Signal::SIGHUP)?;
        let refused = stage.wait_event("90-07004", None)?;
        ensure!(refused.text.contains("network_interfase"), "{}", refused.text);
        ensure!(
            refused.text.contains("nearest: network_interface"),
            "nearest key: {}",
            refused.text
        );

        stage.mark()?;
        let more = "\n[[condition]]\nname = \"new-one\"\ndetect = { event = \
                    \"90-02002\", any = true }\ncancel_timeout_s = 1\n";
        fs::write(&file, good + more)?;
        stage.system.control()?.signal(Signal::SIGHUP)?;
        stage.wait_event("90-07003", None)?;
        stage.system.api().post("/v1/conditions/new-one/test")?;
        stage.wait_settled(Node::H1)?;
        stage.never(&["00-05150", "00-05151", "90-03001", "90-03003", "90-02008"])
    })
}

/// An agent whose certificate another authority signed is refused; the pair goes on.
#[test]
fn agent_of_a_foreign_authority_is_refused() -> Result<()> {
    staged(Settings::default(), |stage| {
        let files = stage.system.files();
        let pki = files.pki();
        let kept = pki.with_extension("kept");
        fs::rename(&pki, &kept)?;
        fs::create_dir(&pki)?;
        files.takeover_pki(&["ca"])?;
        files.takeover_pki(&["host", "h2"])?;
        // The agent trusts the control server, but not the other way around.
        fs::copy(kept.join("ca.pem"), pki.join("ca.pem"))?;
        let agent = stage.system.agent(Node::H2)?;
        agent.signal(Signal::SIGTERM)?;
        agent.wait(SOON)?;
        stage.mark()?;
        stage.system.start_agent(Node::H2)?;
        wait::until("the agent says why it is not linked", SOON, || {
            let text = stage.system.agent(Node::H2).map(|agent| agent.output()).unwrap_or_default();
            let said = text.contains("does not accept this agent's certificate");
            if said { Ok(()) } else { Err(text) }
        })?;
        stage.never(&["90-02009"])?;
        stage.wait_serving(Node::H1)?;
        let agent = stage.system.agent(Node::H2)?;
        agent.signal(Signal::SIGTERM)?;
        agent.wait(SOON)?;
        fs::remove_dir_all(&pki)?;
        fs::rename(&kept, &pki)?;
        stage.system.start_agent(Node::H2)?;
        stage.wait_settled(Node::H1)
    })
}

/// A journal that a newer version wrote is refused in a sentence and left alone.
#[test]
fn journal_of_a_newer_version_is_refused() -> Result<()> {
    staged(Settings::default(), |stage| {
        let control = stage.system.control()?;
        control.signal(Signal::SIGTERM)?;
        control.wait(SOON)?;
        let journal = stage.system.journal();
        let mut file = fs::OpenOptions::new().write(true).open(&journal)?;
        file.seek(SeekFrom::Start(USER_VERSION_OFFSET))?;
        file.write_all(&9999_u32.to_be_bytes())?;
        drop(file);
        let before = fs::read(&journal)?;
        stage.system.start_control()?;
        let control = stage.system.control()?;
        let status = control.wait(SOON)?;
        ensure!(!status.success(), "it started on a journal from the future");
        let text = control.output();
        ensure!(text.contains("9999") && text.contains("journal"), "{text}");
        ensure!(fs::read(&journal)? == before, "the journal was changed");
        // The pair serves all the while; nothing is left to ask but the referee and the client.
        stage.wait_holder(Node::H1)?;
        stage.probe.wait_for("h1", SOON)
    })
}

/// A small disk of its own under the journal, unmounted in any case.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(folder: PathBuf, mib: u32) -> Result<Self> {
        let size = format!("size={mib}m");
        mount(Some("tmpfs"), &folder, Some("tmpfs"), MsFlags::empty(), Some(size.as_str()))
            .with_context(|| folder.display().to_string())?;
        Ok(Self(folder))
    }

    fn fill(&self) -> Result<PathBuf> {
        let path = self.0.join("filler");
        let mut file = fs::File::create(&path)?;
        // Until the disk says that it is full; that is what is wanted.
        while file.write_all(&[0; 4096]).is_ok() {}
        Ok(path)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        if let Err(error) = umount2(&self.0, MntFlags::MNT_DETACH) {
            eprintln!("{}: not unmounted: {error}", self.0.display());
        }
    }
}

/// The disk of the journal is full: decisions go on and a switchover works for callers; that the
/// journal fails is said; with room again it is written again.
#[test]
fn full_disk_stops_records_but_not_the_service() -> Result<()> {
    staged(Settings::default(), |stage| {
        let control = stage.system.control()?;
        control.signal(Signal::SIGTERM)?;
        control.wait(SOON)?;
        let journal = stage.system.journal();
        let folder = journal.parent().context("folder of the journal")?.to_owned();
        let disk = SmallDisk::mount(folder, 4)?;
        stage.system.start_control()?;
        stage.wait_settled(Node::H1)?;
        let filler = disk.fill()?;
        // Its answer waits for the disk, so it is not waited for here.
        let api = stage.system.api().clone();
        let order = std::thread::spawn(move || api.ask("POST", "/v1/pairs/sip/switchover", None));
        stage.wait_holder(Node::H2)?;
        stage.probe.wait_for("h2", SOON)?;
        wait_health(stage, |health| health["status"] != "ok")?;
        fs::remove_file(filler)?;
        wait_health(stage, |health| health["status"] == "ok")?;
        stage.wait_settled(Node::H2)?;
        let answer = order.join().map_err(|_| anyhow::anyhow!("the order panicked"))??;
        ensure!(matches!(answer.status, 200 | 503), "{answer:?}");
        drop(disk);
        Ok(())
    })
}

fn wait_health(stage: &Stage<'_>, good: impl Fn(&Value) -> bool) -> Result<()> {
    wait::until("health changes", Duration::from_secs(20), || {
        let response = stage.system.api().ask("GET", "/healthz", None);
        let response = response.map_err(|error| format!("{error:#}"))?;
        if good(&response.body) { Ok(()) } else { Err(response.body.to_string()) }
    })
}
