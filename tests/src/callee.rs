//! A callee over TCP that outlives connections: it answers every request on the connection that
//! brought it, so that a call goes on over whichever connection its next request comes.
//!
//! sipp's own callee can not do that: it tries to connect to where a lost connection came from.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::Duration;

use anyhow::Result;

use crate::lab::{Lab, Net, Node};
use crate::sipp::CALLEE_PORT;
use crate::wire::{self, Wire};

/// Longest wait of a thread before it looks whether to stop.
const PATIENCE: Duration = Duration::from_millis(20);

/// A callee at work. Ends when dropped.
pub struct Callee {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Callee {
    /// Listens where sipp's callee does.
    ///
    /// # Errors
    /// Where the port is taken.
    pub fn start(lab: &Lab) -> Result<Callee> {
        let address = SocketAddr::from((Node::C2.address(Net::Sip), CALLEE_PORT));
        let listener = lab.inside(Node::C2, || Ok(TcpListener::bind(address)?))?;
        listener.set_nonblocking(true)?;
        let stop = Arc::new(AtomicBool::new(false));
        let stops = Arc::clone(&stop);
        let thread = spawn(move || accept(&listener, &stops));
        Ok(Callee { stop, thread: Some(thread) })
    }
}

impl Drop for Callee {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // What went wrong there shows in the calls.
            let _ = thread.join();
        }
    }
}

fn accept(listener: &TcpListener, stop: &Arc<AtomicBool>) {
    let mut threads = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        match listener.accept() {
            Ok((stream, _)) => {
                let stop = Arc::clone(stop);
                threads.push(spawn(move || {
                    // A connection that breaks is what this callee is about.
                    let _ = Wire::accepted(stream).and_then(|wire| serve(wire, &stop));
                }));
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => sleep(PATIENCE),
            Err(_) => return,
        }
    }
    threads.into_iter().for_each(|thread| drop(thread.join()));
}

fn serve(mut wire: Wire, stop: &AtomicBool) -> Result<()> {
    let contact = format!("Contact: <sip:callee@{};transport=tcp>\r\n", wire.local());
    while !stop.load(Ordering::Relaxed) {
        let Some(request) = wire.next(PATIENCE)? else { continue };
        let status = match request.split(' ').next().unwrap_or_default() {
            "ACK" => continue,
            "REFER" => "202 Accepted",
            _ => "200 OK",
        };
        wire.send(wire::answer(&request, status, &contact).as_bytes())?;
    }
    Ok(())
}
