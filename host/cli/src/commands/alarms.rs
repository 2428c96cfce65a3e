//! `takeover alarms`.

use takeover::api::types::{AlarmsBody, AnswerBody, ConditionsBody};
use takeover_logic::control::io::Answer;

use crate::args::{AlarmsCommand, JsonArgs, ServerArgs};
use crate::client::{Client, segment};
use crate::exit::{Exit, Failure};
use crate::show::Show;

/// Does what was asked for.
pub(crate) fn run(command: AlarmsCommand) -> Result<Exit, Failure> {
    match command {
        AlarmsCommand::List { server, json, all } => list(&server, json, all),
        AlarmsCommand::Conditions { server, json } => conditions(&server, json),
        AlarmsCommand::Clear { server, json, id } => clear(&server, json, id),
        AlarmsCommand::Test { server, json, condition } => test(&server, json, &condition),
    }
}

fn list(server: &ServerArgs, json: JsonArgs, all: bool) -> Result<Exit, Failure> {
    let client = Client::new(server)?;
    let query = if all { "" } else { "?active=true" };
    let text = client.get_text(&format!("/v1/alarms{query}"))?;
    let show = Show::new();
    let shown = match json.json {
        true => text,
        false => show.alarms(&client.parse::<AlarmsBody>(&text)?.alarms),
    };
    show.out.print(&shown)?;
    Ok(Exit::Ok)
}

fn conditions(server: &ServerArgs, json: JsonArgs) -> Result<Exit, Failure> {
    let client = Client::new(server)?;
    let text = client.get_text("/v1/conditions")?;
    let show = Show::new();
    let shown = match json.json {
        true => text,
        false => show.conditions(&client.parse::<ConditionsBody>(&text)?),
    };
    show.out.print(&shown)?;
    Ok(Exit::Ok)
}

fn clear(server: &ServerArgs, json: JsonArgs, id: u64) -> Result<Exit, Failure> {
    let text = Client::new(server)?.post(&format!("/v1/alarms/{id}/clear"), &())?;
    let shown = if json.json { text } else { format!("alarm {id} is cleared") };
    Show::new().out.print(&shown)?;
    Ok(Exit::Ok)
}

fn test(server: &ServerArgs, json: JsonArgs, condition: &str) -> Result<Exit, Failure> {
    let client = Client::new(server)?;
    let text = client.post(&format!("/v1/conditions/{}/test", segment(condition)), &())?;
    let show = Show::new();
    if json.json {
        show.out.print(&text)?;
        return Ok(Exit::Ok);
    }
    show.out.print(&match client.parse::<AnswerBody>(&text)?.answer {
        Answer::Alarm(id) => {
            format!("alarm {id} is raised and its reactions run; see takeover alarms list --all")
        }
        _ => format!("condition {condition} is tested"),
    })?;
    Ok(Exit::Ok)
}
