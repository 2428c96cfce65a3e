//! `takeover pki`.

use takeover::pki::{
    Created, PkiError, create_ca, create_control, create_host, create_node, create_token,
};

use crate::args::PkiCommand;
use crate::exit::{Exit, Failure};
use crate::out::Out;

/// Makes what was asked for and says what is where.
pub(crate) fn run(command: PkiCommand) -> Result<Exit, Failure> {
    let text = match command {
        PkiCommand::Ca { files, name } => created(create_ca(&files.dir, &name, files.days))?,
        PkiCommand::Control { files, names } => {
            created(create_control(&files.dir, &names, files.days))?
        }
        PkiCommand::Host { files, host } => created(create_host(&files.dir, &host, files.days))?,
        PkiCommand::Node { files, node, names } => {
            created(create_node(&files.dir, &node, &names, files.days))?
        }
        PkiCommand::Token { name, role } => {
            let (token, digest) = create_token().map_err(failure)?;
            // A string of JSON is one of TOML, too: both escape quotes and backslashes alike.
            let name = serde_json::to_string(&name).map_err(anyhow::Error::from)?;
            format!(
                "token, shown only now: {token}\n\n\
                 [[control.tokens]]\nname = {name}\nrole = \"{role}\"\nsha256 = \"{digest}\"\n"
            )
        }
    };
    Out::new().print(&text)?;
    Ok(Exit::Ok)
}

fn created(result: Result<Created, PkiError>) -> Result<String, Failure> {
    let Created { certificate, key } = result.map_err(failure)?;
    Ok(format!("certificate {}\nkey {}\n", certificate.display(), key.display()))
}

fn failure(error: PkiError) -> Failure {
    anyhow::Error::from(error).into()
}
