//! CPU time of a run, measured around every poll.
//!
//! A guest computes inside `poll`, and so do its calls of the host: the thread's CPU clock, read before and after each poll, is what the
//! run costs. Only what tasks of their own do, which move the bytes of HTTP connections, is not in it.
//! Flows out: the sum so far, to the epoch callback that compares it with the budget. It stops nothing.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use crate::clock::thread_cpu_time;

/// CPU time of one run. Shared between the future that is measured and the store inside it; only the thread that
/// polls touches it, so relaxed atomics do.
#[derive(Debug, Default)]
pub(super) struct Meter {
    /// Of ended polls, nanoseconds.
    spent: AtomicU64,
    /// The thread's CPU clock when the current poll began; 0 between polls.
    poll_began: AtomicU64,
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

impl Meter {
    /// Spent so far, the current poll included.
    pub(super) fn spent(&self) -> Duration {
        let ended = self.spent.load(Ordering::Relaxed);
        let began = self.poll_began.load(Ordering::Relaxed);
        let current = if began == 0 {
            0
        } else {
            nanos(thread_cpu_time()).saturating_sub(began)
        };
        Duration::from_nanos(ended.saturating_add(current))
    }

    fn begin(&self) {
        self.poll_began
            .store(nanos(thread_cpu_time()).max(1), Ordering::Relaxed);
    }

    fn end(&self) {
        let spent = self.spent();
        self.poll_began.store(0, Ordering::Relaxed);
        self.spent.store(nanos(spent), Ordering::Relaxed);
    }
}

/// Awaits `work` and measures its polls.
pub(super) async fn metered<F: Future>(meter: &Meter, work: F) -> F::Output {
    let mut work = pin!(work);
    poll_fn(|context| {
        meter.begin();
        let poll = work.as_mut().poll(context);
        meter.end();
        poll
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::supervisor::Supervisor;

    fn burn(span: Duration) {
        let end = thread_cpu_time() + span;
        while thread_cpu_time() < end {}
    }

    #[tokio::test]
    async fn only_polls_count_and_the_current_one_is_visible_from_inside() {
        let meter = Arc::<Meter>::default();
        let inside = Arc::clone(&meter);
        let work = async move {
            burn(Duration::from_millis(3));
            tokio::task::yield_now().await;
            burn(Duration::from_millis(3));
            inside.spent()
        };
        let work = metered(&meter, work);
        burn(Duration::from_millis(50));
        let seen = work.await;
        assert!(seen >= Duration::from_millis(6), "{seen:?}");
        assert!(meter.spent() >= seen);
        assert!(meter.spent() < Duration::from_millis(50), "{:?}", meter.spent());
    }

    #[tokio::test]
    async fn what_the_host_does_in_a_task_of_its_own_does_not_count() {
        let (meter, supervisor) = (Arc::<Meter>::default(), Supervisor::new(|_| {}));
        metered(&meter, async move {
            burn(Duration::from_millis(3));
            let hosts = async {
                burn(Duration::from_millis(50));
                tokio::task::yield_now().await;
                burn(Duration::from_millis(50));
            };
            supervisor.apart("hosts", hosts).await;
            burn(Duration::from_millis(3));
        })
        .await;
        let spent = meter.spent();
        assert!(
            spent >= Duration::from_millis(6) && spent < Duration::from_millis(50),
            "{spent:?}"
        );
    }
}
