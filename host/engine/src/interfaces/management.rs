//! Interfaces `management` and `vip-control`.

use std::sync::Arc;

use takeover_logic::component::{ManagementAnswer, ManagementCall};
use takeover_logic::link::{Fault, RunMode};

use super::{ReactionSide, State};
use crate::bindings::{management, types, vip_control};
use crate::convert::{application_to_guest, fault_to_guest};
use crate::grants::Permission;

type Answer<T> = Result<T, types::Fault>;

impl State<ReactionSide> {
    /// Asks the shell, if the permission is there.
    async fn manage(
        &mut self,
        permission: Permission,
        call: ManagementCall,
    ) -> Answer<ManagementAnswer> {
        self.require(permission).map_err(fault_to_guest)?;
        let host = Arc::clone(&self.side.host);
        self.wait_for(host.manage(call)).await.map_err(fault_to_guest)
    }

    async fn order(&mut self, permission: Permission, call: ManagementCall) -> Answer<()> {
        self.manage(permission, call).await.map(|_| ())
    }
}

impl management::Host for State<ReactionSide> {
    async fn get_application(&mut self, name: String) -> Answer<management::Application> {
        let call = ManagementCall::GetApplication { name: name.as_str().into() };
        match self.manage(Permission::Management, call).await? {
            ManagementAnswer::Application(facts) => Ok(application_to_guest(facts)),
            ManagementAnswer::Done => {
                let fault = Fault::Failed(format!("no facts about application {name}").into());
                Err(fault_to_guest(fault))
            }
        }
    }

    async fn start_application(&mut self, name: String) -> Answer<()> {
        let call = ManagementCall::StartApplication { name: name.as_str().into() };
        self.order(Permission::Management, call).await
    }

    async fn stop_application(&mut self, name: String, graceful: bool) -> Answer<()> {
        let call = ManagementCall::StopApplication { name: name.as_str().into(), graceful };
        self.order(Permission::Management, call).await
    }

    async fn restart_application(&mut self, name: String) -> Answer<()> {
        let call = ManagementCall::RestartApplication { name: name.as_str().into() };
        self.order(Permission::Management, call).await
    }

    async fn start_solution(&mut self, name: String) -> Answer<()> {
        let call = ManagementCall::StartSolution { name: name.as_str().into() };
        self.order(Permission::Management, call).await
    }

    async fn stop_solution(&mut self, name: String) -> Answer<()> {
        let call = ManagementCall::StopSolution { name: name.as_str().into() };
        self.order(Permission::Management, call).await
    }

    async fn switchover(&mut self, application: String, only_if: management::OnlyIf) -> Answer<()> {
        let only_if = match only_if {
            management::OnlyIf::Primary => Some(RunMode::Primary),
            management::OnlyIf::Backup => Some(RunMode::Backup),
            management::OnlyIf::Any => None,
        };
        let application = application.as_str().into();
        let call = ManagementCall::Switchover { application, only_if };
        self.order(Permission::Management, call).await
    }

    async fn set_option(
        &mut self,
        application: String,
        section: String,
        key: String,
        _value: String,
    ) -> Answer<()> {
        self.require(Permission::SetOption).map_err(fault_to_guest)?;
        let text = format!("option {section}.{key} of {application}: no option is writable");
        Err(fault_to_guest(Fault::Denied(text.into())))
    }
}

impl vip_control::Host for State<ReactionSide> {
    async fn enable(&mut self, vip: String, application: String) -> Answer<()> {
        let (vip, application) = (vip.as_str().into(), application.as_str().into());
        self.order(Permission::VipControl, ManagementCall::EnableVip { vip, application }).await
    }

    async fn disable(&mut self, vip: String, application: String) -> Answer<()> {
        let (vip, application) = (vip.as_str().into(), application.as_str().into());
        self.order(Permission::VipControl, ManagementCall::DisableVip { vip, application }).await
    }
}
