//! What a hostile or broken component may do, chosen by a word.

use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::bindings::takeover::plugin::clock;

/// Does it. Words that are not its own are none of its business.
pub fn misbehave(word: &str) {
    match word {
        "trap" => std::process::abort(),
        "panic" => explain_and_panic(),
        "loop" => spin(),
        "busy" => busy(Duration::from_millis(200)),
        "memory" => eat_memory(),
        "memory-slowly" => eat_memory_slowly(),
        "stack" => {
            black_box(dig(black_box(1)));
        }
        "stack-wide" => {
            black_box(dig_wide(black_box(1)));
        }
        "wait" => clock::wait_ms(u32::MAX),
        "sleep" => std::thread::sleep(std::time::Duration::from_secs(3600)),
        _ => {}
    }
}

#[allow(clippy::panic)]
fn explain_and_panic() {
    panic!("the last words of a component");
}

/// Loops without ever calling the host.
fn spin() {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

/// Computes for a while.
fn busy(time: Duration) {
    let began = Instant::now();
    while began.elapsed() < time {
        black_box(0);
    }
}

/// Asks for more than anybody is granted, in one piece.
fn eat_memory() {
    black_box(vec![1_u8; 1 << 30]);
}

/// The same in small pieces, which a limit on the single piece would not see.
fn eat_memory_slowly() {
    let mut eaten = Vec::new();
    loop {
        eaten.push(black_box(vec![1_u8; 1 << 16]));
    }
}

/// Recursion without an end. What comes after the call is such that no compiler makes a loop of it.
fn dig(depth: u64) -> u64 {
    if depth == 0 {
        return 0;
    }
    dig(depth.wrapping_add(1)).wrapping_mul(31) ^ depth
}

/// The same with frames that lie in the component's own memory, below which there is nothing.
fn dig_wide(depth: u64) -> u64 {
    if depth == 0 {
        return 0;
    }
    let frame = black_box([depth; 64]);
    dig_wide(black_box(depth + 1)) + frame.iter().sum::<u64>()
}
