//! Event traces: the log events of a system in the order of its journal, one line each, and
//! their comparison with a golden file (`UPDATE_EXPECT=1` rewrites it).

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// One log event, as far as a trace shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traced {
    /// Its place in the journal.
    pub sequence: u64,
    /// Its id, as in `00-05150`.
    pub id: String,
    /// The application that it is about.
    pub application: Option<String>,
    /// The host that it is about.
    pub host: Option<String>,
    /// The sentence.
    pub text: String,
    /// The whole event.
    pub event: Value,
}

impl Traced {
    /// Reads a recorded event of the API.
    pub fn read(recorded: &Value) -> Option<Traced> {
        let event = recorded.get("event")?;
        let text = |key: &str| Some(event.get(key)?.as_str()?.to_owned());
        Some(Traced {
            sequence: recorded.get("sequence")?.as_u64()?,
            id: text("id")?,
            application: text("application"),
            host: text("host"),
            text: text("text")?,
            event: event.clone(),
        })
    }

    /// The line of a golden file: id, whom it is about, sentence.
    pub fn line(&self) -> String {
        let about = self.application.as_deref().or(self.host.as_deref()).unwrap_or("-");
        format!("{} {about}: {}", self.id, self.text)
    }
}

/// Lines of a trace.
pub fn render(events: &[Traced]) -> String {
    events.iter().map(|event| event.line() + "\n").collect()
}

/// Compares a trace with `tests/golden/NAME.txt`.
///
/// # Errors
/// Where they differ, with both.
pub fn check_golden(name: &str, trace: &str) -> Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(format!("{name}.txt"));
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        let folder = path.parent().context("a file without a folder")?;
        fs::create_dir_all(folder)?;
        return fs::write(&path, trace).with_context(|| path.display().to_string());
    }
    let expected = fs::read_to_string(&path)
        .with_context(|| format!("{}; UPDATE_EXPECT=1 writes it", path.display()))?;
    if expected != trace {
        bail!(
            "{name}: the events differ from {} (UPDATE_EXPECT=1 rewrites it)\n\
             --- expected\n{expected}--- found\n{trace}",
            path.display()
        );
    }
    Ok(())
}
