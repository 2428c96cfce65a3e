//! The thread that reads what applications write, and puts it into the agent's log.

use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;

use takeover_logic::ids::ApplicationName;

use super::output_files::OutputFiles;
use crate::limits::OUTPUT_READ_INTERVAL;

/// The thread. Ends when this is dropped.
pub(super) struct OutputWatch {
    followed: Sender<ApplicationName>,
}

impl OutputWatch {
    /// Starts it on the files in a folder.
    pub(super) fn start(folder: PathBuf) -> io::Result<Self> {
        let (followed, orders) = channel();
        thread::Builder::new().name("agent-output".into()).spawn(move || {
            let mut files = OutputFiles::new(folder);
            loop {
                match orders.recv_timeout(OUTPUT_READ_INTERVAL) {
                    Ok(name) => files.follow(&name),
                    Err(RecvTimeoutError::Timeout) => files.read(|application, line| {
                        tracing::info!(target: "application", %application, "{line}");
                    }),
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        })?;
        Ok(Self { followed })
    }

    /// Reads the file of an application from now on.
    pub(super) fn follow(&self, name: &ApplicationName) {
        // The thread ends only after this is dropped.
        let _ = self.followed.send(name.clone());
    }
}
