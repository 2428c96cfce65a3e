//! Decisions without a sandbox. The cases in `cases/` are run by `takeover plugin test`.

use super::*;

/// A host whose kernel does what it is told, unless it is stuck.
#[derive(Default)]
struct Recorded {
    there: bool,
    stuck: bool,
    holder: Option<String>,
    asked: Vec<&'static str>,
}

impl Host for Recorded {
    fn name(&self) -> String {
        "192.0.2.10 on eth0".to_owned()
    }

    fn add(&mut self) -> Result<(), Fault> {
        self.asked.push("add");
        self.there |= !self.stuck;
        Ok(())
    }

    fn delete(&mut self) -> Result<(), Fault> {
        self.asked.push("delete");
        self.there &= self.stuck;
        Ok(())
    }

    fn present(&mut self) -> Result<bool, Fault> {
        self.asked.push("present");
        Ok(self.there)
    }

    fn who_has(&mut self, _attempts: u8, _interval_ms: u32) -> Result<Option<String>, Fault> {
        self.asked.push("who-has");
        Ok(self.holder.clone())
    }

    fn announce(&mut self) -> Result<(), Fault> {
        self.asked.push("announce");
        Err(Fault::TimedOut)
    }

    fn log(&mut self, _text: &str) {
        self.asked.push("log");
    }
}

fn order(released: bool) -> Order {
    Order {
        released,
        interval_ms: 50,
    }
}

#[test]
fn address_that_is_not_announced_serves_all_the_same() {
    let mut host = Recorded::default();
    up(order(true), &mut host).unwrap();
    assert_eq!(host.asked, ["add", "present", "announce", "log"]);
}

#[test]
fn address_of_another_holder_is_not_taken() {
    let mut host = Recorded {
        holder: Some("02:00".to_owned()),
        ..Recorded::default()
    };
    assert!(matches!(
        up(order(false), &mut host),
        Err(Fault::Unavailable(_))
    ));
    assert_eq!(host.asked, ["who-has"]);
}

#[test]
fn kernel_that_does_not_do_it_is_a_failure() {
    let mut host = Recorded {
        stuck: true,
        ..Recorded::default()
    };
    assert!(matches!(up(order(true), &mut host), Err(Fault::Failed(_))));
    let mut host = Recorded {
        stuck: true,
        there: true,
        ..Recorded::default()
    };
    assert!(matches!(down(&mut host), Err(Fault::Failed(_))));
}
