//! `takeover why`.

use takeover::api::types::{StepsBody, SwitchoversBody};

use crate::args::{JsonArgs, ServerArgs};
use crate::client::Client;
use crate::exit::{Exit, Failure};
use crate::show::Show;

/// Explains a decision: its number, or `last`.
pub(crate) fn explain(server: &ServerArgs, json: JsonArgs, which: &str) -> Result<Exit, Failure> {
    let client = Client::new(server)?;
    let id = match (which, which.parse::<u64>()) {
        (_, Ok(id)) => id,
        ("last", _) => {
            let body: SwitchoversBody = client.get("/v1/switchovers?limit=1")?;
            let Some(last) = body.switchovers.first() else {
                return Err(Failure::new(Exit::Refused, "nothing has been decided yet"));
            };
            last.id.0
        }
        _ => {
            let text = format!("decision {which:?}: expected a number or last");
            return Err(Failure::new(Exit::Usage, text));
        }
    };
    let text = client.get_text(&format!("/v1/switchovers/{id}"))?;
    let show = Show::new();
    let shown = match json.json {
        true => text,
        false => show.steps(&client.parse::<StepsBody>(&text)?.steps),
    };
    show.out.print(&shown)?;
    Ok(Exit::Ok)
}
