//! The definitions: that they are sound, and the page that is made from them.

use std::fmt::Write as _;
use std::path::Path;

use clap::CommandFactory;
use expect_test::expect_file;

use crate::args::Cli;
use crate::exit;

#[test]
fn definitions_are_sound() {
    Cli::command().debug_assert();
}

#[test]
fn commands_page_is_current() {
    let mut cli = Cli::command().color(clap::ColorChoice::Never).term_width(100);
    cli.build();
    let about = cli.get_about().map(ToString::to_string).unwrap_or_default();
    let status = help(cli.find_subcommand("status").expect("a command"), "takeover status");
    let (_, server) = status.split_once("\n\nControl server:\n").expect("its options");
    let mut page = format!(
        "# Commands\n\n<!-- Made from host/cli/src/args.rs; renew with `cargo xtask codegen`. -->\n\
         \n{about}.\n\n```text\n{}\n```\n\n\
         Commands that ask the control server have these options:\n\n\
         ```text\n{server}\n```\n",
        exit::HELP
    );
    sections(&cli, "takeover", &mut page);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/commands.md");
    expect_file![file].assert_eq(&page);
}

/// A section for every command that does something by itself.
fn sections(command: &clap::Command, path: &str, page: &mut String) {
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        let path = format!("{path} {}", sub.get_name());
        if sub.has_subcommands() {
            sections(sub, &path, page);
            continue;
        }
        let help = help(sub, &path);
        // Said once, above.
        let own = help.split("\n\nControl server:").next().unwrap_or_default();
        write!(page, "\n## {path}\n\n```text\n{own}\n```\n").expect("a string takes everything");
    }
}

fn help(command: &clap::Command, path: &str) -> String {
    let help = command.clone().bin_name(path).render_help().to_string();
    help.lines().map(str::trim_end).collect::<Vec<_>>().join("\n").trim_end().to_owned()
}
