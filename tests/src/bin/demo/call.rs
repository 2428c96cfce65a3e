//! One call of the demo without root: two small telephones on loopback, nothing but SIP.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Longest wait for one answer; it is asked for again meanwhile.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// The telephone that is called: answers everything with 200 until its socket is gone.
pub(crate) fn callee() -> Result<SocketAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let own = socket.local_addr()?;
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let text = String::from_utf8_lossy(buffer.get(..length).unwrap_or_default());
            if text.starts_with("ACK ") || text.starts_with("SIP/2.0 ") {
                continue;
            }
            // Nobody to tell where it can not be sent.
            let _ = socket.send_to(ok(&text, own).as_bytes(), from);
        }
    });
    Ok(own)
}

/// 200 to a request, with what has to come back.
fn ok(request: &str, own: SocketAddr) -> String {
    let mut answer = String::from("SIP/2.0 200 OK\r\n");
    for line in request.lines().take_while(|line| !line.is_empty()) {
        let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
        match name.as_str() {
            "via" | "from" | "call-id" | "cseq" | "record-route" => answer.push_str(line),
            "to" if line.contains(";tag=") => answer.push_str(line),
            "to" => answer.push_str(&format!("{line};tag=callee")),
            _ => continue,
        }
        answer.push_str("\r\n");
    }
    answer + &format!("Contact: <sip:callee@{own}>\r\nContent-Length: 0\r\n\r\n")
}

/// The telephone that calls, with its call up.
pub(crate) struct Caller {
    socket: UdpSocket,
    server: SocketAddr,
    cseq: u32,
    to: String,
    routes: Vec<String>,
    contact: String,
}

impl Caller {
    /// Calls `callee` through the server and waits until it answers.
    pub(crate) fn call(server: SocketAddr) -> Result<Caller> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_read_timeout(Some(Duration::from_millis(200)))?;
        let uri = format!("sip:callee@{server}");
        let (to, routes) = (format!("<{uri}>"), Vec::new());
        let mut caller = Caller { socket, server, cseq: 0, to, routes, contact: uri };
        let answer = caller.ask("INVITE")?;
        let value = |name: &str| {
            let all = answer.lines().filter_map(|line| line.strip_prefix(name));
            all.map(|value| value.trim().to_owned()).collect::<Vec<_>>()
        };
        caller.to = value("To:").pop().context("no To")?;
        caller.routes = value("Record-Route:");
        let contact = value("Contact:").pop().context("no Contact")?;
        caller.contact = contact.trim_matches(['<', '>']).to_owned();
        caller.send("ACK")?;
        Ok(caller)
    }

    /// A request inside the call, until it is answered.
    pub(crate) fn ask(&mut self, method: &str) -> Result<String> {
        self.cseq += 1;
        let until = Instant::now() + ANSWER_TIMEOUT;
        let mut buffer = [0; 4096];
        while Instant::now() < until {
            self.send(method)?;
            while let Ok(length) = self.socket.recv(&mut buffer) {
                let text = String::from_utf8_lossy(buffer.get(..length).unwrap_or_default());
                let this = text.contains(&format!("CSeq: {} {method}", self.cseq));
                if this && text.starts_with("SIP/2.0 200") {
                    return Ok(text.replace('\r', ""));
                }
                if this && !text.starts_with("SIP/2.0 1") {
                    bail!("{method}: {}", text.lines().next().unwrap_or_default());
                }
            }
        }
        bail!("{method}: no answer within {ANSWER_TIMEOUT:?}")
    }

    fn send(&self, method: &str) -> Result<()> {
        let own = self.socket.local_addr()?;
        let routes: String =
            self.routes.iter().map(|route| format!("Route: {route}\r\n")).collect();
        let text = format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{method}{cseq}\r\n\
             {routes}Max-Forwards: 70\r\nFrom: <sip:caller@{own}>;tag=caller\r\nTo: {to}\r\n\
             Call-ID: demo@{own}\r\nCSeq: {cseq} {method}\r\nContact: <sip:caller@{own}>\r\n\
             Content-Length: 0\r\n\r\n",
            uri = self.contact,
            cseq = self.cseq,
            to = self.to,
        );
        // Refused while nobody listens: it is sent again.
        let _ = self.socket.send_to(text.as_bytes(), self.server);
        Ok(())
    }
}
