//! Who stands up for a plugin: an author signs it, an operator grants it what it asks for.
//!
//! Both are files beside the plugin; nothing of a running system is touched. A host that watches
//! the folders takes them over by itself.

use std::fs;
use std::path::{Path, PathBuf};

use takeover_engine::grants::{Approval, GrantFile};
use takeover_engine::package::policy;
use takeover_engine::signature::{PublicKey, SIGNATURE_FILE, SigningKey};

use super::stage::replace;
use super::{AuthoringError, Subject};

/// Makes a key pair and keeps the private half in a new file that only its owner can read.
///
/// # Errors
/// The file is there already or can not be written, or the system has no random bytes.
pub fn keygen(file: &Path) -> Result<PublicKey, AuthoringError> {
    let key = SigningKey::generate()?;
    key.write_new(file)?;
    Ok(key.public())
}

/// Signs a built plugin, or the one that a project was built into: writes `plugin.sig` beside its
/// manifest. The signature covers the manifest and, by its digest, the component. That of a text
/// policy, `NAME.rhai.sig`, covers the text.
///
/// # Errors
/// No built plugin, one whose component does not fit its manifest, or no usable key.
pub fn sign(folder: &Path, key: &Path) -> Result<PublicKey, AuthoringError> {
    let subject = Subject::open(folder)?;
    let key = SigningKey::read(key)?;
    let (signed, file) = match &subject {
        Subject::Built { dist, .. } => (dist.join("plugin.toml"), dist.join(SIGNATURE_FILE)),
        Subject::Policy(policy) => {
            (policy.file.clone(), policy.folder.join(policy::signature_name(&policy.name)))
        }
    };
    // An earlier signature may be of another manifest; that is no reason not to sign this one.
    match fs::remove_file(&file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(AuthoringError::file(&file)(error));
        }
        _ => {}
    }
    subject.read()?;
    let bytes = fs::read(&signed).map_err(AuthoringError::file(&signed))?;
    replace(&file, key.sign(&bytes).as_bytes())?;
    Ok(key.public())
}

/// What a grant is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BindTo {
    /// This very component.
    Digest,
    /// Every version that its signer signs.
    Signer,
}

/// A grant that was written.
#[derive(Clone, Debug)]
pub struct Granted {
    /// The file.
    pub file: PathBuf,
    /// The words of the permissions that it grants.
    pub permissions: Vec<String>,
}

/// Writes the operator's answer to a plugin into a folder of grants. `rows` is the text of its
/// `[[grant]]` tables; without any, the `grant.toml` of the project, or nothing beyond what needs
/// no scope.
///
/// # Errors
/// No built plugin; rows that are not right; rows that leave out what the plugin asks for, each
/// named with its reason; a plugin that nobody signed where it is to be bound to its signer; a
/// grant that is there already, unless `replaces`.
pub fn grant(
    folder: &Path,
    grants: &Path,
    rows: Option<&str>,
    (bind, replaces): (BindTo, bool),
) -> Result<Granted, AuthoringError> {
    let subject = Subject::open(folder)?;
    let verified = subject.read()?;
    let name = &verified.manifest.name;
    let own = subject.grant()?;
    let sha256 = verified.manifest.sha256();
    let bound = match (bind, verified.signer) {
        (BindTo::Digest, _) => format!("sha256 = \"{sha256}\"\n"),
        (BindTo::Signer, Some(signer)) => format!("signer = \"{signer}\"\n"),
        (BindTo::Signer, None) => return Err(AuthoringError::NotSigned(name.clone())),
    };
    let rows = rows.map(str::to_owned).or(own).unwrap_or_default();
    let text = format!("# What the operator grants to {name}.\n{bound}\n{}\n", rows.trim());
    let parsed = GrantFile::parse(name, &text).map_err(AuthoringError::Grant)?;
    let decided =
        takeover_engine::grants::decide(&verified.manifest, sha256, verified.signer, Some(&parsed));
    if let Approval::PendingApproval(pending) = decided {
        return Err(AuthoringError::LeftOut(pending.to_string()));
    }
    let file = grants.join(format!("{name}.toml"));
    if file.exists() && !replaces {
        return Err(AuthoringError::Exists(file));
    }
    fs::create_dir_all(grants).map_err(AuthoringError::file(grants))?;
    replace(&file, text.as_bytes())?;
    let permissions = parsed.permissions().map(|one| one.to_string()).collect();
    Ok(Granted { file, permissions })
}

#[cfg(test)]
mod tests;
