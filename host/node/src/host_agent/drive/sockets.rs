//! What the loop does around a process of an application: starts it, and makes and resets the
//! sockets and the file by which it speaks with the agent.

use std::sync::Arc;

use takeover_logic::host_agent::io::{ChannelInput, Input, ProcessInput};
use takeover_logic::ids::ApplicationName;
use takeover_logic::link::ApplicationSpec;

use super::Driver;
use crate::host_agent::Event;
use crate::host_agent::channel_socket::ChannelSocket;
use crate::host_agent::notify_socket::NotifySocket;
use crate::host_agent::options_file;
use crate::host_agent::process::Files;
use crate::limits::CHANNEL_QUEUE_MAX;

impl Driver {
    /// Executes a command line beside the loop, for fork and exec take milliseconds.
    pub(super) fn spawn(&mut self, spec: ApplicationSpec) {
        self.open_notify_socket(&spec);
        self.write_options(&spec);
        self.open_channel(&spec);
        let notify = self.notify_sockets.get(&spec.name).map(|socket| socket.path().to_owned());
        let channel = self.channels.get(&spec.name).map(|channel| channel.path().to_owned());
        let options = options_file::path(&self.socket_folder, &spec.name);
        let application = spec.name.clone();
        self.output.follow(&application);
        let spawn = self.processes.spawner(spec, Files { notify, channel, options });
        let events = self.event_sender.clone();
        tokio::spawn(async move {
            let spawned = tokio::task::spawn_blocking(spawn).await;
            let result = spawned.unwrap_or_else(|error| Err(error.to_string().into()));
            let _ = events.send(Event::Spawned { application, result }).await;
        });
    }

    pub(super) fn write_options(&self, spec: &ApplicationSpec) {
        if let Err(error) = options_file::write(&self.socket_folder, spec) {
            let folder = self.socket_folder.display();
            tracing::error!(application = %spec.name, %error, "its options are not in {folder}");
        }
    }

    /// Makes the socket of an application that speaks, and has it wait for the new pid.
    pub(super) fn open_notify_socket(&mut self, spec: &ApplicationSpec) {
        let name = &spec.name;
        if !spec.notify {
            self.notify_sockets.remove(name);
            return;
        }
        if let Some(socket) = self.notify_sockets.get(name) {
            return socket.listen_to(None);
        }
        match NotifySocket::open(&self.socket_folder, name, self.event_sender.clone()) {
            Ok(socket) => drop(self.notify_sockets.insert(name.clone(), socket)),
            Err(error) => {
                let folder = self.socket_folder.display();
                tracing::error!(application = %name, %error, "no notification socket in {folder}");
            }
        }
    }

    /// Makes the channel of an application that speaks on it, and has it wait for the new pid.
    pub(super) fn open_channel(&mut self, spec: &ApplicationSpec) {
        let name = &spec.name;
        if spec.channel.is_none() {
            self.channels.remove(name);
            return;
        }
        if let Some(channel) = self.channels.get(name) {
            return channel.listen_to(None);
        }
        match ChannelSocket::open(&self.socket_folder, name, self.event_sender.clone()) {
            Ok(channel) => drop(self.channels.insert(name.clone(), channel)),
            Err(error) => {
                let folder = self.socket_folder.display();
                tracing::error!(application = %name, %error, "no channel in {folder}");
            }
        }
    }

    /// Closes the connection of a channel whose socket can not keep up, by a socket in its place.
    pub(super) fn reset_channel(&mut self, name: &ApplicationName) {
        let Some(channel) = self.channels.remove(name) else { return };
        let group = channel.listens_to();
        drop(channel);
        match ChannelSocket::open(&self.socket_folder, name, self.event_sender.clone()) {
            Ok(channel) => {
                channel.listen_to(group);
                self.channels.insert(name.clone(), channel);
            }
            Err(error) => tracing::error!(application = %name, %error, "no channel"),
        }
        let reason = format!("{CHANNEL_QUEUE_MAX} messages wait to be written");
        let ended = ChannelInput::Ended(Some(reason.into()));
        let (application, event) = (name.clone(), ProcessInput::Channel(ended));
        self.results.push_back(Input::Process { application, event });
    }

    /// Has the sockets of an application listen to a process; zero: to nobody.
    pub(super) fn listen_to(&self, application: &ApplicationName, pid: u32) {
        if let Some(socket) = self.notify_sockets.get(application) {
            socket.listen_to(Some(pid));
        }
        if let Some(channel) = self.channels.get(application) {
            channel.listen_to(Some(pid));
        }
    }

    pub(super) fn spawned(&mut self, application: &ApplicationName, result: Result<u32, Arc<str>>) {
        self.listen_to(application, result.as_ref().map_or(0, |pid| *pid));
        let result = result.and_then(|pid| match self.processes.watch(application, pid) {
            Ok(()) => Ok(pid),
            Err(error) => Err(format!("can not watch process {pid}: {error}").into()),
        });
        self.output.follow(application);
        let event = ProcessInput::Spawned(result);
        self.results.push_back(Input::Process { application: application.clone(), event });
    }
}
