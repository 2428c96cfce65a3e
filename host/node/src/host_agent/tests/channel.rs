//! Programs that speak on the application channel, under a whole agent.

use std::path::PathBuf;

use takeover_logic::ids::{OrderId, Term};
use takeover_logic::link::{
    AgentMessage, ApplicationSpec, ChannelSpec, ControlMessage, Fault, HostSpec, Report, RunMode,
    Status, Task,
};
use takeover_logic::log_event::LogEvent;

use super::namespace::wait_until;
use super::whole::{Rig, application, spec};

/// Notes what it is told, each with the time, and says what is written into a file.
const PROGRAM: &str = r#"
import os, socket, sys, threading, time
told, say = open(sys.argv[1], 'a'), sys.argv[2]
now = [None]

def speak():
    place = 0
    while True:
        text = open(say).read() if os.path.exists(say) else ''
        whole = text[:text.rfind('\n') + 1]
        if len(whole) > place and now[0]:
            try:
                now[0].sendall(whole[place:].encode())
            except OSError:
                pass
            place = len(whole)
        time.sleep(0.01)

threading.Thread(target=speak, daemon=True).start()
while True:
    try:
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(os.environ['TAKEOVER_CHANNEL'])
        now[0] = connection
        for line in connection.makefile():
            told.write('%d %s' % (time.time_ns(), line))
            told.flush()
    except OSError:
        pass
    now[0] = None
    time.sleep(0.02)
"#;

/// An agent with one program that speaks.
struct Speaker {
    rig: Rig,
    folder: tempfile::TempDir,
    spec: HostSpec,
}

impl Speaker {
    /// Started and ready; none: there is no Python here.
    fn start(test: &str) -> Option<Self> {
        let has_python = std::process::Command::new("python3").arg("--version").output().is_ok();
        if !has_python {
            assert!(std::env::var_os("REQUIRE_ALL").is_none(), "needs python3");
            println!("SKIP {test}: needs python3");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name).display().to_string();
        let (told, say) = (file("told"), file("say"));
        let application = ApplicationSpec {
            channel: Some(ChannelSpec { pair: Some("pair".into()), run_mode_timeout_ms: 60_000 }),
            ..application(&["python3", "-c", PROGRAM, &told, &say])
        };
        let spec = spec(vec![application], Vec::new());
        let mut rig = Rig::start(None, folder.path(), false);
        rig.link(spec.clone());
        assert_eq!(rig.order(Task::Start { application: "sip1".into() }), Ok(()));
        let mut speaker = Self { rig, folder, spec };
        speaker.told(r#"{"type":"hello","protocol":1,"application":"sip1","pair":"pair""#);
        speaker.say(r#"{"type":"ready"}"#);
        speaker.rig.status("readiness", Status::Running);
        Some(speaker)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Has the program say a line.
    fn say(&self, line: &str) {
        use std::io::Write;
        let path = self.path("say");
        let mut file = std::fs::File::options().append(true).create(true).open(path).unwrap();
        file.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// Waits until the program was told a line that contains a text; when that was, in
    /// nanoseconds since 1970.
    fn told(&self, wanted: &str) -> u128 {
        let mut at = 0;
        wait_until(wanted, || {
            let told = std::fs::read_to_string(self.path("told")).unwrap_or_default();
            let line = told.lines().find(|line| line.contains(wanted));
            let time = line.and_then(|line| line.split(' ').next()?.parse().ok());
            at = time.unwrap_or(0);
            time.map(|_: u128| ()).ok_or(told)
        });
        at
    }

    /// Orders a run mode and waits until the program was told, but not for the answer.
    fn set_run_mode(&mut self, run_mode: RunMode, term: u64) -> (OrderId, u128) {
        self.rig.last_order += 1;
        let order = OrderId(self.rig.last_order);
        let (application, pair) = ("sip1".into(), "pair".into());
        let task = Task::SetRunMode { application, pair, run_mode, term: Term(term) };
        let ordered = std::time::SystemTime::now();
        self.rig.tell(ControlMessage::Order { order, task });
        let mode = serde_json::to_string(&run_mode).unwrap();
        let told = self.told(&format!(r#"{{"type":"run_mode","mode":{mode},"term":{term}}}"#));
        let ordered = ordered.duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
        (order, told.saturating_sub(ordered))
    }

    fn answer(&mut self, order: OrderId) -> Result<(), Fault> {
        self.rig.wait("answer", |message| match message {
            AgentMessage::Done { order: of, result } if *of == order => Some(result.clone()),
            _ => None,
        })
    }

    fn event(&mut self, id: &str) -> LogEvent {
        self.rig.wait(id, |message| match message {
            AgentMessage::Report { report: Report::Event(event), .. }
                if event.id.to_string() == id =>
            {
                Some(event.clone())
            }
            _ => None,
        })
    }

    fn end(mut self) {
        let stop = Task::Stop { application: "sip1".into(), graceful: false };
        assert_eq!(self.rig.order(stop), Ok(()));
        self.rig.stop();
    }
}

#[test]
fn a_program_is_told_its_run_mode_and_confirms_it_itself_also_to_the_next_agent() {
    let Some(mut speaker) = Speaker::start("a_program_is_told_its_run_mode") else { return };
    let (order, took) = speaker.set_run_mode(RunMode::Primary, 3);
    println!("told after {} us, the term kept on disk before", took / 1000);
    let is_answer = |message: &AgentMessage| match message {
        AgentMessage::Done { order: of, .. } => *of == order,
        _ => false,
    };
    // It was told, and said nothing.
    while let Ok(message) = speaker.rig.messages.try_recv() {
        assert!(!is_answer(&message), "{message:?}");
    }
    speaker.say(r#"{"type":"run_mode_done","mode":"primary","term":3}"#);
    assert_eq!(speaker.answer(order), Ok(()));
    let (order, took) = speaker.set_run_mode(RunMode::Backup, 3);
    println!("told after {} us, without a new term", took / 1000);
    speaker.say(r#"{"type":"run_mode_done","mode":"backup","term":3}"#);
    assert_eq!(speaker.answer(order), Ok(()));

    speaker.rig.stop();
    speaker.rig = Rig::start(None, speaker.folder.path(), false);
    let hello = speaker.rig.link(speaker.spec.clone());
    let state = hello.applications.first().unwrap();
    assert_eq!(state.run_mode, Some((RunMode::Backup, Term(3))));
    speaker.told(r#""pair":"pair","run_mode":"backup","term":3"#);
    let (order, _) = speaker.set_run_mode(RunMode::Primary, 4);
    speaker.say(r#"{"type":"run_mode_done","mode":"primary","term":4}"#);
    assert_eq!(speaker.answer(order), Ok(()));
    speaker.end();
}

#[test]
fn what_a_program_says_of_itself_reaches_the_control_server() {
    let Some(mut speaker) = Speaker::start("what_a_program_says") else { return };
    speaker.say(r#"{"type":"log_event","id":"00-04200","text":"trunk lost"}"#);
    let event = speaker.event("00-04200");
    assert_eq!((&*event.text, event.application), ("trunk lost", Some("sip1".into())));
    speaker.say(r#"{"type":"service","available":false,"why":"no trunk"}"#);
    let state = speaker.rig.status("no service", Status::ServiceUnavailable);
    assert_eq!(state.says.as_deref(), Some("no trunk"));
    speaker.say(r#"{"type":"service","available":true}"#);
    assert_eq!(speaker.rig.status("service", Status::Running).says, None);
    speaker.end();
}

#[test]
fn a_program_that_floods_its_channel_is_cut_off_and_comes_back() {
    let Some(mut speaker) = Speaker::start("a_program_that_floods") else { return };
    speaker.say(&[r#"{"type":"alive"}"#; 1000].join("\n"));
    let event = speaker.event("90-02022");
    assert!(event.text.contains("messages within a second"), "{}", event.text);
    wait_until("another hello", || {
        let told = std::fs::read_to_string(speaker.path("told")).unwrap();
        if told.matches("hello").count() > 1 { Ok(()) } else { Err(told) }
    });
    speaker.end();
}

#[test]
fn a_graceful_stop_asks_on_the_channel() {
    let Some(mut speaker) = Speaker::start("a_graceful_stop_asks_on_the_channel") else { return };
    speaker.rig.last_order += 1;
    let order = OrderId(speaker.rig.last_order);
    let task = Task::Stop { application: "sip1".into(), graceful: true };
    speaker.rig.tell(ControlMessage::Order { order, task });
    speaker.told(r#"{"type":"suspend"}"#);
    speaker.say(r#"{"type":"suspended"}"#);
    speaker.rig.status("its word", Status::Suspended);
    assert_eq!(speaker.answer(order), Ok(()));
    speaker.rig.stop();
}
