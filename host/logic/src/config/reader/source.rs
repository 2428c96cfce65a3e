//! One file: its text, its lines, and its TOML tree with positions.

use std::sync::Arc;

use toml::Spanned;
use toml::de::DeTable;

use super::Sink;
use crate::config::error::{ConfigError, Place};

/// A parsed file.
pub(crate) struct Source<'a> {
    name: Arc<str>,
    /// Byte positions at which lines begin, the first aside.
    line_starts: Vec<usize>,
    tree: Spanned<DeTable<'a>>,
}

impl<'a> Source<'a> {
    /// Parses a file. Syntax errors go to the sink; what could be understood is there anyway.
    pub(crate) fn parse(name: &str, text: &'a str, sink: &Sink) -> Self {
        let line_starts = text.match_indices('\n').map(|(at, _)| at + 1).collect();
        let (tree, errors) = DeTable::parse_recoverable(text);
        let source = Self { name: name.into(), line_starts, tree };
        for error in &errors {
            let at = error.span().map_or(0, |span| span.start);
            let found = match error.span().and_then(|span| text.get(span)) {
                None | Some("") => "nothing that continues here".to_owned(),
                Some(part) => super::section::quoted(part),
            };
            sink.syntax_error(ConfigError {
                place: source.place(at),
                found,
                allowed: format!("TOML ({})", error.message()),
                nearest: None,
            });
        }
        source
    }

    /// The table at the top.
    pub(crate) fn root(&self) -> &DeTable<'a> {
        self.tree.get_ref()
    }

    /// A place without object and key.
    pub(crate) fn place(&self, at: usize) -> Place {
        let line = self.line_starts.partition_point(|start| *start <= at) + 1;
        Place {
            file: Arc::clone(&self.name),
            line: u32::try_from(line).unwrap_or(u32::MAX),
            object: "".into(),
            key: "".into(),
        }
    }
}
