//! The counting of test results.

use super::Totals;

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
