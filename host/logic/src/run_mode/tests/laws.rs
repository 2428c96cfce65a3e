//! What must hold for any script.

use proptest::prelude::*;

use super::*;

/// One thing that can happen, to side `who`, `wait` milliseconds after the one before.
#[derive(Clone, Debug)]
struct Happening {
    wait_ms: u64,
    who: Side,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Link(Status, Option<(RunMode, u64)>, bool),
    Lost,
    Status(Status),
    Network(bool),
    Sees(bool),
    Answer(Result<(), Fault>),
    Late(RunMode, u64),
    Switchover,
    Pause,
    Resume,
    Restart,
}

fn any_status() -> impl Strategy<Value = Status> {
    prop_oneof![
        6 => Just(Status::Running),
        2 => Just(Status::Stopped),
        1 => Just(Status::Initializing),
        1 => Just(Status::ServiceUnavailable),
        1 => Just(Status::Suspending),
        1 => Just(Status::StopTransition),
    ]
}

fn any_run_mode() -> impl Strategy<Value = RunMode> {
    prop_oneof![Just(RunMode::Primary), Just(RunMode::Backup)]
}

fn any_answer() -> impl Strategy<Value = Result<(), Fault>> {
    prop_oneof![
        6 => Just(Ok(())),
        1 => Just(Err(Fault::Failed("no".into()))),
        1 => (0..40_u64).prop_map(|term| Err(Fault::StaleTerm(Term(term)))),
    ]
}

fn any_what() -> impl Strategy<Value = What> {
    let reported = proptest::option::of((any_run_mode(), 0..20_u64));
    prop_oneof![
        6 => (any_status(), reported, any::<bool>()).prop_map(|(s, r, b)| What::Link(s, r, b)),
        2 => Just(What::Lost),
        4 => any_status().prop_map(What::Status),
        1 => any::<bool>().prop_map(What::Network),
        2 => any::<bool>().prop_map(What::Sees),
        12 => any_answer().prop_map(What::Answer),
        1 => (any_run_mode(), 0..20_u64).prop_map(|(mode, term)| What::Late(mode, term)),
        2 => Just(What::Switchover),
        1 => Just(What::Pause),
        2 => Just(What::Resume),
        1 => Just(What::Restart),
    ]
}

fn any_happening() -> impl Strategy<Value = Happening> {
    let wait_ms = prop_oneof![3 => Just(0_u64), 3 => 0..100_u64, 1 => 0..12_000_u64];
    let who = prop_oneof![Just(Side::First), Just(Side::Second)];
    (wait_ms, who, any_what()).prop_map(|(wait_ms, who, what)| Happening { wait_ms, who, what })
}

/// Two applications as they are behind the machine, and what it has said so far.
struct Watched {
    pair: Pair,
    now: Instant,
    linked: [bool; 2],
    /// Terms of promotions and who was promoted, in the order in which they were ordered.
    promotions: Vec<(Term, Side)>,
    decisions_open: u32,
}

impl Watched {
    fn happen(&mut self, happening: &Happening) {
        let until = self.now + Duration::from_millis(happening.wait_ms);
        let mut ticks = 0;
        while let Some(due) = self.pair.deadline().filter(|due| *due <= until) {
            assert!(due > self.now || ticks == 0, "a deadline that is due for ever");
            self.now = due;
            self.pair.handle(due, Input::Tick);
            self.drain();
            ticks += 1;
            assert!(ticks < 100, "too many deadlines in one wait");
        }
        self.now = until;
        self.apply(happening.who, &happening.what);
        self.drain();
        self.check();
    }

    fn apply(&mut self, side: Side, what: &What) {
        let linked = self.linked[side as usize];
        let input = match what {
            What::Link(status, reported, restarted) => {
                self.linked[side as usize] = true;
                Input::Linked {
                    side,
                    status: *status,
                    cause: StatusCause::Reported,
                    reported: reported.map(|(mode, term)| (mode, Term(term))),
                    restarted: *restarted,
                }
            }
            What::Lost if linked => {
                self.linked[side as usize] = false;
                Input::Lost { side }
            }
            What::Status(status) if linked => {
                Input::Status { side, status: *status, cause: StatusCause::Reported }
            }
            What::Network(good) if linked => {
                let bad = Verdict::Bad("no reference answers".into());
                Input::Network { side, verdict: if *good { Verdict::Good } else { bad } }
            }
            What::Sees(serving) if linked => {
                let silent = Verdict::Bad("no answer".into());
                Input::Other { side, seen: if *serving { Verdict::Good } else { silent } }
            }
            What::Answer(result) => {
                let Some(order) = self.pair.get(side).order else { return };
                let (run_mode, term) = (order.run_mode, order.term);
                Input::Answered { side, run_mode, term, result: result.clone() }
            }
            What::Late(run_mode, term) => {
                let (run_mode, term) = (*run_mode, Term(*term));
                Input::Answered { side, run_mode, term, result: Ok(()) }
            }
            What::Switchover => {
                let cause = Cause::Operator("eve".into());
                let _ = self.pair.switch_over(self.now, cause);
                return;
            }
            What::Pause => Input::Pause,
            What::Resume => Input::Resume,
            What::Restart => {
                let saved = self.pair.save();
                let labels = (self.pair.first.label.clone(), self.pair.second.label.clone());
                self.pair = Pair::restore(&saved, labels.0, labels.1, SETTINGS, self.now);
                self.linked = [false; 2];
                self.decisions_open = 0;
                return;
            }
            _ => return,
        };
        self.pair.handle(self.now, input);
    }

    fn drain(&mut self) {
        while let Some(output) = self.pair.poll() {
            match output {
                Output::Order { run_mode: RunMode::Primary, term, side } => {
                    // A reminder, or an order again that was lost with its link.
                    let again = self.pair.get(side).is_confirmed(RunMode::Primary)
                        || self.promotions.last() == Some(&(term, side));
                    let rises = self.promotions.last().is_none_or(|last| term > last.0);
                    assert!(rises || again, "{term} after {:?}", self.promotions.last());
                    self.promotions.push((term, side));
                }
                Output::Decided { to: Some(_), .. } => {
                    assert_eq!(self.decisions_open, 0, "one decision at a time");
                    self.decisions_open = 1;
                }
                Output::Ended { .. } => {
                    assert_eq!(self.decisions_open, 1, "each decision ends once");
                    self.decisions_open = 0;
                }
                _ => {}
            }
        }
    }

    fn check(&self) {
        let confirmed = |side: Side| self.pair.run_mode(side) == Some(RunMode::Primary);
        assert!(!(confirmed(Side::First) && confirmed(Side::Second)), "two confirmed primaries");
        let under_way = matches!(self.pair.phase, Phase::Demoting { .. } | Phase::Promoting { .. });
        assert_eq!(under_way, self.decisions_open == 1, "a phase without its decision");
    }
}

fn watched() -> Watched {
    let pair = Bench::new(SETTINGS).pair;
    Watched { pair, now: Instant(0), linked: [false; 2], promotions: vec![], decisions_open: 0 }
}

/// Whatever a backup says that it sees, a primary whose host is lost is given up in time.
#[test]
fn evidence_never_delays_a_takeover_beyond_its_bound() {
    for script in ["", "1.5 sees b nothing\n 1.6 sees b serving\n", "9 sees b serving\n"] {
        let mut bench = Bench::new(SETTINGS);
        bench.run(LED);
        bench.run(&format!("1 sees b serving\n 1 lost a\n {script} 11.1 tick"));
        assert!(bench.story.contains("-> b: Primary 2"), "{script}: {}", bench.story);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_script_makes_two_primaries_or_lowers_a_term(
        script in proptest::collection::vec(any_happening(), 1..60),
    ) {
        let mut watched = watched();
        for happening in &script {
            watched.happen(happening);
        }
    }

    /// Whatever happened before: with both linked, running, answering and not paused, somebody is
    /// primary and the other one stands by within the longest wait.
    #[test]
    fn two_healthy_applications_always_settle(
        script in proptest::collection::vec(any_happening(), 0..40),
    ) {
        let mut watched = watched();
        for happening in &script {
            watched.happen(happening);
        }
        let now = |who, what| Happening { wait_ms: 0, who, what };
        for who in Side::BOTH {
            watched.happen(&now(who, What::Link(Status::Running, None, true)));
            watched.happen(&now(who, What::Network(true)));
        }
        watched.happen(&now(Side::First, What::Resume));
        for _ in 0..200 {
            watched.happen(&Happening {
                wait_ms: 500,
                who: Side::First,
                what: What::Answer(Ok(())),
            });
            watched.happen(&now(Side::Second, What::Answer(Ok(()))));
        }
        let modes = Side::BOTH.map(|side| watched.pair.run_mode(side));
        prop_assert!(modes.contains(&Some(RunMode::Primary)), "{}", watched.pair.state());
        prop_assert!(modes.contains(&Some(RunMode::Backup)), "{}", watched.pair.state());
        prop_assert!(watched.pair.is_settled());
    }
}
