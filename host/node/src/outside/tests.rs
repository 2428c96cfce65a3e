//! Against real programs and real servers on loopback.

mod command;
mod datagram;
mod http;
mod mail;
mod memory;
mod remote;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use takeover_engine::host::outside::{CommandCall, CommandOutput, Outside};
use takeover_logic::link::Fault;

use super::{Settings, System};

/// Far more than anything here takes.
const WAIT: Duration = Duration::from_secs(20);

/// An outside with a state folder of its own.
struct Bench {
    folder: tempfile::TempDir,
    system: System,
}

impl Bench {
    fn start() -> Self {
        Self::trusting(None)
    }

    /// Trusts the authorities of a file instead of the system's.
    fn trusting(authorities: Option<PathBuf>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let state_folder = folder.path().to_owned();
        let system = System::start(Settings { state_folder, authorities }).unwrap();
        Self { folder, system }
    }

    async fn run(&self, call: CommandCall) -> Result<CommandOutput, Fault> {
        self.system.run(call).await
    }
}

fn after(wait: Duration) -> Instant {
    Instant::now() + wait
}

fn command(program: &str, arguments: &[&str]) -> CommandCall {
    CommandCall {
        plugin: "test".into(),
        program: program.into(),
        arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
        remote: None,
        deadline: after(WAIT),
    }
}

/// The text of a fault and which one it is, as people see both.
fn told<T: std::fmt::Debug>(result: Result<T, Fault>) -> String {
    result.unwrap_err().to_string()
}

/// Whether a test can run here; where `REQUIRE_ALL` is set it must.
fn is_there(test: &str, program: &str) -> bool {
    let is_there = std::path::Path::new(program).exists();
    if !is_there {
        assert!(std::env::var_os("REQUIRE_ALL").is_none(), "{test}: needs {program}");
        println!("SKIP {test}: needs {program}");
    }
    is_there
}

/// Waits until something is so.
async fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + WAIT;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < until, "{what}: not within {WAIT:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Also a process that waits to be reaped runs no more.
fn is_running(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    state.is_some_and(|state| !"ZX".contains(state))
}

#[test]
fn works_for_callers_whose_runtime_has_no_sockets_and_survives_their_end() {
    let bench = Bench::start();
    // As the sandbox's own.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let output = runtime.block_on(bench.run(command("/bin/echo", &["hello"]))).unwrap();
    assert_eq!(output.stdout, "hello\n");
    drop(runtime);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let output = runtime.block_on(bench.run(command("/bin/echo", &["again"]))).unwrap();
    assert_eq!(output.stdout, "again\n");
}

#[test]
fn faults_are_one_line_of_bounded_length() {
    let long = "ä".repeat(600);
    let Fault::Failed(text) = super::failed(format!("a\r\nb\u{1b}[31m{long}")) else { panic!() };
    assert!(text.starts_with("a  b [31mä") && text.ends_with("..."), "{text}");
    assert!(text.len() <= crate::limits::FAULT_TEXT_BYTES_MAX + 3, "{}", text.len());
}
