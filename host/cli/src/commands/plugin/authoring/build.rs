//! `takeover plugin build`.

use std::path::Path;

use takeover::authoring::{Project, build};

use super::failure;
use crate::exit::{Exit, Failure};
use crate::out::Out;

/// Builds a project and says what is where.
pub(crate) fn build(dir: &Path) -> Result<Exit, Failure> {
    let project = Project::open(dir).map_err(failure)?;
    let built = build::build(&project).map_err(failure)?;
    let (dist, size) = (built.dist.display(), built.size_bytes);
    Out::new()
        .print(&format!("{dist}: component of {size} bytes, copy the folder to plugins.d\n"))?;
    Ok(Exit::Ok)
}
