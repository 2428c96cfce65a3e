//! `takeover sip policy try`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use takeover::authoring::policy_trial::{
    Compared, Difference, Tried, Wanted, try_call, try_recorded,
};
use takeover_logic::component::sip::{
    CallKind, DrForward, ForwardingCall, ForwardingDecision, ForwardingDestination, ForwardingPeer,
    NodeMode,
};
use takeover_logic::log_event::Attribute;
use takeover_logic::time::Timestamp;

use crate::args::JsonArgs;
use crate::commands::plugin::authoring::{failure, wait};
use crate::exit::{Exit, Failure};
use crate::out::{Out, Style, clean};
use crate::show::Show;
use crate::table::{Cell, Table};

/// Which policy, and which call.
#[derive(Debug, Args)]
pub(crate) struct Try {
    #[command(flatten)]
    json: JsonArgs,
    /// Folder of the plugins
    #[arg(long, value_name = "DIR", default_value = "plugins.d")]
    plugins: PathBuf,
    /// A setting of the policy; may be repeated
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = setting)]
    settings: Vec<(String, serde_json::Value)>,
    /// Folder of a component or of a project that was built, file with a policy as text, or name of
    /// a plugin
    policy: PathBuf,
    #[command(flatten)]
    recorded: RecordedArgs,
    #[command(flatten)]
    call: CallArgs,
}

/// Calls that a node recorded, in place of one that is described.
#[derive(Debug, Args)]
#[command(next_help_heading = "Recorded calls")]
struct RecordedArgs {
    /// Ask about the calls that a SIP node recorded in this folder, that of its state, and show
    /// what would be decided otherwise
    #[arg(long, value_name = "DIR")]
    calls: Option<PathBuf>,
    /// How far back, in hours
    #[arg(long, value_name = "HOURS", default_value_t = 24, requires = "calls",
          value_parser = clap::value_parser!(u64).range(1..=8760))]
    since: u64,
}

/// Heading of the options that describe the call.
const CALL_HEADING: &str = "The call";

/// A call. What is left out is as for a telephone that is registered, in a node that serves.
#[derive(Debug, Args)]
#[command(next_help_heading = CALL_HEADING)]
struct CallArgs {
    /// Number that is called
    #[arg(long, value_name = "NUMBER", default_value = "2000")]
    to: String,
    /// Who calls
    #[arg(long, value_name = "URI", default_value = "sip:7777@example.com")]
    from: String,
    /// Where it comes from
    #[arg(long, value_enum, default_value_t = KindArg::Inbound)]
    kind: KindArg,
    /// Address that the message came from
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "192.0.2.1:5060")]
    source: String,
    /// Request-URI; where left out, the number at example.com
    #[arg(long, value_name = "URI")]
    request_uri: Option<String>,
    /// Its Call-ID
    #[arg(long, value_name = "TEXT", default_value = "try@takeover")]
    call_id: String,
    /// A header that the configuration shows to policies; may be repeated
    #[arg(long = "header", value_name = "NAME:VALUE", value_parser = header)]
    headers: Vec<(String, String)>,
    /// It came from the peer site
    #[arg(long)]
    from_peer: bool,
    /// The number is not configured here
    #[arg(long)]
    unknown: bool,
    /// No telephone is registered
    #[arg(long)]
    not_registered: bool,
    /// The telephone does not answer
    #[arg(long)]
    out_of_service: bool,
    /// An agent is logged in
    #[arg(long)]
    agent_logged_in: bool,
    /// Option dr-forward of the number
    #[arg(long, value_enum, default_value_t = DrForwardArg::Off)]
    dr_forward: DrForwardArg,
    /// There is a peer site, with this contact
    #[arg(long, value_name = "CONTACT")]
    peer: Option<String>,
    /// The trunk to it
    #[arg(long, value_name = "NAME", default_value = "to-peer", requires = "peer")]
    peer_trunk: String,
    /// The peer site does not answer
    #[arg(long, requires = "peer")]
    peer_lost: bool,
    /// What the node is doing
    #[arg(long, value_enum, default_value_t = ModeArg::InService)]
    node_mode: ModeArg,
    /// Option shutdown-sip-reject-code
    #[arg(long, value_name = "CODE", default_value_t = 603,
          value_parser = clap::value_parser!(u16).range(300..=603))]
    shutdown_reject_code: u16,
}

/// Where a call comes from, on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum KindArg {
    /// From outside
    Inbound,
    /// From a telephone of this node
    Internal,
    /// From a routing point
    Routed,
}

/// `dr-forward` on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum DrForwardArg {
    /// Never forward
    Off,
    /// Forward when no agent is logged in
    NoAgent,
    /// Forward when out of service
    Oos,
}

/// What a node does, on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ModeArg {
    /// It serves
    InService,
    /// The peer site is lost
    SingleSite,
    /// It ends
    ShuttingDown,
}

impl CallArgs {
    fn call(&self) -> ForwardingCall {
        let header = |(name, value): &(String, String)| Attribute {
            name: name.as_str().into(),
            value: value.as_str().into(),
        };
        let request_uri = format!("sip:{}@example.com", self.to);
        ForwardingCall {
            kind: match self.kind {
                KindArg::Inbound => CallKind::Inbound,
                KindArg::Internal => CallKind::Internal,
                KindArg::Routed => CallKind::Routed,
            },
            request_uri: self.request_uri.as_ref().unwrap_or(&request_uri).as_str().into(),
            caller: self.from.as_str().into(),
            source: self.source.as_str().into(),
            call_id: self.call_id.as_str().into(),
            from_peer: self.from_peer,
            destination: self.destination(),
            peer: self.peer.as_ref().map(|contact| ForwardingPeer {
                trunk: self.peer_trunk.as_str().into(),
                contact: contact.as_str().into(),
                in_service: !self.peer_lost,
            }),
            node_mode: match self.node_mode {
                ModeArg::InService => NodeMode::InService,
                ModeArg::SingleSite => NodeMode::SingleSite,
                ModeArg::ShuttingDown => NodeMode::ShuttingDown,
            },
            shutdown_reject_code: self.shutdown_reject_code,
            headers: self.headers.iter().map(header).collect(),
        }
    }

    fn destination(&self) -> ForwardingDestination {
        ForwardingDestination {
            dn: self.to.as_str().into(),
            known: !self.unknown,
            registered: !self.not_registered && !self.unknown,
            in_service: !self.out_of_service,
            agent_logged_in: self.agent_logged_in,
            dr_forward: match self.dr_forward {
                DrForwardArg::Off => DrForward::Off,
                DrForwardArg::NoAgent => DrForward::NoAgent,
                DrForwardArg::Oos => DrForward::Oos,
            },
        }
    }
}

/// `NAME=VALUE`: JSON where it is that, else text.
fn setting(text: &str) -> Result<(String, serde_json::Value), String> {
    let (name, value) = text.split_once('=').ok_or("NAME=VALUE is expected")?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
    Ok((name.to_owned(), value))
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("NAME:VALUE is expected")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

/// Asks the policy, and prints what came of it.
pub(crate) fn try_out(wanted: &Try) -> Result<Exit, Failure> {
    let which = Wanted {
        policy: wanted.policy.clone(),
        plugins: wanted.plugins.clone(),
        settings: wanted.settings.iter().cloned().collect::<BTreeMap<_, _>>(),
    };
    let out = Out::new();
    if let Some(folder) = &wanted.recorded.calls {
        let now = jiff::Timestamp::now().as_millisecond();
        let back = i64::try_from(wanted.recorded.since * 3_600_000).unwrap_or(i64::MAX);
        let since = Timestamp(u64::try_from(now.saturating_sub(back)).unwrap_or_default());
        let compared = wait(try_recorded(&which, folder, since))?.map_err(failure)?;
        let text = match wanted.json.json {
            true => serde_json::to_string_pretty(&compared).map_err(anyhow::Error::from)?,
            false => show_compared(&compared, &Show::new()),
        };
        out.print(&text)?;
        return Ok(if compared.undecided == 0 { Exit::Ok } else { Exit::Problems });
    }
    let tried = wait(try_call(&which, wanted.call.call()))?.map_err(failure)?;
    if wanted.json.json {
        let text = serde_json::to_string_pretty(&tried).map_err(anyhow::Error::from)?;
        out.print(&text)?;
    } else {
        out.print(&show(&tried, out))?;
    }
    Ok(if tried.decision.is_some() { Exit::Ok } else { Exit::Problems })
}

/// For people.
fn show(tried: &Tried, out: Out) -> String {
    let mut text = format!("{} {}\n", tried.plugin, tried.version);
    let decision = match &tried.decision {
        Some(decision) => out.paint(Style::Good, &clean(&words(decision))),
        None => out.paint(Style::Bad, "nothing: the node's fallback decides"),
    };
    let _ = writeln!(text, "  decision   {decision}");
    if let Some(problem) = &tried.problem {
        let _ = writeln!(text, "  because    {}", clean(problem));
    }
    let _ = writeln!(text, "  time       {:.0} us", tried.took_us);
    for (index, line) in tried.telephone.iter().enumerate() {
        let label = if index == 0 { "telephone" } else { "" };
        let _ = writeln!(text, "  {label:<9}  {}", clean(line));
    }
    for line in &tried.lines {
        let _ = writeln!(text, "  it wrote   {}", clean(line));
    }
    text
}

/// For people: each call that would be decided otherwise, then how many.
fn show_compared(compared: &Compared, show: &Show) -> String {
    let mut table = Table::new(&["WHEN", "FROM", "TO", "WAS", "WOULD BE"]);
    for Difference { was, now, problem } in &compared.differences {
        let by = if was.by_fallback { " (fallback)" } else { "" };
        let now = match (now, problem) {
            (Some(decision), _) => Cell::styled(Style::Good, words(decision)),
            (None, problem) => {
                let problem = problem.as_deref().unwrap_or_default();
                Cell::styled(Style::Bad, format!("nothing: {problem}"))
            }
        };
        table.row(vec![
            Cell::from(show.time(was.at)),
            Cell::from(&was.call.caller),
            Cell::from(&was.call.destination.dn),
            Cell::from(format!("{}{by}", words(&was.decision))),
            now,
        ]);
    }
    let Compared { plugin, version, calls, different, undecided, median_us, .. } = compared;
    let mut text = if table.is_empty() { String::new() } else { table.render(show.out) + "\n" };
    let _ = writeln!(
        text,
        "{plugin} {version}: {calls} calls, {different} would be decided otherwise, of them \
         {undecided} not at all; {median_us:.0} us each"
    );
    let notes = [
        (compared.different - compared.differences.len(), "more differ and are not listed"),
        (compared.left_out, "older ones were left out"),
        (usize::try_from(compared.not_recorded).unwrap_or(usize::MAX), "were not recorded"),
    ];
    for (count, what) in notes.into_iter().filter(|(count, _)| *count > 0) {
        let _ = writeln!(text, "{count} {what}");
    }
    text
}

fn words(decision: &ForwardingDecision) -> String {
    match decision {
        ForwardingDecision::Deliver => "deliver".to_owned(),
        ForwardingDecision::Redirect { code, contacts } => {
            format!("redirect {code} {}", contacts.join(" "))
        }
        ForwardingDecision::ThroughTrunk(trunk) => format!("through-trunk {trunk}"),
        ForwardingDecision::Refuse(refusal) => {
            format!("refuse {} {}", refusal.code, refusal.reason)
        }
    }
}

#[cfg(test)]
mod tests;
