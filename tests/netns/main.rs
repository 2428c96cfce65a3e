//! End-to-end tests in network namespaces. Each makes a lab of its own, so that several can run
//! side by side; at most [`parallel`] do, because most of them are about time.
//!
//! They need root, iproute2, nftables, Kamailio, sipp and baresip. Where something is missing a
//! test prints `SKIP`, or fails where `REQUIRE_ALL=1` is set. `LAB_KEEP=1` keeps the logs.

mod backend;
mod bad_input;
mod calls;
mod drain;
mod faults;
mod guide;
mod lab;
mod node_stage;
mod sip_agents;
mod sip_evidence;
mod sip_interop;
mod sip_kept;
mod sip_link;
mod sip_load;
mod sip_monitor;
mod sip_node;
mod sip_tcp;
mod sip_torture;
mod stage;

use std::num::NonZero;
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread::available_parallelism;

use anyhow::{Result, bail};
use takeover_tests::lab::Lab;
use takeover_tests::programs;

/// Labs that may exist at once: one for two processors, `LAB_PARALLEL` where set.
fn parallel() -> usize {
    let set = std::env::var("LAB_PARALLEL").ok().and_then(|text| text.parse().ok());
    set.unwrap_or_else(|| available_parallelism().map_or(1, NonZero::get).div_ceil(2)).max(1)
}

/// Runs a test in a fresh lab when its turn has come.
fn lab_test(test: impl FnOnce(&Lab) -> Result<()>) -> Result<()> {
    lab_test_with(&["ip", "nft", "ping"], test)
}

/// The same for a test that needs these programs.
fn lab_test_with(needed: &[&str], test: impl FnOnce(&Lab) -> Result<()>) -> Result<()> {
    static RUNNING: Mutex<usize> = Mutex::new(0);
    static ENDED: Condvar = Condvar::new();
    let missing = programs::missing(needed);
    if !Lab::is_possible() || !missing.is_empty() {
        let name = std::thread::current().name().unwrap_or("test").to_owned();
        if std::env::var_os("REQUIRE_ALL").is_some() {
            bail!("{name} needs root and {missing:?}");
        }
        eprintln!("SKIP {name}: needs root and {missing:?}");
        return Ok(());
    }
    struct Turn;
    impl Drop for Turn {
        fn drop(&mut self) {
            *RUNNING.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
            ENDED.notify_one();
        }
    }
    let turn = {
        let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        let mut running = ENDED
            .wait_while(running, |running| *running >= parallel())
            .unwrap_or_else(PoisonError::into_inner);
        *running += 1;
        Turn
    };
    let lab = Lab::new()?;
    let result = test(&lab);
    drop(lab);
    drop(turn);
    result
}
