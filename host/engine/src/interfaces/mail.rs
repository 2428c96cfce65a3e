//! Interface `mail`: messages through the operator's relay, to the granted recipients.

use std::sync::Arc;

use takeover_logic::link::Fault;

use super::{Side, State};
use crate::bindings::{mail, types};
use crate::convert::fault_to_guest;
use crate::grants::Permission;
use crate::host::outside::MailCall;
use crate::limits::{MAIL_RECIPIENTS_MAX, MAIL_SUBJECT_BYTES_MAX, MAIL_TEXT_BYTES_MAX};

impl<S: Side> mail::Host for State<S> {
    async fn send(
        &mut self,
        to: Vec<String>,
        subject: String,
        text: String,
    ) -> Result<(), types::Fault> {
        let call = self.admit(self.mail_call(&to, subject, text))?;
        self.in_run_mode(Permission::Mail).await?;
        let outside = Arc::clone(&self.outside);
        self.wait_for("mail", outside.mail(call)).await.map_err(fault_to_guest)
    }
}

impl<S: Side> State<S> {
    fn mail_call(&self, to: &[String], subject: String, text: String) -> Result<MailCall, Fault> {
        let (scope, to) = self.grants.mail(to)?;
        let problem = if !(1..=MAIL_RECIPIENTS_MAX).contains(&to.len()) {
            format!("{} recipients, allowed 1 to {MAIL_RECIPIENTS_MAX}", to.len())
        } else if subject.len() > MAIL_SUBJECT_BYTES_MAX {
            format!("subject: {} bytes, at most {MAIL_SUBJECT_BYTES_MAX}", subject.len())
        } else if subject.contains(char::is_control) {
            // A second line of a subject would be another header of the message.
            "subject: more than one line, or a control character".to_owned()
        } else if text.len() > MAIL_TEXT_BYTES_MAX {
            format!("text: {} bytes, at most {MAIL_TEXT_BYTES_MAX}", text.len())
        } else {
            return Ok(MailCall {
                plugin: self.grants.plugin(),
                relay: scope.relay.clone(),
                from: scope.from.clone(),
                to,
                subject,
                text,
                deadline: self.deadline,
            });
        };
        Err(Fault::Invalid(problem.into()))
    }
}
