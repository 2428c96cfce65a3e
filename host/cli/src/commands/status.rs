//! `takeover status`.

use takeover::api::types::OverviewBody;

use crate::args::{JsonArgs, ServerArgs};
use crate::client::Client;
use crate::exit::{Exit, Failure};
use crate::follow::{Heard, follow};
use crate::health::troubles;
use crate::out::Style;
use crate::show::Show;
use crate::view;

/// Shows the overview once.
pub(crate) fn show(server: &ServerArgs, json: JsonArgs) -> Result<Exit, Failure> {
    let client = Client::new(server)?;
    let text = client.get_text("/v1/overview")?;
    let body: OverviewBody = client.parse(&text)?;
    let show = Show::new();
    show.out.print(&if json.json { text } else { show.overview(&body) })?;
    Ok(if troubles(&body.overview).is_empty() { Exit::Ok } else { Exit::Problems })
}

/// Shows the overview after every change, until it is interrupted.
pub(crate) fn watch(server: &ServerArgs, json: JsonArgs) -> Result<Exit, Failure> {
    let client = Client::new(server)?;
    let show = Show::new();
    let mut current: Option<OverviewBody> = None;
    follow(&client, None, |heard| {
        match heard {
            Heard::Overview(body) => current = Some(*body),
            Heard::Changed(change) => {
                let Some(body) = &mut current else { return Ok(()) };
                view::apply(&mut body.overview, *change);
                body.at = now();
            }
            Heard::Event(_) => return Ok(()),
            Heard::Lost(why) => return lost(&show, current.as_ref(), json, &why),
        }
        let Some(body) = &current else { return Ok(()) };
        let text = match json.json {
            true => serde_json::to_string(body).map_err(anyhow::Error::from)?,
            false => format!("{}{}", show.out.clear(), show.overview(body)),
        };
        show.out.print(&text)
    })?;
    Ok(Exit::Ok)
}

/// An old picture must not pass for the present: say so above it.
fn lost(
    show: &Show,
    last: Option<&OverviewBody>,
    json: JsonArgs,
    why: &str,
) -> Result<(), Failure> {
    let sentence = format!("connection lost, trying again: {why}");
    if json.json || !show.out.is_terminal() {
        eprintln!("takeover: {sentence}");
        return Ok(());
    }
    let picture = last.map(|body| show.overview(body)).unwrap_or_default();
    let sentence = show.out.paint(Style::Bad, &sentence);
    let clear = show.out.clear();
    show.out.print(&format!("{clear}{sentence}\nwhat was last known:\n\n{picture}"))
}

fn now() -> takeover_logic::time::Timestamp {
    let millis = jiff::Timestamp::now().as_millisecond();
    takeover_logic::time::Timestamp(u64::try_from(millis).unwrap_or_default())
}
