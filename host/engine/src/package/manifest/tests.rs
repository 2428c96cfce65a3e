//! What is said about good and bad manifests, and about settings.

use serde_json::json;

use super::*;

const GOOD: &str = r#"
name = "reaction-x"
version = "1.2.3"
kind = "alarm-reaction"
wit = "1.0.0"
description = "Does x."

[[permission]]
name = "management"
reason = "starts things"

[settings.action]
type = "choice"
choices = ["enable", "disable"]
required = true
description = "what to do"

[settings.wait_ms]
type = "integer"
unit = "ms"
min = 10
max = 1000
default = 50
description = "how long"

[settings.application]
type = "application"
description = "which"

[component]
sha256 = "00"
size_bytes = 2
"#;

/// Checks what is said about a manifest in which `from` is replaced by `to`.
#[track_caller]
fn check(from: &str, to: &str, expected: &str) {
    assert!(GOOD.contains(from), "{from:?} is not in the manifest");
    let error = Manifest::parse(&GOOD.replace(from, to)).unwrap_err().to_string();
    assert_eq!(error, expected);
}

#[test]
fn good_manifest_is_read() {
    let manifest = Manifest::parse(GOOD).unwrap();
    assert_eq!(manifest.kind, Kind::AlarmReaction);
    assert_eq!(manifest.asked().collect::<Vec<_>>(), [Permission::Management]);
    assert_eq!(manifest.default_of("wait_ms"), Some(&json!(50)));
    assert_eq!(manifest.default_of("action"), None);
}

#[test]
fn each_mistake_is_named() {
    check(
        r#"name = "reaction-x""#,
        r#"name = "Reaction X""#,
        "plugin.toml: name \"Reaction X\": allowed are 1 to 64 lower-case letters, digits and \
         hyphens",
    );
    check(
        r#"wit = "1.0.0""#,
        r#"wit = "2.0.0""#,
        "plugin.toml: wit \"2.0.0\": this program serves the contract 1.0.x and older minor \
         versions",
    );
    check(
        r#"name = "management""#,
        r#"name = "telepathy""#,
        "plugin.toml: permission \"telepathy\": known are addresses, command, datagram, http, \
         mail, management, memory, set-option, vip-control",
    );
    check(
        r#"reason = "starts things""#,
        r#"reason = " ""#,
        "plugin.toml: permission management: no reason",
    );
    check(
        "default = 50",
        "default = 5",
        "plugin.toml: setting wait_ms: its default is 5, allowed is a whole number from 10 to \
         1000 (ms)",
    );
    check(
        r#"type = "choice""#,
        r#"type = "text""#,
        "plugin.toml: setting action: `choices` belongs to type choice and only to it",
    );
    check(
        "[component]\nsha256 = \"00\"\nsize_bytes = 2\n",
        "",
        "plugin.toml: no [component] table with sha256 and size_bytes; `takeover \
         plugin build` writes it",
    );
    check(
        r#"wit = "1.0.0""#,
        "wit = \"1.0.0\"\nmemory_mib = 65",
        "plugin.toml: memory_mib 65: allowed are 1 to 64",
    );
    check(
        r#"wit = "1.0.0""#,
        "wit = \"1.0.0\"\nconcurrency = 0",
        "plugin.toml: concurrency 0: allowed are 1 to 112",
    );
    check(
        r#"wit = "1.0.0""#,
        "wit = \"1.0.0\"\nqueue = 257",
        "plugin.toml: queue 257: allowed are 0 to 256",
    );
}

#[test]
fn plugin_may_ask_for_another_amount_of_memory() {
    assert_eq!(Manifest::parse(GOOD).unwrap().memory_bytes, None);
    let text = GOOD.replace("wit = ", "memory_mib = 32\nwit = ");
    assert_eq!(Manifest::parse(&text).unwrap().memory_bytes, Some(32 << 20));
}

#[test]
fn plugin_may_have_fewer_calls_under_way_and_waiting() {
    let plain = Manifest::parse(GOOD).unwrap();
    assert_eq!((plain.concurrency, plain.queue), (None, None));
    let text = GOOD.replace("wit = ", "concurrency = 1\nqueue = 0\nwit = ");
    let lowered = Manifest::parse(&text).unwrap();
    assert_eq!((lowered.concurrency, lowered.queue), (Some(1), Some(0)));
}

#[test]
fn several_mistakes_are_told_at_once() {
    let text = GOOD.replace("1.0.0", "1.7.0").replace("starts things", "");
    let error = Manifest::parse(&text).unwrap_err();
    assert_eq!(error.0.len(), 2, "{error}");
}

#[test]
fn unknown_key_is_refused_with_its_line() {
    let text = GOOD.replace("reason =", "raison =");
    let error = Manifest::parse(&text).unwrap_err().to_string();
    assert!(error.starts_with("plugin.toml: line 10: unknown field `raison`"), "{error}");
}

#[test]
fn text_that_is_no_toml_is_refused() {
    let error = Manifest::parse("name = ").unwrap_err().to_string();
    assert!(error.starts_with("plugin.toml: line 1: "), "{error}");
}

#[test]
fn settings_are_checked_against_the_manifest() {
    let manifest = Manifest::parse(GOOD).unwrap();
    let settings =
        |value: serde_json::Value| -> Settings { serde_json::from_value(value).unwrap() };
    let good = settings(json!({"action": "enable", "wait_ms": 10, "application": "sip-a"}));
    assert_eq!(manifest.validate_settings(&good), Vec::<String>::new());

    let bad = settings(json!({"action": "up", "wait_ms": 1001, "application": 7, "foo": 1}));
    assert_eq!(
        manifest.validate_settings(&bad),
        [
            "setting action of reaction-x is \"up\", allowed is enable or disable",
            "setting application of reaction-x is 7, allowed is the name of an application",
            "setting foo of reaction-x is unknown, known: action, application, wait_ms",
            "setting wait_ms of reaction-x is 1001, allowed is a whole number from 10 to 1000 (ms)",
        ]
    );
    assert_eq!(
        manifest.validate_settings(&Settings::new()),
        ["setting action of reaction-x is missing: enable or disable"]
    );
    let huge = settings(json!({"action": "enable", "application": "a".repeat(70_000)}));
    let problems = manifest.validate_settings(&huge);
    assert_eq!(problems, ["settings of reaction-x: 70027 bytes, at most 65536"]);
}

#[test]
fn lists_are_checked_item_by_item() {
    let lists = GOOD.replace(
        "[component]",
        r#"
[settings.to]
type = "text-list"
required = true
description = "who"

[settings.more]
type = "text-list"
default = []
description = "who else"

[settings.codes]
type = "integer-list"
min = 0
max = 255
default = [0, 75]
description = "which"

[component]"#,
    );
    let manifest = Manifest::parse(&lists).unwrap();
    assert_eq!(manifest.default_of("codes"), Some(&json!([0, 75])));
    let problems = |written: serde_json::Value| {
        let mut settings: Settings = serde_json::from_value(written).unwrap();
        settings.insert("action".to_owned(), json!("enable"));
        manifest.validate_settings(&settings)
    };
    let good = json!({"to": ["a", ""], "more": [], "codes": []});
    assert_eq!(problems(good), Vec::<String>::new());
    assert_eq!(
        problems(json!({"to": [], "more": [1], "codes": [0, 256]})),
        [
            "setting codes of reaction-x is [0,256], allowed is a list of whole numbers from 0 to \
             255",
            "setting more of reaction-x is [1], allowed is a list of texts",
            "setting to of reaction-x is [], allowed is a list of at least one text",
        ]
    );
    assert_eq!(
        problems(json!({"to": "a", "more": ["", 1], "codes": 3})),
        [
            "setting codes of reaction-x is 3, allowed is a list of whole numbers from 0 to 255",
            "setting more of reaction-x is [\"\",1], allowed is a list of texts",
            "setting to of reaction-x is \"a\", allowed is a list of at least one text",
        ]
    );
    let error = Manifest::parse(&lists.replace("[0, 75]", "[0, 300]")).unwrap_err().to_string();
    let expected = "plugin.toml: setting codes: its default is [0,300], allowed is a list of \
                    whole numbers from 0 to 255";
    assert_eq!(error, expected);
}
