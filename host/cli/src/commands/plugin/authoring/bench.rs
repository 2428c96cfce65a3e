//! `takeover plugin bench`.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use takeover::authoring::Subject;
use takeover::authoring::bench::{Measured, bench as measure};

use super::{failure, wait};
use crate::exit::{Exit, Failure};
use crate::out::Out;
use crate::table::Table;

/// Measures a project's built plugin.
pub(crate) fn bench(dir: &Path, calls: u32) -> Result<Exit, Failure> {
    let subject = Subject::open(dir).map_err(failure)?;
    let measured = wait(measure(&subject, calls))?.map_err(failure)?;
    let out = Out::new();
    out.print(&show(&measured, out))?;
    Ok(Exit::Ok)
}

/// A table for people, then a line per number for programs.
fn show(measured: &Measured, out: Out) -> String {
    let us = |duration: Duration| duration.as_secs_f64() * 1e6;
    let quantiles = [("median", 0.5), ("p95", 0.95), ("p99", 0.99), ("max", 1.0)];
    let mut table = Table::new(&["WHAT", "TIME"]);
    let compile_ms = measured.compile.as_secs_f64() * 1e3;
    table.row(vec!["compiling, once".into(), format!("{compile_ms:.0} ms").into()]);
    for (name, share) in quantiles {
        let time = format!("{:.0} us", us(measured.quantile(share)));
        table.row(vec![format!("instance, call and drop, {name}").into(), time.into()]);
    }
    let name = &measured.name;
    let count = measured.calls.len();
    let mut text = format!("{name}: {count} calls of \"{}\"\n", measured.case);
    text.push_str(&table.render(out));
    let _ = writeln!(text, "result plugin.{name}.compile {compile_ms:.1} ms");
    for (quantile, share) in quantiles {
        let time = us(measured.quantile(share));
        let _ = writeln!(text, "result plugin.{name}.call.{quantile} {time:.1} us");
    }
    let _ = writeln!(text, "result plugin.{name}.memory {} bytes", measured.memory_bytes);
    text
}
