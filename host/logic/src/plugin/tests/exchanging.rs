//! Probation, rollback, shadow, removal, restart.

use super::*;

#[test]
fn probation_is_passed_by_time() {
    check(
        REACTION,
        "0 folder a
         1 folder b
         2 state
         30 does 1 ok
         60 state
         62 state",
        expect![[r#"
            0.0 calls go to generation 1
            0.0 plugin p a loaded, sha256 a
            1.0 calls go to generation 2
            1.0 plugin p b in use on probation instead of a, sha256 b
            2.0 active b probation, others a retired
            60.0 active b probation, others a retired
            61.0 plugin p b passed its probation after 1 calls
            62.0 active b active, previous a
        "#]],
    );
}

#[test]
fn probation_is_passed_by_calls() {
    check(
        REACTION,
        "0 folder a
         1 folder b
         2 repeat 100 does 1 ok
         3 state",
        expect![[r#"
            0.0 calls go to generation 1
            0.0 plugin p a loaded, sha256 a
            1.0 calls go to generation 2
            1.0 plugin p b in use on probation instead of a, sha256 b
            2.0 plugin p b passed its probation after 100 calls
            3.0 active b active, previous a
        "#]],
    );
}

#[test]
fn faults_on_probation_swap_back_and_the_package_is_denied() {
    check(
        REACTION,
        "0 folder a
         0 repeat 20 does 1 ok
         1 folder b
         2 does 1 trap
         3 does 1 ok
         4 does 1 trap
         5 does 2 limit
         6 scan
         7 state
         8 folder c
         9 state",
        expect![[r#"
            0.0 calls go to generation 1
            0.0 plugin p a loaded, sha256 a
            1.0 calls go to generation 2
            1.0 plugin p b in use on probation instead of a, sha256 b
            5.0 calls go to generation 1
            5.0 plugin p b was exchanged for a again: 3 of 4 calls were its fault, before 0 of 20
            7.0 active a active
            8.0 calls go to generation 3
            8.0 plugin p c in use on probation instead of a, sha256 c
            9.0 active c probation, others a retired
        "#]],
    );
}

#[test]
fn share_of_faults_swaps_back_where_the_old_one_had_fewer() {
    check(
        REACTION,
        "0 folder a
         0 repeat 20 does 1 ok
         1 folder b
         2 does 1 trap
         2 repeat 8 does 2 ok
         3 does 3 deadline
         4 state",
        expect![[r#"
            0.0 calls go to generation 1
            0.0 plugin p a loaded, sha256 a
            1.0 calls go to generation 2
            1.0 plugin p b in use on probation instead of a, sha256 b
            3.0 calls go to generation 1
            3.0 plugin p b was exchanged for a again: 2 of 10 calls were its fault, before 0 of 20
            4.0 active a active
        "#]],
    );
}

#[test]
fn version_that_is_no_worse_than_the_old_one_stays() {
    check(
        REACTION,
        "0 folder a
         0 does 1 trap
         0 does 2 ok
         0 does 3 trap
         1 folder b
         2 does 4 trap
         2 does 5 trap
         2 does 6 ok
         2 does 7 ok
         2 does 8 trap
         2 does 9 ok
         3 state",
        expect![[r#"
            0.0 calls go to generation 1
            0.0 plugin p a loaded, sha256 a
            1.0 calls go to generation 2
            1.0 plugin p b in use on probation instead of a, sha256 b
            3.0 active b probation, others a retired
        "#]],
    );
}

#[test]
fn slow_version_swaps_back() {
    check(
        REACTION,
        "0 folder a
         0 repeat 20 does 1 slow 2
         1 folder b
         2 repeat 20 does 1 slow 5
         3 state
         3 folder c
         4 repeat 19 does 1 slow 7
         4 state
         5 does 1 slow 7
         6 state",
        expect![[r#"
            0.0 calls go to generation 1
            0.0 plugin p a loaded, sha256 a
            1.0 calls go to generation 2
            1.0 plugin p b in use on probation instead of a, sha256 b
            3.0 active b probation, others a retired
            3.0 calls go to generation 3
            3.0 plugin p c in use on probation instead of a, sha256 c
            4.0 active c probation, others a retired
            5.0 calls go to generation 1
            5.0 plugin p c was exchanged for a again: half of its calls take more than 7 ms of its own, before 2 ms
            6.0 active a active
        "#]],
    );
}

#[test]
fn deadline_in_a_host_function_is_not_the_components_fault() {
    check(
        REACTION,
        "0 folder a
         1 folder b
         2 repeat 5 does 1 host-deadline
         2 repeat 5 does 1 saturated
         3 state",
        expect![[r#"
            0.0 calls go to generation 1
            0.0 plugin p a loaded, sha256 a
            1.0 calls go to generation 2
            1.0 plugin p b in use on probation instead of a, sha256 b
            3.0 active b probation, others a retired
        "#]],
    );
}

#[test]
fn calls_end_on_the_version_they_began_with() {
    let mut bench = Bench::new(REACTION, Saved::default());
    bench.chatty = true;
    bench.run(
        "0 folder a
         1 call 1
         2 folder b
         3 state
         4 ends ok
         5 state
         5.5 call 1
         6 folder c
         37 state
         38 ends ok",
    );
    expect![[r#"
        0.0 plugin p: generation 1 seen in its folder, package a
        0.0 plugin p: generation 1 is settled
        0.0 plugin p: generation 1 is verified
        0.0 plugin p: generation 1 is checked
        0.0 plugin p: generation 1 is compiled
        0.0 plugin p: generation 1 is linked
        0.0 plugin p: generation 1 is started
        0.0 calls go to generation 1
        0.0 plugin p a loaded, sha256 a
        2.0 plugin p: generation 2 seen in its folder, package b
        2.0 plugin p: generation 2 is settled
        2.0 plugin p: generation 2 is verified
        2.0 plugin p: generation 2 is checked
        2.0 plugin p: generation 2 is compiled
        2.0 plugin p: generation 2 is linked
        2.0 plugin p: generation 2 is started
        2.0 calls go to generation 2
        2.0 plugin p b in use on probation instead of a, sha256 b
        3.0 active b probation, others a draining
        4.0 plugin p a retired with 0 calls left
        5.0 active b probation, others a retired
        6.0 plugin p: generation 3 seen in its folder, package c
        6.0 plugin p: generation 3 is settled
        6.0 plugin p: generation 3 is verified
        6.0 plugin p: generation 3 is checked
        6.0 plugin p: generation 3 is compiled
        6.0 plugin p: generation 3 is linked
        6.0 plugin p: generation 3 is started
        6.0 calls go to generation 3
        6.0 plugin p c in use on probation instead of a, sha256 c
        36.0 plugin p b retired with 1 calls left
        37.0 active c probation, others a retired
    "#]]
    .assert_eq(&bench.story);
}

#[test]
fn backend_is_exchanged_only_while_no_order_runs() {
    check(
        BACKEND,
        "0 folder a
         1 call 1
         1 call 2
         2 folder b
         3 state
         4 ends ok
         5 state
         6 ends ok
         7 state
         8 does 1 trap
         8 does 1 trap
         9 call 7
         9 does 1 trap
         10 state
         11 ends ok
         12 state",
        expect![[r#"
            0.0 calls go to generation 1
            0.0 plugin p a loaded, sha256 a
            3.0 active a active, others b started
            5.0 active a active, others b started
            6.0 calls go to generation 2
            6.0 plugin p b in use on probation instead of a, sha256 b
            7.0 active b probation, others a retired
            10.0 active b probation, others a retired
            11.0 calls go to generation 1
            11.0 plugin p b was exchanged for a again: 3 of 3 calls were its fault, before 0 of 2
            12.0 active a active
        "#]],
    );
}

#[test]
fn two_versions_are_kept_and_rolled_back_to() {
    check(
        REACTION,
        "0 folder a
         1 folder b
         100 folder c
         200 folder d
         300 state
         301 order rollback
         302 scan
         303 state
         304 order rollback
         305 state
         306 order rollback
         307 order release
         308 scan
         309 state",
        expect![[r#"
            0.0 calls go to generation 1
            0.0 plugin p a loaded, sha256 a
            1.0 calls go to generation 2
            1.0 plugin p b in use on probation instead of a, sha256 b
            61.0 plugin p b passed its probation after 0 calls
            100.0 calls go to generation 3
            100.0 plugin p c in use on probation instead of b, sha256 c
            160.0 plugin p c passed its probation after 0 calls
            200.0 calls go to generation 4
            200.0 plugin p d in use on probation instead of c, sha256 d
            260.0 plugin p d passed its probation after 0 calls
            300.0 active d active, previous c + b
            301.0 done: version c is being loaded
            301.0 takes the kept copy of c
            301.0 calls go to generation 5
            301.0 plugin p was rolled back from d to c
            303.0 active c active, previous b
            304.0 done: version b is being loaded
            304.0 takes the kept copy of b
            304.0 calls go to generation 6
            304.0 plugin p was rolled back from c to b
            305.0 active b active
            306.0 can not: there is no earlier version that could be used
            307.0 done: calls are let in again; 2 denied packages may be tried again
            307.0 plugin p was released
            307.0 calls go to generation 7
            307.0 plugin p d in use on probation instead of b, sha256 d
            309.0 active d probation, others b retired
        "#]],
    );
}

#[test]
fn rollback_on_probation_swaps_back() {
    check(
        REACTION,
        "0 folder a
         1 folder b
         2 order rollback
         3 scan
         4 state",
        expect![[r#"
            0.0 calls go to generation 1
            0.0 plugin p a loaded, sha256 a
            1.0 calls go to generation 2
            1.0 plugin p b in use on probation instead of a, sha256 b
            2.0 done: version a is used again
            2.0 calls go to generation 1
            2.0 plugin p b was exchanged for a again: an operator rolled it back
            4.0 active a active
        "#]],
    );
}

#[test]
fn rollback_to_a_copy_that_is_gone_leaves_the_active_one() {
    check(
        REACTION,
        "0 folder a
         1 folder b
         100 fail verify no kept copy
         100 order rollback
         101 state
         102 order rollback",
        expect![[r#"
            0.0 calls go to generation 1
            0.0 plugin p a loaded, sha256 a
            1.0 calls go to generation 2
            1.0 plugin p b in use on probation instead of a, sha256 b
            61.0 plugin p b passed its probation after 0 calls
            100.0 done: version a is being loaded
            100.0 takes the kept copy of a
            100.0 plugin p rejected: verify: no kept copy; version b stays in use
            101.0 active b active
            102.0 can not: there is no earlier version that could be used
        "#]],
    );
}

#[test]
fn shadow_runs_beside_and_is_promoted() {
    check(
        REACTION,
        "0 folder a
         1 order shadow on
         2 folder b
         3 state
         4 compare 2
         5 compare 2 trapped
         6 compare 2 trapped
         7 order promote
         8 state
         70 state
         71 order promote",
        expect![[r#"
            0.0 calls go to generation 1
            0.0 plugin p a loaded, sha256 a
            1.0 done: the next version will run in shadow of the present one
            2.0 shadows on generation 2
            2.0 plugin p b runs in shadow, without effects, sha256 b
            3.0 active a active, others b shadow
            5.0 plugin p: the version in use answered yes, the one in shadow trapped
            7.0 done: version b is used from now on, on probation
            7.0 calls go to generation 2
            7.0 plugin p b in use on probation instead of a, sha256 b
            8.0 active b probation, others a retired
            67.0 plugin p b passed its probation after 0 calls
            70.0 active b active, previous a
            71.0 can not: no version runs in shadow or on probation
        "#]],
    );
}

#[test]
fn shadow_off_gives_the_version_up() {
    check(
        REACTION,
        "0 folder a
         1 order shadow on
         1 order shadow on
         2 folder b
         3 folder c
         4 state
         5 order shadow off
         5 order shadow off
         6 scan
         7 state",
        expect![[r#"
            0.0 calls go to generation 1
            0.0 plugin p a loaded, sha256 a
            1.0 done: the next version will run in shadow of the present one
            1.0 can not: shadow is on already
            2.0 shadows on generation 2
            2.0 plugin p b runs in shadow, without effects, sha256 b
            3.0 plugin p b no longer runs in shadow
            3.0 shadows on generation 3
            3.0 plugin p c runs in shadow, without effects, sha256 c
            4.0 active a active, others c shadow
            5.0 done: the shadowed version is given up; the next version is used on probation
            5.0 plugin p c no longer runs in shadow
            5.0 can not: shadow is off already
            7.0 active a active
        "#]],
    );
}

#[test]
fn promote_ends_a_probation() {
    check(
        REACTION,
        "0 folder a
         1 order promote
         2 folder b
         3 order promote
         4 state",
        expect![[r#"
            0.0 calls go to generation 1
            0.0 plugin p a loaded, sha256 a
            1.0 can not: no version runs in shadow or on probation
            2.0 calls go to generation 2
            2.0 plugin p b in use on probation instead of a, sha256 b
            3.0 done: the probation of version b is over
            3.0 plugin p b passed its probation after 0 calls
            4.0 active b active, previous a
        "#]],
    );
}

#[test]
fn differences_are_bounded() {
    let mut bench = Bench::new(REACTION, Saved::default());
    bench.run(
        "0 folder a
         1 order shadow on
         2 folder b
         3 repeat 50 compare 2 no",
    );
    let shadowed = bench.machine.view(bench.now).shadowed.unwrap();
    assert_eq!((shadowed.compared, shadowed.differed, shadowed.differences.len()), (50, 50, 20));
}

#[test]
fn component_that_is_gone_is_told_and_the_loaded_one_stays() {
    check(
        REACTION,
        "0 folder a
         1 folder no-component
         2 state
         4 state
         5 scan
         6 folder a
         7 folder no-component
         8 folder b
         9 state",
        expect![[r#"
            0.0 calls go to generation 1
            0.0 plugin p a loaded, sha256 a
            2.0 active a active
            3.0 plugin p: component.wasm is gone, plugin.toml is not; the loaded version stays
            4.0 active a active
            8.0 calls go to generation 2
            8.0 plugin p b in use on probation instead of a, sha256 b
            9.0 active b probation, others a retired
        "#]],
    );
}

#[test]
fn folder_that_is_gone_is_unloaded_after_its_calls() {
    check(
        REACTION,
        "0 used reaction-page
         0 folder a
         1 call 1
         2 folder gone
         2.5 folder a
         3 folder gone
         6 state
         7 call 2
         8 ends ok
         9 state
         10 order rollback
         11 state
         12 folder b
         13 state",
        expect![[r#"
            0.0 calls go to generation 1
            0.0 plugin p a loaded, sha256 a
            5.0 calls go to nobody
            5.0 plugin p unloaded because its folder is gone; used by: reaction-page
            6.0 active nothing, others a draining, previous a
            7.0 refused: it is not loaded
            9.0 active nothing, previous a
            10.0 done: version a is being loaded
            10.0 takes the kept copy of a
            10.0 calls go to generation 2
            10.0 plugin p a loaded, sha256 a
            11.0 active a active
            12.0 calls go to generation 3
            12.0 plugin p b in use on probation instead of a, sha256 b
            13.0 active b probation, others a retired
        "#]],
    );
}

#[test]
fn restart_begins_with_the_version_that_is_known_to_work() {
    let mut bench = Bench::new(REACTION, Saved::default());
    bench.run("0 folder a\n 1 folder b");
    let saved = bench.machine.saved();
    assert_eq!(saved.active, Some("a".into()), "b is on probation");
    let mut bench = Bench::new(REACTION, saved);
    bench.run("0 folder b\n 1 state");
    expect![[r#"
        0.0 takes the kept copy of a
        0.0 calls go to generation 1
        0.0 plugin p a loaded, sha256 a
        0.0 calls go to generation 2
        0.0 plugin p b in use on probation instead of a, sha256 b
        1.0 active b probation, others a retired
    "#]]
    .assert_eq(&bench.story);
}

#[test]
fn restart_keeps_what_was_denied_and_what_can_be_rolled_back_to() {
    let mut bench = Bench::new(REACTION, Saved::default());
    bench.run("0 folder a\n 1 folder b\n 100 folder c\n 101 order rollback");
    let saved = bench.machine.saved();
    let text = serde_json::to_string(&saved).unwrap();
    assert_eq!(serde_json::from_str::<Saved>(&text).unwrap(), saved);
    let mut bench = Bench::new(REACTION, saved);
    bench.run("0 folder c\n 1 state\n 2 order rollback\n 3 state");
    expect![[r#"
        0.0 takes the kept copy of b
        0.0 calls go to generation 1
        0.0 plugin p b loaded, sha256 b
        0.0 plugin p rejected: denied: an operator rolled it back; version b stays in use
        1.0 active b active, previous a
        2.0 done: the version before is being loaded, package a
        2.0 takes the kept copy of a
        2.0 calls go to generation 2
        2.0 plugin p was rolled back from b to a
        3.0 active a active
    "#]]
    .assert_eq(&bench.story);
}

#[test]
fn restart_without_the_component_takes_the_kept_copy() {
    let saved = Saved { active: Some("a".into()), ..Saved::default() };
    let mut bench = Bench::new(REACTION, saved.clone());
    bench.run("0 folder no-component\n 3 state");
    let mut gone = Bench::new(REACTION, saved);
    gone.run("0 folder gone\n 3 state");
    expect![[r#"
        0.0 takes the kept copy of a
        0.0 calls go to generation 1
        0.0 plugin p a loaded, sha256 a
        2.0 plugin p: component.wasm is gone, plugin.toml is not; the loaded version stays
        3.0 active a active
        2.0 plugin p unloaded because its folder is gone; used by: nobody that is known here
        3.0 active nothing, previous a
    "#]]
    .assert_eq(&[bench.story, gone.story].concat());
}
