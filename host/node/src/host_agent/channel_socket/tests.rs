//! The socket of a channel with this process as the program.

use std::time::Duration;

use takeover_logic::channel::{Hello, PROTOCOL};
use takeover_logic::host_agent::io::Input;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

use super::*;
use crate::limits::CHANNEL_LINE_BYTES_MAX;

/// Longest wait for anything in these tests.
const LIMIT: Duration = Duration::from_secs(30);

struct Rig {
    socket: ChannelSocket,
    events: mpsc::Receiver<Event>,
    _folder: tempfile::TempDir,
}

impl Rig {
    /// A socket that lets in the process of this number, and its group.
    fn new(pid: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (sender, events) = mpsc::channel(64);
        let socket = ChannelSocket::open(folder.path(), &"sip1".into(), sender).unwrap();
        socket.listen_to(Some(pid));
        Self { socket, events, _folder: folder }
    }

    async fn connect(&self) -> BufReader<UnixStream> {
        BufReader::new(UnixStream::connect(self.socket.path()).await.unwrap())
    }

    async fn event(&mut self) -> ChannelInput {
        let event = tokio::time::timeout(LIMIT, self.events.recv()).await.expect("no event");
        let Some(Event::Input(Input::Process { event: ProcessInput::Channel(event), .. })) = event
        else {
            panic!("not about the channel: {event:?}");
        };
        event
    }
}

fn hello() -> ToProgram {
    ToProgram::Hello(Hello {
        protocol: PROTOCOL,
        application: "sip1".into(),
        pair: None,
        run_mode: None,
        term: Default::default(),
        vips: Vec::new(),
        options: Default::default(),
        suspending: false,
    })
}

async fn line(program: &mut BufReader<UnixStream>) -> String {
    let mut line = String::new();
    let read = program.read_line(&mut line);
    tokio::time::timeout(LIMIT, read).await.expect("nothing is said").unwrap();
    line
}

/// Waits until the agent has closed the connection.
async fn closed(mut program: BufReader<UnixStream>) {
    let mut rest = Vec::new();
    let read = program.read_to_end(&mut rest);
    // Closed with something unread is a reset.
    let _ = tokio::time::timeout(LIMIT, read).await.expect("still open");
}

#[tokio::test]
async fn both_directions_carry_lines_of_json() {
    let mut rig = Rig::new(std::process::id());
    let mut program = rig.connect().await;
    assert_eq!(rig.event().await, ChannelInput::Connected);
    // Not before it was told everything.
    assert!(rig.socket.tell(ToProgram::Suspend));
    assert!(rig.socket.tell(hello()));
    assert!(rig.socket.tell(ToProgram::Suspend));
    assert!(line(&mut program).await.starts_with(r#"{"type":"hello""#));
    assert_eq!(line(&mut program).await, "{\"type\":\"suspend\"}\n");
    program.write_all(b"\n{\"type\":\"ready\"}\n{\"type\":\"sus").await.unwrap();
    assert_eq!(rig.event().await, ChannelInput::Said(FromProgram::Ready));
    program.write_all(b"pended\"}\n").await.unwrap();
    assert_eq!(rig.event().await, ChannelInput::Said(FromProgram::Suspended));
    program.write_all(b"{\"type\":\"alive\"}\n").await.unwrap();
    drop(program);
    assert_eq!(rig.event().await, ChannelInput::Said(FromProgram::Alive));
    assert_eq!(rig.event().await, ChannelInput::Ended(None));
}

#[tokio::test]
async fn the_newest_connection_takes_the_place_of_the_one_before() {
    let mut rig = Rig::new(std::process::id());
    let first = rig.connect().await;
    assert_eq!(rig.event().await, ChannelInput::Connected);
    let mut second = rig.connect().await;
    assert_eq!(rig.event().await, ChannelInput::Connected);
    closed(first).await;
    assert!(rig.socket.tell(hello()));
    assert!(line(&mut second).await.starts_with(r#"{"type":"hello""#));
    assert!(rig.socket.close());
    closed(second).await;
}

#[tokio::test]
async fn strangers_are_not_let_in() {
    // The first process of the system is in no group of ours.
    let mut rig = Rig::new(1);
    let mut stranger = rig.connect().await;
    let _ = stranger.write_all(b"{\"type\":\"ready\"}\n").await;
    closed(stranger).await;
    rig.socket.listen_to(Some(std::process::id()));
    let _program = rig.connect().await;
    assert_eq!(rig.event().await, ChannelInput::Connected);
}

#[tokio::test]
async fn what_breaks_the_protocol_ends_the_connection_with_a_reason() {
    let long = "x".repeat(CHANNEL_LINE_BYTES_MAX * 2);
    let cases = [
        ("{\"type\":\"log_event\",\"id\":\"x\"}\n", "a line that is not a message"),
        ("ready\n", "a line that is not a message"),
        (long.as_str(), "a line of more than 16384 bytes"),
    ];
    for (said, why) in cases {
        let mut rig = Rig::new(std::process::id());
        let mut program = rig.connect().await;
        assert_eq!(rig.event().await, ChannelInput::Connected);
        let _ = program.write_all(said.as_bytes()).await;
        let event = rig.event().await;
        let ChannelInput::Ended(Some(reason)) = &event else {
            panic!("not ended for a reason: {event:?}");
        };
        assert!(reason.starts_with(why), "{reason}");
        closed(program).await;
    }
}

#[tokio::test]
async fn a_program_that_does_not_read_is_let_go() {
    let mut rig = Rig::new(std::process::id());
    let _program = rig.connect().await;
    assert_eq!(rig.event().await, ChannelInput::Connected);
    assert!(rig.socket.tell(hello()));
    let option = ToProgram::Option { name: "a".into(), value: "x".repeat(10_000).into() };
    let mut told = 0;
    let reason = loop {
        if let Ok(event) = rig.events.try_recv() {
            let Event::Input(Input::Process { event: ProcessInput::Channel(event), .. }) = event
            else {
                panic!("not about the channel: {event:?}");
            };
            break event;
        }
        if rig.socket.tell(option.clone()) {
            told += 1;
        }
        assert!(told < 1000, "it was never let go");
        tokio::task::yield_now().await;
    };
    let reason = match reason {
        ChannelInput::Ended(Some(reason)) => reason,
        other => panic!("not ended for a reason: {other:?}"),
    };
    assert!(reason.contains("wait to be read"), "{reason}");
}
