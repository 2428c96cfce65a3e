//! The `takeover` program. Everything is in the library, so that tests can run it too.

/// No locks that threads share: here threads of every priority use the heap at once, and those that
/// must not wait slept in the C library's `malloc` and `free` for up to 4 ms, as recorded during
/// `cargo xtask bench hostile`.
#[global_allocator]
static HEAP: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    takeover_cli::main()
}
