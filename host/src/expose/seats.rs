//! Who is connected, and who goes when one more comes.
//!
//! Owns the seats. Flows in: newcomers and their addresses. Flows out: a seat, or why there is none; and to a connection
//! that only waits for its client, the word to leave. The decision is pure.
//!
//! A connection may be closed for another one only while the host waits for its client: for the rest of a header, for
//! the next request, for an answer to be taken. Whoever sends a whole request is answered. Among those that may go, the
//! address with the most connections gives one, the one that waits longest. So a crowd from one address displaces
//! itself, and a scraper that comes by the side of it finds a seat at once.
//!
//! Besides, one address has a share, for connections that are all being worked on and so may not be closed. The machine
//! itself has none: behind a reverse proxy every client has the same loopback address, and who is on this machine has
//! other ways to burden it. A proxy on another machine has half the seats, which is more than any needs that keeps
//! connections alive, and gives them up one by one when others come.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use super::{connection::Watch, route::Listener};
use crate::{
    clock::{Clock, Instant},
    supervisor::CancellationToken,
};

/// Connections at once. Scrapers, probes and a handful of people are a dozen; this bounds memory at some 30 KiB each.
/// One more waits in our hands, others in the system's queue.
pub(super) const CONNECTIONS_MAX: usize = 512;

/// File descriptors that are not for connections: the database, the log, the runtimes, plugins that are being compiled,
/// what checks have open.
const DESCRIPTORS_KEPT: usize = 256;

/// Of a limit too low for that, this part is for connections, so that a small host serves a few at least.
const DESCRIPTORS_PART: usize = 4;

/// How many connections there may be when the process may have `descriptors` files open: a client that comes then finds a seat
/// taken and displaces another one, instead of being left in the system's queue because the host has run out of files.
///
/// Where pushes are taken there are half as many: those who push come one by one, and their crowd must not cost the others seats.
pub(super) fn room(listener: Listener, descriptors: Option<u64>) -> usize {
    let descriptors = descriptors.and_then(|limit| usize::try_from(limit).ok());
    let room = descriptors.map_or(CONNECTIONS_MAX, |limit| {
        let beside = limit.saturating_sub(DESCRIPTORS_KEPT);
        beside.max(limit / DESCRIPTORS_PART).clamp(1, CONNECTIONS_MAX)
    });
    match listener {
        Listener::Whole => room,
        Listener::Pushes => room.div_ceil(2),
    }
}

/// What counts as one address: in IPv6 a network of the smallest size that is handed out, since whoever has one address
/// there has all of them.
fn origin(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            let network = u128::from(address) & (u128::MAX << 64);
            Ipv6Addr::from(network).into()
        }
        other => other,
    }
}

/// A connection, as the decision sees it.
#[derive(Clone, Copy, Debug)]
struct Seated {
    id: u64,
    origin: IpAddr,
    /// See [`Watch::waits_since`].
    waits_since: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Decision {
    /// There is room.
    Enter,
    /// In the place of this one.
    Replace(u64),
    /// Every seat is taken, and every request is being worked on.
    Wait,
    /// The same, of its address' share.
    Refuse,
}

/// `seats`: how many there are. Of one address that is not this machine's own half of them, so that it takes two to fill the house.
fn decide(seated: &[Seated], newcomer: IpAddr, seats: usize) -> Decision {
    let mut of_origin: BTreeMap<IpAddr, usize> = BTreeMap::new();
    for one in seated {
        *of_origin.entry(one.origin).or_default() += 1;
    }
    let count = |origin: &IpAddr| of_origin.get(origin).copied().unwrap_or(0);
    if !newcomer.is_loopback() && count(&newcomer) >= seats.div_ceil(2) {
        let own = seated.iter().filter(|one| one.origin == newcomer);
        let longest = own.filter_map(|one| Some((one.waits_since?, one.id))).min();
        return longest.map_or(Decision::Refuse, |(_, id)| Decision::Replace(id));
    }
    if seated.len() < seats {
        return Decision::Enter;
    }
    let may_go = seated.iter().filter_map(|one| {
        let most_first = std::cmp::Reverse(count(&one.origin));
        Some((most_first, one.waits_since?, one.id))
    });
    may_go.min().map_or(Decision::Wait, |(_, _, id)| Decision::Replace(id))
}

/// What became of a newcomer.
#[derive(Debug)]
pub(super) enum Entry {
    /// It has a seat.
    Seated {
        /// Hers until dropped.
        seat: Seat,
        /// Every seat was taken, and somebody was told to leave for it.
        full: bool,
    },
    /// It may ask again once [`Seats::changed`].
    Full,
    /// Its address has its share, and all of it is being worked on.
    OverShare,
}

/// All seats. Cheap to clone; clones share them.
#[derive(Clone, Debug)]
pub(super) struct Seats {
    shared: Arc<Shared>,
    count: usize,
}

#[derive(Debug, Default)]
struct Shared {
    taken: Mutex<Taken>,
    freed: Notify,
}

#[derive(Debug, Default)]
struct Taken {
    next: u64,
    by_id: BTreeMap<u64, Occupant>,
}

#[derive(Debug)]
struct Occupant {
    origin: IpAddr,
    watch: Watch,
    leave: CancellationToken,
}

impl Seats {
    /// So many.
    pub(super) fn new(count: usize) -> Self {
        Self {
            shared: Arc::default(),
            count,
        }
    }

    /// How many there are, taken or not.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.shared.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A seat for a connection from `address` that `watch` sees, perhaps in the place of another one, which is told to
    /// leave and no longer counts.
    pub(super) fn enter(&self, address: IpAddr, watch: &Watch, clock: &Clock) -> Entry {
        let (origin, now) = (origin(address), clock.monotonic());
        let mut taken = self.taken();
        let seated: Vec<Seated> = taken.by_id.iter().map(|(id, one)| one.seen(*id, now)).collect();
        match decide(&seated, origin, self.count) {
            Decision::Enter => {}
            Decision::Replace(id) => {
                if let Some(displaced) = taken.by_id.remove(&id) {
                    displaced.leave.cancel();
                }
            }
            Decision::Wait => return Entry::Full,
            Decision::Refuse => return Entry::OverShare,
        }
        let full = seated.len() >= self.count;
        let (id, leave) = (taken.next, CancellationToken::new());
        taken.next += 1;
        let occupant = Occupant {
            origin,
            watch: watch.clone(),
            leave: leave.clone(),
        };
        taken.by_id.insert(id, occupant);
        let seats = self.clone();
        let seat = Seat { id, leave, seats };
        Entry::Seated { seat, full }
    }

    /// A seat was freed since the last call.
    pub(super) async fn changed(&self) {
        self.shared.freed.notified().await;
    }

    /// Waits until nobody is left.
    pub(super) async fn emptied(&self) {
        while !self.taken().by_id.is_empty() {
            self.changed().await;
        }
    }
}

impl Occupant {
    fn seen(&self, id: u64, now: Instant) -> Seated {
        Seated {
            id,
            origin: self.origin,
            waits_since: self.watch.waits_since(now),
        }
    }
}

/// One connection's place; free when dropped.
#[derive(Debug)]
pub(super) struct Seat {
    id: u64,
    leave: CancellationToken,
    seats: Seats,
}

impl Seat {
    /// Somebody else has it now.
    pub(super) async fn lost(&self) {
        self.leave.cancelled().await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.taken().by_id.remove(&self.id);
        self.seats.shared.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const PROXY: &str = "127.0.0.1";
    const SCRAPER: &str = "192.0.2.1";
    const CROWD: &str = "198.51.100.7";

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    /// `count` connections from `from`, waiting since one second after the other; the later in the list, the shorter.
    fn seated(crowds: &[(&str, usize, bool)]) -> Vec<Seated> {
        let start = Clock::system().monotonic();
        let each = crowds
            .iter()
            .flat_map(|(from, count, waits)| std::iter::repeat_n((address(from), *waits), *count));
        let seat = |(id, (origin, waits)): (u64, (IpAddr, bool))| Seated {
            id,
            origin,
            waits_since: waits.then(|| start + Duration::from_secs(id)),
        };
        (0..).zip(each).map(seat).collect()
    }

    #[test]
    fn when_all_is_taken_the_largest_crowd_gives_the_one_that_waits_longest() {
        let crowd = CONNECTIONS_MAX - 1;
        for (who, crowds, expected) in [
            (SCRAPER, vec![(PROXY, 10, true)], Decision::Enter),
            (SCRAPER, vec![(PROXY, CONNECTIONS_MAX, true)], Decision::Replace(0)),
            (PROXY, vec![(PROXY, CONNECTIONS_MAX, true)], Decision::Replace(0)),
            // Though the scraper's has waited longest.
            (
                PROXY,
                vec![(SCRAPER, 1, true), (PROXY, crowd, true)],
                Decision::Replace(1),
            ),
            // Who is being answered stays.
            (
                PROXY,
                vec![(PROXY, 100, false), (PROXY, CONNECTIONS_MAX - 100, true)],
                Decision::Replace(100),
            ),
            (
                PROXY,
                vec![(SCRAPER, 1, true), (PROXY, crowd, false)],
                Decision::Replace(0),
            ),
            (SCRAPER, vec![(PROXY, CONNECTIONS_MAX, false)], Decision::Wait),
        ] {
            assert_eq!(
                decide(&seated(&crowds), address(who), CONNECTIONS_MAX),
                expected,
                "{who} comes to {crowds:?}"
            );
        }
    }

    #[test]
    fn an_address_has_its_share_and_this_machine_has_all() {
        let share = CONNECTIONS_MAX / 2;
        for (who, crowds, expected) in [
            (CROWD, vec![(CROWD, share - 1, false)], Decision::Enter),
            (CROWD, vec![(CROWD, share, false)], Decision::Refuse),
            (
                CROWD,
                vec![(SCRAPER, 1, true), (CROWD, share, true)],
                Decision::Replace(1),
            ),
            (SCRAPER, vec![(CROWD, share, false)], Decision::Enter),
            (PROXY, vec![(PROXY, CONNECTIONS_MAX - 1, false)], Decision::Enter),
        ] {
            assert_eq!(
                decide(&seated(&crowds), address(who), CONNECTIONS_MAX),
                expected,
                "{who} comes to {crowds:?}"
            );
        }
    }

    #[test]
    fn a_network_of_ipv6_is_one_address_and_a_mapped_address_is_itself() {
        assert_eq!(
            origin(address("2001:db8:1:2::5")),
            origin(address("2001:db8:1:2:a:b:c:d"))
        );
        assert_ne!(origin(address("2001:db8:1:2::5")), origin(address("2001:db8:1:3::5")));
        assert_eq!(origin(address("::ffff:192.0.2.1")), address(SCRAPER));
        assert!(origin(address("::1")).is_loopback() && origin(address("::ffff:127.0.0.1")).is_loopback());
    }

    #[test]
    fn a_process_that_may_open_few_files_has_fewer_seats() {
        for (descriptors, expected) in [
            (None, CONNECTIONS_MAX),
            (Some(1 << 20), CONNECTIONS_MAX),
            (Some(1024), CONNECTIONS_MAX),
            (Some(512), 256),
            (Some(256), 64),
            (Some(64), 16),
            (Some(2), 1),
        ] {
            assert_eq!(room(Listener::Whole, descriptors), expected, "{descriptors:?}");
            assert_eq!(
                room(Listener::Pushes, descriptors),
                expected.div_ceil(2),
                "{descriptors:?}"
            );
        }
    }
}
