//! Real sockets on loopback.

use std::time::{Duration, Instant};

use takeover_engine::host::outside::{DatagramCall, Outside};
use takeover_engine::limits::DATAGRAM_BYTES_MAX;
use takeover_logic::link::Fault;
use tokio::net::UdpSocket;

use super::{Bench, WAIT, after, told};

async fn send(bench: &Bench, to: &str, payload: &[u8]) -> Result<(), Fault> {
    let (to, payload) = (to.to_owned(), payload.to_vec());
    let call = DatagramCall { plugin: "test".into(), to, payload, deadline: after(WAIT) };
    bench.system.datagram(call).await
}

#[tokio::test]
async fn a_datagram_arrives_by_both_protocols_and_by_name() {
    let bench = Bench::start();
    let four = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let port = four.local_addr().unwrap().port();
    let mut buffer = [0; 2048];
    let largest = vec![7; DATAGRAM_BYTES_MAX];
    for (to, payload) in
        [(format!("127.0.0.1:{port}"), &largest[..]), (format!("127.0.0.1:{port}"), &[])]
    {
        send(&bench, &to, payload).await.unwrap();
        let received = tokio::time::timeout(WAIT, four.recv(&mut buffer)).await.unwrap().unwrap();
        assert_eq!(&buffer[..received], payload);
    }
    match UdpSocket::bind("[::1]:0").await {
        Ok(six) => {
            let to = six.local_addr().unwrap().to_string();
            send(&bench, &to, b"six").await.unwrap();
            let received =
                tokio::time::timeout(WAIT, six.recv(&mut buffer)).await.unwrap().unwrap();
            assert_eq!(&buffer[..received], b"six");
            let port = six.local_addr().unwrap().port();
            send(&bench, &format!("localhost:{port}"), b"name").await.unwrap();
        }
        Err(error) => {
            assert!(std::env::var_os("REQUIRE_ALL").is_none(), "needs IPv6: {error}");
            println!("SKIP a_datagram_arrives_by_both_protocols_and_by_name: needs IPv6");
        }
    }
}

#[tokio::test]
async fn what_can_not_be_sent_is_refused() {
    let bench = Bench::start();
    let text = told(send(&bench, "127.0.0.1:9", &vec![0; DATAGRAM_BYTES_MAX + 1]).await);
    assert_eq!(text, "invalid: datagram to 127.0.0.1:9: 1401 bytes, allowed at most 1400");
    for to in ["127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:70000", ":9", "::1:9", ""] {
        let refused = send(&bench, to, b"x").await;
        assert!(matches!(refused, Err(Fault::Invalid(_))), "{to}: {refused:?}");
    }
}

#[tokio::test]
async fn a_name_without_an_address_is_unavailable_within_the_deadline() {
    let bench = Bench::start();
    let deadline = after(Duration::from_secs(3));
    let to = "no-such-host.invalid:9".to_owned();
    let call = DatagramCall { plugin: "test".into(), to, payload: vec![1], deadline };
    let began = Instant::now();
    match bench.system.datagram(call).await {
        Err(Fault::Unavailable(text)) => {
            assert!(text.starts_with("no-such-host.invalid: the name has no address"), "{text}");
        }
        // The resolver of this machine answers too late.
        Err(Fault::TimedOut) => {}
        other => panic!("{other:?}"),
    }
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
}
