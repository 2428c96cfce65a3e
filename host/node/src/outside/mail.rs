//! One message to the operator's relay.
//!
//! Must not know what is written. A message is handed over once: the relay's answer is the answer,
//! and there is no second try. The words of a relay that refuses a password are not repeated,
//! because they could repeat the password.

use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, SinglePart};
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::{Address, Message};
use takeover_engine::host::outside::{MailCall, Relay};
use takeover_logic::link::Fault;

use super::authorities::Authorities;
use super::reach::Resolver;
use super::relay::{Dialer, smtp_fault};
use super::{failed, invalid, unavailable};
use crate::limits::{MAIL_QUIT_TIMEOUT, MAIL_RECIPIENTS_MAX, PASSWORD_BYTES_MAX};
use crate::pki;

/// Hands a message over; good when the relay took it for every recipient.
///
/// # Cancel safety
/// Dropping the future closes the connection; a relay that had the whole message may deliver it.
pub(super) async fn send(
    resolver: &Resolver,
    authorities: &Authorities,
    call: MailCall,
) -> Result<(), Fault> {
    let host_name = host_name();
    let message = message(&call, &host_name)?;
    let relay = &call.relay;
    let peer = format!("relay {}:{}", relay.host, relay.port);
    let credentials = read_credentials(relay).await?;
    let mut connection = Dialer { resolver, authorities, relay, peer: &peer }
        .connect(&host_name, call.deadline)
        .await?;
    if let Some(credentials) = credentials {
        let mechanisms = [Mechanism::Plain, Mechanism::Login];
        let authenticated = connection.auth(&mechanisms, &credentials).await;
        authenticated.map_err(|error| match error.status() {
            Some(code) if error.is_transient() => {
                unavailable(format!("{peer} can not check the password now: {code}"))
            }
            Some(code) => failed(format!("{peer} refused the user name or the password: {code}")),
            None if error.is_client() => {
                failed(format!("{peer} offers neither AUTH PLAIN nor AUTH LOGIN"))
            }
            None => unavailable(format!("{peer} broke off while the password was checked")),
        })?;
    }
    let sent = connection.send(message.envelope(), &message.formatted()).await;
    // The relay has answered for the message; whether it takes a farewell is its own affair.
    tokio::spawn(tokio::time::timeout(MAIL_QUIT_TIMEOUT, async move { connection.abort().await }));
    sent.map(drop).map_err(|error| smtp_fault(&peer, &error))
}

/// The message as it goes out.
fn message(call: &MailCall, host_name: &str) -> Result<Message, Fault> {
    if call.subject.chars().any(char::is_control) {
        return Err(invalid("mail: the subject has a line break or another control character"));
    }
    let count = call.to.len();
    if count == 0 || count > MAIL_RECIPIENTS_MAX {
        return Err(invalid(format!(
            "mail: {count} recipients, allowed are 1 to {MAIL_RECIPIENTS_MAX}"
        )));
    }
    let mut builder = Message::builder()
        .from(mailbox(&call.from)?)
        .subject(call.subject.as_str())
        .message_id(Some(message_id(host_name)?))
        // Keeps vacation notices from answering (RFC 3834 section 5).
        .raw_header(HeaderValue::new(
            HeaderName::new_from_ascii_str("Auto-Submitted"),
            "auto-generated".to_owned(),
        ));
    for recipient in &call.to {
        builder = builder.to(mailbox(recipient)?);
    }
    builder
        .singlepart(SinglePart::plain(call.text.clone()))
        .map_err(|error| invalid(format!("mail: {error}")))
}

/// A bare address: names beside it would come from components.
fn mailbox(address: &str) -> Result<Mailbox, Fault> {
    let parsed: Result<Address, _> = address.parse();
    parsed
        .map(|address| Mailbox::new(None, address))
        .map_err(|error| invalid(format!("mail: address {address}: {error}")))
}

/// Unique in the world, so that nobody takes two messages for one (RFC 5322 section 3.6.4).
fn message_id(host_name: &str) -> Result<String, Fault> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| failed(format!("mail: no random bytes: {error}")))?;
    Ok(format!("<{}@{host_name}>", pki::hex(&bytes)))
}

/// This host's name where it is one that a relay accepts.
fn host_name() -> String {
    let name = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    name.filter(|name| !name.is_empty() && name.chars().all(is_plain))
        .unwrap_or_else(|| "localhost".to_owned())
}

/// The password is read when it is used, so that a changed one needs no restart.
async fn read_credentials(relay: &Relay) -> Result<Option<Credentials>, Fault> {
    let Some((user, file)) = relay.credentials.clone() else { return Ok(None) };
    let reading = tokio::task::spawn_blocking(move || read_password(&file));
    let password = reading.await.unwrap_or_else(|_| Err(unavailable("no password is read")))?;
    Ok(Some(Credentials::new(user, password)))
}

fn read_password(file: &Path) -> Result<String, Fault> {
    let wrong = |what: String| failed(format!("password file {}: {what}", file.display()));
    // Not blocking: a pipe in its place would be waited for.
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(nix::fcntl::OFlag::O_NONBLOCK.bits())
        .open(file)
        .map_err(|error| wrong(error.to_string()))?;
    let about = opened.metadata().map_err(|error| wrong(error.to_string()))?;
    let mode = about.permissions().mode() & 0o777;
    if !about.is_file() {
        return Err(wrong("is no ordinary file".to_owned()));
    }
    if mode & 0o077 != 0 {
        return Err(wrong(format!("mode {mode:o} lets others read it, allowed are 600 and 400")));
    }
    let mut text = String::new();
    opened
        .take(PASSWORD_BYTES_MAX + 1)
        .read_to_string(&mut text)
        .map_err(|error| wrong(error.to_string()))?;
    if text.len() as u64 > PASSWORD_BYTES_MAX {
        return Err(wrong(format!("is longer than {PASSWORD_BYTES_MAX} bytes")));
    }
    let password = text.trim_end_matches(['\n', '\r']);
    if password.is_empty() || password.chars().any(char::is_control) {
        return Err(wrong("allowed is one line with the password".to_owned()));
    }
    Ok(password.to_owned())
}
