//! The tables of known keys.
//!
//! Defaults and bounds are said here and nowhere else. Where a number comes from stands in its
//! meaning or beside it.

use super::Effect::{NextStart, Reload, Restart};
use super::Fallback::{Flag, Nothing, Number, Required, Text};
use super::{Effect, Fallback, Key, Kind, Table};

/// Words for names of the operator's own.
pub(crate) const NAME: &str =
    "1 to 64 letters, digits, \"_\", \"-\" or \".\", the first a letter or digit";
const ADDRESS: &str = "an IPv4 or IPv6 address";
/// Words for an address with the prefix length of its subnet.
pub(crate) const SUBNET: &str = "an address with its prefix length, as in \"10.81.1.11/24\"";
/// Words for an address and a port.
pub(crate) const SOCKET: &str = "an address and a port, as in \"10.82.1.1:7600\"";
const EVENT: &str = "a log event id, as in \"00-05150\" or \"5150\"";
const PATH: &str = "a path, relative ones from the folder of this file";
const REFERENCE: &str = "the name of a configured";

/// Shortens a row.
const fn key(
    name: &'static str,
    kind: Kind,
    fallback: Fallback,
    effect: Effect,
    meaning: &'static str,
) -> Key {
    Key { name, kind, fallback, effect, meaning }
}

/// The top of every file of the control server's folder.
pub static ROOT: Table = Table {
    header: "the top of a file",
    meaning: "All `*.toml` files of the folder, in the order of their names, make one \
        configuration; objects may be spread over them as you like.",
    groups: &[&[
        key("control", Kind::Table(&CONTROL), Nothing, Reload, "The control server itself; once."),
        key("host", Kind::Tables(&HOST), Nothing, Reload, "Hosts."),
        key("pair", Kind::Tables(&PAIR), Nothing, Reload, "Redundant pairs."),
        key("vip", Kind::Tables(&VIP), Nothing, Reload, "Further virtual IPs of pairs."),
        key("application", Kind::Tables(&APPLICATION), Nothing, Reload, "Other applications."),
        key("reaction", Kind::Tables(&REACTION), Nothing, Reload, "Alarm reaction scripts."),
        key("condition", Kind::Tables(&CONDITION), Nothing, Reload, "Alarm conditions."),
        key("solution", Kind::Tables(&SOLUTION), Nothing, Reload, "Named lists of applications."),
    ]],
};

/// `[control]`.
pub static CONTROL: Table = Table {
    header: "[control]",
    meaning: "Settings of the control server.",
    groups: &[CONTROL_MACHINES, CONTROL_SHELL],
};

/// Keys of `[control]` that decisions depend on.
const CONTROL_MACHINES: &[Key] = &[
    key(
        "heartbeat_interval_ms",
        Kind::Whole { min: 10, max: 10_000, unit: "milliseconds" },
        Number(100.0),
        Reload,
        "Time between two heartbeats on the link to a host agent.",
    ),
    key(
        "heartbeat_misses",
        Kind::Whole { min: 2, max: 20, unit: "" },
        Number(3.0),
        Reload,
        "Missing heartbeats in a row after which a host is lost.",
    ),
    key(
        "disconnect_switchover_timeout_s",
        Kind::Seconds { min: 0.0, max: 3600.0 },
        Number(0.0),
        Reload,
        "Wait after a host was lost before its primaries are given up. Does not delay any other \
         switchover.",
    ),
    key(
        "evidence_wait_s",
        Kind::Seconds { min: 0.0, max: 3600.0 },
        Number(10.0),
        Reload,
        "Longest further wait after a host was lost while its backup says that it still sees the \
         primary serve on the virtual IP; service is given meanwhile. 0: what the backup sees \
         delays nothing.",
    ),
    key(
        "startup_grace_s",
        Kind::Seconds { min: 1.0, max: 300.0 },
        Number(10.0),
        Reload,
        "How long a host may take to link up after a start of the control server before it \
         counts as lost.",
    ),
    key(
        "confirm_timeout_s",
        Kind::Seconds { min: 0.1, max: 60.0 },
        Number(2.0),
        Reload,
        "Longest wait for an application to confirm a run mode.",
    ),
];

/// Keys of `[control]` that only the shell reads.
const CONTROL_SHELL: &[Key] = &[
    key(
        "listen",
        Kind::Text(SOCKET),
        Text("0.0.0.0:7600"),
        Restart,
        "Where host agents and operators connect, by TLS.",
    ),
    key(
        "page",
        Kind::Text("a loopback address and a port, as in \"127.0.0.1:8787\""),
        Nothing,
        Restart,
        "Where the page and the API are also served without TLS, on this machine only.",
    ),
    key(
        "certificate",
        Kind::Text(PATH),
        Nothing,
        Restart,
        "PEM file with the control server's certificate. Needed with `key` and `ca` wherever \
         host agents connect from other machines; `takeover pki` makes all three.",
    ),
    key("key", Kind::Text(PATH), Nothing, Restart, "PEM file with its private key."),
    key(
        "ca",
        Kind::Text(PATH),
        Nothing,
        Restart,
        "PEM file with the certificate authority that signs host agents.",
    ),
    key(
        "journal",
        Kind::Text(PATH),
        Text("state/journal.sqlite"),
        Restart,
        "The journal: events, alarms, decisions and their inputs.",
    ),
    key("plugins", Kind::Text(PATH), Text("plugins.d"), Restart, "Folder of the plugins."),
    key(
        "grants",
        Kind::Text(PATH),
        Nothing,
        Restart,
        "Folder of the files that grant plugins what they ask for; `grants.d` beside the folder of \
         the plugins where nothing is said.",
    ),
    key(
        "slow_call_ms",
        Kind::Whole { min: 1, max: 600_000, unit: "milliseconds" },
        Number(1000.0),
        Reload,
        "A call of a plugin that takes longer is a log event (90-05029) with the component's share \
         and the host's.",
    ),
    key(
        "policies",
        Kind::Text(PATH),
        Text("policies.d"),
        Restart,
        "Folder of the text policies, one file `NAME.rhai` each; it need not exist.",
    ),
    key(
        "tokens",
        Kind::Tables(&TOKEN),
        Nothing,
        Reload,
        "Who may use the API. Without any, nobody.",
    ),
];

/// An entry of `tokens`.
pub static TOKEN: Table = Table {
    header: "[[control.tokens]]",
    meaning: "A bearer token. Only its digest is written down.",
    groups: &[&[
        key("name", Kind::Text(NAME), Required, Reload, "Whose; stands in the audit events."),
        key(
            "role",
            Kind::Choice(&["viewer", "operator"]),
            Required,
            Reload,
            "A viewer sees everything; an operator may also act.",
        ),
        key(
            "sha256",
            Kind::Text("the SHA-256 of the token, 64 lower-case hexadecimal digits"),
            Required,
            Reload,
            "Digest of the token: `printf %s TOKEN | sha256sum`.",
        ),
    ]],
};

/// `[[host]]`.
pub static HOST: Table = Table {
    header: "[[host]]",
    meaning: "A machine with a host agent.",
    groups: &[&[
        key(
            "name",
            Kind::Text(NAME),
            Required,
            Reload,
            "Its name; also the common name of its agent's certificate.",
        ),
        key("address", Kind::Text(ADDRESS), Required, Reload, "Its unique management address."),
        key(
            "interfaces",
            Kind::Open("a table of lists: interface = [\"10.81.1.11/24\", ...]"),
            Nothing,
            Reload,
            "Its network interfaces and their unique addresses. Virtual IPs are checked against \
             them, and a pair may leave out `network_interface`.",
        ),
    ]],
};

/// Keys of whatever runs a program.
const PROGRAM: &[Key] = &[
    key(
        "type",
        Kind::Text(NAME),
        Nothing,
        Reload,
        "Its type, for conditions that select by type. `sip-server` in a pair, else \
         `third-party-server`.",
    ),
    key(
        "command",
        Kind::Texts("a program or an argument"),
        Nothing,
        NextStart,
        "Program and arguments; no shell. Needed for everything that is not a control \
         application.",
    ),
    key(
        "working_directory",
        Kind::Text("a path on the host"),
        Nothing,
        NextStart,
        "Where it runs; the host agent's own folder where nothing is said.",
    ),
    key(
        "environment",
        Kind::Open("a table of texts: NAME = \"value\""),
        Nothing,
        NextStart,
        "Variables added to the host agent's environment.",
    ),
    key("auto_restart", Kind::Flag, Flag(true), Reload, "Restart it after a failure."),
    key(
        "autostart",
        Kind::Flag,
        Nothing,
        Reload,
        "Start it when its host links up, unless an operator stopped it. True in a pair, else \
         false.",
    ),
    key(
        "notify",
        Kind::Flag,
        Flag(false),
        NextStart,
        "It speaks `sd_notify`: it is initializing until READY=1.",
    ),
    key(
        "channel",
        Kind::Flag,
        Flag(false),
        NextStart,
        "It speaks on the application channel (applications.md): it is initializing until it says \
         that it is ready, is told its run mode, and a run mode counts when it says so.",
    ),
    key(
        "watchdog_s",
        Kind::Seconds { min: 0.1, max: 3600.0 },
        Nothing,
        NextStart,
        "Longest silence between two WATCHDOG=1, or `alive` on its channel, before it counts as \
         hung. Not watched where nothing is said.",
    ),
    key(
        "startup_timeout_s",
        Kind::Seconds { min: 0.1, max: 3600.0 },
        Nothing,
        NextStart,
        "Longest time to become ready. 8 for control applications (the guide's Timeout Startup), \
         else 90.",
    ),
    key(
        "shutdown_timeout_s",
        Kind::Seconds { min: 0.1, max: 3600.0 },
        Number(10.0),
        Reload,
        "Longest time from the order to stop to SIGKILL.",
    ),
    key(
        "suspending_timeout_s",
        Kind::Seconds { min: 5.0, max: 600.0 },
        Number(10.0),
        Reload,
        "Longest time of a graceful stop before the ordinary one (guide: \
         `suspending-wait-timeout`).",
    ),
    key(
        "suspend_signal",
        Kind::Choice(&["SIGHUP", "SIGINT", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGWINCH"]),
        Nothing,
        Reload,
        "Signal that asks its main process to finish what it has begun; a graceful stop sends it \
         and waits for the end, or for X_TAKEOVER_SERVICE=suspended. A graceful stop is an \
         ordinary one where nothing is said.",
    ),
    key(
        "options",
        Kind::Open(
            "a table of sections, each a table: NAME = a text, a whole number, true or false",
        ),
        Nothing,
        Reload,
        "Its own options, told in the file that X_TAKEOVER_OPTIONS names. Only options that stand \
         here can be set while it runs, to values of the same type.",
    ),
    key(
        "options_signal",
        Kind::Choice(&["SIGHUP", "SIGINT", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGWINCH"]),
        Nothing,
        Reload,
        "Signal to its main process when that file was changed while it runs. None is sent where \
         nothing is said.",
    ),
];

/// `[[application]]`.
pub static APPLICATION: Table = Table {
    header: "[[application]]",
    meaning: "A program under a host agent, or, with `vip` and `action` in place of `command`, a \
        control application whose start moves a virtual IP.",
    groups: &[
        &[
            key("name", Kind::Text(NAME), Required, Reload, "Its name."),
            key(
                "host",
                Kind::Text("the name of a configured host"),
                Required,
                Reload,
                "Where it runs.",
            ),
        ],
        PROGRAM,
        &[
            key(
                "vip",
                Kind::Text("the name of a configured virtual IP"),
                Nothing,
                Reload,
                "Control application: the virtual IP it moves.",
            ),
            key(
                "action",
                Kind::Choice(&["up", "down"]),
                Nothing,
                Reload,
                "Control application: put the virtual IP on the host, or take it off.",
            ),
        ],
    ],
};

/// Keys of whatever describes a virtual IP, shared by a pair and its further virtual IPs.
const ADDRESSING: &[Key] = &[
    key(
        "network_interface",
        Kind::TextOrTable(
            "the name of a network interface, or a table of them by host: \
             { h1 = \"eth1\", h2 = \"eth2\" }",
        ),
        Nothing,
        Reload,
        "The interface that carries it. May be left out where exactly one stated interface of \
         each host is in its subnet.",
    ),
    key("port", Kind::Whole { min: 1, max: 65_535, unit: "" }, Nothing, Reload, "The SIP port."),
    key(
        "references",
        Kind::Texts("an address on the same subnet"),
        Nothing,
        Reload,
        "Addresses on the same subnet, a router for example, by which a host judges whether it \
         is cut off there. Without any it can not tell.",
    ),
    key(
        "isolation",
        Kind::Choice(&["hold", "release"]),
        Text("hold"),
        Reload,
        "What the holder does when it is cut off from the control server and its references: \
         keep the address (the guide's behavior), or let go of it within its lease.",
    ),
    key(
        "lease_s",
        Kind::Seconds { min: 0.5, max: 60.0 },
        Number(3.0),
        Reload,
        "Without contact for so long the holder counts as cut off. Must be longer than \
         `takeover config check` prints.",
    ),
    key(
        "probe_interval_ms",
        Kind::Whole { min: 10, max: 1000, unit: "milliseconds" },
        Number(50.0),
        Reload,
        "Time between two probes for another holder; three unanswered ones are silence.",
    ),
    key("backend", Kind::Text(NAME), Text("vip-linux"), Reload, "The plugin that moves it."),
    key(
        "backend_settings",
        Kind::Open("a table of texts, numbers, booleans, lists and tables"),
        Nothing,
        Reload,
        "Settings of that plugin.",
    ),
];

/// `[[pair]]`.
pub static PAIR: Table = Table {
    header: "[[pair]]",
    meaning: "A redundant pair. With `hosts` it expands to its applications, control \
        applications, reactions and conditions; with `applications` it only joins two that you \
        wrote yourself.",
    groups: &[
        &[
            key(
                "name",
                Kind::Text(NAME),
                Required,
                Reload,
                "Its name; begins the names of what it expands to.",
            ),
            key(
                "redundancy",
                Kind::Choice(&["hot", "warm"]),
                Text("warm"),
                Reload,
                "Whether the backup runs with a copy of the primary's state.",
            ),
            key(
                "hosts",
                Kind::Texts("the name of a configured host"),
                Nothing,
                Reload,
                "Two hosts, the primary's first. The same one twice is a single-host pair, which \
                 needs no virtual IP (the guide advises it up to 100 seats).",
            ),
            key(
                "applications",
                Kind::Texts("the name of a configured application"),
                Nothing,
                Reload,
                "Two applications, the primary first, in place of `hosts`.",
            ),
            key("vip", Kind::TextOrTexts(SUBNET), Nothing, Reload, "The virtual IPs."),
        ],
        ADDRESSING,
        &[
            key(
                "application",
                Kind::Table(&PAIR_APPLICATION),
                Nothing,
                NextStart,
                "What both applications have in common.",
            ),
            key(
                "primary",
                Kind::Table(&PAIR_MEMBER),
                Nothing,
                NextStart,
                "What is different in the primary.",
            ),
            key(
                "backup",
                Kind::Table(&PAIR_MEMBER),
                Nothing,
                NextStart,
                "What is different in the backup.",
            ),
        ],
    ],
};

/// `[pair.application]`.
pub static PAIR_APPLICATION: Table = Table {
    header: "[pair.application]",
    meaning: "What both applications of the pair have in common. `command`, `working_directory` \
        and the values of `environment` may hold `{host}`, `{address}` (of the host), `{vip}` \
        (the pair's first) and `{port}`; `{{` and `}}` are braces.",
    groups: &[PROGRAM],
};

/// `[pair.primary]` and `[pair.backup]`.
pub static PAIR_MEMBER: Table = Table {
    header: "[pair.primary] and [pair.backup]",
    meaning: "What is different in one application of the pair: any key of \
        `[pair.application]`, and these.",
    groups: &[
        &[
            key(
                "name",
                Kind::Text(NAME),
                Nothing,
                Reload,
                "Its name. For a pair `sip`: `SIP_SERVER_PRIMARY`, `SIP_SERVER_BACKUP`.",
            ),
            key(
                "sip_port",
                Kind::Whole { min: 1, max: 65_535, unit: "" },
                Nothing,
                Reload,
                "Its SIP port, if you wish to have it checked: must be the pair's.",
            ),
            key(
                "sip_address",
                Kind::Text(ADDRESS),
                Nothing,
                Reload,
                "Its SIP address, if you wish to have it checked: must be a virtual IP of the \
                 pair, or the host's address on a single-host pair.",
            ),
        ],
        PROGRAM,
    ],
};

/// `[[vip]]`.
pub static VIP: Table = Table {
    header: "[[vip]]",
    meaning: "A further virtual IP of a pair. What it leaves out is as the pair says.",
    groups: &[
        &[
            key("name", Kind::Text(NAME), Required, Reload, "Its name."),
            key(
                "pair",
                Kind::Text("the name of a configured pair"),
                Required,
                Reload,
                "The pair that it follows.",
            ),
            key("address", Kind::Text(SUBNET), Required, Reload, "The address."),
        ],
        ADDRESSING,
    ],
};

/// `[[reaction]]`.
pub static REACTION: Table = Table {
    header: "[[reaction]]",
    meaning: "An alarm reaction script: a plugin and its settings.",
    groups: &[&[
        key("name", Kind::Text(NAME), Required, Reload, "Its name."),
        key("plugin", Kind::Text(NAME), Required, Reload, "The plugin, named as its folder."),
        key(
            "settings",
            Kind::Open("a table of texts, numbers, booleans, lists and tables"),
            Nothing,
            Reload,
            "Settings of the plugin. `application` and `vip` name configured ones.",
        ),
        key(
            "timeout_s",
            Kind::Seconds { min: 0.1, max: 300.0 },
            Number(8.0),
            Reload,
            "Timeout Startup: longest time of the whole call. 2 for the plugins \
             reaction-notify-email, reaction-notify-webhook and reaction-snmp-trap.",
        ),
    ]],
};

/// `[[condition]]`.
pub static CONDITION: Table = Table {
    header: "[[condition]]",
    meaning: "An alarm condition: which event raises an alarm, what ends it, what runs.",
    groups: &[&[
        key("name", Kind::Text(NAME), Required, Reload, "Its name."),
        key(
            "description",
            Kind::Text("a text"),
            Text(""),
            Reload,
            "What it means, for the operator.",
        ),
        key(
            "category",
            Kind::Choice(&["critical", "major", "minor"]),
            Text("major"),
            Reload,
            "How bad it is.",
        ),
        key("detect", Kind::Table(&SELECTOR), Required, Reload, "What raises the alarm."),
        key("cancel", Kind::Table(&SELECTOR), Nothing, Reload, "What clears it."),
        key(
            "cancel_timeout_s",
            Kind::Whole { min: 1, max: 31_536_000, unit: "seconds" },
            Nothing,
            Reload,
            "Clears the alarm by itself after so long. Until it is cleared, the same event does \
             not run the reactions again.",
        ),
        key(
            "reactions",
            Kind::Texts("the name of a configured reaction"),
            Nothing,
            Reload,
            "What runs, in this order, when the alarm is raised.",
        ),
        key(
            "clearance_reactions",
            Kind::Texts("the name of a configured reaction"),
            Nothing,
            Reload,
            "What runs when it is cleared.",
        ),
        key("enabled", Kind::Flag, Flag(true), Reload, "Whether it takes events."),
    ]],
};

/// `detect` and `cancel` of a condition.
pub static SELECTOR: Table = Table {
    header: "detect and cancel",
    meaning: "An event, and about whom: exactly one of `application`, `application_type` and \
        `any = true`.",
    groups: &[&[
        key("event", Kind::Text(EVENT), Required, Reload, "Its id."),
        key(
            "application",
            Kind::Text("the name of a configured application"),
            Nothing,
            Reload,
            "About this application.",
        ),
        key(
            "application_type",
            Kind::Text(NAME),
            Nothing,
            Reload,
            "About any application of this type.",
        ),
        key("any", Kind::Flag, Flag(false), Reload, "About anything."),
    ]],
};

/// `[[solution]]`.
pub static SOLUTION: Table = Table {
    header: "[[solution]]",
    meaning: "A named list of applications.",
    groups: &[&[
        key("name", Kind::Text(NAME), Required, Reload, "Its name."),
        key(
            "applications",
            Kind::Texts("the name of a configured application"),
            Required,
            Reload,
            "Started in this order, stopped in the opposite one.",
        ),
    ]],
};

/// `host-agent.toml`.
pub static HOST_AGENT: Table = Table {
    header: "host-agent.toml",
    meaning: "The host agent's own small file; everything else comes from the control server.",
    groups: &[&[
        key(
            "host",
            Kind::Text(NAME),
            Required,
            Restart,
            "The name of this host, as in `[[host]]`.",
        ),
        key(
            "control",
            Kind::TextOrTexts("an address or a name, and a port, as in \"ctl.example:7600\""),
            Required,
            Restart,
            "Where the control server listens; several are tried in turn.",
        ),
        key(
            "certificate",
            Kind::Text(PATH),
            Required,
            Restart,
            "PEM file with the agent's certificate.",
        ),
        key("key", Kind::Text(PATH), Required, Restart, "PEM file with its private key."),
        key("ca", Kind::Text(PATH), Required, Restart, "PEM file with the certificate authority."),
        key(
            "state",
            Kind::Text(PATH),
            Text("/var/lib/takeover"),
            Restart,
            "Folder of what survives a restart: terms, processes, reports.",
        ),
        key(
            "plugins",
            Kind::Text(PATH),
            Text("/usr/lib/takeover/plugins.d"),
            Restart,
            "Folder of the plugins.",
        ),
        key(
            "grants",
            Kind::Text(PATH),
            Nothing,
            Restart,
            "Folder of the files that grant plugins what they ask for; `grants.d` beside the folder of \
         the plugins where nothing is said.",
        ),
        key(
            "slow_call_ms",
            Kind::Whole { min: 1, max: 600_000, unit: "milliseconds" },
            Number(1000.0),
            Restart,
            "A call of a plugin that takes longer is a log event (90-05029) with the component's share \
         and the host's.",
        ),
        key(
            "sockets",
            Kind::Text(PATH),
            Text("/run/takeover"),
            Restart,
            "Folder of the sockets on which applications report.",
        ),
    ]],
};

/// Every table, in the order of the documentation.
pub static ALL: &[&Table] = &[
    &ROOT,
    &CONTROL,
    &TOKEN,
    &HOST,
    &PAIR,
    &PAIR_APPLICATION,
    &PAIR_MEMBER,
    &VIP,
    &APPLICATION,
    &REACTION,
    &CONDITION,
    &SELECTOR,
    &SOLUTION,
    &HOST_AGENT,
];

/// What every reference to an object is allowed to be.
pub(crate) fn reference_words(kind: &str) -> String {
    format!("{REFERENCE} {kind}")
}
