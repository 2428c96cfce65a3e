//! `takeover plugin check`.

use std::fmt::Write as _;
use std::path::Path;

use takeover::authoring::check::{Facts, Report, check as look, runs};

use super::{failure, wait};
use crate::args::JsonArgs;
use crate::exit::{Exit, Failure};
use crate::out::{Out, Style, clean};

/// Checks a built plugin.
pub(crate) fn check(dir: &Path, json: JsonArgs) -> Result<Exit, Failure> {
    let report = wait(look(dir))?.map_err(failure)?;
    let out = Out::new();
    if json.json {
        let text = serde_json::to_string_pretty(&report).map_err(anyhow::Error::from)?;
        out.print(&text)?;
    } else {
        out.print(&show(&report, out))?;
    }
    Ok(if report.problems.is_empty() { Exit::Ok } else { Exit::Problems })
}

/// The report for people.
fn show(report: &Report, out: Out) -> String {
    let mut text = report.plugin.as_ref().map(facts).unwrap_or_default();
    for note in &report.notes {
        let _ = writeln!(text, "{} {}", out.paint(Style::Attention, "note:"), clean(note));
    }
    for problem in &report.problems {
        // A text policy is shown with the line that is wrong.
        let lines: Vec<String> = problem.lines().map(clean).collect();
        let problem = lines.join("\n");
        let _ = writeln!(text, "{} {problem}", out.paint(Style::Bad, "problem:"));
    }
    if report.problems.is_empty() {
        let _ = writeln!(text, "{} it can be used", out.paint(Style::Good, "ok:"));
    }
    text
}

fn facts(facts: &Facts) -> String {
    let mut text = String::new();
    let Facts { name, version, kind, description, contract, .. } = facts;
    let _ = writeln!(text, "{name} {version}: {}", clean(description));
    let _ = writeln!(text, "  kind         {kind}: runs {}", runs(kind));
    let _ = writeln!(text, "  contract     takeover:plugin@{contract}");
    let (what, by) = match facts.run_by {
        Some(component) => ("text     ", format!(", run by {component}")),
        None => ("component", String::new()),
    };
    let (size, sha256) = (facts.size_bytes, &facts.sha256);
    let _ = writeln!(text, "  {what}    {size} bytes, sha256 {sha256}{by}");
    let _ = writeln!(text, "  compiling    {:.0} ms, once per version", facts.compile_ms);
    let ms = facts.instantiate_ms;
    let _ = writeln!(text, "  instance     {ms:.2} ms with init, each time: {}", facts.init);
    let (used, max) = (mib(facts.memory_bytes), mib(facts.memory_bytes_max));
    let _ = writeln!(text, "  memory       {used:.1} MiB after init, at most {max:.0} MiB");
    if facts.permissions.is_empty() {
        text.push_str("  permissions  none\n");
    }
    for (index, permission) in facts.permissions.iter().enumerate() {
        let heading = if index == 0 { "permissions" } else { "" };
        let name = &permission.name;
        let granted = if permission.needs_grant { "needs a grant" } else { "granted when asked" };
        let _ = writeln!(text, "  {heading:<11}  {name}: {}", clean(&permission.reason));
        let _ = writeln!(text, "               reaches {}; {granted}", permission.reaches);
    }
    text
}

fn mib(bytes: usize) -> f64 {
    let bytes = bytes as f64;
    bytes / f64::from(1 << 20)
}
