//! Names to addresses, and addresses to connections, within the time that a call has.
//!
//! Must not know what is said on a connection.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Instant;

use takeover_logic::link::Fault;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use super::{failed, unavailable};
use crate::limits::LOOKUPS_MAX;

/// Looks names up as the operating system does (`/etc/hosts`, DNS).
#[derive(Clone)]
pub(super) struct Resolver {
    lookups: Arc<Semaphore>,
}

impl Default for Resolver {
    fn default() -> Self {
        Self { lookups: Arc::new(Semaphore::new(LOOKUPS_MAX)) }
    }
}

impl Resolver {
    /// The addresses of a host, at least one. An address in text is its own; brackets around one
    /// are taken off.
    ///
    /// # Cancel safety
    /// A lookup can not be broken off: dropped, it goes on in the background, and counts until it
    /// ends.
    pub(super) async fn addresses(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Fault> {
        if let Ok(address) = without_brackets(host).parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let lookups = Arc::clone(&self.lookups);
        let permit = lookups.acquire_owned().await.map_err(|_| unavailable("no name lookups"))?;
        let name = host.to_owned();
        let looked_up = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            (name.as_str(), port).to_socket_addrs().map(Iterator::collect::<Vec<_>>)
        });
        match looked_up.await {
            Ok(Ok(addresses)) if !addresses.is_empty() => Ok(addresses),
            Ok(Ok(_)) => Err(unavailable(format!("{host}: the name has no address"))),
            Ok(Err(error)) => Err(unavailable(format!("{host}: the name has no address: {error}"))),
            Err(_stopping) => Err(unavailable("this process is stopping")),
        }
    }

    /// A connection to the first address of a host that takes one. Each attempt gets an equal
    /// share of the time that is left, so that a dead first address does not use all of it up.
    pub(super) async fn connect(
        &self,
        host: &str,
        port: u16,
        deadline: Instant,
    ) -> Result<TcpStream, Fault> {
        let addresses = self.addresses(host, port).await?;
        let mut last = Fault::TimedOut;
        for (index, address) in addresses.iter().enumerate() {
            let attempts_left = u32::try_from(addresses.len() - index).unwrap_or(u32::MAX);
            let share = deadline.saturating_duration_since(Instant::now()) / attempts_left;
            last = match tokio::time::timeout(share, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    // Small messages, each waited for: nothing is gained by holding them back.
                    let _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Ok(Err(error)) => io_fault(&format!("{host}:{port}"), &error),
                Err(_elapsed) => Fault::TimedOut,
            };
        }
        Err(last)
    }
}

/// `[::1]` as `::1`; anything else as it is.
pub(super) fn without_brackets(host: &str) -> &str {
    host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host)
}

/// What an error of a socket means to a component.
pub(super) fn io_fault(peer: &str, error: &io::Error) -> Fault {
    use io::ErrorKind as Kind;
    let text = format!("{peer}: {error}");
    match error.kind() {
        Kind::ConnectionRefused
        | Kind::ConnectionReset
        | Kind::ConnectionAborted
        | Kind::HostUnreachable
        | Kind::NetworkUnreachable
        | Kind::NetworkDown
        | Kind::AddrNotAvailable
        | Kind::BrokenPipe
        | Kind::UnexpectedEof
        | Kind::TimedOut => unavailable(text),
        _ => failed(text),
    }
}
