//! Makes a port of a lab's node reachable on the loopback of the root namespace, so that a
//! browser can show the page of a control server in a lab.

use std::io::copy;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread::spawn;

use anyhow::Result;

use crate::api::Api;

/// Accepts connections on a loopback port for as long as the program runs, each joined to a new
/// one to where `api` listens. Returns the address: `port`, or any free one where that is taken.
///
/// # Errors
/// Where no port can be opened.
pub fn forward(port: u16, api: Api) -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .or_else(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
    let address = listener.local_addr()?;
    spawn(move || {
        for near in listener.incoming().flatten() {
            // A control server that is down is what the browser is to see.
            let Ok(far) = api.connect() else { continue };
            if let (Ok(near_twin), Ok(far_twin)) = (near.try_clone(), far.try_clone()) {
                spawn(move || pump(near, far));
                spawn(move || pump(far_twin, near_twin));
            }
        }
    });
    Ok(address)
}

/// Copies one way until it ends, and says so to the other side.
fn pump(mut from: TcpStream, mut to: TcpStream) {
    // However it ends, the other side is told.
    let _ = copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
}
