//! Desktops that log agents in and out, at one site and at two, and a second node that is told.
//!
//! A line of a script is a client's request or something that happened; what is said follows it.

use std::fmt::Write;

use expect_test::{Expect, expect};

use super::*;

#[derive(Default)]
struct Rig {
    agents: Agents,
    standby: Agents,
    text: String,
    at: u64,
    lost: BTreeSet<String>,
    out: BTreeSet<String>,
    busy: BTreeSet<String>,
}

impl Rig {
    fn request(&mut self, client: &str, request: Request) {
        let dn = request.dn().to_string();
        let endpoint = Endpoint {
            known: !dn.starts_with('x'),
            takes_agents: !dn.starts_with('q'),
            registered: !self.lost.contains(&dn),
            in_service: !self.out.contains(&dn),
        };
        let client: Arc<str> = client.into();
        if let Err(refusal) = self.agents.handle(Timestamp(self.at), &client, request, endpoint) {
            writeln!(self.text, "  refused: {refusal}").unwrap();
        }
    }

    fn say(&mut self, line: &str) {
        self.at += 1;
        writeln!(self.text, "{line}").unwrap();
        let words: Vec<&str> = line.split_whitespace().collect();
        let at = Timestamp(self.at);
        let dn: Arc<str> = words.get(1).copied().unwrap_or_default().into();
        let none = WorkMode::Unknown;
        match words[..] {
            [client, "listens", dn] => {
                self.request(client, Request::RegisterAddress { dn: dn.into() });
            }
            [client, "ignores", dn] => {
                self.request(client, Request::UnregisterAddress { dn: dn.into() });
            }
            [client, "login", dn, agent] => {
                let (dn, agent, queue) = (dn.into(), agent.into(), Some("q1".into()));
                let work_mode = WorkMode::ManualIn;
                self.request(client, Request::AgentLogin { dn, agent, queue, work_mode });
            }
            [client, "logout", dn] => {
                let (dn, reason) = (dn.into(), Some("lunch".into()));
                self.request(client, Request::AgentLogout { dn, reason });
            }
            [client, "ready", dn] => {
                self.request(client, Request::AgentReady { dn: dn.into(), work_mode: none });
            }
            [client, "notready", dn] => {
                let (dn, work_mode, reason) = (dn.into(), WorkMode::AuxWork, Some("break".into()));
                self.request(client, Request::AgentNotReady { dn, work_mode, reason });
            }
            [client, "aftercall", dn] => {
                let (dn, reason) = (dn.into(), None);
                self.request(client, Request::AgentAfterCallWork { dn, reason });
            }
            ["left", client] => self.agents.client_left(&client.into()),
            ["unregistered", name] => {
                self.lost.insert(name.to_owned());
                self.agents.endpoint_lost(at, &dn, false);
            }
            ["out", name] => {
                self.out.insert(name.to_owned());
                self.agents.endpoint_lost(at, &dn, true);
            }
            ["back", name] => {
                self.out.remove(name);
                self.agents.endpoint_back(at, &dn);
            }
            ["busy", name] => {
                self.busy.insert(name.to_owned());
            }
            ["idle", _] => self.agents.call_ended(at, &dn),
            ["sites", "two"] => self.agents.set_continuity(Continuity::Active),
            ["sites", "one"] => self.agents.set_continuity(Continuity::SingleSite),
            ["shutdown"] => self.agents.shut_down(at, |dn| self.busy.contains(dn)),
            _ => panic!("{line}"),
        }
        self.settle(line);
    }

    fn settle(&mut self, line: &str) {
        while let Some(event) = self.agents.poll() {
            let session = event.session.map_or("-".to_owned(), |s| {
                let reason = s.reason.map_or(String::new(), |reason| format!(" ({reason})"));
                format!("{} {:?} {:?}{reason}", s.agent, s.state, s.work_mode)
            });
            let clients = event.clients.join("+");
            writeln!(self.text, "  {clients}: {:?} {} {session}", event.event, event.dn).unwrap();
        }
        while let Some(change) = self.agents.poll_change() {
            let told = serde_json::to_string(&change).unwrap();
            self.standby.apply(serde_json::from_str(&told).unwrap());
        }
        assert!(self.agents == self.standby, "the second node knows something else after {line}");
        assert_eq!(self.standby.places.len(), self.standby.sessions.len());
        assert_eq!(self.standby.places, self.agents.places);
        assert_eq!(self.standby.registrations, self.agents.registrations().count());
    }
}

fn check(script: &str, expected: Expect) {
    let mut rig = Rig::default();
    script.lines().for_each(|line| rig.say(line.trim()));
    expected.assert_eq(&rig.text);
}

#[test]
fn an_agent_works_and_everybody_who_listens_is_told() {
    let script = "A listens 1\nB listens 1\nA login 1 ann\nA ready 1\nB notready 1\nA aftercall 1
        left B\nA ready 1\nA logout 1\nA logout 1\nA ignores 1\nA ready 1";
    check(
        script,
        expect![[r#"
        A listens 1
        B listens 1
        A login 1 ann
          A+B: AgentLogin 1 ann NotReady ManualIn
        A ready 1
          A+B: AgentReady 1 ann Ready Unknown
        B notready 1
          A+B: AgentNotReady 1 ann NotReady AuxWork (break)
        A aftercall 1
          A+B: AgentAfterCallWork 1 ann AfterCallWork AfterCallWork
        left B
        A ready 1
          A: AgentReady 1 ann Ready Unknown
        A logout 1
          A: AgentLogout 1 ann Ready Unknown (lunch)
        A logout 1
          refused: dn "1": nobody is logged in
        A ignores 1
        A ready 1
          refused: dn "1": the client is not registered for it
    "#]],
    );
}

#[test]
fn what_can_not_be_is_refused() {
    let script = "A listens x\nA login 1 ann\nA listens 1\nA listens 2\nA listens q
        A login q ann\nA login 1 ann\nA login 1 bob\nA login 2 ann\nA ready 2\nA listens 1";
    check(
        script,
        expect![[r#"
        A listens x
          refused: dn "x": not configured
        A login 1 ann
          refused: dn "1": the client is not registered for it
        A listens 1
        A listens 2
        A listens q
        A login q ann
          refused: dn "q": agents work at an Extension or an ACD Position
        A login 1 ann
          A: AgentLogin 1 ann NotReady ManualIn
        A login 1 bob
          refused: dn "1": agent "ann" is logged in
        A login 2 ann
          refused: agent "ann": logged in at dn "1"
        A ready 2
          refused: dn "2": nobody is logged in
        A listens 1
    "#]],
    );
}

#[test]
fn with_two_sites_an_agent_belongs_to_where_the_telephone_is() {
    let script = "sites two\nA listens 1\nA listens 2\nunregistered 1\nA login 1 ann\nout 2
        A login 2 bob\nback 2\nA login 2 bob\nA ready 2\nout 2";
    check(
        script,
        expect![[r#"
        sites two
        A listens 1
        A listens 2
        unregistered 1
        A login 1 ann
          refused: dn "1": its telephone is not registered at this site
        out 2
          A: DnOutOfService 2 -
        A login 2 bob
          refused: dn "2": out of service
        back 2
          A: DnBackInService 2 -
        A login 2 bob
          A: AgentLogin 2 bob NotReady ManualIn
        A ready 2
          A: AgentReady 2 bob Ready Unknown
        out 2
          A: DnOutOfService 2 bob Ready Unknown
          A: AgentLogout 2 bob Ready Unknown (endpoint-out-of-service)
    "#]],
    );
}

#[test]
fn with_the_other_site_lost_an_agent_works_whatever_the_telephone_does() {
    let script = "sites one\nA listens 1\nunregistered 1\nA login 1 ann\nout 1\nunregistered 1
        sites two\nout 1";
    check(
        script,
        expect![[r#"
        sites one
        A listens 1
        unregistered 1
        A login 1 ann
          A: AgentLogin 1 ann NotReady ManualIn
        out 1
          A: DnOutOfService 1 ann NotReady ManualIn
        unregistered 1
        sites two
        out 1
          A: DnOutOfService 1 ann NotReady ManualIn
          A: AgentLogout 1 ann NotReady ManualIn (endpoint-out-of-service)
    "#]],
    );
}

#[test]
fn a_graceful_shutdown_logs_agents_out_as_their_calls_end() {
    let script = "A listens 1\nA listens 2\nA listens 3\nA listens 4\nA login 1 ann\nA login 2 bob
        A login 3 cid\nA ready 1\nA ready 2\nA aftercall 3\nbusy 2\nbusy 3\nshutdown\nshutdown
        A ready 2\nA login 4 dan\nidle 2\nidle 2\nidle 3\nA notready 3";
    check(
        script,
        expect![[r#"
        A listens 1
        A listens 2
        A listens 3
        A listens 4
        A login 1 ann
          A: AgentLogin 1 ann NotReady ManualIn
        A login 2 bob
          A: AgentLogin 2 bob NotReady ManualIn
        A login 3 cid
          A: AgentLogin 3 cid NotReady ManualIn
        A ready 1
          A: AgentReady 1 ann Ready Unknown
        A ready 2
          A: AgentReady 2 bob Ready Unknown
        A aftercall 3
          A: AgentAfterCallWork 3 cid AfterCallWork AfterCallWork
        busy 2
        busy 3
        shutdown
          A: AgentNotReady 1 ann NotReady Unknown (graceful-shutdown)
          A: AgentLogout 1 ann NotReady Unknown (graceful-shutdown)
          A: AgentNotReady 2 bob NotReady Unknown (graceful-shutdown)
        shutdown
        A ready 2
          refused: the node is shutting down
        A login 4 dan
          refused: the node is shutting down
        idle 2
          A: AgentLogout 2 bob NotReady Unknown (graceful-shutdown)
        idle 2
        idle 3
        A notready 3
          A: AgentNotReady 3 cid NotReady AuxWork (break)
          A: AgentLogout 3 cid NotReady AuxWork (graceful-shutdown)
    "#]],
    );
}

#[test]
fn events_have_the_names_of_the_client_library() {
    let event = Event {
        event: EventName::DnOutOfService,
        dn: "1".into(),
        session: None,
        at: Timestamp(5),
        clients: vec!["A".into()],
    };
    let json = serde_json::to_string(&event).unwrap();
    assert_eq!(json, r#"{"event":"DNOutOfService","dn":"1","at":5}"#);
    let text = r#"{"request":"AgentLogin","dn":"1","agent":"ann","work-mode":"ManualIn"}"#;
    let request: Request = serde_json::from_str(text).unwrap();
    let (dn, agent, queue) = ("1".into(), "ann".into(), None);
    assert_eq!(request, Request::AgentLogin { dn, agent, queue, work_mode: WorkMode::ManualIn });
}

#[test]
fn bounds_hold() {
    let mut rig = Rig::default();
    let long: Arc<str> = "x".repeat(AGENT_TEXT_BYTES_MAX + 1).into();
    rig.request("A", Request::RegisterAddress { dn: "1".into() });
    rig.request("A", Request::AgentLogout { dn: "1".into(), reason: Some(long) });
    rig.request("A", Request::AgentLogout { dn: "1".into(), reason: Some("a\nb".into()) });
    for n in 1..REGISTRATIONS_MAX {
        let client: Arc<str> = format!("c{}", n % 10).into();
        rig.agents.set_registration(&client, &(n / 10).to_string().into(), true);
    }
    rig.request("A", Request::RegisterAddress { dn: "one more".into() });
    rig.request("A", Request::RegisterAddress { dn: "1".into() });
    for n in 0..AGENTS_MAX {
        let dn: Arc<str> = n.to_string().into();
        let (work_mode, agent) = (WorkMode::Unknown, dn.clone());
        rig.agents.put_registration(&"A".into(), &dn, true);
        rig.request("A", Request::AgentLogin { dn, agent, queue: None, work_mode });
    }
    let (dn, agent, work_mode) = ("1".into(), "new".into(), WorkMode::Unknown);
    rig.agents.log_out(Timestamp(0), &dn, None).unwrap();
    rig.request("A", Request::AgentLogin { dn: dn.clone(), agent, queue: None, work_mode });
    let (other, agent) = ("19999x".into(), "newer".into());
    rig.agents.put_registration(&"A".into(), &other, true);
    rig.request("A", Request::AgentLogin { dn: other, agent, queue: None, work_mode });
    expect![[r#"
          refused: a text of 257 bytes: allowed is one line of at most 256
          refused: a text of 3 bytes: allowed is one line of at most 256
          refused: more than 200000 registrations of clients
          refused: more than 20000 agents
    "#]]
    .assert_eq(&rig.text);
}
