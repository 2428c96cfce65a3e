//! Bounds of memory and tables over a whole instance. The engine's own limits are per memory, so
//! that a component with many small memories would escape them.

use wasmtime::ResourceLimiter;

use crate::limits::{CORE_INSTANCES_MAX, MEMORIES_MAX, TABLE_ELEMENTS_MAX, TABLES_MAX};

/// Counts what one instance has, and refuses what is beyond its bounds.
#[derive(Debug)]
pub(crate) struct Limiter {
    memory_bytes_max: usize,
    memory_bytes: usize,
    table_elements: usize,
    /// What was refused, in a sentence. Set once; the call then ends as `Limit`.
    refused: Option<String>,
}

impl Limiter {
    /// A limiter for one instance.
    pub(crate) fn new(memory_bytes_max: usize) -> Self {
        Self { memory_bytes_max, memory_bytes: 0, table_elements: 0, refused: None }
    }

    /// Bytes of all memories. They never shrink, so this is also the highest value.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.memory_bytes
    }

    /// What was refused, if anything.
    pub(crate) fn refused(&self) -> Option<&str> {
        self.refused.as_deref()
    }

    /// Refuses by ending the call: a guest that is merely told "no" aborts with a message that
    /// says nothing about a limit.
    fn refuse(&mut self, text: String) -> wasmtime::Result<bool> {
        let error = wasmtime::Error::msg(text.clone());
        self.refused.get_or_insert(text);
        Err(error)
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let total = self.memory_bytes.saturating_add(desired.saturating_sub(current));
        if total > self.memory_bytes_max {
            let allowed = self.memory_bytes_max;
            return self.refuse(format!("{total} bytes of memory wanted, {allowed} allowed"));
        }
        self.memory_bytes = total;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let total = self.table_elements.saturating_add(desired.saturating_sub(current));
        if total > TABLE_ELEMENTS_MAX {
            return self
                .refuse(format!("{total} table elements wanted, {TABLE_ELEMENTS_MAX} allowed"));
        }
        self.table_elements = total;
        Ok(true)
    }

    fn instances(&self) -> usize {
        CORE_INSTANCES_MAX
    }

    fn tables(&self) -> usize {
        TABLES_MAX
    }

    fn memories(&self) -> usize {
        MEMORIES_MAX
    }
}

#[cfg(test)]
mod tests;
