//! The messages of RFC 4475 and RFC 5118, byte for byte, to a running node by TCP and by UDP: it
//! answers as the RFCs say, and goes on answering.
//!
//! The node is the one of example.com here, where three of the messages' numbers exist.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use takeover_tests::lab::{Lab, Net, Node, Running, VIP};
use takeover_tests::system::{SIP_PORT, Settings};
use takeover_tests::wire::{self, PATIENCE, Wire};
use takeover_tests::{programs, wait};

use crate::node_stage::{Event, happen, node_settings};
use crate::stage::{Stage, staged_with};

/// Port of the device that takes what is for `user`.
const DEVICE_PORT: u16 = 5071;

/// Ports to which answers go: those that the messages write in their Via, or mean.
const PORTS: [u16; 6] = [5060, 5050, 5061, 5070, 6050, 19_823];

/// What a connection does with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stream {
    /// The same as by UDP.
    Same,
    /// It is closed: nobody can tell where the next message begins.
    Closed,
    /// It waits for the rest, which does not come.
    Waits,
}

use Stream::{Closed, Same, Waits};

/// A message, the final answer to it (0: none), and what a connection does.
type Case = (&'static str, u16, Stream);

/// RFC 4475, in its order but for `regescrt`, which registers `user` elsewhere.
const RFC4475: [Case; 50] = [
    ("wsinv", 403, Same),
    ("intmeth", 480, Same),
    ("esc01", 403, Same),
    // Who may not register is not told whether the number exists.
    ("escnull", 401, Same),
    // The method is not REGISTER.
    ("esc02", 403, Same),
    ("lwsdisp", 200, Same),
    ("longreq", 200, Same),
    // The second request in the datagram does not count; a connection has two, and then no SIP.
    ("dblreq", 401, Closed),
    // The number is not `user`.
    ("semiuri", 480, Same),
    ("transports", 200, Same),
    ("mpart01", 403, Same),
    ("unreason", 0, Same),
    ("noreason", 0, Same),
    ("badinv01", 400, Same),
    ("clerr", 400, Waits),
    ("ncl", 400, Closed),
    ("scalar02", 400, Same),
    ("scalarlg", 0, Same),
    ("quotbal", 400, Same),
    ("ltgtruri", 400, Same),
    ("lwsruri", 400, Same),
    ("lwsstart", 400, Same),
    ("trws", 400, Same),
    ("escruri", 400, Same),
    // A proxy does not read Date.
    ("baddate", 200, Same),
    ("regbadct", 400, Same),
    ("badaspec", 400, Same),
    // The archive's copy ends without the empty line.
    ("baddn", 400, Waits),
    ("badvers", 505, Same),
    ("mismatch01", 400, Same),
    ("mismatch02", 400, Same),
    ("bigcode", 0, Closed),
    ("badbranch", 200, Same),
    ("insuf", 400, Same),
    ("unkscm", 416, Same),
    ("novelsc", 416, Same),
    ("unksm2", 404, Same),
    ("bext01", 420, Same),
    // The callee's business, not a proxy's.
    ("invut", 200, Same),
    ("regaut01", 401, Same),
    ("multi01", 400, Same),
    ("mcl01", 400, Closed),
    ("bcast", 0, Same),
    ("zeromf", 483, Same),
    ("cparam01", 200, Same),
    ("cparam02", 200, Same),
    ("sdp01", 200, Same),
    // Without Content-Length, as RFC 2543 allowed it.
    ("inv2543", 404, Closed),
    // No SIP at all.
    ("test", 0, Closed),
    ("regescrt", 200, Same),
];

/// RFC 5118; but for one they are for addresses elsewhere, from strangers.
const RFC5118: [Case; 12] = [
    ("ipv4-mapped-ipv6", 200, Same),
    ("ipv6-good", 403, Same),
    ("ipv6-bad", 400, Same),
    ("port-ambiguous", 403, Same),
    ("port-unambiguous", 403, Same),
    ("via-received-param-with-delim", 403, Same),
    ("via-received-param-no-delim", 403, Same),
    ("ipv6-in-sdp", 403, Same),
    ("mult-ip-in-header", 403, Same),
    ("mult-ip-in-sdp", 403, Same),
    ("ipv6-bug-abnf-3-colons", 403, Same),
    ("ipv6-correct-abnf-2-colons", 403, Same),
];

/// The messages with what is expected of them; none of the folders' files is left out.
fn corpus() -> Result<Vec<(Case, Vec<u8>)>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../host/sip/tests/torture");
    let mut all = Vec::new();
    for (folder, cases, suffix) in [("rfc5118", &RFC5118[..], ""), ("rfc4475", &RFC4475, ".dat")] {
        let folder = root.join(folder);
        let count = fs::read_dir(&folder).with_context(|| folder.display().to_string())?.count();
        ensure!(count == cases.len(), "{count} files in {}", folder.display());
        for case in cases {
            let path = folder.join(format!("{}{suffix}", case.0));
            let bytes = fs::read(&path).with_context(|| path.display().to_string())?;
            all.push((*case, bytes));
        }
    }
    Ok(all)
}

fn settings() -> Settings {
    let device = Node::C2.address(Net::Sip);
    let directory = format!(
        "\n[[dn]]\nnumber = \"user\"\ntype = \"Extension\"\ncontact = \"{device}:{DEVICE_PORT}\"\n\
         \n[[dn]]\nnumber = \"watson\"\ntype = \"Extension\"\n\
         \n[[dn]]\nnumber = \"j.user\"\ntype = \"Extension\"\npassword = \"secret\"\n"
    );
    Settings { realm: "example.com", ..node_settings(&directory) }
}

/// Answers everything with 200.
fn device(lab: &Lab) -> Result<Running> {
    let mut command = Command::new(programs::ours("lab_sipd")?);
    let listen = format!("{}:{DEVICE_PORT}", Node::C2.address(Net::Sip));
    command.args(["--name", "device", "--listen", &listen]);
    lab.spawn(Node::C2, "device", command)
}

/// Asks whether the node still answers; answers to earlier messages go to `others`.
fn still_answers(
    wire: &mut Wire,
    transport: &str,
    name: &str,
    others: &mut Vec<String>,
) -> Result<()> {
    let local = wire.local();
    let request = format!(
        "OPTIONS sip:{VIP} SIP/2.0\r\n\
         Via: SIP/2.0/{transport} {local};branch=z9hG4bKafter{name};rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:after@{local}>;tag=after\r\nTo: <sip:{VIP}>\r\n\
         Call-ID: after{name}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    );
    wire.send(request.as_bytes())?;
    loop {
        let message = wire.expect("answer to OPTIONS", |_| true)?;
        if wire::header(&message, "Call-ID") == Some(&format!("after{name}")) {
            ensure!(wire::code(&message) == Some(200), "{message}");
            return Ok(());
        }
        others.push(message);
    }
}

/// Whether exactly this final answer is among those that came.
fn judge((name, code, _): Case, answers: &[String]) -> Result<()> {
    let finals = answers.iter().filter(|answer| wire::is_final(answer));
    let codes: Vec<u16> = finals.filter_map(|answer| wire::code(answer)).collect();
    let expected: &[u16] = if code == 0 { &[] } else { &[code] };
    ensure!(codes == expected, "{name}: answered with {codes:?}, expected {expected:?}");
    Ok(())
}

fn by_udp(ears: &mut [Wire], case: Case, bytes: &[u8]) -> Result<()> {
    /// Answers of the node itself are there when the one to OPTIONS is.
    const LOOK: Duration = Duration::from_millis(2);
    let mut answers = Vec::new();
    let (speaker, _) = ears.split_first_mut().context("no port")?;
    speaker.send(bytes)?;
    still_answers(speaker, "UDP", case.0, &mut answers)?;
    let is_whole =
        |answers: &[String]| case.1 != 200 || answers.iter().any(|answer| wire::is_final(answer));
    wait::until("the answer of the device", PATIENCE, || {
        for ear in &mut *ears {
            while let Some(message) = ear.next(LOOK).map_err(|error| format!("{error:#}"))? {
                answers.push(message);
            }
        }
        if is_whole(&answers) { Ok(()) } else { Err(format!("{answers:?}")) }
    })?;
    judge(case, &answers)
}

fn by_tcp(stage: &Stage<'_>, case: Case, bytes: &[u8]) -> Result<()> {
    let open = || Wire::tcp(stage.lab, Node::C1, (VIP, SIP_PORT).into());
    let mut wire = open()?;
    wire.send(bytes)?;
    let mut answers = Vec::new();
    match case.2 {
        Closed => {
            // What follows is no message either, so that the framing fails at the latest here.
            let _ = wire.send(b"no SIP\r\n\r\n");
            wire.wait_closed().context(case.0)
        }
        Waits => still_answers(&mut open()?, "TCP", case.0, &mut answers),
        Same => {
            still_answers(&mut wire, "TCP", case.0, &mut answers)?;
            if case.1 == 200 && !answers.iter().any(|answer| wire::is_final(answer)) {
                answers.push(wire.expect(case.0, wire::is_final)?);
            }
            judge(case, &answers)
        }
    }
}

#[test]
fn torture_messages_are_answered_as_the_rfcs_say_and_the_node_goes_on() -> Result<()> {
    staged_with(&["ip", "curl"], settings(), |stage| {
        let _device = device(stage.lab)?;
        let corpus = corpus()?;
        let mut wrong = Vec::new();
        for (case, bytes) in &corpus {
            wrong.extend(by_tcp(stage, *case, bytes).err().map(|error| format!("TCP: {error:#}")));
        }
        // The other node remembers none of their transactions, so that none is a repetition.
        happen(stage, Event::Manual)?;
        let open = |port| Wire::udp(stage.lab, Node::C1, port, (VIP, SIP_PORT).into());
        let mut ears: Vec<Wire> = PORTS.into_iter().map(open).collect::<Result<_>>()?;
        for (case, bytes) in &corpus {
            let error = by_udp(&mut ears, *case, bytes).err();
            wrong.extend(error.map(|error| format!("UDP: {error:#}")));
        }
        ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
        Ok(())
    })
}
