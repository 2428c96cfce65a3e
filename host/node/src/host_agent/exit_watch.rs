//! Sees the end of large processes early.
//!
//! The kernel reports an end only after it has freed the memory: 50 ms late for 256 MiB, 0.8 s for
//! 4 GiB (measured). The flag that the process is being taken down is there at once. So the line
//! of every process with much memory is read every 2 ms (10 us each), by one thread for all; small
//! ones are only looked at once a second, whether they have grown.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::mpsc::{self as queue, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use takeover_logic::ids::ApplicationName;
use takeover_logic::link::Exit;
use tokio::sync::mpsc;

use super::Event;
use super::proc_stat::ProcStat;

/// Resident memory from which a process is looked at often; below it the kernel is late by less
/// than 4 ms (64 MiB: 14 ms).
const LARGE_BYTES: u64 = 16 << 20;

/// Time between two looks at large processes.
const LOOK_INTERVAL: Duration = Duration::from_millis(2);

/// Time between two looks at what has become large.
const SIZE_INTERVAL: Duration = Duration::from_secs(1);

/// Longest line: 52 numbers and a name of 64 bytes are below 1200.
const LINE_MAX: usize = 2048;

/// What the thread is told.
enum Order {
    Watch(ApplicationName, u32, mpsc::Sender<Event>),
    Forget(ApplicationName),
}

/// The thread that looks. Ends when this is dropped.
pub(super) struct ExitWatch {
    orders: queue::Sender<Order>,
}

impl ExitWatch {
    /// Starts it.
    pub(super) fn start() -> io::Result<Self> {
        let (orders, received) = queue::channel();
        thread::Builder::new().name("exit-watch".into()).spawn(move || run(&received))?;
        Ok(Self { orders })
    }

    /// Looks at a process from now on.
    pub(super) fn watch(&self, name: ApplicationName, pid: u32, events: mpsc::Sender<Event>) {
        // The thread ends only after this is dropped.
        let _ = self.orders.send(Order::Watch(name, pid, events));
    }

    /// No more.
    pub(super) fn forget(&self, name: &ApplicationName) {
        let _ = self.orders.send(Order::Forget(name.clone()));
    }
}

/// A process that is looked at, through a file that stays open: the pid can not become another's.
struct Watched {
    pid: u32,
    file: File,
    is_large: bool,
    events: mpsc::Sender<Event>,
}

fn run(orders: &queue::Receiver<Order>) {
    let mut watched: BTreeMap<ApplicationName, Watched> = BTreeMap::new();
    let mut sizes_at = Instant::now();
    let page_bytes = page_bytes();
    loop {
        let some_large = watched.values().any(|process| process.is_large);
        let wait = if some_large { LOOK_INTERVAL } else { SIZE_INTERVAL };
        match orders.recv_timeout(wait) {
            Ok(Order::Watch(name, pid, events)) => {
                if let Ok(file) = File::open(format!("/proc/{pid}/stat")) {
                    watched.insert(name, Watched { pid, file, is_large: false, events });
                    sizes_at = Instant::now();
                }
            }
            Ok(Order::Forget(name)) => drop(watched.remove(&name)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        let look_at_all = sizes_at <= Instant::now();
        if look_at_all {
            sizes_at = Instant::now() + SIZE_INTERVAL;
        }
        watched.retain(|name, process| {
            if !process.is_large && !look_at_all {
                return true;
            }
            match process.look(page_bytes) {
                Ok(Some(exit)) => {
                    let (application, pid) = (name.clone(), process.pid);
                    let event = Event::Ended { application, pid, exit };
                    let _ = process.events.blocking_send(event);
                    false
                }
                Ok(None) => true,
                // It is gone; its handle tells.
                Err(_) => false,
            }
        });
    }
}

impl Watched {
    /// How the process ends, if it does.
    fn look(&mut self, page_bytes: u64) -> io::Result<Option<Exit>> {
        let mut line = [0; LINE_MAX];
        let length = self.file.read_at(&mut line, 0)?;
        let stat = line.get(..length).and_then(ProcStat::parse);
        let stat = stat.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
        self.is_large = stat.resident_pages.saturating_mul(page_bytes) >= LARGE_BYTES;
        // A first thread may end alone; the process ends with its last one.
        let ends = stat.is_exiting() && (stat.threads <= 1 || all_exiting(self.pid));
        Ok(ends.then(|| how(stat.exit_code)))
    }
}

fn all_exiting(pid: u32) -> bool {
    let Ok(folder) = std::fs::read_dir(format!("/proc/{pid}/task")) else {
        return true;
    };
    folder.flatten().all(|thread| {
        let line = std::fs::read(thread.path().join("stat"));
        line.ok().and_then(|line| ProcStat::parse(&line)).is_none_or(|stat| stat.is_exiting())
    })
}

/// Size of a page of memory, as the kernel tells every process (getauxval(3), AT_PAGESZ).
fn page_bytes() -> u64 {
    const AT_PAGESZ: u64 = 6;
    const USUAL: u64 = 4096;
    let vector = std::fs::read("/proc/self/auxv").unwrap_or_default();
    let (numbers, _) = vector.as_chunks::<8>();
    let (pairs, _) = numbers.as_chunks::<2>();
    let entries = pairs.iter().map(|pair| pair.map(u64::from_ne_bytes));
    entries.into_iter().find(|[key, _]| *key == AT_PAGESZ).map_or(USUAL, |[_, bytes]| bytes)
}

/// Takes the form of wait(2) apart.
fn how(exit_code: i32) -> Exit {
    match exit_code & 0x7f {
        0 => Exit::Code((exit_code >> 8) & 0xff),
        signal => Exit::Signal(signal),
    }
}
