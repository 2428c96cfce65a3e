//! `grants.d/<plugin>.toml`: the operator's answer to what a plugin asks for. It holds for one
//! component, or for everything that one signer signs, and for nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use toml::{Table, Value};

use super::permission::Permission;
use super::reader::Reader;
use super::scope::Scope;
use crate::limits::GRANTS_MAX;
use crate::package::syntax_problem;
use crate::signature::PublicKey;

/// What a grant holds for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Binding {
    /// The component with this SHA-256, in lower case.
    Digest(String),
    /// Every version that this key signed.
    Signer(PublicKey),
}

impl fmt::Display for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Binding::Digest(sha256) => write!(f, "the component with sha256 {sha256}"),
            Binding::Signer(key) => write!(f, "what {key} signed"),
        }
    }
}

/// A checked file of `grants.d`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantFile {
    /// What it holds for.
    pub binding: Binding,
    pub(super) granted: BTreeMap<Permission, Scope>,
    pub(super) only_primary: BTreeSet<Permission>,
}

/// Why a file of `grants.d` was refused: everything that is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("grants.d/{plugin}.toml: {}", .problems.join("; "))]
pub struct GrantError {
    /// Whose file.
    pub plugin: String,
    /// One sentence each.
    pub problems: Vec<String>,
}

impl GrantFile {
    /// Reads and checks the text of the file about a plugin.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with what was found and what is allowed.
    pub fn parse(plugin: &str, text: &str) -> Result<Self, GrantError> {
        let mut problems = Vec::new();
        let file = match text.parse::<Table>() {
            Ok(table) => read(table, &mut problems),
            Err(error) => {
                problems.push(syntax_problem(text, &error));
                None
            }
        };
        match file {
            Some(file) if problems.is_empty() => Ok(file),
            _ => Err(GrantError { plugin: plugin.to_owned(), problems }),
        }
    }

    /// The permissions that it grants.
    pub fn permissions(&self) -> impl Iterator<Item = Permission> + '_ {
        self.granted.keys().copied()
    }
}

fn read(mut table: Table, problems: &mut Vec<String>) -> Option<GrantFile> {
    let rows = table.remove("grant");
    let mut file = Reader::new("", table, problems);
    let binding = binding(&mut file);
    file.end();
    let rows = match rows {
        None => Vec::new(),
        Some(Value::Array(rows)) if rows.len() <= GRANTS_MAX => rows,
        Some(Value::Array(rows)) => {
            problems.push(format!("{} grants, at most {GRANTS_MAX}", rows.len()));
            Vec::new()
        }
        Some(_) => {
            problems.push("grant is not a list of tables, as in [[grant]]".to_owned());
            Vec::new()
        }
    };
    let mut read = Read::default();
    for (index, row) in rows.into_iter().enumerate() {
        read_row(index + 1, row, &mut read, problems);
    }
    let Read { granted, only_primary } = read;
    Some(GrantFile { binding: binding?, granted, only_primary })
}

fn binding(file: &mut Reader<'_>) -> Option<Binding> {
    let written = (file.has("sha256"), file.has("signer"));
    match (file.text("sha256"), file.text("signer")) {
        (Some(sha256), None) => {
            let sha256 = sha256.to_ascii_lowercase();
            if sha256.len() == 64 && sha256.chars().all(|c| c.is_ascii_hexdigit()) {
                return Some(Binding::Digest(sha256));
            }
            file.report(&format!("sha256 is {sha256:?}, allowed are 64 hexadecimal digits"));
        }
        (None, Some(signer)) => match signer.parse::<PublicKey>() {
            Ok(key) => return Some(Binding::Signer(key)),
            Err(error) => file.report(&format!("signer is {signer:?}: {error}")),
        },
        (None, None) if written != (false, false) => {}
        (None, None) => file.report(
            "neither sha256 nor signer: say for which component, or for whose signature, it holds",
        ),
        (Some(_), Some(_)) => file.report("sha256 and signer: only one of them is allowed"),
    }
    None
}

/// What the rows say together.
#[derive(Default)]
struct Read {
    granted: BTreeMap<Permission, Scope>,
    only_primary: BTreeSet<Permission>,
}

fn read_row(number: usize, row: Value, read: &mut Read, problems: &mut Vec<String>) {
    let Value::Table(mut row) = row else {
        problems.push(format!("grant {number} is not a table, as in [[grant]]"));
        return;
    };
    let word = row.remove("permission");
    let permission = word.as_ref().and_then(Value::as_str).and_then(Permission::from_word);
    let Some(permission) = permission else {
        let known = Permission::ALL.map(Permission::word).join(", ");
        let found = word.map_or("missing".to_owned(), |word| format!("{word}"));
        problems.push(format!("grant {number}: permission is {found}, known are {known}"));
        return;
    };
    let found_before = problems.len();
    let mut reader = Reader::new(&format!("grant {number} ({permission})"), row, problems);
    let scope = Scope::read(permission, &mut reader);
    let is_for_primary = permission.acts() && when_primary(&mut reader);
    reader.end();
    let Some(scope) = scope else { return };
    let was_for_primary = read.only_primary.contains(&permission);
    if read.granted.contains_key(&permission) && was_for_primary != is_for_primary {
        problems.push(format!("grant {number} ({permission}): when differs from an earlier row"));
    }
    if is_for_primary {
        read.only_primary.insert(permission);
    }
    let whole = match read.granted.get_mut(&permission) {
        None => read.granted.entry(permission).or_insert(scope),
        Some(before) => {
            if !before.merge(scope) {
                problems.push(format!("grant {number} ({permission}): granted before"));
            }
            before
        }
    };
    if problems.len() == found_before
        && let Some(name) = whole.doubled_program()
    {
        problems.push(format!("grant {number} ({permission}): program {name} is named twice"));
    }
}

/// Whether a row holds only while the application of the call is primary.
fn when_primary(row: &mut Reader<'_>) -> bool {
    match row.text("when").as_deref() {
        Some("primary") => true,
        Some(other) => {
            row.report(&format!("when is {other:?}, allowed is \"primary\""));
            false
        }
        None => false,
    }
}
