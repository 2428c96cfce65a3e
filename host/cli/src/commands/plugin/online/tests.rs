//! How plugins look to people.

use expect_test::expect;
use takeover::api::types::{
    CallCounts, CallTimes, PluginVersion, PreviousVersion, RefusedCalls, RejectedPlugin,
    RejectedVersion, ShadowDifference,
};

use super::*;

fn plugin() -> PluginView {
    let mut own = CallTimes::default();
    own.add(std::time::Duration::from_micros(1500));
    PluginView {
        name: "reaction-page".into(),
        version: "1.0.0".to_owned(),
        kind: "alarm-reaction".to_owned(),
        policy_file: None,
        sha256: "aaaaaaaaaaaaaaaa".to_owned(),
        state: "active".to_owned(),
        host: None,
        generation: 1,
        reloads: 0,
        in_flight: 2,
        waiting: 1,
        refused: RefusedCalls { resting: 3, ..RefusedCalls::default() },
        not_primary: 0,
        settings_waiting: vec!["reaction page: relay is \"a\", \"b\" at the next start".to_owned()],
        closed: None,
        inputs_aside: 1,
        shadow: true,
        used_by: vec!["reaction page".to_owned()],
        calls: CallCounts {
            calls: 7,
            traps: 1,
            deadlines: 1,
            own_ms: 12,
            own: own.summarised(),
            ..CallCounts::default()
        },
        others: vec![PluginVersion {
            generation: 2,
            version: "1.1.0".to_owned(),
            sha256: "bbbbbbbbbbbbbbbb".to_owned(),
            state: "shadow".to_owned(),
            in_flight: 0,
            calls: CallCounts::default(),
        }],
        previous: vec![PreviousVersion {
            package: "cccccccccccccccc".to_owned(),
            version: String::new(),
            sha256: String::new(),
        }],
        rejected: vec![RejectedVersion {
            package: "dddddddddddddddd".to_owned(),
            version: "0.9.0".to_owned(),
            step: "start".to_owned(),
            reason: "init trapped".to_owned(),
        }],
    }
}

#[test]
fn text_policy_is_shown_with_its_file() {
    let file = Some("/etc/takeover/policies.d/page.rhai".to_owned());
    let policy = PluginView { policy_file: file, others: Vec::new(), ..plugin() };
    let shown = inspected(Out::plain(), &policy);
    let second = shown.lines().nth(1).unwrap();
    assert_eq!(second, "it is the text policy /etc/takeover/policies.d/page.rhai");
    let body = PluginsBody { plugins: vec![policy], rejected: Vec::new() };
    expect![[r#"
        plugin         host     version  kind                    state   calls  broken off  refused  other versions
        reaction-page  control  1.0.0    alarm-reaction, script  active  7      2           3
    "#]]
    .assert_eq(&listed(Out::plain(), &body));
}

#[test]
fn plugins_are_listed_with_what_was_refused() {
    let rejected = vec![RejectedPlugin {
        host: None,
        folder: "reaction-x".to_owned(),
        reason: "verify: plugin.toml: no such file".to_owned(),
    }];
    let there = PluginView { host: Some("h1".into()), ..plugin() };
    let body = PluginsBody { plugins: vec![plugin(), there], rejected };
    expect![[r#"
        plugin         host     version  kind            state   calls  broken off  refused  other versions
        reaction-page  control  1.0.0    alarm-reaction  active  7      2           3        1.1.0 shadow
        reaction-page  h1       1.0.0    alarm-reaction  active  7      2           3        1.1.0 shadow

        refused: reaction-x: verify: plugin.toml: no such file"#]]
    .assert_eq(&listed(Out::plain(), &body));
}

#[test]
fn one_plugin_is_shown_whole() {
    expect![[r#"
        plugin reaction-page on control is used by reaction page
        its calls took 12 ms of their own, 0 ms in the host, 0 ms of waiting; the longest 0 ms, the largest 0 KiB
        generation 1, exchanged 0 times; 2 calls under way, 1 of them wait for room; 3 were refused
        one call          median  99 of 100  longest
        in the component  1.5 ms  1.5 ms     1.5 ms
        in the host       0 ms    0 ms       0 ms
        pending: reaction page: relay is "a", "b" at the next start
        1 inputs are put aside
        the next version runs in shadow
        version  state    digest        calls  broken off  reason
        1.0.0    active   aaaaaaaaaaaa  7      2
        1.1.0    shadow   bbbbbbbbbbbb  0      0
                 kept     cccccccccccc
        0.9.0    refused  dddddddddddd                     start: init trapped
    "#]].assert_eq(&inspected(Out::plain(), &plugin()));
}

#[test]
fn differences_are_shown_line_by_line() {
    let mut body = ShadowBody { on: true, active: "1.0.0".to_owned(), ..ShadowBody::default() };
    assert_eq!(compared("p", &body), "plugin p: no version runs in shadow; the next one will");
    body.shadow = Some("1.1.0".to_owned());
    (body.compared, body.differed) = (5, 1);
    body.differences.push(ShadowDifference {
        input: "0f".to_owned(),
        active: "answered \"done\"".to_owned(),
        shadow: "trapped: unreachable\u{1b}[31m".to_owned(),
    });
    expect![[r#"
        plugin p: version 1.1.0 in shadow of 1.0.0: 1 of 5 calls differed
        input 0f
            in use     answered "done"
            in shadow  trapped: unreachable�[31m"#]]
    .assert_eq(&compared("p", &body));
}
