//! Failures that the guide does not know: of the host agent, of the control server, of networks,
//! and of people who move the address by hand.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use takeover_tests::lab::namespace::run;
use takeover_tests::lab::{BOTH, Cut, Door, Net, Node, VIP};
use takeover_tests::system::{CONTROL_PORT, PAIR, PRIMARY, Server, Settings};
use takeover_tests::wait;

use crate::stage::{SOON, Stage, UNCONFIRMED_GRACE, staged};

/// The kernel's lease of an address whose agent no longer refreshes it, with what it takes to see
/// that and to probe: measured 2.0 to 2.4 s for the lease alone.
const LEASE: Duration = Duration::from_millis(3500);

/// A SIP network's own addresses, by which hosts judge it.
fn with_reference() -> Settings {
    Settings {
        pair: format!("references = [\"{}\"]\n", Node::Router.address(Net::Sip)),
        ..Settings::default()
    }
}

fn ip(stage: &Stage<'_>, node: Node, arguments: &str) -> Result<()> {
    let namespace = stage.lab.namespace(node);
    let mut command = Command::new("ip");
    command.args(["-n", &namespace]).args(arguments.split(' '));
    run(&mut command).map(drop)
}

/// The agent dies alone. The kernel takes the address away, the other host serves, and the agent
/// that is started again finds its application still running and does not end it.
#[test]
fn killed_agent_loses_the_address_and_adopts_its_application() -> Result<()> {
    staged(Settings::default(), |stage| {
        stage.grace = UNCONFIRMED_GRACE;
        let event = Instant::now();
        let pid = stage.system.application_pid(Node::H1)?;
        stage.system.agent(Node::H1)?.kill();
        stage.wait_serving(Node::H2)?;
        stage.silence_within(event, LEASE)?;
        stage.system.start_agent(Node::H1)?;
        stage.wait_settled(Node::H2)?;
        let adopted = stage.system.application_pid(Node::H1)?;
        ensure!(adopted == pid, "process {pid} was adopted as {adopted}");
        stage.never(&["90-02002"])
    })
}

/// The agent freezes: the same, and when it goes on it lets go before it does anything else.
#[test]
fn frozen_agent_loses_the_address_and_does_not_take_it_back() -> Result<()> {
    staged(Settings::default(), |stage| {
        stage.grace = UNCONFIRMED_GRACE;
        let event = Instant::now();
        stage.system.signal_agent(Node::H1, Signal::SIGSTOP)?;
        stage.wait_serving(Node::H2)?;
        stage.silence_within(event, LEASE)?;
        stage.system.signal_agent(Node::H1, Signal::SIGCONT)?;
        stage.wait_settled(Node::H2)?;
        ensure!(!stage.lab.has(Node::H1, VIP)?, "h1 took the address back");
        Ok(())
    })
}

/// A freeze shorter than the lease changes nothing for callers in the end.
#[test]
fn briefly_frozen_backup_agent_is_no_failure_of_the_service() -> Result<()> {
    staged(Settings::default(), |stage| {
        let event = Instant::now();
        stage.system.signal_agent(Node::H2, Signal::SIGSTOP)?;
        stage.wait_event("90-02008", Some("h2"))?;
        stage.system.signal_agent(Node::H2, Signal::SIGCONT)?;
        stage.wait_event("90-02009", Some("h2"))?;
        stage.wait_settled(Node::H1)?;
        stage.never(&["00-05150"])?;
        stage.silence_within(event, Duration::from_millis(300))
    })
}

/// The control server dies and comes back: nobody notices, nothing fires again, and what happened
/// meanwhile is told once.
#[test]
fn killed_control_server_comes_back_without_firing_again() -> Result<()> {
    staged(Settings::default(), |stage| {
        stage.system.switch_over()?;
        stage.wait_settled(Node::H2)?;
        let before = stage.system.overview()?;
        stage.mark()?;
        let event = Instant::now();
        stage.system.kill_control()?;
        // The standby fails while nobody watches; its agent restarts it and reports later.
        wait::stays("the service goes on", Duration::from_secs(1), || {
            let latest = stage.probe.latest();
            match &latest {
                Some((who, ago)) if &**who == "h2" && *ago < Duration::from_millis(500) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })?;
        stage.system.start_control()?;
        stage.wait_settled(Node::H2)?;
        let after = stage.system.overview()?;
        ensure!(after.term() == before.term(), "term {} -> {}", before.term(), after.term());
        stage.never(&["00-05150", "00-05151", "90-04001", "90-03001", "90-03003"])?;
        stage.silence_within(event, Duration::from_millis(300))
    })
}

/// An application fails while the control server is down: the event arrives afterwards, once.
#[test]
fn event_of_an_outage_arrives_once() -> Result<()> {
    staged(Settings::default(), |stage| {
        let pid = stage.system.application_pid(Node::H2)?;
        stage.system.kill_control()?;
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid.cast_signed()), Signal::SIGKILL)?;
        wait::until("the agent restarts the backup", SOON, || {
            let found = stage.lab.run(Node::H2, &["ss", "-Hlunp"]).unwrap_or_default();
            let restarted = found.contains(":5060") && !found.contains(&format!("pid={pid},"));
            if restarted { Ok(()) } else { Err(found) }
        })?;
        stage.system.start_control()?;
        stage.wait_settled(Node::H1)?;
        stage.wait_event("90-02002", None)?;
        stage.system.kill_control()?;
        stage.system.start_control()?;
        stage.wait_settled(Node::H1)?;
        let count = stage.count("90-02002")?;
        ensure!(count == 1, "the end of the backup was recorded {count} times");
        stage.never(&["00-05150"])
    })
}

/// Both daemons and the SIP server die at once: an alarm that was acknowledged is still there.
#[test]
fn active_alarm_survives_the_control_server() -> Result<()> {
    let settings = Settings {
        objects: "[[condition]]\nname = \"server-died\"\ndetect = { event = \"90-02002\", any = \
                  true }\n"
            .to_owned(),
        ..Settings::default()
    };
    staged(settings, |stage| {
        stage.system.signal_application(Node::H2, Signal::SIGKILL)?;
        let active = |stage: &mut Stage<'_>| {
            stage.system.wait_for("the alarm is active", SOON, |overview| {
                let alarms = overview.alarms();
                let found = alarms.iter().find(|alarm| alarm["condition"] == "server-died");
                found.map(|alarm| alarm["id"].clone()).ok_or_else(|| format!("{}", alarms.len()))
            })
        };
        let id = active(stage)?;
        stage.system.kill_control()?;
        stage.system.start_control()?;
        let again = active(stage)?;
        ensure!(id == again, "alarm {id} became {again}");
        stage.system.api().post(&format!("/v1/alarms/{id}/clear"))?;
        stage.wait_settled(Node::H1)
    })
}

/// The SIP network of the holder is silent, management works: the host sees it by its reference,
/// says so, and the other one serves.
#[test]
fn holder_cut_off_on_the_sip_network_is_replaced() -> Result<()> {
    staged(with_reference(), |stage| {
        stage.grace = UNCONFIRMED_GRACE;
        stage.lab.cut(Node::H1, &[Net::Sip], Cut::Silent)?;
        stage.wait_serving(Node::H2)?;
        stage.wait_event("90-03012", Some("h1"))?;
        stage.lab.heal(Node::H1)?;
        stage.wait_settled(Node::H2)?;
        ensure!(!stage.lab.has(Node::H1, VIP)?, "h1 still has the address");
        Ok(())
    })
}

/// The same with a carrier that goes: seen at once.
#[test]
fn holder_without_carrier_is_replaced() -> Result<()> {
    staged(with_reference(), |stage| {
        stage.grace = UNCONFIRMED_GRACE;
        let event = Instant::now();
        stage.lab.cut(Node::H1, &[Net::Sip], Cut::Carrier)?;
        stage.wait_serving(Node::H2)?;
        stage.silence_within(event, Duration::from_secs(1))?;
        stage.lab.heal(Node::H1)?;
        stage.wait_settled(Node::H2)
    })
}

/// Only management of the holder is cut, isolation `hold`: it goes on serving, its address is not
/// taken while it answers, and after the heal exactly one host has it.
#[test]
fn holder_cut_off_from_management_keeps_serving_under_hold() -> Result<()> {
    staged(Settings::default(), |stage| {
        stage.lab.cut(Node::H1, &[Net::Management], Cut::Silent)?;
        stage.wait_event("90-02008", Some("h1"))?;
        let event = Instant::now();
        wait::stays("one host answers callers", Duration::from_secs(3), || {
            match stage.referee.holders_now().len() {
                1 => Ok(()),
                count => Err(format!("{count} holders")),
            }
        })?;
        stage.silence_within(event, Duration::from_millis(300))?;
        stage.lab.heal(Node::H1)?;
        wait::until("the pair has one primary again", SOON, || {
            let overview = stage.system.overview().map_err(|error| format!("{error:#}"))?;
            overview.is_settled(Node::H1).or_else(|_| overview.is_settled(Node::H2))
        })
    })
}

/// The same under `release`: it lets go within its lease, and the other one serves.
#[test]
fn holder_cut_off_from_management_lets_go_under_release() -> Result<()> {
    let settings = Settings { pair: "isolation = \"release\"\n".to_owned(), ..Settings::default() };
    staged(settings, |stage| {
        stage.grace = UNCONFIRMED_GRACE;
        stage.lab.cut(Node::H1, &[Net::Management], Cut::Silent)?;
        stage.wait_serving(Node::H2)?;
        ensure!(!stage.lab.has(Node::H1, VIP)?, "h1 still has the address");
        stage.lab.heal(Node::H1)?;
        stage.wait_settled(Node::H2)
    })
}

/// The host is cut off on both networks and comes back; nothing was running wild meanwhile.
#[test]
fn host_cut_off_on_both_networks_is_replaced() -> Result<()> {
    staged(Settings::default(), |stage| {
        stage.grace = UNCONFIRMED_GRACE;
        let event = Instant::now();
        stage.lab.cut(Node::H1, &BOTH, Cut::Silent)?;
        stage.wait_serving(Node::H2)?;
        stage.silence_within(event, Duration::from_millis(1500))?;
        stage.lab.heal(Node::H1)?;
        stage.wait_settled(Node::H2)
    })
}

/// The power of the host fails and comes back: its application is started again, as backup.
#[test]
fn dead_host_is_replaced_and_comes_back_as_backup() -> Result<()> {
    staged(Settings::default(), |stage| {
        stage.grace = UNCONFIRMED_GRACE;
        let event = Instant::now();
        stage.lab.kill_host(Node::H1)?;
        stage.wait_serving(Node::H2)?;
        stage.silence_within(event, Duration::from_millis(1500))?;
        stage.lab.revive(Node::H1)?;
        stage.system.start_agent(Node::H1)?;
        stage.wait_settled(Node::H2)
    })
}

/// A control server that refuses connections is seen at once, one that swallows them after three
/// heartbeats; neither stops the service, and both are over when the door opens.
#[test]
fn refused_and_blackholed_control_server_leave_the_service_alone() -> Result<()> {
    staged(Settings::default(), |stage| {
        for door in [Door::Refused, Door::Blackholed] {
            stage.mark()?;
            let event = Instant::now();
            stage.lab.close_door(Node::Ctl, CONTROL_PORT, door)?;
            stage.wait_event("90-02008", None)?;
            wait::stays("the address stays", Duration::from_secs(3), || {
                match stage.referee.holders_now().len() {
                    1 => Ok(()),
                    count => Err(format!("{door:?}: {count} holders")),
                }
            })?;
            stage.lab.heal(Node::Ctl)?;
            stage.wait_event("90-02009", Some("h1"))?;
            stage.wait_event("90-02009", Some("h2"))?;
            stage.system.wait_for("the pair is whole", SOON, |overview| {
                overview.is_settled(Node::H1).or_else(|_| overview.is_settled(Node::H2))
            })?;
            stage.silence_within(event, Duration::from_millis(500))?;
        }
        Ok(())
    })
}

/// Somebody deletes the address on the holder: it comes back and that is recorded.
#[test]
fn address_deleted_by_hand_comes_back() -> Result<()> {
    staged(Settings::default(), |stage| {
        let event = Instant::now();
        ip(stage, Node::H1, &format!("addr del {VIP}/24 dev sip0"))?;
        stage.wait_event("90-03005", Some("h1"))?;
        stage.wait_settled(Node::H1)?;
        stage.silence_within(event, Duration::from_millis(300))?;
        stage.never(&["00-05150", "00-05151"])
    })
}

/// Somebody adds the address on the standby: it is removed and that is recorded.
#[test]
fn address_added_by_hand_on_the_standby_is_removed() -> Result<()> {
    staged(Settings::default(), |stage| {
        stage.grace = UNCONFIRMED_GRACE;
        ip(stage, Node::H2, &format!("addr add {VIP}/24 dev sip0"))?;
        stage.wait_event("90-03006", Some("h2"))?;
        stage.wait_settled(Node::H1)?;
        ensure!(!stage.lab.has(Node::H2, VIP)?, "h2 still has the address");
        stage.never(&["00-05150", "00-05151"])
    })
}

/// The cut host heals and the first announcements to the client are lost: the client still
/// reaches the right host within 50 ms of the first that arrives.
#[test]
fn client_finds_the_holder_although_announcements_are_lost() -> Result<()> {
    staged(Settings::default(), |stage| {
        stage.grace = UNCONFIRMED_GRACE;
        stage.lab.cut(Node::H1, &BOTH, Cut::Silent)?;
        stage.wait_serving(Node::H2)?;
        // Three announcements on the way to the client; a test of the lab shows that.
        stage.lab.lose_first_announcements(Node::C1, 138)?;
        let event = Instant::now();
        stage.lab.heal(Node::H1)?;
        stage.wait_settled(Node::H2)?;
        let silence = stage.silence(event);
        ensure!(silence <= Duration::from_millis(50), "callers got no answer for {silence:?}");
        let seen = stage.probe.so_far();
        let wrong = seen.counts(event).get("h1").copied().unwrap_or_default();
        ensure!(wrong == 0, "{wrong} answers of the host that had lost the role");
        stage.lab.heal(Node::C1)
    })
}

/// Five switchovers within a second: the last one wins, run modes and address agree in the end.
#[test]
fn five_switchovers_in_one_second_end_in_one_place() -> Result<()> {
    staged(Settings::default(), |stage| {
        let start = Instant::now();
        let before = stage.system.overview()?.term();
        let mut accepted = 0;
        for _ in 0..5 {
            let path = format!("/v1/pairs/{PAIR}/switchover");
            let response = stage.system.api().ask("POST", &path, None)?;
            ensure!(matches!(response.status, 200 | 409), "{response:?}");
            accepted += u64::from(response.status == 200);
        }
        let took = start.elapsed();
        ensure!(accepted >= 1, "no switchover was accepted in {took:?}");
        let holder = if accepted % 2 == 1 { Node::H2 } else { Node::H1 };
        stage.wait_settled(holder)?;
        let after = stage.system.overview()?.term();
        ensure!(after - before == accepted, "{accepted} accepted, term {before} -> {after}");
        ensure!(accepted == 5 && took <= Duration::from_secs(2), "{accepted} in {took:?}");
        Ok(())
    })
}

/// A SIP server that hangs is killed by its watchdog and taken over.
#[test]
fn hanging_server_is_ended_by_its_watchdog_and_taken_over() -> Result<()> {
    let settings = Settings { server: Server::WatchedResponder, ..Settings::default() };
    staged(settings, |stage| {
        let event = Instant::now();
        stage.system.signal_application(Node::H1, Signal::SIGSTOP)?;
        stage.wait_settled(Node::H2)?;
        stage.wait_event("90-02003", Some(PRIMARY))?;
        stage.silence_within(event, Duration::from_millis(1200))
    })
}

/// The backup is not there: the primary's end is recorded, nobody is promoted in vain, and the
/// first that runs again serves.
#[test]
fn both_down_recover_with_the_first_that_runs() -> Result<()> {
    staged(Settings::default(), |stage| {
        stage.system.api().post("/v1/applications/SIP_SERVER_BACKUP/stop")?;
        stage.system.wait_for("the backup is stopped", SOON, |overview| {
            let status = &overview.application("SIP_SERVER_BACKUP")["status"];
            if status == "stopped" { Ok(()) } else { Err(status.to_string()) }
        })?;
        stage.system.signal_application(Node::H1, Signal::SIGKILL)?;
        stage.wait_event("90-02002", Some(PRIMARY)).context("the end of the primary")?;
        stage.wait_serving(Node::H1)
    })
}
