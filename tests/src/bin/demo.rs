//! The demo. As root: two hosts, a controller and a client in network namespaces, a SIP
//! node on both hosts, calls by sipp to the virtual IP, the page on loopback; kills the node on the
//! holder and says how long callers waited and which calls went on. Without root: a single-host
//! pair on loopback, with one call up. Then it keeps running until Ctrl-C.
//!
//! `demo [--once] [--single-host]`; `--once`: ends after the takeover, exit code 0 where callers
//! were served again.

#[path = "demo/call.rs"]
mod call;
#[path = "demo/single_host.rs"]
mod single_host;
#[path = "demo/two_hosts.rs"]
mod two_hosts;

use std::time::Duration;

use anyhow::{Result, bail};
use nix::sys::signal::{SigSet, Signal};
use takeover_tests::lab::Lab;
use takeover_tests::programs;

/// Port of the page on the loopback of this machine, where it is free.
const PAGE_PORT: u16 = 8787;

/// Longest wait for callers to be served again.
const TAKEOVER_TIMEOUT: Duration = Duration::from_secs(10);

fn main() -> Result<()> {
    let mut once = false;
    let mut single_host = false;
    for word in std::env::args().skip(1) {
        match word.as_str() {
            "--once" => once = true,
            "--single-host" => single_host = true,
            _ => bail!("{word}: unknown; there are --once and --single-host"),
        }
    }
    // Blocked before any thread starts, so that the wait below is the one that sees them.
    let stop = stop_signals();
    stop.thread_block()?;
    if single_host || !Lab::is_possible() {
        if !single_host {
            say("Not root, so no network namespaces: a pair on one host instead.");
        }
        return single_host::run(once);
    }
    let missing = programs::missing(&["sipp", "nft"]);
    if !missing.is_empty() {
        bail!("not installed: {missing:?}; apt-get install sip-tester nftables");
    }
    two_hosts::run(once)
}

/// Ctrl-C and its like.
fn stop_signals() -> SigSet {
    let mut stop = SigSet::empty();
    stop.add(Signal::SIGINT);
    stop.add(Signal::SIGTERM);
    stop
}

/// Waits for Ctrl-C.
fn wait_for_stop() -> Result<()> {
    stop_signals().wait()?;
    say("Cleaning up.");
    Ok(())
}

/// Tells whoever watches.
#[expect(clippy::print_stdout, reason = "what a demo is for")]
fn say(text: &str) {
    println!("{text}");
}
