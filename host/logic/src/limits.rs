//! Every bound of a queue, a retry, a table or a size, with its reason and what happens at it.

use std::time::Duration;

/// Longest link message either side accepts, in bytes. The largest legitimate one is a `Welcome`
/// with a few hundred applications (about 200 KiB). Beyond it: the link is closed with an error.
pub const LINK_MESSAGE_BYTES_MAX: usize = 4 << 20;

/// Reports a host agent keeps while the control server does not acknowledge them. A busy host
/// writes a few per minute, so this is days. Beyond it: the oldest is dropped and counted.
pub const SPOOL_REPORTS_MAX: usize = 10_000;

/// Times that one decision tries to make somebody primary, the two taking turns. Three: each once,
/// and once more where an agent knew a higher term. Beyond it: nobody is primary, and the next
/// decision waits for [`DECISION_RETRY_INTERVAL`].
pub const PROMOTION_ATTEMPTS_MAX: u32 = 3;

/// Wait after a decision that failed before it is made again by itself. Longer than the ordinary
/// wait for a confirmation (2 s), so that a hanging application is not asked without pause.
pub const DECISION_RETRY_INTERVAL: Duration = Duration::from_secs(5);

/// Longest wait between two reminders of a run mode that an application does not confirm.
pub const RUN_MODE_RETRY_MAX: Duration = Duration::from_secs(30);

/// Longest wait of an up for the old holder of an address. A healthy one lets go in 2 ms; at the
/// bound the new holder probes for it instead, for which it needs most of [`TIMEOUT_STARTUP`].
pub const RELEASE_TIMEOUT: Duration = Duration::from_secs(2);

/// Moves of one virtual IP that may wait on one host: each way once for the present promotion and
/// once for the one before. Beyond it: the newest is refused.
pub const MOVES_MAX: usize = 4;

/// How long after the bound of an order its agent may still answer. Beyond it: it timed out.
pub const ORDER_ANSWER_GRACE: Duration = Duration::from_secs(1);

/// When a caller that is refused during a drain may try again, in seconds: a switchover takes less.
pub const DRAIN_RETRY_S: u32 = 5;

/// Starts and stops under way at a time. A site that starts everything at once has a few hundred.
/// Beyond it: refused.
pub const OPERATIONS_MAX: usize = 1_000;

/// Longest time between a confirmed switchover and its answer, while its addresses move: one
/// [`TIMEOUT_STARTUP`] and a margin. Beyond it: answered with what is not yet in place.
pub const SWITCHOVER_ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Timeout Startup of a virtual-IP control application where nothing else is configured
/// (guide, *Creating Application Objects for control scripts*): 8 s.
pub const TIMEOUT_STARTUP: Duration = Duration::from_secs(8);

/// Timeout Startup of reactions that only notify, where nothing else is configured: 2 s. Somebody
/// who is told of an outage must not hold up the reactions that end it.
pub const NOTIFICATION_TIMEOUT: Duration = Duration::from_secs(2);

/// Longest time for a program to become ready where nothing else is configured: registrars load
/// large location tables.
pub const PROGRAM_STARTUP_TIMEOUT: Duration = Duration::from_secs(90);

/// Cancel Timeout of the four alarm conditions of a pair (guide, *Creating Alarm Conditions*): 1 s.
pub const PAIR_CANCEL_TIMEOUT: Duration = Duration::from_secs(1);

/// Kernel lifetime of a leased address, in seconds (`valid_lft`; the kernel's resolution is 1 s,
/// measured removal 2.01 to 2.38 s after the last refresh).
pub const ADDRESS_LEASE_S: u32 = 2;

/// Active alarms. One per condition and application; a site with 1,000 applications and ten
/// conditions each stays below it. Beyond it: events raise no more alarms, which is recorded once
/// (90-04006) and the events are counted until there is room (90-04007).
pub const ALARMS_MAX: usize = 10_000;

/// Alarm reactions that run or wait. A switchover needs two to four, so this is a storm of
/// hundreds at once. Beyond it: a reaction fails at once and that is recorded (90-04005).
pub const REACTION_RUNS_MAX: usize = 1_000;

/// How long after a reaction's deadline the shell may still say how it ended; the sandbox ends an
/// instance within 50 ms of its deadline. Beyond it: the run counts as failed.
pub const REACTION_ANSWER_GRACE: Duration = Duration::from_secs(1);

/// Shortest time between two reports of an alarm's growing counter, so that a storm of repeats
/// does not become a storm of updates on every operator's screen. Between them: only counted.
pub const ALARM_REPEATS_INTERVAL: Duration = Duration::from_secs(1);

/// Time between two refreshes of a leased address: four tries before the kernel takes it off.
pub const ADDRESS_REFRESH_INTERVAL: Duration = Duration::from_millis(500);

/// Longest part of the lease that is kept back for clock drift, scheduling and the kernel's own
/// resolution (0.4 s measured); at most a quarter of the lease, so that short leases work too.
pub const LEASE_GUARD_MAX: Duration = Duration::from_millis(500);

/// Time between two attempts to take off an address that would not go. There is no last one: an
/// address that nobody refreshes is removed by the kernel anyway.
pub const REMOVAL_RETRY_INTERVAL: Duration = Duration::from_millis(500);

/// Time between two probes of a holder for another holder: with the 0.5 s allowed for two holders
/// in an unconfirmed takeover, a lost probe does no harm.
pub const HOLDER_PROBE_INTERVAL: Duration = Duration::from_millis(200);

/// Longest wait for the answer to the last probe before silence counts. A live holder on the same
/// network answers in 0.2 ms; this is a hundred times that.
pub const PROBE_SETTLE: Duration = Duration::from_millis(20);

/// Unanswered probes that the agent itself wants before it adds an address whose old holder did
/// not confirm that it let go.
pub const SILENT_PROBES_MIN: u32 = 3;

/// How long an agent probes for a suspected holder after the last `Suspect`. A loss is decided
/// within a second; beyond it the suspicion was unfounded and probing stops.
pub const SUSPECT_PROBING: Duration = Duration::from_secs(10);

/// Time between two requests to a backup to look for a primary whose host is lost: half of
/// [`SUSPECT_PROBING`], so that its agent and its program look without a break.
pub const LOOK_INTERVAL: Duration = Duration::from_secs(5);

/// Time between two probes of the reference addresses of a virtual IP.
pub const REFERENCE_PROBE_INTERVAL: Duration = Duration::from_millis(100);

/// Probes that all references together may miss before the network counts as bad.
pub const REFERENCE_MISSES: u32 = 3;

/// When an address is announced after it was put on: lost announcements cost 2.5 s and more.
pub const ANNOUNCE_MS: [u64; 5] = [0, 200, 1000, 2000, 5000];

/// When it is announced after another holder came back to the network, before [`ANNOUNCE_MS`]
/// begins again: the first ones are often lost while the network heals.
pub const ANNOUNCE_BURST_MS: [u64; 6] = [0, 10, 20, 40, 100, 200];

/// Shortest time between two announcements that the sight of another holder causes. Two holders
/// that both hear the control server would otherwise answer each other without end; a holder looks
/// for another one this often anyway ([`HOLDER_PROBE_INTERVAL`]).
pub const REANNOUNCE_INTERVAL_MIN: Duration = HOLDER_PROBE_INTERVAL;

/// Time between two announcements of an address that stays where it is.
pub const ANNOUNCE_REFRESH: Duration = Duration::from_secs(30);

/// The same other holder is reported again only after so long.
pub const OTHER_HOLDER_REPORT_INTERVAL: Duration = Duration::from_secs(5);

/// Sightings kept while the link is down; beyond it the oldest is forgotten, because the state of
/// every address is told whole in the next `Hello`.
pub const SIGHTINGS_WAITING_MAX: usize = 64;

/// Orders that may wait for one and the same work. The control server sends one at a time; beyond
/// it: answered `InProgress`.
pub const ORDERS_JOINED_MAX: usize = 8;

/// Messages of one program on its channel within a second. Ten times what a program needs that
/// tells its calls as often as it may. Beyond it: its connection is closed, and an event says so.
pub const CHANNEL_MESSAGES_PER_S_MAX: u32 = 200;

/// Log events that one program may write at once, and how many it may write after a silence of
/// [`PROGRAM_EVENT_INTERVAL`] each. Beyond it: dropped and counted, and the count becomes an event.
pub const PROGRAM_EVENTS_MAX: u32 = 20;

/// After so long a program may write one more log event.
pub const PROGRAM_EVENT_INTERVAL: Duration = Duration::from_secs(1);

/// Longest text that a program says of itself or writes in an event, in characters. Beyond it: cut.
pub const PROGRAM_TEXT_MAX: usize = 256;

/// The end of a program's channel is reported again only after so long.
pub const CHANNEL_CLOSED_REPORT_INTERVAL: Duration = Duration::from_secs(10);

/// First wait before an application is restarted; doubled with each failure in a row.
pub const RESTART_WAIT_MIN: Duration = Duration::from_millis(200);

/// Longest wait before an application is restarted.
pub const RESTART_WAIT_MAX: Duration = Duration::from_secs(30);

/// An application that ran for so long starts its next row of failures at the shortest wait.
pub const RESTART_WAIT_RESET: Duration = Duration::from_secs(60);

/// How long a process group may take to vanish after SIGKILL before the agent goes on without it
/// (a process that hangs in the kernel can not be waited for).
pub const GROUP_GONE_TIMEOUT: Duration = Duration::from_secs(5);

/// Heartbeat interval of an agent that was never told one.
pub const HEARTBEAT_INTERVAL: Duration = Duration::from_millis(100);

/// Missing heartbeats that an agent tolerates when it was never told a number.
pub const HEARTBEAT_MISSES: u32 = 3;

/// Longest wait for `Welcome` after `Hello`: the control server may be reading its journal.
pub const WELCOME_TIMEOUT: Duration = Duration::from_secs(5);

/// Longest time an orderly stop of the agent waits for its addresses to be gone.
pub const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);

/// Reports on their way to the control server that it has not yet acknowledged; enough to fill a
/// long link, few enough for its queue. Beyond it: the agent waits for an acknowledgement.
pub const REPORTS_IN_FLIGHT_MAX: usize = 256;

/// Longest configuration file, in bytes; a pair takes 1 KiB. Beyond it: the file is refused.
pub const CONFIG_FILE_BYTES_MAX: u64 = 1 << 20;

/// Most files of a configuration. Beyond it: the folder is refused.
pub const CONFIG_FILES_MAX: usize = 256;

/// Most errors of a configuration that are reported; nobody reads more before correcting some.
/// Beyond it: the later ones are left out.
pub const CONFIG_ERRORS_MAX: usize = 200;

/// Longest text in a configuration, in bytes: far above any argument or path. Beyond it: refused.
pub const CONFIG_TEXT_BYTES_MAX: usize = 16 << 10;

/// Longest name of an object, in bytes; fits a certificate's common name. Beyond it: refused.
pub const NAME_LENGTH_MAX: usize = 64;

/// Longest time until the agent itself has taken an address off and re-read the kernel: `d` of
/// the inequality in architecture 5.4. The netlink calls take 30 us; the rest is a busy machine.
pub const ADDRESS_REMOVAL: Duration = Duration::from_millis(200);

/// Clock drift between two hosts that the guard allows for: one part in so many of the lease.
/// NTP-less machines stay within 0.02 %.
pub const CLOCK_DRIFT_DIVISOR: u32 = 1000;

/// Probes for another holder before an address whose release is unknown is taken over
/// (architecture 5.4).
pub const TAKEOVER_PROBES: u32 = 3;

/// Longest time from the last refresh of a leased address until the kernel has removed it
/// (measured 2.01 to 2.38 s with a lifetime of [`ADDRESS_LEASE_S`]).
pub const ADDRESS_EXPIRY_MAX: Duration = Duration::from_millis(2400);

/// Devices in one sample of a SIP monitor; a large node has a few thousand. Beyond it: the sample
/// is not shown to the monitor, and the verdict is unknown.
pub const MONITOR_DEVICES_MAX: usize = 10_000;

/// Shortest time between two calls of a SIP monitor, whatever it wishes.
pub const MONITOR_INTERVAL_MIN: Duration = Duration::from_millis(100);

/// Longest time between two calls of a SIP monitor, whatever it wishes.
pub const MONITOR_INTERVAL_MAX: Duration = Duration::from_secs(3600);

/// All texts of a call that a forwarding policy is asked about: the longest SIP message that fits a
/// datagram. Beyond it: the policy is not asked, and the static fallback decides.
pub const FORWARDING_CALL_BYTES_MAX: usize = 64 << 10;

/// Contacts of a redirection; callers try two or three. Beyond it: the decision is not passed on.
pub const CONTACTS_MAX: usize = 8;

/// Longest contact of a redirection, in bytes. Beyond it: the decision is not passed on.
pub const CONTACT_BYTES_MAX: usize = 1024;

/// Longest reason phrase of a refusal, in bytes. Beyond it: the decision is not passed on.
pub const REASON_BYTES_MAX: usize = 256;

/// Longest wait that a refusal may ask for, in seconds: a day. Beyond it: the decision is not
/// passed on.
pub const RETRY_AFTER_S_MAX: u32 = 86_400;

/// A version of a plugin whose component does not fit its manifest is taken for half copied until
/// two scans so far apart found the same.
pub const PLUGIN_SETTLE: Duration = Duration::from_millis(100);

/// A folder or a component that is gone counts as removed after so long: an upgrade that removes
/// and then copies takes less.
pub const PLUGIN_GONE_SETTLE: Duration = Duration::from_secs(2);

/// Longest time of each step of loading but compiling: reading 64 MiB from a slow disk, or an
/// `init` with Timeout Startup of its own. Beyond it: the version is rejected.
pub const PLUGIN_STEP_TIMEOUT: Duration = Duration::from_secs(30);

/// Longest time of compiling with the wait for a free thread: at a first start without a cache the
/// plugins of a whole folder wait for each other. Beyond it: the version is rejected.
pub const PLUGIN_COMPILE_TIMEOUT: Duration = Duration::from_secs(600);

/// How long a new version is watched, where it is not called often.
pub const PROBATION_TIME: Duration = Duration::from_secs(60);

/// After so many calls a new version is trusted.
pub const PROBATION_CALLS: u64 = 100;

/// So many faults end a probation, where the version before had relatively fewer.
pub const PROBATION_FAULTS_MAX: u64 = 3;

/// A larger share of faults ends a probation, where the version before had relatively fewer.
pub const PROBATION_FAULT_RATE_MAX_PERCENT: u64 = 10;

/// Fewer calls have no share of faults.
pub const PROBATION_FAULT_RATE_CALLS_MIN: u64 = 10;

/// Fewer calls have no median.
pub const PROBATION_LATENCY_CALLS_MIN: usize = 20;

/// A median so many times that of the version before ends a probation.
pub const PROBATION_LATENCY_FACTOR: u32 = 3;

/// A median up to this never ends a probation: nobody notices it, and it is within the noise of a
/// busy machine.
pub const PROBATION_LATENCY_FLOOR: Duration = Duration::from_millis(5);

/// Calls of a version that its record remembers; beyond it the oldest is forgotten.
pub const PLUGIN_CALLS_REMEMBERED: usize = 128;

/// Versions before the active one that are kept for a rollback; beyond it the oldest is deleted.
pub const PLUGIN_PREVIOUS_MAX: usize = 2;

/// Versions that are not tried again, and rejected ones that are shown, for each plugin; beyond it
/// the oldest is forgotten, so that it would be tried again.
pub const PLUGIN_DENIED_MAX: usize = 16;

/// Calls that began with an old version are waited for so long; then the version counts as
/// retired, and they end by their own deadline.
pub const PLUGIN_DRAIN_TIMEOUT: Duration = Duration::from_secs(30);

/// Faults within [`PLUGIN_FAULT_WINDOW`] that lead to a rest.
pub const PLUGIN_FAULTS_MAX: usize = 3;

/// Faults further apart have nothing to do with each other.
pub const PLUGIN_FAULT_WINDOW: Duration = Duration::from_secs(60);

/// The first rest; doubled with each further one.
pub const PLUGIN_REST_MIN: Duration = Duration::from_millis(200);

/// The longest rest.
pub const PLUGIN_REST_MAX: Duration = Duration::from_secs(30);

/// Rests in a row, after which the next fault leads to quarantine: the last two have the full
/// length, which makes about two minutes of failing.
pub const PLUGIN_RESTS_MAX: u32 = 10;

/// So many faults of one input put it aside.
pub const PLUGIN_INPUT_FAULTS_MAX: usize = 2;

/// Inputs that are put aside for one plugin; beyond it the oldest is let in again.
pub const PLUGIN_INPUTS_ASIDE_MAX: usize = 64;

/// Differences between a shadowed version and the active one that are kept; beyond it the oldest
/// is forgotten. All are counted.
pub const SHADOW_DIFFERENCES_MAX: usize = 20;

/// Options of one application. The SIP server of the guide has some 200. Beyond it: the
/// configuration is refused.
pub const OPTIONS_MAX: usize = 512;

/// Longest text of an option, in bytes; the most that a component may set.
/// Beyond it: refused.
pub const OPTION_VALUE_BYTES_MAX: usize = 4096;

/// All options of one application as they are told to it, in bytes: a tenth of a link message, so
/// that a host with several applications fits one. Beyond it: refused.
pub const OPTIONS_BYTES_MAX: usize = 256 << 10;

/// Plugins that one host agent tells of; a host has one or two. Beyond it: the rest, in the order
/// of their names, is not told.
pub const PLUGINS_TOLD_MAX: usize = 64;

/// Entries of each list in what is told of a plugin. Beyond it: the oldest are left out.
pub const PLUGIN_REPORT_LIST_MAX: usize = 8;

/// Longest text in what is told of a plugin, in bytes. With the two bounds above all plugins of a
/// host stay below 2 MiB, half of [`LINK_MESSAGE_BYTES_MAX`]. Beyond it: cut.
pub const PLUGIN_REPORT_TEXT_BYTES_MAX: usize = 512;

/// Versions of one plugin whose calls are waited for at a time; beyond it the oldest counts as
/// retired at once.
pub const PLUGIN_DRAINING_MAX: usize = 8;

/// What one pair's programs may have kept, in items: the DNs that a SIP node registers at most.
/// Beyond it: a new one is not kept, and an event says so.
pub const KEPT_ITEMS_MAX: usize = 50_000;

/// The same in bytes of keys and values: a registered DN takes about 350, 10,000 of them 3.5 MB.
/// Beyond it: as above.
pub const KEPT_BYTES_MAX: usize = 24 << 20;

/// Longest item, as JSON, in bytes. A registered DN with one contact has 400. Beyond it: not kept,
/// and an event says so.
pub const KEPT_ITEM_BYTES_MAX: usize = 4 << 10;

/// Bytes of items, as JSON, after which a message is ended: with one more item and what is around
/// them it fits a line of the application channel, 16 KiB.
pub const KEPT_MESSAGE_BYTES: usize = 11 << 10;

/// Removals that are remembered for programs that were not yet told of them. Beyond it: whoever
/// missed the oldest is told everything anew.
pub const KEPT_REMOVALS_MAX: usize = 10_000;
