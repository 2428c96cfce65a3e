//! What programs say by `sd_notify` (sd_notify(3)): one datagram socket for each application.
//!
//! The socket's path stays the same over restarts of the agent, so that a program that goes on
//! finds it again. Only processes of the application's own group are listened to.

use std::fs;
use std::io::{self, IoSliceMut};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt};
use nix::unistd::{Pid, getpgid};
use takeover_logic::host_agent::io::ProcessInput;
use takeover_logic::ids::ApplicationName;
use takeover_logic::supervise::Notification;
use tokio::io::Interest;
use tokio::net::UnixDatagram;
use tokio::sync::{mpsc, watch};

use super::Event;

#[cfg(test)]
mod tests;

/// Longest datagram; longer ones are cut. A status line is below 1 KiB.
const DATAGRAM_MAX: usize = 4096;

/// Longest status text that is told on.
const STATUS_MAX: usize = 256;

/// The socket of one application. Closed, but not removed, when dropped.
pub(super) struct NotifySocket {
    path: PathBuf,
    /// Process group that is listened to; none: it is being started.
    group: watch::Sender<Option<u32>>,
    task: tokio::task::JoinHandle<()>,
}

impl NotifySocket {
    /// Opens the socket of an application in a folder.
    pub(super) fn open(
        folder: &Path,
        name: &ApplicationName,
        events: mpsc::Sender<Event>,
    ) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let path = folder.join(format!("{name}.notify"));
        if let Err(error) = fs::remove_file(&path)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
        let socket = UnixDatagram::bind(&path)?;
        // A program that gave up its rights must still reach it; senders are checked.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666))?;
        setsockopt(&socket, sockopt::PassCred, &true)?;
        let (group, current) = watch::channel(None);
        let task = tokio::spawn(listen(socket, name.clone(), current, events));
        Ok(Self { path, group, task })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Listens to a process and its group from now on; none: it is being started, and what it
    /// says meanwhile is kept until its pid is known.
    pub(super) fn listen_to(&self, pid: Option<u32>) {
        self.group.send_replace(pid);
    }
}

impl Drop for NotifySocket {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen(
    socket: UnixDatagram,
    name: ApplicationName,
    mut group: watch::Receiver<Option<u32>>,
    events: mpsc::Sender<Event>,
) {
    loop {
        let received = socket.async_io(Interest::READABLE, || receive(&socket)).await;
        let (sender, text) = match received {
            Ok(received) => received,
            Err(error) => {
                tracing::error!(application = %name, %error, "can not listen to its notifications");
                return;
            }
        };
        let Ok(listened_to) = group.wait_for(Option::is_some).await.map(|group| group.unwrap_or(0))
        else {
            return;
        };
        if !is_member(sender, listened_to) {
            tracing::warn!(application = %name, sender, "a stranger spoke in its name");
            continue;
        }
        for notification in parse(&text) {
            let event = ProcessInput::Notified(notification);
            if events.send(Event::of_process(name.clone(), event)).await.is_err() {
                return;
            }
        }
    }
}

/// One datagram with the pid of its sender, as the kernel vouches for it; zero: it does not.
fn receive(socket: &UnixDatagram) -> io::Result<(i32, String)> {
    let mut buffer = [0; DATAGRAM_MAX];
    let mut control = nix::cmsg_space!(nix::sys::socket::UnixCredentials);
    let mut slices = [IoSliceMut::new(&mut buffer)];
    let message = recvmsg::<()>(
        socket.as_raw_fd(),
        &mut slices,
        Some(&mut control),
        MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_CMSG_CLOEXEC,
    )?;
    let sender = message.cmsgs()?.find_map(|control| match control {
        ControlMessageOwned::ScmCredentials(sender) => Some(sender.pid()),
        _ => None,
    });
    let length = message.bytes;
    let text = String::from_utf8_lossy(buffer.get(..length).unwrap_or_default()).into_owned();
    Ok((sender.unwrap_or(0), text))
}

/// A member may have ended right after it spoke, as `systemd-notify` does; then only the main
/// process itself is believed.
pub(super) fn is_member(sender: i32, group: u32) -> bool {
    let Some(group) = i32::try_from(group).ok().filter(|group| *group > 0 && sender > 0) else {
        return false;
    };
    sender == group || getpgid(Some(Pid::from_raw(sender))) == Ok(Pid::from_raw(group))
}

/// What a datagram says, in its order. Unknown words are passed over, as the protocol wants.
fn parse(text: &str) -> Vec<Notification> {
    let said = text.lines().filter_map(|line| match line.split_once('=')? {
        ("READY", "1") => Some(Notification::Ready),
        ("STOPPING", "1") => Some(Notification::Stopping),
        ("WATCHDOG", "1") => Some(Notification::Watchdog),
        ("WATCHDOG", "trigger") => Some(Notification::WatchdogTriggered),
        ("X_TAKEOVER_SERVICE", "available") => Some(Notification::Service(true)),
        ("X_TAKEOVER_SERVICE", "unavailable") => Some(Notification::Service(false)),
        ("X_TAKEOVER_SERVICE", "suspended") => Some(Notification::Suspended),
        ("STATUS", status) => {
            let status: String = status.chars().take(STATUS_MAX).collect();
            Some(Notification::Says(status.into()))
        }
        _ => None,
    });
    said.collect()
}
