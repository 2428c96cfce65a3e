//! `;name=value` lists behind an address, a Via or inside a URI.

use super::class::{self, PARAM_NAME, VALUE_END};

/// The pairs of a list that begins with `;` or is empty. It ends at the first thing that is no
/// parameter; [`well_formed`] says whether that is its end.
pub fn iter(text: &[u8]) -> Params<'_> {
    Params { rest: text }
}

/// Iterator over name and value.
#[derive(Clone, Debug)]
pub struct Params<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Params<'a> {
    type Item = (&'a [u8], Option<&'a [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest.trim_ascii_start().strip_prefix(b";")?.trim_ascii_start();
        let (name, after) = rest.split_at_checked(class::length(rest, PARAM_NAME))?;
        if name.is_empty() {
            return None;
        }
        let Some(value) = after.trim_ascii_start().strip_prefix(b"=") else {
            self.rest = after;
            return Some((name, None));
        };
        let value = value.trim_ascii_start();
        let end = value_end(value)?;
        let (value, after) = value.split_at_checked(end)?;
        self.rest = after;
        Some((name, Some(value)))
    }
}

/// The value of a parameter, its name in any case; empty for one without a value.
pub fn get<'a>(text: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let found = iter(text).find(|(this, _)| this.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.unwrap_or_default())
}

/// Whether all of the text is parameters.
pub fn well_formed(text: &[u8]) -> bool {
    text.is_empty() || read(text, |_, _| {})
}

/// The same; shows each of them on the way.
pub(super) fn read<'a>(text: &'a [u8], mut each: impl FnMut(&'a [u8], Option<&'a [u8]>)) -> bool {
    let mut params = iter(text);
    for (name, value) in params.by_ref() {
        each(name, value);
    }
    params.rest.trim_ascii().is_empty()
}

/// Where a value ends: a quoted string at its quote, anything else before white space, `;`, `,`,
/// `>` or `?`. None for a quoted string without an end.
fn value_end(value: &[u8]) -> Option<usize> {
    if value.first() == Some(&b'"') {
        return quoted_end(value);
    }
    Some(class::find(value, VALUE_END))
}

/// The length of the quoted string that the text begins with.
pub(super) fn quoted_end(text: &[u8]) -> Option<usize> {
    let mut escaped = false;
    for (at, byte) in text.iter().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}
