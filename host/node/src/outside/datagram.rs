//! One UDP datagram.
//!
//! Must not know what is in it.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use takeover_engine::host::outside::DatagramCall;
use takeover_engine::limits::DATAGRAM_BYTES_MAX;
use takeover_logic::link::Fault;
use tokio::net::UdpSocket;

use super::reach::{Resolver, io_fault};
use super::{failed, invalid};

/// Sends it to the first address of the host that this host has a way to.
pub(super) async fn send(resolver: &Resolver, call: DatagramCall) -> Result<(), Fault> {
    let DatagramCall { to, payload, .. } = call;
    if payload.len() > DATAGRAM_BYTES_MAX {
        let found = payload.len();
        return Err(invalid(format!(
            "datagram to {to}: {found} bytes, allowed at most {DATAGRAM_BYTES_MAX}"
        )));
    }
    let (host, port) = split(&to)?;
    let mut last = failed(format!("{to}: no address"));
    for address in resolver.addresses(host, port).await? {
        last = match send_to(address, &payload).await {
            Ok(()) => return Ok(()),
            Err(error) => io_fault(&to, &error),
        };
    }
    Err(last)
}

async fn send_to(address: SocketAddr, payload: &[u8]) -> std::io::Result<()> {
    let any = match address {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    };
    UdpSocket::bind(any).await?.send_to(payload, address).await.map(drop)
}

/// `host:port`, with an IPv6 address in brackets.
fn split(to: &str) -> Result<(&str, u16), Fault> {
    let wrong = || invalid(format!("datagram to {to}: allowed is host:port or [address]:port"));
    let (host, port) = to.rsplit_once(':').ok_or_else(wrong)?;
    let port = port.parse::<u16>().ok().filter(|port| *port != 0).ok_or_else(wrong)?;
    let bracketed = host.starts_with('[') && host.ends_with(']');
    if host.is_empty() || (host.contains(':') && !bracketed) {
        return Err(wrong());
    }
    Ok((host, port))
}
