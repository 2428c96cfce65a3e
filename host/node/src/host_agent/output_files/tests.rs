//! Real files.

use std::io::Write;

use super::*;

fn read(files: &mut OutputFiles) -> Vec<String> {
    let mut lines = Vec::new();
    files.read(|name, line| lines.push(format!("{name}: {line}")));
    lines
}

#[test]
fn lines_are_handed_on_once_and_whole() {
    let folder = tempfile::tempdir().unwrap();
    let name = ApplicationName::from("sip1");
    let path = output_path(folder.path(), &name);
    fs::write(&path, "of an earlier agent\n").unwrap();
    let mut files = OutputFiles::new(folder.path().to_owned());
    files.follow(&name);
    assert_eq!(read(&mut files), Vec::<String>::new());
    let mut output = File::options().append(true).open(&path).unwrap();
    output.write_all(b"ready\nhalf a").unwrap();
    assert_eq!(read(&mut files), ["sip1: ready"]);
    output.write_all(b" line\n").unwrap();
    assert_eq!(read(&mut files), ["sip1: half a line"]);
}

#[test]
fn a_long_file_is_emptied_and_the_writer_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let name = ApplicationName::from("sip1");
    let path = output_path(folder.path(), &name);
    let mut files = OutputFiles::new(folder.path().to_owned());
    files.follow(&name);
    let mut output = File::options().append(true).create(true).open(&path).unwrap();
    let line = format!("{}\n", "x".repeat(1023));
    let count = usize::try_from(OUTPUT_FILE_BYTES_MAX).unwrap() / line.len();
    output.write_all(line.repeat(count).as_bytes()).unwrap();
    let mut lines = 0;
    while fs::metadata(&path).unwrap().len() > 0 {
        lines += read(&mut files).len();
    }
    assert_eq!(lines, count);
    output.write_all(b"after\n").unwrap();
    assert_eq!(read(&mut files), ["sip1: after"]);
    let kept = fs::metadata(path.with_extension("log.1")).unwrap().len();
    assert_eq!(kept, OUTPUT_FILE_BYTES_MAX);
}

#[test]
fn a_line_without_end_is_cut() {
    let folder = tempfile::tempdir().unwrap();
    let name = ApplicationName::from("sip1");
    let mut files = OutputFiles::new(folder.path().to_owned());
    files.follow(&name);
    let text = "x".repeat(OUTPUT_LINE_BYTES_MAX + 5);
    fs::write(output_path(folder.path(), &name), text).unwrap();
    assert_eq!(read(&mut files), [format!("sip1: {}", "x".repeat(OUTPUT_LINE_BYTES_MAX))]);
}
