//! The OpenAPI description against what the API really says: values of every view, and the
//! answers of a whole control server, each validated against its schema in the document.
//!
//! The document is read strictly: a field that is sent and not described is as wrong as one of
//! another type than described.

mod document;
mod samples;

use serde_json::{Value, json};

use self::document::{Description, pointers};
use super::server;
use crate::control::tests::{OPERATOR, Sse, VIEWER, request};

/// Places that say no more than "an object", and why.
const FREE_FORM: &[(&str, &str)] = &[(
    "/paths/~1v1~1config/get/responses/200/content/application~1json/schema",
    "the configuration has a page of its own, and components' settings are part of it",
)];

#[test]
fn every_view_is_as_described() {
    let mut description = Description::new();
    for (schema, value) in samples::all() {
        let answer = description.check(schema, &value);
        answer.unwrap_or_else(|error| panic!("{schema}: {error}\n{value:#}"));
    }
}

#[test]
fn nothing_in_a_view_may_be_of_another_type() {
    let mut description = Description::new();
    let mut tried = 0;
    for (schema, value) in samples::all() {
        for pointer in pointers(&value) {
            let mut wrong = value.clone();
            let place = wrong.pointer_mut(&pointer).unwrap();
            *place = match place {
                Value::Bool(_) => json!("true"),
                Value::Number(_) => json!("7"),
                Value::String(_) => json!(7),
                Value::Null | Value::Array(_) | Value::Object(_) => json!(true),
            };
            let answer = description.check(schema, &wrong);
            assert!(answer.is_err(), "{schema}{pointer} may be anything: {wrong:#}");
            tried += 1;
        }
    }
    assert!(tried > 500, "only {tried} values were tried");
}

#[test]
fn what_is_not_described_is_noticed() {
    let mut description = Description::new();
    let mut check = |schema, value| description.check(schema, &value);
    assert_eq!(check("Status", json!("service-unavailable")), Ok(()));
    check("Status", json!("well")).unwrap_err();
    check("Answer", json!({"switched-over": -1})).unwrap_err();
    check("StatusCause", json!({"why": "died"})).unwrap_err();
    check("Nothing", json!({})).unwrap_err();
    assert_eq!(check("HealthBody", json!({"status": "ok", "journal": "ok"})), Ok(()));
    check("HealthBody", json!({"status": "ok"})).unwrap_err();
    check("HealthBody", json!({"status": "ok", "journal": "ok", "mood": "fine"})).unwrap_err();
}

#[test]
fn nothing_is_described_as_just_an_object() {
    let allowed: Vec<_> = FREE_FORM.iter().map(|(place, _reason)| *place).collect();
    assert_eq!(Description::new().bare(), allowed);

    let schemas = json!({
        "Bare": {"type": "object", "description": "of any form"},
        "Inside": {"type": "object", "properties": {"list": {"type": "array", "items": {}}}},
        "Null": {"type": ["object", "null"]},
        "Good": {"type": ["integer", "null"]},
    });
    assert_eq!(
        Description::of(json!({"components": {"schemas": schemas}})).bare(),
        ["Bare", "Inside/properties/list/items", "Null"]
            .map(|place| format!("/components/schemas/{place}"))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_of_a_control_server_is_as_described() {
    let (server, page) = server().await;
    let mut description = Description::new();
    let mut stream = Sse::open(page, "/v1/stream?after=0", VIEWER).await;
    let [first, second] = server.pair().await;
    let (one, _two) = (server.agent("h1"), server.agent("h2"));
    server.wait_for_primary(&first, "h1").await;
    one.die(&first);
    server.wait_for_primary(&second, "h2").await;
    one.start_application(&first);
    let backup = |overview: &Value| (overview["pairs"][0]["backup"] == *first).then_some(());
    server.eventually("/v1/overview", backup).await;

    let condition = server.get("/v1/conditions").await.body["conditions"][0]["name"].clone();
    let test = format!("/v1/conditions/{}/test", condition.as_str().unwrap());
    let is_over = |alarm: &Value| !alarm["cleared"].is_null();
    let quiet = |body: &Value| body["alarms"].as_array()?.iter().all(is_over).then_some(());
    server.eventually("/v1/alarms", quiet).await;
    let raised = server.post(&test, None).await.body["answer"]["alarm"].as_u64().unwrap();
    let clear = format!("/v1/alarms/{raised}/clear");
    let (last, switch) = ("/v1/switchovers/1", "/v1/pairs/sip/switchover");
    let stop = format!("/v1/applications/{first}/dance");
    let application = format!("/v1/applications/{first}");
    let cases = [
        ("GET", "/v1/overview", "/v1/overview", OPERATOR, 200),
        ("GET", "/v1/overview", "/v1/overview", "wrong", 401),
        ("POST", "/v1/alarms/{id}/clear", &clear, VIEWER, 403),
        ("POST", "/v1/alarms/{id}/clear", &clear, OPERATOR, 200),
        ("POST", "/v1/alarms/{id}/clear", "/v1/alarms/77/clear", OPERATOR, 404),
        ("POST", "/v1/pairs/{name}/{action}", switch, OPERATOR, 200),
        ("POST", "/v1/pairs/{name}/{action}", "/v1/pairs/sip/pause", OPERATOR, 200),
        ("POST", "/v1/applications/{name}/{action}", &stop, OPERATOR, 404),
        ("POST", "/v1/conditions/{name}/test", &test, OPERATOR, 200),
        ("GET", "/v1/alarms", "/v1/alarms", VIEWER, 200),
        ("GET", "/v1/events", "/v1/events?limit=1000", VIEWER, 200),
        ("GET", "/v1/events", "/v1/events?limit=0", VIEWER, 400),
        ("GET", "/v1/conditions", "/v1/conditions", VIEWER, 200),
        ("GET", "/v1/switchovers", "/v1/switchovers", VIEWER, 200),
        ("GET", "/v1/switchovers/{id}", last, VIEWER, 200),
        ("GET", "/v1/plugins", "/v1/plugins", VIEWER, 200),
        ("GET", "/v1/plugins/{name}", "/v1/plugins/reaction-vip", VIEWER, 200),
        ("GET", "/v1/applications/{name}", &application, VIEWER, 200),
        ("GET", "/v1/config", "/v1/config", VIEWER, 200),
        ("GET", "/healthz", "/healthz", VIEWER, 200),
    ];
    for (method, path, asked, token, status) in cases {
        let answer = request(page, method, asked, Some(token), None).await;
        assert_eq!(answer.status, status, "{method} {asked}: {}", answer.text);
        let checked = description.check_answer((method, path), status, &answer.body);
        checked.unwrap_or_else(|error| panic!("{method} {asked}: {error}\n{}", answer.text));
    }

    let mut unseen = vec!["overview", "event", "changed", "step"];
    while !unseen.is_empty() {
        let (name, _, data) = stream.next().await;
        unseen.retain(|unseen| *unseen != name);
        let checked = description.check_answer(("GET", "/v1/stream"), 200, &data);
        checked.unwrap_or_else(|error| panic!("{name}: {error}\n{data:#}"));
    }
}
