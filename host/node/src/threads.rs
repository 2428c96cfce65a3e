//! Which threads get the processor first when all of it is in use.

use crate::limits::PROMPT_SLICE;
use crate::system_calls;

/// Has the calling thread, and none that it starts, get the processor soon after it wakes: for
/// threads that decide, that keep links alive and that run short calls of components. It asks for
/// shorter turns, not for more time, so needs no privilege. On a system that does not know slices
/// everything stays as it is.
pub fn be_prompt() {
    if let Err(error) = system_calls::set_slice(PROMPT_SLICE) {
        tracing::debug!("working with the usual slice: {error}");
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use thread_priority::unix::get_thread_scheduling_attributes;

    use super::*;

    /// Slice in nanoseconds and niceness of the calling thread, as the kernel tells them.
    fn own() -> (i64, i64) {
        let text = format!("{:?}", get_thread_scheduling_attributes().unwrap());
        let number = |name: &str| -> i64 {
            let after = text.split(name).nth(1).unwrap();
            after.split(',').next().unwrap().trim().parse().unwrap()
        };
        (number("sched_runtime:"), number("sched_nice:"))
    }

    #[test]
    fn slice_is_the_threads_own_and_its_niceness_stays() {
        let test = || {
            let usual = own();
            be_prompt();
            (usual, own(), thread::spawn(own).join().unwrap())
        };
        let (usual, prompt, started) = thread::spawn(test).join().unwrap();
        assert_eq!(started, usual);
        // A kernel that knows no slices tells none.
        let slice = if usual.0 == 0 { 0 } else { 100_000 };
        assert_eq!(prompt, (slice, usual.1));
    }
}
