//! Looks whether the other node of the pair serves: requests to the shared address from a socket of
//! its own, when the host agent asks for it. What follows from answers is `takeover_sip::look`'s.

use std::fmt::Write as _;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use takeover_sip::look::{Look, Seen};
use takeover_sip::message::Message;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

use super::limits::MESSAGE_BYTES_MAX;
use crate::application_channel::Voice;
use crate::clock::Clock;

#[cfg(test)]
mod tests;

/// What somebody who looks is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Look for a while.
    Look,
    /// This node serves itself.
    Stop,
}

/// The way to the task that looks. Orders are no more than one look ahead of it.
#[derive(Clone, Debug)]
pub(crate) struct Looker(mpsc::Sender<Order>);

impl Looker {
    /// Starts the task. `target`: the shared address and port by UDP; none: there is nothing that
    /// could be asked. `tell` must not wait.
    pub(crate) fn start(
        name: Arc<str>,
        target: Option<SocketAddr>,
        tell: impl FnMut(Seen) + Send + 'static,
    ) -> Looker {
        let (sender, orders) = mpsc::channel(8);
        if let Some(target) = target {
            let eye =
                Eye { name, target, socket: None, look: Look::default(), clock: Clock::new() };
            tokio::spawn(eye.run(orders, tell));
        }
        Looker(sender)
    }

    /// Gives an order. One that finds no room is one like those that wait.
    pub(crate) fn order(&self, order: Order) {
        let _ = self.0.try_send(order);
    }
}

/// Hands what was seen to the host agent.
pub(crate) fn telling(voice: Voice, target: Option<SocketAddr>) -> impl FnMut(Seen) + Send {
    let whom = target.map(|target| target.to_string()).unwrap_or_default();
    move |seen| {
        let said = match seen {
            Seen::Serves => voice.other(Some(true), &format!("{whom} answers SIP requests")),
            Seen::Silent(count) => {
                voice.other(Some(false), &format!("{whom}: {count} SIP requests without an answer"))
            }
            Seen::Nothing => voice.other(None, "not looked for"),
        };
        if let Err(error) = said {
            tracing::error!("{error}");
        }
    }
}

struct Eye {
    name: Arc<str>,
    target: SocketAddr,
    /// Open while it looks.
    socket: Option<UdpSocket>,
    look: Look,
    clock: Clock,
}

impl Eye {
    async fn run(mut self, mut orders: mpsc::Receiver<Order>, mut tell: impl FnMut(Seen) + Send) {
        let mut room = vec![0; MESSAGE_BYTES_MAX];
        loop {
            let now = self.clock.now().instant;
            let wait = self.look.deadline().map(|due| due.since(now));
            if wait.is_none() {
                self.socket = None;
            }
            tokio::select! {
                order = orders.recv() => match order {
                    Some(Order::Look) => self.look.ask(self.clock.now().instant),
                    Some(Order::Stop) => self.look.stop(),
                    None => return,
                },
                () = sleep(wait) => self.tick().await,
                received = receive(self.socket.as_ref(), &mut room) => match received {
                    Ok(length) => self.heard(room.get(..length).unwrap_or_default()),
                    // Nobody listens there, or it can not be reached: it gives no answer.
                    Err(error) => tracing::debug!("looking for {}: {error}", self.target),
                },
            }
            if let Some(seen) = self.look.poll() {
                tracing::info!(?seen, "the other node at {}", self.target);
                tell(seen);
            }
        }
    }

    async fn tick(&mut self) {
        let Some(number) = self.look.tick(self.clock.now().instant) else { return };
        if let Err(error) = self.send(number).await {
            tracing::debug!("looking for {}: {error}", self.target);
        }
    }

    async fn send(&mut self, number: u64) -> io::Result<()> {
        let socket = match self.socket.take() {
            Some(socket) => socket,
            None => {
                let any = match self.target {
                    SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
                    SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
                };
                let socket = UdpSocket::bind(any).await?;
                socket.connect(self.target).await?;
                socket
            }
        };
        let request = request(&self.name, (self.target, socket.local_addr()?), number);
        let sent = socket.send(request.as_bytes()).await;
        self.socket = Some(socket);
        sent.map(drop)
    }

    fn heard(&mut self, bytes: &[u8]) {
        let Ok(message) = Message::scan(bytes) else { return };
        if message.code().is_none() {
            return;
        }
        let number = message.cseq().map(|(number, _)| u64::from(number));
        if let Some(number) = number {
            self.look.answered(number);
        }
    }
}

async fn sleep(wait: Option<std::time::Duration>) {
    match wait {
        Some(wait) => tokio::time::sleep(wait).await,
        None => std::future::pending().await,
    }
}

async fn receive(socket: Option<&UdpSocket>, room: &mut [u8]) -> io::Result<usize> {
    match socket {
        Some(socket) => socket.recv(room).await,
        None => std::future::pending().await,
    }
}

/// An OPTIONS for the node itself (RFC 3261 section 11.1).
fn request(name: &str, (target, local): (SocketAddr, SocketAddr), number: u64) -> String {
    let mut text = String::new();
    // Writing into a text can not fail.
    let _ = write!(
        text,
        "OPTIONS sip:{target} SIP/2.0\r\nVia: SIP/2.0/UDP {local};rport;branch=z9hG4bKlook{number}-\
         {}\r\nMax-Forwards: 70\r\nFrom: <sip:{local}>;tag=look\r\nTo: <sip:{target}>\r\n\
         Call-ID: look-{name}-{}\r\nCSeq: {number} OPTIONS\r\nUser-Agent: takeover {name}\r\n\
         Content-Length: 0\r\n\r\n",
        local.port(),
        local.port(),
    );
    text
}
