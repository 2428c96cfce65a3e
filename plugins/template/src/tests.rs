//! What a text with variables becomes, and what is no such text.

use super::*;

fn facts() -> Facts {
    Facts {
        reaction: "page".into(),
        condition: "sip-lost".into(),
        category: "critical",
        application: "sip-a".into(),
        application_type: Some("sip-server".into()),
        host: Some("h1".into()),
        event_id: "00-05064".into(),
        text: "terminated".into(),
        at_unix_ms: 1_700_000_000_123,
        phase: "raised",
        repeats: 2,
        test: false,
    }
}

#[track_caller]
fn check(template: &str, escape: Escape, facts: &Facts, expected: &str) {
    assert_eq!(Template::parse(template).unwrap().render(facts, escape), expected);
}

#[test]
fn the_guides_variables_mean_what_they_mean_there() {
    let text = "$REACT_NAME $COND_ID $COND_NAME $COND_CTGR $APP_ID $APP_NAME $APP_TYPE $MSG_ID \
                $MSG_DESCR $$";
    let expected = "page sip-lost sip-lost critical sip-a sip-a sip-server 00-05064 terminated $";
    check(text, Escape::Text, &facts(), expected);
}

#[test]
fn the_others_say_what_the_guide_has_no_variable_for() {
    let text = "$MSG_TIME $HOST_NAME $PHASE $REPEATS $TEST";
    check(text, Escape::Text, &facts(), "2023-11-14T22:13:20.123Z h1 raised 2 false");
}

#[test]
fn what_is_not_known_is_empty() {
    let nothing = Facts { application_type: None, host: None, ..facts() };
    check("<$APP_TYPE$HOST_NAME>", Escape::Text, &nothing, "<>");
}

#[test]
fn a_name_ends_where_it_ends_or_at_its_brace() {
    check("$APP_NAME.log", Escape::Text, &facts(), "sip-a.log");
    check("${APP_NAME}_1$$$PHASE", Escape::Text, &facts(), "sip-a_1$raised");
    check("", Escape::Text, &facts(), "");
}

#[test]
fn a_text_that_is_no_template_says_where_and_what_is_near() {
    for (text, expected) in [
        ("$COND_NAM", "unknown variable $COND_NAM, the nearest known one is $COND_NAME"),
        ("$app_name", "unknown variable $app_name, the nearest known one is $APP_NAME"),
        ("$APP_NAME_1", "unknown variable $APP_NAME_1, the nearest known one is $APP_NAME"),
        ("${HOST}", "unknown variable $HOST, the nearest known one is $TEST"),
        (
            "ä costs 5 $",
            "a $ without a name behind it at character 11, allowed is $$ for a dollar sign",
        ),
        ("$ 5", "a $ without a name behind it at character 1, allowed is $$ for a dollar sign"),
        ("x ${}", "a $ without a name behind it at character 3, allowed is $$ for a dollar sign"),
        ("x ${APP_NAME", "a ${ without a closing brace at character 3"),
    ] {
        assert_eq!(Template::parse(text).unwrap_err().to_string(), expected, "{text}");
    }
}

#[test]
fn a_value_is_never_read_again() {
    let hostile = Facts { application: "$MSG_DESCR ${PHASE} $$".into(), ..facts() };
    for escape in [Escape::Text, Escape::Line, Escape::Json] {
        check("<$APP_NAME>", escape, &hostile, "<$MSG_DESCR ${PHASE} $$>");
    }
}

#[test]
fn a_value_stays_inside_of_its_json_string() {
    let hostile = Facts { text: "a\", \"test\": true, \"b\": \"\\\n\0".into(), ..facts() };
    let text = Template::parse(r#"{"text": "$MSG_DESCR", "test": $TEST}"#).unwrap();
    let json: serde_json::Value =
        serde_json::from_str(&text.render(&hostile, Escape::Json)).unwrap();
    assert_eq!(json, serde_json::json!({"text": hostile.text, "test": false}));
}

#[test]
fn a_value_stays_in_its_line_and_has_no_nul() {
    let hostile = Facts { text: "a\r\nBcc: x\0".into(), ..facts() };
    check("$MSG_DESCR", Escape::Line, &hostile, "a  Bcc: x ");
    check("$MSG_DESCR", Escape::Text, &hostile, "a\r\nBcc: x\u{fffd}");
}

#[test]
fn a_long_value_is_cut_with_a_mark() {
    let long = Facts { text: "ä".repeat(VALUE_CHARS_MAX + 1), ..facts() };
    let text = Template::parse("$MSG_DESCR").unwrap().render(&long, Escape::Text);
    assert_eq!(text.chars().count(), VALUE_CHARS_MAX);
    assert!(text.ends_with("ä…"));
    let fits = Facts { text: "ä".repeat(VALUE_CHARS_MAX), ..facts() };
    check("$MSG_DESCR", Escape::Text, &fits, &fits.text);
}

#[test]
fn first_line_is_the_first_that_says_something() {
    assert_eq!(first_line("\n  \n no\tsuch file \nmore", 100), "no such file");
    assert_eq!(first_line("abcdef", 4), "abc…");
    assert_eq!(first_line("", 4), "");
}

#[test]
fn time_is_one_that_can_be_written() {
    let late = Facts { at_unix_ms: u64::MAX, ..facts() };
    assert_eq!(late.time(), "9999-12-31T23:59:59.999Z");
    let early = Facts { at_unix_ms: 0, ..facts() };
    assert_eq!(early.time(), "1970-01-01T00:00:00.000Z");
    assert_eq!(facts().id(), "sip-lost/sip-a/1700000000123/raised");
}

#[test]
fn lists_are_json_arrays_of_one_kind() {
    assert_eq!(text_list("to", Some(r#"["a","b\"c",""]"#)).unwrap(), ["a", "b\"c", ""]);
    assert_eq!(text_list("to", None).unwrap(), Vec::<String>::new());
    assert_eq!(integer_list("codes", Some("[0, -1]")).unwrap(), [0, -1]);
    let said = |error: ListError| error.to_string();
    assert_eq!(
        said(text_list("to", Some(r#"["a",1]"#)).unwrap_err()),
        r#"setting to is ["a",1], allowed is a list of texts"#
    );
    assert_eq!(
        said(integer_list("codes", Some("[0.5]")).unwrap_err()),
        "setting codes is [0.5], allowed is a list of whole numbers"
    );
    assert_eq!(
        said(text_list("to", Some("a")).unwrap_err()),
        "setting to is a, allowed is a list of texts"
    );
}
