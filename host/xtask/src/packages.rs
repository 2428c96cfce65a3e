//! The Debian packages that tests and demo need beside the toolchain, and their installation.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::run;

/// A program and the Debian package that has it.
pub(crate) struct Package {
    /// Looked for in the search path.
    program: &'static str,
    /// Installed where the program is missing.
    package: &'static str,
    /// For the person who has to install it.
    why: &'static str,
}

const fn package(program: &'static str, package: &'static str, why: &'static str) -> Package {
    Package { program, package, why }
}

/// What the demo needs as root.
pub(crate) const DEMO: &[Package] = &[
    package("ip", "iproute2", "network namespaces of the lab"),
    package("nft", "nftables", "cuts the lab's networks"),
    package("sipp", "sip-tester", "SIP calls"),
];

/// What the tests need beyond that.
pub(crate) const TEST: &[Package] = &[
    package("kamailio", "kamailio", "the SIP server of others that is kept alive, and the peer"),
    package("baresip", "baresip-core", "telephones of others, driven by tests"),
    package("curl", "curl", "asks for figures inside the lab"),
    package("keepalived", "keepalived", "the peer that failover times are compared with"),
    package("tc", "iproute2", "loss and delay in the lab"),
    package("ping", "iputils-ping", "reachability in the lab"),
    package("sshd", "openssh-server", "the other host of programs that components run by SSH"),
    package("ssh", "openssh-client", "runs those programs"),
    package("aiosmtpd", "python3-aiosmtpd", "the mail relay of components"),
    package("chromium", "chromium", "the browser of the page's tests"),
    package("python3", "python3", "plugins in Python, and small servers of tests"),
    package("docker-registry", "docker-registry", "the registry that plugins are pushed to"),
    package("npm", "npm", "tools of plugins in JavaScript"),
    package("chromedriver", "chromium-driver", "drives that browser"),
];

/// Installs what is missing. Without root, or off Debian, it says what to install and goes on:
/// tests that need a program which is not there say so themselves.
pub(crate) fn ensure(lists: &[&[Package]]) -> Result<()> {
    let missing: Vec<&Package> =
        lists.iter().copied().flatten().filter(|one| !run::has_program(one.program)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let mut names: Vec<&str> = missing.iter().map(|one| one.package).collect();
    names.dedup();
    let by_hand = format!("apt-get install --no-install-recommends {}", names.join(" "));
    if !run::has_program("apt-get") || !run::is_root() {
        for one in &missing {
            println!("missing: {} (Debian package {}): {}", one.program, one.package, one.why);
        }
        println!("as root: {by_hand}");
        return Ok(());
    }
    install(&names).with_context(|| format!("by hand: {by_hand}"))?;
    match missing.iter().find(|one| !run::has_program(one.program)) {
        Some(one) => bail!("package {} is installed but has no {}", one.package, one.program),
        None => Ok(()),
    }
}

/// Installs Debian packages, as root.
pub(crate) fn install(names: &[&str]) -> Result<()> {
    let apt = |args: &[&str]| {
        let mut command = Command::new("apt-get");
        // A service that starts by itself (Kamailio, keepalived) would sit on this machine's own
        // addresses. In runlevel 1, which this variable claims (man 8 runlevel), none is started.
        command.env("DEBIAN_FRONTEND", "noninteractive").env("RUNLEVEL", "1").args(args);
        run::run(&mut command)
    };
    let wanted = [&["install", "--yes", "--quiet", "--no-install-recommends"], names].concat();
    // The lists of a fresh machine are empty or old; then the first attempt says so at once.
    apt(&wanted).or_else(|_| apt(&["update", "--quiet"]).and_then(|()| apt(&wanted)))
}
