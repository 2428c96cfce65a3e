//! Files that change while a node runs.

use super::*;
use crate::link::tests::{files, pki_folder};
use crate::pki::create_node;
use crate::sip_node::thread::tests::Heard;

const DIRECTORY: &str = "[TServer]\nswitch = \"site1\"\nsip-address = \"192.0.2.9\"\n";

fn input(heard: &mut Heard) -> Input {
    match heard.next() {
        Item::Input(input) => input,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_directory_is_read_and_a_bad_one_is_told_and_stays_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("directory.toml");
    std::fs::write(&path, DIRECTORY).unwrap();
    let (post, mut heard) = Heard::new();
    let task = tokio::spawn(Reload::new(path.clone(), None, post).run());
    let more = format!("{DIRECTORY}\n[[dn]]\nnumber = \"1000\"\ntype = \"Extension\"\n");
    std::fs::write(&path, &more).unwrap();
    let Input::Directory(directory) = input(&mut heard) else { panic!("it is good") };
    assert!(directory.dn("1000").is_some());
    std::fs::write(&path, more.replace("Extension", "Telephone")).unwrap();
    let Input::NotLoaded(reason) = input(&mut heard) else { panic!("it is bad") };
    assert!(reason.starts_with("directory.toml:7: "), "{reason}");
    std::fs::write(&path, DIRECTORY).unwrap();
    let Input::Directory(directory) = input(&mut heard) else { panic!("it is good again") };
    assert!(directory.dn("1000").is_none());
    task.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_are_exchanged_and_bad_ones_are_not() {
    let folder = pki_folder();
    create_node(folder.path(), "a", &[], 2).unwrap();
    let files = files(folder.path(), "a");
    let certificates = Certificates::read(&files).unwrap();
    let directory = folder.path().join("directory.toml");
    std::fs::write(&directory, DIRECTORY).unwrap();
    let (post, mut heard) = Heard::new();
    let mut reload = Reload::new(directory, Some(certificates.clone()), post);
    let first = certificates.stream.load_full();
    assert!(reload.turn(false).await);
    assert!(Arc::ptr_eq(&first, &certificates.stream.load_full()), "nothing has changed");
    let good = std::fs::read(&files.certificate).unwrap();
    std::fs::write(&files.certificate, "no certificate").unwrap();
    assert!(reload.turn(false).await);
    assert!(matches!(input(&mut heard), Input::NotLoaded(_)));
    assert!(Arc::ptr_eq(&first, &certificates.stream.load_full()), "the last good one stays");
    std::fs::write(&files.certificate, good).unwrap();
    assert!(reload.turn(false).await);
    assert!(!Arc::ptr_eq(&first, &certificates.stream.load_full()));
    assert!(reload.turn(true).await, "a signal reads everything");
    assert!(matches!(input(&mut heard), Input::Directory(_)));
}
