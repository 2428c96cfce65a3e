//! The `takeover` program. Everything is in the library, so that tests can run it too.

fn main() -> std::process::ExitCode {
    takeover_cli::main()
}
