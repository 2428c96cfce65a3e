//! Certificates made here pass the checks made here; each thing wrong has its own sentence.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::{PkiError, TlsFiles, check, create_ca, create_control, create_host, create_token};

fn files(folder: &Path, stem: &str) -> TlsFiles {
    TlsFiles {
        certificate: folder.join(format!("{stem}.pem")),
        key: folder.join(format!("{stem}.key")),
        ca: folder.join("ca.pem"),
    }
}

fn made() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    create_ca(folder.path(), "test", 2).unwrap();
    create_control(folder.path(), &["localhost".into(), "127.0.0.1".into()], 2).unwrap();
    create_host(folder.path(), "h1", 2).unwrap();
    folder
}

/// The sentence of an error, without the folder's path.
fn sentence(folder: &Path, error: &PkiError) -> String {
    error.to_string().replace(&format!("{}/", folder.display()), "")
}

fn refusal(folder: &Path, stem: &str) -> String {
    sentence(folder, &check(&files(folder, stem)).unwrap_err())
}

#[test]
fn made_certificates_are_private_valid_and_carry_their_names() {
    let folder = made();
    let control = check(&files(folder.path(), "control")).unwrap();
    assert_eq!(control.names, ["localhost", "127.0.0.1"]);
    assert_eq!(check(&files(folder.path(), "h1")).unwrap().names, ["h1"]);
    for name in ["ca.pem", "ca.key", "control.pem", "control.key", "h1.pem", "h1.key"] {
        let mode = fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn nothing_is_overwritten_and_nothing_half_written() {
    let folder = made();
    let before = fs::read(folder.path().join("h1.key")).unwrap();
    let error = create_host(folder.path(), "h1", 2).unwrap_err();
    assert_eq!(
        sentence(folder.path(), &error),
        "h1.pem: exists already; remove it first if it is to be replaced"
    );
    assert_eq!(fs::read(folder.path().join("h1.key")).unwrap(), before);
    let empty = tempfile::tempdir().unwrap();
    let error = create_host(empty.path(), "h1", 2).unwrap_err();
    assert_eq!(sentence(empty.path(), &error), "ca.pem: can not be read");
    assert_eq!(fs::read_dir(empty.path()).unwrap().count(), 0);
}

#[test]
fn values_out_of_range_are_refused() {
    let folder = made();
    let refused = |result: Result<super::Created, PkiError>| result.unwrap_err().to_string();
    assert_eq!(
        refused(create_host(folder.path(), "h9", 0)),
        "validity: found \"0\", allowed: 1 to 36500 days"
    );
    assert_eq!(
        refused(create_host(folder.path(), "../h9", 2)),
        "name of the host: found \"../h9\", allowed: 1 to 64 letters, digits, -, _ and ., \
         not beginning with ."
    );
    assert_eq!(
        refused(create_control(folder.path(), &[], 2)),
        "names of the control server: found \"\", allowed: at least one DNS name or address"
    );
}

#[test]
fn each_bad_file_has_its_own_sentence() {
    let folder = made();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let copy = |from: &str, to: &str| {
        fs::copy(folder.path().join(from), folder.path().join(to)).unwrap();
    };
    assert_eq!(refusal(folder.path(), "h2"), "h2.pem: can not be read");

    copy("h1.pem", "a.pem");
    copy("control.key", "a.key");
    assert_eq!(refusal(folder.path(), "a"), "a.key: not the key of a.pem");

    copy("h1.key", "b.pem");
    copy("h1.key", "b.key");
    assert_eq!(
        refusal(folder.path(), "b"),
        "b.pem: found no certificate (-----BEGIN CERTIFICATE-----)"
    );

    copy("h1.pem", "c.pem");
    copy("h1.pem", "c.key");
    assert_eq!(
        refusal(folder.path(), "c"),
        "c.key: found no private key (-----BEGIN PRIVATE KEY-----)"
    );

    write("d.pem", &"x".repeat(300 << 10));
    assert_eq!(refusal(folder.path(), "d"), "d.pem: larger than 262144 bytes");
}

#[test]
fn a_certificate_of_another_ca_is_named() {
    let folder = made();
    let other = tempfile::tempdir().unwrap();
    create_ca(other.path(), "another", 2).unwrap();
    create_host(other.path(), "h1", 2).unwrap();
    let mut mixed = files(other.path(), "h1");
    mixed.ca = folder.path().join("ca.pem");
    let text = check(&mixed).unwrap_err().to_string();
    assert!(text.contains("h1.pem: issued by \"CN=another\", which is not in"), "{text}");
}

#[test]
fn an_expired_certificate_is_refused_with_its_date() {
    let folder = made();
    expired_host(folder.path(), "old");
    assert_eq!(
        refusal(folder.path(), "old"),
        "old.pem: the certificate expired at 2001-02-03T00:00:00Z"
    );
}

#[test]
fn a_token_matches_its_digest_and_is_never_the_same() {
    use sha2::Digest;
    let (token, digest) = create_token().unwrap();
    assert_eq!(super::hex(&sha2::Sha256::digest(token.as_bytes())), digest);
    assert_ne!(create_token().unwrap().0, token);
}

/// A host certificate of the folder's CA whose time was over in 2001.
pub(crate) fn expired_host(folder: &Path, host: &str) {
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    let ca_key = rcgen::KeyPair::from_pem(&read("ca.key")).unwrap();
    let issuer = rcgen::Issuer::from_ca_cert_pem(&read("ca.pem"), ca_key).unwrap();
    let mut params = rcgen::CertificateParams::new(vec![host.to_owned()]).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::CommonName, host);
    params.not_before = rcgen::date_time_ymd(2000, 1, 1);
    params.not_after = rcgen::date_time_ymd(2001, 2, 3);
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap();
    fs::write(folder.join(format!("{host}.pem")), certificate.pem()).unwrap();
    fs::write(folder.join(format!("{host}.key")), key.serialize_pem()).unwrap();
}
