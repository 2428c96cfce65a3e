//! The `takeover` program. Everything is in the library, so that tests can run it too.

/// No locks that threads share: here threads of every priority use the heap at once, and one that
/// gives way held the C library's locks for up to 116 ms against those that must not wait
/// (`cargo xtask bench hostile`).
#[global_allocator]
static HEAP: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    takeover_cli::main()
}
