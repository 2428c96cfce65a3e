//! What authors of plugins do with a project on their own machine. Nothing here asks a control
//! server.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use takeover::authoring::Language;

use crate::args::JsonArgs;
use crate::exit::{Exit, Failure};

mod bench;
mod build;
mod check;
mod new;
mod registry;
mod replay;
mod test;
mod vouch;

/// What authors can do with a project.
#[derive(Debug, Subcommand)]
pub(crate) enum AuthoringCommand {
    /// Make a project from a template, complete: it builds, is checked and tested as it comes
    New(New),
    /// Build a project into dist/NAME, ready to be copied into plugins.d of a host
    Build {
        /// Folder of the project
        #[arg(default_value = ".")]
        dir: PathBuf,
    },
    /// Say what a built plugin is, what it wants and what it costs; exit code 1 where it can not
    /// be used
    Check {
        #[command(flatten)]
        json: JsonArgs,
        /// Folder of a project that was built, or of a built plugin
        #[arg(default_value = ".")]
        dir: PathBuf,
    },
    /// Build a project and play its cases in the sandbox, with recorded answers of the host and a
    /// clock of their own; for Rust, run its native tests first
    Test(Test),
    /// Measure a built plugin: compiling, and a fresh instance with a call
    Bench {
        /// Calls, 1 to 1000000
        #[arg(long, value_name = "COUNT", default_value_t = 500,
              value_parser = clap::value_parser!(u32)
                  .range(1..=i64::from(takeover::limits::BENCH_CALLS_MAX)))]
        calls: u32,
        /// Folder of the project; its first case that succeeds is what is called
        #[arg(default_value = ".")]
        dir: PathBuf,
    },
    /// Repeat the runs of a reaction that a control server has recorded with another version of it,
    /// without effect, and show what it would have done; exit code 1 where that differs
    Replay(Replay),
    /// Send a built plugin to an OCI registry, where `wkg` and others read its component, too
    Push {
        #[command(flatten)]
        registry: RegistryArgs,
        /// Folder of a project that was built, or of a built plugin
        #[arg(default_value = ".")]
        dir: PathBuf,
    },
    /// Fetch a plugin from an OCI registry into a folder, verified; nothing is put in use
    Pull {
        #[command(flatten)]
        registry: RegistryArgs,
        /// Folder in which its folder is made
        #[arg(long, value_name = "DIR", default_value = ".")]
        to: PathBuf,
    },
    /// Make a key to sign plugins with
    Keygen {
        /// A new file for the private key; the public one is printed
        file: PathBuf,
    },
    /// Sign a built plugin: plugin.sig beside its manifest
    Sign {
        /// File with the private key, from `takeover plugin keygen`
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// Folder of a project that was built, or of a built plugin
        #[arg(default_value = ".")]
        dir: PathBuf,
    },
    /// Grant a plugin what it asks for: a file for grants.d of a host
    Grant(Grant),
}

/// What is granted to whom.
#[derive(Debug, Args)]
pub(crate) struct Grant {
    /// Folder of grants of the host
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// File with the [[grant]] tables; where left out, grant.toml of the project
    #[arg(long, value_name = "FILE")]
    rows: Option<PathBuf>,
    /// For every version that its signer signs, in place of this component only
    #[arg(long)]
    signer: bool,
    /// In place of a grant that is there
    #[arg(long)]
    replace: bool,
    /// Folder of a project that was built, or of a built plugin
    #[arg(default_value = ".")]
    dir: PathBuf,
}

/// An artifact, and as whom its registry is asked. Without a file, the environment variables
/// TAKEOVER_REGISTRY_USER and TAKEOVER_REGISTRY_PASSWORD count.
#[derive(Debug, Args)]
pub(crate) struct RegistryArgs {
    /// REGISTRY/REPOSITORY:TAG or REGISTRY/REPOSITORY@sha256:DIGEST; this machine's own registry is
    /// reached without TLS
    reference: String,
    /// File of the form that `docker login` writes
    #[arg(long, value_name = "FILE")]
    credentials: Option<PathBuf>,
    /// PEM file with the authorities to trust in place of the system's
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

/// Which runs are repeated with what.
#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// Journal of the control server, or a copy of it
    #[arg(long, value_name = "FILE", default_value = "state/journal.sqlite")]
    journal: PathBuf,
    /// Plugin whose runs they are; where left out, the one of the same name
    #[arg(long, value_name = "PLUGIN")]
    of: Option<String>,
    /// Another version to compare with, in place of what was recorded: a folder or a text policy
    #[arg(long, value_name = "PATH")]
    against: Option<PathBuf>,
    /// How many, the newest ones
    #[arg(long, value_name = "COUNT", default_value_t = 100,
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    last: u32,
    /// Folder of a project that was built, of a built plugin, or a text policy
    #[arg(default_value = ".")]
    dir: PathBuf,
}

/// A new project.
#[derive(Debug, Args)]
pub(crate) struct New {
    /// What it is for
    #[arg(value_enum)]
    kind: KindArg,
    /// Its name, and that of its folder: lower-case letters, digits and hyphens
    name: String,
    /// What it is written in
    #[arg(long, value_enum, default_value_t = LanguageArg::Rust)]
    language: LanguageArg,
    /// Folder in which its folder is made
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
}

/// Which tests.
#[derive(Debug, Args)]
pub(crate) struct Test {
    /// Only the native tests (Rust)
    #[arg(long, conflicts_with = "engine_only")]
    native_only: bool,
    /// Only the cases in the sandbox
    #[arg(long)]
    engine_only: bool,
    /// Do not build first
    #[arg(long)]
    no_build: bool,
    /// Folder of the project
    #[arg(default_value = ".")]
    dir: PathBuf,
}

/// A kind of plugin on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum KindArg {
    /// Reacts to an alarm, on the control server
    AlarmReaction,
    /// Moves a virtual IP, on a host agent
    VipBackend,
    /// Judges SIP service, on a SIP node
    SipMonitor,
    /// Decides where a call goes, on a SIP node
    ForwardingPolicy,
}

/// A language on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LanguageArg {
    /// Small and quick: about 60 KB
    Rust,
    /// The interpreter comes with it: about 18 MB
    Python,
    /// The interpreter comes with it: about 1.6 MB
    #[value(name = "javascript")]
    JavaScript,
    /// A text policy: nothing to build, run by a shipped component
    Script,
}

impl From<LanguageArg> for Language {
    fn from(language: LanguageArg) -> Self {
        match language {
            LanguageArg::Rust => Language::Rust,
            LanguageArg::Python => Language::Python,
            LanguageArg::JavaScript => Language::JavaScript,
            LanguageArg::Script => Language::Script,
        }
    }
}

/// Does what was asked for.
pub(crate) fn run(command: AuthoringCommand) -> Result<Exit, Failure> {
    match command {
        AuthoringCommand::New(wanted) => new::new(&wanted),
        AuthoringCommand::Build { dir } => build::build(&dir),
        AuthoringCommand::Check { json, dir } => check::check(&dir, json),
        AuthoringCommand::Test(wanted) => test::test(&wanted),
        AuthoringCommand::Bench { calls, dir } => bench::bench(&dir, calls),
        AuthoringCommand::Replay(wanted) => replay::replay(&wanted),
        AuthoringCommand::Push { registry, dir } => registry::push(&registry, &dir),
        AuthoringCommand::Pull { registry, to } => registry::pull(&registry, &to),
        AuthoringCommand::Keygen { file } => vouch::keygen(&file),
        AuthoringCommand::Sign { key, dir } => vouch::sign(&dir, &key),
        AuthoringCommand::Grant(wanted) => vouch::grant(&wanted),
    }
}

/// Waits for the end of something that runs in the sandbox, which has threads of its own.
pub(crate) fn wait<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .map_err(|error| Failure::new(Exit::Problems, format!("runtime: {error}")))?;
    Ok(runtime.block_on(work))
}

/// The failure of a command. What the command line names wrongly is the caller's mistake;
/// everything else is something wrong that was found.
pub(crate) fn failure(error: takeover::authoring::AuthoringError) -> Failure {
    use takeover::authoring::AuthoringError as Error;
    let exit = match &error {
        Error::Exists(_)
        | Error::Name(_)
        | Error::NoTemplate { .. }
        | Error::NotAProject(_)
        | Error::Several(..)
        | Error::NoPolicy(_) => Exit::Usage,
        _ => Exit::Problems,
    };
    Failure::new(exit, format!("{:#}", anyhow::Error::from(error)))
}
