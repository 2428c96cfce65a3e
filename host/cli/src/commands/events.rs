//! `takeover events`.

use takeover::api::types::EventsBody;
use takeover_logic::control::io::RecordedEvent;

use crate::args::{JsonArgs, ServerArgs};
use crate::client::Client;
use crate::exit::{Exit, Failure};
use crate::follow::{Heard, follow};
use crate::show::Show;

/// Which events.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    /// How many of those that are already there.
    pub(crate) limit: u32,
    /// Only those after this one.
    pub(crate) after: Option<u64>,
    /// Also those to come.
    pub(crate) follow: bool,
}

/// Shows events; with `follow` until it is interrupted.
///
/// As JSON: the body of the API, or with `follow` one event per line.
pub(crate) fn show(server: &ServerArgs, json: JsonArgs, wanted: Wanted) -> Result<Exit, Failure> {
    let client = Client::new(server)?;
    let after = wanted.after.map(|after| format!("&after={after}")).unwrap_or_default();
    let text = client.get_text(&format!("/v1/events?limit={}{after}", wanted.limit))?;
    let body: EventsBody = client.parse(&text)?;
    let show = Show::new();
    if !wanted.follow && json.json {
        show.out.print(&text)?;
        return Ok(Exit::Ok);
    }
    let print = |recorded: &RecordedEvent| {
        show.out.print(&match json.json {
            true => serde_json::to_string(recorded).map_err(anyhow::Error::from)?,
            false => show.event(recorded),
        })
    };
    for recorded in &body.events {
        print(recorded)?;
    }
    if wanted.follow {
        // An empty journal is followed from its beginning, else an event that comes before the
        // stream is open would be missing.
        let last = body.events.last().map(|event| event.sequence.0).or(wanted.after).unwrap_or(0);
        follow(&client, Some(last), |heard| match heard {
            Heard::Event(recorded) => print(&recorded),
            Heard::Lost(why) => {
                eprintln!("takeover: connection lost, trying again: {why}");
                Ok(())
            }
            Heard::Overview(_) | Heard::Changed(_) => Ok(()),
        })?;
    }
    Ok(Exit::Ok)
}
