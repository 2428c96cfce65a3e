//! A client that sends a SIP OPTIONS every millisecond and writes down who answered when: the
//! outage that callers see, not the one that a program believes in.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::lab::{Lab, Node, namespace};
use crate::netlink::NeighborWatch;
use crate::scheduling;

/// Time between two requests where nothing else is said.
pub const INTERVAL: Duration = Duration::from_millis(1);

/// Longest wait of a receiver before it looks whether to stop.
const PATIENCE: Duration = Duration::from_millis(100);

/// One answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Which request it answers.
    pub sequence: u32,
    /// When that was sent.
    pub sent: Instant,
    /// When the answer came.
    pub received: Instant,
    /// Who answered: `Server:` of the response.
    pub who: Arc<str>,
}

/// Everything a probe saw.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    /// When each request was sent.
    pub sent: Vec<Instant>,
    /// Answers in the order of their arrival.
    pub answers: Vec<Answer>,
    /// Errors that the network reported, for example "port unreachable".
    pub errors: Vec<(Instant, ErrorKind)>,
    /// Changes of the client's neighbor entry for the target.
    pub neighbors: Vec<(Instant, Option<[u8; 6]>)>,
}

/// A takeover as the client saw it.
#[derive(Clone, Debug)]
pub struct Takeover {
    /// Last answer of the old holder to first answer of the new one.
    pub outage: Duration,
    /// Event to first answer of the new one.
    pub since_event: Duration,
    /// Requests sent meanwhile that nobody answered.
    pub lost: usize,
    /// How long after the first answer of the new holder the last one of the old came.
    pub overlap: Duration,
}

impl Recording {
    /// The takeover from `old` to `new` at or after `event`, if there was one.
    pub fn takeover(&self, event: Instant, old: &str, new: &str) -> Option<Takeover> {
        let first =
            self.answers.iter().find(|answer| answer.received >= event && &*answer.who == new)?;
        let olds = || self.answers.iter().filter(|answer| &*answer.who == old);
        let last = olds().rfind(|answer| answer.received < first.received)?;
        let latest = olds().next_back()?;
        let range = last.sequence + 1..first.sequence;
        let answered =
            self.answers.iter().filter(|answer| range.contains(&answer.sequence)).count();
        Some(Takeover {
            outage: first.received - last.received,
            since_event: first.received - event,
            lost: range.len().saturating_sub(answered),
            overlap: latest.received.saturating_duration_since(first.received),
        })
    }

    /// The longest silence that began at or after `event`; the time since the last answer counts.
    pub fn longest_silence(&self, event: Instant) -> Duration {
        let times = self.answers.iter().map(|answer| answer.received).filter(|at| *at >= event);
        let mut last = event;
        let mut longest = Duration::ZERO;
        for at in times.chain(self.sent.last().copied()) {
            longest = longest.max(at.saturating_duration_since(last));
            last = last.max(at);
        }
        longest
    }

    /// How often the answering machine changed at or after `event`.
    pub fn turns(&self, event: Instant) -> usize {
        let answers: Vec<&Answer> =
            self.answers.iter().filter(|answer| answer.received >= event).collect();
        answers.windows(2).filter(|pair| matches!(pair, [a, b] if a.who != b.who)).count()
    }

    /// Answers by machine at or after `event`.
    pub fn counts(&self, event: Instant) -> BTreeMap<Arc<str>, usize> {
        let mut counts = BTreeMap::new();
        for answer in self.answers.iter().filter(|answer| answer.received >= event) {
            *counts.entry(Arc::clone(&answer.who)).or_default() += 1;
        }
        counts
    }
}

/// A running probe.
pub struct Probe {
    recording: Arc<Mutex<Recording>>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Result<()>>>,
    realtime: bool,
}

impl Probe {
    /// Begins to ask `target` from `node` every `interval`; `realtime`: above other programs.
    ///
    /// # Errors
    /// Where the sockets can not be made.
    pub fn start(
        lab: &Lab,
        node: Node,
        target: SocketAddr,
        interval: Duration,
        realtime: bool,
    ) -> Result<Probe> {
        Probe::start_in(Some(lab.namespace(node)), target, interval, realtime)
    }

    /// The same from a namespace by its name; none: from this one.
    ///
    /// # Errors
    /// As [`Probe::start`].
    pub fn start_in(
        namespace: Option<String>,
        target: SocketAddr,
        interval: Duration,
        realtime: bool,
    ) -> Result<Probe> {
        let local = match target {
            SocketAddr::V4(_) => "0.0.0.0:0",
            SocketAddr::V6(_) => "[::]:0",
        };
        let open = || {
            let socket = UdpSocket::bind(local)?;
            socket.connect(target)?;
            socket.set_read_timeout(Some(PATIENCE))?;
            Ok((socket, NeighborWatch::open(PATIENCE)?))
        };
        let (socket, watch) = match &namespace {
            Some(name) => namespace::inside(name, open)?,
            None => open()?,
        };
        let recording = Arc::new(Mutex::new(Recording::default()));
        let stop = Arc::new(AtomicBool::new(false));
        let (granted, grants) = channel();
        let mut threads = Vec::new();
        let mut thread = |work: Box<dyn FnOnce() -> Result<()> + Send>| {
            let granted = granted.clone();
            threads.push(std::thread::spawn(move || {
                // The receiver of this only counts; it never goes away before the send.
                let _ = granted.send(realtime && scheduling::realtime(scheduling::PROBE));
                work()
            }));
        };
        let sender = Sender { socket: socket.try_clone()?, target, interval };
        let shared = (Arc::clone(&recording), Arc::clone(&stop));
        thread(Box::new(move || sender.run(&shared.0, &shared.1)));
        let shared = (Arc::clone(&recording), Arc::clone(&stop));
        thread(Box::new(move || receive(&socket, &shared.0, &shared.1)));
        let shared = (Arc::clone(&recording), Arc::clone(&stop));
        thread(Box::new(move || watch_neighbors(&watch, target.ip(), &shared.0, &shared.1)));
        let realtime = grants.iter().take(3).all(|granted| granted);
        Ok(Probe { recording, stop, threads, realtime })
    }

    /// The usual one: from the client, each millisecond, ordinary scheduling.
    ///
    /// # Errors
    /// As [`Probe::start`].
    pub fn client(lab: &Lab, target: SocketAddr) -> Result<Probe> {
        Probe::start(lab, Node::C1, target, INTERVAL, false)
    }

    /// Whether real-time scheduling was asked for and granted.
    pub fn is_realtime(&self) -> bool {
        self.realtime
    }

    /// What it saw so far.
    pub fn so_far(&self) -> Recording {
        lock(&self.recording).clone()
    }

    /// Who answered last, and how long ago.
    pub fn latest(&self) -> Option<(Arc<str>, Duration)> {
        let recording = lock(&self.recording);
        recording.answers.last().map(|answer| (Arc::clone(&answer.who), answer.received.elapsed()))
    }

    /// Waits until `who` answers.
    ///
    /// # Errors
    /// After `timeout`, with who answered instead.
    pub fn wait_for(&self, who: &str, timeout: Duration) -> Result<()> {
        crate::wait::until(&format!("{who} answers the probe"), timeout, || match self.latest() {
            Some((last, ago)) if &*last == who && ago < PATIENCE => Ok(()),
            Some((last, ago)) => Err(format!("last answer by {last} {ago:?} ago")),
            None => Err("no answer yet".to_owned()),
        })
    }

    /// Stops and returns everything.
    ///
    /// # Errors
    /// Where one of its threads failed.
    pub fn finish(mut self) -> Result<Recording> {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            match thread.join() {
                Ok(result) => result.context("probe")?,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        Ok(std::mem::take(&mut lock(&self.recording)))
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // Its failure is reported by `finish`; whoever drops a probe does not want to know.
            let _ = thread.join();
        }
    }
}

/// The part that asks.
struct Sender {
    socket: UdpSocket,
    target: SocketAddr,
    interval: Duration,
}

/// Numbers probes, so that Call-IDs of two of them differ.
static PROBES: AtomicU32 = AtomicU32::new(0);

impl Sender {
    fn run(&self, recording: &Mutex<Recording>, stop: &AtomicBool) -> Result<()> {
        let local = self.socket.local_addr()?;
        let target = self.target;
        let probe = PROBES.fetch_add(1, Ordering::Relaxed);
        let mut next = Instant::now();
        for sequence in 0_u32.. {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            let request = format!(
                "OPTIONS sip:ping@{target} SIP/2.0\r\n\
                 Via: SIP/2.0/UDP {local};branch=z9hG4bK{probe}-{sequence};rport\r\n\
                 Max-Forwards: 70\r\n\
                 From: <sip:probe@{local}>;tag=p{sequence}\r\n\
                 To: <sip:ping@{target}>\r\n\
                 Call-ID: {sequence}-{probe}@probe\r\n\
                 CSeq: 1 OPTIONS\r\n\
                 Content-Length: 0\r\n\r\n"
            );
            lock(recording).sent.push(Instant::now());
            // An error reported here belongs to an earlier request: this one was not sent.
            if let Err(error) = self.socket.send(request.as_bytes()) {
                lock(recording).errors.push((Instant::now(), error.kind()));
                let _ = self.socket.send(request.as_bytes());
            }
            // After a delay the missed ones are left out, not sent in a burst.
            next = (next + self.interval)
                .max(Instant::now().checked_sub(self.interval).unwrap_or(next));
            sleep(next.saturating_duration_since(Instant::now()));
        }
        Ok(())
    }
}

fn receive(socket: &UdpSocket, recording: &Mutex<Recording>, stop: &AtomicBool) -> Result<()> {
    let mut buffer = [0; 4096];
    let mut names: BTreeMap<String, Arc<str>> = BTreeMap::new();
    while !stop.load(Ordering::Relaxed) {
        let length = match socket.recv(&mut buffer) {
            Ok(length) => length,
            Err(error) => {
                if !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) {
                    lock(recording).errors.push((Instant::now(), error.kind()));
                }
                continue;
            }
        };
        let received = Instant::now();
        let text = String::from_utf8_lossy(buffer.get(..length).unwrap_or_default());
        let Some(sequence) =
            header(&text, "Call-ID").and_then(|id| id.split('-').next()?.parse().ok())
        else {
            continue;
        };
        let who = header(&text, "Server").unwrap_or("?");
        let who = Arc::clone(names.entry(who.to_owned()).or_insert_with(|| who.into()));
        let mut recording = lock(recording);
        let Some(sent) = recording.sent.get(sequence as usize).copied() else { continue };
        recording.answers.push(Answer { sequence, sent, received, who });
    }
    Ok(())
}

/// Value of a header, found by its name in any case.
fn header<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    message.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.trim().eq_ignore_ascii_case(name).then_some(value.trim())
    })
}

fn watch_neighbors(
    watch: &NeighborWatch,
    target: IpAddr,
    recording: &Mutex<Recording>,
    stop: &AtomicBool,
) -> Result<()> {
    while !stop.load(Ordering::Relaxed) {
        for change in watch.next()? {
            if change.address == target {
                lock(recording).neighbors.push((Instant::now(), change.mac));
            }
        }
    }
    Ok(())
}

/// A recording is only ever appended to, so a panic elsewhere does no harm.
fn lock(mutex: &Mutex<Recording>) -> MutexGuard<'_, Recording> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Answer, Recording};

    /// A recording of answers `(sequence, milliseconds, who)`.
    fn recording(answers: &[(u32, u64, &str)]) -> (Instant, Recording) {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let answers = answers
            .iter()
            .map(|(sequence, ms, who)| Answer {
                sequence: *sequence,
                sent: at(ms.saturating_sub(1)),
                received: at(*ms),
                who: (*who).into(),
            })
            .collect();
        (start, Recording { answers, ..Recording::default() })
    }

    #[test]
    fn takeover_counts_outage_and_lost_requests() {
        let (start, seen) = recording(&[(0, 1, "h1"), (1, 2, "h1"), (5, 9, "h2"), (6, 10, "h2")]);
        let takeover = seen.takeover(start + Duration::from_millis(2), "h1", "h2").expect("one");
        assert_eq!(takeover.outage, Duration::from_millis(7));
        assert_eq!(takeover.lost, 3);
        assert_eq!(takeover.overlap, Duration::ZERO);
        assert_eq!(seen.turns(start), 1);
    }

    #[test]
    fn late_answer_of_the_old_holder_is_an_overlap() {
        let (start, seen) = recording(&[(0, 1, "h1"), (1, 4, "h2"), (2, 6, "h1"), (3, 7, "h2")]);
        let takeover = seen.takeover(start, "h1", "h2").expect("one");
        assert_eq!(takeover.overlap, Duration::from_millis(2));
        assert_eq!(seen.turns(start), 3);
    }

    #[test]
    fn longest_silence_includes_the_one_at_the_end() {
        let (start, mut seen) = recording(&[(0, 1, "h1"), (1, 5, "h1")]);
        assert_eq!(seen.longest_silence(start), Duration::from_millis(4));
        seen.sent.push(start + Duration::from_millis(30));
        assert_eq!(seen.longest_silence(start), Duration::from_millis(25));
    }
}
