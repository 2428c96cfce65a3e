//! What clients of the agents' API ask for: read, carried out by the node, answered by one event
//! that bears the request's name and its reference.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};
use takeover_logic::time::Now;
use takeover_sip::agents;
use takeover_sip::dialogs::{CallKey, Party};
use takeover_sip::limits::CALLS_LISTED_MAX;
use takeover_sip::node::Node;
use takeover_sip::node::clients::CallView;
use takeover_sip::outbox::Outbox;

#[cfg(test)]
mod tests;

/// Requests of the guide's client library that only who is an end of a call can carry out (decision
/// 0012).
const OF_TELEPHONES: [&str; 14] = [
    "MakeCall",
    "AnswerCall",
    "ReleaseCall",
    "HoldCall",
    "RetrieveCall",
    "InitiateTransfer",
    "CompleteTransfer",
    "MuteTransfer",
    "SingleStepTransfer",
    "InitiateConference",
    "CompleteConference",
    "SingleStepConference",
    "AlternateCall",
    "RedirectCall",
];

/// The guide's number of the request that begins a graceful shutdown (*Graceful Migration*).
const GRACEFUL_SHUTDOWN: u64 = 3019;

/// Requests beside those of agents.
#[derive(Debug, Deserialize)]
#[serde(tag = "request", rename_all_fields = "kebab-case")]
enum Other {
    /// What is known of a DN.
    QueryAddress { dn: Arc<str> },
    /// Which calls wait on a routing point.
    QueryQueue { dn: Arc<str> },
    /// Which calls there are.
    QueryCalls {
        #[serde(default)]
        dn: Option<Arc<str>>,
        #[serde(default)]
        after: Option<Arc<str>>,
    },
    /// Where a waiting call goes.
    RouteCall { call: Arc<str>, to: Arc<str> },
    /// Requests by number; 3019 begins a graceful shutdown.
    PrivateService { id: u64 },
}

/// What a request led to.
pub(crate) enum Done {
    /// The fields of the answer.
    Answer(Value),
    /// The node is to be shut down gracefully.
    ShutDown,
}

/// Carries out a request.
///
/// # Errors
/// One sentence for the client.
pub(crate) fn carry_out(
    node: &mut Node,
    now: Now,
    (client, request): (&Arc<str>, Value),
    out: &mut Outbox,
) -> Result<Done, String> {
    let known = serde_json::from_value::<agents::Request>(request.clone());
    if let Ok(request) = known {
        serves(node)?;
        let dn = Arc::clone(request.dn());
        node.client_request(now, client, request, out).map_err(|refusal| refusal.to_string())?;
        return Ok(Done::Answer(json!({ "dn": dn })));
    }
    let name = request.get("request").and_then(Value::as_str).unwrap_or_default().to_owned();
    if OF_TELEPHONES.contains(&&*name) {
        return Err(format!(
            "request {name:?}: not done here: a proxy carries calls and is no end of them; ask the \
             telephone of the DN"
        ));
    }
    let other = serde_json::from_value::<Other>(request);
    // Of the two errors the one of the kind that has a request of this name says what is wrong.
    let other = other.map_err(|error| match known {
        Err(of_agents) if error.to_string().contains("unknown variant") => {
            format!("request {name:?}: {of_agents}")
        }
        _ => format!("request {name:?}: {error}"),
    })?;
    match other {
        Other::QueryAddress { dn } => address(node, now, &dn),
        Other::QueryQueue { dn } => {
            let calls: Vec<Value> = node.queue(&dn).iter().map(waiting).collect();
            Ok(Done::Answer(json!({ "dn": dn, "calls": calls })))
        }
        Other::QueryCalls { dn, after } => calls(node, dn.as_deref(), after.as_deref()),
        Other::RouteCall { call, to } => {
            serves(node)?;
            let key = call_key("call", &call)?;
            let key = node.waiting(key).ok_or_else(|| format!("call {call}: it does not wait"))?;
            node.route_call(now, key, &to, out).map_err(|error| error.to_string())?;
            Ok(Done::Answer(json!({ "call": call, "to": to })))
        }
        Other::PrivateService { id: GRACEFUL_SHUTDOWN } => Ok(Done::ShutDown),
        Other::PrivateService { id } => {
            Err(format!("PrivateService: id: found {id}, allowed: {GRACEFUL_SHUTDOWN}"))
        }
    }
}

fn serves(node: &Node) -> Result<(), String> {
    match node.is_serving() {
        true => Ok(()),
        false => Err("this node is the backup: ask the primary".to_owned()),
    }
}

fn address(node: &Node, now: Now, dn: &str) -> Result<Done, String> {
    let view = node.dn_view(now, dn).ok_or_else(|| format!("dn {dn:?}: not configured"))?;
    Ok(Done::Answer(json!({
        "dn": view.dn,
        "type": view.kind,
        "registered": view.registered,
        "in-service": view.in_service,
        "session": view.session,
        "calls": view.calls,
    })))
}

fn waiting(call: &takeover_sip::parked::ParkedCall) -> Value {
    json!({ "call": call.call.to_string(), "since": call.since, "deadline": call.deadline })
}

fn call_key(field: &str, text: &str) -> Result<CallKey, String> {
    CallKey::parse(text).ok_or_else(|| {
        format!("{field}: found {text:?}, allowed: 16 hexadecimal digits, as in events")
    })
}

/// The calls at a DN, or all: counts, and one part of the list.
fn calls(node: &Node, dn: Option<&str>, after: Option<&str>) -> Result<Done, String> {
    let after = after.map(|after| call_key("after", after)).transpose()?;
    let (established, ringing) = node.call_counts();
    let calls = node.call_list(dn, after);
    let next = calls.last().filter(|_| calls.len() == CALLS_LISTED_MAX);
    let mut answer = json!({
        "established": established,
        "ringing": ringing,
        "calls": calls.iter().map(call).collect::<Vec<Value>>(),
    });
    if let Some(fields) = answer.as_object_mut() {
        fields.extend(dn.map(|dn| ("dn".to_owned(), dn.into())));
        fields.extend(next.map(|last| ("after".to_owned(), last.call.to_string().into())));
    }
    Ok(Done::Answer(answer))
}

fn call(view: &CallView) -> Value {
    let dialog = &view.dialog;
    let end = |party: &Party, held: bool| {
        json!({
            "dn": party.dn,
            "number": party.number,
            "held": held,
        })
    };
    let parties = &dialog.parties;
    json!({
        "call": view.call.to_string(),
        "state": dialog.stage,
        "call-type": parties.call_type,
        "dnis": parties.dialed,
        "caller": end(&parties.caller, dialog.held.caller),
        "callee": end(&parties.callee, dialog.held.callee),
        "since": dialog.since,
    })
}
