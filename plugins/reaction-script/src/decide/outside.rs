//! What a script may ask of the world outside the management layer, within what the operator
//! granted: `command`, `http`, `mail`, `datagram`. A fault is thrown.

use std::rc::Rc;

use takeover_script::rhai::{Array, Blob, Dynamic, Engine, Map, Module};

use super::Host;
use super::alarm::{entries, text};
use super::fault::{Outcome, function, thrown};
use crate::bindings::takeover::plugin::http::{Request, Response};
use crate::bindings::takeover::plugin::types::Attribute;

/// Teaches the engine the four.
pub fn register(engine: &mut Engine, host: &Rc<dyn Host>) {
    engine.register_static_module("command", command(host).into());
    engine.register_static_module("http", http(host).into());
    engine.register_static_module("mail", mail(host).into());
    engine.register_static_module("datagram", datagram(host).into());
}

fn command(host: &Rc<dyn Host>) -> Module {
    let mut module = Module::new();
    function!(module, "run", |host, program: &str, arguments: Array| {
        let output = thrown(host.run(program, &texts("command::run: argument", arguments)?))?;
        Ok(entries([
            ("exit_code", i64::from(output.exit_code).into()),
            ("stdout", text(&output.stdout)),
            ("stderr", text(&output.stderr)),
        ]))
    });
    module
}

fn http(host: &Rc<dyn Host>) -> Module {
    let mut module = Module::new();
    function!(module, "send", |host, request: Map| {
        thrown(host.request(&http_request(request)?)).map(|response| http_response(&response))
    });
    module
}

fn mail(host: &Rc<dyn Host>) -> Module {
    let mut module = Module::new();
    function!(module, "send", |host, to: Array, subject: &str, message: &str| {
        thrown(host.mail(&texts("mail::send: recipient", to)?, subject, message))
    });
    function!(module, "send", |host, to: &str, subject: &str, message: &str| {
        thrown(host.mail(&[to.to_owned()], subject, message))
    });
    module
}

fn datagram(host: &Rc<dyn Host>) -> Module {
    let mut module = Module::new();
    function!(module, "send", |host, to: &str, payload: &str| {
        thrown(host.datagram(to, payload.as_bytes()))
    });
    function!(module, "send", |host, to: &str, payload: Blob| {
        thrown(host.datagram(to, &payload))
    });
    module
}

/// `#{url, method: "GET", headers: #{}, body: ""}`; all but `url` may be left out.
fn http_request(mut request: Map) -> Outcome<Request> {
    let url = request.remove("url").ok_or("http::send: url is missing")?;
    let method = request.remove("method").unwrap_or_else(|| text("GET"));
    let headers = request.remove("headers").unwrap_or_else(|| Dynamic::from_map(Map::new()));
    let body = request.remove("body").unwrap_or_else(|| text(""));
    if let Some((name, _)) = request.first_key_value() {
        let allowed = "known are url, method, headers and body";
        return Err(format!("http::send: {name} is unknown, {allowed}").into());
    }
    let headers = headers
        .try_cast_result::<Map>()
        .map_err(|found| format!("http::send: headers is {found}, allowed is a map"))?;
    let header = |(name, value): (_, Dynamic)| {
        let value = one_text(&format!("http::send: header {name}"), value)?;
        Ok(Attribute { name: String::from(name), value })
    };
    let body = match body.try_cast_result::<Blob>() {
        Ok(body) => body,
        Err(body) => one_text("http::send: body", body)?.into_bytes(),
    };
    Ok(Request {
        method: one_text("http::send: method", method)?,
        url: one_text("http::send: url", url)?,
        headers: headers.into_iter().map(header).collect::<Outcome<_>>()?,
        body,
    })
}

/// `#{status, headers, body}`; names of headers are in lower case (RFC 9110, 5.1), and the values
/// of one that comes several times are joined as its 5.3 says.
fn http_response(response: &Response) -> Map {
    let mut headers = Map::new();
    for Attribute { name, value } in &response.headers {
        let name = name.to_ascii_lowercase();
        let joined = match headers.get(name.as_str()) {
            Some(before) => format!("{before}, {value}"),
            None => value.clone(),
        };
        headers.insert(name.into(), joined.into());
    }
    entries([
        ("status", i64::from(response.status).into()),
        ("headers", Dynamic::from_map(headers)),
        ("body", text(&String::from_utf8_lossy(&response.body))),
    ])
}

/// A list in which everything is a text.
fn texts(what: &str, list: Array) -> Outcome<Vec<String>> {
    list.into_iter().map(|value| one_text(what, value)).collect()
}

fn one_text(what: &str, value: Dynamic) -> Outcome<String> {
    value.into_string().map_err(|found| format!("{what} is {found}, allowed is a text").into())
}
