//! What can be asked of the command: the definitions behind `--help`, the completions and
//! `host/docs/commands.md`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use takeover::limits::DRAIN_S_MAX;

use crate::commands::plugin::authoring::AuthoringCommand;
use crate::commands::sip::SipCommand;
use crate::exit;

/// High availability for SIP services: pairs that switch over, and the addresses that follow.
#[derive(Debug, Parser)]
#[command(name = "takeover", version, after_help = exit::HELP, max_term_width = 100)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands, daemons first.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a control server and the agent of its one host in one process: a laptop, a
    /// single-host pair, a first look
    Up {
        #[command(flatten)]
        log: LogArgs,
        /// Folder of the configuration
        dir: PathBuf,
    },
    /// Run a control server: it decides who is primary, raises alarms and serves the API
    Control {
        #[command(flatten)]
        log: LogArgs,
        /// Folder of the configuration
        dir: PathBuf,
    },
    /// Run the agent of a host: it runs programs and holds addresses as it is told
    HostAgent {
        #[command(flatten)]
        log: LogArgs,
        /// Its file, as in host-agent.toml
        file: PathBuf,
    },
    /// Run a SIP node: registrar and proxy, one of a pair
    SipNode {
        #[command(flatten)]
        log: LogArgs,
        /// Its file, as in sip-node.toml
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Run mode of a node that no host agent supervises: to try it, or to measure it
        #[arg(long, value_parser = ["primary", "backup"])]
        run_mode: Option<String>,
    },
    /// Show hosts, pairs, virtual IPs and active alarms; exit code 1 where something is wrong
    Status {
        #[command(flatten)]
        server: ServerArgs,
        #[command(flatten)]
        json: JsonArgs,
        /// Stay and show every change
        #[arg(long)]
        watch: bool,
    },
    /// Show log events, oldest first
    Events {
        #[command(flatten)]
        server: ServerArgs,
        #[command(flatten)]
        json: JsonArgs,
        /// Stay and show new ones as they come; after an outage of the link none is missing
        #[arg(long)]
        follow: bool,
        /// How many, 1 to 1000
        #[arg(long, value_name = "COUNT", default_value_t = 20,
              value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
        /// Only those after this number, which `events` shows first in each line
        #[arg(long, value_name = "NUMBER")]
        after: Option<u64>,
    },
    /// Show, clear and test alarms
    Alarms {
        /// What to do with them
        #[command(subcommand)]
        command: AlarmsCommand,
    },
    /// Exchange the run modes of a pair: the backup becomes primary, the address follows
    Switchover {
        #[command(flatten)]
        server: ServerArgs,
        #[command(flatten)]
        json: JsonArgs,
        /// Name of the pair
        pair: String,
        /// Have the primary take no new calls and wait so long for those that are up, as in 30s
        #[arg(long, value_name = "SECONDS", value_parser = drain_seconds)]
        drain: Option<u32>,
        /// Calls that may be up at the switchover, with --drain
        #[arg(long, value_name = "COUNT", requires = "drain", default_value_t = 0)]
        max_calls: u32,
    },
    /// Start an application
    Start {
        #[command(flatten)]
        server: ServerArgs,
        #[command(flatten)]
        json: JsonArgs,
        /// Name of the application
        #[arg(value_name = "APP")]
        application: String,
    },
    /// Stop an application; it is not restarted
    Stop {
        #[command(flatten)]
        server: ServerArgs,
        #[command(flatten)]
        json: JsonArgs,
        /// Let it finish what it has begun first
        #[arg(long)]
        graceful: bool,
        /// Name of the application
        #[arg(value_name = "APP")]
        application: String,
    },
    /// Stop and start an application
    Restart {
        #[command(flatten)]
        server: ServerArgs,
        #[command(flatten)]
        json: JsonArgs,
        /// Name of the application
        #[arg(value_name = "APP")]
        application: String,
    },
    /// Look at one application, and set its options
    Application {
        /// What to do with it
        #[command(subcommand)]
        command: ApplicationCommand,
    },
    /// Let the control server decide nothing by itself about a pair, for example while it is
    /// worked on
    Pause {
        #[command(flatten)]
        server: ServerArgs,
        #[command(flatten)]
        json: JsonArgs,
        /// Name of the pair
        pair: String,
    },
    /// Let the control server decide about a pair again
    Resume {
        #[command(flatten)]
        server: ServerArgs,
        #[command(flatten)]
        json: JsonArgs,
        /// Name of the pair
        pair: String,
    },
    /// Explain a past decision about a pair, a sentence per step
    Why {
        #[command(flatten)]
        server: ServerArgs,
        #[command(flatten)]
        json: JsonArgs,
        /// Number of the decision, or `last`
        #[arg(value_name = "SWITCHOVER", default_value = "last")]
        switchover: String,
    },
    /// Write plugins and try them out; look at those of a control server, and say which of their
    /// versions are used
    Plugin {
        /// What to do with them
        #[command(subcommand)]
        command: PluginCommand,
    },
    /// Try out what a SIP node does, without one
    Sip {
        /// What to try
        #[command(subcommand)]
        command: SipCommand,
    },
    /// Check a configuration, or print what it expands to
    Config {
        /// What to do with it
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Make certificates and tokens for a small installation
    Pki {
        /// What to make
        #[command(subcommand)]
        command: PkiCommand,
    },
    /// Write completions for a shell to standard output
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

/// What can be done with alarms.
#[derive(Debug, Subcommand)]
pub(crate) enum AlarmsCommand {
    /// Show active alarms with their reactions and how each ended
    List {
        #[command(flatten)]
        server: ServerArgs,
        #[command(flatten)]
        json: JsonArgs,
        /// Also those that were cleared
        #[arg(long)]
        all: bool,
    },
    /// Show the alarm conditions: what raises an alarm, what it runs, what clears it
    Conditions {
        #[command(flatten)]
        server: ServerArgs,
        #[command(flatten)]
        json: JsonArgs,
    },
    /// Clear an active alarm
    Clear {
        #[command(flatten)]
        server: ServerArgs,
        #[command(flatten)]
        json: JsonArgs,
        /// Number of the alarm
        id: u64,
    },
    /// Simulate the event of a condition and run its reactions; no run mode changes
    Test {
        #[command(flatten)]
        server: ServerArgs,
        #[command(flatten)]
        json: JsonArgs,
        /// Name of the condition
        condition: String,
    },
}

/// What can be done with one application.
#[derive(Debug, Subcommand)]
pub(crate) enum ApplicationCommand {
    /// Show its status and its options: what each is, what the configuration says, who set it
    Show {
        #[command(flatten)]
        server: ServerArgs,
        #[command(flatten)]
        json: JsonArgs,
        /// Name of the application
        #[arg(value_name = "APP")]
        application: String,
    },
    /// Set an option; the application is told within a second, without a restart, and it stays so
    /// until it is unset
    SetOption {
        #[command(flatten)]
        server: ServerArgs,
        #[command(flatten)]
        json: JsonArgs,
        /// Name of the application
        #[arg(value_name = "APP")]
        application: String,
        /// The option: SECTION/NAME, or a name that only one section has
        #[arg(value_name = "NAME")]
        option: String,
        /// Its new value, of the type that the configuration gives it
        #[arg(allow_hyphen_values = true)]
        value: String,
    },
    /// Give an option the value of the configuration again
    UnsetOption {
        #[command(flatten)]
        server: ServerArgs,
        #[command(flatten)]
        json: JsonArgs,
        /// Name of the application
        #[arg(value_name = "APP")]
        application: String,
        /// The option: SECTION/NAME, or a name that only one section has
        #[arg(value_name = "NAME")]
        option: String,
    },
}

/// What can be done with plugins.
#[derive(Debug, Subcommand)]
pub(crate) enum PluginCommand {
    #[command(flatten)]
    Authoring(AuthoringCommand),
    /// Show every plugin of the control server and of the hosts: version in use, state, calls; exit
    /// code 1 where one was refused or is not called
    List {
        #[command(flatten)]
        server: ServerArgs,
        #[command(flatten)]
        json: JsonArgs,
    },
    /// Show everything about one plugin: its versions, what was refused and why, its calls
    Inspect {
        #[command(flatten)]
        server: ServerArgs,
        #[command(flatten)]
        json: JsonArgs,
        /// The host whose agent runs it; without it the control server, or the first host that has
        /// it
        #[arg(long, value_name = "HOST")]
        host: Option<String>,
        /// Name of the plugin
        plugin: String,
    },
    /// Use the version before the present one; the present one is denied until it changes
    Rollback {
        #[command(flatten)]
        server: ServerArgs,
        #[command(flatten)]
        json: JsonArgs,
        /// Name of the plugin
        plugin: String,
    },
    /// Show what the version in shadow does differently, or turn shadow on or off
    Shadow {
        #[command(flatten)]
        server: ServerArgs,
        #[command(flatten)]
        json: JsonArgs,
        /// The next version runs beside the one in use, without effects
        #[arg(long, conflicts_with = "off")]
        on: bool,
        /// The version in shadow is given up
        #[arg(long)]
        off: bool,
        /// Name of the plugin
        plugin: String,
    },
    /// Use the version in shadow, or end a probation
    Promote {
        #[command(flatten)]
        server: ServerArgs,
        #[command(flatten)]
        json: JsonArgs,
        /// Name of the plugin
        plugin: String,
    },
    /// End a quarantine, and allow again what was denied
    Release {
        #[command(flatten)]
        server: ServerArgs,
        #[command(flatten)]
        json: JsonArgs,
        /// Name of the plugin
        plugin: String,
    },
    /// Look at the plugin's folder now, and try again what was refused there
    Reload {
        #[command(flatten)]
        server: ServerArgs,
        #[command(flatten)]
        json: JsonArgs,
        /// Name of the plugin
        plugin: String,
    },
}

/// What can be done with a configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Report every error at once, or how long a failover takes at worst; exit code 1 where there
    /// is an error
    Check {
        /// Folder of the control server's *.toml files, or a host agent's file
        #[arg(value_name = "DIR|FILE")]
        path: PathBuf,
    },
    /// Print the configuration with every pair expanded and every default written out
    Expand {
        /// Folder of the control server's *.toml files
        dir: PathBuf,
    },
}

/// What can be made.
#[derive(Debug, Subcommand)]
pub(crate) enum PkiCommand {
    /// Make a certificate authority: ca.pem for everybody, ca.key for nobody else
    Ca {
        #[command(flatten)]
        files: PkiArgs,
        /// Its common name
        #[arg(long, default_value = "Takeover CA")]
        name: String,
    },
    /// Make the control server's certificate: control.pem and control.key
    Control {
        #[command(flatten)]
        files: PkiArgs,
        /// DNS names and addresses by which agents and operators reach the control server
        #[arg(required = true, value_name = "NAME")]
        names: Vec<String>,
    },
    /// Make the certificate of a host agent: HOST.pem and HOST.key
    Host {
        #[command(flatten)]
        files: PkiArgs,
        /// Name of the host, as in its [[host]] table
        host: String,
    },
    /// Make the certificate of a SIP node: NODE.pem and NODE.key
    Node {
        #[command(flatten)]
        files: PkiArgs,
        /// Name of the node, as in its own file
        node: String,
        /// DNS names and addresses by which telephones, trunks and the other node reach it
        #[arg(value_name = "NAME")]
        names: Vec<String>,
    },
    /// Make a random token for the HTTP API and show what belongs into the configuration
    Token {
        /// Whose it is, for the log
        name: String,
        /// What it allows: viewer may look, operator may also act
        #[arg(long, default_value = "operator", value_parser = ["viewer", "operator"])]
        role: String,
    },
}

/// Where certificates go and how long they are good.
#[derive(Clone, Debug, Args)]
pub(crate) struct PkiArgs {
    /// Folder of the files; existing ones are never overwritten
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) dir: PathBuf,
    /// Validity in days, 1 to 36500
    #[arg(long, default_value_t = 3650)]
    pub(crate) days: u32,
}

/// Heading of the options that say which control server is asked.
pub(crate) const SERVER_HEADING: &str = "Control server";

/// Which control server, and who asks.
#[derive(Clone, Debug, Args)]
pub(crate) struct ServerArgs {
    /// Address of the control server; plain http on this machine only
    #[arg(long, value_name = "URL", env = "TAKEOVER_SERVER", hide_env_values = true,
          default_value = "http://127.0.0.1:8787", help_heading = SERVER_HEADING)]
    pub(crate) server: String,
    /// File with the token; without it the token is taken from TAKEOVER_TOKEN
    #[arg(long, value_name = "FILE", env = "TAKEOVER_TOKEN_FILE", hide_env_values = true,
          help_heading = SERVER_HEADING)]
    pub(crate) token_file: Option<PathBuf>,
    /// Certificate of the authority that signed the control server's certificate (PEM)
    #[arg(long, value_name = "FILE", env = "TAKEOVER_CA", hide_env_values = true,
          help_heading = SERVER_HEADING)]
    pub(crate) ca: Option<PathBuf>,
}

/// What a daemon writes to standard error.
#[derive(Clone, Debug, Args)]
pub(crate) struct LogArgs {
    /// What is written: error, warn, info, debug or trace, also by module as in
    /// info,takeover::link=debug
    #[arg(
        long,
        value_name = "FILTER",
        env = "TAKEOVER_LOG",
        hide_env_values = true,
        default_value = "info"
    )]
    pub(crate) log: String,
    /// Form of each line
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    pub(crate) log_format: LogFormat,
}

/// Form of a line of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people
    Text,
    /// For programs
    Json,
}

/// How to print.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct JsonArgs {
    /// Print the JSON of the API instead of text for people
    #[arg(long)]
    pub(crate) json: bool,
}

/// Reads `30` and `30s`.
fn drain_seconds(text: &str) -> Result<u32, String> {
    let number = text.strip_suffix('s').unwrap_or(text).parse().ok();
    let allowed = |seconds: &u32| (1..=DRAIN_S_MAX).contains(seconds);
    number.filter(allowed).ok_or_else(|| format!("found {text}, allowed 1s to {DRAIN_S_MAX}s"))
}

#[cfg(test)]
mod tests {
    use super::drain_seconds;

    #[test]
    fn a_drain_is_so_many_seconds() {
        assert_eq!(drain_seconds("30"), Ok(30));
        assert_eq!(drain_seconds("30s"), Ok(30));
        for text in ["0", "601s", "5m", "", "s", "-1"] {
            let refused = format!("found {text}, allowed 1s to 600s");
            assert_eq!(drain_seconds(text), Err(refused));
        }
    }
}
