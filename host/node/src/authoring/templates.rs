//! The templates of new projects, embedded in the program: sources by language and kind, and what
//! all languages share, because the same cases hold for each of them.

use takeover_engine::Kind;

use super::Language;

/// A file of a project: where it goes, and its text.
type File = (&'static str, &'static str);

/// The contract; a project carries a copy, so that it builds anywhere.
const WIT: &[File] = &[
    ("wit/host-addresses.wit", include_str!("../../../../wit/host-addresses.wit")),
    ("wit/host-clock.wit", include_str!("../../../../wit/host-clock.wit")),
    ("wit/host-command.wit", include_str!("../../../../wit/host-command.wit")),
    ("wit/host-datagram.wit", include_str!("../../../../wit/host-datagram.wit")),
    ("wit/host-http.wit", include_str!("../../../../wit/host-http.wit")),
    ("wit/host-log.wit", include_str!("../../../../wit/host-log.wit")),
    ("wit/host-mail.wit", include_str!("../../../../wit/host-mail.wit")),
    ("wit/host-management.wit", include_str!("../../../../wit/host-management.wit")),
    ("wit/host-memory.wit", include_str!("../../../../wit/host-memory.wit")),
    ("wit/host-settings.wit", include_str!("../../../../wit/host-settings.wit")),
    ("wit/host-vip-control.wit", include_str!("../../../../wit/host-vip-control.wit")),
    ("wit/lifecycle.wit", include_str!("../../../../wit/lifecycle.wit")),
    ("wit/types.wit", include_str!("../../../../wit/types.wit")),
    ("wit/world-alarm-reaction.wit", include_str!("../../../../wit/world-alarm-reaction.wit")),
    (
        "wit/world-forwarding-policy.wit",
        include_str!("../../../../wit/world-forwarding-policy.wit"),
    ),
    ("wit/world-sip-monitor.wit", include_str!("../../../../wit/world-sip-monitor.wit")),
    ("wit/world-vip-backend.wit", include_str!("../../../../wit/world-vip-backend.wit")),
];

/// What every Rust project has. The lock file is that of the shipped components; cargo drops what
/// a project does not use and adds its name.
const RUST: &[File] = &[
    ("Cargo.toml", include_str!("templates/rust/Cargo.toml.template")),
    ("Cargo.lock", include_str!("../../../../plugins/Cargo.lock")),
    (".gitignore", include_str!("templates/rust/gitignore.template")),
];

const PYTHON: &[File] = &[
    ("requirements.txt", include_str!("templates/python/requirements.txt")),
    (".gitignore", include_str!("templates/python/gitignore.template")),
];

const JAVASCRIPT: &[File] = &[
    ("package.json", include_str!("templates/javascript/package.json")),
    (".gitignore", include_str!("templates/javascript/gitignore.template")),
];

/// What every project has.
const COMMON: &[File] = &[("README.md", include_str!("templates/shared/README.template.md"))];

/// What every text policy has.
const SCRIPT: &[File] = &[("README.md", include_str!("templates/script/README.template.md"))];

/// The cases of the shared template, and how it is used: the script of the template does the same.
const SCRIPT_ALARM_REACTION: &[File] = &[
    ("{{name}}.rhai", include_str!("templates/script/alarm-reaction/policy.rhai")),
    ("example.toml", include_str!("templates/shared/alarm-reaction/example.toml")),
    (
        "cases/another-application.toml",
        include_str!("templates/shared/alarm-reaction/cases/another-application.toml"),
    ),
    ("cases/denied.toml", include_str!("templates/script/alarm-reaction/denied.toml")),
    (
        "cases/in-progress.toml",
        include_str!("templates/shared/alarm-reaction/cases/in-progress.toml"),
    ),
    ("cases/success.toml", include_str!("templates/shared/alarm-reaction/cases/success.toml")),
];

const SCRIPT_FORWARDING_POLICY: &[File] = &[
    ("{{name}}.rhai", include_str!("templates/script/forwarding-policy/policy.rhai")),
    ("example.toml", include_str!("templates/script/forwarding-policy/example.toml")),
    ("cases/not-back.toml", include_str!("templates/shared/forwarding-policy/cases/not-back.toml")),
    ("cases/shutdown.toml", include_str!("templates/script/forwarding-policy/shutdown.toml")),
    (
        "cases/to-the-peer.toml",
        include_str!("templates/shared/forwarding-policy/cases/to-the-peer.toml"),
    ),
];

const ALARM_REACTION: &[File] = &[
    ("example.toml", include_str!("templates/shared/alarm-reaction/example.toml")),
    ("plugin.toml", include_str!("templates/shared/alarm-reaction/plugin.toml")),
    (
        "cases/another-application.toml",
        include_str!("templates/shared/alarm-reaction/cases/another-application.toml"),
    ),
    ("cases/denied.toml", include_str!("templates/shared/alarm-reaction/cases/denied.toml")),
    (
        "cases/in-progress.toml",
        include_str!("templates/shared/alarm-reaction/cases/in-progress.toml"),
    ),
    ("cases/success.toml", include_str!("templates/shared/alarm-reaction/cases/success.toml")),
    ("cases/time-out.toml", include_str!("templates/shared/alarm-reaction/cases/time-out.toml")),
];

const VIP_BACKEND: &[File] = &[
    ("example.toml", include_str!("templates/shared/vip-backend/example.toml")),
    ("plugin.toml", include_str!("templates/shared/vip-backend/plugin.toml")),
    ("cases/denied.toml", include_str!("templates/shared/vip-backend/cases/denied.toml")),
    ("cases/down.toml", include_str!("templates/shared/vip-backend/cases/down.toml")),
    ("cases/probe.toml", include_str!("templates/shared/vip-backend/cases/probe.toml")),
    ("cases/silence.toml", include_str!("templates/shared/vip-backend/cases/silence.toml")),
    ("cases/success.toml", include_str!("templates/shared/vip-backend/cases/success.toml")),
    ("cases/taken.toml", include_str!("templates/shared/vip-backend/cases/taken.toml")),
    ("cases/time-out.toml", include_str!("templates/shared/vip-backend/cases/time-out.toml")),
];

const SIP_MONITOR: &[File] = &[
    ("example.toml", include_str!("templates/shared/sip-monitor/example.toml")),
    ("plugin.toml", include_str!("templates/shared/sip-monitor/plugin.toml")),
    ("cases/backup.toml", include_str!("templates/shared/sip-monitor/cases/backup.toml")),
    ("cases/moved.toml", include_str!("templates/shared/sip-monitor/cases/moved.toml")),
    ("cases/service.toml", include_str!("templates/shared/sip-monitor/cases/service.toml")),
];

const FORWARDING_POLICY: &[File] = &[
    ("example.toml", include_str!("templates/shared/forwarding-policy/example.toml")),
    ("plugin.toml", include_str!("templates/shared/forwarding-policy/plugin.toml")),
    ("cases/not-back.toml", include_str!("templates/shared/forwarding-policy/cases/not-back.toml")),
    ("cases/shutdown.toml", include_str!("templates/shared/forwarding-policy/cases/shutdown.toml")),
    (
        "cases/to-the-peer.toml",
        include_str!("templates/shared/forwarding-policy/cases/to-the-peer.toml"),
    ),
];

/// Sources by language and kind.
const SOURCES: &[(Language, Kind, &[File])] = &[
    (
        Language::Rust,
        Kind::AlarmReaction,
        &[
            ("src/lib.rs", include_str!("templates/rust/alarm-reaction/lib.rs")),
            ("src/decide.rs", include_str!("templates/rust/alarm-reaction/decide.rs")),
            ("src/decide/tests.rs", include_str!("templates/rust/alarm-reaction/tests.rs")),
        ],
    ),
    (
        Language::Rust,
        Kind::VipBackend,
        &[
            ("src/lib.rs", include_str!("templates/rust/vip-backend/lib.rs")),
            ("src/decide.rs", include_str!("templates/rust/vip-backend/decide.rs")),
            ("src/decide/tests.rs", include_str!("templates/rust/vip-backend/tests.rs")),
        ],
    ),
    (
        Language::Rust,
        Kind::SipMonitor,
        &[
            ("src/lib.rs", include_str!("templates/rust/sip-monitor/lib.rs")),
            ("src/decide.rs", include_str!("templates/rust/sip-monitor/decide.rs")),
            ("src/decide/tests.rs", include_str!("templates/rust/sip-monitor/tests.rs")),
        ],
    ),
    (
        Language::Rust,
        Kind::ForwardingPolicy,
        &[
            ("src/lib.rs", include_str!("templates/rust/forwarding-policy/lib.rs")),
            ("src/decide.rs", include_str!("templates/rust/forwarding-policy/decide.rs")),
            ("src/decide/tests.rs", include_str!("templates/rust/forwarding-policy/tests.rs")),
        ],
    ),
    (
        Language::Python,
        Kind::AlarmReaction,
        &[("plugin.py", include_str!("templates/python/alarm-reaction/plugin.py"))],
    ),
    (
        Language::Python,
        Kind::ForwardingPolicy,
        &[("plugin.py", include_str!("templates/python/forwarding-policy/plugin.py"))],
    ),
    (
        Language::JavaScript,
        Kind::AlarmReaction,
        &[("plugin.js", include_str!("templates/javascript/alarm-reaction/plugin.js"))],
    ),
    (
        Language::JavaScript,
        Kind::ForwardingPolicy,
        &[("plugin.js", include_str!("templates/javascript/forwarding-policy/plugin.js"))],
    ),
    (Language::Script, Kind::AlarmReaction, SCRIPT_ALARM_REACTION),
    (Language::Script, Kind::ForwardingPolicy, SCRIPT_FORWARDING_POLICY),
];

/// A template.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Template {
    language: Language,
    kind: Kind,
    sources: &'static [File],
}

/// The template of a kind in a language, where there is one.
pub(crate) fn find(language: Language, kind: Kind) -> Option<Template> {
    let (_, _, sources) = SOURCES.iter().find(|(l, k, _)| (*l, *k) == (language, kind))?;
    Some(Template { language, kind, sources })
}

impl Template {
    /// The files of a project of this name.
    pub(crate) fn files(self, name: &str) -> Vec<(String, String)> {
        let tools = match self.language {
            Language::Rust => RUST,
            Language::Python => PYTHON,
            Language::JavaScript => JAVASCRIPT,
            Language::Script => SCRIPT,
        };
        let shared = match self.kind {
            Kind::AlarmReaction => ALARM_REACTION,
            Kind::VipBackend => VIP_BACKEND,
            Kind::SipMonitor => SIP_MONITOR,
            Kind::ForwardingPolicy => FORWARDING_POLICY,
        };
        let parts = match self.language {
            Language::Script => vec![tools, self.sources],
            _ => vec![COMMON, tools, shared, WIT, self.sources],
        };
        let file = |(path, text): &File| (self.fill(path, name), self.fill(text, name));
        parts.into_iter().flatten().map(file).collect()
    }

    /// Puts in what a template leaves open.
    fn fill(self, text: &str, name: &str) -> String {
        let blanks = [
            ("{{name}}", name),
            ("{{component}}", self.kind.script_component().unwrap_or_default()),
            ("{{purpose}}", purpose(self.kind)),
            ("{{failure}}", failure(self.kind)),
            ("{{needs}}", needs(self.language)),
            ("{{tests}}", tests(self.language)),
            ("{{source}}", source(self.language)),
            ("{{limits}}", limits(self.language)),
        ];
        blanks.iter().fold(text.to_owned(), |text, (blank, word)| text.replace(blank, word))
    }
}

fn purpose(kind: Kind) -> &'static str {
    match kind {
        Kind::AlarmReaction => {
            "Restarts an application that is not running when an alarm is raised."
        }
        Kind::VipBackend => "Moves a virtual IP on the host of its agent.",
        Kind::SipMonitor => "Judges SIP service by the time since the last message.",
        Kind::ForwardingPolicy => {
            "Sends calls for destinations that are out of service to the peer site."
        }
    }
}

/// What a host does when a plugin of this kind fails.
fn failure(kind: Kind) -> &'static str {
    match kind {
        Kind::AlarmReaction => {
            "The alarm shows the fault. Nothing is tried again by itself; the same alarm may come \
             twice after a\ncrash of the control server."
        }
        Kind::VipBackend => {
            "A failed `up` is reported and hands the role back; after a failed `down` the host \
             agent removes the\naddress itself."
        }
        Kind::SipMonitor => "The verdict is `unknown`, never `down`.",
        Kind::ForwardingPolicy => "The call is left to the fallback of the policy's binding.",
    }
}

fn needs(language: Language) -> &'static str {
    match language {
        Language::Rust => {
            "Needs [Rust](https://rustup.rs) and its target: `rustup target add wasm32-wasip2`."
        }
        Language::Python => {
            "Needs Python 3.10 or newer with `venv`. The build makes `.venv` and installs \
             `requirements.txt` there."
        }
        Language::JavaScript => {
            "Needs Node.js 18 or newer with npm. The build installs what `package.json` names \
             into `node_modules`."
        }
        Language::Script => "",
    }
}

fn tests(language: Language) -> &'static str {
    match language {
        Language::Rust => "`cargo test`, then cases/ in the sandbox",
        _ => "cases/ in the sandbox",
    }
}

fn source(language: Language) -> &'static str {
    match language {
        Language::Rust => "`src/decide.rs` is what it does, tested natively; `src/lib.rs` is glue.",
        Language::Python => "`plugin.py` is what it does.",
        Language::JavaScript => "`plugin.js` is what it does.",
        Language::Script => "",
    }
}

/// Limits that the language needs other values for.
fn limits(language: Language) -> &'static str {
    match language {
        Language::Rust | Language::JavaScript | Language::Script => "",
        // 12.5 MiB of interpreter before anything of the plugin's own, of 16 by default.
        Language::Python => "memory_mib = 32\n",
    }
}
