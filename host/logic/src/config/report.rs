//! What `takeover config check` prints for a configuration without errors.

use std::fmt::Write;

use super::Checked;
use super::worst_case::{WorstCase, seconds, worst_case};

/// The whole report; every line ends with a line feed.
pub fn report(checked: &Checked) -> String {
    let mut text = summary(checked);
    for notice in &checked.notices {
        let _ = writeln!(text, "notice: {notice}");
    }
    for pair in checked.config.pairs.keys() {
        if let Some(worst_case) = worst_case(&checked.config, pair) {
            pair_report(&mut text, &worst_case);
        }
    }
    text
}

fn summary(checked: &Checked) -> String {
    let config = &checked.config;
    let counts = [
        (config.hosts.len(), "host", "hosts"),
        (config.pairs.len(), "pair", "pairs"),
        (config.vips.len(), "virtual IP", "virtual IPs"),
        (config.applications.len(), "application", "applications"),
        (config.reactions.len(), "reaction", "reactions"),
        (config.conditions.len(), "condition", "conditions"),
        (config.solutions.len(), "solution", "solutions"),
    ];
    let counted =
        counts.map(|(count, one, many)| format!("{count} {}", if count == 1 { one } else { many }));
    format!("ok: {}\n", counted.join(", "))
}

fn pair_report(text: &mut String, worst_case: &WorstCase) {
    let _ = writeln!(text, "pair \"{}\", worst-case failover:", worst_case.pair);
    for case in &worst_case.cases {
        let address = match case.address_within {
            Some(within) => format!(", virtual IP within {}", seconds(within)),
            None => String::new(),
        };
        let _ = writeln!(
            text,
            "  {}: primary within {}{address} ({} where nothing hangs)",
            case.what,
            seconds(case.primary_within),
            seconds(case.usual)
        );
        for step in &case.steps {
            let time = seconds(step.at_most);
            let _ = writeln!(text, "    {:<16} {time:>9}  {}", step.what, step.because);
        }
    }
    for (vip, inequality) in &worst_case.leases {
        let lease = seconds(inequality.lease);
        let _ = writeln!(text, "  lease of {vip}: {inequality} < {lease}");
    }
}
