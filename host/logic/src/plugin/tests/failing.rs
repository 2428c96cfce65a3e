//! Faults outside a probation: inputs put aside, rests, quarantine.

use super::*;

#[test]
fn three_faults_in_a_minute_lead_to_a_rest_which_grows() {
    check(
        REACTION,
        "0 folder a
         1 does 1 trap
         2 does 2 trap
         3 does 3 trap
         3.1 does 4 ok
         3.3 does 4 ok
         4 does 5 trap
         4.3 does 6 ok
         5 state",
        expect![[r#"
            0.0 calls go to generation 1
            0.0 plugin p a loaded, sha256 a
            3.0 plugin p failed too often; no calls for 200 ms, rest 1 in a row
            3.1 refused: it failed too often and rests for 100 ms more
            4.0 plugin p failed too often; no calls for 400 ms, rest 2 in a row
            4.3 refused: it failed too often and rests for 100 ms more
            5.0 active a active
        "#]],
    );
}

#[test]
fn faults_further_apart_lead_to_nothing() {
    check(
        REACTION,
        "0 folder a
         1 does 1 trap
         40 does 2 trap
         62 does 3 trap
         140 does 4 trap
         200 state",
        expect![[r#"
            0.0 calls go to generation 1
            0.0 plugin p a loaded, sha256 a
            200.0 active a active
        "#]],
    );
}

#[test]
fn minute_without_a_fault_begins_anew() {
    check(
        REACTION,
        "0 folder a
         1 does 1 trap
         1 does 2 trap
         1 does 3 trap
         70 does 4 trap
         71 does 5 trap
         72 does 6 ok",
        expect![[r#"
            0.0 calls go to generation 1
            0.0 plugin p a loaded, sha256 a
            1.0 plugin p failed too often; no calls for 200 ms, rest 1 in a row
        "#]],
    );
}

/// Faults so far apart that each falls behind the rest before it.
const FAILING: &str = "0 folder a
    1 does 1 trap
    1 does 2 trap
    1 does 3 trap
    2 does 4 trap
    3 does 5 trap
    5 does 6 trap
    9 does 7 trap
    16 does 8 trap
    30 does 9 trap
    56 does a trap
    87 does b trap
    118 does c trap
    149 does d trap";

#[test]
fn quarantine_ends_by_an_operator() {
    let mut bench = Bench::new(REACTION, Saved::default());
    bench.run(FAILING).run(
        "1000 call e
         1001 state
         1002 order release
         1003 does e ok
         1004 order release",
    );
    expect![[r#"
        0.0 calls go to generation 1
        0.0 plugin p a loaded, sha256 a
        1.0 plugin p failed too often; no calls for 200 ms, rest 1 in a row
        2.0 plugin p failed too often; no calls for 400 ms, rest 2 in a row
        3.0 plugin p failed too often; no calls for 800 ms, rest 3 in a row
        5.0 plugin p failed too often; no calls for 1600 ms, rest 4 in a row
        9.0 plugin p failed too often; no calls for 3200 ms, rest 5 in a row
        16.0 plugin p failed too often; no calls for 6400 ms, rest 6 in a row
        30.0 plugin p failed too often; no calls for 12800 ms, rest 7 in a row
        56.0 plugin p failed too often; no calls for 25600 ms, rest 8 in a row
        87.0 plugin p failed too often; no calls for 30000 ms, rest 9 in a row
        118.0 plugin p failed too often; no calls for 30000 ms, rest 10 in a row
        149.0 plugin p is in quarantine after 10 rests in a row
        1000.0 refused: it failed too often and is in quarantine until a new version or an operator ends it
        1001.0 active a active, closed: quarantine
        1002.0 done: calls are let in again; 0 denied packages may be tried again
        1002.0 plugin p was released
        1004.0 can not: nothing is in quarantine, put aside or denied
    "#]].assert_eq(&bench.story);
}

#[test]
fn quarantine_ends_by_a_new_version() {
    let mut bench = Bench::new(REACTION, Saved::default());
    bench.run(FAILING);
    bench.story.clear();
    bench.run(
        "1000 call e
         1001 folder b
         1002 does e ok
         1003 state",
    );
    expect![[r#"
        1000.0 refused: it failed too often and is in quarantine until a new version or an operator ends it
        1001.0 calls go to generation 2
        1001.0 plugin p b in use on probation instead of a, sha256 b
        1003.0 active b probation, others a retired
    "#]].assert_eq(&bench.story);
}

#[test]
fn one_input_that_ends_instances_is_put_aside_first() {
    check(
        REACTION,
        "0 folder a
         1 does bad trap
         2 does bad trap
         3 does bad trap
         3 does 1 trap
         4 does 2 ok
         5 state
         6 folder b
         7 does bad ok",
        expect![[r#"
            0.0 calls go to generation 1
            0.0 plugin p a loaded, sha256 a
            2.0 plugin p: input 0000000000000bad ended instances twice and is put aside
            3.0 refused: the same call ended its instances before, so it is put aside
            5.0 active a active
            6.0 calls go to generation 2
            6.0 plugin p b in use on probation instead of a, sha256 b
        "#]],
    );
}

#[test]
fn input_that_ended_the_old_version_too_does_not_end_a_probation() {
    check(
        REACTION,
        "0 folder a
         0 repeat 20 does 1 ok
         1 repeat 2 does bad trap
         2 folder b
         3 does bad trap
         4 does bad trap
         5 repeat 2 does 1 ok
         6 state",
        expect![[r#"
            0.0 calls go to generation 1
            0.0 plugin p a loaded, sha256 a
            1.0 plugin p: input 0000000000000bad ended instances twice and is put aside
            2.0 calls go to generation 2
            2.0 plugin p b in use on probation instead of a, sha256 b
            3.0 plugin p: input 0000000000000bad ended instances twice and is put aside
            4.0 refused: the same call ended its instances before, so it is put aside
            6.0 active b probation, others a retired
        "#]],
    );
}

#[test]
fn inputs_put_aside_are_bounded() {
    let mut bench = Bench::new(REACTION, Saved::default());
    bench.run("0 folder a");
    for input in 0..1000 {
        bench.run(&format!("{} repeat 2 does {input:x} trap", 1 + input * 100));
    }
    assert_eq!(bench.machine.view(bench.now).inputs_aside, 64);
}

#[test]
fn backend_is_never_put_off() {
    let mut bench = Bench::new(BACKEND, Saved::default());
    bench.run(FAILING).run("1000 does 1 ok");
    expect![[r#"
        0.0 calls go to generation 1
        0.0 plugin p a loaded, sha256 a
        1.0 plugin p goes on failing, now for a minute; it is called all the same
        149.0 plugin p goes on failing, now for minutes; it is called all the same
    "#]]
    .assert_eq(&bench.story);
}
