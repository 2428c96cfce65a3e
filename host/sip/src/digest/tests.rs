//! Vectors of RFC 7616, a telephone that knows its password, and those that do not.

use takeover_logic::time::Instant;

use super::*;
use crate::limits::{
    DN_FAILURES_MAX, FAILURES_MAX, FAILURES_WINDOW, NONCES_MAX, SOURCE_FAILURES_MAX,
};

const KEY: [u8; 16] = *b"0123456789abcdef";

fn at(ms: u64) -> Now {
    Now { instant: Instant(ms * 1_000_000), at: Timestamp(1_700_000_000_000 + ms) }
}

fn digest() -> Digest {
    Digest::new("switch".into(), KEY, 1)
}

/// The value of a parameter of a challenge.
fn value<'a>(challenge: &'a str, name: &str) -> &'a str {
    let start = challenge.find(&format!("{name}=")).unwrap() + name.len() + 1;
    challenge[start..].split(',').next().unwrap().trim_matches('"')
}

/// What a telephone sends for a challenge.
fn answer(challenge: &str, password: &str, count: u32) -> String {
    let algorithm = Algorithm::from_name(value(challenge, "algorithm").as_bytes()).unwrap();
    let nonce = value(challenge, "nonce");
    let realm = value(challenge, "realm");
    let head = format!(
        "Digest username=\"7001\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"sip:pbx\", \
         algorithm={}, qop=auth, nc={count:08x}, cnonce=\"c\", response=",
        algorithm.name()
    );
    let blank = format!("{head}\"\"");
    let credentials = Credentials::parse(blank.as_bytes()).unwrap();
    let response =
        Ha1::of(algorithm, "7001", realm, password).response(algorithm, b"REGISTER", &credentials);
    format!("{head}\"{response}\"")
}

fn check(digest: &mut Digest, now: Now, value: &str, source: u8) -> Outcome {
    let passwords = Passwords::new("secret");
    let attempt = Attempt {
        values: &[value.as_bytes()],
        method: b"REGISTER",
        source: IpAddr::from([10, 0, 0, source]),
        dn: "7001",
        passwords: Some(&passwords),
    };
    digest.check(now, &attempt)
}

fn challenge(digest: &mut Digest, now: Now) -> String {
    digest.challenge(now.at, false, None).next().unwrap()
}

#[test]
fn responses_are_those_of_rfc_7616() {
    let vectors = [
        (Algorithm::Md5, "8ca523f5e9506fed4657c9700eebdbec"),
        (Algorithm::Sha256, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ];
    for (algorithm, expected) in vectors {
        let value = format!(
            "Digest username=\"Mufasa\", realm=\"http-auth@example.org\", \
             uri=\"/dir/index.html\", algorithm={}, \
             nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", nc=00000001, \
             cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\", qop=auth, \
             response=\"{expected}\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"",
            algorithm.name()
        );
        let credentials = Credentials::parse(value.as_bytes()).unwrap();
        let ha1 = Ha1::of(algorithm, "Mufasa", "http-auth@example.org", "Circle of Life");
        assert_eq!(ha1.response(algorithm, b"GET", &credentials), expected);
    }
}

#[test]
fn each_algorithm_has_a_challenge_and_either_is_accepted() {
    let mut digest = digest();
    let offered: Vec<String> = digest.challenge(at(0).at, false, None).collect();
    assert_eq!(offered.len(), 2);
    assert!(offered[0].contains("algorithm=SHA-256, qop=\"auth\""), "{offered:?}");
    assert!(offered[1].contains("algorithm=MD5, qop=\"auth\""), "{offered:?}");
    let (sha, md5) = (answer(&offered[0], "secret", 1), answer(&offered[1], "secret", 2));
    assert_eq!(check(&mut digest, at(5), &sha, 1), Outcome::Accepted);
    assert_eq!(check(&mut digest, at(5), &md5, 1), Outcome::Accepted);
    let only_md5 = Passwords {
        md5: Some(Ha1::of(Algorithm::Md5, "7001", "switch", "x")),
        ..Passwords::default()
    };
    let offered: Vec<String> = digest.challenge(at(0).at, true, Some(&only_md5)).collect();
    assert!(offered.len() == 1 && offered[0].contains("MD5"), "{offered:?}");
    assert!(offered[0].ends_with(", stale=true"), "{offered:?}");
}

#[test]
fn a_nonce_of_one_node_is_good_at_the_other() {
    let (mut first, mut second) = (digest(), Digest::new("switch".into(), KEY, 2));
    let value = answer(&challenge(&mut first, at(0)), "secret", 1);
    assert_eq!(check(&mut second, at(1), &value, 1), Outcome::Accepted);
    let mut stranger = Digest::new("switch".into(), [7; 16], 1);
    let outcome = check(&mut stranger, at(1), &value, 1);
    assert_eq!(outcome, Outcome::Challenge { stale: true });
}

#[test]
fn no_proof_is_good_twice_and_counts_may_come_out_of_order() {
    let mut digest = digest();
    let challenge = challenge(&mut digest, at(0));
    let mut count = |count| check(&mut digest, at(1), &answer(&challenge, "secret", count), 1);
    let (accepted, stale) = (Outcome::Accepted, Outcome::Challenge { stale: true });
    let script = [(1, accepted), (1, stale), (3, accepted), (2, accepted), (2, stale)];
    for (number, expected) in script {
        assert_eq!(count(number), expected, "count {number}");
    }
    assert_eq!(count(200), accepted);
    assert_eq!(count(136), stale, "too far behind to know");
    assert_eq!(count(137), accepted);
}

#[test]
fn an_old_or_future_nonce_is_stale_and_a_wrong_password_is_wrong() {
    let mut digest = digest();
    let challenge = challenge(&mut digest, at(100_000));
    let value = answer(&challenge, "secret", 1);
    let life = u64::try_from(NONCE_LIFE.as_millis()).unwrap();
    for ms in [100_000 + life, 100_000 - 30_001] {
        let outcome = check(&mut digest, at(ms), &value, 1);
        assert_eq!(outcome, Outcome::Challenge { stale: true }, "at {ms}");
    }
    let wrong = answer(&challenge, "guess", 1);
    assert_eq!(check(&mut digest, at(100_000), &wrong, 1), Outcome::Wrong);
    assert_eq!(check(&mut digest, at(100_000 - 30_000), &value, 1), Outcome::Accepted);
    let nothing = Attempt {
        values: &[],
        method: b"REGISTER",
        source: IpAddr::from([10, 0, 0, 1]),
        dn: "7001",
        passwords: None,
    };
    assert_eq!(digest.check(at(0), &nothing), Outcome::Challenge { stale: false });
    let unknown = Attempt { values: &[value.as_bytes()], ..nothing };
    assert_eq!(digest.check(at(100_000), &unknown), Outcome::Wrong);
    let other = Attempt {
        values: &[b"Digest realm=\"other\", username=\"7001\", nonce=\"\", \
        uri=\"\", response=\"\", cnonce=\"\", nc=00000001, qop=auth"],
        ..nothing
    };
    assert_eq!(digest.check(at(0), &other), Outcome::Challenge { stale: false });
}

#[test]
fn guessing_is_stopped_and_the_owner_gets_in_all_the_same() {
    let mut digest = digest();
    let good = challenge(&mut digest, at(0));
    assert_eq!(check(&mut digest, at(0), &answer(&good, "secret", 1), 1), Outcome::Accepted);
    let wrong = answer(&good, "guess", 1);
    for _ in 0..DN_FAILURES_MAX {
        assert_eq!(check(&mut digest, at(1000), &wrong, 9), Outcome::Wrong);
    }
    let window = u32::try_from(FAILURES_WINDOW.as_secs()).unwrap();
    let throttled = Outcome::Throttled { retry_after_s: window };
    assert_eq!(check(&mut digest, at(1000), &wrong, 8), throttled, "from anywhere");
    assert_eq!(check(&mut digest, at(1000), &answer(&good, "secret", 2), 1), Outcome::Accepted);
    let later = at(1000 + u64::from(window) * 1000);
    assert_eq!(check(&mut digest, later, &wrong, 8), Outcome::Wrong, "the window is over");
}

#[test]
fn a_source_is_stopped_whatever_dn_it_tries() {
    let mut throttle = Throttle::default();
    let source = IpAddr::from([10, 0, 0, 9]);
    for n in 0..SOURCE_FAILURES_MAX {
        let dn = format!("7{n:03}");
        assert_eq!(throttle.refuses(Instant(1), source, &dn), None);
        throttle.failed(Instant(1), source, Some(&dn));
    }
    assert_eq!(throttle.refuses(Instant(1), source, "1"), Some(FAILURES_WINDOW));
    assert_eq!(throttle.refuses(Instant(1), IpAddr::from([10, 0, 0, 8]), "1"), None);
}

#[test]
fn tables_stay_within_their_bounds() {
    let mut replays = Replays::default();
    let count = u64::try_from(NONCES_MAX).unwrap() + 10;
    for n in 0..count {
        assert_eq!(replays.count(Timestamp(n), 1, 1), Count::New);
    }
    assert_eq!(replays.len(), NONCES_MAX);
    assert_eq!(replays.count(Timestamp(0), 1, 1), Count::Forgotten);
    assert_eq!(replays.count(Timestamp(9), 2, 1), Count::New, "it is newer than the forgotten");
    let mut throttle = Throttle::default();
    for n in 0..u32::try_from(FAILURES_MAX).unwrap() + 10_u32 {
        throttle.failed(Instant(1), IpAddr::from(n.to_be_bytes()), Some(&n.to_string()));
    }
    assert_eq!(throttle.len(), (FAILURES_MAX, FAILURES_MAX));
}

/// RFC 4475 section 3.3.7.
#[test]
fn a_scheme_that_is_not_spoken_here_is_challenged_and_bad_credentials_are_not() {
    let mut digest = digest();
    for (value, expected) in [
        ("NoOneKnowsThisScheme opaque-data=here", Outcome::Challenge { stale: false }),
        ("Digest realm", Outcome::Malformed(Malformed::Syntax)),
    ] {
        assert_eq!(check(&mut digest, at(0), value, 1), expected, "{value}");
    }
}

#[test]
fn what_is_malformed_is_named() {
    let full = "Digest username=\"a\", realm=\"r\", nonce=\"n\", uri=\"u\", response=\"s\", \
                cnonce=\"c\", nc=00000001, qop=auth";
    let parse = |text: &str| Credentials::parse(text.as_bytes()).map(|c| c.algorithm);
    assert_eq!(parse(full), Ok(Algorithm::Md5));
    assert_eq!(parse(&full.replace("\"a\"", "\"a\\\"b, c=d\"")), Ok(Algorithm::Md5));
    assert_eq!(parse(&format!("{full}, algorithm=sha-256 , x=\"y\"")), Ok(Algorithm::Sha256));
    let wrong = [
        ("Basic abc", Malformed::Scheme),
        ("Dig", Malformed::Scheme),
        ("Digest realm=\"r", Malformed::Syntax),
        ("Digest realm", Malformed::Syntax),
        ("Digest realm=\"r\",", Malformed::Syntax),
        ("Digest realm=\"r\" nonce=\"n\"", Malformed::Syntax),
        ("Digest =\"r\"", Malformed::Syntax),
        ("Digest qop=auth", Malformed::Missing("nc")),
        ("Digest realm=\"r\"", Malformed::Missing("qop")),
    ];
    for (text, expected) in wrong {
        assert_eq!(parse(text), Err(expected), "{text}");
    }
    assert_eq!(parse(&format!("{full}, realm=\"r\"")), Err(Malformed::Repeated));
    assert_eq!(parse(&format!("{full}, algorithm=MD5-sess")), Err(Malformed::Algorithm));
    assert_eq!(parse(&full.replace("qop=auth", "qop=auth-int")), Err(Malformed::Qop));
    assert_eq!(parse(&full.replace("00000001", "1")), Err(Malformed::Count));
    assert_eq!(parse(&full.replace("00000001", "+0000001")), Err(Malformed::Count));
}

#[test]
fn nothing_secret_is_shown() {
    let passwords = Passwords { md5: Ha1::parse(&"ab".repeat(16), 16), ..Passwords::new("pa55") };
    let text = format!("{passwords:?} {:?} {:?}", passwords.md5, digest());
    for secret in ["pa55", "abab", "0123456789", "48, 49"] {
        assert!(!text.contains(secret), "{text}");
    }
    assert_eq!(Ha1::parse("zz", 1), None);
    assert_eq!(Ha1::parse("abc", 1), None);
}
