//! One turn after another: what the monitor is shown, and what becomes of its word.

use std::sync::Mutex;

use takeover_logic::link::RunMode;

use super::*;
use crate::sip_node::thread::tests::Heard;

/// Judges as it was told, and remembers what it was shown.
#[derive(Default)]
struct Fake {
    says: Mutex<Vec<(Verdict, Option<Duration>)>>,
    shown: Mutex<Vec<(u64, Duration)>>,
}

impl Fake {
    fn saying(says: &[(Verdict, Option<Duration>)]) -> Fake {
        let says = says.iter().rev().cloned().collect();
        Fake { says: Mutex::new(says), ..Fake::default() }
    }
}

impl Judge for Fake {
    async fn assess(
        &self,
        sample: MonitorSample,
        deadline: Instant,
    ) -> (Verdict, Option<Duration>) {
        let left = deadline.saturating_duration_since(Instant::now());
        self.shown.lock().unwrap().push((sample.received, left));
        self.says.lock().unwrap().pop().expect("asked once more than expected")
    }
}

fn sample(received: u64) -> MonitorSample {
    MonitorSample {
        run_mode: RunMode::Primary,
        in_run_mode_ms: 1,
        vip_up_ms: None,
        received,
        last_message_ago_ms: None,
        responses_2xx: 0,
        responses_4xx: 0,
        responses_5xx: 0,
        timeouts: 0,
        retransmissions: 0,
        devices: Vec::new(),
    }
}

/// A SIP thread that gives these samples, one after another, and hands on what it is told.
fn thread(
    mut heard: Heard,
    samples: Vec<Option<MonitorSample>>,
) -> std::thread::JoinHandle<Vec<Verdict>> {
    std::thread::spawn(move || {
        let (mut samples, mut verdicts) = (samples.into_iter(), Vec::new());
        while let Some(item) = heard.next_or_end() {
            match item {
                Item::Sample(answer) => {
                    let _ = answer.send(samples.next().flatten());
                }
                Item::Input(Input::Assessed(verdict)) => verdicts.push(verdict),
                other => panic!("{other:?}"),
            }
        }
        verdicts
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sample_is_judged_and_the_next_interval_is_kept_within_bounds() {
    let (post, heard) = Heard::new();
    let thread = thread(heard, vec![Some(sample(7)), Some(sample(8)), None, Some(sample(9))]);
    let bad = || Verdict::Bad("silent".into());
    let unknown = || Verdict::Unknown("trap".into());
    let fake = Fake::saying(&[
        (Verdict::Good, Some(Duration::ZERO)),
        (bad(), Some(Duration::MAX)),
        (unknown(), None),
    ]);
    let second = Duration::from_secs(10);
    assert_eq!(turn(&fake, &post, second).await, Ok(Some(MONITOR_INTERVAL_MIN)));
    assert_eq!(turn(&fake, &post, second).await, Ok(Some(MONITOR_INTERVAL_MAX)));
    assert_eq!(turn(&fake, &post, second).await, Ok(None), "a backup has nothing to be judged");
    assert_eq!(turn(&fake, &post, second).await, Ok(None), "the interval stays as it was");
    drop(post);
    assert_eq!(thread.join().unwrap(), [Verdict::Good, bad(), unknown()]);
    let shown = fake.shown.into_inner().unwrap();
    assert_eq!(shown.iter().map(|(received, _)| *received).collect::<Vec<_>>(), [7, 8, 9]);
    let most = second.mul_f64(0.8);
    assert!(shown.iter().all(|(_, left)| *left <= most && !left.is_zero()), "{shown:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_the_node_is_the_end_of_the_watch() {
    let (post, heard) = Heard::new();
    drop(heard);
    watch(Fake::default(), post).await;
}
