//! One answer, shared for a moment, so that several checks that read at once cost one read.

use std::{future::Future, sync::Arc, time::Duration};

use tokio::{sync::Mutex, time::timeout_at};

use super::worker::Unread;
use crate::clock::{Clock, Instant};

/// How long an answer serves others. Short against every sensible interval, long against the spread of checks of one tick.
pub(super) const FRESH: Duration = Duration::from_secs(1);

/// The last answer, and a queue for those who want a new one.
#[derive(Debug)]
pub(super) struct Cached<T> {
    clock: Clock,
    keep: Duration,
    last: Mutex<Option<(Instant, Arc<T>)>>,
}

impl<T> Cached<T> {
    pub(super) fn new(clock: Clock, keep: Duration) -> Self {
        Self {
            clock,
            keep,
            last: Mutex::new(None),
        }
    }

    /// The last answer when it is fresh and `fits`, else a new one. One `read` at a time: who comes later waits for it, no
    /// longer than `deadline`, and then most often finds a fresh answer.
    pub(super) async fn get(
        &self,
        deadline: Instant,
        fits: impl FnOnce(&T) -> bool,
        read: impl Future<Output = Result<T, Unread>>,
    ) -> Result<Arc<T>, Unread> {
        let begun = self.clock.monotonic();
        let Ok(mut last) = timeout_at(deadline, self.last.lock()).await else {
            return Err(Unread::TimedOut(self.clock.monotonic() - begun));
        };
        let now = self.clock.monotonic();
        if let Some((_, answer)) = last
            .as_ref()
            .filter(|(at, answer)| now - *at < self.keep && fits(answer))
        {
            return Ok(Arc::clone(answer));
        }
        let answer = Arc::new(read.await?);
        *last = Some((self.clock.monotonic(), Arc::clone(&answer)));
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_fresh_answer_is_shared_and_a_stale_one_is_not() {
        let clock = Clock::system();
        let cached = Cached::new(clock.clone(), FRESH);
        let reads = AtomicU32::new(0);
        let ask = || {
            let deadline = clock.monotonic() + FRESH;
            cached.get(deadline, |_| true, async { Ok(reads.fetch_add(1, Ordering::Relaxed)) })
        };
        assert_eq!(ask().await.as_deref(), Ok(&0));
        assert_eq!(ask().await.as_deref(), Ok(&0));
        tokio::time::advance(FRESH).await;
        assert_eq!(ask().await.as_deref(), Ok(&1));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_does_not_fit_is_not_reused_and_a_failure_is_not_kept() {
        let clock = Clock::system();
        let cached = Cached::new(clock.clone(), FRESH);
        let deadline = clock.monotonic() + FRESH;
        assert_eq!(cached.get(deadline, |_| true, async { Ok(1) }).await.as_deref(), Ok(&1));
        assert_eq!(
            cached.get(deadline, |n| *n > 1, async { Err(Unread::NoThread) }).await,
            Err(Unread::NoThread)
        );
        assert_eq!(cached.get(deadline, |_| true, async { Ok(2) }).await.as_deref(), Ok(&1));
    }
}
