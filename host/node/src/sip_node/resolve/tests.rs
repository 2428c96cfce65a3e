//! With a name server of the test on the loopback.

use std::collections::BTreeMap;
use std::sync::Mutex;

use hickory_resolver::config::{NameServerConfig, ResolverConfig};
use hickory_resolver::proto::op::{Message, OpCode, ResponseCode};
use hickory_resolver::proto::rr::Record;
use hickory_resolver::proto::rr::rdata::{A, AAAA};
use tokio::net::UdpSocket;

use super::*;

const TTL: u32 = 300;

type Zone = BTreeMap<(&'static str, RecordType), Vec<RData>>;

struct Server {
    resolver: Resolver,
    asked: Arc<Mutex<Vec<String>>>,
}

fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

fn a(last: u8) -> RData {
    RData::A(A::new(192, 0, 2, last))
}

fn srv(priority: u16, port: u16, target: &str) -> RData {
    RData::SRV(SRV::new(priority, 0, port, name(target)))
}

fn naptr(order: u16, service: &str, replacement: &str) -> RData {
    let bytes = |text: &str| text.as_bytes().to_vec().into_boxed_slice();
    let flags = bytes("s");
    RData::NAPTR(NAPTR::new(order, 0, flags, bytes(service), bytes(""), name(replacement)))
}

async fn serve(zone: Zone, abilities: Abilities) -> Server {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut server = NameServerConfig::udp("127.0.0.1".parse().unwrap());
    server.connections[0].port = socket.local_addr().unwrap().port();
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let told = Arc::clone(&asked);
    tokio::spawn(async move {
        let mut bytes = [0; 4096];
        loop {
            let (length, from) = socket.recv_from(&mut bytes).await.unwrap();
            let request = Message::from_vec(&bytes[..length]).unwrap();
            let query = request.queries[0].clone();
            let asked_name = query.name().to_string().to_ascii_lowercase();
            told.lock().unwrap().push(format!("{} {asked_name}", query.query_type()));
            if asked_name == "silent.example." {
                continue;
            }
            let mut answer = Message::response(request.metadata.id, OpCode::Query);
            let found = zone
                .iter()
                .find(|((owner, kind), _)| *owner == asked_name && *kind == query.query_type());
            match found {
                Some((_, data)) => {
                    for data in data {
                        answer.add_answer(Record::from_rdata(
                            query.name().clone(),
                            TTL,
                            data.clone(),
                        ));
                    }
                }
                None => answer.metadata.response_code = ResponseCode::NXDomain,
            }
            answer.add_query(query);
            socket.send_to(&answer.to_vec().unwrap(), from).await.unwrap();
        }
    });
    let config = ResolverConfig::from_name_servers(vec![server]);
    let builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
    let names = build(builder, abilities).map_err(|error| error.to_string().into());
    let room = Arc::new(Semaphore::new(RESOLVE_MAX));
    Server { resolver: Resolver { names, room, abilities }, asked }
}

impl Server {
    async fn ask(&self, question: &Question) -> Result<Vec<String>, String> {
        let room = self.resolver.begin(question).unwrap();
        let targets = self.resolver.resolve(question, room).await;
        targets
            .map(|targets| {
                let text = |it: &Target| format!("{} {}", it.transport, it.address);
                targets.iter().map(text).collect()
            })
            .map_err(|error| error.to_string())
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

fn question(host: &str) -> Question {
    Question { number: 1, host: host.into(), port: None, transport: None, is_secure: false }
}

const BOTH: Abilities = Abilities { families: LookupIpStrategy::Ipv4AndIpv6, has_tls: true };
const IPV4: Abilities = Abilities { families: LookupIpStrategy::Ipv4Only, has_tls: false };

#[tokio::test]
async fn a_literal_address_asks_nobody() {
    let server = serve(Zone::new(), BOTH).await;
    let ask = async |question: Question| server.ask(&question).await.unwrap();
    assert_eq!(ask(question("192.0.2.1")).await, ["UDP 192.0.2.1:5060"]);
    assert_eq!(ask(question("[2001:db8::1]")).await, ["UDP [2001:db8::1]:5060"]);
    let secure = Question { is_secure: true, ..question("192.0.2.1") };
    assert_eq!(ask(secure).await, ["TLS 192.0.2.1:5061"]);
    let tcp =
        Question { transport: Some(Transport::Tcp), port: Some(5080), ..question("192.0.2.1") };
    assert_eq!(ask(tcp).await, ["TCP 192.0.2.1:5080"]);
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn with_a_port_only_addresses_are_asked_for_and_kept() {
    let zone = Zone::from([(("pbx.example.", RecordType::A), vec![a(1), a(2)])]);
    let server = serve(zone, IPV4).await;
    let question = Question { port: Some(5070), ..question("pbx.example") };
    let mut found = server.ask(&question).await.unwrap();
    found.sort();
    assert_eq!(found, ["UDP 192.0.2.1:5070", "UDP 192.0.2.2:5070"]);
    assert_eq!(server.asked(), ["A pbx.example."]);
    server.ask(&question).await.unwrap();
    assert!(server.asked().is_empty(), "the answer was not kept");
}

#[tokio::test]
async fn services_give_hosts_by_priority() {
    let zone = Zone::from([
        (
            ("_sip._udp.example.com.", RecordType::SRV),
            vec![srv(20, 5062, "b.example.com."), srv(10, 5061, "a.example.com.")],
        ),
        (("a.example.com.", RecordType::A), vec![a(1)]),
        (("b.example.com.", RecordType::A), vec![a(2)]),
    ]);
    let server = serve(zone, IPV4).await;
    let found = server.ask(&question("example.com")).await.unwrap();
    assert_eq!(found, ["UDP 192.0.2.1:5061", "UDP 192.0.2.2:5062"]);
    assert_eq!(server.asked().first().unwrap(), "NAPTR example.com.");
    // With the transport written, no NAPTR is asked for, and without SRV it is the name itself.
    let tcp = Question { transport: Some(Transport::Tcp), ..question("a.example.com") };
    assert_eq!(server.ask(&tcp).await.unwrap(), ["TCP 192.0.2.1:5060"]);
    assert_eq!(server.asked(), ["SRV _sip._tcp.a.example.com."]);
}

#[tokio::test]
async fn naptr_chooses_among_what_this_node_speaks() {
    let zone = || {
        Zone::from([
            (
                ("example.com.", RecordType::NAPTR),
                vec![
                    naptr(10, "SIPS+D2T", "_sips._tcp.example.com."),
                    naptr(20, "SIP+D2T", "_sip._tcp.example.com."),
                ],
            ),
            (("_sips._tcp.example.com.", RecordType::SRV), vec![srv(1, 5061, "a.example.com.")]),
            (("_sip._tcp.example.com.", RecordType::SRV), vec![srv(1, 5060, "a.example.com.")]),
            (("a.example.com.", RecordType::A), vec![a(1)]),
            (
                ("a.example.com.", RecordType::AAAA),
                vec![RData::AAAA(AAAA::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))],
            ),
        ])
    };
    let server = serve(zone(), BOTH).await;
    let mut found = server.ask(&question("example.com")).await.unwrap();
    found.sort();
    assert_eq!(found, ["TLS 192.0.2.1:5061", "TLS [2001:db8::1]:5061"]);
    let server = serve(zone(), IPV4).await;
    assert_eq!(server.ask(&question("example.com")).await.unwrap(), ["TCP 192.0.2.1:5060"]);
}

#[tokio::test]
async fn what_is_not_there_is_said() {
    let zone = Zone::from([(("_sip._udp.no.example.", RecordType::SRV), vec![srv(0, 0, ".")])]);
    let server = serve(zone, IPV4).await;
    let error = server.ask(&question("gone.example")).await.unwrap_err();
    assert!(error.starts_with("gone.example: "), "{error}");
    let error = server.ask(&question("no.example")).await.unwrap_err();
    assert_eq!(error, "no.example: its DNS says that there is no such service");
    let error = server.ask(&question("not a name!?..")).await.unwrap_err();
    assert!(error.starts_with("not a name!?..: "), "{error}");
}

#[tokio::test]
async fn no_more_questions_than_allowed_are_under_way() {
    let server = serve(Zone::new(), IPV4).await;
    let question = question("silent.example");
    let rooms: Vec<Room> =
        (0..RESOLVE_MAX).map(|_| server.resolver.begin(&question).unwrap()).collect();
    let busy = ResolveError::Busy { host: "silent.example".into() };
    assert_eq!(server.resolver.begin(&question).unwrap_err(), busy);
    drop(rooms);
    server.resolver.begin(&question).unwrap();
}

#[tokio::test]
async fn a_silent_server_ends_in_an_error() {
    let server = serve(Zone::new(), IPV4).await;
    let error = server.ask(&Question { port: Some(1), ..question("silent.example") }).await;
    assert!(error.unwrap_err().starts_with("silent.example: "));
}
