//! The same for the worlds of a SIP node. An answer that is out of its bounds is a fault of the
//! component, and none of it is passed on.

use std::time::Duration;

use takeover_logic::component::sip::{
    CallKind, DrForward, ForwardingCall, ForwardingDecision, MonitorAnswer, MonitorSample,
    MonitoredDevice, NodeMode, OutOfBounds, Refusal,
};
use takeover_logic::limits::{MONITOR_INTERVAL_MAX, MONITOR_INTERVAL_MIN};
use takeover_logic::link::{RunMode, Verdict};

use super::answer_arc;
use crate::bindings::monitor::exports::takeover::plugin::monitor as monitor_wit;
use crate::bindings::policy::exports::takeover::plugin::forwarding as forwarding_wit;
use crate::bindings::types;

fn run_mode_to_guest(run_mode: RunMode) -> types::RunMode {
    match run_mode {
        RunMode::Primary => types::RunMode::Primary,
        RunMode::Backup => types::RunMode::Backup,
        RunMode::Exiting => types::RunMode::Exiting,
    }
}

fn device_to_guest(device: &MonitoredDevice) -> monitor_wit::Device {
    monitor_wit::Device {
        dn: device.dn.to_string(),
        check_interval_s: device.check_interval_s,
        force_timeout_s: device.force_timeout_s,
        in_service: device.in_service,
        answered_ago_ms: device.answered_ago_ms,
    }
}

pub(crate) fn sample_to_guest(sample: &MonitorSample) -> monitor_wit::Sample {
    monitor_wit::Sample {
        run_mode: run_mode_to_guest(sample.run_mode),
        in_run_mode_ms: sample.in_run_mode_ms,
        vip_up_ms: sample.vip_up_ms,
        received: sample.received,
        last_message_ago_ms: sample.last_message_ago_ms,
        responses_2xx: sample.responses_2xx,
        responses_4xx: sample.responses_4xx,
        responses_5xx: sample.responses_5xx,
        timeouts: sample.timeouts,
        retransmissions: sample.retransmissions,
        devices: sample.devices.iter().map(device_to_guest).collect(),
    }
}

pub(crate) fn answer_from_guest(answer: monitor_wit::Answer) -> MonitorAnswer {
    use monitor_wit::Assessment;
    MonitorAnswer {
        assessment: match answer.assessment {
            Assessment::Running => Verdict::Good,
            Assessment::Unavailable(reason) => Verdict::Bad(answer_arc(&reason)),
            Assessment::Unknown(reason) => Verdict::Unknown(answer_arc(&reason)),
        },
        next_in: Duration::from_millis(answer.next_in_ms.into())
            .clamp(MONITOR_INTERVAL_MIN, MONITOR_INTERVAL_MAX),
    }
}

/// A call as a policy is shown it, its headers beside it. Its texts are copied once, into the
/// guest.
pub(crate) fn call_to_guest<'a>(
    call: &'a ForwardingCall,
    headers: &'a [&'a types::Attribute],
) -> forwarding_wit::Call<'a> {
    let destination = &call.destination;
    forwarding_wit::Call {
        kind: match call.kind {
            CallKind::Inbound => forwarding_wit::CallKind::Inbound,
            CallKind::Internal => forwarding_wit::CallKind::Internal,
            CallKind::Routed => forwarding_wit::CallKind::Routed,
        },
        request_uri: &call.request_uri,
        caller: &call.caller,
        source: &call.source,
        call_id: &call.call_id,
        from_peer: call.from_peer,
        destination: forwarding_wit::Destination {
            dn: &destination.dn,
            known: destination.known,
            registered: destination.registered,
            in_service: destination.in_service,
            agent_logged_in: destination.agent_logged_in,
            dr_forward: match destination.dr_forward {
                DrForward::Off => forwarding_wit::DrForward::Off,
                DrForward::NoAgent => forwarding_wit::DrForward::NoAgent,
                DrForward::Oos => forwarding_wit::DrForward::Oos,
            },
        },
        peer: call.peer.as_ref().map(|peer| forwarding_wit::Peer {
            trunk: &peer.trunk,
            contact: &peer.contact,
            in_service: peer.in_service,
        }),
        node_mode: match call.node_mode {
            NodeMode::InService => forwarding_wit::NodeMode::InService,
            NodeMode::SingleSite => forwarding_wit::NodeMode::SingleSite,
            NodeMode::ShuttingDown => forwarding_wit::NodeMode::ShuttingDown,
        },
        shutdown_reject_code: call.shutdown_reject_code,
        headers,
    }
}

pub(crate) fn decision_from_guest(
    decision: forwarding_wit::Decision,
) -> Result<ForwardingDecision, OutOfBounds> {
    use forwarding_wit::Decision;
    let decision = match decision {
        Decision::Deliver => ForwardingDecision::Deliver,
        Decision::Redirect(redirect) => {
            ForwardingDecision::Redirect { code: redirect.code, contacts: redirect.contacts }
        }
        Decision::ThroughTrunk(trunk) => ForwardingDecision::ThroughTrunk(trunk),
        Decision::Refuse(refusal) => ForwardingDecision::Refuse(Refusal {
            code: refusal.code,
            reason: refusal.reason.into(),
            retry_after_s: refusal.retry_after_s,
        }),
    };
    decision.check()?;
    Ok(decision)
}
