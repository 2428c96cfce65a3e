//! What of a decision is passed on, and what is not.

use proptest::prelude::*;

use super::*;

fn refuse(code: u16, reason: &str, retry_after_s: Option<u32>) -> ForwardingDecision {
    ForwardingDecision::Refuse(Refusal { code, reason: reason.into(), retry_after_s })
}

fn redirect(code: u16, contacts: &[&str]) -> ForwardingDecision {
    let contacts = contacts.iter().map(|contact| (*contact).into()).collect();
    ForwardingDecision::Redirect { code, contacts }
}

#[track_caller]
fn check(decision: &ForwardingDecision, problem: &str) {
    assert_eq!(decision.check().unwrap_err().to_string(), problem, "{decision:?}");
}

#[test]
fn ends_of_every_range_are_allowed_and_what_is_beyond_is_not() {
    assert_eq!(ForwardingDecision::Deliver.check(), Ok(()));
    for (code, retry) in [(400, None), (699, Some(0)), (503, Some(86_400))] {
        assert_eq!(refuse(code, "", retry).check(), Ok(()));
    }
    check(&refuse(399, "", None), "refusal code: found 399, allowed 400 to 699");
    check(&refuse(700, "", None), "refusal code: found 700, allowed 400 to 699");
    check(&refuse(503, "", Some(86_401)), "retry-after-s: found 86401, allowed 0 to 86400");
    let eight = ["sip:b@192.0.2.1"; 8];
    assert_eq!(redirect(300, &eight[..1]).check(), Ok(()));
    assert_eq!(redirect(399, &eight).check(), Ok(()));
    check(&redirect(200, &eight), "redirect code: found 200, allowed 300 to 399");
    check(&redirect(400, &eight), "redirect code: found 400, allowed 300 to 399");
    check(&redirect(302, &[]), "number of contacts: found 0, allowed 1 to 8");
    check(&redirect(302, &["c"; 9]), "number of contacts: found 9, allowed 1 to 8");
}

#[test]
fn long_and_empty_texts_are_not_passed_on() {
    let long = |bytes: usize| "a".repeat(bytes);
    assert_eq!(refuse(486, &long(256), None).check(), Ok(()));
    check(&refuse(486, &long(257), None), "reason: found 257 bytes, allowed 0 to 256");
    check(&redirect(302, &[""]), "contact: found 0 bytes, allowed 1 to 1024");
    check(&redirect(302, &[&long(1025)]), "contact: found 1025 bytes, allowed 1 to 1024");
    let trunk = |name: &str| ForwardingDecision::ThroughTrunk(name.into());
    assert_eq!(trunk("to-site-b").check(), Ok(()));
    check(&trunk(""), "trunk: found 0 bytes, allowed 1 to 64");
    check(&trunk(&long(65)), "trunk: found 65 bytes, allowed 1 to 64");
}

#[test]
fn text_can_not_write_a_header_of_its_own() {
    let forged = "busy\r\nContact: <sip:thief@192.0.2.66>";
    let found = "found a control character, allowed one line of text";
    check(&refuse(486, forged, None), &format!("reason: {found}"));
    check(&redirect(302, &["sip:b@192.0.2.1", forged]), &format!("contact: {found}"));
    check(&ForwardingDecision::ThroughTrunk(forged.into()), &format!("trunk: {found}"));
}

proptest! {
    #[test]
    fn codes_are_allowed_in_their_ranges_only(code: u16) {
        prop_assert_eq!(refuse(code, "no", None).check().is_ok(), (400..700).contains(&code));
        prop_assert_eq!(redirect(code, &["c"]).check().is_ok(), (300..400).contains(&code));
    }

    #[test]
    fn reason_that_is_passed_on_is_one_short_line(reason: String) {
        let passed = refuse(486, &reason, None).check().is_ok();
        let good = reason.len() <= 256 && !reason.chars().any(char::is_control);
        prop_assert_eq!(passed, good);
    }
}
