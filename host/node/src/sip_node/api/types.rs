//! The messages of the agents' API, as far as this layer knows them: what frames a request and an
//! event. Their contents are the machine's.

use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

/// What a client asks for. The names are those of the guide's client library; what else belongs to
/// a request stands beside its name.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct RequestBody {
    /// Name of the request, as in `AgentLogin`.
    pub request: String,
    /// A number of the client's choice; the answer has the same. Default 0.
    #[serde(default)]
    pub reference: u64,
    /// Everything else: `dn`, `agent`, `queue`, `work-mode`, ...
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub more: serde_json::Map<String, Value>,
}

/// What a client is told. What else belongs to an event stands beside its name.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct EventBody {
    /// Name of the event, as in `PrimaryChanged` or `Error`.
    pub event: String,
    /// The reference of the request that this answers; none: it answers none.
    pub reference: Option<u64>,
    /// Everything else.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub more: serde_json::Map<String, Value>,
}

/// Requests of the guide's client library, for the description.
pub(super) const REQUESTS: &str = "RegisterAddress, UnregisterAddress, QueryAddress, AgentLogin, \
     AgentLogout, AgentReady, AgentNotReady, AgentAfterCallWork, QueryQueue, QueryCalls, \
     RouteCall, PrivateService";

/// Whether the node is well.
#[derive(Clone, Debug, Deserialize, serde::Serialize, ToSchema)]
pub struct NodeHealth {
    /// `ok`, or `failing` where the SIP thread does not answer.
    pub status: String,
    /// The SIP port, in words; a backup's is not bound.
    pub port: String,
    /// The other node of the pair is linked.
    pub standby: bool,
}
