//! Strict routers on either side, and `sips` URIs.

use super::*;

const CALLER: &str = "10.0.0.1:5060";

fn own(call: &str) -> String {
    let mark = crate::branch::dialog_mark(&Secret::new([9; 16]), call.as_bytes());
    format!("sip:10.0.0.9:5060;d={mark:016x};lr")
}

/// A request inside a call, with these Route lines.
fn bye(uri: &str, routes: &str, call: &str) -> String {
    request("BYE", uri, "5", call)
        .replace("To: <sip:5@example.com>", "To: <sip:5@example.com>;tag=t")
        .replace("Contact:", &format!("{routes}Contact:"))
}

/// What was sent: its first line, and its Route values in order.
fn sent(stage: &mut Stage) -> (String, String, Vec<String>) {
    let (to, text) = stage.messages().remove(0);
    let bytes = text.replace('\n', "\r\n").into_bytes();
    let message = Message::scan(&bytes).expect("message");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let routes = message.values(HeaderName::Route).flat_map(crate::message::Address::list);
    let routes = routes.map(|route| text(route.uri)).collect();
    (to, text(message.request_uri()), routes)
}

#[test]
fn what_a_strict_router_moved_is_moved_back() {
    let remote = "sip:5@10.0.0.7:5090";
    let (to, uri, routes) = (String::from("10.0.0.7:5090"), remote.to_owned(), Vec::new());
    let mut stage = Stage::new();
    stage.arrives(CALLER, &bye(&own("a"), &format!("Route: <{remote}>\n"), "a"));
    assert_eq!(sent(&mut stage), (to, uri.clone(), routes));

    let others = format!("Route: <sip:10.0.0.3;lr>\nRoute: <sip:10.0.0.4;lr>, <{remote}>\n");
    stage.arrives(CALLER, &bye(&own("b"), &others, "b"));
    let routes = ["sip:10.0.0.3;lr", "sip:10.0.0.4;lr"].map(String::from).to_vec();
    assert_eq!(sent(&mut stage), ("10.0.0.3:5060".into(), uri, routes));

    // Without the mark of the call nobody sends through here, and nothing is moved.
    stage.arrives(CALLER, &bye(&own("another call"), &format!("Route: <{remote}>\n"), "c"));
    assert_eq!(stage.lines(), [to_caller("SIP/2.0 403 Forbidden")]);
}

fn to_caller(line: &str) -> (String, String) {
    super::to(CALLER, line)
}

#[test]
fn a_strict_router_gets_its_own_uri_as_request_uri() {
    let remote = "sip:5@10.0.0.7:5090";
    let mut stage = Stage::new();
    let routes = format!("Route: <{}>, <sip:10.0.0.3:5070;x=1>\n", own("a"));
    stage.arrives(CALLER, &bye(remote, &routes, "a"));
    let expected = ("10.0.0.3:5070".into(), "sip:10.0.0.3:5070;x=1".into(), vec![remote.into()]);
    assert_eq!(sent(&mut stage), expected);

    let routes = format!(
        "Route: <{}>\nRoute: <sip:10.0.0.3>;x=1, <sip:10.0.0.4;lr>\nRoute: <sip:10.0.0.6;lr>\n",
        own("b")
    );
    stage.arrives(CALLER, &bye(remote, &routes, "b"));
    let left = ["sip:10.0.0.4;lr", "sip:10.0.0.6;lr", remote].map(String::from).to_vec();
    assert_eq!(sent(&mut stage), ("10.0.0.3:5060".into(), "sip:10.0.0.3".into(), left));
}

#[test]
fn a_sips_uri_leads_by_tls_or_nowhere() {
    let mut stage = Stage::new();
    stage.register("2000", "10.0.0.2:5062");
    stage.arrives(CALLER, &request("INVITE", "sips:2000@10.0.0.9", "2000", "a"));
    assert_eq!(stage.lines(), [to_caller("SIP/2.0 480 Temporarily Unavailable")], "by UDP only");

    let routes = |uri: &str| format!("Route: <{}>, <{uri}>\n", own("b"));
    let inside = |uri: &str, call: &str| {
        bye("sips:5@example.net", &routes(uri), "b").replace("z9hG4bK", &format!("z9hG4bK{call}"))
    };
    stage.arrives(CALLER, &inside("sips:p.example.net;lr", "1"));
    let wishes = stage.wishes();
    let [Wish::Resolve { port: None, transport: None, secure: true, .. }] = &wishes[..] else {
        panic!("{wishes:?}");
    };
    stage.arrives(CALLER, &inside("sips:10.0.0.3;transport=tcp;lr", "2"));
    let tls = stage.out.sends().next().map(|(flow, _)| (flow.transport, flow.remote.port()));
    assert_eq!(tls, Some((crate::flow::Transport::Tls, 5061)));
    stage.out.clear();
    stage.arrives(CALLER, &inside("sips:10.0.0.3;transport=udp;lr", "3"));
    assert_eq!(stage.lines(), [to_caller("SIP/2.0 481 Call/Transaction Does Not Exist")]);
}
