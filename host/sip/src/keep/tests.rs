//! Two nodes and the store between them, without the standby link.

use std::time::Duration;

use takeover_logic::keep::store::{Output, Speaker, Store};
use takeover_logic::time::Timestamp;

use super::*;
use crate::clock::after;
use crate::directory;
use crate::flow::{ConnectionId, Flow, Transport};
use crate::location::{NewContact, Register, Wish, identity};

struct End {
    keep: Keeping,
    location: Location,
    stance: Stance,
    /// Words that were said.
    said: usize,
}

struct Rig {
    directory: Directory,
    store: Store,
    ends: [End; 2],
    /// Nothing gets through.
    is_cut: bool,
    now: Now,
}

fn directory_of(dns: u32) -> Directory {
    let head = "[TServer]\nswitch = \"a\"\nsip-address = \"10.0.0.9\"\n";
    let dn = |number| format!("[[dn]]\nnumber = \"{number}\"\ntype = \"Extension\"\n");
    let text: String = std::iter::once(head.into()).chain((0..dns).map(dn)).collect();
    directory::read("x.toml", &text).unwrap_or_else(|errors| panic!("{errors:?}")).directory
}

impl Rig {
    fn new(dns: u32) -> Rig {
        let directory = directory_of(dns);
        let end = || End {
            keep: Keeping::default(),
            location: Location::new(directory.application().registrar.clone()),
            stance: Stance::default(),
            said: 0,
        };
        let now = Now { instant: Instant(1_000_000_000), at: Timestamp(1_800_000_000_000) };
        let ends = [end(), end()];
        let mut rig = Rig { directory, store: Store::default(), ends, is_cut: false, now };
        rig.agent(0);
        rig.agent(1);
        rig
    }

    fn agent(&mut self, which: usize) {
        let end = &mut self.ends[which];
        end.keep.there(self.now, &mut end.location);
    }

    /// A node begins a new life.
    fn restart(&mut self, which: usize) {
        let limits = self.directory.application().registrar.clone();
        let location = Location::new(limits);
        let (keep, stance) = (Keeping::default(), Stance::default());
        self.ends[which] = End { keep, location, stance, said: 0 };
        self.agent(which);
    }

    fn stand(&mut self, which: usize, serves: bool, term: u64, follows: bool) {
        let end = &mut self.ends[which];
        end.stance = Stance { serves, term: Term(term), follows };
        if serves {
            end.location.take_over();
        }
    }

    /// Time passes, and what is due is done.
    fn wait(&mut self, ms: u64) {
        for _ in 0..ms.div_ceil(10) {
            let step = Duration::from_millis(10);
            self.now = Now { instant: self.now.instant + step, at: after(self.now.at, step) };
            for which in [0, 1] {
                let end = &mut self.ends[which];
                end.keep.review(self.now, end.stance, &mut end.location);
                while let Some(word) = self.ends[which].due(self.now) {
                    self.say(which, word);
                }
                let deadline = self.ends[which].keep.deadline(&self.ends[which].location);
                assert!(deadline.is_none_or(|at| at > self.now.instant), "due again at once");
            }
        }
    }

    fn say(&mut self, which: usize, word: Keep) {
        self.ends[which].said += 1;
        if self.is_cut {
            return;
        }
        let stance = self.ends[which].stance;
        let speaker = Speaker {
            application: ["a", "b"][which].into(),
            host: ["h1", "h2"][which].into(),
            primary: stance.serves.then_some(stance.term),
        };
        self.store.hear(&speaker, word);
        while let Some(Output::Tell(to, kept)) = self.store.poll() {
            let end = &mut self.ends[usize::from(to.as_str() == "b")];
            end.keep.hear(self.now, kept, (&mut end.location, &self.directory));
        }
    }

    fn register(&mut self, which: usize, dn: u32, seconds: u32) {
        self.register_by(which, dn, (seconds, Flow::udp("10.0.0.1:5060".parse().unwrap())));
    }

    fn register_by(&mut self, which: usize, dn: u32, (seconds, flow): (u32, Flow)) {
        let contact = format!("sip:{dn}@10.0.0.1:5060");
        let contacts = [NewContact {
            contact: &contact,
            identity: identity(&[contact.as_bytes()]),
            q: 1000,
            expires_s: Some(seconds),
        }];
        let dn = Arc::clone(&self.directory.dn(&dn.to_string()).unwrap().number);
        let cseq = u32::try_from(self.now.at.0 % 1_000_000_000).unwrap();
        let wish = Wish::Update(&contacts);
        let register = Register { dn: &dn, call_id: b"c", cseq, flow, path: None, wish };
        self.ends[which].location.register(self.now.at, &register).unwrap();
    }

    fn knows(&self, which: usize, dn: u32) -> bool {
        self.ends[which].location.is_registered(&dn.to_string(), self.now.at)
    }

    fn is_all_kept(&self, which: usize) -> bool {
        self.ends[which].keep.is_all_kept(&self.ends[which].location)
    }
}

impl End {
    fn due(&mut self, now: Now) -> Option<Keep> {
        self.keep.due(now, &mut self.location)
    }
}

#[test]
fn registrations_reach_the_other_node_through_the_store_and_so_do_their_ends() {
    let mut rig = Rig::new(4);
    rig.stand(0, true, 1, false);
    rig.wait(100);
    rig.register(0, 1, 3600);
    rig.register(0, 2, 3600);
    rig.wait(1500);
    assert!(rig.knows(1, 1) && rig.knows(1, 2) && rig.is_all_kept(0));
    rig.register(0, 1, 0);
    rig.register(0, 2, 600);
    rig.wait(1500);
    assert!(!rig.knows(1, 1));
    assert_eq!(rig.ends[0].location, rig.ends[1].location, "with the time of its end");
    let said = (rig.ends[0].said, rig.ends[1].said);
    rig.wait(60_000);
    assert_eq!((rig.ends[0].said, rig.ends[1].said), said, "nobody speaks for nothing");
}

#[test]
fn changes_in_a_second_are_told_once() {
    let mut rig = Rig::new(1);
    rig.stand(0, true, 1, false);
    rig.wait(2_000);
    let said = rig.ends[0].said;
    for _ in 0..50 {
        rig.register(0, 0, 3600);
        rig.wait(100);
    }
    rig.wait(1_000);
    let told = rig.ends[0].said - said;
    assert!((5..=7).contains(&told), "{told} words in 6 s");
}

#[test]
fn what_the_store_says_late_changes_nothing_that_the_link_told() {
    let mut rig = Rig::new(2);
    rig.stand(0, true, 1, false);
    rig.stand(1, false, 1, true);
    rig.wait(100);
    // Both learn it at once, by the link; what the store knows is of a moment before.
    for dn in [0, 1] {
        rig.register(0, dn, 3600);
    }
    rig.register(0, 0, 0);
    rig.wait(1_000);
    rig.is_cut = true;
    rig.wait(10);
    for which in [0, 1] {
        rig.register(which, 0, 600);
        rig.register(which, 1, 600);
    }
    let known = rig.ends[1].location.change_of(&"1".into());
    rig.is_cut = false;
    rig.ends[1].keep.open_at(rig.now.instant);
    rig.wait(300);
    assert!(rig.knows(1, 0), "it is not ended by what was before it");
    assert_eq!(rig.ends[1].location.change_of(&"1".into()), known);
    // The link is dead from here on, and nobody notices.
    rig.wait(10_000);
    rig.register(0, 0, 0);
    rig.register(0, 1, 1800);
    rig.wait(2_000);
    assert!(!rig.knows(1, 0));
    assert_eq!(rig.ends[0].location, rig.ends[1].location);
}

#[test]
fn after_the_end_of_both_nodes_registrations_are_known_again() {
    let mut rig = Rig::new(5);
    rig.stand(0, true, 1, false);
    let tcp = Flow {
        transport: Transport::Tcp,
        connection: Some(ConnectionId(7)),
        ..Flow::udp("10.0.0.1:5060".parse().unwrap())
    };
    rig.wait(100);
    rig.register_by(0, 0, (3600, tcp));
    rig.register(0, 1, 3600);
    rig.register(0, 2, 3600);
    rig.register(0, 3, 60);
    rig.wait(2_000);
    rig.wait(60_000);
    rig.is_cut = true;
    rig.restart(0);
    rig.restart(1);
    rig.stand(1, true, 2, false);
    rig.wait(20_000);
    // Before the store is heard: one came again, one came again and left.
    rig.register(1, 1, 600);
    rig.register(1, 2, 600);
    rig.wait(10);
    rig.register(1, 2, 0);
    rig.register(1, 4, 600);
    rig.is_cut = false;
    rig.wait(11_000);
    assert!(rig.knows(1, 0) && rig.knows(1, 1) && rig.knows(1, 4));
    assert!(!rig.knows(1, 2), "what it learned itself counts");
    assert!(!rig.knows(1, 3), "it has ended");
    let lost = rig.ends[1].location.lookup("0", rig.now.at).next().unwrap();
    assert!(lost.flow_lost && lost.flow.connection.is_none(), "connections end with their node");
    let until = rig.ends[1].location.lookup("1", rig.now.at).next().unwrap().expires;
    assert!(until < after(rig.now.at, Duration::from_secs(600)), "the newer one");
    assert!(rig.is_all_kept(1));
    rig.restart(0);
    rig.wait(1_000);
    assert_eq!(rig.ends[0].location, rig.ends[1].location, "what differed was put right");
}

#[test]
fn an_old_store_makes_nobody_forget() {
    let mut rig = Rig::new(3);
    rig.stand(0, true, 1, false);
    rig.wait(100);
    rig.register(0, 1, 3600);
    rig.wait(2_000);
    assert!(rig.knows(1, 1));
    // The control server is away; the standby link tells on, and then it is gone as well.
    let old = rig.store.clone();
    let (term, items) = old.saved();
    let items: Vec<_> = items.map(|(key, value)| (key.into(), value.into())).collect();
    rig.store = Store::restore(term, items.into_iter());
    rig.is_cut = true;
    for which in [0, 1] {
        rig.register(which, 2, 3600);
        rig.register(which, 1, 0);
    }
    rig.wait(5_000);
    rig.is_cut = false;
    rig.ends[1].keep.open_at(rig.now.instant);
    rig.wait(1_000);
    assert!(rig.knows(1, 2) && !rig.knows(1, 1), "nobody has confirmed the old ones");
    rig.stand(1, true, 2, false);
    rig.ends[0].keep.lost();
    rig.wait(5_000);
    assert!(rig.knows(1, 2) && !rig.knows(1, 1) && rig.is_all_kept(1));
    let (_, items) = rig.store.saved();
    assert_eq!(items.map(|(key, _)| key).collect::<Vec<_>>(), ["contacts-1/2"]);
}

#[test]
fn ten_thousand_registrations_are_told_a_little_at_a_time() {
    let mut rig = Rig::new(10_000);
    rig.stand(0, true, 1, false);
    for dn in 0..10_000 {
        rig.register(0, dn, 3600);
    }
    rig.wait(12_000);
    assert!(rig.is_all_kept(0));
    assert_eq!(rig.ends[0].location, rig.ends[1].location);
    rig.restart(0);
    rig.stand(0, true, 2, false);
    rig.wait(12_000);
    assert!(rig.is_all_kept(0));
    assert_eq!(rig.ends[0].location, rig.ends[1].location);
}

#[test]
fn contacts_that_are_too_long_for_an_item_are_kept_in_part() {
    let mut rig = Rig::new(1);
    let long = |number: u8| format!("sip:{}@10.0.0.{number}", "x".repeat(900));
    let contacts: Vec<String> = (1..=8).map(long).collect();
    let new = |(q, contact): (u16, &String)| NewContact {
        contact: contact.clone().leak(),
        identity: identity(&[contact.as_bytes()]),
        q: q * 100,
        expires_s: Some(600),
    };
    let new: Vec<_> = (1..).zip(&contacts).map(new).collect();
    let dn = Arc::clone(&rig.directory.dn("0").unwrap().number);
    let flow = Flow::udp("10.0.0.1:5060".parse().unwrap());
    let wish = Wish::Update(&new);
    let register = Register { dn: &dn, call_id: b"c", cseq: 1, flow, path: None, wish };
    rig.ends[0].location.register(rig.now.at, &register).unwrap();
    rig.stand(0, true, 1, false);
    rig.wait(2_000);
    let told: Vec<_> = rig.ends[1].location.lookup("0", rig.now.at).collect();
    assert_eq!(told.len(), 3);
    assert_eq!(&*told[0].contact, contacts[7], "the one that is tried first");
}

#[test]
fn without_an_answer_it_opens_anew() {
    let mut rig = Rig::new(1);
    rig.is_cut = true;
    rig.stand(0, true, 1, false);
    rig.wait(35_000);
    assert!((4..=5).contains(&rig.ends[0].said), "{}", rig.ends[0].said);
    rig.is_cut = false;
    rig.register(0, 0, 3600);
    rig.wait(12_000);
    assert!(rig.knows(1, 0));
}

#[test]
fn what_is_not_its_own_kind_or_not_understood_is_let_be() {
    let mut rig = Rig::new(2);
    let item = |key: &str, value: &str| (key.into(), value.into());
    let old =
        [item("queues-7/1", "x"), item("contacts-1/0", "no list"), item("contacts-1/gone", "[]")];
    rig.store = Store::restore(Term(1), old.into_iter());
    rig.stand(0, true, 1, false);
    rig.wait(2_000);
    let (_, items) = rig.store.saved();
    assert_eq!(items.map(|(key, _)| key).collect::<Vec<_>>(), ["queues-7/1"]);
    assert!(rig.ends[0].location.is_empty() && rig.is_all_kept(0));
}
