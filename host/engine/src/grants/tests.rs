//! What is denied, and in which words.

use super::*;

fn asking_for(permissions: &[Permission]) -> Grants {
    let asked = permissions.iter().map(|p| (*p, "a reason".to_owned())).collect();
    Grants::new("reaction-x", asked)
}

#[test]
fn every_permission_is_denied_until_it_is_asked_for() {
    let nothing = asking_for(&[]);
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
fn asking_for_one_permission_opens_no_other() {
    for asked in Permission::ALL {
        let grants = asking_for(&[asked]);
        for permission in Permission::ALL {
            let expected =
                permission == asked && Permission::GRANTED_WHEN_ASKED.contains(&permission);
            assert_eq!(grants.check(permission).is_ok(), expected, "{asked} asked, {permission}");
        }
    }
}

#[test]
fn permission_that_needs_the_operator_is_denied_although_asked_for() {
    let denied = asking_for(&[Permission::Http]).check(Permission::Http).unwrap_err();
    assert_eq!(
        denied.to_string(),
        "denied: permission http of reaction-x is not granted by the operator"
    );
}

#[test]
fn words_and_permissions_are_one_to_one() {
    for permission in Permission::ALL {
        assert_eq!(Permission::from_word(permission.word()), Some(permission));
    }
    assert_eq!(Permission::from_word("telepathy"), None);
}
