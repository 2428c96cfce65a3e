//! `takeover start`, `stop` and `restart`.

use serde::Serialize;
use takeover::api::types::StopBody;

use crate::args::{JsonArgs, ServerArgs};
use crate::client::{Client, segment};
use crate::exit::{Exit, Failure};
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
