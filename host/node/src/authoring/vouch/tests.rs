//! Keys, signatures and grants of a plugin as built by `cargo xtask build-plugins`.

use takeover_engine::package::Package;
use tempfile::TempDir;

use super::*;

const WEBHOOK: &str = "reaction-notify-webhook";

const ROWS: &str = "[[grant]]\npermission = \"http\"\n\
                    destinations = [\"https://pager.example.com/v1/\"]\n";

/// A copy of a shipped component in a folder of its own.
fn dist(name: &str) -> (TempDir, PathBuf) {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join(name);
    fs::create_dir(&folder).unwrap();
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/plugins.d").join(name);
    for file in ["plugin.toml", "component.wasm"] {
        fs::copy(built.join(file), folder.join(file))
            .unwrap_or_else(|_| panic!("no {name}: run `cargo xtask build-plugins` first"));
    }
    (parent, folder)
}

#[test]
fn signed_plugin_is_granted_by_its_signer() {
    let (parent, folder) = dist(WEBHOOK);
    let (key, grants) = (parent.path().join("author.key"), parent.path().join("grants.d"));
    let public = keygen(&key).unwrap();
    assert_eq!(sign(&folder, &key).unwrap(), public);
    assert_eq!(sign(&folder, &key).unwrap(), public, "again");
    let granted = grant(&folder, &grants, Some(ROWS), (BindTo::Signer, false)).unwrap();
    assert_eq!(granted.permissions, ["http"]);
    let package = Package::read(&folder, WEBHOOK, &grants).unwrap().verify().unwrap();
    assert_eq!(package.signer, Some(public));
    assert!(matches!(package.approval().unwrap(), Approval::Granted(_)));
}

#[test]
fn grant_of_a_digest_holds_for_no_other_component() {
    let (parent, folder) = dist(WEBHOOK);
    let grants = parent.path().join("grants.d");
    grant(&folder, &grants, Some(ROWS), (BindTo::Digest, false)).unwrap();
    let manifest = folder.join("plugin.toml");
    let (other, _) = (dist("reaction-vip"), ());
    fs::copy(other.1.join("component.wasm"), folder.join("component.wasm")).unwrap();
    let text = fs::read_to_string(&manifest).unwrap();
    let vip = fs::read_to_string(other.1.join("plugin.toml")).unwrap();
    let component = vip.split_once("\n[component]").unwrap().1;
    let head = text.split_once("\n[component]").unwrap().0;
    fs::write(&manifest, format!("{head}\n[component]{component}")).unwrap();
    let package = Package::read(&folder, WEBHOOK, &grants).unwrap().verify().unwrap();
    assert!(matches!(package.approval().unwrap(), Approval::NotBound(_)));
}

#[test]
fn what_is_left_out_or_there_already_is_said_and_nothing_is_written() {
    let (parent, folder) = dist(WEBHOOK);
    let grants = parent.path().join("grants.d");
    let error = grant(&folder, &grants, Some(""), (BindTo::Digest, false)).unwrap_err();
    assert!(error.to_string().contains("http"), "{error}");
    let error = grant(&folder, &grants, Some(ROWS), (BindTo::Signer, false)).unwrap_err();
    assert!(error.to_string().contains("not signed"), "{error}");
    let wrong = ROWS.replace("destinations", "destination");
    let error = grant(&folder, &grants, Some(&wrong), (BindTo::Digest, false)).unwrap_err();
    assert!(error.to_string().contains("destination"), "{error}");
    assert!(!grants.exists());
    grant(&folder, &grants, Some(ROWS), (BindTo::Digest, false)).unwrap();
    let error = grant(&folder, &grants, Some(ROWS), (BindTo::Digest, false)).unwrap_err();
    assert!(matches!(error, AuthoringError::Exists(_)), "{error}");
    grant(&folder, &grants, Some(ROWS), (BindTo::Digest, true)).unwrap();
}

#[test]
fn component_that_does_not_fit_is_not_signed() {
    let (parent, folder) = dist(WEBHOOK);
    let key = parent.path().join("author.key");
    keygen(&key).unwrap();
    assert!(keygen(&key).is_err(), "a key is never overwritten");
    fs::write(folder.join("component.wasm"), "another").unwrap();
    assert!(matches!(sign(&folder, &key), Err(AuthoringError::Rejected(_))));
    assert!(!folder.join(SIGNATURE_FILE).exists());
}
