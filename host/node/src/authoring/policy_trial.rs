//! Asks a forwarding policy about one call that somebody describes, apart from any node: what it
//! decides, how long that takes, and what the caller's telephone would see.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use takeover_cases::grant_of;
use takeover_engine::engine::Call;
use takeover_engine::host::{LogLine, SipHost};
use takeover_engine::limits::POLICY_DEADLINE;
use takeover_engine::outcome::{Ended, Outcome};
use takeover_engine::player::Player;
use takeover_engine::{EngineSettings, Kind, Plugin, PoolSettings, Settings};
use takeover_logic::component::sip::{ForwardingCall, ForwardingDecision};
use takeover_logic::time::Timestamp;
use takeover_sip::node::told;

use super::AuthoringError;
use super::project::Project;
use crate::sip_node::record::{self, Decided};

/// The component that runs text policies, and the setting that takes the text.
const TEXT_POLICIES: (&str, &str) = ("forwarding-script", "script");

/// Which policy, with which settings.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// A folder with a built component or a built project, a file with a policy as text, or the
    /// name of a plugin in `plugins`.
    pub policy: PathBuf,
    /// Folder of the plugins.
    pub plugins: PathBuf,
    /// Settings by name.
    pub settings: BTreeMap<String, serde_json::Value>,
}

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Tried {
    /// Name of the plugin.
    pub plugin: String,
    /// Its version.
    pub version: String,
    /// What it was asked about.
    pub call: ForwardingCall,
    /// What it decided; none: it did not.
    pub decision: Option<ForwardingDecision>,
    /// Why it decided nothing.
    pub problem: Option<String>,
    /// Time of the decision, in microseconds, in an instance that was there before.
    pub took_us: f64,
    /// Time of compiling, in milliseconds, once for each version.
    pub compile_ms: f64,
    /// What the caller's telephone sees, a line of a message each; empty where nothing was decided:
    /// then it is what the node's fallback says.
    pub telephone: Vec<String>,
    /// What the policy wrote to the log.
    pub lines: Vec<String>,
}

/// Longest time until the instance is there that recorded calls are asked about in.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// Most recorded calls that are asked about: some seconds, at 100 us each. Beyond it: the last.
pub const RECORDED_MAX: usize = 200_000;

/// Most different decisions that are listed. Beyond it: the first ones, and the count of all.
pub const DIFFERENCES_MAX: usize = 1000;

/// Recorded calls about which a policy was asked.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Compared {
    /// Name of the plugin.
    pub plugin: String,
    /// Its version.
    pub version: String,
    /// Calls that were asked about.
    pub calls: usize,
    /// Recorded calls since that time that were not, because there are more than
    /// [`RECORDED_MAX`].
    pub left_out: usize,
    /// Calls that the node did not record, because there were too many at a time.
    pub not_recorded: u64,
    /// Calls that it decides otherwise, or not.
    pub different: usize,
    /// Of those, calls that it does not decide.
    pub undecided: usize,
    /// Half of the decisions took less, in microseconds.
    pub median_us: f64,
    /// At most [`DIFFERENCES_MAX`] of them, oldest first.
    pub differences: Vec<Difference>,
}

/// One call that a policy decides otherwise.
#[derive(Clone, Debug, Serialize)]
pub struct Difference {
    /// The call, and what was decided about it.
    pub was: Decided,
    /// What the policy decides; none: nothing.
    pub now: Option<ForwardingDecision>,
    /// Why it decides nothing.
    pub problem: Option<String>,
}

/// Asks a policy about the calls that a node recorded in the folder of its state since a time.
///
/// # Errors
/// As [`try_call`], and where there is no record, or the policy can not be started.
pub async fn try_recorded(
    wanted: &Wanted,
    folder: &Path,
    since: Timestamp,
) -> Result<Compared, AuthoringError> {
    let (recorded, left_out) =
        record::read(folder, since, RECORDED_MAX).map_err(AuthoringError::file(folder))?;
    let player = Player::start(EngineSettings::default())?;
    let (plugin, settings) = load(&player, wanted)?;
    let pool = PoolSettings {
        warm: 1,
        one_shots: 0,
        deadline: POLICY_DEADLINE,
        ..PoolSettings::default()
    };
    let deadline = Instant::now() + START_TIMEOUT;
    let start = Call { plugin: &plugin, settings: &settings, deadline };
    let policies = player.engine().start_policies(start, Arc::new(Silent), pool).await;
    let policies = policies
        .map_err(|ended| AuthoringError::NoPolicy(format!("it could not be started: {ended}")))?;
    let compared = compare(recorded, |call| {
        let Outcome { ended, took, .. } = policies.decide(call);
        let decided = match ended {
            Ended::Ok(decision) => Ok(decision),
            ended => Err(ended.map(|_| ()).to_string()),
        };
        (decided, took)
    });
    let (name, version) = (plugin.manifest.name.clone(), plugin.manifest.version.to_string());
    Ok(Compared { plugin: name, version, left_out, ..compared })
}

/// Asks about each call and compares.
fn compare(
    recorded: Vec<Decided>,
    mut decide: impl FnMut(&ForwardingCall) -> (Result<ForwardingDecision, String>, Duration),
) -> Compared {
    let mut compared = Compared { calls: recorded.len(), ..Compared::default() };
    let mut times = Vec::with_capacity(recorded.len());
    for was in recorded {
        let (decided, took) = decide(&was.call);
        times.push(took);
        compared.not_recorded += was.skipped;
        if decided.as_ref() == Ok(&was.decision) {
            continue;
        }
        compared.different += 1;
        compared.undecided += usize::from(decided.is_err());
        if compared.differences.len() < DIFFERENCES_MAX {
            let (now, problem) = match decided {
                Ok(decision) => (Some(decision), None),
                Err(problem) => (None, Some(problem)),
            };
            compared.differences.push(Difference { was, now, problem });
        }
    }
    times.sort_unstable();
    let median = times.get(times.len() / 2).copied().unwrap_or_default();
    compared.median_us = tenths(median.as_secs_f64() * 1e6);
    compared
}

/// What a policy writes about thousands of calls is nobody's.
struct Silent;

impl SipHost for Silent {
    fn log(&self, _: LogLine) {}
}

/// Loads the policy that is wanted, with its settings.
fn load(player: &Player, wanted: &Wanted) -> Result<(Arc<Plugin>, Settings), AuthoringError> {
    let Found { folder, grant, settings } = find(wanted)?;
    let plugin = player.engine().load_plugin(&folder, grant.as_deref())?;
    let manifest = &plugin.manifest;
    if manifest.kind != Kind::ForwardingPolicy {
        let text =
            format!("{} is of kind {}, wanted is forwarding-policy", manifest.name, manifest.kind);
        return Err(AuthoringError::NoPolicy(text));
    }
    let settings = serde_json::to_value(settings).and_then(serde_json::from_value::<Settings>);
    let settings =
        settings.map_err(|error| AuthoringError::NoPolicy(format!("settings: {error}")))?;
    let problems = plugin.validate_settings(&settings);
    if !problems.is_empty() {
        return Err(AuthoringError::NoPolicy(problems.join("; ")));
    }
    Ok((plugin, settings))
}

/// Asks once, with the time that a node gives.
///
/// # Errors
/// What can not be found, read or loaded, is of another kind, or does not take these settings.
pub async fn try_call(wanted: &Wanted, call: ForwardingCall) -> Result<Tried, AuthoringError> {
    let mut player = Player::start(EngineSettings::default())?;
    let (plugin, settings) = load(&player, wanted)?;
    let manifest = &plugin.manifest;
    let (name, version) = (manifest.name.clone(), manifest.version.to_string());
    let (asked, lines) = player.ask_policy(&plugin, &settings, &call, POLICY_DEADLINE).await;
    let (decided, took) = match asked {
        Ok(outcome) => (outcome.ended, outcome.took),
        Err(ended) => (Ended::Trap(format!("it could not be started: {ended}")), Duration::ZERO),
    };
    let (decision, problem) = match decided {
        Ended::Ok(decision) => (Some(decision), None),
        ended => (None, Some(ended.map(|_| ()).to_string())),
    };
    Ok(Tried {
        plugin: name,
        version,
        telephone: decision.as_ref().map(|decision| telephone(decision, &call)).unwrap_or_default(),
        call,
        decision,
        problem,
        took_us: tenths(took.as_secs_f64() * 1e6),
        compile_ms: tenths(plugin.compile_time.as_secs_f64() * 1e3),
        lines,
    })
}

/// No more places than the clock is good for.
fn tenths(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

/// What is to be loaded.
struct Found {
    folder: PathBuf,
    grant: Option<String>,
    settings: BTreeMap<String, serde_json::Value>,
}

fn find(wanted: &Wanted) -> Result<Found, AuthoringError> {
    let (policy, mut settings) = (&wanted.policy, wanted.settings.clone());
    if policy.is_dir() {
        let (folder, project) = built(policy)?;
        let source = project.map_or_else(|| folder.clone(), |project| project.folder);
        let grant = grant_of(&source).map_err(AuthoringError::Cases)?;
        return Ok(Found { folder, grant, settings });
    }
    let mut name = policy.as_path();
    if policy.is_file() {
        let (component, setting) = TEXT_POLICIES;
        let text = fs::read_to_string(policy).map_err(AuthoringError::file(policy))?;
        settings.insert(setting.to_owned(), text.into());
        name = Path::new(component);
    }
    Ok(Found { folder: installed(&wanted.plugins, name)?, grant: None, settings })
}

/// The folder of a plugin that was installed.
fn installed(plugins: &Path, name: &Path) -> Result<PathBuf, AuthoringError> {
    let folder = plugins.join(name);
    if !folder.join("component.wasm").is_file() {
        let (name, plugins) = (name.display(), plugins.display());
        return Err(AuthoringError::NoPolicy(format!(
            "{name}: neither a folder, nor a file with a text policy, nor a plugin in {plugins}"
        )));
    }
    folder.canonicalize().map_err(AuthoringError::file(&folder))
}

/// What a telephone sees of a decision.
fn telephone(decision: &ForwardingDecision, call: &ForwardingCall) -> Vec<String> {
    let to = &call.destination;
    if let Some(told) = told(decision, &to.dn) {
        let lines = String::from_utf8_lossy(&told.lines).into_owned();
        let first = format!("{} {}", told.code, told.phrase);
        return std::iter::once(first).chain(lines.lines().map(str::to_owned)).collect();
    }
    vec![match decision {
        ForwardingDecision::ThroughTrunk(trunk) => {
            format!("what the trunk {trunk} answers, or 500 where there is no such trunk")
        }
        _ if !to.known => "404 Not Found".to_owned(),
        _ if !to.registered => {
            "480 Temporarily Unavailable, where no softswitch is behind this switch".to_owned()
        }
        _ => format!("what the telephones of {} answer", to.dn),
    }]
}

/// A plugin that was built: the folder itself where it is one, else the `dist` of the project.
fn built(folder: &Path) -> Result<(PathBuf, Option<Project>), AuthoringError> {
    if folder.join("component.wasm").exists() {
        // The loader compares the folder's name with the plugin's; `.` has none.
        let folder = folder.canonicalize().map_err(AuthoringError::file(folder))?;
        return Ok((folder, None));
    }
    let project = Project::open(folder)?;
    let dist = project.dist();
    if !dist.join("component.wasm").exists() {
        return Err(AuthoringError::NotBuilt(dist));
    }
    Ok((dist, Some(project)))
}

#[cfg(test)]
mod tests {
    use takeover_logic::component::sip::{
        CallKind, DrForward, ForwardingDestination, NodeMode, Refusal,
    };

    use super::*;

    fn call(known: bool, registered: bool) -> ForwardingCall {
        ForwardingCall {
            kind: CallKind::Inbound,
            request_uri: "sip:2000@example.com".into(),
            caller: "sip:7777@example.com".into(),
            source: "192.0.2.1:5060".into(),
            call_id: "c".into(),
            from_peer: false,
            destination: ForwardingDestination {
                dn: "2000".into(),
                known,
                registered,
                in_service: true,
                agent_logged_in: false,
                dr_forward: DrForward::Off,
            },
            peer: None,
            node_mode: NodeMode::InService,
            shutdown_reject_code: 603,
            headers: Vec::new(),
        }
    }

    #[test]
    fn telephone_sees_what_the_node_would_send() {
        let seen = |decision: ForwardingDecision| telephone(&decision, &call(true, true)).join("|");
        let redirect = |contacts: &[&str]| {
            let contacts = contacts.iter().map(|contact| (*contact).into()).collect();
            seen(ForwardingDecision::Redirect { code: 302, contacts })
        };
        assert_eq!(redirect(&["site-b"]), "302 Moved Temporarily|Contact: <sip:2000@site-b>");
        assert_eq!(
            redirect(&["sip:1@a", "b:5070"]),
            "302 Moved Temporarily|Contact: <sip:1@a>;q=1.000|Contact: <sip:2000@b:5070>;q=0.900"
        );
        let refusal = Refusal { code: 603, reason: "".into(), retry_after_s: Some(30) };
        assert_eq!(seen(ForwardingDecision::Refuse(refusal)), "603 Decline|Retry-After: 30");
        assert_eq!(seen(ForwardingDecision::Deliver), "what the telephones of 2000 answer");
        let unknown = telephone(&ForwardingDecision::Deliver, &call(false, false));
        assert_eq!(unknown, ["404 Not Found"]);
    }

    #[test]
    fn what_would_differ_is_found_and_listed_up_to_a_bound() {
        let refuse = || {
            ForwardingDecision::Refuse(Refusal {
                code: 603,
                reason: "".into(),
                retry_after_s: None,
            })
        };
        let was = |at: u64, decision| Decided {
            at: Timestamp(at),
            call: call(!at.is_multiple_of(3), true),
            decision,
            by_fallback: false,
            skipped: at,
        };
        let recorded = vec![
            was(1, ForwardingDecision::Deliver),
            was(2, refuse()),
            was(3, ForwardingDecision::Deliver),
        ];
        let compared = compare(recorded, |call| match call.destination.known {
            true => (Ok(ForwardingDecision::Deliver), Duration::from_micros(20)),
            false => (Err("deadline".to_owned()), Duration::from_micros(90)),
        });
        let Compared { calls, different, undecided, not_recorded, .. } = compared;
        assert_eq!((calls, different, undecided, not_recorded), (3, 2, 1, 6));
        assert_eq!(compared.median_us, 20.0);
        let [otherwise, nothing] = &compared.differences[..] else { panic!("two differ") };
        assert_eq!(otherwise.now, Some(ForwardingDecision::Deliver));
        assert_eq!((nothing.was.at, nothing.problem.as_deref()), (Timestamp(3), Some("deadline")));
        let many = (0..DIFFERENCES_MAX as u64 + 5).map(|at| was(3 * at, refuse())).collect();
        let compared = compare(many, |_| (Err("trap".to_owned()), Duration::ZERO));
        assert_eq!(compared.different, DIFFERENCES_MAX + 5);
        assert_eq!(compared.differences.len(), DIFFERENCES_MAX);
    }

    #[tokio::test]
    async fn what_is_no_policy_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let wanted = Wanted {
            policy: "forward-nowhere".into(),
            plugins: folder.path().to_owned(),
            settings: BTreeMap::new(),
        };
        let error = try_call(&wanted, call(true, true)).await.unwrap_err().to_string();
        assert!(error.starts_with("forward-nowhere: neither a folder"), "{error}");
    }
}
