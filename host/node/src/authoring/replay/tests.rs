//! Needs `cargo xtask build-plugins`.

use std::fs;

use takeover_logic::component::{AlarmCall, Category, Phase};
use takeover_logic::ids::EventSequence;
use takeover_logic::log_event::{EventId, Level, LogEvent};
use takeover_logic::time::Timestamp;

use super::*;
use crate::journal::{Batch, Journal, JournalNews, Row};

fn alarm(application: &str) -> AlarmCall {
    AlarmCall {
        condition: "lost".into(),
        category: Category::Major,
        application: application.into(),
        host: None,
        event: LogEvent {
            id: EventId::new(0, 5091),
            level: Level::Standard,
            text: "it ended".into(),
            application: None,
            application_type: None,
            host: None,
            at: Timestamp(0),
            attributes: Vec::new(),
        },
        phase: Phase::Raised,
        repeats: 0,
        test: false,
    }
}

/// A run that restarted an application.
fn restart(application: &str) -> RecordedRun {
    let call = ManagementCall::RestartApplication { name: application.into() };
    RecordedRun {
        at: Timestamp(1_000),
        reaction: "restart".into(),
        plugin: "restart".into(),
        version: "1".to_owned(),
        sha256: String::new(),
        settings: [("text".to_owned(), "hello".into())].into(),
        call: alarm(application),
        asked: vec![(call, Ok(ManagementAnswer::Done))],
        ended: format!("ok: {application} restarted"),
    }
}

/// A folder with a journal that has these runs, and with policies.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new(runs: Vec<RecordedRun>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (written, is_written) = std::sync::mpsc::channel();
        let path = folder.path().join("journal.sqlite");
        let news = move |news: JournalNews| written.send(news).unwrap();
        let (journal, start) = Journal::<()>::open(&path, Timestamp(0), news).unwrap();
        assert_eq!(start.newest, EventSequence(0));
        let rows = runs.into_iter().map(|run| Row::Run(Box::new(run))).collect();
        journal.write(Batch { rows, state: None });
        assert_eq!(is_written.recv().unwrap(), JournalNews::Written);
        drop(journal);
        let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/plugins.d");
        let script = folder.path().join("plugins.d/reaction-script");
        fs::create_dir_all(&script).unwrap();
        for file in ["plugin.toml", "component.wasm"] {
            fs::copy(built.join("reaction-script").join(file), script.join(file)).unwrap();
        }
        fs::create_dir(folder.path().join("policies.d")).unwrap();
        Self(folder)
    }

    fn policy(&self, name: &str, text: &str) -> Subject {
        let file = self.0.path().join("policies.d").join(format!("{name}.rhai"));
        fs::write(&file, format!("// alarm-reaction: x\n{text}")).unwrap();
        Subject::open(&file).unwrap()
    }

    async fn replay(
        &self,
        subject: &Subject,
        against: Option<&Subject>,
    ) -> Result<Vec<Repeated>, AuthoringError> {
        let journal = &self.0.path().join("journal.sqlite");
        replay(Wanted { subject, against, journal, of: None, last: 2 }).await
    }
}

const SAME: &str = "management::restart_application(alarm.application);
                    `${alarm.application} restarted`";

#[tokio::test]
async fn same_version_does_the_same() {
    let desk = Desk::new(vec![restart("sip-a"), restart("sip-b"), restart("sip-c")]);
    let repeated = desk.replay(&desk.policy("restart", SAME), None).await.unwrap();
    let about: Vec<&str> = repeated.iter().map(|it| it.run.call.application.as_str()).collect();
    assert_eq!(about, ["sip-b", "sip-c"]);
    for one in repeated {
        assert!(!one.differs, "{one:#?}");
        assert_eq!(one.before, one.now);
    }
}

#[tokio::test]
async fn another_version_is_shown_with_what_it_would_have_done() {
    let desk = Desk::new(vec![restart("sip-a")]);
    let other = "let it = alarm.application; management::stop_application(it, true);
                 management::restart_application(it); clock::wait_ms(5);
                 `${it} ${settings::get(\"text\")} ${clock::now_unix_ms()}`";
    let repeated = desk.replay(&desk.policy("restart", other), None).await.unwrap();
    let [one] = &repeated[..] else { panic!("{repeated:#?}") };
    assert!(one.differs);
    assert_eq!(one.before.asked, ["management.restart-application sip-a"]);
    assert_eq!(
        one.now.asked,
        ["management.stop-application sip-a graceful", "management.restart-application sip-a"]
    );
    assert_eq!(one.now.ended, "ok: sip-a hello 1005");
}

#[tokio::test]
async fn what_nobody_knows_is_unavailable() {
    let desk = Desk::new(vec![restart("sip-a")]);
    let policy = desk.policy("restart", "management::get_application(\"media\").status");
    let repeated = desk.replay(&policy, None).await.unwrap();
    let ended = &repeated[0].now.ended;
    assert!(ended.contains("nobody asked for media when this was recorded"), "{ended}");
}

#[tokio::test]
async fn two_versions_are_compared_with_each_other_also_in_what_they_send() {
    let desk = Desk::new(vec![restart("sip-a")]);
    let told = |text: &str| {
        let mail = "mail::send(\"a@example.com\", \"it\", alarm.application)";
        format!("{mail}; {SAME}{text}")
    };
    fs::write(
        desk.0.path().join("policies.d/grant.toml"),
        "[[grant]]\npermission = \"mail\"\nfrom = \"t@example.com\"\n\
         recipients = [\"*@example.com\"]\nrelay = { host = \"localhost\", security = \"none\" }\n\
         [[grant]]\npermission = \"management\"\n",
    )
    .unwrap();
    let (new, old) = (desk.policy("restart", &told("")), desk.policy("old", SAME));
    // Mail is not recorded, so it is no difference to the record.
    let repeated = desk.replay(&new, None).await.unwrap();
    assert!(!repeated[0].differs, "{repeated:#?}");
    let repeated = desk.replay(&new, Some(&old)).await.unwrap();
    assert!(repeated[0].differs, "{repeated:#?}");
    assert!(repeated[0].now.asked[0].starts_with("mail.send\nto: a@example.com"));
    let same = desk.replay(&old, Some(&old)).await;
    assert!(same.unwrap_err().to_string().ends_with("no runs of plugin old"));
}
