//! What a SIP monitor is shown of a node.

use takeover_logic::component::sip::MonitorSample;
use takeover_logic::time::{Instant, Now};

use super::Node;
use crate::traffic::Circumstances;

impl Node {
    /// What happened since the last sample; none: the node does not serve. `vip_since`: since when
    /// its virtual IP is on this host.
    pub fn sample(&mut self, now: Now, vip_since: Option<Instant>) -> Option<MonitorSample> {
        let seen = Circumstances {
            run_mode: self.mode,
            run_mode_since: self.mode_since,
            vip_since,
            devices: self.devices.monitored(now.instant),
        };
        self.is_serving().then(|| self.traffic.sample(now.instant, seen))
    }
}
