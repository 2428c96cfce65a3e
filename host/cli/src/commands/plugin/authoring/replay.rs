//! `takeover plugin replay`.

use std::fmt::Write as _;

use takeover::authoring::Subject;
use takeover::authoring::replay::{Doing, Repeated, Wanted, replay as repeat};

use super::{Replay, failure, wait};
use crate::exit::{Exit, Failure};
use crate::out::{Style, clean};
use crate::show::Show;

/// Repeats recorded runs; exit code 1 where something differs.
pub(crate) fn replay(wanted: &Replay) -> Result<Exit, Failure> {
    let subject = Subject::open(&wanted.dir).map_err(failure)?;
    let against = wanted.against.as_deref().map(Subject::open).transpose().map_err(failure)?;
    let repeated = wait(repeat(Wanted {
        subject: &subject,
        against: against.as_ref(),
        journal: &wanted.journal,
        of: wanted.of.as_deref(),
        last: wanted.last,
    }))?
    .map_err(failure)?;
    let show = Show::new();
    show.out.print(&shown(&repeated, &show))?;
    let differ = repeated.iter().any(|one| one.differs);
    Ok(if differ { Exit::Problems } else { Exit::Ok })
}

/// A line for each run, and both sides where they differ.
fn shown(repeated: &[Repeated], show: &Show) -> String {
    let mut text = String::new();
    for Repeated { run, before, now, differs } in repeated {
        let word = match differs {
            false => show.out.paint(Style::Good, "same"),
            true => show.out.paint(Style::Attention, "DIFF"),
        };
        let at = show.time(run.at);
        let (reaction, call) = (&run.reaction, &run.call);
        let about = format!("{reaction}: {} about {}", call.condition, call.application);
        let _ = writeln!(text, "{word} {at} {}", clean(&about));
        if *differs {
            side(&mut text, "before", before);
            side(&mut text, "now", now);
        }
    }
    let differ = repeated.iter().filter(|one| one.differs).count();
    let _ = writeln!(text, "{differ} of {} runs differ", repeated.len());
    text
}

fn side(text: &mut String, heading: &str, doing: &Doing) {
    let mut heading = heading;
    for line in doing.asked.iter().chain([&doing.ended]) {
        // The first line of a question says what it is; bodies and texts follow.
        let line = line.lines().next().unwrap_or_default();
        let _ = writeln!(text, "     {heading:<8}{}", clean(line));
        heading = "";
    }
}

#[cfg(test)]
mod tests;
