//! Which functions of the contract a script calls, by their names alone: what it asks for is what
//! it uses. Comments and texts do not count; what stands in a text between back quotes does,
//! because code may stand there.
//!
//! One call too many asks for a permission that is not needed. One too few is denied when it is
//! made, and the fault says so.

use std::collections::BTreeMap;
use std::fmt;
use std::iter::Peekable;
use std::str::Chars;

use crate::grants::Permission;

/// A call in a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Call {
    module: String,
    function: String,
    line: usize,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} calls {}::{}", self.line, self.module, self.function)
    }
}

/// The permissions that a script uses, each with the first call that does.
pub(super) fn permissions(text: &str) -> BTreeMap<Permission, Call> {
    let mut found = BTreeMap::new();
    for (index, line) in code_of(text).lines().enumerate() {
        for (module, function) in paths(line) {
            let Some(permission) = permission_of(module, function) else { continue };
            let call = Call { module: module.into(), function: function.into(), line: index + 1 };
            found.entry(permission).or_insert(call);
        }
    }
    found
}

/// The permission that a function of a module needs. The modules are the interfaces of the
/// contract, with `_` for `-`.
fn permission_of(module: &str, function: &str) -> Option<Permission> {
    match (module, function) {
        ("management", "set_option") => Some(Permission::SetOption),
        _ => Permission::ALL
            .into_iter()
            .filter(|it| *it != Permission::SetOption)
            .find(|it| it.interface().replace('-', "_") == module),
    }
}

/// Every `a::b` of a line.
fn paths(line: &str) -> impl Iterator<Item = (&str, &str)> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    line.match_indices("::").map(move |(at, _)| {
        let before = line.get(..at).unwrap_or_default().trim_end();
        let after = line.get(at + 2..).unwrap_or_default().trim_start();
        let name = before.trim_end_matches(is_name).len();
        let end = after.find(|c| !is_name(c)).unwrap_or(after.len());
        (before.get(name..).unwrap_or_default(), after.get(..end).unwrap_or_default())
    })
}

/// Where the reader of a text is.
enum Place {
    /// In code, so many braces deep.
    Code(usize),
    /// Between back quotes.
    Template,
}

/// The text with blanks for comments and for texts that hold no code; lines stay where they are.
fn code_of(text: &str) -> String {
    let mut rest = text.chars().peekable();
    let mut code = String::with_capacity(text.len());
    let mut places = vec![Place::Code(0)];
    while let Some(letter) = rest.next() {
        let next = rest.peek().copied();
        let is_inside = places.len() > 1;
        match (places.last_mut(), letter, next) {
            (Some(Place::Template), '$', Some('{')) => {
                rest.next();
                places.push(Place::Code(0));
            }
            (Some(Place::Template), '`', _) => {
                places.pop();
            }
            (Some(Place::Template), '\n', _) => code.push('\n'),
            (Some(Place::Template), ..) => code.push(' '),
            (_, '/', Some('/')) => while rest.next_if(|letter| *letter != '\n').is_some() {},
            (_, '/', Some('*')) => skip_comment(&mut rest, &mut code),
            (_, '"' | '\'', _) => skip_text(&mut rest, letter, &mut code),
            (_, '`', _) => places.push(Place::Template),
            (Some(Place::Code(depth)), '{', _) => *depth += 1,
            // The brace that ends the code inside a text between back quotes.
            (Some(Place::Code(0)), '}', _) if is_inside => {
                places.pop();
            }
            (Some(Place::Code(depth)), '}', _) => *depth = depth.saturating_sub(1),
            _ => code.push(letter),
        }
    }
    code
}

/// Comments can stand inside each other.
fn skip_comment(rest: &mut Peekable<Chars<'_>>, code: &mut String) {
    let mut depth = 0_usize;
    let mut before = '/';
    for letter in rest.by_ref() {
        match (before, letter) {
            ('/', '*') => depth += 1,
            ('*', '/') => depth -= 1,
            (_, '\n') => code.push('\n'),
            _ => {}
        }
        if depth == 0 {
            return;
        }
        // `/*/` opens and does not close.
        let is_pair = matches!((before, letter), ('/', '*') | ('*', '/'));
        before = if is_pair { ' ' } else { letter };
    }
}

fn skip_text(rest: &mut Peekable<Chars<'_>>, quote: char, code: &mut String) {
    code.push(' ');
    while let Some(letter) = rest.next() {
        match letter {
            '\n' => code.push('\n'),
            '\\' if rest.next() == Some('\n') => code.push('\n'),
            '\\' => {}
            _ if letter == quote => return,
            _ => {}
        }
    }
}
