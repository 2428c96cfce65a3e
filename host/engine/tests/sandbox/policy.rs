//! Pools of policies: what they decide, how instances are lent, and what decides without them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use takeover_engine::fallback::{self, DecidedBy, LastResort};
use takeover_engine::host::{LogLine, SipHost};
use takeover_engine::outcome::{Bound, Ended};
use takeover_engine::{Call, EngineSettings, PolicyPool, PoolSettings, StaticFallback};
use takeover_logic::component::sip::{
    CallKind, DrForward, ForwardingCall, ForwardingDecision, ForwardingDestination, ForwardingPeer,
    NodeMode, Refusal,
};
use takeover_logic::link::Fault;
use takeover_logic::log_event::Attribute;

use crate::fixture::{Host, Manner, PLENTY, Sandbox, settings, wait};

/// A call to a destination that is out of service here, with a peer that is in service.
pub(crate) fn call() -> ForwardingCall {
    ForwardingCall {
        kind: CallKind::Inbound,
        request_uri: "sip:7001@site-a.example.com".into(),
        caller: "sip:+15550100@trunk.example.com".into(),
        source: "192.0.2.7:5060".into(),
        call_id: "a84b4c76e66710@pc33.example.com".into(),
        from_peer: false,
        destination: ForwardingDestination {
            dn: "7001".into(),
            known: true,
            registered: false,
            in_service: false,
            agent_logged_in: false,
            dr_forward: DrForward::Oos,
        },
        peer: Some(ForwardingPeer {
            trunk: "to-site-b".into(),
            contact: "sip:192.0.2.20:5060".into(),
            in_service: true,
        }),
        node_mode: NodeMode::InService,
        shutdown_reject_code: 503,
        headers: Vec::new(),
    }
}

/// The same, and the policy is to do something.
pub(crate) fn asking_for(word: &str) -> ForwardingCall {
    let header = Attribute { name: "X-Test".into(), value: word.into() };
    ForwardingCall { headers: vec![header], ..call() }
}

pub(crate) fn try_start(
    sandbox: &Sandbox,
    written: &[(&str, &str)],
    pool: PoolSettings,
    (timeout, host): (Duration, &Arc<Host>),
) -> Result<PolicyPool, Ended<()>> {
    let settings = settings(written);
    let deadline = Instant::now() + timeout;
    let call = Call { plugin: &sandbox.policy, settings: &settings, deadline };
    wait(sandbox.engine.start_policies(call, Arc::clone(host) as _, pool))
}

pub(crate) fn start(pool: PoolSettings) -> PolicyPool {
    let host = Host::new(Manner::Does);
    try_start(Sandbox::shared(), &[], pool, (PLENTY, &host)).unwrap()
}

/// A pool whose deadline is for what never ends; a busy machine must not end anything else.
pub(crate) fn patient(warm: usize, one_shots: usize) -> PoolSettings {
    let deadline = Duration::from_secs(1);
    PoolSettings { warm, one_shots, deadline, ..PoolSettings::default() }
}

pub(crate) fn refused(code: u16, reason: &str) -> ForwardingDecision {
    ForwardingDecision::Refuse(Refusal { code, reason: reason.into(), retry_after_s: None })
}

/// How many calls the instance that answers has had.
#[track_caller]
pub(crate) fn check_calls(pool: &PolicyPool, calls: u32) {
    let ended = pool.decide(&asking_for("who")).ended;
    assert_eq!(ended, Ended::Ok(refused(480, &format!("a policy: call {calls}"))));
}

/// Waits until so many instances are free again.
#[track_caller]
pub(crate) fn wait_for_free(pool: &PolicyPool, free: usize) {
    let give_up = Instant::now() + PLENTY;
    while pool.free() != free {
        assert!(Instant::now() < give_up, "{} free after {PLENTY:?}, not {free}", pool.free());
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn decisions_come_through_as_they_are() {
    let pool = start(patient(1, 0));
    let decided = |call: &ForwardingCall| pool.decide(call).ended;
    let trunk = ForwardingDecision::ThroughTrunk("to-site-b".into());
    assert_eq!(decided(&call()), Ended::Ok(trunk));
    let from_peer = ForwardingCall { from_peer: true, ..call() };
    assert_eq!(decided(&from_peer), Ended::Ok(ForwardingDecision::Deliver));
    let mut alone = ForwardingCall { peer: None, ..call() };
    alone.destination.known = false;
    assert_eq!(decided(&alone), Ended::Ok(refused(404, "")));
    let ending = ForwardingCall { node_mode: NodeMode::ShuttingDown, ..call() };
    assert_eq!(decided(&ending), Ended::Ok(refused(503, "")));
    let contacts = ["sip:b0@192.0.2.1", "sip:b1@192.0.2.1"].map(Into::into).to_vec();
    let redirect = ForwardingDecision::Redirect { code: 302, contacts };
    assert_eq!(decided(&asking_for("redirect")), Ended::Ok(redirect));
}

#[test]
fn instance_used_last_is_used_next() {
    let pool = start(patient(3, 0));
    for calls in 1..=5 {
        check_calls(&pool, calls);
    }
    assert_eq!(pool.free(), 3);
}

#[test]
fn instance_is_replaced_after_its_number_of_calls() {
    let pool = start(PoolSettings { calls_max: 3, ..patient(1, 0) });
    for round in 0..3 {
        for calls in 1..=3 {
            check_calls(&pool, calls);
        }
        wait_for_free(&pool, 1);
        let counts = pool.counts();
        assert_eq!((counts.retired, counts.replaced), (round + 1, round + 1));
    }
    assert_eq!(pool.counts().decided, 9);
}

/// A host that holds every call that writes a line, until it is opened.
#[derive(Default)]
struct Gate {
    inside: AtomicUsize,
    open: Mutex<bool>,
    opened: Condvar,
}

impl SipHost for Gate {
    fn log(&self, _line: LogLine) {
        self.inside.fetch_add(1, Ordering::SeqCst);
        let open = self.open.lock().unwrap();
        let (open, waited) = self.opened.wait_timeout_while(open, PLENTY, |open| !*open).unwrap();
        assert!(*open && !waited.timed_out());
    }
}

impl Gate {
    #[track_caller]
    fn wait_for(&self, calls: usize) {
        let give_up = Instant::now() + PLENTY;
        while self.inside.load(Ordering::SeqCst) < calls {
            assert!(Instant::now() < give_up, "fewer than {calls} calls after {PLENTY:?}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn open(&self) {
        *self.open.lock().unwrap() = true;
        self.opened.notify_all();
    }
}

#[test]
fn all_lent_means_one_shot_then_saturated_at_once() {
    // An engine of its own: the rate of log lines is shared by the pools of a plugin.
    let sandbox = Sandbox::new(EngineSettings::default());
    let gate = Arc::new(Gate::default());
    let none = settings(&[]);
    let deadline = Instant::now() + PLENTY;
    let starting = Call { plugin: &sandbox.policy, settings: &none, deadline };
    let host = Arc::clone(&gate);
    let pool = wait(sandbox.engine.start_policies(starting, host, patient(2, 1))).unwrap();
    std::thread::scope(|scope| {
        let hold = || scope.spawn(|| pool.decide(&asking_for("log")).ended);
        let mut held = vec![hold(), hold()];
        gate.wait_for(2);
        // A one-shot instance has never been called before, and is not kept.
        check_calls(&pool, 1);
        check_calls(&pool, 1);
        held.push(hold());
        gate.wait_for(3);
        assert_eq!(pool.decide(&call()).ended, Ended::Saturated(Bound::Instances));
        assert_eq!(pool.counts().one_shots, 3);
        gate.open();
        for thread in held {
            // It was held for as long as this took, so its deadline may have passed.
            let ended = thread.join().unwrap();
            let decided = Ended::Ok(ForwardingDecision::Deliver);
            assert!(ended == decided || ended == Ended::Deadline, "{ended:?}");
        }
    });
    wait_for_free(&pool, 2);
    assert_eq!(pool.counts().saturated, 1);
    assert!(matches!(pool.decide(&call()).ended, Ended::Ok(_)));
}

#[test]
fn many_threads_share_a_pool() {
    let pool = start(patient(2, 8));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..500 {
                    let ended = pool.decide(&call()).ended;
                    let trunk = ForwardingDecision::ThroughTrunk("to-site-b".into());
                    assert_eq!(ended, Ended::Ok(trunk));
                }
            });
        }
    });
    assert_eq!(pool.counts().decided, 4000);
    assert_eq!(pool.free(), 2);
}

#[test]
fn it_runs_on_the_thread_that_asks_also_inside_a_runtime() {
    let pool = start(patient(1, 0));
    for runtime in [
        tokio::runtime::Builder::new_current_thread().build().unwrap(),
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap(),
    ] {
        runtime.block_on(async {
            for word in ["who", "say", "redirect"] {
                let ended = pool.decide(&asking_for(word)).ended;
                assert!(matches!(ended, Ended::Ok(_)), "{word}: {ended:?}");
            }
            let ended = pool.decide(&asking_for("sleep")).ended;
            assert!(matches!(ended, Ended::Trap(_)), "{ended:?}");
        });
        wait_for_free(&pool, 1);
    }
}

#[test]
fn other_settings_want_another_pool() {
    let host = Host::new(Manner::Does);
    let name = |name| {
        try_start(Sandbox::shared(), &[("name", name)], patient(1, 1), (PLENTY, &host)).unwrap()
    };
    let (old, new) = (name("the old"), name("the new"));
    for (pool, says) in [(&old, "the old: call 1"), (&new, "the new: call 1")] {
        assert_eq!(pool.decide(&asking_for("who")).ended, Ended::Ok(refused(480, says)));
    }
    // Replacements are of the same generation as what they replace.
    assert!(matches!(old.decide(&asking_for("trap")).ended, Ended::Trap(_)));
    wait_for_free(&old, 1);
    let again = old.decide(&asking_for("who")).ended;
    assert_eq!(again, Ended::Ok(refused(480, "the old: call 1")));
}

#[test]
fn sockets_are_refused_while_it_starts_and_while_it_decides() {
    let host = Host::new(Manner::Does);
    let settings = [("init", "sockets")];
    let pool = try_start(Sandbox::shared(), &settings, patient(1, 0), (PLENTY, &host)).unwrap();
    assert!(matches!(pool.decide(&asking_for("sockets")).ended, Ended::Ok(_)));
}

#[test]
fn start_is_refused_for_reasons() {
    let host = Host::new(Manner::Does);
    let short = Duration::from_millis(200);
    let start = |word, timeout| {
        let pool = patient(2, 0);
        try_start(Sandbox::shared(), &[("init", word)], pool, (timeout, &host)).unwrap_err()
    };
    let invalid = |text: &str| Ended::Fault(Fault::Invalid(text.into()));
    assert_eq!(start("fault", PLENTY), invalid("refused in init"));
    assert!(matches!(start("trap", PLENTY), Ended::Trap(_)));
    assert_eq!(start("loop", short), Ended::Deadline);
    for (pool, text) in [
        (patient(0, 0), "pool setting warm: found 0, allowed 1 to 32"),
        (patient(33, 0), "pool setting warm: found 33, allowed 1 to 32"),
        (patient(1, 33), "pool setting one_shots: found 33, allowed 0 to 32"),
        (
            PoolSettings { deadline: Duration::from_millis(1001), ..PoolSettings::default() },
            "pool setting deadline in ms: found 1001, allowed 1 to 1000",
        ),
        (
            PoolSettings { calls_max: 0, ..PoolSettings::default() },
            "pool setting calls_max: found 0, allowed 1 to 100000",
        ),
    ] {
        let ended = try_start(Sandbox::shared(), &[], pool, (PLENTY, &host)).unwrap_err();
        assert_eq!(ended, invalid(text));
    }
}

#[test]
fn pools_have_room_for_so_many_and_a_dropped_one_makes_room() {
    let sandbox = Sandbox::new(EngineSettings::default());
    let host = Host::new(Manner::Does);
    let large = patient(32, 32);
    let start = || try_start(&sandbox, &[], large, (PLENTY, &host));
    let (first, _second) = (start().unwrap(), start().unwrap());
    assert_eq!(start().unwrap_err(), Ended::Saturated(Bound::Instances));
    drop(first);
    let give_up = Instant::now() + PLENTY;
    while start().is_err() {
        assert!(Instant::now() < give_up, "no room within {PLENTY:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn caller_always_gets_a_decision_and_is_told_whose() {
    let (pool, other) = (start(patient(1, 1)), Arc::new(start(patient(1, 1))));
    let busy = Refusal { code: 480, reason: "later".into(), retry_after_s: Some(5) };
    let to_other = |otherwise| StaticFallback::OtherPolicy { pool: other.clone(), otherwise };
    let refuse = ForwardingDecision::Refuse(busy.clone());
    let trap = "policy test-policy: trapped: ";
    for (fallback, word, decision, by) in [
        (StaticFallback::Deliver, "redirect", None, "policy"),
        (StaticFallback::Deliver, "trap", Some(ForwardingDecision::Deliver), trap),
        (StaticFallback::Refuse(busy.clone()), "trap", Some(refuse.clone()), trap),
        (to_other(LastResort::Deliver), "trap", Some(ForwardingDecision::Deliver), trap),
        (to_other(LastResort::Refuse(busy)), "bad-code", Some(refuse), "policy test-policy: "),
    ] {
        let decided = fallback::decide(&pool, &fallback, &asking_for(word));
        match (&decided.by, decision) {
            (DecidedBy::Policy, None) => assert_eq!(by, "policy"),
            (DecidedBy::Static { why }, Some(decision)) => {
                assert!(why.starts_with(by), "{word}: {why}");
                assert_eq!(decided.decision, decision, "{word}");
            }
            other => panic!("{word}: {other:?}"),
        }
    }
}

#[test]
fn other_policy_decides_where_the_first_one_does_not() {
    let first = start(PoolSettings { deadline: Duration::from_millis(1), ..patient(1, 0) });
    let other = Arc::new(start(patient(1, 0)));
    let fallback = StaticFallback::OtherPolicy { pool: other, otherwise: LastResort::Deliver };
    // Longer than the first one may take, and well within what the other one may.
    let decided = fallback::decide(&first, &fallback, &asking_for("busy-200-ms"));
    assert_eq!(decided.decision, ForwardingDecision::Deliver);
    let why = "policy test-policy: deadline passed".to_owned();
    assert_eq!(decided.by, DecidedBy::OtherPolicy { why });
    assert!(decided.took >= Duration::from_millis(200), "{decided:?}");
}
