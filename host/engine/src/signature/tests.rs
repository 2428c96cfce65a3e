//! A signature counts for one manifest and one key, and for nothing else.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use super::*;

const MANIFEST: &[u8] = b"name = \"reaction-x\"\n\n[component]\nsha256 = \"00\"\nsize_bytes = 2\n";

fn key() -> SigningKey {
    SigningKey::from_seed([7; 32]).unwrap()
}

#[test]
fn signature_says_who_signed() {
    let signature = key().sign(MANIFEST);
    assert!(signature.starts_with("ed25519:") && signature.ends_with('\n'), "{signature}");
    assert_eq!(verify(MANIFEST, &signature), Ok(key().public()));
    assert_eq!(verify(MANIFEST, signature.trim_end()), Ok(key().public()));
    let text = key().public().to_string();
    assert_eq!(text.parse(), Ok(key().public()));
}

#[test]
fn changed_manifest_and_changed_digest_are_seen() {
    let signature = key().sign(MANIFEST);
    let unfit = Err(SignatureError::Unfit(key().public()));
    for position in 0..MANIFEST.len() {
        let mut changed = MANIFEST.to_vec();
        changed[position] ^= 1;
        assert_eq!(verify(&changed, &signature), unfit, "byte {position}");
    }
    assert_eq!(verify(&MANIFEST[1..], &signature), unfit);
    assert_eq!(verify(&[MANIFEST, b"\n"].concat(), &signature), unfit);
    assert_eq!(verify(b"", &signature), unfit);
}

#[test]
fn signature_of_one_key_does_not_pass_for_that_of_another() {
    let other = SigningKey::generate().unwrap();
    assert_ne!(other.public(), key().public());
    let signature = key().sign(MANIFEST);
    let (_, bytes) = signature.split_once(' ').unwrap();
    let claimed = format!("{} {bytes}", other.public());
    assert_eq!(verify(MANIFEST, &claimed), Err(SignatureError::Unfit(other.public())));
}

#[test]
fn what_was_signed_for_another_purpose_does_not_count() {
    let bare = key().pair.sign(MANIFEST);
    let text = format!("{} {}\n", key().public(), BASE64.encode(bare));
    assert_eq!(verify(MANIFEST, &text), Err(SignatureError::Unfit(key().public())));
}

#[test]
fn changed_bits_of_a_signature_are_seen() {
    let signature = key().sign(MANIFEST);
    let (name, encoded) = signature.trim_end().split_once(' ').unwrap();
    let bytes = BASE64.decode(encoded).unwrap();
    for position in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[position] ^= 1;
        let text = format!("{name} {}", BASE64.encode(changed));
        assert_eq!(verify(MANIFEST, &text), Err(SignatureError::Unfit(key().public())));
    }
}

#[test]
fn truncated_texts_and_garbage_are_no_signatures() {
    let whole = key().sign(MANIFEST);
    let whole = whole.trim_end();
    for length in 0..whole.len() {
        let found = verify(MANIFEST, &whole[..length]);
        assert_eq!(found, Err(SignatureError::Malformed), "{length} bytes");
    }
    let key_alone = key().public().to_string();
    for text in [
        "garbage".to_owned(),
        format!("{whole} "),
        format!("{whole}\n\n"),
        format!(" {whole}"),
        format!("{whole}{}", "A".repeat(4)),
        format!("{key_alone} {}", "!".repeat(88)),
        format!("{key_alone}  {}", "A".repeat(88)),
        whole.replace("ed25519:", "rsa:"),
        whole.replace(' ', "\t"),
        "\0".repeat(200),
    ] {
        assert_eq!(verify(MANIFEST, &text), Err(SignatureError::Malformed), "{text:?}");
    }
    for text in ["", "ed25519:", "ed25519:AAAA", "AAAA", &key_alone[..50]] {
        assert_eq!(text.parse::<PublicKey>(), Err(NotAKey), "{text:?}");
    }
}

#[test]
fn key_file_is_its_owners_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("signer.key");
    let made = SigningKey::generate().unwrap();
    made.write_new(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(SigningKey::read(&path).unwrap().public(), made.public());
    let again = made.write_new(&path).unwrap_err();
    assert!(matches!(again, KeyError::File(..)), "{again}");
    for mode in [0o640, 0o604, 0o620, 0o644] {
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let error = SigningKey::read(&path).unwrap_err().to_string();
        assert!(error.ends_with("others can read or change it; allowed is 600 or less"), "{error}");
    }
}

#[test]
fn file_that_is_no_key_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("signer.key");
    let good = format!("{PRIVATE}{}\n", BASE64.encode([1; 32]));
    for (text, is_key) in [
        (good.clone(), true),
        (format!("# a comment\n\n{good}"), true),
        (format!("{good}{good}"), false),
        (String::new(), false),
        ("ed25519-private:AAAA\n".to_owned(), false),
        (good[..30].to_owned(), false),
        (key().public().to_string(), false),
    ] {
        fs::write(&path, &text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        assert_eq!(SigningKey::read(&path).is_ok(), is_key, "{text:?}");
    }
    let missing = SigningKey::read(&folder.path().join("none")).unwrap_err();
    assert!(matches!(missing, KeyError::File(..)), "{missing}");
}

#[test]
fn private_key_is_not_in_its_debug_text() {
    assert_eq!(format!("{:?}", key()), format!("SigningKey({})", key().public()));
}
