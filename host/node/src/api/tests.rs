//! The API over real connections: who may, what is refused and how, streams and their resumption.

mod description;
mod operating;

use std::net::SocketAddr;
use std::sync::Arc;

use expect_test::expect_file;
use futures_util::StreamExt;
use serde_json::json;
use takeover_engine::{Engine, Kind};
use takeover_logic::control::io::RecordedEvent;
use takeover_logic::ids::EventSequence;
use takeover_logic::time::Timestamp;
use tower::ServiceExt;

use crate::control::shared::{Ask, Published, Running, Shared};
use crate::control::tests::{OPERATOR, Sse, TestServer, VIEWER, request, tls_request};
use crate::limits::STREAM_QUEUE_MAX;
use crate::plugins::{PluginFolders, Plugins};

async fn server() -> (TestServer, SocketAddr) {
    let server = TestServer::start().await;
    let page = server.server.page_address().unwrap();
    (server, page)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_and_their_roles_decide_who_may() {
    let (_server, page) = server().await;
    let cases = [
        ("GET", "/v1/overview", None, 401, "unauthorized"),
        ("GET", "/v1/overview", Some("wrong"), 401, "unauthorized"),
        ("GET", "/v1/overview", Some(""), 401, "unauthorized"),
        ("GET", "/v1/stream", None, 401, "unauthorized"),
        ("POST", "/v1/pairs/sip/pause", None, 401, "unauthorized"),
        ("POST", "/v1/pairs/sip/pause", Some(VIEWER), 403, "forbidden"),
        ("POST", "/v1/conditions/x/test", Some(VIEWER), 403, "forbidden"),
        ("POST", "/v1/alarms/1/clear", Some(VIEWER), 403, "forbidden"),
        ("POST", "/v1/applications/x/stop", Some(VIEWER), 403, "forbidden"),
        ("POST", "/v1/plugins/reaction-vip/rollback", Some(VIEWER), 403, "forbidden"),
        ("POST", "/v1/plugins/reaction-vip/shadow", Some(VIEWER), 403, "forbidden"),
        ("GET", "/v1/plugins/reaction-vip/shadow", None, 401, "unauthorized"),
    ];
    for (method, path, token, status, code) in cases {
        let answer = request(page, method, path, token, None).await;
        assert_eq!(answer.status, status, "{method} {path} {token:?}: {}", answer.text);
        assert_eq!(answer.body["error"]["code"], code, "{method} {path} {token:?}");
        assert!(!answer.text.contains("wrong"), "a token is not repeated: {}", answer.text);
    }
    for token in [VIEWER, OPERATOR] {
        for path in [
            "/v1/overview",
            "/v1/events",
            "/v1/alarms",
            "/v1/conditions",
            "/v1/config",
            "/v1/switchovers",
            "/v1/plugins",
            "/v1/plugins/reaction-vip",
            "/v1/plugins/reaction-vip/shadow",
        ] {
            let answer = request(page, "GET", path, Some(token), None).await;
            assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        }
    }
    let answer = request(page, "POST", "/v1/pairs/sip/pause", Some(OPERATOR), None).await;
    assert_eq!((answer.status, &answer.body), (200, &json!({"answer": "done"})));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_requests_get_one_clear_error() {
    let (_server, page) = server().await;
    let long = "x".repeat(65 * 1024);
    let stop = "/v1/applications/x/stop";
    let cases: [(&str, &str, Option<&str>, u16, &str); 13] = [
        ("GET", "/v1/nothing", None, 404, "there is no such path"),
        ("DELETE", "/v1/overview", None, 400, "does not take this method"),
        ("GET", "/v1/events?limit=0", None, 400, "limit: found 0, allowed: 1 to 1000"),
        ("GET", "/v1/events?limit=many", None, 400, "limit"),
        ("GET", "/v1/events?befor=1", None, 400, "unknown field `befor`"),
        ("GET", "/v1/switchovers/999", None, 404, "there is no switchover 999"),
        ("GET", "/v1/switchovers/last", None, 400, "last"),
        ("POST", "/v1/pairs/none/switchover", None, 404, "none"),
        ("POST", "/v1/pairs/sip/dance", None, 404, "allowed: switchover, pause, resume"),
        ("POST", "/v1/alarms/77/clear", None, 404, "77"),
        ("POST", stop, Some("{\"gracefull\":true}"), 400, "unknown field `gracefull`"),
        ("POST", stop, Some(&long), 413, "at most 65536 bytes"),
        ("GET", "/v1/agent", None, 403, "client certificate"),
    ];
    for (method, path, body, status, text) in cases {
        let answer = request(page, method, path, Some(OPERATOR), body).await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text);
        let message = answer.body["error"]["message"].as_str().unwrap_or_default();
        assert!(message.contains(text), "{method} {path}: {message:?} without {text:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_its_description_and_the_health_need_no_token() {
    let (_server, page) = server().await;
    let answer = request(page, "GET", "/", None, None).await;
    assert!(answer.status == 200 && answer.text.contains("<title>"), "{}", answer.text);
    assert!(answer.head.contains("content-security-policy: default-src 'none'"), "{}", answer.head);
    let answer = request(page, "GET", "/openapi.json", None, None).await;
    assert_eq!(answer.body["info"]["title"], "Takeover");
    let answer = request(page, "GET", "/healthz", None, None).await;
    assert_eq!((answer.status, &answer.body["status"]), (200, &json!("ok")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operators_use_the_tls_port_with_a_token_and_agents_need_a_certificate() {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    let (server, _page) = server().await;
    let address = server.server.address().unwrap();
    let mut roots = rustls::RootCertStore::empty();
    let ca = server.folder.path().join("ca.pem");
    roots.add(CertificateDer::from_pem_file(ca).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let tls = Arc::new(tls);
    let answer = tls_request(address, tls.clone(), "/v1/overview", Some(VIEWER)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.body["version"], env!("CARGO_PKG_VERSION"));
    let answer = tls_request(address, tls, "/v1/agent", Some(OPERATOR)).await;
    assert_eq!(answer.status, 403, "{}", answer.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_begins_with_the_overview_and_resumes_behind_a_sequence() {
    let (server, page) = server().await;
    let mut stream = Sse::open(page, "/v1/stream?after=0", VIEWER).await;
    assert_eq!(stream.next().await.0, "overview");
    for command in ["pause", "resume", "pause"] {
        let answer = server.post(&format!("/v1/pairs/sip/{command}"), None).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    let mut seen = Vec::new();
    let mut changed = false;
    while seen.len() < 6 || !changed {
        match stream.next().await {
            (name, Some(id), data) if name == "event" => {
                assert_eq!(data["sequence"], id);
                seen.push(id);
            }
            (name, ..) => changed |= name == "changed",
        }
    }
    assert_eq!(seen, (1..=seen.len() as u64).collect::<Vec<_>>(), "none missing, none twice");

    let mut resumed = Sse::open(page, "/v1/stream?after=3", VIEWER).await;
    assert_eq!(resumed.next().await.0, "overview");
    assert_eq!(resumed.next().await.1, Some(4));
    let events = server.get("/v1/events?after=3&limit=2").await.body;
    let sequences: Vec<_> =
        events["events"].as_array().unwrap().iter().map(|event| &event["sequence"]).collect();
    assert_eq!(sequences, [4, 5]);
}

/// The routes over a decision loop that only knows an empty overview.
async fn shared(folder: &std::path::Path) -> Arc<Shared> {
    use crate::journal::{Journal, JournalReader};
    let path = folder.join("journal.db");
    drop(Journal::<u64>::open(&path, Timestamp(1), |_| {}).unwrap());
    let (asks, mut asked) = tokio::sync::mpsc::channel(8);
    tokio::spawn(async move {
        while let Some(Ask::Overview(reply)) = asked.recv().await {
            let overview = crate::api::types::OverviewBody {
                version: "test".into(),
                at: Timestamp(1),
                journal_sequence: EventSequence(0),
                overview: Default::default(),
            };
            reply.send(Arc::new(overview)).unwrap();
        }
    });
    let text = format!(
        "[control]\ntokens = [{{ name = \"v\", role = \"viewer\", sha256 = \"{}\" }}]\n",
        crate::pki::hex(&<sha2::Sha256 as sha2::Digest>::digest(VIEWER))
    );
    let checked = takeover_logic::config::read(&[("a.toml".into(), text)]).unwrap();
    let running = Running { config: Arc::new(checked.config), shell: checked.shell };
    let reader = JournalReader::open(&path).unwrap();
    let engine = Arc::new(Engine::start(Default::default()).unwrap());
    let folders = PluginFolders::beside(
        folder.join("plugins.d"),
        folder.join("state"),
        &[Kind::AlarmReaction],
    );
    let plugins = Plugins::start(engine, folders, None, Default::default()).await.unwrap();
    Arc::new(Shared::new(asks, running, plugins, reader))
}

#[tokio::test]
async fn a_reader_that_is_too_slow_is_told_so_and_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let shared = shared(folder.path()).await;
    let request = axum::http::Request::get("/v1/stream")
        .header("authorization", format!("Bearer {VIEWER}"))
        .body(axum::body::Body::empty())
        .unwrap();
    let answer = super::routes::router(shared.clone()).oneshot(request).await.unwrap();
    assert_eq!(answer.status(), 200);
    let about = takeover_logic::catalog::About::control_server(Timestamp(1));
    for sequence in 1..=STREAM_QUEUE_MAX as u64 + 10 {
        let event = takeover_logic::catalog::control_started(&about, &sequence);
        let sequence = EventSequence(sequence);
        shared.publish(Published::Event(Arc::new(RecordedEvent { sequence, event })));
    }
    let mut text = String::new();
    let mut body = answer.into_body().into_data_stream();
    while let Some(part) = body.next().await {
        text.push_str(std::str::from_utf8(&part.unwrap()).unwrap());
    }
    assert!(text.starts_with("event: overview"), "{text}");
    assert!(text.trim_end().ends_with(": too slow: 10 items behind; resume by sequence"), "{text}");
}

#[test]
fn the_description_is_the_one_in_the_documentation() {
    expect_file!["../../../docs/generated/openapi.json"].assert_eq(&super::openapi::document());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plugins_are_shown_and_ordered_about() {
    let (_server, page) = server().await;
    let answer = request(page, "GET", "/v1/plugins", Some(VIEWER), None).await;
    let plugins = answer.body["plugins"].as_array().unwrap();
    let plugin = plugins.iter().find(|plugin| plugin["name"] == "reaction-vip").unwrap();
    assert_eq!((&plugin["state"], &plugin["kind"]), (&json!("active"), &json!("alarm-reaction")));
    assert!(!plugin["used_by"].as_array().unwrap().is_empty(), "{plugin:#}");
    let post = async |path: &str, body: Option<&str>| {
        request(page, "POST", &format!("/v1/plugins/{path}"), Some(OPERATOR), body).await
    };
    for (path, body, status) in [
        ("reaction-vip/rollback", None, 409),
        ("reaction-vip/promote", None, 409),
        ("reaction-vip/release", None, 409),
        ("reaction-vip/dance", None, 404),
        ("nobody/rollback", None, 404),
        ("reaction-vip/shadow", Some("{\"on\": 1}"), 400),
        ("reaction-vip/shadow", Some("{\"on\": true}"), 200),
        ("reaction-vip/shadow", Some("{\"on\": true}"), 409),
        ("reaction-vip/reload", None, 200),
    ] {
        let answer = post(path, body).await;
        assert_eq!(answer.status, status, "{path} {body:?}: {}", answer.text);
    }
    let answer = request(page, "GET", "/v1/plugins/reaction-vip/shadow", Some(VIEWER), None).await;
    assert_eq!(answer.body["on"], true);
    // Events are on the API when they are durable.
    let audit = "operator op asked for shadow on of plugin reaction-vip";
    let began = std::time::Instant::now();
    loop {
        let answer = request(page, "GET", "/v1/events?limit=1000", Some(VIEWER), None).await;
        if answer.text.contains(audit) && answer.text.contains("reaction-vip 0.1.0 loaded") {
            break;
        }
        assert!(began.elapsed().as_secs() < 20, "{}", answer.text);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}
