//! Tests of the whole of reading.

use super::*;

fn files(texts: &[(&str, &str)]) -> Vec<(String, String)> {
    texts.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

const HOSTS: &str = r#"
[[host]]
name = "h1"
address = "10.82.1.11"
[host.interfaces]
mgt0 = ["10.82.1.11/24"]
sip0 = ["10.81.1.11/24", "fd00:81::11/64"]

[[host]]
name = "h2"
address = "10.82.1.12"
[host.interfaces]
mgt0 = ["10.82.1.12/24"]
sip0 = ["10.81.1.12/24", "fd00:81::12/64"]
"#;

const PAIR: &str = r#"
[[pair]]
name = "sip"
hosts = ["h1", "h2"]
vip = "10.81.1.100/24"
port = 5060

[pair.application]
command = ["/usr/sbin/kamailio", "-DD", "-l", "udp:{vip}:{port}"]
"#;

#[test]
fn a_pair_expands_and_reads_back_the_same() {
    let checked = read(&files(&[("hosts.toml", HOSTS), ("sip.toml", PAIR)])).unwrap();
    let text = expand(&checked.config, &checked.shell);
    println!("{text}\n{}", report::report(&checked));
    let again = read(&files(&[("all.toml", &text)])).unwrap();
    assert_eq!(again.config, checked.config);
    assert_eq!(again.shell, checked.shell);
}
