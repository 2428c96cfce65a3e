//! What reactions and VIP backends ask of the shell, as questions of a case.

use serde_json::{Value, json};
use takeover_cases::{Answer, ask};
use takeover_logic::component::{
    AddressAnswer, AddressCall, ApplicationFacts, ManagementAnswer, ManagementCall,
};
use takeover_logic::link::{RunMode, Status};

use super::stage::Stage;
use super::words::fault;
use crate::host::{HostAnswer, LogLine, ReactionHost, VipHost};

impl ReactionHost for Stage {
    fn manage(&self, call: ManagementCall) -> HostAnswer<'_, ManagementAnswer> {
        let answer = match self.ask(&question(&call)) {
            Answer::Fault(kind, text) => Err(fault(&kind, &text)),
            Answer::Application(facts) => {
                let fact = |name: &str| facts.get(name).map_or(Value::Null, |fact| json!(fact));
                let name = match &call {
                    ManagementCall::GetApplication { name } => name.clone(),
                    _ => "".into(),
                };
                Ok(ManagementAnswer::Application(ApplicationFacts {
                    name,
                    host: facts.get("host").map_or("host-a", String::as_str).into(),
                    kind: facts.get("kind").map_or("sip-server", String::as_str).into(),
                    status: serde_json::from_value(fact("status")).unwrap_or(Status::Unknown),
                    run_mode: serde_json::from_value(fact("run_mode")).unwrap_or_default(),
                }))
            }
            _ => Ok(ManagementAnswer::Done),
        };
        Box::pin(async move { answer })
    }

    /// A case plays on the primary.
    fn primary(&self) -> HostAnswer<'_, ()> {
        Box::pin(async { Ok(()) })
    }

    fn log(&self, line: LogLine) {
        self.keep(line);
    }
}

/// What a component asks, as a case writes it.
pub fn question(call: &ManagementCall) -> String {
    match call {
        ManagementCall::GetApplication { name } => format!("management.get-application {name}"),
        ManagementCall::StartApplication { name } => format!("management.start-application {name}"),
        ManagementCall::StopApplication { name, graceful } => {
            let how = if *graceful { "graceful" } else { "at-once" };
            format!("management.stop-application {name} {how}")
        }
        ManagementCall::RestartApplication { name } => {
            format!("management.restart-application {name}")
        }
        ManagementCall::StartSolution { name } => ask::solution(true, name.as_str()),
        ManagementCall::StopSolution { name } => ask::solution(false, name.as_str()),
        ManagementCall::Switchover { application, only_if } => {
            let only_if = match only_if {
                Some(RunMode::Primary) => "primary",
                Some(RunMode::Backup) => "backup",
                Some(RunMode::Exiting) => "exiting",
                None => "any",
            };
            ask::switchover(application.as_str(), only_if)
        }
        ManagementCall::EnableVip { vip, application } => {
            format!("vip-control.enable {vip} {application}")
        }
        ManagementCall::DisableVip { vip, application } => {
            format!("vip-control.disable {vip} {application}")
        }
        ManagementCall::RequirePrimary => "run-mode.primary".to_owned(),
        ManagementCall::SetOption { application, section, key, value } => {
            ask::set_option(application.as_str(), section, key, value)
        }
    }
}

impl VipHost for Stage {
    fn address(&self, call: AddressCall) -> HostAnswer<'_, AddressAnswer> {
        let question = match call {
            AddressCall::Add => "addresses.add 192.0.2.10 eth0".to_owned(),
            AddressCall::Delete => "addresses.delete 192.0.2.10 eth0".to_owned(),
            AddressCall::Present => "addresses.present 192.0.2.10 eth0".to_owned(),
            AddressCall::Announce => "addresses.announce 192.0.2.10 eth0".to_owned(),
            AddressCall::WhoHas { attempts, interval_ms } => {
                format!("addresses.who-has 192.0.2.10 eth0 {attempts} {interval_ms}")
            }
        };
        let answer = match self.ask(&question) {
            Answer::Fault(kind, text) => Err(fault(&kind, &text)),
            Answer::Present(present) => Ok(AddressAnswer::Present(present)),
            Answer::Holder(holder) => Ok(AddressAnswer::Holder(holder.map(Into::into))),
            _ => Ok(AddressAnswer::Done),
        };
        Box::pin(async move { answer })
    }

    fn log(&self, line: LogLine) {
        self.keep(line);
    }
}
