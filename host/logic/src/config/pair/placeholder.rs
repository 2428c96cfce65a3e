//! Placeholders in what a pair's applications run: `{host}`, `{address}`, `{vip}`, `{port}`.

use std::net::IpAddr;
use std::sync::Arc;

use crate::config::reader::{Sink, Text};

/// What the placeholders of one application stand for; `None`: there is none to stand for.
pub(super) struct Placeholders {
    pub(super) host: Arc<str>,
    pub(super) address: Option<IpAddr>,
    pub(super) vip: Option<IpAddr>,
    pub(super) port: Option<u16>,
}

impl Placeholders {
    /// The text with its placeholders replaced; `None` after an error was reported.
    pub(super) fn fill(&self, text: &Text, sink: &Sink) -> Option<String> {
        let mut filled = String::with_capacity(text.value.len());
        let mut rest: &str = &text.value;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(at);
            filled.push_str(before);
            if let Some(after) = from.strip_prefix("{{") {
                filled.push('{');
                rest = after;
            } else if let Some(after) = from.strip_prefix("}}") {
                filled.push('}');
                rest = after;
            } else {
                let end = from.find('}').map_or(from.len(), |end| end + 1);
                let (placeholder, after) = from.split_at(end);
                match self.value(placeholder) {
                    Ok(value) => filled.push_str(&value),
                    Err(allowed) => {
                        sink.error(&text.place, format!("{placeholder:?}"), allowed);
                        return None;
                    }
                }
                rest = after;
            }
        }
        filled.push_str(rest);
        Some(filled)
    }

    fn value(&self, placeholder: &str) -> Result<String, &'static str> {
        /// A value, or why there is none.
        fn or<T: ToString>(
            value: Option<T>,
            missing: &'static str,
        ) -> Result<String, &'static str> {
            value.map(|value| value.to_string()).ok_or(missing)
        }
        match placeholder {
            "{host}" => Ok(self.host.to_string()),
            "{address}" => or(self.address, "{address} only of a host that is well configured"),
            "{vip}" => or(self.vip, "{vip} only in a pair with a vip"),
            "{port}" => or(self.port, "{port} only in a pair with a port"),
            _ => Err("{host}, {address}, {vip}, {port}, or {{ and }} for braces"),
        }
    }
}
