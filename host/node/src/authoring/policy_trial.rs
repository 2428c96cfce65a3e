//! Asks a forwarding policy about one call that somebody describes, apart from any node: what it
//! decides, how long that takes, and what the caller's telephone would see.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use takeover_cases::grant_of;
use takeover_engine::limits::POLICY_DEADLINE;
use takeover_engine::outcome::Ended;
use takeover_engine::player::Player;
use takeover_engine::{EngineSettings, Kind, Settings};
use takeover_logic::component::sip::{ForwardingCall, ForwardingDecision};
use takeover_sip::node::told;

use super::AuthoringError;
use super::project::Project;

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

/// Asks once, with the time that a node gives.
///
/// # Errors
/// What can not be found, read or loaded, is of another kind, or does not take these settings.
pub async fn try_call(wanted: &Wanted, call: ForwardingCall) -> Result<Tried, AuthoringError> {
    let Found { folder, grant, settings } = find(wanted)?;
    let mut player = Player::start(EngineSettings::default())?;
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
