//! `takeover plugin push` and `pull`.

use std::path::Path;

use takeover::authoring::Subject;
use takeover::registry::credentials::Credentials;
use takeover::registry::{Access, RegistryError, pull as fetch, push as send};

use super::{RegistryArgs, failure};
use crate::exit::{Exit, Failure};
use crate::out::{Out, clean};

/// Pushes a built plugin and says how it is named for good.
pub(crate) fn push(registry: &RegistryArgs, dir: &Path) -> Result<Exit, Failure> {
    let subject = Subject::open(dir).map_err(failure)?;
    let access = access(registry).map_err(refused)?;
    let pushed = send(&subject, &access).map_err(refused)?;
    let (name, version) = (&pushed.name, clean(&pushed.version));
    let reference = &access.reference;
    let for_good = format!("{}/{}@{}", reference.registry(), reference.repository(), pushed.digest);
    Out::new().print(&format!("{name} {version} is {reference} now\n{for_good}\n"))?;
    Ok(Exit::Ok)
}

/// Pulls a plugin and says what to do with it.
pub(crate) fn pull(registry: &RegistryArgs, to: &Path) -> Result<Exit, Failure> {
    let access = access(registry).map_err(refused)?;
    let (folder, pulled) = fetch(to, &access).map_err(refused)?;
    let (name, version, digest) = (&pulled.name, clean(&pulled.version), &pulled.digest);
    let folder = folder.display();
    Out::new().print(&format!(
        "{folder} has {name} {version}, {digest}\n\n  \
         takeover plugin check {folder}    what it is and what it wants\n  \
         copied into plugins.d of a host, it is used\n"
    ))?;
    Ok(Exit::Ok)
}

fn access(args: &RegistryArgs) -> Result<Access, RegistryError> {
    let reference: takeover::registry::reference::Reference = args.reference.parse()?;
    let credentials = match &args.credentials {
        Some(file) => Some(Credentials::from_file(file, reference.registry())?),
        None => Credentials::from_environment()?,
    };
    Ok(Access { reference, credentials, ca: args.ca.clone() })
}

fn refused(error: RegistryError) -> Failure {
    let exit = match &error {
        RegistryError::Reference { .. } | RegistryError::Exists(_) | RegistryError::Policy(_) => {
            Exit::Usage
        }
        RegistryError::Registry { .. } => Exit::Unreachable,
        _ => Exit::Problems,
    };
    Failure::new(exit, format!("{:#}", anyhow::Error::from(error)))
}
