//! Calls and registrations over TCP while the primary goes: connections end with their node, or at
//! the next thing that is sent; clients connect again, and nothing but the connection is lost.

use anyhow::{Context, Result, ensure};
use takeover_tests::callee::Callee;
use takeover_tests::lab::{Lab, Net, Node, VIP};
use takeover_tests::sipp::CALLEE_PORT;
use takeover_tests::system::SIP_PORT;
use takeover_tests::wait;
use takeover_tests::wire::{self, Wire};

use crate::node_stage::{CALLS, Event, happen_to, node_settings, wait_for_figure, wait_in_step};
use crate::stage::{SOON, Stage, staged_with};

/// The callee is reached over TCP under this number.
fn directory() -> String {
    format!(
        "\n[[dn]]\nnumber = \"over-tcp\"\ntype = \"Extension\"\n\
         contact = \"sip:{}:{CALLEE_PORT};transport=tcp\"\n",
        Node::C2.address(Net::Sip),
    )
}

fn tcp(test: impl FnOnce(&mut Stage<'_>) -> Result<()>) -> Result<()> {
    staged_with(&["ip", "curl"], node_settings(&directory()), test)
}

#[test]
fn calls_over_tcp_are_held_retrieved_transferred_and_released_after_a_move() -> Result<()> {
    tcp(|stage| {
        let _callee = Callee::start(stage.lab)?;
        // The first calls live through a kill, the next ones through a switchover back.
        for (holder, event) in [(Node::H1, Event::Kill), (Node::H2, Event::Manual)] {
            let start = |_| Call::start(stage.lab, "over-tcp");
            let mut calls: Vec<Call> = (0..CALLS).map(start).collect::<Result<_>>()?;
            wait_for_figure(stage, (holder, "established_calls"), CALLS)?;
            happen_to(stage, holder, event)?;
            for call in &mut calls {
                gone(&mut call.wire, event)?;
                call.go_on(stage.lab).with_context(|| format!("after {event:?}"))?;
            }
            wait_in_step(stage, holder.other())?;
            wait_for_figure(stage, (holder.other(), "established_calls"), 0)?;
        }
        Ok(())
    })
}

/// An established call over a connection of its own, as its caller sees it.
struct Call {
    wire: Wire,
    name: String,
    number: &'static str,
    sequence: u32,
    /// The callee's `To`, with its tag.
    to: String,
    /// Where its requests go: the callee's contact, by way of these routes.
    target: String,
    routes: String,
}

impl Call {
    fn start(lab: &Lab, number: &'static str) -> Result<Call> {
        let wire = Wire::tcp(lab, Node::C1, (VIP, SIP_PORT).into())?;
        let uri = format!("sip:{number}@{VIP}");
        let (name, to, target) = (fresh(), format!("<{uri}>"), uri);
        let mut call = Call { wire, name, number, sequence: 0, to, target, routes: String::new() };
        let answer = call.ask("INVITE", "", 200)?;
        let header = |name| wire::header(&answer, name).context(name);
        call.to = header("To")?.to_owned();
        call.target = header("Contact")?.trim_matches(['<', '>']).to_owned();
        // The nearest proxy has put its value on top last (RFC 3261 section 12.1.2).
        let values = wire::headers(&answer, "Record-Route");
        ensure!(!values.is_empty(), "no route was recorded: {answer}");
        call.routes = values.iter().rev().map(|value| format!("Route: {value}\r\n")).collect();
        call.ask("ACK", "", 0)?;
        Ok(call)
    }

    /// Over a new connection: held, retrieved, transferred and ended.
    fn go_on(&mut self, lab: &Lab) -> Result<()> {
        self.wire = connect_again(lab, Node::C1)?;
        for _ in ["hold", "retrieve"] {
            self.ask("INVITE", "", 200)?;
            self.ask("ACK", "", 0)?;
        }
        self.ask("REFER", &format!("Refer-To: <sip:2000@{VIP}>\r\n"), 202)?;
        self.ask("BYE", "", 200)?;
        Ok(())
    }

    /// Sends a request of the call and reads its final answer, which has to have this code.
    fn ask(&mut self, method: &str, lines: &str, code: u16) -> Result<String> {
        self.sequence += u32::from(method != "ACK");
        let Self { wire, name, sequence, to, target, routes, .. } = self;
        let local = wire.local();
        let request = format!(
            "{method} {target} SIP/2.0\r\n\
             Via: SIP/2.0/TCP {local};branch=z9hG4bK{name}{method}{sequence}\r\n\
             {routes}\
             Max-Forwards: 70\r\n\
             From: <sip:caller@{host}>;tag={name}\r\n\
             To: {to}\r\n\
             Call-ID: {name}\r\n\
             CSeq: {sequence} {method}\r\n\
             Contact: <sip:caller@{local};transport=tcp>\r\n\
             {lines}Content-Length: 0\r\n\r\n",
            host = local.ip(),
        );
        wire.send(request.as_bytes())?;
        if method == "ACK" {
            return Ok(String::new());
        }
        let ours = format!("{sequence} {method}");
        let is_wanted =
            |message: &str| wire::is_final(message) && wire::header(message, "CSeq") == Some(&ours);
        let answer = wire.expect(&format!("answer to {ours}"), is_wanted)?;
        ensure!(wire::code(&answer) == Some(code), "{}: {ours}: {answer}", self.number);
        Ok(answer)
    }
}

/// A node that gives the role up closes its connections; the address of a killed one may move
/// before the kernel does.
fn gone(wire: &mut Wire, event: Event) -> Result<()> {
    let gone = if matches!(event, Event::Kill) { wire.wait_gone() } else { wire.wait_closed() };
    gone.with_context(|| format!("after {event:?}"))
}

/// Connects as soon as somebody listens again.
fn connect_again(lab: &Lab, node: Node) -> Result<Wire> {
    wait::until("the node takes connections", SOON, || {
        let target = (VIP, SIP_PORT).into();
        Wire::tcp(lab, node, target).map_err(|error| format!("{error:#}"))
    })
}

/// Telephones that registered over TCP.
const TELEPHONES: u32 = 10;

#[test]
fn registrations_over_tcp_are_repaired_by_the_next_one() -> Result<()> {
    tcp(|stage| {
        let mut caller = Wire::udp(stage.lab, Node::C1, 5090, (VIP, SIP_PORT).into())?;
        let mut telephones: Vec<Telephone> = Vec::new();
        for number in 2000..2000 + TELEPHONES {
            telephones.push(Telephone::new(stage.lab, number)?);
        }
        for telephone in &mut telephones {
            telephone.register()?;
            telephone.is_called(&mut caller)?;
        }
        for (holder, event) in [(Node::H1, Event::Kill), (Node::H2, Event::Manual)] {
            wait_for_figure(stage, (holder.other(), "registered_dns"), TELEPHONES)?;
            happen_to(stage, holder, event)?;
            for telephone in &mut telephones {
                gone(&mut telephone.wire, event)?;
                // Known, but nowhere to be reached until it registers again.
                let code = call(&mut caller, telephone.number)?;
                ensure!(code == 480, "{code} for {} after {event:?}", telephone.number);
                telephone.connect_again(stage.lab)?;
                telephone.register()?;
                telephone.is_called(&mut caller)?;
            }
            wait_in_step(stage, holder.other())?;
        }
        Ok(())
    })
}

/// A telephone with a connection, or a port, of its own.
pub(crate) struct Telephone {
    number: u32,
    wire: Wire,
    transport: &'static str,
    /// Port of its contact.
    port: u16,
    sequence: u32,
}

impl Telephone {
    fn new(lab: &Lab, number: u32) -> Result<Telephone> {
        let wire = Wire::tcp(lab, Node::C2, (VIP, SIP_PORT).into())?;
        Ok(Telephone { number, wire, transport: "TCP", port: 5060, sequence: 0 })
    }

    /// One that speaks UDP.
    pub(crate) fn udp(lab: &Lab, number: u32, port: u16) -> Result<Telephone> {
        let wire = Wire::udp(lab, Node::C2, port, (VIP, SIP_PORT).into())?;
        Ok(Telephone { number, wire, transport: "UDP", port, sequence: 0 })
    }

    fn connect_again(&mut self, lab: &Lab) -> Result<()> {
        self.wire = connect_again(lab, Node::C2)?;
        Ok(())
    }

    pub(crate) fn register(&mut self) -> Result<()> {
        self.sequence += 1;
        let Self { number, sequence, transport, port, .. } = self;
        let local = self.wire.local();
        let request = format!(
            "REGISTER sip:{VIP} SIP/2.0\r\n\
             Via: SIP/2.0/{transport} {local};branch=z9hG4bKr{number}x{sequence}\r\n\
             Max-Forwards: 70\r\n\
             From: <sip:{number}@{VIP}>;tag=r{sequence}\r\n\
             To: <sip:{number}@{VIP}>\r\n\
             Call-ID: register-{number}\r\n\
             CSeq: {sequence} REGISTER\r\n\
             Contact: <sip:{number}@{host}:{port};transport={transport}>\r\n\
             Expires: 600\r\n\
             Content-Length: 0\r\n\r\n",
            host = local.ip(),
        );
        self.wire.send(request.as_bytes())?;
        let answer = self.wire.expect("answer to REGISTER", wire::is_final)?;
        ensure!(wire::code(&answer) == Some(200), "{answer}");
        Ok(())
    }

    /// A call comes in over its wire, it is busy, and the caller hears that.
    pub(crate) fn is_called(&mut self, caller: &mut Wire) -> Result<()> {
        invite(caller, self.number)?;
        let request = self.wire.expect("INVITE", |message| message.starts_with("INVITE "))?;
        self.wire.send(wire::answer(&request, "486 Busy Here", "").as_bytes())?;
        let code = finally(caller)?;
        ensure!(code == 486, "{code} for {}", self.number);
        self.wire.expect("ACK", |message| message.starts_with("ACK "))?;
        Ok(())
    }
}

/// Calls a number and says how that ended.
fn call(caller: &mut Wire, number: u32) -> Result<u16> {
    invite(caller, number)?;
    finally(caller)
}

fn invite(caller: &mut Wire, number: u32) -> Result<()> {
    let local = caller.local();
    let call = fresh();
    let request = format!(
        "INVITE sip:{number}@{VIP} SIP/2.0\r\n\
         Via: SIP/2.0/UDP {local};branch=z9hG4bK{call};rport\r\n\
         Max-Forwards: 70\r\n\
         From: <sip:caller@{local}>;tag={call}\r\n\
         To: <sip:{number}@{VIP}>\r\n\
         Call-ID: {call}\r\n\
         CSeq: 1 INVITE\r\n\
         Contact: <sip:caller@{local}>\r\n\
         Content-Length: 0\r\n\r\n"
    );
    caller.send(request.as_bytes())
}

/// The code of the final answer, which is acknowledged.
fn finally(caller: &mut Wire) -> Result<u16> {
    let answer = caller.expect("final answer", wire::is_final)?;
    let header = |name| wire::header(&answer, name).unwrap_or_default();
    let ack = format!(
        "ACK sip:busy@{VIP} SIP/2.0\r\nVia: {}\r\nMax-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\n\
         Call-ID: {}\r\nCSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n",
        header("via"),
        header("from"),
        header("to"),
        header("call-id"),
    );
    caller.send(ack.as_bytes())?;
    wire::code(&answer).context("an answer without a code")
}

/// A name for a call that no other has.
fn fresh() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("wire{}x{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}
