//! `takeover start`, `stop`, `restart` and `application`.

use serde::Serialize;
use takeover::api::types::{OptionBody, StopBody};

use crate::args::{ApplicationCommand, JsonArgs, ServerArgs};
use crate::client::{Client, segment};
use crate::exit::{Exit, Failure};
use crate::out::clean;
use crate::show::Show;

/// Starts an application.
pub(crate) fn start(server: &ServerArgs, json: JsonArgs, name: &str) -> Result<Exit, Failure> {
    let text = post(server, name, "start", &())?;
    answer(json, text, &format!("application {name} is started"))
}

/// Stops an application.
pub(crate) fn stop(
    server: &ServerArgs,
    json: JsonArgs,
    name: &str,
    graceful: bool,
) -> Result<Exit, Failure> {
    let text = post(server, name, "stop", &StopBody { graceful })?;
    answer(json, text, &format!("application {name} is stopped"))
}

/// Stops and starts an application.
pub(crate) fn restart(server: &ServerArgs, json: JsonArgs, name: &str) -> Result<Exit, Failure> {
    let text = post(server, name, "restart", &())?;
    answer(json, text, &format!("application {name} is restarted"))
}

/// Does what was asked for about one application.
pub(crate) fn one(command: ApplicationCommand) -> Result<Exit, Failure> {
    match command {
        ApplicationCommand::Show { server, json, application } => {
            let client = Client::new(&server)?;
            let text = client.get_text(&format!("/v1/applications/{}", segment(&application)))?;
            let show = Show::new();
            let shown = if json.json { text } else { show.application(&client.parse(&text)?) };
            show.out.print(&shown)?;
            Ok(Exit::Ok)
        }
        ApplicationCommand::SetOption { server, json, application, option, value } => {
            let done = format!("option {option} of {application} is set to {value}");
            let body = OptionBody { option, value: Some(value) };
            answer(json, post(&server, &application, "set-option", &body)?, &clean(&done))
        }
        ApplicationCommand::UnsetOption { server, json, application, option } => {
            let done = format!("option {option} of {application} is as configured");
            let body = OptionBody { option, value: None };
            answer(json, post(&server, &application, "unset-option", &body)?, &clean(&done))
        }
    }
}

fn post(
    server: &ServerArgs,
    name: &str,
    verb: &str,
    body: &impl Serialize,
) -> Result<String, Failure> {
    let path = format!("/v1/applications/{}/{verb}", segment(name));
    Client::new(server)?.post(&path, body)
}

fn answer(json: JsonArgs, text: String, done: &str) -> Result<Exit, Failure> {
    Show::new().out.print(if json.json { &text } else { done })?;
    Ok(Exit::Ok)
}
