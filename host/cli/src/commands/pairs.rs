//! `takeover switchover`, `pause` and `resume`.

use takeover::api::types::{AnswerBody, StepsBody, SwitchoverBody};
use takeover_logic::control::io::Answer;

use crate::args::{JsonArgs, ServerArgs};
use crate::client::{Client, segment};
use crate::exit::{Exit, Failure};
use crate::show::Show;

/// Exchanges the run modes of a pair and shows how it went.
pub(crate) fn switchover(
    server: &ServerArgs,
    json: JsonArgs,
    pair: &str,
    how: SwitchoverBody,
) -> Result<Exit, Failure> {
    let client = Client::new(server)?;
    let text = client.post(&format!("/v1/pairs/{}/switchover", segment(pair)), &how)?;
    let show = Show::new();
    if json.json {
        show.out.print(&text)?;
        return Ok(Exit::Ok);
    }
    let shown = match client.parse::<AnswerBody>(&text)?.answer {
        Answer::SwitchedOver(id) => {
            let body: StepsBody = client.get(&format!("/v1/switchovers/{id}"))?;
            show.steps(&body.steps)
        }
        _ => format!("pair {pair} is switched over"),
    };
    show.out.print(&shown)?;
    Ok(Exit::Ok)
}

/// Lets the control server decide nothing by itself about a pair.
pub(crate) fn pause(server: &ServerArgs, json: JsonArgs, pair: &str) -> Result<Exit, Failure> {
    command(
        server,
        json,
        pair,
        "pause",
        "is paused: nothing is decided about it until it is resumed",
    )
}

/// Lets the control server decide about a pair again.
pub(crate) fn resume(server: &ServerArgs, json: JsonArgs, pair: &str) -> Result<Exit, Failure> {
    command(server, json, pair, "resume", "is resumed")
}

fn command(
    server: &ServerArgs,
    json: JsonArgs,
    pair: &str,
    verb: &str,
    done: &str,
) -> Result<Exit, Failure> {
    let path = format!("/v1/pairs/{}/{verb}", segment(pair));
    let text = Client::new(server)?.post(&path, &())?;
    Show::new().out.print(&if json.json { text } else { format!("pair {pair} {done}") })?;
    Ok(Exit::Ok)
}
