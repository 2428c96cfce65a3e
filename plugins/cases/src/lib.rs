//! Reads the test cases of components (`plugins/*/cases/*.toml`) and plays the host in them: the
//! same for a native run of a component's decisions and for a run of the component in the sandbox.
//!
//! It must not know the types of either: questions are text, answers a small enum.
//!
//! Reading order: this file (cases and the host that plays them), [`ask`] (the text of questions
//! that reach outside), [`answer`](mod@answer) (the text of their answers), [`fault_words`] and
//! [`forwarding_words`] (faults, calls and decisions as text).

mod files;
pub mod forwarding;
pub mod monitor;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

mod answer;
pub mod ask;
mod words;

/// One case.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What it shows.
    pub title: String,
    /// Settings that the operator wrote.
    #[serde(default)]
    pub settings: BTreeMap<String, toml::Value>,
    /// What a reaction is called with.
    #[serde(default)]
    pub alarm: Alarm,
    /// What a VIP backend is called with.
    #[serde(default)]
    pub order: Order,
    /// Questions of the component in their order, with the host's answers.
    #[serde(default)]
    pub call: Vec<Exchange>,
    /// How it ends: `ok`, `ok: TEXT`, `fault KIND` or `fault KIND: TEXT`.
    pub expect: String,
    /// Defaults of settings, from `plugin.toml`.
    #[serde(skip)]
    defaults: BTreeMap<String, toml::Value>,
}

/// What a reaction is called with.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Alarm {
    /// The condition.
    pub condition: String,
    /// The application that the alarm is about.
    pub application: String,
    /// The event that matched.
    pub event: String,
    /// Raised, else cleared.
    pub raised: bool,
    /// A test by an operator.
    pub test: bool,
    /// Severity: `critical`, `major` or `minor`.
    pub category: String,
    /// The application's host; empty: none.
    pub host: String,
    /// Type of the application; empty: none.
    pub application_type: String,
    /// The sentence of the event.
    pub text: String,
    /// When the event was written.
    pub at_unix_ms: u64,
    /// Matching events beyond the first.
    pub repeats: u32,
}

impl Default for Alarm {
    fn default() -> Self {
        Self {
            condition: "a-condition".into(),
            application: "sip-a".into(),
            event: "00-05150".into(),
            raised: true,
            test: false,
            category: "major".into(),
            host: "host-a".into(),
            application_type: "sip-server".into(),
            text: "run mode changed to primary".into(),
            at_unix_ms: 1_700_000_000_000,
            repeats: 0,
        }
    }
}

/// What a VIP backend is called with: always 192.0.2.10/24 on eth0 of host-b.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Order {
    /// `up`, `down` or `probe`.
    pub action: String,
    /// The old holder is known to have let go.
    pub confirmed: bool,
    /// Time left for the call.
    pub time_left_ms: u32,
    /// Configured time between two probes.
    pub probe_interval_ms: u32,
}

impl Default for Order {
    fn default() -> Self {
        Self { action: "up".into(), confirmed: true, time_left_ms: 8000, probe_interval_ms: 50 }
    }
}

/// A question and its answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// Interface, function and arguments.
    pub ask: String,
    /// See [`Answer::parse`].
    pub answer: String,
    /// How far the component's clock moves meanwhile.
    #[serde(default)]
    pub takes_ms: u64,
}

/// The host's answer to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is done.
    Done,
    /// Whether the address is there.
    Present(bool),
    /// Who answered for the address.
    Holder(Option<String>),
    /// An application's facts by name; absent ones have a fixed value.
    Application(BTreeMap<String, String>),
    /// What a program left.
    Output {
        /// Its exit code.
        exit_code: i32,
        /// Its standard output.
        stdout: String,
        /// Its standard error.
        stderr: String,
    },
    /// What an HTTP server answered.
    Response {
        /// Its status.
        status: u16,
        /// Names and values.
        headers: Vec<(String, String)>,
        /// The body.
        body: Vec<u8>,
    },
    /// What the memory holds under a key.
    Value(Option<Vec<u8>>),
    /// It was not done: the kind of fault and its text.
    Fault(String, String),
}

impl Answer {
    /// Reads `done`, `present`, `absent`, `nobody`, `holder MAC`, `application key=value ...`,
    /// `fault KIND: TEXT`, or one of those of [`answer`](mod@answer).
    pub fn parse(text: &str) -> Option<Answer> {
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        Some(match word {
            "done" => Answer::Done,
            "present" => Answer::Present(true),
            "absent" => Answer::Present(false),
            "nobody" => Answer::Holder(None),
            "holder" => Answer::Holder(Some(rest.to_owned())),
            "application" => Answer::Application(
                rest.split_whitespace()
                    .filter_map(|pair| pair.split_once('='))
                    .map(|(key, value)| (key.to_owned(), value.to_owned()))
                    .collect(),
            ),
            "fault" => {
                let (kind, text) = rest.split_once(": ").unwrap_or((rest, ""));
                Answer::Fault(kind.to_owned(), text.to_owned())
            }
            _ => return answer::outside(word, rest),
        })
    }
}

impl Case {
    /// The value of a setting as a component sees it: text as it is, everything else as JSON.
    pub fn setting(&self, key: &str) -> Option<String> {
        let value = self.settings.get(key).or_else(|| self.defaults.get(key))?;
        Some(match value {
            toml::Value::String(text) => text.clone(),
            other => serde_json::to_string(other).unwrap_or_default(),
        })
    }

    /// The host of this case.
    pub fn script(&self) -> Script {
        Script { exchanges: self.call.clone(), next: 0, now_ms: 1_000_000, problems: Vec::new() }
    }

    /// Everything in which a run differed from the case.
    pub fn problems(&self, script: &Script, outcome: &str) -> Vec<String> {
        let mut problems = script.problems.clone();
        for exchange in script.exchanges.iter().skip(script.next) {
            problems.push(format!("was never asked: {}", exchange.ask));
        }
        if outcome != self.expect {
            problems.push(format!("ended as: {outcome}\n    expected: {}", self.expect));
        }
        problems
    }
}

/// Plays the host of one case.
#[derive(Clone, Debug)]
pub struct Script {
    exchanges: Vec<Exchange>,
    next: usize,
    now_ms: u64,
    problems: Vec<String>,
}

impl Script {
    /// Answers a question; one that the case does not have next is a problem and a fault.
    pub fn ask(&mut self, question: &str) -> Answer {
        let exchange = self.exchanges.get(self.next).filter(|next| next.ask == question);
        let Some(exchange) = exchange else {
            let expected = self.exchanges.get(self.next).map_or("nothing more", |next| &next.ask);
            self.problems.push(format!("was asked: {question}\n    expected: {expected}"));
            return Answer::Fault("failed".into(), "not in the script".into());
        };
        self.next += 1;
        self.now_ms += exchange.takes_ms;
        let answer = Answer::parse(&exchange.answer);
        answer.unwrap_or_else(|| {
            self.problems.push(format!("unknown answer: {}", exchange.answer));
            Answer::Fault("failed".into(), "not in the script".into())
        })
    }

    /// The component's clock, monotonic and wall alike.
    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }
}

/// Runs every case of a plugin folder, and lists everything in which they differ.
///
/// # Errors
/// The problems of all cases, each under the name of its file.
pub fn run_all(
    folder: &Path,
    mut run: impl FnMut(&Case, &mut Script) -> String,
) -> Result<usize, String> {
    let cases = read_all(folder)?;
    let mut failed = String::new();
    for (path, case) in &cases {
        let mut script = case.script();
        let outcome = run(case, &mut script);
        for problem in case.problems(&script, &outcome) {
            failed.push_str(&format!("\n{} ({}): {problem}", path.display(), case.title));
        }
    }
    if failed.is_empty() { Ok(cases.len()) } else { Err(failed) }
}

/// Reads the cases of a plugin folder, in the order of their names.
///
/// # Errors
/// A file that can not be read or is not a case; a folder without cases.
pub fn read_all(folder: &Path) -> Result<Vec<(PathBuf, Case)>, String> {
    let defaults = defaults(folder)?;
    let cases = folder.join("cases");
    let entries = fs::read_dir(&cases).map_err(|error| format!("{}: {error}", cases.display()))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "toml"));
    paths.sort();
    if paths.is_empty() {
        return Err(format!("{}: no cases", cases.display()));
    }
    let read = |path: PathBuf| {
        let mut case: Case = read_toml(&path)?;
        case.defaults.clone_from(&defaults);
        Ok((path, case))
    };
    paths.into_iter().map(read).collect()
}

/// What the cases of a plugin folder are granted: the rows of its `grant.toml`, if it has one.
///
/// # Errors
/// A file that is there and can not be read.
pub fn grant_of(folder: &Path) -> Result<Option<String>, String> {
    let path = folder.join("grant.toml");
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

/// Defaults of the settings that `plugin.toml` declares; a text policy has none.
fn defaults(folder: &Path) -> Result<BTreeMap<String, toml::Value>, String> {
    let path = folder.join("plugin.toml");
    if !path.exists() {
        return Ok(BTreeMap::new());
    }
    let manifest: toml::Table = read_toml(&path)?;
    let settings = manifest.get("settings").and_then(toml::Value::as_table);
    let default = |(name, setting): (&String, &toml::Value)| {
        Some((name.clone(), setting.get("default")?.clone()))
    };
    Ok(settings.into_iter().flatten().filter_map(default).collect())
}

fn read_toml<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case() -> Case {
        toml::from_str(
            "title = 't'\nexpect = 'ok'\n[[call]]\nask = 'a.b c'\nanswer = 'holder 02:00'\n\
             takes_ms = 7",
        )
        .unwrap()
    }

    #[test]
    fn script_answers_in_order_and_moves_the_clock() {
        let mut script = case().script();
        let before = script.now_ms();
        assert_eq!(script.ask("a.b c"), Answer::Holder(Some("02:00".into())));
        assert_eq!(script.now_ms() - before, 7);
        assert_eq!(case().problems(&script, "ok"), Vec::<String>::new());
    }

    #[test]
    fn settings_that_are_not_text_come_as_json() {
        let mut case = case();
        case.settings =
            toml::from_str("text = 'a'\nlist = ['a\"b']\nnumber = 3\nyes = true").unwrap();
        let expected = [("text", "a"), ("list", r#"["a\"b"]"#), ("number", "3"), ("yes", "true")];
        for (key, value) in expected {
            assert_eq!(case.setting(key).as_deref(), Some(value), "{key}");
        }
        assert_eq!(case.setting("other"), None);
    }

    #[test]
    fn everything_that_differs_is_a_problem() {
        let mut script = case().script();
        script.ask("a.b other");
        let problems = case().problems(&script, "fault failed: x").join("\n");
        for part in ["was asked: a.b other", "was never asked: a.b c", "ended as: fault failed"] {
            assert!(problems.contains(part), "{part} not in {problems}");
        }
    }
}
