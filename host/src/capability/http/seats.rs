//! Seats: a request is under way when it has one, and its time begins with it.
//!
//! Flows in: runs that want one more. Flows out: a [`Seat`], which is given back when it is dropped. It knows no time; whoever
//! waits says until when. How many seats one run has of its own is the run's to limit.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::sync::oneshot;

/// A run that holds so many is no small one any more: most checks ask fewer places than this.
const FEW: usize = 8;

/// Kept for runs that hold few: one part in so many. Six checks whose targets all hang hold the others until their time is up,
/// and a check of a healthy target is asked all the same.
const RESERVED_SHARE: usize = 4;

/// Whether a run that holds `held` seats may take one more, when `taken` of `all` are.
const fn may_sit(all: usize, taken: usize, held: usize) -> bool {
    let open_to_all = all - all / RESERVED_SHARE;
    taken < open_to_all || (taken < all && held < FEW)
}

/// How many seats one run holds. Written under the lock of the book only.
pub(super) type Held = Arc<AtomicUsize>;

/// The seats of a host. Cheap to clone; clones share them.
#[derive(Clone, Debug)]
pub(super) struct Seats {
    book: Arc<Mutex<Book>>,
}

#[derive(Debug)]
struct Book {
    all: usize,
    taken: usize,
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
    pub(super) fn new(all: usize) -> Self {
        let book = Book {
            all,
            taken: 0,
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
        if book.sit(held) {
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
    fn sit(&mut self, held: &Held) -> bool {
        let may = may_sit(self.all, self.taken, held.load(Ordering::Relaxed));
        if may {
            self.taken += 1;
            held.fetch_add(1, Ordering::Relaxed);
        }
        may
    }

    fn leave(&mut self, held: &Held) {
        self.taken -= 1;
        held.fetch_sub(1, Ordering::Relaxed);
    }

    /// Seats the first of those who may sit.
    fn next(&mut self) -> Option<Waiting> {
        self.forget_gone();
        let may = |one: &Waiting| may_sit(self.all, self.taken, one.held.load(Ordering::Relaxed));
        let at = self.waiting.iter().position(may)?;
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

    #[test]
    fn the_last_quarter_is_for_those_who_hold_few() {
        for (taken, held, may) in [
            (0, 0, true),
            (383, 63, true),
            (384, 63, false),
            (384, FEW, false),
            (384, FEW - 1, true),
            (511, 0, true),
            (512, 0, false),
        ] {
            assert_eq!(may_sit(512, taken, held), may, "{taken} taken, {held} held");
        }
    }

    /// As many as sit down at once.
    fn fill(seats: &Seats, held: &Held) -> Vec<Seat> {
        std::iter::from_fn(|| seats.take(held).now_or_never()).collect()
    }

    #[test]
    fn a_run_that_wants_all_leaves_seats_for_the_next() {
        let seats = Seats::new(40);
        let (greedy, modest) = (Held::default(), Held::default());
        let taken = fill(&seats, &greedy);
        assert_eq!(taken.len(), 30);
        let few = fill(&seats, &modest);
        assert_eq!((few.len(), seats.taken()), (FEW, 38));
        drop((taken, few));
        assert_eq!(seats.taken(), 0);
        assert_eq!(greedy.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn who_waits_is_called_in_order_and_who_may_not_sit_is_passed_over() {
        let seats = Seats::new(40);
        let (greedy, modest) = (Held::default(), Held::default());
        let mut taken = fill(&seats, &greedy);
        let mut few = fill(&seats, &modest);
        let mut first = Box::pin(seats.take(&greedy));
        let mut second = Box::pin(seats.take(&modest));
        assert!((&mut first).now_or_never().is_none() && (&mut second).now_or_never().is_none());
        // 38 are taken, so only the one that holds few again may come.
        few.pop();
        assert!((&mut first).now_or_never().is_none());
        let second = (&mut second).now_or_never().expect("called");
        assert_eq!(seats.taken(), 38);
        // Now for everybody.
        drop((second, few));
        taken.pop();
        assert!(first.now_or_never().is_some());
    }

    #[tokio::test]
    async fn who_gave_up_takes_no_seat_with_it() {
        let seats = Seats::new(4);
        let (greedy, other) = (Held::default(), Held::default());
        let mut taken = fill(&seats, &greedy);
        assert_eq!(taken.len(), 4, "it holds few");
        let mut gone = Box::pin(seats.take(&greedy));
        assert!((&mut gone).now_or_never().is_none());
        let mut stays = Box::pin(seats.take(&other));
        assert!((&mut stays).now_or_never().is_none());
        drop(gone);
        taken.pop();
        let seat = stays.now_or_never().expect("called instead");
        assert_eq!(seats.taken(), 4);
        // Called, and gone before it heard.
        let mut late = Box::pin(seats.take(&other));
        assert!((&mut late).now_or_never().is_none());
        drop(seat);
        assert_eq!(seats.taken(), 4);
        drop(late);
        assert_eq!(seats.taken(), 3);
    }
}
