//! Alarms inside another program: its own events come in, a component pages the person on duty
//! through an interface that this program adds. `embedded-alarms PLUGIN_FOLDER`
#![allow(clippy::print_stdout, reason = "an example that shows what happens")]

use anyhow::{Context, Result};
use takeover::embed::{EventId, HostInterface, Level, LogEvent, News, Pipeline};

const CONFIGURATION: &str = r#"
    [[reaction]]
    name = "page"
    plugin = "test-desk"

    [[condition]]
    name = "queue_full"
    description = "Calls wait longer than they should"
    category = "major"
    detect = { event = "42-00001", any = true }
    cancel = { event = "42-00002", any = true }
    reactions = ["page"]
"#;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let plugins = std::env::args().nth(1).context("usage: embedded-alarms PLUGIN_FOLDER")?;
    let pager = HostInterface::new("example:desk/pager@1.0.0").function(
        "page",
        |(text,): (String,)| async move {
            println!("paging Ada: {text}");
            ("Ada".to_owned(),)
        },
    );
    let builder = Pipeline::builder(CONFIGURATION).plugins(plugins).interface(pager);
    let mut pipeline = builder.start().await?;
    pipeline.event(event(1, "31 calls wait in the queue")).await;
    loop {
        match pipeline.next().await {
            News::Event(recorded) => println!("{} {}", recorded.event.id, recorded.event.text),
            News::Alarm(alarm) if alarm.cleared.is_some() => return Ok(()),
            News::Alarm(alarm) if alarm.reactions.iter().all(|run| run.state.has_ended()) => {
                println!("{}: {:?}", alarm.condition, alarm.reactions);
                pipeline.event(event(2, "the queue is short again")).await;
            }
            News::Alarm(_) | News::Missed(_) => {}
        }
    }
}

fn event(number: u32, text: &str) -> LogEvent {
    let (id, level, at) = (EventId::new(42, number), Level::Standard, takeover::clock::timestamp());
    let (application, application_type, host, attributes) = (None, None, None, Vec::new());
    LogEvent { id, level, text: text.into(), application, application_type, host, at, attributes }
}
