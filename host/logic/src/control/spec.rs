//! What the agent of a host is told: the part of the configuration that is about it.

use std::time::Duration;

use crate::config::model::{Application, Program, Runs, Vip};
use crate::control::Control;
use crate::ids::HostName;
use crate::link::{ApplicationSpec, ChannelSpec, HostSpec, VipSpec};
use crate::options::Options;

impl Control {
    pub(super) fn spec_for(&self, host: &HostName) -> HostSpec {
        let config = &self.config;
        let applications = config.applications.values().filter(|found| found.host == *host);
        let programs = applications.filter_map(|application| match &application.runs {
            Runs::Program(program) => {
                let options = self.options_of(&application.name, program);
                let timeout = config.control.confirm_timeout;
                Some(application_spec(application, program, (timeout, options)))
            }
            Runs::Vip { .. } => None,
        });
        HostSpec {
            heartbeat_interval_ms: milliseconds(config.control.heartbeat_interval),
            heartbeat_misses: config.control.heartbeat_misses,
            applications: programs.collect(),
            vips: config.vips.values().filter_map(|vip| vip_spec(vip, host)).collect(),
        }
    }
}

fn application_spec(
    application: &Application,
    program: &Program,
    (confirm_timeout, options): (Duration, Options),
) -> ApplicationSpec {
    ApplicationSpec {
        name: application.name.clone(),
        command: program.command.clone(),
        working_directory: program.working_directory.clone(),
        environment: program.environment.clone(),
        auto_restart: program.auto_restart,
        notify: program.notify,
        watchdog_ms: program.watchdog.map(milliseconds),
        startup_timeout_ms: milliseconds(application.startup_timeout),
        shutdown_timeout_ms: milliseconds(program.shutdown_timeout),
        suspending_timeout_ms: milliseconds(program.suspending_timeout),
        suspend_signal: program.suspend_signal,
        channel: program.channel.then(|| ChannelSpec {
            pair: application.pair.clone(),
            // The rest is left to the agent and the way to it and back.
            run_mode_timeout_ms: milliseconds(confirm_timeout * 3 / 4),
        }),
        options,
        options_signal: program.options_signal,
    }
}

/// The virtual IP as a host needs it; none where the host can not hold it.
fn vip_spec(vip: &Vip, host: &HostName) -> Option<VipSpec> {
    let network_interface = vip.network_interfaces.get(host)?.clone();
    let other_hosts = vip.network_interfaces.keys().filter(|other| *other != host);
    Some(VipSpec {
        name: vip.name.clone(),
        pair: vip.pair.clone(),
        address: vip.address,
        prefix: vip.prefix,
        network_interface,
        port: vip.port,
        backend: vip.backend.clone(),
        settings: vip.settings.clone(),
        other_hosts: other_hosts.cloned().collect(),
        references: vip.references.clone(),
        isolation: vip.isolation,
        lease_ms: milliseconds(vip.lease),
        probe_interval_ms: milliseconds(vip.probe_interval),
    })
}

fn milliseconds(duration: Duration) -> u64 {
    duration.as_millis().try_into().unwrap_or(u64::MAX)
}
