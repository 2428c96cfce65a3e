//! The OpenMetrics text format (1.0.0), as far as this program writes it: families of gauges,
//! counters, infos and histograms, with labels.
//!
//! Must not know what is measured. Names of families and labels are written in the code, so only
//! label values are escaped.

use std::borrow::Cow;
use std::fmt::{self, Display, Write as _};

/// What such a text is announced as.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What the samples of a family are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Gauge,
    Counter,
    Info,
    Histogram,
}

/// Labels of a sample, in the order of writing.
pub(crate) type Labels<'a> = &'a [(&'static str, &'a dyn Display)];

/// A text that grows family by family.
#[derive(Debug, Default)]
pub(crate) struct Exposition {
    text: String,
    name: Cow<'static, str>,
    suffix: &'static str,
}

impl Exposition {
    /// Begins a family; the samples that follow are its own. Each name once.
    pub(crate) fn family(&mut self, name: impl Into<Cow<'static, str>>, kind: Kind, help: &str) {
        let (word, suffix) = match kind {
            Kind::Gauge => ("gauge", ""),
            Kind::Counter => ("counter", "_total"),
            Kind::Info => ("info", "_info"),
            Kind::Histogram => ("histogram", ""),
        };
        let name = name.into();
        self.line(format_args!("# TYPE {name} {word}"));
        self.line(format_args!("# HELP {name} {}", Escaped(&help)));
        (self.name, self.suffix) = (name, suffix);
    }

    /// A sample of the present family.
    pub(crate) fn sample(&mut self, labels: Labels<'_>, value: impl Display) {
        let (name, suffix) = (self.name.clone(), self.suffix);
        self.line(format_args!("{name}{suffix}{} {value}", Braces(labels, None)));
    }

    /// A histogram of the present family: upper bounds in seconds with the samples in each, those
    /// beyond the last, and the sum of all.
    pub(crate) fn histogram(
        &mut self,
        labels: Labels<'_>,
        counts: impl Iterator<Item = (f64, u64)>,
        beyond: u64,
        sum: f64,
    ) {
        let name = self.name.clone();
        let mut all = 0;
        for (bound, count) in counts {
            all += count;
            let braces = Braces(labels, Some(&bound));
            self.line(format_args!("{name}_bucket{braces} {all}"));
        }
        all += beyond;
        let braces = Braces(labels, Some(&"+Inf"));
        self.line(format_args!("{name}_bucket{braces} {all}"));
        self.line(format_args!("{name}_count{} {all}", Braces(labels, None)));
        self.line(format_args!("{name}_sum{} {sum}", Braces(labels, None)));
    }

    /// The whole text.
    pub(crate) fn finish(mut self) -> String {
        self.text.push_str("# EOF\n");
        self.text
    }

    fn line(&mut self, line: fmt::Arguments<'_>) {
        let _ = writeln!(self.text, "{line}"); // a text takes everything
    }
}

/// Labels in braces; the bound of a histogram is the last of them.
struct Braces<'a>(Labels<'a>, Option<&'a dyn Display>);

impl Display for Braces<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bound = self.1.map(|bound| ("le", bound));
        let mut separator = '{';
        for (name, value) in self.0.iter().copied().chain(bound) {
            write!(f, "{separator}{name}=\"{}\"", Escaped(value))?;
            separator = ',';
        }
        if separator == ',' { f.write_str("}") } else { Ok(()) }
    }
}

/// A value within quotes.
struct Escaped<'a>(&'a dyn Display);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.to_string().chars() {
            match character {
                '\\' => f.write_str("\\\\")?,
                '"' => f.write_str("\\\"")?,
                '\n' => f.write_str("\\n")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn a_text_of_every_kind_of_family() {
        let mut text = Exposition::default();
        text.family("a_build", Kind::Info, "The program.");
        text.sample(&[("version", &"0.1.0")], 1);
        text.family("a_calls", Kind::Counter, "Calls.");
        text.sample(&[("plugin", &"one \"two\" \\ \n three"), ("kind", &7)], 3);
        text.family("a_term", Kind::Gauge, "A term.");
        text.sample(&[], 5);
        text.family("a_seconds", Kind::Histogram, "Times.");
        let counts = [(0.00005, 2), (0.5, 1), (8.0, 0)];
        text.histogram(&[("share", &"host")], counts.into_iter(), 4, 1.25);
        expect![[r##"
            # TYPE a_build info
            # HELP a_build The program.
            a_build_info{version="0.1.0"} 1
            # TYPE a_calls counter
            # HELP a_calls Calls.
            a_calls_total{plugin="one \"two\" \\ \n three",kind="7"} 3
            # TYPE a_term gauge
            # HELP a_term A term.
            a_term 5
            # TYPE a_seconds histogram
            # HELP a_seconds Times.
            a_seconds_bucket{share="host",le="0.00005"} 2
            a_seconds_bucket{share="host",le="0.5"} 3
            a_seconds_bucket{share="host",le="8"} 3
            a_seconds_bucket{share="host",le="+Inf"} 7
            a_seconds_count{share="host"} 7
            a_seconds_sum{share="host"} 1.25
            # EOF
        "##]]
        .assert_eq(&text.finish());
    }
}
