//! Cases of forwarding policies: a call each, in an instance of its own. Also a call that somebody
//! describes by hand, to see what a policy makes of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use takeover_cases::forwarding::{CallFacts, Decision, ForwardingCase};
use takeover_logic::component::sip::{
    ForwardingCall, ForwardingDecision, ForwardingDestination, ForwardingPeer,
};
use takeover_logic::log_event::Attribute;

use super::stage::Scene;
use super::words::words;
use super::{Played, Player, known, settings};
use crate::engine::Call;
use crate::limits::{CASE_TIMEOUT, POLICY_DEADLINE_MAX};
use crate::outcome::{Ended, Outcome};
use crate::package::{Plugin, Settings};
use crate::policy_pool::PoolSettings;

impl Player {
    /// # Errors
    /// Why the case can not be played.
    pub(super) async fn play_policy(
        &mut self,
        plugin: &Arc<Plugin>,
        case: &ForwardingCase,
    ) -> Result<Played, Vec<String>> {
        let mut problems = Vec::new();
        let settings = settings(plugin, &case.settings, &mut problems);
        let call = call_of(&case.call, &mut problems);
        let (Some(call), true) = (call, problems.is_empty()) else {
            return Err(problems);
        };
        let began = Instant::now();
        // A busy machine must not decide how a case ends, so it has the longest time there is.
        let (asked, lines) = self.ask_policy(plugin, &settings, &call, POLICY_DEADLINE_MAX).await;
        let took = began.elapsed();
        let (decided, memory_bytes_max) = match asked {
            Ok(outcome) => (words(outcome.ended, decision), outcome.memory_bytes_max),
            Err(ended) => (words(ended, |()| String::new()), 0),
        };
        Ok(Played { problems: case.problems(&decided), lines, took, memory_bytes_max })
    }

    /// Asks a policy about one call, in an instance of its own that is warm, as in a node, and with
    /// so much time for the decision. Also what it wrote to the log.
    ///
    /// # Errors
    /// In place of the outcome: how the start of the instance ended.
    pub async fn ask_policy(
        &mut self,
        plugin: &Arc<Plugin>,
        settings: &Settings,
        call: &ForwardingCall,
        deadline: Duration,
    ) -> (Result<Outcome<ForwardingDecision>, Ended<()>>, Vec<String>) {
        self.stage.open(Scene::default());
        let pool = PoolSettings { warm: 1, one_shots: 0, deadline, ..PoolSettings::default() };
        let start = Call { plugin, settings, deadline: Instant::now() + CASE_TIMEOUT };
        let host = Arc::new(self.stage.clone());
        let started = self.engine.start_policies(start, host, pool).await;
        let asked = started.map(|policies| policies.decide(call));
        let Scene { lines, .. } = self.stage.close();
        (asked, lines)
    }
}

/// The call of a case.
fn call_of(facts: &CallFacts, problems: &mut Vec<String>) -> Option<ForwardingCall> {
    let to = &facts.destination;
    let kind = known("call.kind", &facts.kind, problems);
    let node_mode = known("call.node_mode", &facts.node_mode, problems);
    let dr_forward = known("call.destination.dr_forward", &to.dr_forward, problems);
    let header = |(name, value): &(String, String)| Attribute {
        name: name.as_str().into(),
        value: value.as_str().into(),
    };
    Some(ForwardingCall {
        kind: kind?,
        request_uri: facts.request_uri.as_str().into(),
        caller: facts.caller.as_str().into(),
        source: facts.source.as_str().into(),
        call_id: facts.call_id.as_str().into(),
        from_peer: facts.from_peer,
        destination: ForwardingDestination {
            dn: to.dn.as_str().into(),
            known: to.known,
            registered: to.registered,
            in_service: to.in_service,
            agent_logged_in: to.agent_logged_in,
            dr_forward: dr_forward?,
        },
        peer: facts.peer.as_ref().map(|peer| ForwardingPeer {
            trunk: peer.trunk.as_str().into(),
            contact: peer.contact.as_str().into(),
            in_service: peer.in_service,
        }),
        node_mode: node_mode?,
        shutdown_reject_code: facts.shutdown_reject_code,
        headers: facts.headers.iter().map(header).collect(),
    })
}

/// A decision in the words of a case.
fn decision(decision: ForwardingDecision) -> String {
    match decision {
        ForwardingDecision::Deliver => Decision::Deliver,
        ForwardingDecision::Redirect { code, contacts } => {
            Decision::Redirect(code, contacts.iter().map(ToString::to_string).collect())
        }
        ForwardingDecision::ThroughTrunk(trunk) => Decision::ThroughTrunk(trunk.to_string()),
        ForwardingDecision::Refuse(refusal) => {
            Decision::Refuse(refusal.code, refusal.reason.to_string(), refusal.retry_after_s)
        }
    }
    .to_string()
}
