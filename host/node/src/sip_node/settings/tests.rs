//! Files as an operator writes them, good ones and bad ones.

use std::time::Duration;

use takeover_logic::config::shell::Role;

use super::*;

const DIRECTORY: &str = "[TServer]\nswitch = \"site1\"\nsip-address = \"192.0.2.9\"\n";

fn load_texts(file: &str, directory: &str) -> Result<NodeSettings, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sip-node.toml");
    std::fs::write(&path, file).unwrap();
    std::fs::write(folder.path().join("directory.toml"), directory).unwrap();
    std::fs::write(folder.path().join("key"), "000102030405060708090a0b0c0d0e0f\n").unwrap();
    load(&path)
        .map_err(|error| error.to_string().replace(&folder.path().display().to_string(), "DIR"))
}

const SMALL: &str = "name = \"a\"\n[api]\nlisten = \"127.0.0.1:0\"\nplain = true\n";

#[test]
fn little_needs_to_be_written() {
    let settings = load_texts(SMALL, DIRECTORY).unwrap();
    let on: SocketAddr = "192.0.2.9:5060".parse().unwrap();
    assert_eq!(settings.listen, Listen { udp: vec![on], tcp: vec![on], tls: vec![] });
    assert_eq!(
        settings.sent_by.map(String::from),
        ["192.0.2.9:5060", "192.0.2.9:5060", "192.0.2.9:5061"]
    );
    assert_eq!(settings.fallback, LastResort::Deliver);
    assert!(settings.standby.is_none() && settings.policy.is_none() && settings.secret.is_none());
}

#[test]
fn everything_can_be_written() {
    let file = format!(
        "secret = \"key\"\n{SMALL}tokens = [{{ name = \"desk\", role = \"operator\", \
         sha256 = \"{}\" }}]\n\
         [sip]\nudp = [\"[::]:5080\"]\ntcp = []\n\
         [standby]\npair = \"sip\"\npeer = \"b\"\nlisten = \"127.0.0.1:7000\"\n\
         peer_address = \"b.example:7000\"\n\
         plain = true\n\
         [forwarding]\npolicy = \"forward-dr\"\nsettings = {{ contacts = 2 }}\ndeadline_ms = 20\n\
         fallback = {{ code = 503, retry_after_s = 5 }}\n\
         [monitor]\nplugin = \"monitor-traffic\"\n",
        "0".repeat(64)
    );
    let settings = load_texts(&file, DIRECTORY).unwrap();
    assert_eq!(settings.secret.unwrap()[15], 15);
    assert_eq!(&*settings.sent_by[0], "192.0.2.9:5080");
    assert_eq!(settings.tokens[0].role, Role::Operator);
    assert_eq!(&*settings.policy.unwrap().plugin, "forward-dr");
    assert_eq!(settings.pool.deadline, Duration::from_millis(20));
    let LastResort::Refuse(refusal) = settings.fallback else { panic!() };
    assert_eq!((refusal.code, refusal.retry_after_s), (503, Some(5)));
    assert_eq!(&*settings.standby.unwrap().peer, "b");
    assert_eq!(&*settings.monitor.unwrap().plugin, "monitor-traffic");
}

#[test]
fn what_is_wrong_is_said() {
    let error = |file: &str, directory: &str| load_texts(file, directory).unwrap_err();
    let file = |more: &str| format!("{SMALL}{more}");
    let found = error(&file("[sip]\nudq = []\n"), DIRECTORY);
    let expected = "sip-node.toml:6: sip: udq: found a key that is not known, allowed: udp, tcp, \
                    tls, source_rate; nearest: udp";
    assert_eq!(found, expected);
    let found = error(&SMALL.replace("127.0.0.1:0", "192.0.2.1:80"), DIRECTORY);
    let expected = "sip-node.toml:4: api: plain: found 192.0.2.1:80, allowed: a loopback address, \
                    or TLS";
    assert_eq!(found, expected);
    let found = error(SMALL, "[TServer]\nswitch = \"site1\"\n");
    assert!(found.contains("sip.udp: found every address"), "{found}");
    let found = error(SMALL, "[TServer]\nswitch = \"site1\"\nsip-port = 0\n[nothing]\n");
    assert!(found.lines().count() >= 2, "every error at once: {found}");
    let found = error(&file("[forwarding]\nfallback = { code = 200 }\n"), DIRECTORY);
    assert!(found.contains("forwarding: fallback: found 200, allowed: 400 to 699"), "{found}");
    let pair = "[standby]\npair = \"sip\"\npeer = \"b\"\nlisten = \"127.0.0.1:1\"\n\
                peer_address = \"b:1\"\n";
    assert!(error(&file(pair), DIRECTORY).contains("standby: plain: found false"));
    let pair = format!("{pair}plain = true\n");
    assert!(error(&file(&pair), DIRECTORY).contains("secret: found nothing"));
    assert!(error("name = ", DIRECTORY).starts_with("sip-node.toml:1: found "));
}

#[test]
fn all_that_is_wrong_is_said_at_once_and_by_line() {
    let file = "nam = \"a\"\nsecret = \"missing\"\n[sip]\nudp = \"every\"\ntcp = [1]\n\
                [api]\nlisten = 7\ntokens = [{ name = \"x\", role = \"root\" }]\n\
                [standby]\npeer = \"b\"\n[forwarding]\nfallback = \"drop\"\n\
                [monitor]\nplug = \"m\"\n";
    let directory = format!("{DIRECTORY}sip-port = 0\n");
    let found = load_texts(file, &directory).unwrap_err();
    let expected = [
        "sip-node.toml:1: name: found nothing, allowed: a name",
        "sip-node.toml:1: nam: found a key that is not known, allowed: ",
        "sip-node.toml:2: secret: found DIR/missing: No such file",
        "sip-node.toml:4: sip: udp: found \"every\", allowed: a list of ADDRESS:PORT",
        "sip-node.toml:5: sip: tcp: found a list of 1, allowed: a list of ADDRESS:PORT",
        "sip-node.toml:7: api: listen: found 7, allowed: ADDRESS:PORT",
        "sip-node.toml:8: api.tokens: role: found \"root\", allowed: \"viewer\" or \"operator\"",
        "api.tokens: sha256: found nothing, allowed: 64 digits, as takeover pki token",
        "sip-node.toml:9: standby: pair: found nothing, allowed: a name",
        "sip-node.toml:9: standby: plain: found false, allowed: true, or the files of [tls]",
        "sip-node.toml:12: forwarding: fallback: found drop, allowed: \"deliver\" or { code = ... }",
        "sip-node.toml:13: monitor: plugin: found nothing, allowed: the name of a plugin",
        "sip-node.toml:14: monitor: plug: found a key that is not known",
        "directory.toml:4: ",
    ];
    for line in expected {
        assert!(found.contains(line), "{line}\n---\n{found}");
    }
    assert!(!found.contains("sip.udp"), "no error follows from another: {found}");
}
