//! What happens to a pair while an operator has paused it.

use super::*;

#[test]
fn paused_pair_decides_nothing_until_it_is_resumed() {
    check(
        LED,
        "1 pause\n 2 died a\n 3 state\n 4 resume\n 4.1 ok b",
        expect![[r#"
        2.0 !! paused: a on h1 ended by itself (signal 9)
        3.0 state: paused; a on h1 ended by itself (signal 9); b on h2 is running
        4.0 term 2: b primary, because a on h1 ended by itself (signal 9)
        4.0 -> b: Primary 2
        4.0     b on h2 is told to be primary with term 2
        4.1     b on h2 confirmed that it is primary
        4.1 == b Primary
        4.1 done
    "#]],
    );
    check(
        LED,
        "1 pause\n 2 switchover\n 2.1 ok a\n 2.2 ok b",
        expect![[r#"
        2.0 term 2: b primary, because operator eve asked for it
        2.0 -> a: Backup 2
        2.0     a on h1 is told to stand by with term 2, b follows
        2.1     a on h1 confirmed that it stands by
        2.1 -> b: Primary 2
        2.1     b on h2 is told to be primary with term 2
        2.1 == a Backup
        2.2     b on h2 confirmed that it is primary
        2.2 == b Primary
        2.2 done
    "#]],
    );
}

#[test]
fn standby_that_restarts_while_paused_is_told_to_stand_by() {
    check(
        LED,
        "1 pause\n 2 died b\n 3 is b running\n 3.1 ok b\n 4 state",
        expect![[r#"
        3.0 -> b: Backup 1
        3.1     b on h2 confirmed that it is backup
        3.1 == b Backup
        4.0 state: paused; a is primary
    "#]],
    );
    check(
        LED,
        "1 pause\n 2 died a\n 3 died b\n 4 is b running\n 4.1 ok b\n 5 state",
        expect![[r#"
        2.0 !! paused: a on h1 ended by itself (signal 9)
        4.0 -> b: Backup 1
        4.1     b on h2 confirmed that it is backup
        4.1 == b Backup
        5.0 state: paused; a on h1 ended by itself (signal 9); b on h2 is running
    "#]],
    );
    check(
        LED,
        "1 pause\n 2 lost b\n 3 link b running restarted\n 3.1 ok b",
        expect![[r#"
        3.0 -> b: Backup 1
        3.1     b on h2 confirmed that it is backup
        3.1 == b Backup
    "#]],
    );
}

#[test]
fn primary_that_restarts_while_paused_is_told_nothing_until_the_pair_is_resumed() {
    check(
        LED,
        "1 pause\n 2 died a\n 3 is a running\n 4 state\n 5 resume\n 5.1 ok a",
        expect![[r#"
        2.0 !! paused: a on h1 ended by itself (signal 9)
        3.0 !! paused: a on h1 no longer has the run mode that it confirmed
        4.0 state: paused; a on h1 no longer has the run mode that it confirmed; b on h2 is running
        5.0 term 2: a primary, because a on h1 no longer has the run mode that it confirmed
        5.0 -> a: Primary 2
        5.0     a on h1 is told to be primary with term 2
        5.1     a on h1 confirmed that it is primary
        5.1 == a Primary
        5.1 done
    "#]],
    );
}
