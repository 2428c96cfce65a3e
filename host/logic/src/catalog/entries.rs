//! The table of log events. Each row gives a constant with the id and a function of the same name
//! that writes the event; its fields are the function's arguments, in the order of the row.
//!
//! Vendor ids keep their numbers so that conditions can name them; everything of ours is in
//! family 90: 1 run modes, 2 applications and hosts, 3 virtual IPs, 4 alarms, 5 plugins, 6 audit,
//! 7 the control server.

use std::fmt::Display;

use super::{About, Entry, Origin};
use crate::log_event::{EventId, Level, LogEvent};

/// Declares rows: `Origin family-number Level CONSTANT function(fields) text; meaning; cause;
/// action;`.
macro_rules! log_events {
    ($($origin:ident $family:literal-$number:literal $level:ident $constant:ident
        $function:ident($($field:ident),*)
        $text:literal; $meaning:literal; $cause:literal; $action:literal;)*) => {
        $(
            #[doc = $meaning]
            pub const $constant: EventId = EventId::new($family, $number);

            #[doc = concat!("Writes ", stringify!($family), "-", stringify!($number), ": ", $text)]
            #[allow(clippy::too_many_arguments, reason = "one for each gap in the text")]
            pub fn $function(about: &About $(, $field: &dyn Display)*) -> LogEvent {
                about.write(
                    ($constant, Level::$level),
                    $text,
                    &[$((stringify!($field), $field)),*],
                )
            }
        )*

        /// Every entry, in the order of the page.
        pub static ENTRIES: &[Entry] = &[$(Entry {
            id: $constant,
            origin: Origin::$origin,
            level: Level::$level,
            text: $text,
            fields: &[$(stringify!($field)),*],
            meaning: $meaning,
            cause: $cause,
            action: $action,
        }),*];
    };
}

log_events! {

    // The guide's own two, and the ids that conditions of the guide name.

    Guide 0-5150 Standard RUN_MODE_PRIMARY run_mode_primary()
        "The run mode of the Application is changed to Primary";
        "The application was confirmed to be primary, at a switchover or when it started.";
        "A switchover, a failover, or the first start of a pair.";
        "None; the conditions of the pair move its virtual IP.";
    Guide 0-5151 Standard RUN_MODE_BACKUP run_mode_backup()
        "The run mode of the Application is changed to Backup";
        "The application was confirmed to be backup, at a switchover or when it started.";
        "A switchover, a restart after a failure, or a link that came back.";
        "None; the conditions of the pair take the virtual IP off its host.";
    Public 0-4200 Standard CRITICAL_CONDITION critical_condition(reason)
        "critical condition: {reason}";
        "The application can not do its work although it runs.";
        "Its port is taken, or a part of it ended unexpectedly.";
        "Read the reason; free the port or repair what is named.";
    Public 0-4503 Standard CONNECTED connected(server)
        "connected to {server}";
        "A connection that the application needs is there.";
        "It was opened, or came back.";
        "None.";
    Public 0-4504 Standard CONNECTION_LOST connection_lost(server)
        "connection to {server} lost";
        "A connection that the application needs is gone.";
        "The server ended, or the network between them.";
        "Check the server that is named and the way to it.";
    Public 0-4560 Standard WARM_PRIMARY warm_primary()
        "warm standby: primary mode activated";
        "The application of a warm pair says that it is primary.";
        "It carried out a change of its run mode.";
        "None.";
    Public 0-4561 Standard WARM_BACKUP warm_backup()
        "warm standby: backup mode activated";
        "The application of a warm pair says that it is backup.";
        "It carried out a change of its run mode.";
        "None.";
    Public 0-4562 Standard HOT_BACKUP hot_backup()
        "hot standby: backup mode activated";
        "The application of a hot pair says that it is backup.";
        "It carried out a change of its run mode.";
        "None.";
    Public 0-4563 Standard HOT_PRIMARY hot_primary()
        "hot standby: primary mode activated";
        "The application of a hot pair says that it is primary.";
        "It was promoted.";
        "None.";
    Public 0-5060 Standard APPLICATION_SAYS_STARTED application_says_started()
        "the application started";
        "The application says that it started.";
        "It was started.";
        "None.";
    Public 0-6053 Standard CONFIGURATION_OBTAINED configuration_obtained()
        "the application obtained its configuration";
        "The application has read its configuration.";
        "It started or was reconfigured.";
        "None.";
    Public 0-2002 Standard RESOURCE_NOT_LOADED resource_not_loaded(resource, error)
        "resource {resource} could not be loaded, error {error}";
        "The application lacks something that it reads at start.";
        "A missing or damaged file.";
        "Install what is named and restart the application.";
    Public 0-10327 Standard RUN_MODE_FLAPS run_mode_flaps(count)
        "the run mode changed {count} times in a short time";
        "The two of a pair hand the role to and fro.";
        "Neither of them can serve, or a probe judges wrongly.";
        "Pause the pair, repair the cause, resume.";
    Public 0-10328 Standard RUN_MODE_STABLE run_mode_stable()
        "the run mode is stable again";
        "The role stays where it is.";
        "What made it change is over.";
        "None.";
    Public 0-10329 Standard CONTROL_SPLIT control_split()
        "two control servers are primary";
        "Two control servers of a pair both act.";
        "The network between them was cut.";
        "Restore the network between them.";
    Public 0-10330 Standard CONTROL_SPLIT_OVER control_split_over()
        "one control server is primary again";
        "The pair of control servers is in order.";
        "The network between them is back.";
        "None.";
    Public 0-10331 Standard CONTROL_ALONE control_alone()
        "the control server runs without a backup";
        "A failure of this control server would stop supervision.";
        "The other one is not running.";
        "Start the other control server.";
    Public 0-20621 Standard NO_BRAIN no_brain()
        "no application of the pair is primary";
        "Nobody serves.";
        "Both failed or are stopped.";
        "Start one of the two.";
    Public 0-20622 Standard SPLIT_BRAIN split_brain()
        "both applications of the pair are primary";
        "Two instances serve at once.";
        "The link to one of their hosts was cut.";
        "Restore the link; the restored one goes to backup.";
    Public 0-20623 Standard BRAIN_NORMAL brain_normal()
        "exactly one application of the pair is primary again";
        "The pair is in order.";
        "The failure is over.";
        "None.";
    Public 43-10401 Standard CONTROL_CLIENT_GONE control_client_gone(client)
        "control interface client {client} disconnected";
        "An operator's program closed its connection.";
        "It ended, or the network.";
        "None, unless it happens often.";
    Recalled 0-5061 Standard INITIALIZED initialized()
        "the application completed its initialization";
        "The application is ready to work.";
        "It started.";
        "None.";
    Recalled 0-5063 Standard APPLICATION_SAYS_TERMINATED application_says_terminated()
        "the application terminates";
        "The application ends as it was told.";
        "It was stopped.";
        "None.";
    Recalled 0-5064 Standard TERMINATED_INTERNALLY terminated_internally(reason)
        "the application terminates by itself: {reason}";
        "The application ends although nobody asked.";
        "An error inside it.";
        "Read its log.";
    Recalled 0-5090 Standard START_DETECTED start_detected()
        "start of the application detected";
        "The process was seen to run.";
        "It was started.";
        "None.";
    Recalled 0-5091 Standard TERMINATION_DETECTED termination_detected()
        "termination of the application detected";
        "The process was seen to be gone.";
        "It failed or was stopped.";
        "If nobody stopped it, read its log.";
    Recalled 0-5093 Standard SERVICE_READY service_ready()
        "the application is ready to serve";
        "Service is available.";
        "The obstacle is gone.";
        "None.";
    Recalled 0-5094 Standard SERVICE_NOT_READY service_not_ready(reason)
        "the application can not serve: {reason}";
        "The process runs, its service does not.";
        "A resource that it needs is missing.";
        "Repair what is named.";
    Recalled 0-8000 Standard HOST_INACCESSIBLE host_inaccessible()
        "the host answers, its agent does not";
        "Nothing on the host can be supervised.";
        "The host agent is not running.";
        "Start the host agent.";
    Recalled 0-8001 Standard HOST_NORMAL host_normal()
        "the host is supervised again";
        "The host is in order.";
        "Agent or network are back.";
        "None.";
    Recalled 0-8002 Standard HOST_UNAVAILABLE host_unavailable()
        "the host is unavailable";
        "The host is off or restarts.";
        "Power, or an operator.";
        "Check the host.";
    Recalled 0-8003 Standard HOST_UNREACHABLE host_unreachable()
        "the host can not be reached";
        "Nobody knows what its applications do.";
        "The network to it is cut.";
        "Check the network.";
    Recalled 43-10385 Standard SOLUTION_PENDING solution_pending(solution)
        "solution {solution} is no longer started";
        "Part of the solution ended unplanned.";
        "One of its applications failed.";
        "Start the application that failed.";
    Recalled 43-10370 Standard SOLUTION_STARTED solution_started(solution)
        "solution {solution} is started again";
        "All of the solution runs.";
        "The failed application is back.";
        "None.";
    Recalled 42-11050 Standard LOG_STORE_CONNECTED log_store_connected()
        "the log store is connected";
        "Log events are stored centrally again.";
        "The database is back.";
        "None.";
    Recalled 42-11051 Standard LOG_STORE_LOST log_store_lost()
        "the connection to the log store is lost";
        "Log events are not stored centrally.";
        "The database ended, or the network.";
        "Check the database.";

    // Run modes of a pair.

    Own 90-1001 Standard SWITCHOVER_DECIDED switchover_decided(pair, switchover, primary, reason)
        "pair {pair}: {primary} is to become primary (switchover {switchover}): {reason}";
        "The control server decided who serves.";
        "The reason is in the text.";
        "None; `takeover why` with the number of the switchover tells every step.";
    Own 90-1002 Standard SWITCHOVER_DONE switchover_done(pair, switchover, primary, term)
        "pair {pair}: {primary} is primary with term {term} (switchover {switchover})";
        "The new primary confirmed its run mode.";
        "A switchover or failover.";
        "None.";
    Own 90-1003 Standard SWITCHOVER_FAILED switchover_failed(pair, switchover, reason)
        "pair {pair}: switchover {switchover} failed: {reason}";
        "The role did not move, or nobody confirmed it.";
        "The reason is in the text.";
        "Check the host and the application that are named, then try again.";
    Own 90-1004 Standard SWITCHOVER_REFUSED switchover_refused(pair, reason)
        "pair {pair}: switchover refused: {reason}";
        "An ordered switchover can not be done now; nothing was changed.";
        "The reason is in the text.";
        "Bring the pair into the state that is asked for.";
    Own 90-1005 Standard BACKUP_NOT_RUNNING backup_not_running(pair, backup, status)
        "pair {pair}: no switchover, because {backup} is {status}";
        "The primary failed and nobody can take over.";
        "The backup was stopped or failed before.";
        "Start the backup; it becomes primary as soon as it runs.";
    Own 90-1006 Standard DEMOTION_UNCONFIRMED demotion_unconfirmed(pair, application, decision)
        "pair {pair}: {application} did not confirm that it is backup; {decision}";
        "The old primary may still act as one.";
        "It hangs, or its host is cut off.";
        "Check the application; its host agent refuses what carries an older term.";
    Own 90-1007 Standard TWO_PRIMARIES two_primaries(pair, restored, kept)
        "pair {pair}: both were primary when a link came back; {restored} goes to backup, \
         {kept} stays";
        "The pair was cut in two and is whole again.";
        "The link to a host was interrupted.";
        "None; look at why the link was interrupted.";
    Own 90-1008 Standard NO_PRIMARY no_primary(pair, reason)
        "pair {pair}: nobody is primary: {reason}";
        "The service is down.";
        "Both applications failed, are stopped or can not be reached.";
        "Start one of the two, or restore its host.";
    Own 90-1009 Standard RUN_MODE_NOT_SET run_mode_not_set(application, run_mode, reason)
        "run mode {run_mode} of {application} was not set: {reason}";
        "An application did not follow the decision.";
        "It hangs, or its host agent refused.";
        "Read the reason; check the application.";
    Own 90-1010 Standard VIP_RECONCILED vip_reconciled(vip, application)
        "virtual IP {vip} is not where the run modes want it; {application} is started once";
        "A repeated change of run mode fell into the time in which its alarm was still active.";
        "Two switchovers within the cancel timeout, or a restart of the control server.";
        "None; look for the result that follows.";
    Own 90-1021 Standard SWITCHOVER_DRAINED switchover_drained(pair, kept, lost)
        "pair {pair}: {kept} calls were up at the switchover, {lost} were reported lost";
        "The old primary was drained before the switchover.";
        "An operator asked for a switchover that waits for calls.";
        "None; where calls were lost, read the log of the application.";
    Own 90-1022 Standard TAKEOVER_POSTPONED takeover_postponed(pair, primary, backup, seconds)
        "pair {pair}: the host of {primary} is lost, but {backup} still sees it serve; \
         the takeover waits for at most {seconds} s";
        "The control server can not reach the primary's host, and callers still can.";
        "The network between the control server and that host is cut, or its agent ended.";
        "Restore the link to the host. To take over at once, order a switchover.";

    // Applications and hosts.

    Own 90-2001 Standard APPLICATION_STARTED application_started(application, host)
        "{application} started on host {host}";
        "Its process runs.";
        "An operator, automatic start or restart.";
        "None.";
    Own 90-2002 Standard APPLICATION_TERMINATED application_terminated(application, host, cause)
        "{application} on host {host} ended by itself: {cause}";
        "A process ended that nobody had stopped.";
        "A crash, or a signal from outside.";
        "Read its output in the agent's log; it is restarted where that is configured.";
    Own 90-2003 Standard APPLICATION_HUNG_UP application_hung_up(application, host)
        "{application} on host {host} hung and was killed: its watchdog stayed silent";
        "The process was there and did no work.";
        "A deadlock, or a host without processor time.";
        "Look for the cause in its log; it is restarted where that is configured.";
    Own 90-2004 Standard APPLICATION_START_FAILED application_start_failed(application, host, reason)
        "{application} could not be started on host {host}: {reason}";
        "It does not run.";
        "A wrong command line, a missing file, or it was not ready in time.";
        "Correct what is named and start it again.";
    Own 90-2005 Standard APPLICATION_STOPPED application_stopped(application, host)
        "{application} on host {host} was stopped as ordered";
        "Its process is gone; it is not restarted by itself.";
        "An operator or a reaction.";
        "None.";
    Own 90-2006 Standard SERVICE_UNAVAILABLE service_unavailable(application, reason)
        "{application} can not serve: {reason}";
        "The process runs, its service does not.";
        "It said so itself, or its host lost the service network.";
        "Repair what is named; the pair switches over where the backup can serve.";
    Own 90-2007 Standard SERVICE_AVAILABLE service_available(application)
        "{application} can serve again";
        "Service is available.";
        "The obstacle is gone.";
        "None.";
    Own 90-2008 Standard HOST_LOST host_lost(host, reason)
        "link to the agent of host {host} lost: {reason}";
        "Nobody knows what runs there; pairs with a primary there fail over.";
        "The agent ended, the host is off, or the network is cut.";
        "Check host and network.";
    Own 90-2009 Standard HOST_BACK host_back(host)
        "agent of host {host} is linked";
        "The host is supervised.";
        "It started, or the link came back.";
        "None.";
    Own 90-2010 Standard LINK_INVALID link_invalid(host, reason)
        "link of host {host} closed: {reason}";
        "The agent broke the protocol.";
        "Versions that differ, or a wrong certificate.";
        "Install the same version on both sides; check the certificate.";
    Own 90-2021 Standard RUN_MODE_ASSUMED run_mode_assumed(application, run_mode, waited)
        "{application} did not say within {waited} that it is {run_mode}; it is taken to be";
        "The run mode counts as confirmed although the program did not say that it is so.";
        "The program hangs, lost its channel, or does not answer run modes.";
        "Look for the cause in its log; restart it where it does not do its work.";
    Own 90-2022 Standard CHANNEL_CLOSED channel_closed(application, reason)
        "channel of {application} closed: {reason}";
        "The host agent ended the connection to the program; the program goes on.";
        "The program floods its channel, does not read from it, or breaks the protocol.";
        "Repair the program; it may connect again at any time.";
    Own 90-2023 Standard PROGRAM_EVENTS_DROPPED program_events_dropped(application, count)
        "{count} log events of {application} were dropped";
        "The program wrote more log events than are taken in.";
        "An error that repeats without pause.";
        "Read the program's own log.";

    // Virtual IPs.

    Own 90-3001 Standard VIP_UP_VERIFIED vip_up_verified(vip, host)
        "virtual IP {vip} is on host {host}, verified";
        "The kernel has the address and it is announced.";
        "A start of the pair's UP application.";
        "None.";
    Own 90-3002 Standard VIP_UP_FAILED vip_up_failed(vip, host, reason)
        "virtual IP {vip} was not put on host {host}: {reason}";
        "The service can not be reached under its address here.";
        "The reason is in the text.";
        "Correct what is named and test the pair's condition.";
    Own 90-3003 Standard VIP_DOWN_VERIFIED vip_down_verified(vip, host)
        "virtual IP {vip} is off host {host}, verified";
        "The kernel does not have the address.";
        "A start of the pair's DOWN application.";
        "None.";
    Own 90-3004 Standard VIP_DOWN_FAILED vip_down_failed(vip, host, reason)
        "virtual IP {vip} was not taken off host {host}: {reason}";
        "Two hosts may answer for the address.";
        "The host can not be reached, or the component failed.";
        "If the host runs, take the address off there by hand.";
    Own 90-3005 Standard VIP_RESTORED vip_restored(vip, host)
        "virtual IP {vip} vanished from host {host} and was put back";
        "Somebody or something deleted an address that is to be there.";
        "An operator, or a network manager.";
        "Keep other programs from managing this address.";
    Own 90-3006 Standard VIP_REMOVED vip_removed(vip, host)
        "virtual IP {vip} appeared on host {host} and was removed";
        "Somebody or something added the address where it is not to be.";
        "An operator, or a network manager.";
        "Use a switchover to move the address.";
    Own 90-3007 Standard VIP_OTHER_HOLDER vip_other_holder(vip, host, holder)
        "virtual IP {vip} of host {host} is also answered for by {holder}";
        "Two machines answer for one address.";
        "A host that was cut off, or a foreign machine.";
        "Find the machine with that link-layer address.";
    Own 90-3008 Standard VIP_LET_GO vip_let_go(vip, host, reason)
        "host {host} let go of virtual IP {vip}: {reason}";
        "The host could no longer be sure that the address is its own.";
        "It was cut off, frozen, or its interface went down.";
        "Check network and load of the host.";
    Own 90-3009 Standard VIP_STUCK vip_stuck(vip, host, reason)
        "virtual IP {vip} can not be taken off host {host}: {reason}";
        "Two hosts may answer for the address.";
        "The kernel refused.";
        "Take the address off by hand, or switch the host off.";
    Own 90-3010 Standard VIP_NOT_ANNOUNCED vip_not_announced(vip, host, reason)
        "virtual IP {vip} was not announced by host {host}: {reason}";
        "Neighbors may go on sending to the old host for a while.";
        "The interface is down, or its queue is full.";
        "Check the interface.";
    Own 90-3011 Standard VIP_RELEASE_UNKNOWN vip_release_unknown(vip, host, reason)
        "host {host} takes virtual IP {vip} without knowing whether the old holder let go: \
         {reason}";
        "The new holder probes first; for at most half a second both may answer.";
        "The old holder's host is lost.";
        "None; check the old holder when it is back.";
    Own 90-3012 Standard NETWORK_LOST network_lost(vip, host, reason)
        "host {host} is cut off from the network of {vip}: {reason}";
        "Nobody reaches the service there.";
        "A cable, a switch or a wrong reference address.";
        "Check the network.";
    Own 90-3013 Standard NETWORK_BACK network_back(vip, host)
        "host {host} reaches the network of {vip} again";
        "The network is in order.";
        "It was repaired.";
        "None.";

    // Alarms and reactions.

    Own 90-3014 Standard VIP_UNCLAIMED vip_unclaimed(vip, host)
        "nobody answers for virtual IP {vip} any more, as host {host} sees it";
        "The holder that kept host {host} from taking the address over is silent now.";
        "The old holder lost the address, or was switched off.";
        "Nothing: the primary's host takes the address.";
    Own 90-4001 Alarm ALARM_RAISED alarm_raised(condition, alarm, category, cause)
        "alarm {alarm} raised by condition {condition} ({category}): {cause}";
        "A condition matched an event.";
        "The event is in the text.";
        "Do what the condition's description says.";
    Own 90-4002 Alarm ALARM_CLEARED alarm_cleared(condition, alarm, by, repeats)
        "alarm {alarm} of condition {condition} cleared by {by}, {repeats} repeats";
        "The alarm is over; the next matching event raises it again.";
        "Cancel event, cancel timeout, an operator, or the condition was removed.";
        "None.";
    Own 90-4003 Standard REACTION_SUCCEEDED reaction_succeeded(reaction, alarm, run, answer)
        "reaction {reaction} of alarm {alarm} succeeded (run {run}): {answer}";
        "What the alarm leads to was done.";
        "An alarm was raised or cleared.";
        "None.";
    Own 90-4004 Standard REACTION_FAILED reaction_failed(reaction, alarm, run, reason)
        "reaction {reaction} of alarm {alarm} failed (run {run}): {reason}";
        "What the alarm leads to was not done; it is not tried again by itself.";
        "The reason is in the text.";
        "Correct what is named and test the condition.";
    Own 90-4005 Standard REACTION_REFUSED reaction_refused(reaction, alarm, limit)
        "reaction {reaction} of alarm {alarm} was not queued: {limit} runs wait already";
        "Reactions come in faster than they end.";
        "A reaction that hangs, or a storm of alarms.";
        "Find the reaction that does not end.";
    Own 90-4006 Standard ALARMS_FULL alarms_full(limit)
        "{limit} alarms are active; events that would raise more are only counted";
        "New alarms are not raised.";
        "A condition that selects any application, and a storm of events.";
        "Clear alarms, or disable the condition.";
    Own 90-4007 Standard ALARMS_ROOM alarms_room(refused)
        "there is room for alarms again; {refused} were not raised";
        "New alarms are raised again.";
        "Alarms were cleared.";
        "Look at what was not raised in the events since then.";
    Own 90-4008 Standard ALARM_SUPPRESSED alarm_suppressed(condition, suppressed)
        "condition {condition} re-armed; {suppressed} matching events ran no reactions while \
         its alarm was active";
        "Repeats within an alarm are counted, not acted on; afterwards the virtual IPs are \
         compared with the run modes.";
        "Several changes within the cancel timeout.";
        "None.";

    // Plugins.

    Own 90-5001 Standard PLUGIN_LOADED plugin_loaded(plugin, version, digest)
        "plugin {plugin} {version} loaded, sha256 {digest}";
        "The component can be used.";
        "The program started, or a folder changed.";
        "None.";
    Own 90-5002 Standard PLUGIN_REJECTED plugin_rejected(plugin, reason)
        "plugin {plugin} rejected: {reason}";
        "The component is not used; what uses it fails.";
        "The reason is in the text.";
        "Correct the plugin's folder.";
    Own 90-5003 Standard PLUGIN_DENIED plugin_denied(plugin, permission)
        "plugin {plugin} was denied {permission}";
        "A component asked for something that is not granted.";
        "A missing grant, or a component that does more than it says.";
        "Grant it if it is right.";
    Own 90-5004 Standard PLUGIN_ENDED plugin_ended(plugin, reason)
        "an instance of plugin {plugin} was ended: {reason}";
        "A call did not give an answer.";
        "A trap, a limit or a deadline.";
        "Report it to the plugin's author with its version.";

    Own 90-5010 Trace PLUGIN_SEEN plugin_seen(plugin, generation, package)
        "plugin {plugin}: generation {generation} seen in its folder, package {package}";
        "A scan found a package that is not in use.";
        "Files were copied, renamed or changed.";
        "None; the next events say what becomes of it.";
    Own 90-5011 Trace PLUGIN_ADVANCED plugin_advanced(plugin, generation, stage)
        "plugin {plugin}: generation {generation} is {stage}";
        "A new version got a step further on its way into use.";
        "A package was seen in the plugin's folder, or an operator wants an earlier version.";
        "None.";
    Own 90-5012 Trace PLUGIN_SUPERSEDED plugin_superseded(plugin, generation)
        "plugin {plugin}: generation {generation} given up, its folder holds another package";
        "The files changed while they were being loaded.";
        "Copying in several steps, or two updates in a row.";
        "None; the newer package is loaded.";
    Own 90-5013 Standard PLUGIN_PENDING plugin_pending(plugin, version, missing)
        "plugin {plugin} {version} waits for approval: {missing}";
        "The new version asks for more than is granted; the one before stays in use.";
        "An update of the plugin, or a missing grant.";
        "Grant it if it is right, or put the earlier version back.";
    Own 90-5014 Standard PLUGIN_PROBATION plugin_probation(plugin, version, digest, before)
        "plugin {plugin} {version} in use on probation instead of {before}, sha256 {digest}";
        "Calls go to the new version; it is watched for 60 s or 100 calls.";
        "A new package, or a promotion.";
        "None.";
    Own 90-5015 Standard PLUGIN_CONFIRMED plugin_confirmed(plugin, version, calls)
        "plugin {plugin} {version} passed its probation after {calls} calls";
        "The version before is kept for a rollback, but no longer ready.";
        "No fault beyond the bounds in that time; with few calls it says little.";
        "None.";
    Own 90-5016 Standard PLUGIN_SWAPPED_BACK plugin_swapped_back(plugin, version, before, reason)
        "plugin {plugin} {version} was exchanged for {before} again: {reason}";
        "The new version is not tried again until its package changes.";
        "Faults or slowness on probation, or an operator's rollback.";
        "Report it to the plugin's author.";
    Own 90-5017 Standard PLUGIN_ROLLED_BACK plugin_rolled_back(plugin, version, before)
        "plugin {plugin} was rolled back from {before} to {version}";
        "The later version is not tried again until its package changes.";
        "An operator's order.";
        "Put the wanted version into the plugin's folder.";
    Own 90-5018 Trace PLUGIN_RETIRED plugin_retired(plugin, version, left)
        "plugin {plugin} {version} retired with {left} calls left";
        "No call begins on this version any more, and the last ones have ended or are overdue.";
        "Another version is in use, or the plugin was removed.";
        "None.";
    Own 90-5019 Standard PLUGIN_REMOVED plugin_removed(plugin, used_by)
        "plugin {plugin} unloaded because its folder is gone; used by: {used_by}";
        "Whoever uses it fails from now on.";
        "The folder was removed or renamed.";
        "Put the folder back where something uses it; `takeover plugin rollback` also works.";
    Own 90-5020 Standard PLUGIN_COMPONENT_MISSING plugin_component_missing(plugin)
        "plugin {plugin}: component.wasm is gone, plugin.toml is not; the loaded version stays";
        "The next start of the process uses the kept copy, or fails without one.";
        "An update that broke off, or a mistake.";
        "Copy the component, or remove the whole folder if that is meant.";
    Own 90-5021 Standard PLUGIN_RESTING plugin_resting(plugin, wait_ms, rests)
        "plugin {plugin} failed too often; no calls for {wait_ms} ms, rest {rests} in a row";
        "Calls are refused for a while.";
        "Traps, limits or deadlines of the component.";
        "Look at the events 90-05004; roll back if it began with an update.";
    Own 90-5022 Standard PLUGIN_QUARANTINED plugin_quarantined(plugin, rests)
        "plugin {plugin} is in quarantine after {rests} rests in a row";
        "Calls are refused until a new version comes or an operator releases it.";
        "The component goes on failing.";
        "Roll back, replace it, or `takeover plugin release`.";
    Own 90-5023 Standard PLUGIN_RELEASED plugin_released(plugin)
        "plugin {plugin} was released";
        "Calls are let in again, and denied packages may be tried again.";
        "An operator's order.";
        "None.";
    Own 90-5024 Standard PLUGIN_INPUT_ASIDE plugin_input_aside(plugin, input)
        "plugin {plugin}: input {input} ended instances twice and is put aside";
        "This one call is refused; all others go on.";
        "A component that can not stand what this alarm or order contains.";
        "Report it to the plugin's author; release the plugin to try again.";
    Own 90-5025 Standard PLUGIN_SHADOWED plugin_shadowed(plugin, version, digest)
        "plugin {plugin} {version} runs in shadow, without effects, sha256 {digest}";
        "Live calls are repeated on it and its answers compared.";
        "A new package while shadow is on.";
        "`takeover plugin shadow` shows the differences; then promote it or turn shadow off.";
    Own 90-5026 Standard PLUGIN_SHADOW_ENDED plugin_shadow_ended(plugin, version)
        "plugin {plugin} {version} no longer runs in shadow";
        "It was given up without having been used.";
        "Another package, an operator's order, or the folder was removed.";
        "None.";
    Own 90-5027 Standard PLUGIN_SHADOW_DIFFERS plugin_shadow_differs(plugin, active, shadow)
        "plugin {plugin}: the version in use {active}, the one in shadow {shadow}";
        "The first difference; all are counted and the last 20 kept.";
        "A change of what the component does, meant or not.";
        "Compare with `takeover plugin shadow`.";
    Own 90-5028 Standard PLUGIN_KEEPS_FAILING plugin_keeps_failing(plugin, time)
        "plugin {plugin} goes on failing, now for {time}; it is called all the same";
        "A VIP backend is never put off: an address that is not moved is an outage for certain.";
        "Traps, limits or deadlines of the component.";
        "Roll back or replace it at once; move the address by hand where it must move.";
    Own 90-5029 Standard PLUGIN_SLOW_CALL plugin_slow_call(plugin, version, own_ms, host_ms, interface, ended, untold)
        "slow call of plugin {plugin} {version}: {own_ms} ms in the component, {host_ms} ms in the host, most of those in {interface}; it {ended}; {untold} more since the last such event";
        "A call took longer than `slow_call_ms`. Told at most every 10 s for each plugin; the others are counted.";
        "The component computes for long, or what it asks of the host (a program, a server, an address) is slow.";
        "Time in the component: report it to its author. Time in the host: look at what the named interface reaches.";

    // Audit of operators.

    Own 90-6001 Standard OPERATOR_SWITCHOVER operator_switchover(operator, pair)
        "operator {operator} asked for switchover of pair {pair}";
        "An operator's order, recorded before it is carried out.";
        "The operator named in the text.";
        "None.";
    Own 90-6002 Standard OPERATOR_START operator_start(operator, application)
        "operator {operator} asked for start of {application}";
        "An operator's order, recorded before it is carried out.";
        "The operator named in the text.";
        "None.";
    Own 90-6003 Standard OPERATOR_STOP operator_stop(operator, application)
        "operator {operator} asked for stop of {application}";
        "An operator's order, recorded before it is carried out.";
        "The operator named in the text.";
        "None.";
    Own 90-6004 Standard OPERATOR_RESTART operator_restart(operator, application)
        "operator {operator} asked for restart of {application}";
        "An operator's order, recorded before it is carried out.";
        "The operator named in the text.";
        "None.";
    Own 90-6005 Standard OPERATOR_PAUSE operator_pause(operator, pair)
        "operator {operator} asked for pause of pair {pair}";
        "An operator's order, recorded before it is carried out.";
        "The operator named in the text.";
        "None.";
    Own 90-6006 Standard OPERATOR_RESUME operator_resume(operator, pair)
        "operator {operator} asked for resumption of pair {pair}";
        "An operator's order, recorded before it is carried out.";
        "The operator named in the text.";
        "None.";
    Own 90-6007 Standard OPERATOR_TEST operator_test(operator, condition)
        "operator {operator} asked for test of condition {condition}";
        "An operator's order, recorded before it is carried out.";
        "The operator named in the text.";
        "None.";
    Own 90-6008 Standard OPERATOR_CLEAR operator_clear(operator, alarm)
        "operator {operator} asked for clearance of alarm {alarm}";
        "An operator's order, recorded before it is carried out.";
        "The operator named in the text.";
        "None.";
    Own 90-6009 Standard OPERATOR_PLUGIN operator_plugin(operator, action, plugin)
        "operator {operator} asked for {action} of plugin {plugin}";
        "An operator's order, recorded before it is carried out.";
        "The operator named in the text.";
        "None.";

    // Options of applications.

    Own 90-6010 Standard OPTION_SET option_set(option, application, value, before, by)
        "option {option} of {application} is set to {value}, before {before}, by {by}";
        "The application is told within a second, without a restart; it stays so over restarts.";
        "An operator or a reaction set it.";
        "Write it into the configuration if it is to stay for good.";
    Own 90-6011 Standard OPTION_UNSET option_unset(option, application, value, by)
        "option {option} of {application} is {value} again, as configured, by {by}";
        "The application is told within a second, without a restart.";
        "An operator unset it.";
        "None.";
    Own 90-6012 Standard OPTION_FORGOTTEN option_forgotten(option, application)
        "option {option} of {application} no longer fits the configuration; what was set is forgotten";
        "The value of the configuration holds, if there is one.";
        "The configuration does not declare the option any more, or with another type.";
        "Set it again if it is wanted.";

    // The control server itself.

    Own 90-7001 Standard CONTROL_STARTED control_started(version)
        "control server {version} started";
        "It decides from now on.";
        "A start, a restart or an update.";
        "None.";
    Own 90-7002 Standard REPORTS_DROPPED reports_dropped(host, count)
        "agent of host {host} dropped {count} reports while nobody took them";
        "Events of that time are missing.";
        "The control server was away for very long.";
        "None.";
    Own 90-7003 Standard CONFIGURATION_RELOADED configuration_reloaded(summary)
        "configuration reloaded: {summary}";
        "The new configuration is in use; run modes and addresses stay.";
        "A file changed, or SIGHUP.";
        "None.";
    Own 90-7004 Standard CONFIGURATION_REFUSED configuration_refused(reason)
        "configuration refused, the old one stays: {reason}";
        "Nothing of the new configuration is in use.";
        "An error in a file.";
        "Run `takeover config check`.";
    Own 90-7005 Standard JOURNAL_WRITE_FAILED journal_write_failed(reason)
        "the journal can not be written: {reason}";
        "What happens now may be lost with the next restart; decisions go on.";
        "A full disk, or a broken one.";
        "Make room at once.";
    Own 90-7006 Standard JOURNAL_WRITE_BACK journal_write_back(lost)
        "the journal is written again; {lost} entries were lost";
        "Records are kept again.";
        "There is room again.";
        "None.";
    Own 90-7007 Standard NOT_KEPT not_kept(pair, key, items, bytes)
        "pair {pair}: {key} is not kept; kept: {items} items, {bytes} bytes";
        "What the primary wants to have kept for its pair is too much, or one item too long; the \
         rest is kept. A backup without the standby link, and a pair that starts anew, do not know \
         this registration until the telephone registers again. Written once until all fits again.";
        "More registrations than the bound allows (50,000, 24 MB), or very long contacts.";
        "Find out who registers so much.";
    Own 90-7008 Standard KEPT_NOT_READ kept_not_read(pair, reason)
        "pair {pair}: what was kept can not be read: {reason}";
        "Nothing is kept for the pair until its primary has told all it knows, which it does at \
         once where it runs. The file was put aside under the same name with .bad.";
        "A broken disk, or a file that was edited.";
        "None where the primary runs; else look at the file that was put aside.";
    Own 90-7009 Standard KEPT_NOT_WRITTEN kept_not_written(pair, reason)
        "pair {pair}: what is kept can not be written: {reason}";
        "It is known until the control server ends, and tried again; written once until it works.";
        "A full disk, or a broken one.";
        "Make room.";
}
