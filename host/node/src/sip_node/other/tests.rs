//! Looks on the loopback, at somebody who answers and then does not.

use std::time::Duration;

use super::*;

const WAIT: Duration = Duration::from_secs(10);

async fn next(told: &mut mpsc::UnboundedReceiver<Seen>) -> Seen {
    tokio::time::timeout(WAIT, told.recv()).await.expect("nothing within 10 s").expect("told")
}

#[tokio::test]
async fn one_that_answers_is_seen_and_missed_when_it_is_gone() {
    let other = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let target = other.local_addr().unwrap();
    let (tell, mut told) = mpsc::unbounded_channel();
    let looker = Looker::start("sip-2".into(), Some(target), move |seen| {
        let _ = tell.send(seen);
    });
    looker.order(Order::Look);
    let answering = tokio::spawn(async move {
        let mut room = [0; 2000];
        loop {
            let (length, from) = other.recv_from(&mut room).await.unwrap();
            let text = String::from_utf8_lossy(&room[..length]).into_owned();
            let (line, rest) = text.split_once("\r\n").unwrap();
            assert_eq!(line, format!("OPTIONS sip:{target} SIP/2.0"));
            assert!(
                takeover_sip::message::check::request(&Message::scan(text.as_bytes()).unwrap())
                    .is_ok()
            );
            other.send_to(format!("SIP/2.0 200 OK\r\n{rest}").as_bytes(), from).await.unwrap();
        }
    });
    assert_eq!(next(&mut told).await, Seen::Serves);
    answering.abort();
    assert!(answering.await.is_err(), "its socket is closed");
    assert!(matches!(next(&mut told).await, Seen::Silent(_)));
    looker.order(Order::Stop);
    assert_eq!(next(&mut told).await, Seen::Nothing);
}
