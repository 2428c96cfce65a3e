//! Folders and files as an operator may leave them.

use std::os::unix::fs::symlink;

use super::*;

/// Loads a folder with these files and gives the error, the folder's path as `DIR`.
fn error_of(files: &[(&str, &[u8])]) -> String {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    let error = load(folder.path()).unwrap_err().to_string();
    error.replace(&folder.path().display().to_string(), "DIR")
}

#[test]
fn a_missing_folder_is_named() {
    let error = load(Path::new("/nowhere/at/all")).unwrap_err().to_string();
    assert_eq!(error, "/nowhere/at/all: No such file or directory (os error 2)");
}

#[test]
fn a_folder_without_configuration_is_refused() {
    let expected = "DIR: found no file, allowed: at least one *.toml";
    assert_eq!(error_of(&[]), expected);
    assert_eq!(error_of(&[(".hidden.toml", b"x"), ("notes.txt", b"x")]), expected);
}

#[test]
fn every_unreadable_file_is_reported() {
    let large = vec![b'#'; CONFIG_FILE_BYTES_MAX as usize + 1];
    let error = error_of(&[("a.toml", b"ok = 1\n\xff"), ("b.toml", &large), ("c.toml", b"")]);
    let expected = "DIR/a.toml:2: found a byte that is not UTF-8, allowed: UTF-8 text\n\
        DIR/b.toml: found more than 1048576 bytes, allowed: at most that";
    assert_eq!(error, expected);
}

#[test]
fn a_file_of_the_largest_size_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let largest = vec![b'#'; CONFIG_FILE_BYTES_MAX as usize];
    fs::write(folder.path().join("a.toml"), largest).unwrap();
    assert!(load(folder.path()).is_ok());
}

#[test]
fn too_many_files_are_refused() {
    let names: Vec<String> = (0..=CONFIG_FILES_MAX).map(|n| format!("{n}.toml")).collect();
    let files: Vec<(&str, &[u8])> = names.iter().map(|name| (&**name, &b""[..])).collect();
    assert_eq!(error_of(&files), "DIR: found 257 files, allowed: at most 256");
}

#[test]
fn what_is_not_a_file_is_not_opened_but_a_link_to_one_is() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("real"), "").unwrap();
    symlink("real", folder.path().join("a.toml")).unwrap();
    assert!(load(folder.path()).is_ok());
    let pipe = folder.path().join("b.toml");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let error = load(folder.path()).unwrap_err().to_string();
    assert_eq!(error, format!("{}: found something else, allowed: a file", pipe.display()));
}

#[test]
fn files_are_one_configuration_and_their_errors_are_reported_together() {
    let error = error_of(&[
        ("b.toml", b"[[host]]\nname = \"h1\"\naddress = \"10.0.0.1\"\n"),
        ("a.toml", b"[[host]]\nname = \"h1\"\naddress = 7\n"),
    ]);
    let expected = "a.toml:3: host \"h1\": address: found 7, allowed: an IPv4 or IPv6 address\n\
        b.toml:2: host \"h1\": name: found \"h1\" again, first at a.toml:2, \
        allowed: each host name once";
    assert_eq!(error, expected);
}

#[test]
fn the_file_of_a_host_agent_is_read_and_its_errors_are_reported_together() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("host-agent.toml");
    let right = "host = \"h1\"\ncontrol = \"10.82.1.1:7600\"\n\
        certificate = \"h1.pem\"\nkey = \"h1.key\"\nca = \"ca.pem\"\n";
    fs::write(&path, right).unwrap();
    let settings = load_host_agent(&path).unwrap();
    assert_eq!(settings.host.as_str(), "h1");
    assert_eq!(settings.control, ["10.82.1.1:7600".into()]);
    assert_eq!(&*settings.state, "/var/lib/takeover");
    fs::write(&path, right.replace(":7600", "").replace("host =", "hots =")).unwrap();
    let error = load_host_agent(&path).unwrap_err().to_string();
    let expected = "host-agent.toml:1: host: found nothing, allowed: 1 to 64 letters, digits, \
        \"_\", \"-\" or \".\", the first a letter or digit\n\
        host-agent.toml:1: hots: found a key that is not known, allowed: host, control, \
        certificate, key, ca, state, plugins, grants, slow_call_ms, sockets; nearest: host\n\
        host-agent.toml:2: control: found \"10.82.1.1\", allowed: an address or a name, and a \
        port, as in \"ctl.example:7600\", or a list of them";
    assert_eq!(error, expected);
}
