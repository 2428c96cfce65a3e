//! The printed worst case follows the settings.

use std::time::Duration;

use crate::config::tests::read_text;
use crate::config::worst_case::{Inequality, WorstCase, worst_case};

const PAIR: &str = r#"
[[host]]
name = "h1"
address = "10.0.0.1"
[[host]]
name = "h2"
address = "10.0.0.2"
[[pair]]
name = "sip"
hosts = ["h1", "h2"]
vip = "10.0.0.9/24"
network_interface = "e"
application = { command = ["x"], notify = true, watchdog_s = 5 }
"#;

fn of(control: &str, more: &str) -> WorstCase {
    let checked = read_text(&format!("[control]\n{control}\n{PAIR}\n{more}")).unwrap();
    worst_case(&checked.config, &"sip".into()).unwrap()
}

/// Primary and address of a case, in milliseconds.
fn bounds(worst_case: &WorstCase, what: &str) -> (u128, Option<u128>) {
    let case = worst_case.cases.iter().find(|case| case.what == what).unwrap();
    let sum: Duration = case.steps.iter().map(|step| step.at_most).sum();
    assert_eq!(sum, case.address_within.unwrap_or(case.primary_within), "steps add up");
    (case.primary_within.as_millis(), case.address_within.map(|within| within.as_millis()))
}

#[test]
fn every_setting_on_the_way_counts() {
    let defaults = of("", "");
    assert_eq!(bounds(&defaults, "process ended"), (2050, Some(10_050)));
    assert_eq!(bounds(&defaults, "process hung"), (7000, Some(15_000)));
    assert_eq!(bounds(&defaults, "host lost"), (2300, Some(10_300)));
    assert_eq!(defaults.primary_within(), Duration::from_secs(7));
    let quick = of("heartbeat_interval_ms = 50\nconfirm_timeout_s = 0.5", "");
    assert_eq!(bounds(&quick, "host lost"), (650, Some(8650)));
    let patient = of("disconnect_switchover_timeout_s = 30", "");
    assert_eq!(bounds(&patient, "host lost"), (32_300, Some(40_300)));
    assert_eq!(bounds(&patient, "process ended"), (2050, Some(10_050)));
}

#[test]
fn reactions_on_one_host_add_up_and_others_do_not() {
    let second = "[[vip]]\nname = \"v\"\npair = \"sip\"\naddress = \"10.0.0.8/24\"\n";
    assert_eq!(bounds(&of("", second), "process ended"), (2050, Some(18_050)));
    let elsewhere = "[[reaction]]\nname = \"page\"\nplugin = \"page\"\ntimeout_s = 3\n\
        [[condition]]\nname = \"c\"\nreactions = [\"page\"]\n\
        detect = { event = \"00-05150\", application_type = \"sip-server\" }\n";
    assert_eq!(bounds(&of("", elsewhere), "process ended"), (2050, Some(10_050)));
    let longer = elsewhere.replace("= 3", "= 20");
    assert_eq!(bounds(&of("", &longer), "process ended"), (2050, Some(22_050)));
}

#[test]
fn the_inequality_is_strict() {
    let control = read_text("").unwrap().config.control;
    let least = Inequality::new(&control, Duration::from_secs(3)).sum();
    assert_eq!(least, Duration::from_millis(100 + 300 + 200 + 503));
    let holds = |ms| Inequality::new(&control, Duration::from_millis(ms)).holds();
    let shortest = (500..3000).find(|ms| holds(*ms)).unwrap();
    assert!(!holds(shortest - 1));
    let equal = Inequality::new(&control, Duration::from_millis(shortest));
    let edge = Inequality { lease: equal.sum(), ..equal };
    assert!(!edge.holds());
}
