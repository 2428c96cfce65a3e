//! The guide's workflows and tests on a running system; each names its row of the checklist.
//! Event orders are compared with `tests/golden/*.txt`.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use nix::sys::signal::Signal;
use takeover_tests::lab::{BOTH, Cut, Net, Node, VIP, VIP6};
use takeover_tests::probe::Probe;
use takeover_tests::system::{BACKUP, PAIR, PRIMARY, SIP_PORT, Settings};
use takeover_tests::wait;

use crate::stage::{SOON, Stage, UNCONFIRMED_GRACE, staged};

/// Longest silence of a takeover in which every host can be asked. Generous beside the bench's
/// numbers, because other jobs share the machine; far below what any timer would add.
const QUICK: Duration = Duration::from_millis(400);

const PRIMARY_50: &str = "ALRM_SIP_PRIMARY_50_HAPrimary";
const PRIMARY_51: &str = "ALRM_SIP_PRIMARY_51_HABackup";
const BACKUP_50: &str = "ALRM_SIP_BACKUP_50_HAPrimary";
const BACKUP_51: &str = "ALRM_SIP_BACKUP_51_HABackup";

fn test_alarm(stage: &Stage<'_>, condition: &str) -> Result<()> {
    stage.system.api().post(&format!("/v1/conditions/{condition}/test")).map(drop)
}

/// Waits until the address is on exactly these hosts by the kernels' own account.
fn wait_on(stage: &Stage<'_>, expected: &[Node]) -> Result<()> {
    wait::until(&format!("the address is on {expected:?}"), SOON, || {
        let mut found = Vec::new();
        for node in [Node::H1, Node::H2] {
            if stage.lab.has(node, VIP).map_err(|error| error.to_string())? {
                found.push(node);
            }
        }
        if found == expected { Ok(()) } else { Err(format!("on {found:?}")) }
    })
}

/// Rows 1, 9 and 10: the address is on the primary's host and nowhere else, on the NIC of the SIP
/// network; the unique addresses of both hosts stay.
#[test]
fn steady_state_has_the_address_on_the_primary_host_only() -> Result<()> {
    staged(Settings::default(), |stage| {
        wait_on(stage, &[Node::H1])?;
        for node in [Node::H1, Node::H2] {
            for net in BOTH {
                let addresses = stage.lab.addresses(node, net)?;
                ensure!(addresses.contains(&node.address(net).into()), "{node:?}: {addresses:?}");
                let vip_here = addresses.contains(&VIP.into());
                ensure!(
                    vip_here == (node == Node::H1 && net == Net::Sip),
                    "{node:?} {net:?}: {addresses:?}"
                );
            }
        }
        let overview = stage.system.overview()?;
        ensure!(overview.term() == 1, "term {}", overview.term());
        Ok(())
    })
}

/// Rows 2 and 26: the SIP server dies, the backup serves, from the one event 00-05150; the failed
/// one comes back as backup.
#[test]
fn killed_primary_is_taken_over_from_one_event() -> Result<()> {
    staged(Settings::default(), |stage| {
        let event = Instant::now();
        stage.system.signal_application(Node::H1, Signal::SIGKILL)?;
        stage.wait_settled(Node::H2)?;
        stage.silence_within(event, QUICK)?;
        wait_on(stage, &[Node::H2])?;
        stage.golden("failure")
    })
}

/// Row 12: the new holder announces itself to the network without being asked.
#[test]
fn new_holder_announces_the_address() -> Result<()> {
    staged(Settings::default(), |stage| {
        let event = Instant::now();
        stage.system.switch_over()?;
        stage.wait_settled(Node::H2)?;
        wait::until("h2 announces several times", SOON, || {
            let heard: Vec<_> = stage
                .referee
                .announcements()
                .into_iter()
                .filter(|(at, who)| *at > event && who == "h2")
                .collect();
            if heard.len() >= 3 { Ok(()) } else { Err(format!("{} announcements", heard.len())) }
        })?;
        let late = stage.referee.announcements();
        let last_of_h1 = late.iter().filter(|(at, who)| *at > event && who == "h1").count();
        ensure!(last_of_h1 == 0, "h1 announced {last_of_h1} times after it had let go");
        Ok(())
    })
}

/// Rows 25 and 46, 47: a switchover by order and back again, every step in the guide's order.
#[test]
fn ordered_switchover_follows_the_guide_step_by_step() -> Result<()> {
    staged(Settings::default(), |stage| {
        let event = Instant::now();
        stage.system.switch_over()?;
        stage.wait_settled(Node::H2)?;
        stage.silence_within(event, QUICK)?;
        stage.golden("manual")?;

        stage.mark()?;
        let event = Instant::now();
        stage.system.switch_over()?;
        stage.wait_settled(Node::H1)?;
        stage.silence_within(event, QUICK)?;
        let events = stage.events()?;
        let modes: Vec<(&str, Option<&str>)> = events
            .iter()
            .filter(|event| event.id.starts_with("00-0515"))
            .map(|event| (event.id.as_str(), event.application.as_deref()))
            .collect();
        let expected = [("00-05151", Some(BACKUP)), ("00-05150", Some(PRIMARY))];
        ensure!(modes == expected, "{modes:?}");
        Ok(())
    })
}

/// Row 27: the primary's host is cut off. DOWN can not run there and that is recorded; UP runs.
/// Row 28: the host comes back with its application still primary; it goes to backup, lets go of
/// the address, and nothing switches back.
#[test]
fn disconnected_host_is_replaced_and_comes_back_as_backup() -> Result<()> {
    staged(Settings::default(), |stage| {
        stage.grace = UNCONFIRMED_GRACE;
        stage.lab.cut(Node::H1, &BOTH, Cut::Silent)?;
        stage.wait_serving(Node::H2)?;
        stage.wait_rearmed()?;
        let failed = stage.wait_event("90-04004", None)?;
        ensure!(failed.text.contains("AR_SIP_PRIMARY_VIP_DOWN"), "{}", failed.line());
        stage.golden("disconnect")?;

        stage.mark()?;
        stage.lab.heal(Node::H1)?;
        stage.wait_settled(Node::H2)?;
        wait_on(stage, &[Node::H2])?;
        stage.never(&["00-05150"])?;
        stage.golden("reconnect")
    })
}

/// Row 22: a SIP server that ends by itself raises the alarm of the guide's critical condition,
/// and its notification.
#[test]
fn unexpected_end_raises_an_alarm_on_its_own_event() -> Result<()> {
    let settings = Settings {
        objects: "[[condition]]\nname = \"server-died\"\ncategory = \"critical\"\n\
                  detect = { event = \"90-02002\", any = true }\ncancel_timeout_s = 30\n"
            .to_owned(),
        ..Settings::default()
    };
    staged(settings, |stage| {
        stage.system.signal_application(Node::H1, Signal::SIGKILL)?;
        stage.wait_serving(Node::H2)?;
        let alarm = stage.system.wait_for("the alarm is active", SOON, |overview| {
            let alarms = overview.alarms();
            let found = alarms.iter().find(|alarm| alarm["condition"] == "server-died");
            found.map(|alarm| (*alarm).clone()).ok_or_else(|| format!("{} others", alarms.len()))
        })?;
        ensure!(alarm["application"] == PRIMARY && alarm["category"] == "critical", "{alarm}");
        stage.system.api().post(&format!("/v1/alarms/{}/clear", alarm["id"]))?;
        stage.wait_rearmed()
    })
}

/// Row 41: the VIP scripts by themselves: off on the primary, on at the backup, and the reverse,
/// each verified. The pair is paused, as an operator would.
#[test]
fn control_applications_move_the_address_when_started_by_hand() -> Result<()> {
    staged(Settings::default(), |stage| {
        let api = stage.system.api().clone();
        let start = |name: &str| api.post(&format!("/v1/applications/SIP_SERVER_{name}/start"));
        start("BACKUP_VIP_DOWN")?;
        wait_on(stage, &[Node::H1])?;
        start("PRIMARY_VIP_DOWN")?;
        wait_on(stage, &[])?;
        start("BACKUP_VIP_UP")?;
        wait_on(stage, &[Node::H2])?;
        start("BACKUP_VIP_DOWN")?;
        wait_on(stage, &[])?;
        start("PRIMARY_VIP_UP")?;
        wait_on(stage, &[Node::H1])?;
        stage.wait_settled(Node::H1)
    })
}

/// Row 44: a condition takes events of its own application only, and is armed again a second
/// after its alarm was raised.
#[test]
fn conditions_select_their_application_and_rearm() -> Result<()> {
    staged(Settings::default(), |stage| {
        stage.system.switch_over()?;
        let raised = |stage: &Stage<'_>| -> Result<BTreeSet<String>> {
            let events = stage.events()?;
            let texts = events.iter().filter(|event| event.id == "90-04001");
            let names = [PRIMARY_50, PRIMARY_51, BACKUP_50, BACKUP_51];
            Ok(texts
                .filter_map(|event| names.iter().find(|name| event.text.contains(*name)))
                .map(|name| (*name).to_owned())
                .collect())
        };
        stage.wait_settled(Node::H2)?;
        let expected = BTreeSet::from([PRIMARY_51.to_owned(), BACKUP_50.to_owned()]);
        ensure!(raised(stage)? == expected, "first switchover raised {:?}", raised(stage)?);

        stage.mark()?;
        stage.system.switch_over()?;
        stage.wait_settled(Node::H1)?;
        stage.mark()?;
        stage.system.switch_over()?;
        stage.wait_settled(Node::H2)?;
        ensure!(raised(stage)? == expected, "third switchover raised {:?}", raised(stage)?);
        Ok(())
    })
}

/// Row 45: the Test button of each condition has the effect of the table and changes no run mode.
#[test]
fn testing_a_condition_runs_its_reactions_only() -> Result<()> {
    staged(Settings::default(), |stage| {
        for (condition, expected) in [
            (BACKUP_51, &[Node::H1][..]),
            (PRIMARY_51, &[]),
            (BACKUP_50, &[Node::H2]),
            (PRIMARY_50, &[Node::H1]),
        ] {
            test_alarm(stage, condition)?;
            wait_on(stage, expected)?;
            stage.wait_rearmed()?;
        }
        stage.never(&["00-05150", "00-05151"])?;
        stage.wait_settled(Node::H1)
    })
}

/// Row 48: the operator stops the primary; the backup takes over and the stopped one stays so.
#[test]
fn stopped_primary_is_taken_over_and_not_restarted() -> Result<()> {
    staged(Settings::default(), |stage| {
        let event = Instant::now();
        stage.system.api().post(&format!("/v1/applications/{PRIMARY}/stop"))?;
        stage.wait_serving(Node::H2)?;
        stage.silence_within(event, QUICK)?;
        stage.wait_rearmed()?;
        stage.golden("stop")?;
        wait::stays("the stopped one stays stopped", Duration::from_secs(2), || {
            let overview = stage.system.overview().map_err(|error| format!("{error:#}"))?;
            let status = &overview.application(PRIMARY)["status"];
            if status == "stopped" { Ok(()) } else { Err(format!("it is {status}")) }
        })?;
        stage.system.api().post(&format!("/v1/applications/{PRIMARY}/start"))?;
        stage.wait_settled(Node::H2)
    })
}

/// Row 69: the two events of the guide to the letter: text, level, no attributes, attributed to
/// the application although the control server writes them.
#[test]
fn run_mode_events_are_those_of_the_guide() -> Result<()> {
    staged(Settings::default(), |stage| {
        stage.system.switch_over()?;
        stage.wait_settled(Node::H2)?;
        for (id, mode, application, host) in
            [("00-05151", "Backup", PRIMARY, "h1"), ("00-05150", "Primary", BACKUP, "h2")]
        {
            let found = stage.wait_event(id, Some(application))?;
            let text = format!("The run mode of the Application is changed to {mode}");
            ensure!(found.text == text, "{}", found.text);
            ensure!(found.event["level"] == "standard", "{}", found.event);
            ensure!(found.host.as_deref() == Some(host), "{}", found.event);
            let attributes = found.event["attributes"].as_array();
            ensure!(attributes.is_some_and(Vec::is_empty), "{}", found.event);
        }
        Ok(())
    })
}

/// Both addresses of a pair with IPv4 and IPv6 follow the primary, each announced in its way.
#[test]
fn both_families_move_together() -> Result<()> {
    staged(Settings { ipv6: true, ..Settings::default() }, |stage| {
        let probe6 = Probe::client(stage.lab, (VIP6, SIP_PORT).into())?;
        probe6.wait_for("h1", SOON)?;
        let event = Instant::now();
        stage.system.signal_application(Node::H1, Signal::SIGKILL)?;
        stage.wait_settled(Node::H2)?;
        probe6.wait_for("h2", SOON)?;
        stage.silence_within(event, QUICK)?;
        let silence = probe6.so_far().longest_silence(event);
        ensure!(silence <= QUICK, "IPv6 callers got no answer for {silence:?}");
        ensure!(!stage.lab.has(Node::H1, VIP6)?, "h1 kept the IPv6 address");
        Ok(())
    })
}

/// An operator sees and does everything from the command line, and is told why.
#[test]
fn operator_commands_work_against_a_running_pair() -> Result<()> {
    staged(Settings::default(), |stage| {
        let status = stage.system.operator(&["status"])?;
        for word in [PRIMARY, BACKUP, "h1", "h2", "10.81.1.100"] {
            ensure!(status.contains(word), "{word} is missing:\n{status}");
        }
        stage.system.operator(&["switchover", PAIR])?;
        stage.wait_settled(Node::H2)?;
        let why = stage.system.operator(&["why", "last"])?;
        ensure!(why.lines().count() >= 3 && why.contains(BACKUP), "{why}");
        let events = stage.system.operator(&["events", "--limit", "100"])?;
        ensure!(events.contains("00-05150") && events.contains("00-05151"), "{events}");
        stage.system.operator(&["alarms", "test", BACKUP_50])?;
        let alarms = stage.system.operator(&["alarms", "list", "--all"])?;
        ensure!(alarms.contains(BACKUP_50), "{alarms}");
        stage.system.operator(&["stop", PRIMARY])?;
        stage.system.operator(&["start", PRIMARY])?;
        stage.wait_settled(Node::H2)?;
        let error = stage.system.operator(&["switchover", "nobody"]).err();
        let error = error.map(|error| error.to_string()).unwrap_or_default();
        ensure!(error.contains("exit status: 4") && error.contains("nobody"), "{error}");
        Ok(())
    })
}

/// A paused pair decides nothing by itself, and decides again when it is resumed.
#[test]
fn paused_pair_waits_until_it_is_resumed() -> Result<()> {
    staged(Settings::default(), |stage| {
        stage.system.api().post(&format!("/v1/pairs/{PAIR}/pause"))?;
        stage.system.signal_application(Node::H1, Signal::SIGKILL)?;
        stage.wait_event("90-02002", Some(PRIMARY))?;
        wait::stays("the address stays", Duration::from_secs(1), || {
            match stage.lab.has(Node::H2, VIP) {
                Ok(false) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })?;
        stage.never(&["00-05150"])?;
        stage.system.api().post(&format!("/v1/pairs/{PAIR}/resume"))?;
        stage.system.wait_for("the pair serves", SOON, |overview| {
            overview.is_settled(Node::H1).or_else(|_| overview.is_settled(Node::H2))
        })
    })
}
