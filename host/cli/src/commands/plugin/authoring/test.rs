//! `takeover plugin test`.

use std::fmt::Write as _;

use takeover::authoring::policy::PolicyFile;
use takeover::authoring::test::{CaseResult, cases, has_native, native};
use takeover::authoring::{Language, Project, Subject, build};

use super::{Test, failure, wait};
use crate::exit::{Exit, Failure};
use crate::out::{Out, Style, clean};

/// Runs the tests of a project; exit code 1 where one does not hold.
pub(crate) fn test(wanted: &Test) -> Result<Exit, Failure> {
    if let Some(policy) = PolicyFile::find(&wanted.dir).map_err(failure)? {
        return play(&Subject::Policy(policy));
    }
    let out = Out::new();
    let project = Project::open(&wanted.dir).map_err(failure)?;
    if wanted.native_only && project.language != Language::Rust {
        let text = format!("native tests: the project is {}, only Rust has them", project.language);
        return Err(Failure::new(Exit::Usage, text));
    }
    if !wanted.engine_only && project.language == Language::Rust {
        if has_native(&project) {
            native(&project).map_err(failure)?;
            out.print("native tests passed\n")?;
        } else if wanted.native_only {
            return Err(Failure::new(Exit::Problems, "native tests: cargo is not installed"));
        } else {
            out.print("native tests left out: cargo is not installed\n")?;
        }
    }
    if wanted.native_only {
        return Ok(Exit::Ok);
    }
    if !wanted.no_build {
        build::build(&project).map_err(failure)?;
    }
    let dist = project.dist();
    play(&Subject::Built { dist, project: Some(project) })
}

/// Plays the cases and shows how they ended.
fn play(subject: &Subject) -> Result<Exit, Failure> {
    let out = Out::new();
    let results = wait(cases(subject))?.map_err(failure)?;
    out.print(&show(&results, out))?;
    let holds = results.iter().all(|case| case.problems.is_empty());
    Ok(if holds { Exit::Ok } else { Exit::Problems })
}

/// A line for each case, and what differed.
fn show(results: &[CaseResult], out: Out) -> String {
    let mut text = String::new();
    let failed = results.iter().filter(|case| !case.problems.is_empty()).count();
    for case in results {
        let word = match case.problems.is_empty() {
            true => out.paint(Style::Good, "ok  "),
            false => out.paint(Style::Bad, "FAIL"),
        };
        let ms = case.took.as_secs_f64() * 1e3;
        let title = clean(&case.title);
        let _ = writeln!(text, "{word} {:<24} {title} ({ms:.1} ms)", case.file);
        for problem in &case.problems {
            let _ = writeln!(text, "     {}", problem.replace('\n', "\n     "));
        }
        if !case.problems.is_empty() {
            for line in &case.lines {
                let _ = writeln!(text, "     it wrote: {}", clean(line));
            }
        }
    }
    let _ = writeln!(text, "{} of {} cases hold", results.len() - failed, results.len());
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn case_that_differs_shows_both_sides_and_what_was_written() {
        let case = |problems: &[&str]| CaseResult {
            file: "success.toml".into(),
            title: "restarts".into(),
            problems: problems.iter().map(ToString::to_string).collect(),
            lines: vec!["a line".into()],
            took: Duration::from_micros(1500),
        };
        let text = show(&[case(&[]), case(&["ended as: ok\n    expected: fault"])], Out::plain());
        expect_test::expect![[r#"
            ok   success.toml             restarts (1.5 ms)
            FAIL success.toml             restarts (1.5 ms)
                 ended as: ok
                     expected: fault
                 it wrote: a line
            1 of 2 cases hold
        "#]]
        .assert_eq(&text);
    }
}
