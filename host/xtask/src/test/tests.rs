//! The counting of test results, and the end of what hangs.

use std::process::Command;
use std::time::Duration;

use super::{Totals, watch};

#[test]
fn a_program_that_hangs_is_ended_and_the_rest_goes_on() {
    let mut totals = Totals::default();
    let script = "sleep 1000; echo 'test result: ok. 1 passed; 0 failed'; exit 3";
    let mut cargo = Command::new("sh");
    let succeeded = watch(cargo.args(["-c", script]), Duration::from_millis(200), &mut totals);
    assert!(!succeeded.unwrap());
    assert_eq!(totals, Totals { programs: 1, passed: 1, ..Totals::default() });
}

#[test]
fn results_of_several_programs_are_summed() {
    let mut totals = Totals::default();
    for line in [
        "running 3 tests",
        "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; in 0.02s",
        "SKIP kill_primary: needs root",
        "test result: FAILED. 1 passed; 2 failed; 1 ignored; 0 measured; 7 filtered out; in 1.50s",
    ] {
        totals.add(line);
    }
    let expected = Totals { programs: 2, passed: 4, failed: 2, ignored: 1, skipped: 1 };
    assert_eq!(totals, expected);
    assert_eq!(totals.to_string(), "4 passed, 2 failed, 1 ignored, 1 skipped in 2 test programs");
}
