//! What a test of a running system stands on: a lab, a settled system in it, a client that asks
//! each millisecond, and the referee.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use takeover_tests::arp::Referee;
use takeover_tests::lab::{Lab, Node, VIP};
use takeover_tests::probe::Probe;
use takeover_tests::system::{SIP_PORT, Settings, System};
use takeover_tests::trace::{self, Traced};
use takeover_tests::wait;

/// Longest wait for what should come soon.
pub(crate) const SOON: Duration = Duration::from_secs(15);

/// Time in which a new holder that could not ask the old one may overlap with it (invariant 1 of
/// the architecture).
pub(crate) const UNCONFIRMED_GRACE: Duration = Duration::from_millis(500);

/// A test's stage.
pub(crate) struct Stage<'a> {
    pub(crate) lab: &'a Lab,
    pub(crate) system: System<'a>,
    pub(crate) referee: Referee,
    pub(crate) probe: Probe,
    /// How long two hosts may answer at once in this test; zero where nobody is cut off.
    pub(crate) grace: Duration,
    mark: u64,
}

/// Runs a test on a stage whose pair is settled with the address on h1, and asks the referee.
pub(crate) fn staged(
    settings: Settings,
    test: impl FnOnce(&mut Stage<'_>) -> Result<()>,
) -> Result<()> {
    staged_with(&["ip", "nft"], settings, test)
}

/// The same for a test that needs these programs.
pub(crate) fn staged_with(
    needed: &[&str],
    settings: Settings,
    test: impl FnOnce(&mut Stage<'_>) -> Result<()>,
) -> Result<()> {
    crate::lab_test_with(needed, |lab| staged_in(lab, settings, test))
}

/// The same in a lab in which something runs already.
pub(crate) fn staged_in(
    lab: &Lab,
    settings: Settings,
    test: impl FnOnce(&mut Stage<'_>) -> Result<()>,
) -> Result<()> {
    let system = System::up(lab, settings)?;
    let referee = Referee::start(lab, VIP)?;
    let probe = Probe::client(lab, (VIP, SIP_PORT).into())?;
    let mut stage = Stage { lab, system, referee, probe, grace: Duration::ZERO, mark: 0 };
    let result = stage.run(test);
    result.map_err(|error| stage.system.explain(error))
}

impl Stage<'_> {
    fn run(&mut self, test: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        self.probe.wait_for("h1", SOON)?;
        self.wait_holder(Node::H1)?;
        self.mark()?;
        test(self)?;
        self.referee.verdict(self.grace)
    }

    /// Events from here on belong to what the test does next.
    pub(crate) fn mark(&mut self) -> Result<()> {
        self.mark = self.system.newest_event()?;
        Ok(())
    }

    /// Events since the mark.
    pub(crate) fn events(&self) -> Result<Vec<Traced>> {
        self.system.events_after(self.mark)
    }

    /// Waits for an event since the mark.
    pub(crate) fn wait_event(&self, id: &str, about: Option<&str>) -> Result<Traced> {
        self.wait_event_for(id, about, SOON)
    }

    /// The same for another time.
    pub(crate) fn wait_event_for(
        &self,
        id: &str,
        about: Option<&str>,
        timeout: Duration,
    ) -> Result<Traced> {
        wait::until(&format!("event {id} about {about:?}"), timeout, || {
            let events = self.events().map_err(|error| format!("{error:#}"))?;
            let wanted = |event: &&Traced| {
                event.id == id
                    && about.is_none_or(|name| {
                        event.application.as_deref() == Some(name)
                            || event.host.as_deref() == Some(name)
                    })
            };
            events.iter().find(wanted).cloned().ok_or_else(|| trace::render(&events))
        })
    }

    /// How many events with this id came since the mark.
    pub(crate) fn count(&self, id: &str) -> Result<usize> {
        Ok(self.events()?.iter().filter(|event| event.id == id).count())
    }

    /// Waits until the referee hears `node` alone.
    pub(crate) fn wait_holder(&self, node: Node) -> Result<()> {
        wait::until(&format!("{} alone answers ARP", node.name()), SOON, || {
            let holders = self.referee.holders_now();
            let alone = holders.len() == 1 && holders.contains(node.name());
            if alone { Ok(()) } else { Err(format!("answered by {holders:?}")) }
        })
    }

    /// Waits until `node` serves callers: settled in the eyes of operators, of the referee and of
    /// the client.
    pub(crate) fn wait_settled(&mut self, node: Node) -> Result<()> {
        self.system.wait_settled(node, SOON)?;
        self.wait_served_by(node)
    }

    /// The same where the other application need not be back.
    pub(crate) fn wait_serving(&mut self, node: Node) -> Result<()> {
        self.system.wait_serving(node, SOON)?;
        self.wait_served_by(node)
    }

    fn wait_served_by(&mut self, node: Node) -> Result<()> {
        self.wait_holder(node)?;
        self.probe.wait_for(node.name(), SOON)
    }

    /// Waits until no alarm is active, so that every condition is armed again.
    pub(crate) fn wait_rearmed(&mut self) -> Result<()> {
        self.system.wait_for("no alarm is active", SOON, |overview| match overview.alarms().len() {
            0 => Ok(()),
            count => Err(format!("{count} active")),
        })
    }

    /// The longest silence that the client saw since `event`.
    pub(crate) fn silence(&self, event: Instant) -> Duration {
        self.probe.so_far().longest_silence(event)
    }

    /// Fails where callers waited longer than `limit` since `event`.
    pub(crate) fn silence_within(&self, event: Instant, limit: Duration) -> Result<()> {
        let silence = self.silence(event);
        if silence > limit {
            bail!("callers got no answer for {silence:?}, allowed {limit:?}");
        }
        Ok(())
    }

    /// Fails where one of these events came since the mark.
    pub(crate) fn never(&self, ids: &[&str]) -> Result<()> {
        let events = self.events()?;
        let bad: Vec<Traced> =
            events.into_iter().filter(|event| ids.contains(&event.id.as_str())).collect();
        if !bad.is_empty() {
            bail!("must not have happened:\n{}", trace::render(&bad));
        }
        Ok(())
    }

    /// Compares the events since the mark with a golden trace, [`LET_GO`] left out. The chain of a
    /// decision (orders, run modes, alarms, addresses) is compared in its order; reactions run
    /// side by side, so that their results are compared sorted.
    ///
    /// The journal may be a moment behind what operators see, so this looks until the trace fits,
    /// and a while longer for events that should not come.
    pub(crate) fn golden(&self, name: &str) -> Result<()> {
        const LATER: Duration = Duration::from_millis(200);
        let look = || self.compare_with_golden(name).map_err(|error| format!("{error:#}"));
        wait::until("golden trace", SOON, look)?;
        wait::stays("golden trace", LATER, look)
    }

    fn compare_with_golden(&self, name: &str) -> Result<()> {
        let mut events = self.events()?;
        events.retain(|event| event.id != LET_GO && event.id != OTHER_HOLDER);
        let (chain, beside): (Vec<Traced>, Vec<Traced>) =
            events.into_iter().partition(|event| !is_beside(&event.id));
        let mut beside: Vec<String> =
            beside.iter().map(|event| numberless(&event.line())).collect();
        beside.sort();
        let chain: Vec<String> = chain.iter().map(|event| numberless(&event.line())).collect();
        let trace = format!(
            "# in this order\n{}\n\n# beside it, sorted\n{}\n",
            chain.join("\n"),
            beside.join("\n")
        );
        trace::check_golden(name, &trace)
    }
}

/// A host that comes back lets go by itself or because it is told, whichever is sooner.
const LET_GO: &str = "90-03008";

/// Two hosts that meet after a cut both look for the other; which of them sees it first, and
/// whether the one that stays still finds the other, is not in the guide's order.
const OTHER_HOLDER: &str = "90-03007";

/// Whether events of this id come in an order that nothing fixes: what reactions do, and the end of
/// a program on one host (90-02005) beside the promotion of the other on the other host.
fn is_beside(id: &str) -> bool {
    const BESIDE: [&str; 9] = [
        "90-02005", "90-03003", "90-03004", "90-03011", "90-04001", "90-04002", "90-04003",
        "90-04004", "90-04008",
    ];
    BESIDE.contains(&id)
}

/// A line without the numbers of runs, alarms and decisions, and without times.
fn numberless(line: &str) -> String {
    let (id, rest) = line.split_once(' ').unwrap_or((line, ""));
    let words: Vec<&str> = rest.split(' ').collect();
    let mut shown = Vec::new();
    for (index, word) in words.iter().enumerate() {
        let number = word.trim_end_matches([')', ',', ':', ';']);
        let before = index.checked_sub(1).and_then(|before| words.get(before)).copied();
        let counts = matches!(
            before.map(|word| word.trim_start_matches('(')),
            Some("run" | "alarm" | "switchover" | "for")
        );
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        match counts && is_number {
            true => shown.push(word.replace(number, "N")),
            false => shown.push((*word).to_owned()),
        }
    }
    format!("{id} {}", shown.join(" "))
}
