//! Real programs: what they get, what they leave, and that nothing of them is left.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use takeover_engine::host::outside::Outside;
use takeover_engine::limits::COMMAND_OUTPUT_BYTES_MAX;
use takeover_logic::link::Fault;

use super::{Bench, after, command, eventually, is_running, told};
use crate::limits::PROGRAMS_MAX;

/// Two processes that ignore what can be ignored; their numbers are in a file.
fn stubborn(pids: &Path) -> String {
    format!(
        "trap '' TERM HUP INT; sh -c 'trap \"\" TERM HUP INT; echo $$ > {0}.1; \
         while :; do sleep 1; done' & echo $$ > {0}.2; while :; do sleep 1; done",
        pids.display()
    )
}

async fn pids(path: &Path) -> Vec<u32> {
    let mut pids = Vec::new();
    for number in 1..=2 {
        let file = path.with_extension(number.to_string());
        let read = || fs::read_to_string(&file).ok()?.trim().parse().ok();
        pids.push(eventually("the program has started", read).await);
    }
    pids
}

async fn all_gone(pids: Vec<u32>) {
    let gone = || (!pids.iter().any(|pid| is_running(*pid))).then_some(());
    eventually("all of the group is gone", gone).await;
}

#[tokio::test]
async fn a_program_gets_its_arguments_and_nothing_else() {
    let bench = Bench::start();
    let arguments = ["[%s]", "a b", "", "$HOME;`id`", "'\"\\", "-n", "ä\n"];
    let output = bench.run(command("/usr/bin/printf", &arguments)).await.unwrap();
    assert_eq!(output.stdout, "[a b][][$HOME;`id`]['\"\\][-n][ä\n]");
    assert_eq!((output.exit_code, output.stderr.as_str()), (0, ""));

    let output = bench.run(command("/usr/bin/env", &[])).await.unwrap();
    let mut lines: Vec<_> = output.stdout.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["LANG=C.UTF-8", "PATH=/usr/bin:/bin"]);

    let script = "pwd; cat; echo to stderr >&2; exit 7";
    let output = bench.run(command("/bin/sh", &["-c", script])).await.unwrap();
    assert_eq!(output.exit_code, 7);
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("/\n", "to stderr\n"));
}

#[tokio::test]
async fn a_signal_is_told_as_a_shell_does() {
    let bench = Bench::start();
    let output = bench.run(command("/bin/sh", &["-c", "kill -9 $$"])).await.unwrap();
    assert_eq!(output.exit_code, 128 + 9);
}

#[tokio::test]
async fn long_output_is_cut_and_holds_nobody_up() {
    let bench = Bench::start();
    let script = "head -c 3000000 /dev/zero | tr '\\0' x; \
                  head -c 3000000 /dev/zero | tr '\\0' y >&2; exit 3";
    let output = bench.run(command("/bin/sh", &["-c", script])).await.unwrap();
    assert_eq!(output.exit_code, 3);
    assert_eq!(output.stdout, "x".repeat(COMMAND_OUTPUT_BYTES_MAX));
    assert_eq!(output.stderr, "y".repeat(COMMAND_OUTPUT_BYTES_MAX));

    // The bound falls into a character of two bytes; what is no text grows when it is replaced.
    let script = "printf x; yes ä | head -n 100000 | tr -d '\\n'; \
                  head -c 100000 /dev/zero | tr '\\0' '\\377' >&2";
    let output = bench.run(command("/bin/sh", &["-c", script])).await.unwrap();
    let pairs = (COMMAND_OUTPUT_BYTES_MAX - 1) / 2;
    assert_eq!(output.stdout, format!("x{}", "ä".repeat(pairs)));
    assert!(output.stderr.len() <= COMMAND_OUTPUT_BYTES_MAX);
    assert!(output.stderr.chars().all(|c| c == char::REPLACEMENT_CHARACTER));
}

#[tokio::test]
async fn a_program_that_can_not_be_executed_is_said_to() {
    let bench = Bench::start();
    let plain = bench.folder.path().join("plain");
    fs::write(&plain, "#!/bin/sh\n").unwrap();
    fs::set_permissions(&plain, fs::Permissions::from_mode(0o644)).unwrap();
    let no_interpreter = bench.folder.path().join("script");
    fs::write(&no_interpreter, "#!/no/such/shell\n").unwrap();
    fs::set_permissions(&no_interpreter, fs::Permissions::from_mode(0o755)).unwrap();

    let nowhere = bench.run(command("/no/such/program", &[])).await;
    assert_eq!(
        told(nowhere),
        "not found: program /no/such/program: there is no such file, or not the interpreter that \
         it names"
    );
    let script = bench.run(command(no_interpreter.to_str().unwrap(), &[])).await;
    assert!(matches!(script, Err(Fault::NotFound(_))), "{script:?}");
    let text = told(bench.run(command(plain.to_str().unwrap(), &[])).await);
    assert!(text.contains("plain: not executable: "), "{text}");
    let text = told(bench.run(command("/bin", &[])).await);
    assert!(text.starts_with("program /bin: not executable"), "{text}");
    let text = told(bench.run(command("echo", &[])).await);
    assert_eq!(text, "invalid: program echo: allowed is an absolute path");
    let text = told(bench.run(command("/bin/echo", &["a\0b"])).await);
    assert_eq!(text, "invalid: program /bin/echo: an argument has a zero byte in it");
}

#[tokio::test]
async fn at_the_deadline_the_whole_group_is_killed() {
    let bench = Bench::start();
    let file = bench.folder.path().join("pids");
    let mut call = command("/bin/sh", &["-c", &stubborn(&file)]);
    call.deadline = after(Duration::from_secs(1));
    let began = Instant::now();
    assert_eq!(bench.run(call).await, Err(Fault::TimedOut));
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    all_gone(pids(&file).await).await;
}

#[tokio::test]
async fn a_dropped_answer_kills_the_whole_group() {
    let bench = Bench::start();
    let file = bench.folder.path().join("pids");
    let mut answer = bench.system.run(command("/bin/sh", &["-c", &stubborn(&file)]));
    let pids = tokio::select! {
        pids = pids(&file) => pids,
        ended = &mut answer => panic!("ended: {ended:?}"),
    };
    assert!(pids.iter().all(|pid| is_running(*pid)), "{pids:?}");
    drop(answer);
    all_gone(pids).await;
}

#[tokio::test]
async fn the_end_of_the_outside_kills_what_runs() {
    let Bench { folder, system } = Bench::start();
    let file = folder.path().join("pids");
    let (programs, script) = (system.programs.clone(), stubborn(&file));
    let mut answer = system.answer(after(super::WAIT), async move {
        programs.run_here("/bin/sh".into(), vec!["-c".into(), script]).await
    });
    let pids = tokio::select! {
        pids = pids(&file) => pids,
        ended = &mut answer => panic!("ended: {ended:?}"),
    };
    assert!(pids.iter().all(|pid| is_running(*pid)), "{pids:?}");
    drop(system);
    all_gone(pids).await;
    assert_eq!(told(answer.await), "unavailable: this process is stopping");
}

#[tokio::test]
async fn what_a_program_leaves_in_its_group_ends_with_it() {
    let bench = Bench::start();
    let script = "sleep 600 & echo $!; exit 5";
    let output = bench.run(command("/bin/sh", &["-c", script])).await.unwrap();
    assert_eq!(output.exit_code, 5);
    all_gone(vec![output.stdout.trim().parse().unwrap()]).await;
}

#[tokio::test]
async fn a_daemon_that_keeps_the_pipes_holds_nobody_up() {
    let bench = Bench::start();
    let began = Instant::now();
    let script = "setsid sh -c 'echo $$; exec sleep 600' & sleep 0.2; exit 0";
    let output = bench.run(command("/bin/sh", &["-c", script])).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    let daemon: u32 = output.stdout.trim().parse().unwrap();
    assert!(is_running(daemon), "a session of its own is left alone");
    let pid = nix::unistd::Pid::from_raw(i32::try_from(daemon).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
}

#[tokio::test]
async fn programs_beyond_the_bound_are_refused_until_one_ends() {
    let bench = Bench::start();
    let mut running: Vec<_> =
        (0..PROGRAMS_MAX).map(|_| bench.system.run(command("/bin/sleep", &["600"]))).collect();
    let all = futures_util::future::select_all(running.iter_mut());
    let ended = tokio::time::timeout(Duration::from_secs(1), all).await;
    assert!(ended.is_err(), "{:?}", ended.map(|(ended, ..)| ended));
    let refused = bench.run(command("/bin/echo", &[])).await;
    assert!(matches!(refused, Err(Fault::Unavailable(_))), "{refused:?}");
    assert!(told(refused).contains("32 programs of components run already"));
    drop(running.pop());
    let until = after(super::WAIT);
    while let Err(fault) = bench.run(command("/bin/echo", &[])).await {
        assert!(Instant::now() < until, "{fault}");
    }
}
