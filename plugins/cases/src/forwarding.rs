//! Cases of forwarding policies: a call, and the decision about it.
//!
//! Types of their own, with the words of the contract: a native run and a run in the sandbox each
//! turn them into theirs.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::files::{self, Settings};

/// One case.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForwardingCase {
    /// What it shows.
    pub title: String,
    /// Settings that the operator wrote.
    #[serde(default)]
    pub settings: Settings,
    /// The call.
    #[serde(default)]
    pub call: CallFacts,
    /// The decision as [`Decision`] prints it, `fault KIND: TEXT` where the policy is refused, or
    /// `trap: TEXT` where it ends with these words among its last.
    pub expect: String,
    #[serde(skip)]
    defaults: Settings,
}

impl ForwardingCase {
    /// The value of a setting as a component sees it: text as it is, everything else as JSON.
    pub fn setting(&self, key: &str) -> Option<String> {
        files::setting(&self.settings, &self.defaults, key)
    }

    /// Everything in which a decision, in the words of [`ForwardingCase::expect`], differs from
    /// what was written.
    pub fn problems(&self, outcome: &str) -> Vec<String> {
        if files::holds(&self.expect, outcome) {
            return Vec::new();
        }
        vec![format!("decided: {outcome}\n    expected: {}", self.expect)]
    }
}

/// What a policy is asked about. What a case leaves out is as in [`CallFacts::default`].
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CallFacts {
    /// `inbound`, `internal` or `routed`.
    pub kind: String,
    /// Where the caller wants to go.
    pub request_uri: String,
    /// Who calls.
    pub caller: String,
    /// Where the request came from.
    pub source: String,
    /// Its Call-ID.
    pub call_id: String,
    /// It came from the peer node.
    pub from_peer: bool,
    /// Where it goes.
    pub destination: DestinationFacts,
    /// The peer node; none where it is left out.
    pub peer: Option<PeerFacts>,
    /// `in-service`, `single-site` or `shutting-down`.
    pub node_mode: String,
    /// Configured code for new calls during a shutdown.
    pub shutdown_reject_code: u16,
    /// Names and values.
    pub headers: Vec<(String, String)>,
}

impl Default for CallFacts {
    fn default() -> Self {
        Self {
            kind: "inbound".into(),
            request_uri: "sip:7001@site-a.example".into(),
            caller: "sip:bob@example.org".into(),
            source: "192.0.2.7:5060".into(),
            call_id: "a-call".into(),
            from_peer: false,
            destination: DestinationFacts::default(),
            peer: None,
            node_mode: "in-service".into(),
            shutdown_reject_code: 603,
            headers: Vec::new(),
        }
    }
}

/// A destination: by default one at which an agent waits for calls.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DestinationFacts {
    /// Directory number.
    pub dn: String,
    /// It is configured here.
    pub known: bool,
    /// A device has registered.
    pub registered: bool,
    /// The device answers.
    pub in_service: bool,
    /// Somebody is logged in.
    pub agent_logged_in: bool,
    /// `off`, `no-agent` or `oos`.
    pub dr_forward: String,
}

impl Default for DestinationFacts {
    fn default() -> Self {
        Self {
            dn: "7001".into(),
            known: true,
            registered: true,
            in_service: true,
            agent_logged_in: true,
            dr_forward: "off".into(),
        }
    }
}

/// A peer node: by default one that serves.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PeerFacts {
    /// The trunk to it.
    pub trunk: String,
    /// Contact to redirect to.
    pub contact: String,
    /// It serves.
    pub in_service: bool,
}

impl Default for PeerFacts {
    fn default() -> Self {
        Self { trunk: "to-site-b".into(), contact: "sip:site-b.example".into(), in_service: true }
    }
}

/// A decision. Prints as `deliver`, `redirect CODE CONTACT ...`, `through-trunk NAME`,
/// `refuse CODE REASON` or `refuse CODE REASON, retry after N s`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// To the destination.
    Deliver,
    /// Elsewhere: the code and the contacts.
    Redirect(u16, Vec<String>),
    /// Through a trunk.
    ThroughTrunk(String),
    /// Not at all: the code, the reason, and the seconds after which another try is welcome.
    Refuse(u16, String, Option<u32>),
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Decision::Deliver => f.write_str("deliver"),
            Decision::Redirect(code, contacts) => {
                write!(f, "redirect {code} {}", contacts.join(" "))
            }
            Decision::ThroughTrunk(name) => write!(f, "through-trunk {name}"),
            Decision::Refuse(code, reason, None) => write!(f, "refuse {code} {reason}"),
            Decision::Refuse(code, reason, Some(seconds)) => {
                write!(f, "refuse {code} {reason}, retry after {seconds} s")
            }
        }
    }
}

/// Runs every case of a plugin folder, each in an instance of its own, and lists everything in
/// which they differ. `run` answers in the words of [`ForwardingCase::expect`].
///
/// # Errors
/// The problems of all cases, each under the name of its file.
pub fn run_all(
    folder: &Path,
    mut run: impl FnMut(&ForwardingCase) -> String,
) -> Result<usize, String> {
    let cases = read_all(folder)?;
    let mut failed = String::new();
    for (path, case) in &cases {
        for problem in case.problems(&run(case)) {
            failed.push_str(&format!("\n{} ({}): {problem}", path.display(), case.title));
        }
    }
    if failed.is_empty() { Ok(cases.len()) } else { Err(failed) }
}

/// Reads the cases of a plugin folder, in the order of their names.
///
/// # Errors
/// A file that can not be read or is not a case; a folder without cases.
pub fn read_all(folder: &Path) -> Result<Vec<(PathBuf, ForwardingCase)>, String> {
    let (mut cases, defaults) = files::read::<ForwardingCase>(folder)?;
    for (_, case) in &mut cases {
        case.defaults.clone_from(&defaults);
    }
    Ok(cases)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_case_leaves_out_has_a_fixed_value() {
        let text = "title = 't'\nexpect = 'deliver'\n[call]\nheaders = [['a', 'b']]\n[call.peer]\n";
        let case: ForwardingCase = toml::from_str(text).unwrap();
        assert_eq!(case.call.headers, [("a".to_owned(), "b".to_owned())]);
        assert_eq!(case.call.peer.unwrap().trunk, "to-site-b");
        assert!(case.call.destination.agent_logged_in);
        assert!(toml::from_str::<ForwardingCase>(&text.replace("headers", "haeders")).is_err());
    }

    #[test]
    fn decisions_print_as_a_case_expects_them() {
        let contacts = vec!["sip:a".to_owned(), "sip:b".to_owned()];
        assert_eq!(Decision::Redirect(302, contacts).to_string(), "redirect 302 sip:a sip:b");
        let refuse = |after| Decision::Refuse(503, "Busy".into(), after).to_string();
        assert_eq!(refuse(None), "refuse 503 Busy");
        assert_eq!(refuse(Some(30)), "refuse 503 Busy, retry after 30 s");
    }
}
