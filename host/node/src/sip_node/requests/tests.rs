//! Requests of clients as they are written, and what each is answered.

use takeover_logic::component::sip::{ForwardingCall, ForwardingDecision};
use takeover_logic::ids::Term;
use takeover_logic::link::RunMode;
use takeover_logic::time::{Instant, Timestamp};
use takeover_sip::branch::Secret;
use takeover_sip::directory;
use takeover_sip::flow::Flow;
use takeover_sip::node::{Decider, Input, Settings};
use takeover_sip::proxy::Names;

use super::*;

const DIRECTORY: &str = "[TServer]\nswitch = \"site1\"\nsip-address = \"10.0.0.9\"\n\n\
    [[dn]]\nnumber = \"2000\"\ntype = \"Extension\"\ncontact = \"10.0.0.2\"\n\n\
    [[dn]]\nnumber = \"9000\"\ntype = \"Routing Point\"\n";

struct Deliver;

impl Decider for Deliver {
    fn decide(&mut self, _: &ForwardingCall) -> ForwardingDecision {
        ForwardingDecision::Deliver
    }
}

struct Bench(Node, Outbox);

const NOW: Now = Now { instant: Instant(1_000_000_000), at: Timestamp(1_800_000_000_000) };

fn bench() -> Bench {
    let directory = directory::read("d.toml", DIRECTORY).unwrap().directory;
    let key = [9; 16];
    let settings = Settings {
        names: Names::new(["10.0.0.9:5060", "10.0.0.9:5060", "10.0.0.9:5061"].map(Into::into)),
        server: "test".into(),
        secret: Secret::new(key),
        key,
        machine: 1,
        standby: None,
        source_rate: 0,
    };
    let mut bench = Bench(Node::new(settings, directory, NOW), Outbox::default());
    let primary = Input::RunMode { mode: RunMode::Primary, term: Term(1) };
    bench.0.handle(NOW, primary, &mut Deliver, &mut bench.1);
    bench
}

impl Bench {
    fn ask(&mut self, request: Value) -> Result<Value, String> {
        match carry_out(&mut self.0, NOW, (&"desk".into(), request), &mut self.1)? {
            Done::Answer(answer) => Ok(answer),
            Done::ShutDown => Err("it shuts down".to_owned()),
        }
    }

    fn invite(&mut self, number: &str) {
        let text = format!(
            "INVITE sip:{number}@10.0.0.9 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK\
             {number}\r\nFrom: <sip:7777@example.com>;tag=f\r\nTo: <sip:{number}@10.0.0.9>\r\n\
             Call-ID: {number}\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\n\
             Contact: <sip:7777@10.0.0.1>\r\nContent-Length: 0\r\n\r\n"
        );
        let from = Flow::udp(([10, 0, 0, 1], 5060).into());
        self.0.receive(NOW, (&from, text.as_bytes()), &mut Deliver, &mut self.1);
    }
}

#[test]
fn calls_are_listed_and_a_waiting_one_is_routed_by_its_name() {
    let mut bench = bench();
    bench.invite("2000");
    bench.invite("9000");
    let all = bench.ask(json!({ "request": "QueryCalls" })).unwrap();
    assert_eq!((&all["established"], &all["ringing"]), (&0.into(), &2.into()));
    assert_eq!((all["calls"].as_array().map(Vec::len), all.get("after")), (Some(2), None));
    let at = bench.ask(json!({ "request": "QueryCalls", "dn": "9000" })).unwrap();
    let call = &at["calls"][0];
    assert_eq!((&call["state"], &call["dnis"]), (&"queued".into(), &"9000".into()));
    assert_eq!((&call["caller"]["number"], &call["caller"]["dn"]), (&"7777".into(), &Value::Null));
    let queue = bench.ask(json!({ "request": "QueryQueue", "dn": "9000" })).unwrap();
    assert_eq!(queue["calls"][0]["call"], call["call"]);
    let route = json!({ "request": "RouteCall", "call": call["call"], "to": "2000" });
    bench.ask(route.clone()).unwrap();
    let again = bench.ask(route).unwrap_err();
    assert!(again.ends_with("it does not wait"), "{again}");
    let at = bench.ask(json!({ "request": "QueryCalls", "dn": "2000" })).unwrap();
    assert_eq!(at["calls"].as_array().map(Vec::len), Some(2), "{at}");
}

#[test]
fn a_request_that_is_refused_says_why() {
    let mut bench = bench();
    for (request, expected) in [
        (
            json!({ "request": "MakeCall", "dn": "2000", "to": "1" }),
            "request \"MakeCall\": not done here: a proxy carries calls and is no end of them; ask \
             the telephone of the DN",
        ),
        (
            json!({ "request": "RouteCall", "call": "12", "to": "1" }),
            "call: found \"12\", allowed: 16 hexadecimal digits, as in events",
        ),
        (
            json!({ "request": "QueryCalls", "after": "x" }),
            "after: found \"x\", allowed: 16 hexadecimal digits, as in events",
        ),
        (
            json!({ "request": "PrivateService", "id": 1 }),
            "PrivateService: id: found 1, allowed: 3019",
        ),
        (
            json!({ "request": "AgentReady", "dn": "2000" }),
            "dn \"2000\": the client is not registered for it",
        ),
    ] {
        assert_eq!(bench.ask(request.clone()), Err(expected.to_owned()), "{request}");
    }
    for name in OF_TELEPHONES {
        let refused = bench.ask(json!({ "request": name })).unwrap_err();
        assert!(refused.contains("not done here"), "{name}");
    }
}
