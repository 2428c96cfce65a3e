//! Network namespaces, each with a thread that lives in it.

use std::process::Command;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, unshare};

type Job = Box<dyn FnOnce() + Send>;

/// A network namespace. Gone when dropped, with everything in it.
pub(super) struct Namespace {
    jobs: Sender<Job>,
    thread: i32,
}

impl Namespace {
    /// A new one with a loopback interface that is up; none without root, which is said.
    pub(super) fn new(test: &str) -> Option<Self> {
        if !nix::unistd::geteuid().is_root() {
            assert!(std::env::var_os("REQUIRE_ALL").is_none(), "{test}: needs root");
            println!("SKIP {test}: needs root");
            return None;
        }
        let (jobs, received) = channel::<Job>();
        let (started, thread) = channel();
        thread::spawn(move || {
            unshare(CloneFlags::CLONE_NEWNET).unwrap();
            started.send(nix::unistd::gettid().as_raw()).unwrap();
            while let Ok(job) = received.recv() {
                job();
            }
        });
        let thread = thread.recv().unwrap();
        let namespace = Self { jobs, thread };
        namespace.ip("link set lo up");
        Some(namespace)
    }

    /// Runs something on the namespace's thread and waits for it.
    pub(super) fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> T {
        let (done, result) = channel();
        let job = move || drop(done.send(job()));
        self.jobs.send(Box::new(job)).unwrap();
        result.recv().expect("the job panicked")
    }

    /// The thread that lives in it.
    pub(super) fn thread_id(&self) -> i32 {
        self.thread
    }

    /// Runs something on the namespace's thread and does not wait.
    pub(super) fn start(&self, job: impl FnOnce() + Send + 'static) {
        self.jobs.send(Box::new(job)).unwrap();
    }

    /// Runs `ip` with arguments and answers what it prints.
    pub(super) fn ip(&self, arguments: &str) -> String {
        let arguments: Vec<String> = arguments.split(' ').map(str::to_owned).collect();
        self.run(move || ip(&arguments))
    }

    /// Joins two namespaces by an Ethernet cable: `eth0` here, `eth0` there, both up.
    pub(super) fn connect(&self, other: &Namespace) {
        let there = other.thread;
        self.ip(&format!("link add eth0 type veth peer name eth0 netns {there}"));
        for namespace in [self, other] {
            namespace.ip("link set eth0 up");
        }
    }

    /// The link-layer address of an interface.
    pub(super) fn mac(&self, interface: &str) -> String {
        let text = self.ip(&format!("link show {interface}"));
        let mut words = text.split_whitespace().skip_while(|word| *word != "link/ether");
        words.nth(1).unwrap().to_owned()
    }
}

/// Runs `ip` in the namespace of the calling thread.
pub(super) fn ip(arguments: &[String]) -> String {
    let output = Command::new("ip").args(arguments).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip {}: {error}", arguments.join(" "));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Waits until something holds and shows the last state when it does not.
pub(super) fn wait_until<T: std::fmt::Debug>(what: &str, mut look: impl FnMut() -> Result<(), T>) {
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        let Err(last) = look() else { return };
        assert!(Instant::now() < until, "{what}: still {last:?}");
        thread::sleep(Duration::from_millis(5));
    }
}
