//! Stands between an agent and the control server and writes down when something came by, in
//! either direction. The link is encrypted, so it sees that there was a sign of life, not which:
//! what both ends judge by, too.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::spawn;
use std::time::{Duration, Instant};

use anyhow::Result;
use takeover_tests::scheduling;

/// When something came by, for each direction of each connection.
type Times = Arc<Mutex<Vec<Vec<Instant>>>>;

/// A relay; it ends with the program.
pub(crate) struct Relay {
    address: SocketAddr,
    times: Times,
}

impl Relay {
    /// Opens a port of its own; each connection is joined to a new one to `to`.
    pub(crate) fn start(to: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let times = Times::default();
        let written = Arc::clone(&times);
        spawn(move || {
            for near in listener.incoming().flatten() {
                // An agent that finds nobody tries again.
                let Ok(far) = TcpStream::connect(to) else { continue };
                // Nothing is held back to be sent with something else.
                let _ = (near.set_nodelay(true), far.set_nodelay(true));
                if let (Ok(near_twin), Ok(far_twin)) = (near.try_clone(), far.try_clone()) {
                    let times = Arc::clone(&written);
                    spawn(move || pump(near, far, &times));
                    let times = Arc::clone(&written);
                    spawn(move || pump(far_twin, near_twin, &times));
                }
            }
        });
        Ok(Self { address, times })
    }

    /// Where the agent connects.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How much later than `interval` after the one before each sign of life came, from `begin`
    /// to `end`; and how much later than that the last one is by then.
    pub(crate) fn lateness(
        &self,
        interval: Duration,
        begin: Instant,
        end: Instant,
    ) -> Vec<Duration> {
        let times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        let mut late = Vec::new();
        for direction in times.iter() {
            let within: Vec<Instant> =
                direction.iter().copied().filter(|at| (begin..=end).contains(at)).collect();
            for pair in within.windows(2) {
                if let [before, after] = pair {
                    late.push(after.duration_since(*before).saturating_sub(interval));
                }
            }
            if let Some(last) = within.last() {
                late.push(end.duration_since(*last).saturating_sub(interval));
            }
        }
        late
    }

    /// Connections that there were.
    pub(crate) fn connections(&self) -> usize {
        self.times.lock().unwrap_or_else(PoisonError::into_inner).len() / 2
    }
}

/// Copies one way until it ends, and says so to the other side.
fn pump(mut from: TcpStream, mut to: TcpStream, times: &Times) {
    scheduling::realtime(scheduling::PROBE);
    let number = {
        let mut times = times.lock().unwrap_or_else(PoisonError::into_inner);
        times.push(Vec::new());
        times.len() - 1
    };
    let mut bytes = vec![0; 64 << 10];
    loop {
        let count = match from.read(&mut bytes) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        let at = Instant::now();
        if to.write_all(bytes.get(..count).unwrap_or_default()).is_err() {
            break;
        }
        let mut times = times.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(direction) = times.get_mut(number) {
            direction.push(at);
        }
    }
    // However it ended, the other side is told.
    let _ = to.shutdown(Shutdown::Write);
}
