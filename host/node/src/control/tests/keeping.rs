//! What programs have kept, through the whole control server and over its restart.

use takeover_logic::ids::Term;
use takeover_logic::keep::{Item, Keep, Kept};

use super::*;

const OPEN: Keep = Keep::Open { session: 5, knows: false };

fn items() -> Vec<Item> {
    vec![Item { key: "contacts-1/2000".into(), value: Some("[\"x\"]".into()) }]
}

async fn told(agent: &mut ScriptedAgent, application: &str) -> Vec<Item> {
    match agent.kept(application).await {
        Kept::Told { begin: true, end: true, items, .. } => items,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_backup_is_told_what_the_primary_has_kept_also_after_a_restart() {
    let server = TestServer::start().await;
    let [first, second] = server.pair().await;
    let (mut one, mut two) = (server.agent("h1"), server.agent("h2"));
    server.wait_for_primary(&first, "h1").await;
    let term = server.get("/v1/overview").await.body["pairs"][0]["term"].as_u64().unwrap();
    let put = |term| Keep::Put { session: 5, term: Term(term), items: items(), all: true };

    // A program of another host is none of this agent's business.
    two.keep(&first, OPEN);
    one.keep(&first, OPEN);
    assert_eq!(told(&mut one, &first).await, []);
    one.keep(&first, Keep::Taken { session: 5 });
    one.keep(&first, put(term + 1));
    assert_eq!(one.kept(&first).await, Kept::Refused { session: 5 });
    one.keep(&first, put(term));
    assert_eq!(one.kept(&first).await, Kept::Taken { session: 5 });
    two.keep(&second, OPEN);
    assert_eq!(told(&mut two, &second).await, items());
    two.keep(&second, Keep::Taken { session: 5 });
    two.keep(&second, put(term));
    assert_eq!(two.kept(&second).await, Kept::Refused { session: 5 });

    let server = server.restart().await;
    let mut two = two.move_to(server.server.address().unwrap().to_string()).await;
    server
        .eventually("/v1/overview", |it| (it["hosts"][1]["status"] == "running").then_some(()))
        .await;
    two.keep(&second, OPEN);
    assert_eq!(told(&mut two, &second).await, items());
}
