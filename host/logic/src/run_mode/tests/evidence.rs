//! A backup that still sees its lost primary serve, or sees that it does not.

use super::*;

#[test]
fn a_primary_that_its_backup_still_sees_is_not_replaced_when_it_comes_back_in_time() {
    check(
        LED,
        "1 sees b serving\n 1 lost a\n 2 state\n 7 link a running primary/1\n 20 state",
        expect![[r#"
            1.0 ?? b
            1.0 !! postponed by 10 s
            2.0 state: a is primary; host h1 of a can not be reached; b on h2 still sees it serve
            6.0 ?? b
            20.0 state: a is primary
        "#]],
    );
}

#[test]
fn when_it_falls_silent_it_is_replaced_at_once_and_after_the_bound_in_any_case() {
    check(
        LED,
        "1 sees b serving\n 1 lost a\n 3 sees b silence\n 3.1 ok b",
        expect![[r#"
            1.0 ?? b
            1.0 !! postponed by 10 s
            3.0 term 2: b primary, because host h1 of a can not be reached
            3.0     b on h2 saw that it does not serve: 3 requests without an answer
            3.0 -> b: Primary 2
            3.0     b on h2 is told to be primary with term 2
            3.1     b on h2 confirmed that it is primary
            3.1 == b Primary
            3.1 done
        "#]],
    );
    check(
        LED,
        "1 sees b serving\n 1 lost a\n 11.5 ok b",
        expect![[r#"
            1.0 ?? b
            1.0 !! postponed by 10 s
            6.0 ?? b
            11.0 term 2: b primary, because host h1 of a can not be reached
            11.0     b on h2 still saw it serve after 10 s; it is not waited for any longer
            11.0 -> b: Primary 2
            11.0     b on h2 is told to be primary with term 2
            11.5     b on h2 confirmed that it is primary
            11.5 == b Primary
            11.5 done
        "#]],
    );
}

#[test]
fn what_nobody_looked_for_delays_nothing_and_an_order_does_not_wait() {
    let expected = expect![[r#"
        1.0 term 2: b primary, because host h1 of a can not be reached
        1.0 -> b: Primary 2
        1.0     b on h2 is told to be primary with term 2
        1.1     b on h2 confirmed that it is primary
        1.1 == b Primary
        1.1 done
    "#]];
    check(LED, "1 sees b nothing\n 1 lost a\n 1.1 ok b", expected);
    let never = Settings { evidence_wait: Duration::ZERO, ..SETTINGS };
    let mut bench = Bench::new(never);
    bench.run(LED);
    bench.run("1 sees b serving\n 1 lost a\n 1.1 ok b");
    assert_eq!(bench.pair.primary(), Some(Side::Second));
    check(
        LED,
        "1 sees b serving\n 1 lost a\n 2 switchover\n 2.1 ok b",
        expect![[r#"
            1.0 ?? b
            1.0 !! postponed by 10 s
            2.0 term 2: b primary, because operator eve asked for it
            2.0     host h1 of a can not be reached, so it is not told to stand by
            2.0 -> b: Primary 2
            2.0     b on h2 is told to be primary with term 2
            2.1     b on h2 confirmed that it is primary
            2.1 == b Primary
            2.1 done
        "#]],
    );
}

#[test]
fn the_ordinary_wait_comes_first_and_evidence_of_another_life_does_not_count() {
    let settings = Settings { disconnect_switchover_timeout: Duration::from_secs(3), ..SETTINGS };
    check_with(
        settings,
        LED,
        "1 lost a\n 2 sees b serving\n 5 state\n 5 died b\n 5.5 is b running\n 5.6 ok b",
        expect![[r#"
            1.0 ?? b
            4.0 !! postponed by 10 s
            5.0 state: a is primary; host h1 of a can not be reached; b on h2 still sees it serve
            5.0 !! backup Stopped: host h1 of a can not be reached
            5.5 term 2: b primary, because host h1 of a can not be reached
            5.5 -> b: Primary 2
            5.5     b on h2 is told to be primary with term 2
            5.6     b on h2 confirmed that it is primary
            5.6 == b Primary
            5.6 done
        "#]],
    );
}
