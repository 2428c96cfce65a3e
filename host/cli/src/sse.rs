//! Server-sent events (HTML standard, section 9.2.6), from lines to messages. Reads nothing itself.

/// Longest message in bytes. An overview of a few hundred objects has about 200 KiB. Beyond it the
/// message is an error, and the stream is opened anew.
pub(crate) const MESSAGE_BYTES_MAX: usize = 16 << 20;

/// A message of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Message {
    /// Name of the event; `message` where the server gave none.
    pub(crate) event: String,
    /// The data lines, joined.
    pub(crate) data: String,
}

/// Collects lines.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parser {
    event: String,
    data: Option<String>,
}

/// A message was longer than [`MESSAGE_BYTES_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

impl Parser {
    /// Takes one line without its end; gives a message where the line completes one.
    pub(crate) fn line(&mut self, line: &str) -> Result<Option<Message>, TooLong> {
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            let Some(data) = self.data.take() else { return Ok(None) };
            let event = if event.is_empty() { "message".to_owned() } else { event };
            return Ok(Some(Message { event, data }));
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.event),
            "data" => {
                match &mut self.data {
                    Some(data) => {
                        data.push('\n');
                        data.push_str(value);
                    }
                    None => self.data = Some(value.to_owned()),
                }
                let length = self.data.as_ref().map_or(0, String::len);
                if length > MESSAGE_BYTES_MAX {
                    return Err(TooLong);
                }
            }
            // Comments (signs of life) and fields that we have no use for. The resume point is
            // in the data itself.
            _ => {}
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests;
