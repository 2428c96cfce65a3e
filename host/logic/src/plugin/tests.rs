//! Scripts of what happens to a plugin, and what it answers: each rule, and every way in which a
//! new version can go wrong. `laws` has what must hold for any script.

use std::fmt::Write as _;
use std::time::Duration;

use expect_test::{Expect, expect};

use super::io::{Action, CallEnd, StepResult};
use super::*;
use crate::catalog::About;
use crate::time::Timestamp;

mod exchanging;
mod failing;
mod laws;

const REACTION: Settings = Settings { exclusive: false, put_off: true };
const BACKEND: Settings = Settings { exclusive: true, put_off: false };

/// A machine, its clock, and what it said. Steps succeed at once unless the script fails them.
struct Bench {
    machine: Lifecycle,
    now: Instant,
    story: String,
    /// Steps that do not succeed, and how they end; `hang`: not at all.
    fails: Vec<(Step, String)>,
    in_folder: Option<Sight>,
    /// Calls under way, oldest first.
    calls: Vec<(Generation, InputDigest)>,
    /// Answered calls are counted without asking what follows, wherever the machine takes that.
    notes: bool,
    chatty: bool,
}

impl Bench {
    fn new(settings: Settings, saved: Saved) -> Self {
        Self {
            machine: Lifecycle::new(settings, saved, Instant(0)),
            now: Instant(0),
            story: String::new(),
            fails: Vec::new(),
            in_folder: None,
            calls: Vec::new(),
            notes: true,
            chatty: false,
        }
    }

    /// Runs each line `SECONDS VERB ...` at its time, with every deadline before it.
    fn run(&mut self, script: &str) -> &mut Self {
        for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (at, words) = line.split_once(' ').unwrap();
            let at = Instant(0) + Duration::from_secs_f64(at.parse().unwrap());
            while let Some(due) = self.machine.deadline().filter(|due| *due <= at) {
                self.now = due;
                self.machine.handle(due, Input::Tick);
                self.drain();
            }
            self.now = at;
            self.say(&words.split_whitespace().collect::<Vec<_>>());
            self.drain();
        }
        self
    }

    fn say(&mut self, words: &[&str]) {
        let input = match words {
            ["scan"] => Input::Scanned(self.in_folder.clone().unwrap()),
            ["folder", what @ ..] => {
                self.in_folder = Some(sight(what));
                Input::Scanned(sight(what))
            }
            ["fail", step, rest @ ..] => return self.fails.push((named(step), rest.join(" "))),
            ["mend"] => return self.fails.clear(),
            ["grants"] => Input::GrantsChanged,
            ["used", by] => Input::UsedBy((*by).into()),
            ["call", input] => return self.call(input),
            ["ends", rest @ ..] => {
                let (generation, input) = self.calls.remove(0);
                let report = report(rest);
                if self.notes && self.machine.note_answered(generation, &report) {
                    return;
                }
                Input::CallEnded { generation, input, report, jitter: 999 }
            }
            ["does", input, rest @ ..] => {
                self.call(input);
                let Some((generation, input)) = self.calls.pop() else { return };
                let report = report(rest);
                if self.notes && self.machine.note_answered(generation, &report) {
                    return;
                }
                Input::CallEnded { generation, input, report, jitter: 999 }
            }
            ["repeat", count, rest @ ..] => {
                for _ in 0..count.parse::<u32>().unwrap() {
                    self.say(rest);
                    self.drain();
                }
                return;
            }
            ["compare", generation, rest @ ..] => {
                let generation = Generation(generation.parse().unwrap());
                let difference = rest.first().map(|shadow| Difference {
                    input: InputDigest(1),
                    active: "answered yes".into(),
                    shadow: (*shadow).into(),
                });
                Input::Compared { generation, difference }
            }
            ["tick"] => Input::Tick,
            ["order", rest @ ..] => return self.order(&rest.join(" ")),
            ["state"] => return self.state(),
            _ => panic!("{words:?} is not a line of a script"),
        };
        self.machine.handle(self.now, input);
    }

    fn call(&mut self, input: &str) {
        let input = InputDigest(u64::from_str_radix(input, 16).unwrap());
        match self.machine.begin_call(self.now, &input) {
            Ok(Admission { generation, shadow: _ }) => self.calls.push((generation, input)),
            Err(refusal) => self.tell(format!("refused: {refusal}")),
        }
    }

    fn order(&mut self, word: &str) {
        let all = [
            Action::Rollback,
            Action::Promote,
            Action::ShadowOn,
            Action::ShadowOff,
            Action::Release,
            Action::Reload,
        ];
        let action = all.into_iter().find(|action| action.word() == word).unwrap();
        let told = match self.machine.operate(self.now, action) {
            Ok(done) => format!("done: {done}"),
            Err(why) => format!("can not: {why}"),
        };
        self.tell(told);
    }

    fn state(&mut self) {
        let view = self.machine.view(self.now);
        let shown = |it: &view::VersionView| format!("{} {}", it.digest, it.stage.word());
        let active = view.active.as_ref().map_or("nothing".to_owned(), shown);
        let others: Vec<String> = view.others.iter().map(shown).collect();
        let previous: Vec<String> = view.previous.iter().map(|it| it.0.to_string()).collect();
        let mut text = format!("active {active}");
        for (name, list) in [("others", others), ("previous", previous)] {
            if !list.is_empty() {
                write!(text, ", {name} {}", list.join(" + ")).unwrap();
            }
        }
        if let Some(closed) = view.closed {
            write!(text, ", closed: {closed}").unwrap();
        }
        self.tell(text);
    }

    fn tell(&mut self, text: String) {
        let seconds = self.now.0 as f64 / 1e9;
        writeln!(self.story, "{seconds:.1} {text}").unwrap();
    }

    /// Carries out what the machine wants: scans and steps are answered at once.
    fn drain(&mut self) {
        while let Some(output) = self.machine.poll() {
            match output {
                Output::Look => {
                    let sight = self.in_folder.clone().unwrap();
                    self.machine.handle(self.now, Input::Scanned(sight));
                }
                Output::Do { generation, step, digest, source } => {
                    if source == Source::Kept && step == Step::Verify {
                        self.tell(format!("takes the kept copy of {digest}"));
                    }
                    if let Some(result) = self.result(step, &digest) {
                        self.machine.handle(self.now, Input::Done { generation, step, result });
                    }
                }
                Output::Activate(to) => {
                    let to = to.map_or("nobody".to_owned(), |to| format!("generation {to}"));
                    self.tell(format!("calls go to {to}"));
                }
                Output::Shadow(Some(to)) => self.tell(format!("shadows on generation {to}")),
                Output::Shadow(None) | Output::Retire(_) | Output::Save => {}
                Output::Note(Note::Advanced(..) | Note::Seen(..) | Note::Retired { .. })
                    if !self.chatty => {}
                Output::Note(note) => {
                    let about = About::control_server(Timestamp(0));
                    self.tell(event(&about, "p", &note).text.to_string());
                }
            }
        }
    }

    fn result(&self, step: Step, digest: &PackageDigest) -> Option<StepResult> {
        match self.fails.iter().find(|(failing, _)| *failing == step) {
            Some((_, how)) if how == "hang" => None,
            Some((Step::Check, how)) if how.starts_with("pending") => {
                Some(StepResult::Missing("permission mail".into()))
            }
            Some((_, how)) => Some(StepResult::Failed(how.as_str().into())),
            None if step == Step::Verify => {
                let name: Arc<str> = digest.as_str().into();
                Some(StepResult::Verified(Facts { version: name.clone(), sha256: name }))
            }
            None => Some(StepResult::Done),
        }
    }
}

fn sight(words: &[&str]) -> Sight {
    match words {
        ["gone"] => Sight::Gone,
        ["no-component"] => Sight::ComponentMissing,
        [digest] => Sight::Package { digest: (*digest).into(), whole: true },
        [digest, "half"] => Sight::Package { digest: (*digest).into(), whole: false },
        _ => panic!("{words:?} is no sight"),
    }
}

fn named(step: &str) -> Step {
    [Step::Verify, Step::Check, Step::Compile, Step::Link, Step::Start]
        .into_iter()
        .find(|known| known.word() == step)
        .unwrap()
}

fn report(words: &[&str]) -> CallReport {
    let (end, own_ms, host_ms) = match words {
        ["ok"] => (CallEnd::Answered, 1, 0),
        ["slow", ms] => (CallEnd::Answered, ms.parse().unwrap(), 0),
        ["trap"] => (CallEnd::Trap, 1, 0),
        ["limit"] => (CallEnd::Limit, 1, 0),
        ["deadline"] => (CallEnd::Deadline, 8000, 0),
        ["host-deadline"] => (CallEnd::Deadline, 100, 7900),
        ["saturated"] => (CallEnd::Saturated, 0, 0),
        _ => panic!("{words:?} is no end of a call"),
    };
    let in_host = Duration::from_millis(host_ms);
    CallReport { end, instance: in_host + Duration::from_millis(own_ms), in_host }
}

#[track_caller]
fn check(settings: Settings, script: &str, expected: Expect) {
    let mut bench = Bench::new(settings, Saved::default());
    bench.run(script);
    expected.assert_eq(&bench.story);
    // The short way of an answered call leads to the same as the long one.
    let mut told = Bench { notes: false, ..Bench::new(settings, Saved::default()) };
    told.run(script);
    assert_eq!(told.story, bench.story);
    assert_eq!(told.machine.view(told.now), bench.machine.view(bench.now));
}

#[test]
fn first_version_is_used_at_once_and_each_step_is_told() {
    let mut bench = Bench::new(REACTION, Saved::default());
    bench.chatty = true;
    bench.run("0 folder a");
    expect![[r#"
        0.0 plugin p: generation 1 seen in its folder, package a
        0.0 plugin p: generation 1 is settled
        0.0 plugin p: generation 1 is verified
        0.0 plugin p: generation 1 is checked
        0.0 plugin p: generation 1 is compiled
        0.0 plugin p: generation 1 is linked
        0.0 plugin p: generation 1 is started
        0.0 calls go to generation 1
        0.0 plugin p a loaded, sha256 a
    "#]]
    .assert_eq(&bench.story);
}

#[test]
fn half_copied_component_is_waited_for() {
    check(
        REACTION,
        "0 folder a
         1 folder b half
         1.05 folder c half
         1.1 folder d half
         1.15 folder e
         2 state",
        expect![[r#"
            0.0 calls go to generation 1
            0.0 plugin p a loaded, sha256 a
            1.1 plugin p: generation 2 given up, its folder holds another package
            1.1 plugin p: generation 3 given up, its folder holds another package
            1.1 plugin p: generation 4 given up, its folder holds another package
            1.1 calls go to generation 5
            1.1 plugin p e in use on probation instead of a, sha256 e
            2.0 active e probation, others a retired
        "#]],
    );
}

#[test]
fn component_that_stays_wrong_is_refused_and_the_old_one_stays() {
    check(
        REACTION,
        "0 folder a
         1 fail verify component.wasm is 3 bytes, plugin.toml says 4
         1 folder b half
         2 scan
         7 scan
         8 mend
         8 folder c
         9 state",
        expect![[r#"
            0.0 calls go to generation 1
            0.0 plugin p a loaded, sha256 a
            1.1 plugin p rejected: verify: component.wasm is 3 bytes, plugin.toml says 4; version a stays in use
            8.0 calls go to generation 3
            8.0 plugin p c in use on probation instead of a, sha256 c
            9.0 active c probation, others a retired
        "#]],
    );
}

#[test]
fn every_step_can_fail_and_the_old_version_stays() {
    check(
        REACTION,
        "0 folder a
         1 fail check no such kind
         1 folder b
         2 mend
         2 fail compile not a component
         2 folder c
         3 mend
         3 fail link no export
         3 folder d
         4 mend
         4 fail start init trapped
         4 folder e
         5 scan
         5 state
         6 does 1 ok",
        expect![[r#"
            0.0 calls go to generation 1
            0.0 plugin p a loaded, sha256 a
            1.0 plugin p rejected: check: no such kind; version a stays in use
            2.0 plugin p rejected: compile: not a component; version a stays in use
            3.0 plugin p rejected: link: no export; version a stays in use
            4.0 plugin p rejected: start: init trapped; version a stays in use
            5.0 active a active
        "#]],
    );
}

#[test]
fn step_that_never_ends_is_given_up() {
    check(
        REACTION,
        "0 folder a
         1 fail compile hang
         1 folder b
         2 state
         700 state",
        expect![[r#"
            0.0 calls go to generation 1
            0.0 plugin p a loaded, sha256 a
            2.0 active a active, others b checked
            601.0 plugin p rejected: compile: it took longer than 600 s; version a stays in use
            700.0 active a active
        "#]],
    );
}

#[test]
fn newer_package_supersedes_one_on_its_way() {
    check(
        REACTION,
        "0 folder a
         1 fail compile hang
         1 folder b
         2 mend
         2 folder c
         3 state
         602 state",
        expect![[r#"
            0.0 calls go to generation 1
            0.0 plugin p a loaded, sha256 a
            3.0 active a active, others b checked
            601.0 plugin p rejected: compile: it took longer than 600 s; version a stays in use
            601.0 calls go to generation 3
            601.0 plugin p c in use on probation instead of a, sha256 c
            602.0 active c probation, others a retired
        "#]],
    );
}

#[test]
fn rejected_package_is_tried_again_on_reload_only() {
    check(
        REACTION,
        "0 folder a
         1 fail start init: unavailable
         1 folder b
         2 mend
         2 scan
         3 order reload
         4 state",
        expect![[r#"
            0.0 calls go to generation 1
            0.0 plugin p a loaded, sha256 a
            1.0 plugin p rejected: start: init: unavailable; version a stays in use
            3.0 done: the folder is looked at again
            3.0 calls go to generation 3
            3.0 plugin p b in use on probation instead of a, sha256 b
            4.0 active b probation, others a retired
        "#]],
    );
}

#[test]
fn version_that_asks_for_more_waits_for_the_grant() {
    check(
        REACTION,
        "0 folder a
         1 fail check pending
         1 folder b
         2 state
         2 does 1 ok
         3 grants
         4 mend
         4 grants
         5 state",
        expect![[r#"
            0.0 calls go to generation 1
            0.0 plugin p a loaded, sha256 a
            1.0 plugin p b waits for approval: permission mail
            2.0 active a active, others b pending-approval
            3.0 plugin p b waits for approval: permission mail
            4.0 calls go to generation 2
            4.0 plugin p b in use on probation instead of a, sha256 b
            5.0 active b probation, others a retired
        "#]],
    );
}

#[test]
fn plugin_without_a_version_says_why() {
    check(
        REACTION,
        "0 call 1
         0 fail link component exports nothing
         0 folder a
         1 call 1
         2 mend
         2 fail check pending
         2 folder b
         3 call 1",
        expect![[r#"
            0.0 refused: it is not loaded
            0.0 plugin p rejected: link: component exports nothing
            1.0 refused: it is not loaded: component exports nothing
            2.0 plugin p b waits for approval: permission mail
            3.0 refused: it is not loaded: version b is pending-approval
        "#]],
    );
}
