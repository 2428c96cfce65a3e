//! Kamailio as the SIP server under management: a record-routing proxy in front of one callee,
//! which listens on the virtual IP whether it is there or not; and as a proxy that stands in front
//! of another SIP server, as an edge does.
//!
//! It keeps no dialogs, so calls that one instance set up go on through the other: the routes are
//! in the requests.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Where distributions put the modules.
const MODULE_FOLDERS: [&str; 3] = [
    "/usr/lib/x86_64-linux-gnu/kamailio/modules",
    "/usr/lib/aarch64-linux-gnu/kamailio/modules",
    "/usr/lib64/kamailio/modules",
];

/// Writes the configuration of one host's Kamailio and returns the command that runs it.
///
/// `name` stands in the `Server:` header; `listen` and `callee` are `address:port`.
///
/// # Errors
/// Where the folder can not be written or Kamailio's modules are not there.
pub fn command(folder: &Path, name: &str, listen: &str, callee: &str) -> Result<Vec<String>> {
    let route = format!("    $du = \"sip:{callee}\";\n");
    write(folder, name, listen, ("", &route))
}

/// The same for one that stands in front of `server`, an address: what the server sends goes where
/// it says, everything else goes to the server, registrations with their Path (RFC 3327).
///
/// # Errors
/// As [`command`].
pub fn edge(folder: &Path, name: &str, listen: &str, server: SocketAddr) -> Result<Vec<String>> {
    let (address, modules) = (server.ip(), "loadmodule \"path.so\"\n");
    let route = format!(
        "    if ($si == \"{address}\") {{ loose_route(); }} else {{\n        \
         if (is_method(\"REGISTER\")) {{ add_path(); }}\n        \
         $du = \"sip:{server}\";\n    }}\n"
    );
    write(folder, name, listen, (modules, &route))
}

fn write(
    folder: &Path,
    name: &str,
    listen: &str,
    (more_modules, route): (&str, &str),
) -> Result<Vec<String>> {
    let modules = MODULE_FOLDERS
        .iter()
        .find(|folder| Path::new(folder).exists())
        .context("Kamailio is not installed: apt-get install kamailio")?;
    let runtime = folder.join(format!("kamailio-{name}"));
    fs::create_dir_all(&runtime)?;
    let file: PathBuf = runtime.join("kamailio.cfg");
    fs::write(&file, configuration(name, listen, (modules, more_modules), route))
        .with_context(|| file.display().to_string())?;
    let (runtime, file) = (runtime.display().to_string(), file.display().to_string());
    // -DD: stays in the foreground with its workers; -E: logs to standard error.
    let words = ["kamailio", "-DD", "-E", "-f", &file, "-Y", &runtime, "-m", "32", "-M", "4"];
    Ok(words.map(str::to_owned).to_vec())
}

fn configuration(
    name: &str,
    listen: &str,
    (modules, more_modules): (&str, &str),
    route: &str,
) -> String {
    format!(
        r#"#!KAMAILIO
# The lab's proxy: record-routes calls.
debug=0
log_stderror=yes
# Two workers overtake each other, and sipp does not answer a REFER that comes before the ACK.
children=1
auto_aliases=no
disable_tcp=yes
dns=no
rev_dns=no
server_header="Server: {name}"
server_signature=yes
# The address may come later, or go.
ip_free_bind=yes
listen=udp:{listen}
mpath="{modules}"
loadmodule "pv.so"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
{more_modules}modparam("rr", "enable_full_lr", 1)
request_route {{
    if (!mf_process_maxfwd_header("10")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
    if (is_method("OPTIONS")) {{ sl_send_reply("200", "OK"); exit; }}
    if (is_method("CANCEL")) {{ if (t_check_trans()) {{ t_relay(); }} exit; }}
    if (has_totag()) {{
        if (loose_route()) {{ t_relay(); exit; }}
        if (is_method("ACK")) {{ exit; }}
        sl_send_reply("404", "Not Here");
        exit;
    }}
    t_check_trans();
    if (is_method("INVITE")) {{ record_route(); }}
{route}    if (!t_relay()) {{ sl_reply_error(); }}
}}
"#
    )
}
