//! The application channel: one stream socket for each application that speaks, and the one
//! connection on it.
//!
//! The socket's path stays the same over restarts of the agent, so that a program that goes on
//! finds it again. Only processes of the application's own group are let in; the newest connection
//! takes the place of the one before. Must not know what a message leads to.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use takeover_logic::channel::{FromProgram, ToProgram};
use takeover_logic::host_agent::io::{ChannelInput, ProcessInput};
use takeover_logic::ids::ApplicationName;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, watch};

use super::Event;
use super::notify_socket::is_member;
use crate::application_channel::lines::{JsonLines, LinesError};
use crate::limits::{ACCEPT_RETRY, CHANNEL_QUEUE_MAX};

#[cfg(test)]
mod tests;

/// The socket of one application. Closed, but not removed, when dropped.
pub(super) struct ChannelSocket {
    path: PathBuf,
    /// Process group that is let in; none: it is being started.
    group: watch::Sender<Option<u32>>,
    orders: mpsc::Sender<Order>,
    task: tokio::task::JoinHandle<()>,
}

/// What the connection is to do.
#[derive(Debug)]
enum Order {
    Tell(ToProgram),
    Close,
}

impl ChannelSocket {
    /// Opens the socket of an application in a folder.
    pub(super) fn open(
        folder: &Path,
        name: &ApplicationName,
        events: mpsc::Sender<Event>,
    ) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let path = folder.join(format!("{name}.channel"));
        if let Err(error) = fs::remove_file(&path)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
        let listener = UnixListener::bind(&path)?;
        // A program that gave up its rights must still reach it; who connects is checked.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666))?;
        let (group, current) = watch::channel(None);
        let (orders, received) = mpsc::channel(CHANNEL_QUEUE_MAX);
        let socket = Socket { name: name.clone(), listener, group: current, events };
        let task = tokio::spawn(socket.serve(received));
        Ok(Self { path, group, orders, task })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Lets in a process and its group from now on; none: it is being started, and who connects
    /// waits until its pid is known.
    pub(super) fn listen_to(&self, pid: Option<u32>) {
        self.group.send_replace(pid);
    }

    /// Whom it lets in.
    pub(super) fn listens_to(&self) -> Option<u32> {
        *self.group.borrow()
    }

    /// Says something, where somebody is connected. False: too much waits to be said.
    pub(super) fn tell(&self, message: ToProgram) -> bool {
        self.orders.try_send(Order::Tell(message)).is_ok()
    }

    /// Ends the connection. False: too much waits to be said.
    pub(super) fn close(&self) -> bool {
        self.orders.try_send(Order::Close).is_ok()
    }
}

impl Drop for ChannelSocket {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A program that is let in.
struct Connection {
    lines: JsonLines,
    /// It was told everything; what was meant for an earlier connection is not for it.
    is_greeted: bool,
}

struct Socket {
    name: ApplicationName,
    listener: UnixListener,
    group: watch::Receiver<Option<u32>>,
    events: mpsc::Sender<Event>,
}

/// Nobody listens any more.
struct Over;

impl Socket {
    async fn serve(mut self, mut orders: mpsc::Receiver<Order>) {
        let mut connection: Option<Connection> = None;
        loop {
            let result = tokio::select! {
                // First what the program must know soonest.
                biased;
                order = orders.recv() => match order {
                    Some(order) => self.carry_out(&mut connection, order).await,
                    None => Err(Over),
                },
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => self.let_in(&mut connection, stream).await,
                    Err(error) => {
                        let name = &self.name;
                        tracing::error!(application = %name, %error, "can not accept its channel");
                        tokio::time::sleep(ACCEPT_RETRY).await;
                        Ok(())
                    }
                },
                read = ready(&mut connection) => self.hear(&mut connection, read).await,
            };
            if result.is_err() {
                return;
            }
        }
    }

    async fn carry_out(
        &mut self,
        connection: &mut Option<Connection>,
        order: Order,
    ) -> Result<(), Over> {
        let Some(current) = connection else { return Ok(()) };
        match order {
            Order::Close => *connection = None,
            Order::Tell(message) => {
                current.is_greeted |= matches!(message, ToProgram::Hello(_));
                if current.is_greeted
                    && let Err(error) = current.lines.write(&message)
                {
                    *connection = None;
                    return self.ended(&error).await;
                }
            }
        }
        Ok(())
    }

    async fn let_in(
        &mut self,
        connection: &mut Option<Connection>,
        stream: UnixStream,
    ) -> Result<(), Over> {
        let group = self.group.wait_for(Option::is_some).await.map(|group| group.unwrap_or(0));
        let Ok(group) = group else { return Err(Over) };
        let peer = stream.peer_cred().ok().and_then(|peer| peer.pid()).unwrap_or(0);
        if !is_member(peer, group) {
            tracing::warn!(application = %self.name, peer, "a stranger connected in its name");
            return Ok(());
        }
        *connection = Some(Connection { lines: JsonLines::new(stream), is_greeted: false });
        self.send(ChannelInput::Connected).await
    }

    async fn hear(
        &mut self,
        connection: &mut Option<Connection>,
        read: Result<(), LinesError>,
    ) -> Result<(), Over> {
        let Some(current) = connection else { return Ok(()) };
        while let Some(message) = current.lines.next::<FromProgram>() {
            match message {
                Ok(message) => self.send(ChannelInput::Said(message)).await?,
                Err(error) => {
                    *connection = None;
                    return self.ended(&error).await;
                }
            }
        }
        if let Err(error) = read {
            *connection = None;
            return self.ended(&error).await;
        }
        Ok(())
    }

    async fn ended(&mut self, error: &LinesError) -> Result<(), Over> {
        let reason: Option<Arc<str>> = match error {
            LinesError::Closed => None,
            error => Some(error.to_string().into()),
        };
        self.send(ChannelInput::Ended(reason)).await
    }

    async fn send(&mut self, input: ChannelInput) -> Result<(), Over> {
        let event = Event::of_process(self.name.clone(), ProcessInput::Channel(input));
        self.events.send(event).await.map_err(|_| Over)
    }
}

/// Reads or writes on a connection; never ready where there is none. Cancel safe.
async fn ready(connection: &mut Option<Connection>) -> Result<(), LinesError> {
    match connection {
        Some(connection) => connection.lines.ready().await,
        None => std::future::pending().await,
    }
}
