//! Seats: a request is under way when it has one, and its time begins with it.
//!
//! Flows in: runs that want one more. Flows out: a [`Seat`], which is given back when it is dropped. Who may have one is
//! `share`'s to decide. It knows no time; whoever waits says until when. How many seats one run has at most is the run's to
//! limit.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::sync::oneshot;

use super::share::Share;

/// How many seats one run holds. Written under the lock of the book only.
pub(super) type Held = Arc<AtomicUsize>;

/// The seats of a host. Cheap to clone; clones share them.
#[derive(Clone, Debug)]
pub(super) struct Seats {
    book: Arc<Mutex<Book>>,
}

#[derive(Debug)]
struct Book {
    share: Share,
    taken: usize,
    /// Of those, how many are no run's own.
    beyond: usize,
    /// In the order they came. As many as there are requests that may not sit, for those who went are taken out when somebody
    /// comes or goes.
    waiting: VecDeque<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    held: Held,
    tell: oneshot::Sender<Seat>,
}

/// One seat, until it is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    seats: Seats,
    held: Held,
}

impl Seats {
    pub(super) fn new(share: Share) -> Self {
        let book = Book {
            share,
            taken: 0,
            beyond: 0,
            waiting: VecDeque::new(),
        };
        Self {
            book: Arc::new(Mutex::new(book)),
        }
    }

    /// Waits for one. Dropping the future gives up the place in the queue.
    pub(super) async fn take(&self, held: &Held) -> Seat {
        match self.sit_or_wait(held) {
            Ok(seat) => seat,
            Err(told) => match told.await {
                Ok(seat) => seat,
                // The book holds what tells, and lives as long as we do.
                Err(_) => std::future::pending().await,
            },
        }
    }

    /// How many are taken now.
    pub(super) fn taken(&self) -> usize {
        self.lock().taken
    }

    fn sit_or_wait(&self, held: &Held) -> Result<Seat, oneshot::Receiver<Seat>> {
        let mut book = self.lock();
        if book.may_sit(held) {
            book.sit(held);
            return Ok(self.seat(held));
        }
        let (tell, told) = oneshot::channel();
        book.forget_gone();
        book.waiting.push_back(Waiting {
            held: Arc::clone(held),
            tell,
        });
        Err(told)
    }

    fn seat(&self, held: &Held) -> Seat {
        Seat {
            seats: self.clone(),
            held: Arc::clone(held),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self) -> Option<Waiting> {
        self.lock().next()
    }
}

impl Book {
    fn may_sit(&self, held: &Held) -> bool {
        let held = held.load(Ordering::Relaxed);
        self.share.decide(held, self.taken, self.beyond).is_yes()
    }

    fn sit(&mut self, held: &Held) {
        let before = held.fetch_add(1, Ordering::Relaxed);
        self.taken += 1;
        self.beyond += self.share.beyond(before + 1) - self.share.beyond(before);
    }

    fn leave(&mut self, held: &Held) {
        let before = held.fetch_sub(1, Ordering::Relaxed);
        self.taken -= 1;
        self.beyond -= self.share.beyond(before) - self.share.beyond(before - 1);
    }

    /// Seats one of those who may sit: of the run that holds fewest, who came first.
    fn next(&mut self) -> Option<Waiting> {
        self.forget_gone();
        let may = self
            .waiting
            .iter()
            .enumerate()
            .filter(|(_, one)| self.may_sit(&one.held));
        let (at, _) = may.min_by_key(|(_, one)| one.held.load(Ordering::Relaxed))?;
        let next = self.waiting.remove(at)?;
        self.sit(&next.held);
        Some(next)
    }

    fn forget_gone(&mut self) {
        self.waiting.retain(|waiting| !waiting.tell.is_closed());
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.lock().leave(&self.held);
        while let Some(Waiting { held, tell }) = self.seats.next() {
            // Who went in this very moment gives it back here.
            drop(tell.send(self.seats.seat(&held)));
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    /// For this many runs at once: one seat of their own each, and 128 besides.
    const RUNS: usize = 500;

    fn seats() -> Seats {
        Seats::new(Share::among(RUNS))
    }

    /// As many as sit down at once.
    fn fill(seats: &Seats, held: &Held) -> Vec<Seat> {
        std::iter::from_fn(|| seats.take(held).now_or_never()).collect()
    }

    #[tokio::test]
    async fn runs_that_want_all_leave_each_other_its_own() {
        let seats = seats();
        let greedy: Vec<_> = (0..RUNS)
            .map(|_| {
                let held = Held::default();
                (fill(&seats, &held), held)
            })
            .collect();
        let sizes: Vec<usize> = greedy.iter().take(10).map(|(taken, _)| taken.len()).collect();
        assert_eq!(sizes, [65, 33, 17, 9, 5, 3, 2, 2, 1, 1]);
        assert!(greedy.iter().all(|(taken, _)| !taken.is_empty()));
        assert_eq!(seats.taken(), RUNS + 128);
        drop(greedy);
        assert_eq!((seats.taken(), seats.lock().beyond), (0, 0));
    }

    #[tokio::test]
    async fn who_holds_fewest_is_called_first_and_then_who_came_first() {
        let seats = seats();
        let (greedy, second, third) = (Held::default(), Held::default(), Held::default());
        let mut taken = fill(&seats, &greedy);
        let (mut seconds, thirds) = (fill(&seats, &second), fill(&seats, &third));
        assert_eq!((taken.len(), seconds.len(), thirds.len()), (65, 33, 17));
        let mut waits = [&greedy, &third, &second, &third].map(|held| Box::pin(seats.take(held)));
        assert!(waits.iter_mut().all(|wait| wait.now_or_never().is_none()));
        // The third one has 16 beyond its own, and 16 were left: with 17, and then with 16 and 17 again, it may have one more.
        taken.truncate(63);
        let called = waits.each_mut().map(|wait| wait.now_or_never());
        assert_eq!(called.each_ref().map(Option::is_some), [false, true, false, false]);
        // One of its own is a run's at once, whatever waits.
        let fourth = Held::default();
        assert!(seats.take(&fourth).now_or_never().is_some());
        seconds.truncate(20);
        let [mut greedy, _, mut second, mut last] = waits;
        assert!((&mut last).now_or_never().is_some() && (&mut second).now_or_never().is_some());
        assert!((&mut greedy).now_or_never().is_none());
    }

    #[tokio::test]
    async fn where_more_runs_than_foreseen_hold_all_the_next_seat_is_for_one_that_has_none() {
        let seats = seats();
        let mut all: Vec<_> = (0..RUNS + 128)
            .map(|_| {
                let held = Held::default();
                (seats.take(&held).now_or_never().expect("one each"), held)
            })
            .collect();
        let one = Arc::clone(&all[0].1);
        let mut more = Box::pin(seats.take(&one));
        let none = Held::default();
        let mut first = Box::pin(seats.take(&none));
        assert!((&mut more).now_or_never().is_none() && (&mut first).now_or_never().is_none());
        all.pop();
        assert!((&mut more).now_or_never().is_none());
        assert!((&mut first).now_or_never().is_some());
    }

    #[tokio::test]
    async fn who_gave_up_takes_no_seat_with_it() {
        let seats = seats();
        let (greedy, other) = (Held::default(), Held::default());
        let mut taken = fill(&seats, &greedy);
        let before = seats.taken();
        let mut gone = Box::pin(seats.take(&greedy));
        assert!((&mut gone).now_or_never().is_none());
        drop(gone);
        taken.pop();
        let others = fill(&seats, &other);
        assert_eq!(seats.taken(), before - 1 + others.len());
        // Called, and gone before it heard.
        let mut late = Box::pin(seats.take(&other));
        assert!((&mut late).now_or_never().is_none());
        taken.truncate(taken.len() - 2);
        assert_eq!(seats.taken(), before - 2 + others.len(), "one left, one called");
        drop(late);
        assert_eq!(seats.taken(), before - 3 + others.len());
    }
}
