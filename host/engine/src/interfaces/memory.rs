//! Interface `memory`: durable state of a plugin, shared by all of its calls on this host.

use std::sync::Arc;

use takeover_logic::link::Fault;

use super::{Side, State};
use crate::bindings::{memory, types};
use crate::convert::fault_to_guest;
use crate::grants::Permission;
use crate::limits::{MEMORY_KEY_BYTES_MAX, MEMORY_STATE_BYTES_MAX};

impl<S: Side> memory::Host for State<S> {
    async fn get(&mut self, key: String) -> Result<Option<Vec<u8>>, types::Fault> {
        let plugin = self.admit(self.keeper(&key, None))?;
        let outside = Arc::clone(&self.outside);
        self.wait_for("memory", outside.recall(&plugin, &key)).await.map_err(fault_to_guest)
    }

    async fn set(&mut self, key: String, value: Option<Vec<u8>>) -> Result<(), types::Fault> {
        let plugin = self.admit(self.keeper(&key, value.as_deref()))?;
        let outside = Arc::clone(&self.outside);
        self.wait_for("memory", outside.remember(&plugin, &key, value))
            .await
            .map_err(fault_to_guest)
    }
}

impl<S: Side> State<S> {
    /// Checks a call; the answer is whose state it is about. What all keys together may hold is
    /// for the shell to know.
    fn keeper(&self, key: &str, value: Option<&[u8]>) -> Result<Arc<str>, Fault> {
        self.grants.check(Permission::Memory)?;
        if !(1..=MEMORY_KEY_BYTES_MAX).contains(&key.len()) {
            let text = format!("key: {} bytes, allowed 1 to {MEMORY_KEY_BYTES_MAX}", key.len());
            return Err(Fault::Invalid(text.into()));
        }
        let size = key.len() + value.map_or(0, <[u8]>::len);
        if size > MEMORY_STATE_BYTES_MAX {
            let text = format!("key and value: {size} bytes, at most {MEMORY_STATE_BYTES_MAX}");
            return Err(Fault::Invalid(text.into()));
        }
        Ok(self.grants.plugin())
    }
}
