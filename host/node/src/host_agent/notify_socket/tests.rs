//! Real datagrams on a real socket, from this process and from a stranger.

use std::os::unix::process::CommandExt;
use std::time::Duration;

use takeover_logic::host_agent::io::Input;

use super::*;

async fn next(inputs: &mut mpsc::Receiver<Event>) -> Notification {
    let event = tokio::time::timeout(Duration::from_secs(10), inputs.recv()).await.unwrap();
    match event {
        Some(Event::Input(Input::Process {
            event: ProcessInput::Notified(notification), ..
        })) => notification,
        other => panic!("not a notification: {other:?}"),
    }
}

#[tokio::test]
async fn what_a_member_of_the_group_says_is_heard() {
    let folder = tempfile::tempdir().unwrap();
    let (sender, mut inputs) = mpsc::channel(16);
    let socket = NotifySocket::open(folder.path(), &"sip1".into(), sender).unwrap();
    let own_group = nix::unistd::getpgrp().as_raw();
    let speaker = std::os::unix::net::UnixDatagram::unbound().unwrap();
    // Said before the pid is known to the agent, and not lost.
    speaker.send_to(b"READY=1", socket.path()).unwrap();
    socket.listen_to(Some(u32::try_from(own_group).unwrap()));
    assert_eq!(next(&mut inputs).await, Notification::Ready);
    speaker.send_to(b"STATUS=3 calls\nWATCHDOG=1\nMAINPID=1\nno sense", socket.path()).unwrap();
    assert_eq!(next(&mut inputs).await, Notification::Says("3 calls".into()));
    assert_eq!(next(&mut inputs).await, Notification::Watchdog);
}

#[test]
fn only_members_of_the_group_are_believed() {
    let mut child = std::process::Command::new("sleep").arg("60").process_group(0).spawn().unwrap();
    let (own, other) = (nix::unistd::getpid().as_raw(), child.id());
    let pid = i32::try_from(other).unwrap();
    let verdicts =
        [is_member(pid, other), is_member(own, other), is_member(0, other), is_member(own, 0)];
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(verdicts, [true, false, false, false]);
}

#[test]
fn every_word_of_the_protocol_that_matters_is_understood() {
    let text = "READY=1\nSTOPPING=1\nWATCHDOG=1\nWATCHDOG=trigger\nSTATUS=a=b\nREADY=0\nX=1\n\
                X_TAKEOVER_SERVICE=unavailable\nX_TAKEOVER_SERVICE=available\nWATCHDOG_USEC=5";
    let expected = [
        Notification::Ready,
        Notification::Stopping,
        Notification::Watchdog,
        Notification::WatchdogTriggered,
        Notification::Says("a=b".into()),
        Notification::Service(false),
        Notification::Service(true),
    ];
    assert_eq!(parse(text), expected);
    let long = format!("STATUS={}", "x".repeat(1000));
    assert_eq!(parse(&long), [Notification::Says("x".repeat(STATUS_MAX).into())]);
}
