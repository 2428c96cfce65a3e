//! What is granted and what is denied, and in which words.

mod file;
mod scope;

use super::*;
use crate::package::Manifest;
use crate::signature::{PublicKey, SigningKey};

const SHA256: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// A signer's key; anybody can have its private part.
pub(super) fn signer() -> PublicKey {
    "ed25519:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".parse().unwrap()
}

/// Reads a file for one component with these rows; the answer is what it grants.
pub(super) fn file_with(rows: &str) -> Result<Vec<Permission>, Vec<String>> {
    let text = format!("sha256 = \"{SHA256}\"\n{rows}");
    let file = GrantFile::parse("reaction-x", &text).map_err(|error| error.problems)?;
    Ok(file.permissions().collect())
}

fn grant_file(rows: &str) -> GrantFile {
    GrantFile::parse("reaction-x", &format!("sha256 = \"{SHA256}\"\n{rows}")).unwrap()
}

fn manifest(asked: &[Permission]) -> Manifest {
    let rows: String = asked
        .iter()
        .map(|one| format!("[[permission]]\nname = \"{one}\"\nreason = \"needs {one}\"\n"))
        .collect();
    let text = format!(
        "name = \"reaction-x\"\nversion = \"1\"\nkind = \"alarm-reaction\"\nwit = \"1.0.0\"\n\
         description = \"x\"\n{rows}[component]\nsha256 = \"{SHA256}\"\nsize_bytes = 2\n"
    );
    Manifest::parse(&text).unwrap()
}

/// The grants of a plugin that asks for everything, with this answer of the operator.
fn grants_of(rows: &str) -> Grants {
    let file = grant_file(rows);
    let asked: Vec<Permission> = file.permissions().collect();
    match decide(&manifest(&asked), SHA256, None, Some(&file)) {
        Approval::Granted(grants) => grants,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_permission_is_denied_until_it_is_asked_for() {
    let Approval::Granted(nothing) = decide(&manifest(&[]), SHA256, None, None) else { panic!() };
    for permission in Permission::ALL {
        let denied = nothing.check(permission).unwrap_err().to_string();
        assert_eq!(
            denied,
            format!(
                "denied: permission {permission} is not asked for in plugin.toml of reaction-x"
            )
        );
    }
}

#[test]
fn granting_and_asking_for_one_permission_opens_no_other() {
    for one in Permission::ALL {
        let grants = grants_of(page::example(one));
        for permission in Permission::ALL {
            assert_eq!(grants.check(permission).is_ok(), permission == one, "{one}, {permission}");
        }
    }
}

#[test]
fn granted_without_being_asked_for_is_denied() {
    for permission in Permission::ALL {
        let file = grant_file(page::example(permission));
        let Approval::Granted(grants) = decide(&manifest(&[]), SHA256, None, Some(&file)) else {
            panic!("{permission}")
        };
        let denied = grants.check(permission).unwrap_err().to_string();
        assert!(denied.contains("is not asked for"), "{denied}");
    }
}

#[test]
fn asked_for_without_being_granted_is_denied_even_where_such_a_plugin_runs() {
    let asked = BTreeSet::from(Permission::ALL);
    let grants = Grants::new("reaction-x", asked, BTreeMap::new());
    for permission in Permission::ALL {
        assert_eq!(
            grants.check(permission).unwrap_err().to_string(),
            format!("denied: permission {permission} of reaction-x is not granted by the operator")
        );
    }
}

#[test]
fn without_a_file_three_permissions_take_effect_and_the_others_wait() {
    for permission in Permission::ALL {
        let approval = decide(&manifest(&[permission]), SHA256, None, None);
        if Permission::GRANTED_WHEN_ASKED.contains(&permission) {
            let Approval::Granted(grants) = approval else { panic!("{approval:?}") };
            assert_eq!(grants.check(permission), Ok(()));
            continue;
        }
        let Approval::PendingApproval(pending) = approval else { panic!("{approval:?}") };
        assert_eq!(
            pending.to_string(),
            format!(
                "pending approval: it asks for {permission} (needs {permission}), and \
                 grants.d/reaction-x.toml does not exist"
            )
        );
    }
}

#[test]
fn with_a_file_it_alone_decides() {
    let file = grant_file("");
    for permission in Permission::ALL {
        let approval = decide(&manifest(&[permission]), SHA256, None, Some(&file));
        assert!(matches!(approval, Approval::PendingApproval(_)), "{permission}: {approval:?}");
    }
    let wanted = [Permission::Http, Permission::Management, Permission::VipControl];
    let file = grant_file(page::example(Permission::VipControl));
    let approval = decide(&manifest(&wanted), SHA256, None, Some(&file));
    let Approval::PendingApproval(pending) = approval else { panic!("{approval:?}") };
    assert_eq!(
        pending.to_string(),
        "pending approval: it asks for http (needs http) and management (needs management), and \
         grants.d/reaction-x.toml does not grant it"
    );
}

#[test]
fn grant_holds_for_its_component_only() {
    let file = grant_file(page::example(Permission::Memory));
    let asks = manifest(&[Permission::Memory]);
    let same = decide(&asks, &SHA256.to_ascii_uppercase(), None, Some(&file));
    assert!(matches!(same, Approval::Granted(_)), "{same:?}");
    let other = "b".repeat(64);
    let Approval::NotBound(not_bound) = decide(&asks, &other, None, Some(&file)) else { panic!() };
    assert_eq!(
        not_bound.to_string(),
        format!(
            "pending approval: grants.d/reaction-x.toml holds for the component with sha256 \
             {SHA256}, and this one has {other}"
        )
    );
    // Also when it asks for nothing, or for what is granted without a file.
    let nothing = decide(&manifest(&[]), &other, None, Some(&file));
    assert!(matches!(nothing, Approval::NotBound(_)), "{nothing:?}");
}

#[test]
fn grant_for_a_signer_holds_for_what_that_key_signed_only() {
    let text = format!("signer = \"{}\"\n[[grant]]\npermission = \"memory\"\n", signer());
    let file = GrantFile::parse("reaction-x", &text).unwrap();
    let asks = manifest(&[Permission::Memory]);
    let signed = decide(&asks, SHA256, Some(signer()), Some(&file));
    assert!(matches!(signed, Approval::Granted(_)), "{signed:?}");
    let unsigned = decide(&asks, SHA256, None, Some(&file));
    let Approval::NotBound(unsigned) = unsigned else { panic!("{unsigned:?}") };
    let sentence = unsigned.to_string();
    assert!(sentence.ends_with("signed, and this one is not signed"), "{sentence}");
    let stranger = SigningKey::generate().unwrap().public();
    let other = decide(&asks, SHA256, Some(stranger), Some(&file));
    let Approval::NotBound(other) = other else { panic!("{other:?}") };
    let sentence = other.to_string();
    assert!(sentence.ends_with(&format!("this one is signed by {stranger}")), "{sentence}");
}

#[test]
fn words_and_permissions_are_one_to_one() {
    for permission in Permission::ALL {
        assert_eq!(Permission::from_word(permission.word()), Some(permission));
    }
    assert_eq!(Permission::from_word("telepathy"), None);
}
