//! What belongs to the worlds of a SIP node alone: nothing but the way of their log lines.

use std::sync::Arc;

use super::Side;
use crate::host::{LogLine, SipHost};

/// An instance of a SIP monitor.
pub(crate) struct MonitorSide {
    pub(crate) host: Arc<dyn SipHost>,
}

impl Side for MonitorSide {
    fn log(&self, line: LogLine) {
        self.host.log(line);
    }
}

/// An instance of a forwarding policy.
pub(crate) struct PolicySide {
    pub(crate) host: Arc<dyn SipHost>,
}

impl Side for PolicySide {
    fn log(&self, line: LogLine) {
        self.host.log(line);
    }
}
