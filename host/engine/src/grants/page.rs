//! The page of permissions in `host/docs/generated`, made from the code, and an example of a row of
//! each permission, which the tests read.

use std::fmt::Write as _;
use std::path::Path;

use super::permission::Permission;
use super::tests::{file_with, signer};
use crate::package::Kind;

/// A row that grants each permission, as an operator would write it.
pub(super) fn example(permission: Permission) -> &'static str {
    match permission {
        Permission::Addresses => "[[grant]]\npermission = \"addresses\"\n",
        Permission::Memory => "[[grant]]\npermission = \"memory\"\n",
        Permission::Management => {
            r#"[[grant]]
permission = "management"
applications = ["sip-a", "sip-b"]
"#
        }
        Permission::SetOption => {
            r#"[[grant]]
permission = "set-option"
applications = ["sip-a"]
"#
        }
        Permission::VipControl => {
            r#"[[grant]]
permission = "vip-control"
vips = ["sip-vip"]
"#
        }
        Permission::Http => {
            r#"[[grant]]
permission = "http"
destinations = ["https://pager.example.com/v1/"]
ca = "/etc/takeover/pager-ca.pem"
"#
        }
        Permission::Command => {
            r#"[[grant]]
permission = "command"
programs = [{ name = "page", path = "/usr/local/bin/page" }]

[grant.remote]
host = "gateway.example.com"
user = "takeover"
identity = "/etc/takeover/gateway.key"
host_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFJlcGxhY2VUaGlzS2V5V2l0aFlvdXJz"
"#
        }
        Permission::Mail => {
            r#"[[grant]]
permission = "mail"
from = "takeover@example.com"
recipients = ["oncall@example.com", "*@operations.example.com"]

[grant.relay]
host = "mail.example.com"
security = "starttls"
user = "takeover"
password_file = "/etc/takeover/mail.password"
"#
        }
        Permission::Datagram => {
            r#"[[grant]]
permission = "datagram"
destinations = ["192.0.2.1:162", "[2001:db8::1]:162"]
"#
        }
    }
}

const KINDS: [Kind; 4] =
    [Kind::AlarmReaction, Kind::VipBackend, Kind::SipMonitor, Kind::ForwardingPolicy];

fn page() -> String {
    let mut page = String::from(
        "# Permissions\n\n\
         Made from `host/engine/src/grants`; do not edit. `UPDATE_EXPECT=1 cargo test -p\n\
         takeover-engine grants` makes it again.\n\n\
         A call goes through when the component's world offers the interface, `plugin.toml` asks \
         for the\npermission with a reason, and the operator granted it in \
         `grants.d/<plugin>.toml`, within the scope\nwritten there. A plugin that asks for more \
         than is granted is not loaded. Where there is no file, the\npermissions marked with * \
         take effect when they are asked for (decision 0006).\n\n\
         | permission | offered to | reaches at most |\n|---|---|---|\n",
    );
    for permission in Permission::ALL {
        let offered = |kind: &Kind| kind.imports().contains(&permission.interface());
        let kinds: Vec<&str> =
            KINDS.iter().filter(|kind| offered(kind)).map(|kind| kind.word()).collect();
        let star = if Permission::GRANTED_WHEN_ASKED.contains(&permission) { " *" } else { "" };
        let (kinds, reaches) = (kinds.join(", "), permission.reaches());
        let _ = writeln!(page, "| `{permission}`{star} | {kinds} | {reaches} |");
    }
    page.push_str(
        "\n## The file\n\nIt holds for one component, or for everything that one key signed; \
         exactly one of these two lines\nstands before the grants:\n\n```toml\n",
    );
    let _ = writeln!(page, "sha256 = \"{}\"", "0".repeat(64));
    let _ = writeln!(page, "signer = \"{}\"\n```", signer());
    for permission in Permission::ALL {
        let _ = writeln!(page, "\n## `{permission}`\n\nReaches {}.", permission.reaches());
        if permission.may_repeat() {
            page.push_str("There may be several rows; the first that fits a call counts.\n");
        }
        if !permission.scope_keys().is_empty() {
            page.push_str("\n| key | needed | meaning |\n|---|---|---|\n");
        }
        for key in permission.scope_keys() {
            let needed = if key.required { "yes" } else { "no" };
            let _ = writeln!(page, "| `{}` | {needed} | {} |", key.name, key.meaning);
        }
        let _ = writeln!(page, "\n```toml\n{}```", example(permission));
    }
    page
}

#[test]
fn the_page_of_permissions_is_the_one_made_from_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/generated/permissions.md");
    let made = page();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == made, "permissions.md is old: run this test with UPDATE_EXPECT=1");
}

/// A row that lacks a key, or has another one, is refused: what the page says of each key is true.
#[test]
fn keys_of_the_page_are_the_keys_that_are_read() {
    for permission in Permission::ALL {
        let row = example(permission);
        assert_eq!(file_with(row), Ok(vec![permission]), "{row}");
        for key in permission.scope_keys().iter().filter(|key| key.required) {
            let name = key.name.rsplit('.').next().unwrap();
            // A table without its head would leave its keys in the row above it.
            if key.name == "relay" {
                continue;
            }
            let without: String = row
                .lines()
                .filter(|line| !line.starts_with(&format!("{name} =")))
                .map(|line| format!("{line}\n"))
                .collect();
            assert_ne!(without, row, "{permission}: {name} is not in the example");
            let problems = file_with(&without).unwrap_err();
            assert!(problems.iter().any(|one| one.contains(name)), "{name}: {problems:?}");
        }
    }
}
