//! What an operator does with the page.

use anyhow::{Result, ensure};
use nix::sys::signal::Signal;

use crate::browser::story;
use crate::desk::{OPERATOR, VIEWER};

#[test]
fn an_operator_sees_at_once_that_all_is_well_and_who_is_primary() -> Result<()> {
    story(async |desk, browser| {
        browser.visit(desk, OPERATOR).await?;
        browser.reads("#headline", "All is well").await?;
        browser.reads("#troubles", "sip: sip-1 on here").await?;
        browser.reads(".seat.primary", "sip-1").await?;
        browser.reads("#hosts", "here").await?;
        browser.reads("#events", "00-05150").await?;
        ensure!(browser.value("document.title").await? == "All is well - Takeover");
        // The token does not stay where it would be read over a shoulder or kept in a history,
        // and a reload does not ask for it again.
        ensure!(!browser.address().await?.contains("token"), "{}", browser.address().await?);
        browser.reload().await?;
        browser.reads("#headline", "All is well").await?;

        // Trouble shows by itself, in words, and goes again.
        ensure!(desk.takeover(&["stop", "sip-2"])?.status.success());
        browser.reads("#headline", "look here").await?;
        browser.reads("#troubles", "can not switch over: backup sip-2 is stopped").await?;
        ensure!(desk.takeover(&["start", "sip-2"])?.status.success());
        browser.reads("#headline", "All is well").await
    })
}

#[test]
fn an_operator_switches_over_with_two_clicks() -> Result<()> {
    story(async |desk, browser| {
        browser.visit(desk, OPERATOR).await?;
        browser.reads(".seat.primary", "sip-1").await?;
        // The first click only asks, and the careful answer has the focus.
        browser.click("button.switchover").await?;
        browser.reads("#ask", "sip-2 on here becomes primary, sip-1 stands by").await?;
        ensure!(browser.value("document.activeElement.id").await? == "ask-no");
        browser.click("#ask-no").await?;
        ensure!(browser.value("document.getElementById('ask').open").await? == false);
        ensure!(desk.primary()? == "sip-1", "switched over though the answer was no");

        browser.click("button.switchover").await?;
        browser.click("#ask-yes").await?;
        browser.reads("#message", "is switched over").await?;
        browser.reads(".seat.primary", "sip-2").await?;
        ensure!(desk.primary()? == "sip-2");
        // The page explains it in the words of the command line.
        let why = desk.json(&["why"])?;
        for step in why["steps"].as_array().into_iter().flatten() {
            browser.reads("#why", step["sentence"].as_str().unwrap_or("?")).await?;
        }
        browser.reads("#events", "00-05151").await
    })
}

#[test]
fn an_operator_tests_an_alarm_and_clears_it() -> Result<()> {
    story(async |desk, browser| {
        browser.visit(desk, OPERATOR).await?;
        browser.reads("#alarms", "No active alarm").await?;
        browser.click("#conditions-box summary").await?;
        browser.click("[data-condition=link_lost] button").await?;
        browser.reads("#ask", "start_recorder").await?;
        browser.click("#ask-yes").await?;
        browser.reads(".alarm.minor", "link_lost (test)").await?;
        browser.reads(".alarm.minor", "start_recorder: succeeded").await?;
        browser.click(".alarm.minor button").await?;
        browser.reads("#alarms", "No active alarm").await?;
        browser.reads(".alarm.past", "by operator anna").await?;
        browser.reads("#headline", "All is well").await
    })
}

#[test]
fn an_operator_is_told_when_the_connection_is_lost() -> Result<()> {
    story(async |desk, browser| {
        browser.visit(desk, OPERATOR).await?;
        browser.reads("#headline", "All is well").await?;
        // Closed by the other side.
        desk.kill()?;
        browser.reads("#headline", "Connection lost; this is from").await?;
        browser.reads("#link", "not connected").await?;
        ensure!(browser.value("document.body.dataset.mood").await? == "lost");
        desk.start()?;
        browser.reads("#headline", "All is well").await?;
        // Silent, as behind a cable that was pulled.
        desk.freeze(Signal::SIGSTOP)?;
        let told = browser.reads("#headline", "Connection lost; this is from").await;
        desk.freeze(Signal::SIGCONT)?;
        told?;
        browser.reads_no_more("#headline", "Connection lost").await
    })
}

#[test]
fn without_a_right_token_nothing_is_shown() -> Result<()> {
    story(async |desk, browser| {
        browser.visit(desk, "wrong").await?;
        browser.reads("#headline", "Who is asking?").await?;
        ensure!(!browser.text("body").await?.contains("sip-1"));
        // A viewer sees all and is refused in words.
        browser.write("#token", VIEWER).await?;
        browser.click("#login button").await?;
        browser.reads(".seat.primary", "sip-1").await?;
        browser.click("button.switchover").await?;
        browser.click("#ask-yes").await?;
        browser.reads("#message.bad", "operator").await?;
        ensure!(desk.primary()? == "sip-1");
        Ok(())
    })
}
