//! Scripts of what happens to a pair, and what it answers: the decision table of the guide, and
//! every way in which an order can go wrong. `laws` has what must hold for any script.

use std::fmt::Write as _;
use std::time::Duration;

use expect_test::{Expect, expect};

use super::*;
use crate::link::{Exit, Status, StatusCause, Verdict};

mod evidence;
mod laws;
mod paused;

const SETTINGS: Settings = Settings {
    disconnect_switchover_timeout: Duration::ZERO,
    evidence_wait: Duration::from_secs(10),
    startup_grace: Duration::from_secs(10),
    confirm_timeout: Duration::from_secs(2),
};

/// Both run, `a` is primary with term 1, `b` stands by; nothing of it is shown.
const LED: &str = "
    0 link a running
    0 ok a
    0 link b running
    0 ok b";

/// A pair, its clock, and what it said.
struct Bench {
    pair: Pair,
    now: Instant,
    story: String,
}

impl Bench {
    fn new(settings: Settings) -> Self {
        let label = |application: &str, host: &str| Label {
            application: application.into(),
            host: host.into(),
        };
        let pair = Pair::new(label("a", "h1"), label("b", "h2"), settings, Instant(0));
        Self { pair, now: Instant(0), story: String::new() }
    }

    /// Runs each line `SECONDS VERB ...` at its time, with every deadline before it.
    fn run(&mut self, script: &str) {
        for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (at, words) = line.split_once(' ').unwrap();
            let at = Instant(0) + Duration::from_secs_f64(at.parse().unwrap());
            while let Some(due) = self.pair.deadline().filter(|due| *due <= at) {
                self.now = due;
                self.pair.handle(due, Input::Tick);
                self.drain();
            }
            self.now = at;
            self.say(&words.split_whitespace().collect::<Vec<_>>());
            self.drain();
        }
    }

    fn say(&mut self, words: &[&str]) {
        let side = |name: &str| if name == "a" { Side::First } else { Side::Second };
        let input = match words {
            ["link", who, status, rest @ ..] => Input::Linked {
                side: side(who),
                status: status_named(status),
                cause: StatusCause::Reported,
                reported: rest.first().and_then(|word| reported(word)),
                restarted: rest.contains(&"restarted"),
            },
            ["lost", who] => Input::Lost { side: side(who) },
            ["is", who, status] => Input::Status {
                side: side(who),
                status: status_named(status),
                cause: StatusCause::Reported,
            },
            ["died", who] => Input::Status {
                side: side(who),
                status: Status::Stopped,
                cause: StatusCause::Died(Exit::Signal(9)),
            },
            ["stopped", who] => Input::Status {
                side: side(who),
                status: Status::Stopped,
                cause: StatusCause::Ordered,
            },
            ["network", who, verdict] => {
                let verdict = match *verdict {
                    "good" => Verdict::Good,
                    "bad" => Verdict::Bad("no reference answers".into()),
                    _ => Verdict::Unknown("no references".into()),
                };
                Input::Network { side: side(who), verdict }
            }
            ["sees", who, what] => {
                let seen = match *what {
                    "serving" => Verdict::Good,
                    "silence" => Verdict::Bad("3 requests without an answer".into()),
                    _ => Verdict::Unknown("not looked".into()),
                };
                Input::Other { side: side(who), seen }
            }
            ["ok", who] => self.answer(side(who), Ok(())),
            ["refuse", who] => self.answer(side(who), Err(Fault::Failed("it says no".into()))),
            ["stale", who, term] => {
                let newest = Term(term.parse().unwrap());
                self.answer(side(who), Err(Fault::StaleTerm(newest)))
            }
            ["switchover"] => {
                if let Err(why) = self.pair.switch_over(self.now, Cause::Operator("eve".into())) {
                    writeln!(self.story, "{} refused: {why}", Seconds(self.now)).unwrap();
                }
                return;
            }
            ["pause"] => Input::Pause,
            ["resume"] => Input::Resume,
            ["tick"] => Input::Tick,
            ["state"] => {
                let state = self.pair.state();
                writeln!(self.story, "{} state: {state}", Seconds(self.now)).unwrap();
                return;
            }
            _ => panic!("{words:?} is not a line of a script"),
        };
        self.pair.handle(self.now, input);
    }

    /// The answer to whatever order is under way.
    fn answer(&self, side: Side, result: Result<(), Fault>) -> Input {
        let order = self.pair.get(side).order.expect("an order is under way");
        Input::Answered { side, run_mode: order.run_mode, term: order.term, result }
    }

    fn drain(&mut self) {
        while let Some(output) = self.pair.poll() {
            let name = |side: Side| self.pair.get(side).label.application.clone();
            let line = match output {
                Output::Decided { cause, to, term } => {
                    let to = to.map_or("nobody new".into(), |to| format!("{} primary", name(to)));
                    format!("term {term}: {to}, because {cause}")
                }
                Output::Step { sentence, .. } => format!("    {sentence}"),
                Output::Order { side, run_mode, term } => {
                    format!("-> {}: {run_mode:?} {term}", name(side))
                }
                Output::Look { side } => format!("?? {}", name(side)),
                Output::Confirmed { side, run_mode } => format!("== {} {run_mode:?}", name(side)),
                Output::Ended { result: Ok(()), .. } => "done".into(),
                Output::Ended { result: Err(why), .. } => format!("failed: {why}"),
                Output::Notice(notice) => format!("!! {}", notice_in_short(&notice)),
            };
            writeln!(self.story, "{} {line}", Seconds(self.now)).unwrap();
        }
    }
}

struct Seconds(Instant);

impl std::fmt::Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.1}", self.0.since(Instant(0)).as_secs_f64())
    }
}

fn notice_in_short(notice: &Notice) -> String {
    match notice {
        Notice::BackupNotRunning { cause, status, .. } => format!("backup {status:?}: {cause}"),
        Notice::Paused { cause } => format!("paused: {cause}"),
        Notice::Postponed { at_most, .. } => format!("postponed by {} s", at_most.as_secs()),
        Notice::Leaderless { reason } => format!("nobody is primary: {reason}"),
        Notice::BothPrimary { .. } => "both primary".into(),
        Notice::DemotionNotConfirmed { decision, .. } => format!("not demoted: {decision}"),
        Notice::NotSet { run_mode, fault, .. } => format!("not {run_mode:?}: {fault}"),
    }
}

fn status_named(name: &str) -> Status {
    match name {
        "running" => Status::Running,
        "stopped" => Status::Stopped,
        "starting" => Status::StartTransition,
        "initializing" => Status::Initializing,
        "unavailable" => Status::ServiceUnavailable,
        "suspending" => Status::Suspending,
        "stopping" => Status::StopTransition,
        _ => panic!("{name} is not a status"),
    }
}

fn reported(word: &str) -> Option<(RunMode, Term)> {
    let (mode, term) = word.split_once('/')?;
    let mode = if mode == "primary" { RunMode::Primary } else { RunMode::Backup };
    Some((mode, Term(term.parse().unwrap())))
}

/// Runs `before` unseen, then `script`, and compares what the pair said.
#[track_caller]
fn check_with(settings: Settings, before: &str, script: &str, expected: Expect) {
    let mut bench = Bench::new(settings);
    bench.run(before);
    bench.story.clear();
    bench.run(script);
    expected.assert_eq(&bench.story);
}

#[track_caller]
fn check(before: &str, script: &str, expected: Expect) {
    check_with(SETTINGS, before, script, expected);
}

#[test]
fn configured_primary_gets_the_role_when_it_runs() {
    check(
        "",
        "0 link b running\n 1 link a initializing\n 2 is a running\n 2.1 ok a\n 2.2 ok b",
        expect![[r#"
            2.0 term 1: a primary, because a on h1 runs and is configured as primary
            2.0 -> a: Primary 1
            2.0     a on h1 is told to be primary with term 1
            2.1     a on h1 confirmed that it is primary
            2.1 == a Primary
            2.1 done
            2.1 -> b: Backup 1
            2.2     b on h2 confirmed that it is backup
            2.2 == b Backup
        "#]],
    );
}

#[test]
fn configured_backup_gets_the_role_when_the_primary_does_not_run_in_time() {
    check(
        "",
        "0 link a stopped\n 1 link b running\n 11 ok b\n 13 is a running\n 13.1 ok a",
        expect![[r#"
            10.0 term 1: b primary, because a on h1 is stopped, 10 s after the start
            10.0 -> b: Primary 1
            10.0     b on h2 is told to be primary with term 1
            11.0     b on h2 confirmed that it is primary
            11.0 == b Primary
            11.0 done
            13.0 -> a: Backup 1
            13.1     a on h1 confirmed that it is backup
            13.1 == a Backup
        "#]],
    );
}

#[test]
fn manual_switchover_demotes_first_and_then_promotes() {
    check(
        LED,
        "1 switchover\n 1.1 ok a\n 1.2 ok b\n 2 state",
        expect![[r#"
        1.0 term 2: b primary, because operator eve asked for it
        1.0 -> a: Backup 2
        1.0     a on h1 is told to stand by with term 2, b follows
        1.1     a on h1 confirmed that it stands by
        1.1 -> b: Primary 2
        1.1     b on h2 is told to be primary with term 2
        1.1 == a Backup
        1.2     b on h2 confirmed that it is primary
        1.2 == b Primary
        1.2 done
        2.0 state: b is primary
    "#]],
    );
}

#[test]
fn backup_takes_over_when_the_primary_dies_and_the_restarted_one_stands_by() {
    check(
        LED,
        "1 died a\n 1.1 ok b\n 2 is a running\n 2.1 ok a",
        expect![[r#"
        1.0 term 2: b primary, because a on h1 ended by itself (signal 9)
        1.0 -> b: Primary 2
        1.0     b on h2 is told to be primary with term 2
        1.1     b on h2 confirmed that it is primary
        1.1 == b Primary
        1.1 done
        2.0 -> a: Backup 2
        2.1     a on h1 confirmed that it is backup
        2.1 == a Backup
    "#]],
    );
}

#[test]
fn backup_takes_over_when_the_host_link_is_lost() {
    check(
        LED,
        "1 lost a\n 1.1 ok b",
        expect![[r#"
        1.0 term 2: b primary, because host h1 of a can not be reached
        1.0 -> b: Primary 2
        1.0     b on h2 is told to be primary with term 2
        1.1     b on h2 confirmed that it is primary
        1.1 == b Primary
        1.1 done
    "#]],
    );
}

#[test]
fn lost_host_is_waited_for_and_nothing_switches_when_it_is_back_in_time() {
    let wait = Duration::from_secs(5);
    let settings = Settings { disconnect_switchover_timeout: wait, ..SETTINGS };
    check_with(
        settings,
        LED,
        "1 lost a\n 4 state\n 5 link a running primary/1\n 9 state",
        expect![[r#"
            1.0 ?? b
            4.0 state: a is primary; host h1 of a can not be reached
            9.0 state: a is primary
        "#]],
    );
    check_with(
        settings,
        LED,
        "1 lost a\n 7 ok b",
        expect![[r#"
            1.0 ?? b
            6.0 term 2: b primary, because host h1 of a can not be reached
            6.0 -> b: Primary 2
            6.0     b on h2 is told to be primary with term 2
            7.0     b on h2 confirmed that it is primary
            7.0 == b Primary
            7.0 done
        "#]],
    );
}

#[test]
fn the_wait_for_a_lost_host_delays_nothing_else() {
    let wait = Duration::from_secs(5);
    let settings = Settings { disconnect_switchover_timeout: wait, ..SETTINGS };
    check_with(
        settings,
        LED,
        "1 is a unavailable\n 1.1 ok a\n 1.2 ok b",
        expect![[r#"
        1.0 term 2: b primary, because a on h1 says that it can not serve
        1.0 -> a: Backup 2
        1.0     a on h1 is told to stand by with term 2, b follows
        1.1     a on h1 confirmed that it stands by
        1.1 -> b: Primary 2
        1.1     b on h2 is told to be primary with term 2
        1.1 == a Backup
        1.2     b on h2 confirmed that it is primary
        1.2 == b Primary
        1.2 done
    "#]],
    );
    check_with(
        settings,
        LED,
        "1 switchover\n 1.1 lost a\n 1.2 ok b",
        expect![[r#"
        1.0 term 2: b primary, because operator eve asked for it
        1.0 -> a: Backup 2
        1.0     a on h1 is told to stand by with term 2, b follows
        1.1     host h1 of a can not be reached, so its confirmation is not waited for
        1.1 -> b: Primary 2
        1.1     b on h2 is told to be primary with term 2
        1.2     b on h2 confirmed that it is primary
        1.2 == b Primary
        1.2 done
    "#]],
    );
    check_with(
        settings,
        LED,
        "1 lost a\n 1.5 switchover\n 1.6 ok b",
        expect![[r#"
            1.0 ?? b
            1.5 term 2: b primary, because operator eve asked for it
            1.5     host h1 of a can not be reached, so it is not told to stand by
            1.5 -> b: Primary 2
            1.5     b on h2 is told to be primary with term 2
            1.6     b on h2 confirmed that it is primary
            1.6 == b Primary
            1.6 done
        "#]],
    );
}

#[test]
fn restored_primary_goes_to_backup_and_there_is_no_switch_back() {
    check(
        LED,
        "1 lost a\n 1.1 ok b\n 9 link a running primary/1\n 9.1 ok a\n 20 state",
        expect![[r#"
            1.0 term 2: b primary, because host h1 of a can not be reached
            1.0 -> b: Primary 2
            1.0     b on h2 is told to be primary with term 2
            1.1     b on h2 confirmed that it is primary
            1.1 == b Primary
            1.1 done
            9.0 term 2: nobody new, because the link to h1 is back and a is still primary, as is b
            9.0 !! both primary
            9.0 -> a: Backup 2
            9.1     a on h1 confirmed that it is backup
            9.1 == a Backup
            20.0 state: b is primary
        "#]],
    );
}

#[test]
fn primary_that_can_not_serve_is_exchanged() {
    check(
        LED,
        "1 is a unavailable\n 1.1 ok a\n 1.2 ok b\n 1.3 is a running",
        expect![[r#"
        1.0 term 2: b primary, because a on h1 says that it can not serve
        1.0 -> a: Backup 2
        1.0     a on h1 is told to stand by with term 2, b follows
        1.1     a on h1 confirmed that it stands by
        1.1 -> b: Primary 2
        1.1     b on h2 is told to be primary with term 2
        1.1 == a Backup
        1.2     b on h2 confirmed that it is primary
        1.2 == b Primary
        1.2 done
    "#]],
    );
}

#[test]
fn primary_that_can_not_serve_and_does_not_confirm_is_replaced() {
    check(
        LED,
        "1 is a unavailable\n 4 ok b\n 4.1 ok a",
        expect![[r#"
        1.0 term 2: b primary, because a on h1 says that it can not serve
        1.0 -> a: Backup 2
        1.0     a on h1 is told to stand by with term 2, b follows
        3.0 !! not demoted: the other one takes over
        3.0     a on h1 did not confirm that it is backup: timed out; the other one takes over
        3.0 -> b: Primary 2
        3.0     b on h2 is told to be primary with term 2
        4.0     b on h2 confirmed that it is primary
        4.0 == b Primary
        4.0 done
        4.0 -> a: Backup 2
        4.1     a on h1 confirmed that it is backup
        4.1 == a Backup
    "#]],
    );
}

#[test]
fn primary_stopped_by_an_operator_is_replaced() {
    check(
        LED,
        "1 is a stopping\n 1.1 stopped a\n 1.2 ok b",
        expect![[r#"
        1.0 term 2: b primary, because a on h1 is stopping
        1.0 -> b: Primary 2
        1.0     b on h2 is told to be primary with term 2
        1.2     b on h2 confirmed that it is primary
        1.2 == b Primary
        1.2 done
    "#]],
    );
}

#[test]
fn nothing_switches_to_a_backup_that_does_not_run() {
    check(
        LED,
        "0.5 stopped b\n 1 is a unavailable\n 1.5 tick\n 2 is a running",
        expect![[r#"
        1.0 !! backup Stopped: a on h1 says that it can not serve
    "#]],
    );
    check(
        LED,
        "0.5 stopped b\n 1 lost a\n 2 link a running primary/1\n 3 state",
        expect![[r#"
        1.0 !! backup Stopped: host h1 of a can not be reached
        3.0 state: a is primary
    "#]],
    );
}

#[test]
fn backup_that_runs_again_relieves_a_primary_that_can_not_serve() {
    check(
        LED,
        "0.5 stopped b\n 1 is a unavailable\n 2 is b running",
        expect![[r#"
        1.0 !! backup Stopped: a on h1 says that it can not serve
        2.0 term 2: b primary, because a on h1 says that it can not serve
        2.0 -> a: Backup 2
        2.0     a on h1 is told to stand by with term 2, b follows
    "#]],
    );
}

#[test]
fn first_of_two_failed_applications_to_run_again_becomes_primary() {
    check(
        LED,
        "1 died b\n 2 died a\n 3 is b initializing\n 4 is b running\n 4.1 ok b\n 5 is a running\n 5.1 ok a",
        expect![[r#"
            2.0 !! backup Stopped: a on h1 ended by itself (signal 9)
            2.0 !! nobody is primary: a on h1 is stopped; b on h2 is stopped
            4.0 term 2: b primary, because nobody is primary and b on h2 is the first that can be
            4.0 -> b: Primary 2
            4.0     b on h2 is told to be primary with term 2
            4.1     b on h2 confirmed that it is primary
            4.1 == b Primary
            4.1 done
            5.0 -> a: Backup 2
            5.1     a on h1 confirmed that it is backup
            5.1 == a Backup
        "#]],
    );
}

#[test]
fn switchover_is_refused_with_the_reason() {
    check(
        LED,
        "1 died b\n 1.1 switchover",
        expect![[r#"
        1.1 refused: b on h2 is stopped; it must run to take over
    "#]],
    );
    check(
        LED,
        "1 lost b\n 1.1 switchover",
        expect![[r#"
        1.1 refused: host h2 of b can not be reached; it must run to take over
    "#]],
    );
    check(
        LED,
        "1 switchover\n 1.1 switchover",
        expect![[r#"
        1.0 term 2: b primary, because operator eve asked for it
        1.0 -> a: Backup 2
        1.0     a on h1 is told to stand by with term 2, b follows
        1.1 refused: a is to stand by
    "#]],
    );
    check(
        "",
        "1 switchover",
        expect![[r#"
        1.0 refused: nobody is primary: host h1 of a has not yet linked up; host h2 of b has not yet linked up
    "#]],
    );
}

#[test]
fn unconfirmed_demotion_of_a_running_primary_fails_the_switchover() {
    check(
        LED,
        "1 switchover\n 4 ok a\n 4.1 state",
        expect![[r#"
        1.0 term 2: b primary, because operator eve asked for it
        1.0 -> a: Backup 2
        1.0     a on h1 is told to stand by with term 2, b follows
        3.0 !! not demoted: it stays primary
        3.0     a on h1 did not confirm that it is backup: timed out; it stays primary
        3.0 failed: a on h1 did not confirm that it is backup: timed out; a stays primary
        3.0 -> a: Primary 3
        4.1 state: a is primary
    "#]],
    );
    check(
        LED,
        "1 switchover\n 1.1 refuse a\n 1.2 ok a",
        expect![[r#"
        1.0 term 2: b primary, because operator eve asked for it
        1.0 -> a: Backup 2
        1.0     a on h1 is told to stand by with term 2, b follows
        1.1 !! not demoted: it stays primary
        1.1     a on h1 did not confirm that it is backup: it says no; it stays primary
        1.1 failed: a on h1 did not confirm that it is backup: it says no; a stays primary
        1.1 -> a: Primary 3
    "#]],
    );
}

#[test]
fn primary_that_is_lost_while_it_is_demoted_is_not_waited_for() {
    check(
        LED,
        "1 switchover\n 1.1 lost a\n 1.2 ok b",
        expect![[r#"
        1.0 term 2: b primary, because operator eve asked for it
        1.0 -> a: Backup 2
        1.0     a on h1 is told to stand by with term 2, b follows
        1.1     host h1 of a can not be reached, so its confirmation is not waited for
        1.1 -> b: Primary 2
        1.1     b on h2 is told to be primary with term 2
        1.2     b on h2 confirmed that it is primary
        1.2 == b Primary
        1.2 done
    "#]],
    );
    check(
        LED,
        "1 switchover\n 1.1 died a\n 1.2 ok b",
        expect![[r#"
        1.0 term 2: b primary, because operator eve asked for it
        1.0 -> a: Backup 2
        1.0     a on h1 is told to stand by with term 2, b follows
        1.1     a on h1 is stopped, so its confirmation is not waited for
        1.1 -> b: Primary 2
        1.1     b on h2 is told to be primary with term 2
        1.2     b on h2 confirmed that it is primary
        1.2 == b Primary
        1.2 done
    "#]],
    );
}

#[test]
fn switchover_is_abandoned_when_the_backup_fails_first() {
    check(
        LED,
        "1 switchover\n 1.1 died b\n 1.2 ok a",
        expect![[r#"
        1.0 term 2: b primary, because operator eve asked for it
        1.0 -> a: Backup 2
        1.0     a on h1 is told to stand by with term 2, b follows
        1.1 failed: b on h2 is stopped; a stays primary
        1.1 -> a: Primary 3
    "#]],
    );
    check(
        LED,
        "1 switchover\n 1.1 ok a\n 1.2 died b\n 1.3 ok a",
        expect![[r#"
        1.0 term 2: b primary, because operator eve asked for it
        1.0 -> a: Backup 2
        1.0     a on h1 is told to stand by with term 2, b follows
        1.1     a on h1 confirmed that it stands by
        1.1 -> b: Primary 2
        1.1     b on h2 is told to be primary with term 2
        1.1 == a Backup
        1.2     b on h2 is stopped, before it confirmed that it is primary
        1.2 -> a: Primary 3
        1.2     a on h1 is told to be primary with term 3
        1.3     a on h1 confirmed that it is primary
        1.3 == a Primary
        1.3 failed: b on h2 is stopped; a is primary
    "#]],
    );
}

#[test]
fn unconfirmed_promotion_gives_the_role_back() {
    check(
        LED,
        "1 switchover\n 1.1 ok a\n 1.2 refuse b\n 1.3 ok a\n 1.4 ok b",
        expect![[r#"
        1.0 term 2: b primary, because operator eve asked for it
        1.0 -> a: Backup 2
        1.0     a on h1 is told to stand by with term 2, b follows
        1.1     a on h1 confirmed that it stands by
        1.1 -> b: Primary 2
        1.1     b on h2 is told to be primary with term 2
        1.1 == a Backup
        1.2 !! not Primary: it says no
        1.2     b on h2 did not confirm that it is primary: it says no
        1.2 -> a: Primary 3
        1.2     a on h1 is told to be primary with term 3
        1.3     a on h1 confirmed that it is primary
        1.3 == a Primary
        1.3 failed: b on h2 did not confirm that it is primary: it says no; a is primary
        1.3 -> b: Backup 3
    "#]],
    );
}

#[test]
fn promotion_is_repeated_above_a_term_that_only_the_agent_knew() {
    check(
        LED,
        "1 died a\n 1.1 stale b 7\n 1.2 ok b",
        expect![[r#"
        1.0 term 2: b primary, because a on h1 ended by itself (signal 9)
        1.0 -> b: Primary 2
        1.0     b on h2 is told to be primary with term 2
        1.1 !! not Primary: stale term: the newest is 7
        1.1     b on h2 did not confirm that it is primary: stale term: the newest is 7
        1.1 -> b: Primary 8
        1.1     b on h2 is told to be primary with term 8
        1.2     b on h2 confirmed that it is primary
        1.2 == b Primary
        1.2 done
    "#]],
    );
}

#[test]
fn promotion_that_nobody_confirms_is_tried_again_after_a_while() {
    check(
        LED,
        "1 died a\n 1.1 refuse b\n 7 ok b",
        expect![[r#"
        1.0 term 2: b primary, because a on h1 ended by itself (signal 9)
        1.0 -> b: Primary 2
        1.0     b on h2 is told to be primary with term 2
        1.1 !! not Primary: it says no
        1.1     b on h2 did not confirm that it is primary: it says no
        1.1 failed: b on h2 did not confirm that it is primary: it says no
        1.1 !! nobody is primary: a on h1 is stopped; b on h2 is running
        6.1 term 3: b primary, because nobody is primary and b on h2 is the first that can be
        6.1 -> b: Primary 3
        6.1     b on h2 is told to be primary with term 3
        7.0     b on h2 confirmed that it is primary
        7.0 == b Primary
        7.0 done
    "#]],
    );
}

#[test]
fn cut_off_holder_is_exchanged_only_where_the_backup_is_not() {
    check(
        LED,
        "1 network a bad\n 2 network b bad\n 3 network b good\n 3.1 ok a\n 3.2 ok b",
        expect![[r#"
            3.0 term 2: b primary, because a on h1 is cut off from the network of the service: no reference answers
            3.0 -> a: Backup 2
            3.0     a on h1 is told to stand by with term 2, b follows
            3.1     a on h1 confirmed that it stands by
            3.1 -> b: Primary 2
            3.1     b on h2 is told to be primary with term 2
            3.1 == a Backup
            3.2     b on h2 confirmed that it is primary
            3.2 == b Primary
            3.2 done
        "#]],
    );
    check(LED, "1 network a bad\n 2 network b unknown", expect![[""]]);
}

#[test]
fn agent_that_forgot_is_told_again_without_a_word() {
    check(
        LED,
        "1 lost b\n 2 link b running\n 2.1 ok b",
        expect![[r#"
        2.0 -> b: Backup 1
    "#]],
    );
}

#[test]
fn primary_restarted_behind_the_back_is_promoted_anew() {
    let wait = Duration::from_secs(5);
    let settings = Settings { disconnect_switchover_timeout: wait, ..SETTINGS };
    check_with(
        settings,
        LED,
        "1 lost a\n 2 link a running none restarted\n 2.1 ok a",
        expect![[r#"
            1.0 ?? b
            2.0 term 2: a primary, because a on h1 no longer has the run mode that it confirmed
            2.0 -> a: Primary 2
            2.0     a on h1 is told to be primary with term 2
            2.1     a on h1 confirmed that it is primary
            2.1 == a Primary
            2.1 done
        "#]],
    );
}

#[test]
fn order_that_was_lost_with_its_link_is_given_again() {
    check(
        LED,
        "1 died a\n 1.1 link b running backup/1\n 1.2 ok b",
        expect![[r#"
        1.0 term 2: b primary, because a on h1 ended by itself (signal 9)
        1.0 -> b: Primary 2
        1.0     b on h2 is told to be primary with term 2
        1.1 -> b: Primary 2
        1.2     b on h2 confirmed that it is primary
        1.2 == b Primary
        1.2 done
    "#]],
    );
    check(
        LED,
        "1 died a\n 1.1 link b running primary/2",
        expect![[r#"
        1.0 term 2: b primary, because a on h1 ended by itself (signal 9)
        1.0 -> b: Primary 2
        1.0     b on h2 is told to be primary with term 2
        1.1     b on h2 confirmed that it is primary
        1.1 == b Primary
        1.1 done
    "#]],
    );
    check(
        LED,
        "1 switchover\n 1.1 link a running primary/1\n 1.2 ok a\n 1.3 ok b",
        expect![[r#"
        1.0 term 2: b primary, because operator eve asked for it
        1.0 -> a: Backup 2
        1.0     a on h1 is told to stand by with term 2, b follows
        1.1 -> a: Backup 2
        1.2     a on h1 confirmed that it stands by
        1.2 -> b: Primary 2
        1.2     b on h2 is told to be primary with term 2
        1.2 == a Backup
        1.3     b on h2 confirmed that it is primary
        1.3 == b Primary
        1.3 done
    "#]],
    );
}

#[test]
fn standby_that_does_not_confirm_is_reminded_less_and_less_often() {
    check(
        "0 link a running\n 0 ok a",
        "1 link b running\n 40 ok b",
        expect![[r#"
            1.0 -> b: Backup 1
            3.0 !! not Backup: timed out
            5.0 -> b: Backup 1
            11.0 -> b: Backup 1
            21.0 -> b: Backup 1
            39.0 -> b: Backup 1
            40.0     b on h2 confirmed that it is backup
            40.0 == b Backup
        "#]],
    );
}

#[test]
fn primary_found_in_office_is_adopted() {
    check(
        "",
        "1 link b running primary/4\n 2 link a running backup/4",
        expect![[r#"
        1.0 == b Primary
        2.0 == a Backup
    "#]],
    );
}

/// Restores what a pair saved after `before`, and runs `script` in the new one.
#[track_caller]
fn check_restart(before: &str, script: &str, expected: Expect) {
    let mut bench = Bench::new(SETTINGS);
    bench.run(before);
    let saved = serde_json::to_string(&bench.pair.save()).unwrap();
    let saved: Saved = serde_json::from_str(&saved).unwrap();
    let (first, second) = (bench.pair.first.label.clone(), bench.pair.second.label.clone());
    let pair = Pair::restore(&saved, first, second, SETTINGS, Instant(0));
    let mut bench = Bench { pair, now: Instant(0), story: String::new() };
    bench.run(script);
    expected.assert_eq(&bench.story);
}

#[test]
fn restart_of_the_control_server_fires_nothing_again() {
    check_restart(
        LED,
        "0 link b running backup/1\n 1 link a running primary/1\n 20 state",
        expect![[r#"
            20.0 state: a is primary
        "#]],
    );
}

#[test]
fn primary_that_died_while_the_control_server_was_away_is_replaced() {
    check_restart(
        LED,
        "0 link a stopped\n 1 link b running backup/1\n 1.1 ok b",
        expect![[r#"
            1.0 term 2: b primary, because a on h1 is stopped
            1.0 -> b: Primary 2
            1.0     b on h2 is told to be primary with term 2
            1.1     b on h2 confirmed that it is primary
            1.1 == b Primary
            1.1 done
        "#]],
    );
    check_restart(
        LED,
        "0 link b running backup/1\n 10 lost a\n 10.1 ok b",
        expect![[r#"
        10.0 term 2: b primary, because host h1 of a can not be reached
        10.0 -> b: Primary 2
        10.0     b on h2 is told to be primary with term 2
        10.1     b on h2 confirmed that it is primary
        10.1 == b Primary
        10.1 done
    "#]],
    );
}

#[test]
fn switchover_that_the_journal_lost_is_learned_from_the_agents() {
    check_restart(
        LED,
        "0 link a running backup/2\n 1 link b running primary/2\n 9 state",
        expect![[r#"
            0.0 == a Backup
            1.0 == b Primary
            9.0 state: b is primary
        "#]],
    );
    check_restart(
        LED,
        "0 link b running primary/2\n 1 link a running backup/2\n 9 state",
        expect![[r#"
            0.0 == b Primary
            1.0 == a Backup
            9.0 state: b is primary
        "#]],
    );
}

#[test]
fn restart_in_the_middle_of_a_promotion_finishes_it() {
    let half = format!("{LED}\n 1 died a");
    check_restart(
        &half,
        "0 link b running primary/2\n 1 link a stopped",
        expect![[r#"
        0.0 == b Primary
    "#]],
    );
    check_restart(
        &half,
        "0 link b running backup/1\n 1 link a stopped\n 1.1 ok b",
        expect![[r#"
        1.0 term 3: b primary, because nobody is primary and b on h2 is the first that can be
        1.0 -> b: Primary 3
        1.0     b on h2 is told to be primary with term 3
        1.1     b on h2 confirmed that it is primary
        1.1 == b Primary
        1.1 done
    "#]],
    );
}
