//! The command line against a running control server.

use std::io::{BufRead, BufReader};
use std::process::{Output, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use takeover_tests::wait;

use crate::desk::{Desk, OPERATOR, SOON, VIEWER};

/// Checks exit code and a part of what was said, wherever it was said.
#[track_caller]
fn check(output: &Output, code: i32, said: &str) {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let text = text + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{text}");
    assert!(text.contains(said), "{said:?} is not in:\n{text}");
    assert!(!text.contains('\x1b'), "colors, though nobody looks:\n{text}");
}

#[test]
fn a_switchover_is_ordered_shown_and_explained() -> Result<()> {
    let desk = Desk::open()?;
    check(&desk.takeover(&["status"])?, 0, "all is well");
    check(&desk.takeover(&["status"])?, 0, "sip-1 on here  sip-2 on here");
    let order = desk.takeover(&["switchover", "sip"])?;
    check(&order, 0, "about pair sip");
    ensure!(desk.primary()? == "sip-2", "the order was answered before it was carried out");

    // The explanation of that decision is what the order printed, by number and as the last one.
    let id = desk.json(&["status"])?["pairs"][0]["switchover"].as_u64().context("no decision")?;
    for which in [id.to_string().as_str(), "last"] {
        let why = desk.takeover(&["why", which])?;
        check(&why, 0, &format!("decision {id} about pair sip"));
    }
    let steps = desk.json(&["why"])?;
    ensure!(steps["steps"].as_array().is_some_and(|steps| steps.len() >= 2), "{steps}");
    Ok(())
}

#[test]
fn events_are_in_order_and_following_resumes_after_a_restart() -> Result<()> {
    let mut desk = Desk::open()?;
    let events = desk.json(&["events", "--limit", "1000"])?;
    let ids = |value: &Value| -> Vec<String> {
        let events = value["events"].as_array().into_iter().flatten();
        events.map(|one| one["event"]["id"].as_str().unwrap_or_default().to_owned()).collect()
    };
    ensure!(ids(&events).contains(&"00-05150".to_owned()), "{events}");
    check(&desk.takeover(&["events"])?, 0, "00-05150");

    let mut command = desk.command(OPERATOR)?;
    command.args(["events", "--follow", "--json", "--limit", "1"]);
    let mut follower = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let lines = BufReader::new(follower.stdout.take().context("no output")?).lines();
    let (send, receive) = std::sync::mpsc::channel();
    std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| send.send(line)));
    let next = || -> Result<u64> {
        let line = receive.recv_timeout(SOON).context("no event was heard")?;
        let event: Value = serde_json::from_str(&line).context(line)?;
        event["sequence"].as_u64().context("no sequence")
    };
    let mut last = next()?;
    check(&desk.takeover(&["switchover", "sip"])?, 0, "");
    desk.kill()?;
    desk.start()?;
    check(&desk.takeover(&["switchover", "sip"])?, 0, "");
    let newest = desk.json(&["status"])?["journal_sequence"].as_u64().context("no sequence")?;
    while last < newest {
        let sequence = next()?;
        ensure!(sequence == last + 1, "event {sequence} was heard after event {last}");
        last = sequence;
    }
    follower.kill()?;
    follower.wait()?;
    Ok(())
}

#[test]
fn an_alarm_is_tested_shown_and_cleared() -> Result<()> {
    let desk = Desk::open()?;
    check(&desk.takeover(&["alarms", "list"])?, 0, "no alarms");
    check(&desk.takeover(&["alarms", "conditions"])?, 0, "link_lost");
    let answer = desk.json(&["alarms", "test", "link_lost"])?;
    let id = answer["answer"]["alarm"].as_u64().with_context(|| answer.to_string())?.to_string();
    wait::until("the reaction ended", SOON, || {
        let output = desk.takeover(&["alarms", "list"]).map_err(|error| error.to_string())?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if text.contains("start_recorder: succeeded") { Ok(()) } else { Err(text) }
    })?;
    wait::until("the reaction did what it is for", SOON, || {
        let output = desk.takeover(&["status"]).map_err(|error| error.to_string())?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let runs =
            text.lines().any(|line| line.starts_with("recorder") && line.contains("running"));
        if runs { Ok(()) } else { Err(text) }
    })?;
    check(&desk.takeover(&["alarms", "clear", &id])?, 0, "is cleared");
    check(&desk.takeover(&["alarms", "list"])?, 0, "no alarms");
    check(&desk.takeover(&["alarms", "list", "--all"])?, 0, "by operator anna");
    check(&desk.takeover(&["alarms", "clear", &id])?, 4, "");
    Ok(())
}

#[test]
fn applications_are_stopped_and_started_and_a_pair_paused() -> Result<()> {
    let desk = Desk::open()?;
    check(&desk.takeover(&["stop", "sip-2"])?, 0, "application sip-2 is stopped");
    let status = desk.takeover(&["status"])?;
    check(&status, 1, "pair sip can not switch over: backup sip-2 is stopped");
    check(&desk.takeover(&["switchover", "sip"])?, 4, "sip-2");
    check(&desk.takeover(&["start", "sip-2"])?, 0, "application sip-2 is started");
    wait::until("all is well again", SOON, || {
        let output = desk.takeover(&["status"]).map_err(|error| error.to_string())?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() { Ok(()) } else { Err(text) }
    })?;
    check(&desk.takeover(&["pause", "sip"])?, 0, "pair sip is paused");
    check(&desk.takeover(&["status"])?, 1, "pair sip is paused");
    check(&desk.takeover(&["resume", "sip"])?, 0, "pair sip is resumed");
    check(&desk.takeover(&["status"])?, 0, "all is well");
    Ok(())
}

#[test]
fn every_refusal_has_its_exit_code_and_its_sentence() -> Result<()> {
    let mut desk = Desk::open()?;
    check(&desk.takeover(&["switchover", "nobody"])?, 4, "nobody");
    check(&desk.takeover(&["start", "nobody"])?, 4, "nobody");
    check(&desk.takeover(&["alarms", "test", "nothing"])?, 4, "nothing");
    check(&desk.takeover(&["why", "999999"])?, 4, "999999");
    check(&desk.takeover(&["why", "yesterday"])?, 2, "expected a number or last");
    check(&desk.takeover(&["events", "--limit", "0"])?, 2, "1..=1000");
    check(&desk.command("wrong")?.arg("status").output()?, 5, "token");
    check(&desk.command(VIEWER)?.arg("status").output()?, 0, "all is well");
    check(&desk.command(VIEWER)?.args(["switchover", "sip"]).output()?, 5, "operator");
    desk.kill()?;
    check(&desk.takeover(&["status"])?, 3, "takeover: http://127.0.0.1:");
    desk.start()
}

#[test]
fn over_tls_the_certificate_is_checked() -> Result<()> {
    let desk = Desk::open()?;
    let run = |arguments: &[&str]| -> Result<Output> {
        let mut command = desk.command(OPERATOR)?;
        Ok(command.env("TAKEOVER_SERVER", desk.tls_url()).args(arguments).output()?)
    };
    let ca = desk.path("pki/ca.pem").display().to_string();
    check(&run(&["status", "--ca", &ca])?, 0, "all is well");
    check(&run(&["status"])?, 2, "give --ca FILE");
    // Signed by the authority, but not one itself: nothing the server shows comes from it.
    let other = desk.path("pki/here.pem").display().to_string();
    check(&run(&["status", "--ca", &other])?, 3, "invalid peer certificate");
    let token = desk.path("token");
    std::fs::write(&token, format!("{OPERATOR}\n"))?;
    let mut command = desk.command("wrong")?;
    command.args(["status", "--token-file"]).arg(&token);
    check(&command.output()?, 0, "all is well");
    Ok(())
}
