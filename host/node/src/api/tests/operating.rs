//! What operators see and set of plugins and applications, over real connections.

use serde_json::json;
use takeover_logic::plugin::report::PluginView;

use super::server;
use crate::control::tests::{OPERATOR, VIEWER, request};

fn vip_linux(version: &str) -> PluginView {
    let view = json!({
        "name": "vip-linux", "host": "somebody else", "version": version, "kind": "vip-backend",
        "sha256": "ab", "state": "active", "generation": 3, "reloads": 1,
        "rejected": [{"package": "cd", "version": "9", "step": "verify", "reason": "no"}],
        "calls": {
            "calls": 2, "answered": 1, "faults": 1, "traps": 0, "deadlines": 0, "limits": 0,
            "saturated": 0, "own_ms": 1, "host_ms": 2, "queued_ms": 0, "slowest_ms": 2,
            "memory_bytes_max": 65536,
            "own": {
                "counts": [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
                "total_us": 100, "max_us": 70, "median_us": 50, "p99_us": 70,
            },
        },
    });
    serde_json::from_value(view).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plugins_of_hosts_are_shown_with_their_host_while_it_is_linked() {
    let (server, page) = server().await;
    let agent = server.agent("h1");
    server
        .eventually("/v1/overview", |overview| {
            (overview["hosts"][0]["status"] == "running").then_some(())
        })
        .await;
    agent.plugins(vec![vip_linux("1.0.0")]);
    let of_host = |body: &serde_json::Value| {
        let mut plugins = body["plugins"].as_array()?.iter();
        plugins.find(|plugin| plugin["host"] == "h1").cloned()
    };
    let shown = server.eventually("/v1/plugins", of_host).await;
    assert_eq!((&shown["name"], &shown["reloads"]), (&json!("vip-linux"), &json!(1)));
    let body = server.get("/v1/plugins").await.body;
    let own = body["plugins"].as_array().unwrap().iter().filter(|it| it["host"].is_null());
    assert!(own.count() > 3, "the control server has its own: {body:#}");
    let rejected = body["rejected"].as_array().unwrap();
    assert!(rejected.iter().any(|it| it["host"] == "h1"), "{body:#}");
    let asked = [
        ("/v1/plugins/vip-linux", 200),
        ("/v1/plugins/vip-linux?host=h1", 200),
        ("/v1/plugins/vip-linux?host=h2", 404),
        ("/v1/plugins/reaction-vip?host=h1", 404),
        ("/v1/plugins/reaction-vip?hosts=h1", 400),
    ];
    for (path, status) in asked {
        assert_eq!(server.get(path).await.status, status, "{path}");
    }
    agent.plugins(vec![vip_linux("1.1.0")]);
    let newer = |body: &serde_json::Value| of_host(body).filter(|it| it["version"] == "1.1.0");
    server.eventually("/v1/plugins", newer).await;

    let answer = request(page, "GET", "/metrics", None, None).await;
    assert_eq!(answer.status, 401, "{}", answer.text);
    let answer = request(page, "GET", "/metrics", Some(VIEWER), None).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(answer.head.contains("application/openmetrics-text; version=1.0.0"), "{}", answer.head);
    well_formed(&answer.text);
    for line in [
        "takeover_host_linked{host=\"h1\"} 1",
        "takeover_host_linked{host=\"h2\"} 0",
        "takeover_plugin_reloads_total{host=\"h1\",plugin=\"vip-linux\"} 1",
        "takeover_plugin_calls_total{host=\"h1\",plugin=\"vip-linux\",version=\"1.1.0\",\
         generation=\"3\",outcome=\"fault\"} 1",
        "takeover_plugin_call_seconds_bucket{host=\"h1\",plugin=\"vip-linux\",version=\"1.1.0\",\
         generation=\"3\",share=\"component\",le=\"0.0001\"} 2",
        "takeover_plugin_memory_peak_bytes{host=\"h1\",plugin=\"vip-linux\",version=\"1.1.0\",\
         generation=\"3\"} 65536",
        "takeover_pair_paused{pair=\"sip\"} 0",
        "takeover_alarms_active{category=\"minor\"} 0",
        "takeover_journal_failing 0",
    ] {
        assert!(answer.text.lines().any(|found| found == line), "{line}\n{}", answer.text);
    }
    drop(agent);
    let gone = |body: &serde_json::Value| of_host(body).is_none().then_some(());
    server.eventually("/v1/plugins", gone).await;
}

/// Every sample belongs to the family before it, no name and no sample comes twice, and the text
/// has an end.
fn well_formed(text: &str) {
    let (mut families, mut samples) = (Vec::new(), Vec::new());
    let (lines, end) = text.split_at(text.len() - "# EOF\n".len());
    assert_eq!(end, "# EOF\n");
    for line in lines.lines() {
        if let Some(family) = line.strip_prefix("# TYPE ") {
            let name = family.split(' ').next().unwrap();
            assert!(!families.contains(&name), "{name} again");
            families.push(name);
        } else if !line.starts_with("# HELP ") {
            let (sample, value) = line.rsplit_once(' ').unwrap();
            assert!(value.parse::<f64>().is_ok(), "{line}");
            assert!(sample.starts_with(families.last().unwrap()), "{line}");
            samples.push(sample);
        }
    }
    let count = samples.len();
    samples.sort_unstable();
    samples.dedup();
    assert_eq!(samples.len(), count, "a sample comes twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn options_are_set_shown_and_unset_by_operators_only() {
    let (server, page) = server().await;
    let more = "[pair.application.options.TServer]\nsip-pass-check = false\n";
    server.append(more);
    let [first, _second] = server.pair().await;
    let path = format!("/v1/applications/{first}");
    let option = |body: &serde_json::Value| body["options"].get(0).cloned();
    let shown = server.eventually(&path, option).await;
    assert_eq!((&shown["name"], &shown["value"]), (&json!("sip-pass-check"), &json!(false)));
    let post = async |action: &str, token, body: &str| {
        request(page, "POST", &format!("{path}/{action}"), Some(token), Some(body)).await
    };
    let set = "{\"option\": \"sip-pass-check\", \"value\": \"true\"}";
    let unset = "{\"option\": \"TServer/sip-pass-check\"}";
    for (action, token, body, status, text) in [
        ("set-option", VIEWER, set, 403, "needed: operator"),
        (
            "set-option",
            OPERATOR,
            "{\"option\": \"x\", \"value\": \"1\"}",
            422,
            "option x is unknown",
        ),
        ("set-option", OPERATOR, unset, 400, "found no value"),
        ("unset-option", OPERATOR, set, 400, "found a value"),
        ("set-option", OPERATOR, "{}", 400, "missing field `option`"),
        ("set-option", OPERATOR, set, 200, "done"),
    ] {
        let answer = post(action, token, body).await;
        assert_eq!(answer.status, status, "{action} {body}: {}", answer.text);
        assert!(answer.text.contains(text), "{action} {body}: {}", answer.text);
    }
    let shown = option(&server.get(&path).await.body).unwrap();
    assert_eq!((&shown["value"], &shown["configured"]), (&json!(true), &json!(false)));
    assert_eq!(shown["set_by"], "operator op");
    let events = server.get("/v1/events?limit=1000").await.text;
    assert!(events.contains("is set to true, before false, by operator op"), "{events}");
    assert_eq!(post("unset-option", OPERATOR, unset).await.status, 200);
    let shown = option(&server.get(&path).await.body).unwrap();
    assert_eq!((&shown["value"], &shown["set_by"]), (&json!(false), &json!(null)));
    assert_eq!(server.get("/v1/applications/nobody").await.status, 404);
}
