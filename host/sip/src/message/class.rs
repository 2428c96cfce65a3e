//! Classes of bytes, looked up in one table: reading a message is mostly asking for them.

/// Letters, digits and `-.!%*_+`'~`: a token (RFC 3261 section 25.1).
pub(super) const TOKEN: u8 = 1;
/// What the name of a parameter may consist of.
pub(super) const PARAM_NAME: u8 = 1 << 1;
/// What the user part of a URI may consist of.
pub(super) const USER: u8 = 1 << 2;
/// What the name of a host may consist of.
pub(super) const HOST: u8 = 1 << 3;
/// What ends the value of a parameter that is not quoted.
pub(super) const VALUE_END: u8 = 1 << 4;
/// Hexadecimal digits, `.` and `:`: what an address consists of.
pub(super) const NUMERIC: u8 = 1 << 5;
/// White space.
pub(super) const SPACE: u8 = 1 << 6;
/// What ends a URI that stands without brackets.
pub(super) const BARE_END: u8 = 1 << 7;

/// `@`, `;` and `?`: what divides a URI. In a table of its own, as the other one has no bit left.
#[expect(clippy::indexing_slicing, reason = "the table has a place for every byte")]
pub(super) const fn divides(byte: u8) -> bool {
    DIVIDERS[byte as usize]
}

/// Whether a byte is of one of the classes.
#[expect(clippy::indexing_slicing, reason = "the table has a place for every byte")]
pub(super) const fn is(byte: u8, classes: u8) -> bool {
    TABLE[byte as usize] & classes != 0
}

/// How many bytes at the beginning are of one of the classes.
pub(super) fn length(text: &[u8], classes: u8) -> usize {
    text.iter().position(|byte| !is(*byte, classes)).unwrap_or(text.len())
}

/// Where the first byte of one of the classes is; the length where there is none.
pub(super) fn find(text: &[u8], classes: u8) -> usize {
    text.iter().position(|byte| is(*byte, classes)).unwrap_or(text.len())
}

/// Whether all bytes are of one of the classes.
pub(super) fn all(text: &[u8], classes: u8) -> bool {
    text.iter().all(|byte| is(*byte, classes))
}

static TABLE: [u8; 256] = table();

static DIVIDERS: [bool; 256] = dividers();

#[expect(clippy::indexing_slicing, reason = "the table has a place for every byte")]
const fn dividers() -> [bool; 256] {
    let mut table = [false; 256];
    table[b'@' as usize] = true;
    table[b';' as usize] = true;
    table[b'?' as usize] = true;
    table
}

#[expect(clippy::indexing_slicing, reason = "the table has a place for every byte")]
const fn table() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0_u8;
    loop {
        let alphanumeric = byte.is_ascii_alphanumeric();
        let token = alphanumeric || among(byte, b"-.!%*_+`'~");
        let space = byte.is_ascii_whitespace();
        let mut classes = 0;
        classes |= if token { TOKEN } else { 0 };
        classes |= if token || among(byte, b"[]/:&+$") { PARAM_NAME } else { 0 };
        classes |= if alphanumeric || among(byte, b"-_.!~*'()&=+$,;?/%#") { USER } else { 0 };
        classes |= if alphanumeric || among(byte, b"-._") { HOST } else { 0 };
        classes |= if space || among(byte, b";,>?\"<") { VALUE_END } else { 0 };
        classes |= if byte.is_ascii_hexdigit() || among(byte, b".:") { NUMERIC } else { 0 };
        classes |= if space { SPACE } else { 0 };
        classes |= if space || among(byte, b";,") { BARE_END } else { 0 };
        table[byte as usize] = classes;
        if byte == u8::MAX {
            return table;
        }
        byte += 1;
    }
}

#[expect(clippy::indexing_slicing, reason = "compared with the length before")]
const fn among(byte: u8, set: &[u8]) -> bool {
    let mut at = 0;
    while at < set.len() {
        if set[at] == byte {
            return true;
        }
        at += 1;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_those_of_the_grammar() {
        let text = |class: u8| -> String {
            (0..=u8::MAX).filter(|byte| is(*byte, class)).map(char::from).collect()
        };
        let letters: String = ('A'..='Z').chain('a'..='z').collect();
        let token = format!("!%'*+-.0123456789{}_`{}~", &letters[..26], &letters[26..]);
        assert_eq!(text(TOKEN), token);
        assert_eq!(text(NUMERIC), ".0123456789:ABCDEFabcdef");
        assert_eq!(text(HOST), format!("-.0123456789{}_{}", &letters[..26], &letters[26..]));
        assert_eq!(text(SPACE), "\t\n\u{c}\r ");
        assert_eq!(text(VALUE_END), "\t\n\u{c}\r \",;<>?");
        assert_eq!(text(BARE_END), "\t\n\u{c}\r ,;");
        assert!(text(PARAM_NAME).contains("[]") && !text(PARAM_NAME).contains('='));
        assert!(text(USER).contains('#') && !text(USER).contains('@'));
    }

    #[test]
    fn lengths_and_places() {
        assert_eq!((length(b"abc;d", TOKEN), length(b"abc", TOKEN)), (3, 3));
        assert_eq!((find(b"abc;d", VALUE_END), find(b"abc", VALUE_END)), (3, 3));
        assert!(all(b"", TOKEN) && all(b"a.b", HOST) && !all(b"a@b", HOST));
    }
}
