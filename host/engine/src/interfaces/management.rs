//! Interfaces `management` and `vip-control`.

use std::sync::Arc;

use takeover_logic::component::{ManagementAnswer, ManagementCall};
use takeover_logic::link::{Fault, RunMode};

use super::{ReactionSide, State};
use crate::bindings::{management, types, vip_control};
use crate::convert::{application_to_guest, fault_to_guest};
use crate::grants::{Grants, Named, Permission};
use crate::limits::{NAME_BYTES_MAX, OPTION_VALUE_BYTES_MAX};

type Answer<T> = Result<T, types::Fault>;

impl State<ReactionSide> {
    /// Asks the shell, if the grant covers the call.
    async fn manage(&mut self, call: ManagementCall) -> Answer<ManagementAnswer> {
        self.admit(covers(&self.grants, &call))?;
        let permission = permission_of(&call);
        // To look at something is not to act on it.
        if !matches!(call, ManagementCall::GetApplication { .. }) {
            self.in_run_mode(permission).await?;
        }
        let interface = permission.interface();
        let host = Arc::clone(&self.side.host);
        self.wait_for(interface, host.manage(call)).await.map_err(fault_to_guest)
    }

    async fn order(&mut self, call: ManagementCall) -> Answer<()> {
        self.manage(call).await.map(|_| ())
    }
}

/// What a call needs.
fn permission_of(call: &ManagementCall) -> Permission {
    match call {
        ManagementCall::EnableVip { .. } | ManagementCall::DisableVip { .. } => {
            Permission::VipControl
        }
        ManagementCall::SetOption { .. } => Permission::SetOption,
        _ => Permission::Management,
    }
}

/// Compares a call with the grant, and what is said in it with the bounds.
fn covers(grants: &Grants, call: &ManagementCall) -> Result<(), Fault> {
    match call {
        ManagementCall::GetApplication { name }
        | ManagementCall::StartApplication { name }
        | ManagementCall::StopApplication { name, .. }
        | ManagementCall::RestartApplication { name }
        | ManagementCall::Switchover { application: name, .. } => {
            grants.application(Permission::Management, Named::Application(name.as_str()))?;
            short("name", name.as_str(), NAME_BYTES_MAX)
        }
        ManagementCall::StartSolution { name } | ManagementCall::StopSolution { name } => {
            grants.application(Permission::Management, Named::Solution(name.as_str()))?;
            short("name", name.as_str(), NAME_BYTES_MAX)
        }
        ManagementCall::EnableVip { vip, application }
        | ManagementCall::DisableVip { vip, application } => {
            grants.vip(vip.as_str())?;
            short("name", vip.as_str(), NAME_BYTES_MAX)?;
            short("name", application.as_str(), NAME_BYTES_MAX)
        }
        ManagementCall::SetOption { application, section, key, value } => {
            grants.application(Permission::SetOption, Named::Application(application.as_str()))?;
            short("name", application.as_str(), NAME_BYTES_MAX)?;
            short("section", section, NAME_BYTES_MAX)?;
            short("key", key, NAME_BYTES_MAX)?;
            short("value", value, OPTION_VALUE_BYTES_MAX)
        }
        // Asked by the host for itself, never by a component.
        ManagementCall::RequirePrimary => Ok(()),
    }
}

fn short(what: &str, text: &str, bytes_max: usize) -> Result<(), Fault> {
    if text.len() <= bytes_max {
        return Ok(());
    }
    let text = format!("{what}: {} bytes, at most {bytes_max}", text.len());
    Err(Fault::Invalid(text.into()))
}

impl management::Host for State<ReactionSide> {
    async fn get_application(&mut self, name: String) -> Answer<management::Application> {
        let call = ManagementCall::GetApplication { name: name.as_str().into() };
        match self.manage(call).await? {
            ManagementAnswer::Application(facts) => Ok(application_to_guest(facts)),
            ManagementAnswer::Done => {
                let fault = Fault::Failed(format!("no facts about application {name}").into());
                Err(fault_to_guest(fault))
            }
        }
    }

    async fn start_application(&mut self, name: String) -> Answer<()> {
        self.order(ManagementCall::StartApplication { name: name.as_str().into() }).await
    }

    async fn stop_application(&mut self, name: String, graceful: bool) -> Answer<()> {
        self.order(ManagementCall::StopApplication { name: name.as_str().into(), graceful }).await
    }

    async fn restart_application(&mut self, name: String) -> Answer<()> {
        self.order(ManagementCall::RestartApplication { name: name.as_str().into() }).await
    }

    async fn start_solution(&mut self, name: String) -> Answer<()> {
        self.order(ManagementCall::StartSolution { name: name.as_str().into() }).await
    }

    async fn stop_solution(&mut self, name: String) -> Answer<()> {
        self.order(ManagementCall::StopSolution { name: name.as_str().into() }).await
    }

    async fn switchover(&mut self, application: String, only_if: management::OnlyIf) -> Answer<()> {
        let only_if = match only_if {
            management::OnlyIf::Primary => Some(RunMode::Primary),
            management::OnlyIf::Backup => Some(RunMode::Backup),
            management::OnlyIf::Any => None,
        };
        let application = application.as_str().into();
        self.order(ManagementCall::Switchover { application, only_if }).await
    }

    async fn set_option(
        &mut self,
        application: String,
        section: String,
        key: String,
        value: String,
    ) -> Answer<()> {
        let application = application.as_str().into();
        let (section, key, value) = (section.into(), key.into(), value.into());
        self.order(ManagementCall::SetOption { application, section, key, value }).await
    }
}

impl vip_control::Host for State<ReactionSide> {
    async fn enable(&mut self, vip: String, application: String) -> Answer<()> {
        let (vip, application) = (vip.as_str().into(), application.as_str().into());
        self.order(ManagementCall::EnableVip { vip, application }).await
    }

    async fn disable(&mut self, vip: String, application: String) -> Answer<()> {
        let (vip, application) = (vip.as_str().into(), application.as_str().into());
        self.order(ManagementCall::DisableVip { vip, application }).await
    }
}
