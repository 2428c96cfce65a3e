//! What a hostile or broken monitor may do, chosen by a word.

use std::hint::black_box;

use crate::bindings::takeover::plugin::clock;

/// Does it. Words that are not its own are none of its business.
pub fn misbehave(word: &str) {
    match word {
        "trap" => std::process::abort(),
        "panic" => explain_and_panic(),
        "loop" | "log-and-loop" => spin(),
        "wait" => clock::wait_ms(u32::MAX),
        "sleep" => std::thread::sleep(std::time::Duration::from_secs(3600)),
        "memory" => {
            black_box(vec![1_u8; 1 << 30]);
        }
        _ => {}
    }
}

#[allow(clippy::panic)]
fn explain_and_panic() {
    panic!("the last words of a monitor");
}

/// Loops without ever calling the host.
fn spin() {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}
