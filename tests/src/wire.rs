//! A telephone made of bytes: sends exactly what a test says, by datagrams or over a connection,
//! and reads what comes as whole messages.
//!
//! Must not know what the messages mean beyond where one ends.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};

use crate::lab::{Lab, Net, Node};

/// Longest wait for a message that must come.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Time between two keep-alives of a telephone; real ones wait for longer.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_millis(200);

/// Longest message read here.
const MESSAGE_BYTES_MAX: usize = 65_536;

/// One end of the wire.
pub struct Wire {
    socket: Socket,
    local: SocketAddr,
    /// What came over the connection and is not yet a whole message.
    left: Vec<u8>,
    is_closed: bool,
}

enum Socket {
    Udp(UdpSocket, SocketAddr),
    Tcp(TcpStream),
}

impl Wire {
    /// Datagrams from a port of a node to `target`, and from whoever sends some.
    ///
    /// # Errors
    /// Where the port is taken.
    pub fn udp(lab: &Lab, node: Node, port: u16, target: SocketAddr) -> Result<Wire> {
        let address = (node.address(Net::Sip), port);
        let socket = lab.inside(node, || Ok(UdpSocket::bind(address)?))?;
        let local = socket.local_addr()?;
        Ok(Wire { socket: Socket::Udp(socket, target), local, left: Vec::new(), is_closed: false })
    }

    /// A connection from a node to `target`.
    ///
    /// # Errors
    /// Where nobody takes it.
    pub fn tcp(lab: &Lab, node: Node, target: SocketAddr) -> Result<Wire> {
        let connect = || Ok(TcpStream::connect_timeout(&target, CONNECT_TIMEOUT)?);
        Self::accepted(lab.inside(node, connect)?)
    }

    /// A connection that is there.
    ///
    /// # Errors
    /// Where it is gone again.
    pub fn accepted(stream: TcpStream) -> Result<Wire> {
        stream.set_nonblocking(false)?;
        stream.set_nodelay(true)?;
        let local = stream.local_addr()?;
        Ok(Wire { socket: Socket::Tcp(stream), local, left: Vec::new(), is_closed: false })
    }

    /// Its own address.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Sends these bytes as they are.
    ///
    /// # Errors
    /// Where the connection is gone.
    pub fn send(&mut self, bytes: &[u8]) -> Result<()> {
        match &mut self.socket {
            Socket::Udp(socket, target) => {
                socket.send_to(bytes, *target)?;
                Ok(())
            }
            Socket::Tcp(stream) => Ok(stream.write_all(bytes)?),
        }
    }

    /// The next whole message within `timeout`; none: none came.
    ///
    /// # Errors
    /// Where the connection has ended.
    pub fn next(&mut self, timeout: Duration) -> Result<Option<String>> {
        let deadline = Instant::now() + timeout;
        loop {
            if let Some(message) = self.take_whole() {
                return Ok(Some(message));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || !self.read(left)? {
                ensure!(!self.is_closed, "{}: the connection has ended", self.local);
                return Ok(None);
            }
        }
    }

    /// The next message that `wanted` accepts; others are passed over.
    ///
    /// # Errors
    /// Where none comes within [`PATIENCE`], with what came instead.
    pub fn expect(&mut self, what: &str, wanted: impl Fn(&str) -> bool) -> Result<String> {
        let deadline = Instant::now() + PATIENCE;
        let mut passed = Vec::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.next(left)? {
                Some(message) if wanted(&message) => return Ok(message),
                Some(message) => passed.push(message.lines().next().unwrap_or("").to_owned()),
                None => bail!("{}: no {what}; came: {passed:?}", self.local),
            }
        }
    }

    /// Waits until the peer has closed the connection; what comes before is passed over.
    ///
    /// # Errors
    /// Where it is still there after [`PATIENCE`].
    pub fn wait_closed(&mut self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !self.is_closed {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                bail!("{}: the connection is still there", self.local);
            }
            self.read(left)?;
        }
        Ok(())
    }

    /// Waits until the connection is gone, as a telephone finds out: it sends the keep-alive of RFC
    /// 5626 section 4.4.1 every 200 ms. Where a killed node's address has moved before its sockets
    /// were closed, nobody closes the connection: the new holder resets it.
    ///
    /// # Errors
    /// Where it is still there after [`PATIENCE`].
    pub fn wait_gone(&mut self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !self.is_closed {
            ensure!(Instant::now() < deadline, "{}: the connection is still there", self.local);
            if !self.read(KEEP_ALIVE_INTERVAL)? && !self.is_closed {
                self.is_closed = self.send(b"\r\n\r\n").is_err();
            }
        }
        Ok(())
    }

    /// Reads something; false where nothing came in time or the connection has ended.
    fn read(&mut self, timeout: Duration) -> Result<bool> {
        let mut buffer = vec![0; MESSAGE_BYTES_MAX];
        let length = match &mut self.socket {
            Socket::Udp(socket, _) => {
                socket.set_read_timeout(Some(timeout))?;
                socket.recv(&mut buffer)
            }
            Socket::Tcp(stream) => {
                stream.set_read_timeout(Some(timeout))?;
                let length = stream.read(&mut buffer);
                self.is_closed |= matches!(length, Ok(0));
                length
            }
        };
        match length {
            Ok(length) => {
                self.left.extend_from_slice(buffer.get(..length).unwrap_or_default());
                Ok(length > 0)
            }
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut => Ok(false),
                // Of a datagram that nobody took, or the end of a connection.
                ErrorKind::ConnectionRefused => Ok(false),
                ErrorKind::ConnectionReset => {
                    self.is_closed = true;
                    Ok(false)
                }
                _ => Err(error.into()),
            },
        }
    }

    /// Takes the first whole message out of what came.
    fn take_whole(&mut self) -> Option<String> {
        let length = match self.socket {
            Socket::Udp(..) => Some(self.left.len()).filter(|length| *length > 0)?,
            Socket::Tcp(_) => whole(&self.left)?,
        };
        let bytes: Vec<u8> = self.left.drain(..length).collect();
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// Length of the first whole message (RFC 3261 section 18.3), line ends before it included.
fn whole(bytes: &[u8]) -> Option<usize> {
    let blank = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let text = String::from_utf8_lossy(bytes.get(blank..)?);
    let head = text.find("\r\n\r\n")? + 4;
    let length = header(text.get(..head)?, "Content-Length").and_then(|text| text.parse().ok());
    let end = blank + head + length.unwrap_or(0);
    (end <= bytes.len()).then_some(end)
}

/// Value of a header, found by its name in any case.
pub fn header<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    headers(message, name).first().copied()
}

/// Values of all headers of a name, in their order.
pub fn headers<'a>(message: &'a str, name: &str) -> Vec<&'a str> {
    let value = |line: &'a str| {
        let (found, value) = line.split_once(':')?;
        found.trim().eq_ignore_ascii_case(name).then_some(value.trim())
    };
    message.lines().take_while(|line| !line.is_empty()).filter_map(value).collect()
}

/// Code of an answer; none: it is a request.
pub fn code(message: &str) -> Option<u16> {
    message.strip_prefix("SIP/2.0 ")?.split(' ').next()?.parse().ok()
}

/// Whether a message is an answer with a final code.
pub fn is_final(message: &str) -> bool {
    code(message).is_some_and(|code| code >= 200)
}

/// An answer to a request with the same Vias, parties, Call-ID and CSeq; `lines` come with it.
pub fn answer(request: &str, status: &str, lines: &str) -> String {
    const COPIED: [&str; 6] = ["via", "record-route", "from", "to", "call-id", "cseq"];
    let mut text = format!("SIP/2.0 {status}\r\n");
    for line in request.lines().skip(1).take_while(|line| !line.is_empty()) {
        let name = line.split(':').next().unwrap_or_default().trim().to_ascii_lowercase();
        if !COPIED.contains(&name.as_str()) {
            continue;
        }
        let tag = if name == "to" && !line.contains(";tag=") { ";tag=wire" } else { "" };
        text.push_str(&format!("{line}{tag}\r\n"));
    }
    text.push_str(&format!("{lines}Content-Length: 0\r\n\r\n"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_end_where_their_length_says() {
        let one = b"\r\nOPTIONS sip:a SIP/2.0\r\nContent-length: 3\r\n\r\nabcINVITE";
        assert_eq!(whole(one), Some(one.len() - 6));
        assert_eq!(whole(&one[..one.len() - 8]), None);
    }

    #[test]
    fn answers_copy_what_they_must() {
        let request = "BYE sip:a SIP/2.0\r\nVia: x\r\nTo: <sip:a>\r\nSubject: y\r\n\r\n";
        let answer = answer(request, "200 OK", "");
        assert_eq!(code(&answer), Some(200));
        assert_eq!(header(&answer, "to"), Some("<sip:a>;tag=wire"));
        assert_eq!(header(&answer, "subject"), None);
    }
}
