//! Standard output: whether it is a terminal, colors, and what happens when nobody reads it.

use std::io::{ErrorKind, IsTerminal, Write};

use crate::exit::{Exit, Failure};

/// How a piece of text looks on a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// As it is.
    Plain,
    /// Heading of a column.
    Heading,
    /// Of less interest.
    Dim,
    /// As it should be.
    Good,
    /// To be looked at.
    Attention,
    /// Not as it should be.
    Bad,
}

impl Style {
    /// The escape sequence (ECMA-48, select graphic rendition).
    fn code(self) -> &'static str {
        match self {
            Style::Plain => "",
            Style::Heading => "\x1b[1m",
            Style::Dim => "\x1b[2m",
            Style::Good => "\x1b[32m",
            Style::Attention => "\x1b[33m",
            Style::Bad => "\x1b[1;31m",
        }
    }
}

/// Standard output.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Out {
    color: bool,
    terminal: bool,
}

impl Out {
    /// Standard output of this process. Colors only on a terminal that can show them and where
    /// the user has not asked for none (`NO_COLOR`).
    pub(crate) fn new() -> Self {
        let terminal = std::io::stdout().is_terminal();
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        Self { color: terminal && !refused && !dumb, terminal }
    }

    /// Output without colors, as into a file.
    #[cfg(test)]
    pub(crate) fn plain() -> Self {
        Self { color: false, terminal: false }
    }

    /// Whether somebody looks at it directly.
    pub(crate) fn is_terminal(self) -> bool {
        self.terminal
    }

    /// `text` in a style.
    pub(crate) fn paint(self, style: Style, text: &str) -> String {
        if self.color && style != Style::Plain && !text.is_empty() {
            format!("{}{text}\x1b[0m", style.code())
        } else {
            text.to_owned()
        }
    }

    /// Writes `text`, with a line end where it has none.
    pub(crate) fn print(self, text: &str) -> Result<(), Failure> {
        let mut stdout = std::io::stdout().lock();
        let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        write!(stdout, "{text}{end}").and_then(|()| stdout.flush()).map_err(|error| {
            match error.kind() {
                ErrorKind::BrokenPipe => Failure::unread(),
                _ => Failure::new(Exit::Problems, format!("standard output: {error}")),
            }
        })
    }

    /// Begins a screen anew, where there is one.
    pub(crate) fn clear(self) -> &'static str {
        if self.terminal && self.color { "\x1b[H\x1b[2J" } else { "" }
    }
}

/// `text` with everything a terminal could take for a command made visible: it comes from
/// programs that are managed, not from us.
pub(crate) fn clean(text: &str) -> String {
    if !text.contains(char::is_control) {
        return text.to_owned();
    }
    text.chars()
        .map(|c| match c {
            '\n' | '\r' | '\t' => ' ',
            c if c.is_control() => '\u{fffd}',
            c => c,
        })
        .collect()
}

#[cfg(test)]
mod tests;
