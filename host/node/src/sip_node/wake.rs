//! The one way into the SIP thread: a bounded queue, and an `eventfd` that ends its `poll`. What
//! arrives by it must not matter here.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;
use nix::sys::eventfd::{EfdFlags, EventFd};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::limits::INBOX_MAX;

/// What could not be handed to the SIP thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotPosted {
    /// Its queue is full.
    #[error("{INBOX_MAX} inputs are waiting already")]
    Full,
    /// It has ended.
    #[error("the SIP node is stopping")]
    Gone,
}

#[derive(Debug)]
struct Bell {
    descriptor: EventFd,
    /// It rang and was not answered yet: most messages of a burst cost no call of the kernel.
    is_ringing: AtomicBool,
}

impl Bell {
    fn ring(&self) {
        if !self.is_ringing.swap(true, Ordering::AcqRel) {
            // The counter can not be full: it is written once per answer.
            let _ = self.descriptor.write(1);
        }
    }
}

/// The sending end, one for each source.
#[derive(Debug)]
pub(crate) struct Post<T> {
    queue: mpsc::Sender<T>,
    bell: Arc<Bell>,
}

impl<T> Clone for Post<T> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone(), bell: Arc::clone(&self.bell) }
    }
}

impl<T> Post<T> {
    /// Hands it over, waiting for room.
    ///
    /// # Errors
    /// The thread has ended.
    ///
    /// # Cancel safety
    /// Dropped before its end, nothing was handed over.
    pub(crate) async fn send(&self, item: T) -> Result<(), NotPosted> {
        self.queue.send(item).await.map_err(|_| NotPosted::Gone)?;
        self.bell.ring();
        Ok(())
    }

    /// Hands it over if there is room.
    ///
    /// # Errors
    /// There is none, or the thread has ended.
    pub(crate) fn try_send(&self, item: T) -> Result<(), NotPosted> {
        self.queue.try_send(item).map_err(|error| match error {
            TrySendError::Full(_) => NotPosted::Full,
            TrySendError::Closed(_) => NotPosted::Gone,
        })?;
        self.bell.ring();
        Ok(())
    }
}

/// The receiving end.
#[derive(Debug)]
pub(crate) struct Inbox<T> {
    queue: mpsc::Receiver<T>,
    bell: Arc<Bell>,
}

impl<T> Inbox<T> {
    /// Both ends.
    ///
    /// # Errors
    /// The kernel gives no `eventfd`.
    pub(crate) fn new() -> Result<(Post<T>, Inbox<T>), Errno> {
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let descriptor = EventFd::from_flags(flags)?;
        let bell = Arc::new(Bell { descriptor, is_ringing: AtomicBool::new(false) });
        let (sender, receiver) = mpsc::channel(INBOX_MAX);
        let post = Post { queue: sender, bell: Arc::clone(&bell) };
        Ok((post, Self { queue: receiver, bell }))
    }

    /// Readable when something may have arrived.
    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.bell.descriptor.as_fd()
    }

    /// Whether the descriptor is readable, or will be in a moment; costs no call of the kernel.
    pub(crate) fn is_ringing(&self) -> bool {
        self.bell.is_ringing.load(Ordering::Acquire)
    }

    /// Answers the bell; whatever is handed over from now on rings again. To be called when the
    /// descriptor is readable, before the queue is emptied.
    pub(crate) fn answer(&self) {
        // In this order: a bell that rang in between would be lost with the other. An error means
        // that there was none.
        let _ = self.bell.descriptor.read();
        self.bell.is_ringing.swap(false, Ordering::AcqRel);
    }

    /// Rings by itself, because the queue was left before it was empty.
    pub(crate) fn come_back(&self) {
        self.bell.ring();
    }

    /// The next one, if there is one.
    pub(crate) fn take(&mut self) -> Option<T> {
        self.queue.try_recv().ok()
    }
}

#[cfg(test)]
impl<T> Inbox<T> {
    /// Waits for the next one, for threads that have nothing else; none: nobody can send any more.
    pub(crate) fn wait_for_one(&mut self) -> Option<T> {
        self.queue.blocking_recv()
    }
}

#[cfg(test)]
mod tests {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    use super::*;

    #[test]
    fn nothing_is_lost_between_answer_and_ring() {
        let (post, mut inbox) = Inbox::new().unwrap();
        let sender = std::thread::spawn(move || {
            let mut refused = 0u64;
            for number in 0..200_000u32 {
                while post.try_send(number).is_err() {
                    refused += 1;
                    std::thread::yield_now();
                }
            }
            refused
        });
        let mut expected = 0;
        while expected < 200_000 {
            let mut ready = [PollFd::from_borrowed_fd(inbox.descriptor(), PollFlags::IN)];
            let longest = Timespec { tv_sec: 10, tv_nsec: 0 };
            let count = poll(&mut ready, Some(&longest)).unwrap();
            assert_eq!(count, 1, "no bell rang for {expected}");
            inbox.answer();
            while let Some(number) = inbox.take() {
                assert_eq!(number, expected);
                expected += 1;
            }
        }
        sender.join().unwrap();
    }

    #[test]
    fn a_full_queue_says_so() {
        let (post, mut inbox) = Inbox::new().unwrap();
        for number in 0..INBOX_MAX {
            post.try_send(number).unwrap();
        }
        assert_eq!(post.try_send(0), Err(NotPosted::Full));
        assert_eq!(inbox.take(), Some(0));
        post.try_send(0).unwrap();
        drop(inbox);
        assert_eq!(post.try_send(0), Err(NotPosted::Gone));
    }
}
