//! What a hostile or broken policy may do, chosen by a word.

use std::hint::black_box;
use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

/// Whether a call with this word must be the last one of its instance.
pub fn is_the_end(word: &str) -> bool {
    const ENDS: [&str; 12] = [
        "trap",
        "panic",
        "loop",
        "sleep",
        "stack",
        "memory",
        "answer-2-mib",
        "answer-64-kib",
        "bad-code",
        "bad-redirect",
        "many-contacts",
        "forged",
    ];
    ENDS.contains(&word)
}

/// Does it. Words that are not its own are none of its business.
pub fn misbehave(word: &str) {
    match word {
        "trap" => std::process::abort(),
        "panic" => explain_and_panic(),
        "loop" => spin(),
        "busy-20-ms" => busy(Duration::from_millis(20)),
        "busy-200-ms" => busy(Duration::from_millis(200)),
        "sleep" => std::thread::sleep(Duration::from_secs(3600)),
        "stack" => {
            black_box(deeper(0));
        }
        "sockets" => make_sockets(),
        "memory" => {
            black_box(vec![1_u8; 1 << 30]);
        }
        _ => {}
    }
}

/// Panics unless each kind of socket is refused.
#[allow(clippy::panic)]
fn make_sockets() {
    let made = [
        UdpSocket::bind("127.0.0.1:0").map(drop),
        TcpListener::bind("127.0.0.1:0").map(drop),
        TcpStream::connect("127.0.0.1:9").map(drop),
    ];
    for made in made {
        match made {
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {}
            other => panic!("a socket: {other:?}"),
        }
    }
}

#[allow(clippy::panic)]
fn explain_and_panic() {
    panic!("the last words of a policy");
}

/// Loops without ever calling the host.
fn spin() {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

/// Calls itself until there is no more room.
#[allow(unconditional_recursion)]
fn deeper(depth: u64) -> u64 {
    black_box(deeper(black_box(depth + 1)) + depth)
}

/// Computes for a while.
fn busy(time: Duration) {
    let began = Instant::now();
    while began.elapsed() < time {
        black_box(0);
    }
}
