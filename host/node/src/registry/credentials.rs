//! Who a registry is told that we are. From the environment or a file, never from the command
//! line, where everybody on the machine could read it; never shown.

use std::env;
use std::fmt;
use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;

use super::RegistryError;
use crate::limits::CREDENTIALS_BYTES_MAX;

/// Names the user.
const USER: &str = "TAKEOVER_REGISTRY_USER";
/// Names the password or token.
const PASSWORD: &str = "TAKEOVER_REGISTRY_PASSWORD";

/// A user and a password, ready for HTTP (RFC 7617).
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials(String);

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(..)")
    }
}

impl Credentials {
    /// Those of a user.
    pub fn new(user: &str, password: &str) -> Self {
        Self(BASE64.encode(format!("{user}:{password}")))
    }

    /// Those in the environment, where both variables are set.
    ///
    /// # Errors
    /// Only one of them is.
    pub fn from_environment() -> Result<Option<Self>, RegistryError> {
        match (env::var(USER), env::var(PASSWORD)) {
            (Ok(user), Ok(password)) => Ok(Some(Self::new(&user, &password))),
            (Err(_), Err(_)) => Ok(None),
            (Ok(_), Err(_)) => Err(problem(format!("{USER} is set, {PASSWORD} is not"))),
            (Err(_), Ok(_)) => Err(problem(format!("{PASSWORD} is set, {USER} is not"))),
        }
    }

    /// Those for a registry in a file of the form that `docker login` writes: `auths`, below it
    /// the registry, below it `auth`.
    ///
    /// # Errors
    /// A file that can not be read, is not of that form, or does not name the registry.
    pub fn from_file(path: &Path, registry: &str) -> Result<Self, RegistryError> {
        let shown = path.display();
        let length = fs::metadata(path).map(|it| it.len());
        let length = length.map_err(|error| problem(format!("{shown}: {error}")))?;
        if length > CREDENTIALS_BYTES_MAX {
            let max = CREDENTIALS_BYTES_MAX;
            return Err(problem(format!("{shown}: {length} bytes, at most {max}")));
        }
        let text = fs::read_to_string(path);
        let text = text.map_err(|error| problem(format!("{shown}: {error}")))?;
        // What the parser says could show a piece of the file.
        let file: Value = serde_json::from_str(&text)
            .map_err(|error| problem(format!("{shown}: line {}: not JSON", error.line())))?;
        let auth = file.get("auths").and_then(|auths| auths.get(registry)?.get("auth")?.as_str());
        let Some(auth) = auth else {
            return Err(problem(format!(
                "{shown}: no \"auths\" entry with \"auth\" for {registry}"
            )));
        };
        let decoded = BASE64.decode(auth).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        match decoded {
            Some(pair) if pair.contains(':') => Ok(Self(auth.to_owned())),
            _ => Err(problem(format!(
                "{shown}: \"auth\" for {registry} is not USER:PASSWORD in base64"
            ))),
        }
    }

    /// The value of the header.
    pub(super) fn header(&self) -> String {
        format!("Basic {}", self.0)
    }
}

fn problem(text: String) -> RegistryError {
    RegistryError::Credentials(text)
}
