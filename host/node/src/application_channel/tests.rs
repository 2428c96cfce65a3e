//! The client against a socket that plays the host agent.

use std::path::Path;
use std::time::Duration;

use takeover_logic::catalog::CRITICAL_CONDITION;
use takeover_logic::channel::PROTOCOL;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixListener;

use super::*;

/// Longest wait for anything in these tests.
const LIMIT: Duration = Duration::from_secs(30);

/// One connection, as the agent sees it.
struct Agent(BufReader<UnixStream>);

impl Agent {
    async fn accept(listener: &UnixListener) -> Self {
        let accepted = tokio::time::timeout(LIMIT, listener.accept()).await.expect("no program");
        Self(BufReader::new(accepted.unwrap().0))
    }

    async fn tell(&mut self, message: &ToProgram) {
        let line = serde_json::to_string(message).unwrap() + "\n";
        self.0.write_all(line.as_bytes()).await.unwrap();
    }

    async fn hear(&mut self) -> FromProgram {
        let mut line = String::new();
        let read = self.0.read_line(&mut line);
        tokio::time::timeout(LIMIT, read).await.expect("nothing is said").unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

fn hello(run_mode: Option<RunMode>, term: u64) -> Hello {
    Hello {
        protocol: PROTOCOL,
        application: "sip-1".into(),
        pair: Some("sip".into()),
        run_mode,
        term: Term(term),
        vips: Vec::new(),
        options: Default::default(),
        suspending: false,
    }
}

async fn next(channel: &mut ApplicationChannel) -> News {
    tokio::time::timeout(LIMIT, channel.next()).await.expect("no news").unwrap()
}

fn listen(path: &Path) -> UnixListener {
    let _ = std::fs::remove_file(path);
    UnixListener::bind(path).unwrap()
}

#[tokio::test]
async fn it_survives_a_new_agent_and_says_again_how_the_program_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("channel");
    // The program may be there first.
    let mut channel = ApplicationChannel::connect(path.clone());
    let voice = channel.voice();
    voice.ready().unwrap();
    voice.log_event(CRITICAL_CONDITION, "early").unwrap();

    let listener = listen(&path);
    let mut agent = Agent::accept(&listener).await;
    agent.tell(&ToProgram::Hello(hello(None, 0))).await;
    assert_eq!(next(&mut channel).await, News::Hello(hello(None, 0)));
    assert_eq!(agent.hear().await, FromProgram::Ready);
    let early = FromProgram::LogEvent { id: CRITICAL_CONDITION, text: "early".into() };
    assert_eq!(agent.hear().await, early);

    let (mode, term) = (RunMode::Primary, Term(7));
    agent.tell(&ToProgram::RunMode { mode, term }).await;
    assert_eq!(next(&mut channel).await, News::RunMode { mode, term });
    voice.run_mode_done(mode, term).unwrap();
    let done = FromProgram::RunModeDone { mode, term };
    assert_eq!(agent.hear().await, done);
    voice.service(false, Some("no trunk")).unwrap();
    let service = FromProgram::Service { available: false, why: Some("no trunk".into()) };
    assert_eq!(agent.hear().await, service);

    drop((agent, listener));
    assert_eq!(next(&mut channel).await, News::Lost);
    let listener = listen(&path);
    let mut agent = Agent::accept(&listener).await;
    agent.tell(&ToProgram::Hello(hello(Some(mode), 7))).await;
    assert_eq!(next(&mut channel).await, News::Hello(hello(Some(mode), 7)));
    for said in [FromProgram::Ready, service.clone(), done] {
        assert_eq!(agent.hear().await, said);
    }

    // What it had done is not what it is to be now.
    drop(agent);
    assert_eq!(next(&mut channel).await, News::Lost);
    let mut agent = Agent::accept(&listener).await;
    agent.tell(&ToProgram::Hello(hello(Some(RunMode::Backup), 8))).await;
    voice.status_text("after").unwrap();
    let after = FromProgram::StatusText { text: "after".into() };
    let heard = [agent.hear().await, agent.hear().await, agent.hear().await];
    for said in [FromProgram::Ready, service, after] {
        // The last comes with what is repeated or behind it.
        assert!(heard.contains(&said), "{heard:?}");
    }
}

#[tokio::test]
async fn calls_are_told_at_their_last_number() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("channel");
    let listener = listen(&path);
    let mut channel = ApplicationChannel::connect(path);
    let mut agent = Agent::accept(&listener).await;
    agent.tell(&ToProgram::Hello(hello(None, 0))).await;
    assert!(matches!(next(&mut channel).await, News::Hello(_)));
    let last = 200;
    for established in 1..=last {
        let calls = Calls { established, ringing: 0, lost: 0 };
        channel.voice().calls(calls).unwrap();
    }
    let mut told = 0;
    loop {
        let FromProgram::Calls(calls) = agent.hear().await else {
            panic!("not about calls");
        };
        told += 1;
        if calls.established == last {
            break;
        }
    }
    assert!(told < last, "each of {told} numbers was told");
}

#[tokio::test]
async fn the_request_to_finish_is_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("channel");
    let listener = listen(&path);
    let mut channel = ApplicationChannel::connect(path);
    let mut agent = Agent::accept(&listener).await;
    agent.tell(&ToProgram::Hello(hello(None, 0))).await;
    agent.tell(&ToProgram::Suspend).await;
    assert!(matches!(next(&mut channel).await, News::Hello(_)));
    assert_eq!(next(&mut channel).await, News::Suspend);
    drop(agent);
    assert_eq!(next(&mut channel).await, News::Lost);
    let mut agent = Agent::accept(&listener).await;
    let suspending = Hello { suspending: true, ..hello(None, 0) };
    agent.tell(&ToProgram::Hello(suspending.clone())).await;
    agent.tell(&ToProgram::Option { name: "a".into(), value: "b".into() }).await;
    assert_eq!(next(&mut channel).await, News::Hello(suspending));
    assert!(matches!(next(&mut channel).await, News::Option { .. }));
}

#[tokio::test]
async fn the_task_ends_with_the_channel() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("channel");
    let listener = listen(&path);
    let channel = ApplicationChannel::connect(path);
    let mut agent = Agent::accept(&listener).await;
    let voice = channel.voice();
    drop(channel);
    let mut line = String::new();
    let read = agent.0.read_line(&mut line);
    assert_eq!(tokio::time::timeout(LIMIT, read).await.expect("still there").unwrap(), 0);
    assert_eq!(voice.ready(), Err(NotSaid));
}
