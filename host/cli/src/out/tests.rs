//! Colors and cleaning.

use super::{Out, Style, clean};

#[test]
fn colors_are_left_out_where_nobody_looks() {
    assert_eq!(Out::plain().paint(Style::Bad, "down"), "down");
    let colored = Out { color: true, terminal: true };
    assert_eq!(colored.paint(Style::Bad, "down"), "\x1b[1;31mdown\x1b[0m");
    assert_eq!(colored.paint(Style::Plain, "up"), "up");
}

#[test]
fn text_of_others_can_not_command_the_terminal() {
    assert_eq!(clean("plain ünïcode"), "plain ünïcode");
    assert_eq!(clean("a\x1b[2Jb\nc\u{9b}d"), "a\u{fffd}[2Jb c\u{fffd}d");
}
