//! One connection: when it is too slow to be let live.
//!
//! Owns the clocks of a connection. Flows in: reads, writes and requests as they happen. Flows out: the instant to look
//! again, or the reason to close. hyper's own timers see only HTTP/1 headers; these see the TLS handshake, the guess of
//! the protocol, HTTP/2 and readers that stop reading. It parses nothing.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::clock::{Clock, Instant};

/// How long clients may take. Tests shorten it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// From the first byte of a request (or from connecting) to the end of its header, and for the TLS handshake.
    pub(super) header: Duration,
    /// Between two requests.
    pub(super) idle: Duration,
    /// Without a byte taken by a reader.
    pub(super) stall: Duration,
    /// From the first byte of an answer until all of it is taken.
    pub(super) answer: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            // A header is one packet or two; ten seconds forgive a lost one several times over.
            header: Duration::from_secs(10),
            // Longer than usual scrape intervals, so that Prometheus keeps its connection.
            idle: Duration::from_secs(150),
            stall: Duration::from_secs(15),
            // 10 MB at 700 kbit/s.
            answer: Duration::from_secs(120),
        }
    }
}

/// A reader that has taken nothing for so long may be closed for the sake of another client. On a line that works,
/// something is taken every round trip.
const STALLED: Duration = Duration::from_secs(1);

/// How late a timeout may be noticed.
const LOOK_AT_LEAST_EVERY: Duration = Duration::from_secs(1);

/// Why we close a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CloseReason {
    /// [`Patience::header`].
    SlowHeader,
    /// [`Patience::idle`].
    Idle,
    /// [`Patience::stall`] or [`Patience::answer`].
    SlowReader,
    /// The TLS handshake failed or took longer than [`Patience::header`].
    Handshake,
    /// The host stops, and the client did not finish in time.
    Stopping,
    /// All connections were in use, the host waited for this client, and another one came.
    Displaced,
    /// Its address had its share of connections, and all of them were busy.
    AddressShare,
}

impl CloseReason {
    /// The label of the counter.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::SlowHeader => "slow_header",
            Self::Idle => "idle",
            Self::SlowReader => "slow_reader",
            Self::Handshake => "handshake",
            Self::Stopping => "stopping",
            Self::Displaced => "displaced",
            Self::AddressShare => "address_share",
        }
    }
}

/// What to do about a connection now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// Nothing; look again then.
    Again(Instant),
    /// It is over.
    Close(CloseReason),
}

/// What happened on a connection, as far as its clocks go.
#[derive(Debug)]
pub(super) struct Activity {
    /// Requests being answered.
    requests: usize,
    /// When it last became idle; at first, when it connected.
    idle_since: Instant,
    /// First byte that came while idle.
    first_byte: Option<Instant>,
    /// Whether a request was ever answered.
    served: bool,
    /// HTTP/2: bytes that come while idle may be anything.
    multiplexed: bool,
    /// First byte written that is not flushed yet.
    writing_since: Option<Instant>,
    /// When the last byte was taken, while the reader takes none.
    stalled_since: Option<Instant>,
}

impl Activity {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            requests: 0,
            idle_since: now,
            first_byte: None,
            served: false,
            multiplexed: false,
            writing_since: None,
            stalled_since: None,
        }
    }

    fn received(&mut self, now: Instant) {
        if self.requests == 0 {
            self.first_byte.get_or_insert(now);
        }
    }

    fn wrote(&mut self, now: Instant) {
        self.writing_since.get_or_insert(now);
        self.stalled_since = None;
    }

    fn blocked(&mut self, now: Instant) {
        self.writing_since.get_or_insert(now);
        self.stalled_since.get_or_insert(now);
    }

    /// The answer is out; a client that took long to read it has its full time for the next request.
    fn flushed(&mut self, now: Instant) {
        if self.writing_since.take().is_some() && self.requests == 0 {
            self.idle_since = now;
        }
        self.stalled_since = None;
    }

    fn request_started(&mut self, multiplexed: bool) {
        self.requests += 1;
        self.multiplexed |= multiplexed;
    }

    fn request_ended(&mut self, now: Instant) {
        self.requests -= 1;
        self.served = true;
        self.idle_since = now;
        self.first_byte = None;
    }

    /// The nearest deadline. None while a request is being worked on and nothing is being written.
    fn deadline(&self, patience: &Patience) -> Option<(Instant, CloseReason)> {
        if let Some(writing) = self.writing_since {
            let whole = writing + patience.answer;
            let nearest = self
                .stalled_since
                .map_or(whole, |stalled| whole.min(stalled + patience.stall));
            return Some((nearest, CloseReason::SlowReader));
        }
        if self.requests > 0 {
            return None;
        }
        let header_since = match (self.served, self.multiplexed) {
            (false, _) => Some(self.idle_since),
            (true, false) => self.first_byte,
            (true, true) => None,
        };
        Some(match header_since {
            Some(since) => (since + patience.header, CloseReason::SlowHeader),
            None => (self.idle_since + patience.idle, CloseReason::Idle),
        })
    }

    /// Since when the client is the one to act: to finish its header, to ask again, to take an answer that it let lie.
    /// None while a request is being answered.
    fn waits_since(&self, now: Instant) -> Option<Instant> {
        if self.writing_since.is_some() {
            let stalled = |since: &Instant| now.saturating_duration_since(*since) >= STALLED;
            return self.stalled_since.filter(stalled);
        }
        (self.requests == 0).then_some(self.idle_since)
    }

    pub(super) fn look(&self, now: Instant, patience: &Patience) -> Look {
        let soon = now + LOOK_AT_LEAST_EVERY;
        match self.deadline(patience) {
            Some((deadline, reason)) if deadline <= now => Look::Close(reason),
            Some((deadline, _)) => Look::Again(deadline.min(soon)),
            None => Look::Again(soon),
        }
    }
}

/// An [`Activity`] shared by the stream, the requests and the watcher of one connection.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    activity: Arc<Mutex<Activity>>,
    clock: Clock,
    patience: Patience,
}

impl Watch {
    pub(super) fn new(clock: Clock, patience: Patience) -> Self {
        let activity = Arc::new(Mutex::new(Activity::new(clock.monotonic())));
        Self {
            activity,
            clock,
            patience,
        }
    }

    fn activity(&self) -> MutexGuard<'_, Activity> {
        self.activity.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn look(&self) -> Look {
        self.activity().look(self.clock.monotonic(), &self.patience)
    }

    /// Since when the host waits for the client and for nothing else; None: a request is being answered.
    pub(super) fn waits_since(&self, now: Instant) -> Option<Instant> {
        self.activity().waits_since(now)
    }

    /// A request is being answered until the guard is dropped.
    pub(super) fn request(&self, multiplexed: bool) -> RequestGuard {
        self.activity().request_started(multiplexed);
        RequestGuard(self.clone())
    }
}

/// See [`Watch::request`].
#[derive(Debug)]
pub(super) struct RequestGuard(Watch);

impl Drop for RequestGuard {
    fn drop(&mut self) {
        let now = self.0.clock.monotonic();
        self.0.activity().request_ended(now);
    }
}

/// A stream whose reads and writes are noted.
#[derive(Debug)]
pub(super) struct Watched<S> {
    stream: S,
    watch: Watch,
}

impl<S> Watched<S> {
    pub(super) fn new(stream: S, watch: Watch) -> Self {
        Self { stream, watch }
    }

    fn note<T>(&self, written: &Poll<io::Result<T>>) {
        let now = self.watch.clock.monotonic();
        match written {
            Poll::Ready(_) => self.watch.activity().wrote(now),
            Poll::Pending => self.watch.activity().blocked(now),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            let now = self.watch.clock.monotonic();
            self.watch.activity().received(now);
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.note(&written);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.note(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        if flushed.is_ready() {
            let now = self.watch.clock.monotonic();
            self.watch.activity().flushed(now);
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn ends(activity: &Activity, start: Instant) -> Option<(Duration, CloseReason)> {
        activity
            .deadline(&Patience::default())
            .map(|(at, reason)| (at - start, reason))
    }

    #[test]
    fn each_stage_of_a_connection_has_its_clock() {
        let start = Clock::system().monotonic();
        let Patience {
            header,
            idle,
            stall,
            answer,
        } = Patience::default();
        let mut activity = Activity::new(start);
        assert_eq!(
            ends(&activity, start),
            Some((header, CloseReason::SlowHeader)),
            "just connected"
        );

        activity.received(start + s(8));
        assert_eq!(
            ends(&activity, start),
            Some((header, CloseReason::SlowHeader)),
            "a byte buys no time"
        );

        activity.request_started(false);
        assert_eq!(ends(&activity, start), None, "being answered");

        activity.request_ended(start + s(9));
        activity.wrote(start + s(9));
        assert_eq!(ends(&activity, start), Some((s(9) + answer, CloseReason::SlowReader)));

        activity.blocked(start + s(10));
        assert_eq!(ends(&activity, start), Some((s(10) + stall, CloseReason::SlowReader)));
        activity.blocked(start + s(12));
        assert_eq!(ends(&activity, start), Some((s(10) + stall, CloseReason::SlowReader)));
        activity.wrote(start + s(20));
        assert_eq!(
            ends(&activity, start),
            Some((s(9) + answer, CloseReason::SlowReader)),
            "it reads again"
        );

        activity.flushed(start + s(30));
        assert_eq!(
            ends(&activity, start),
            Some((s(30) + idle, CloseReason::Idle)),
            "kept alive"
        );

        activity.received(start + s(50));
        assert_eq!(
            ends(&activity, start),
            Some((s(50) + header, CloseReason::SlowHeader)),
            "next request"
        );
    }

    #[test]
    fn a_connection_waits_for_its_client_but_while_it_is_answered() {
        let start = Clock::system().monotonic();
        let mut activity = Activity::new(start);
        assert_eq!(activity.waits_since(start + s(1)), Some(start), "for a header");
        activity.received(start + s(2));
        assert_eq!(activity.waits_since(start + s(2)), Some(start), "for the rest of it");
        activity.request_started(false);
        assert_eq!(activity.waits_since(start + s(3)), None);
        activity.request_ended(start + s(4));
        activity.wrote(start + s(4));
        assert_eq!(activity.waits_since(start + s(9)), None, "it takes the answer");
        activity.blocked(start + s(9));
        assert_eq!(activity.waits_since(start + s(9)), None, "perhaps it will go on");
        assert_eq!(
            activity.waits_since(start + s(10)),
            Some(start + s(9)),
            "it lets it lie"
        );
        activity.wrote(start + s(11));
        activity.flushed(start + s(11));
        assert_eq!(
            activity.waits_since(start + s(12)),
            Some(start + s(11)),
            "for the next request"
        );
    }

    #[test]
    fn a_multiplexed_connection_may_ping_while_idle() {
        let start = Clock::system().monotonic();
        let mut activity = Activity::new(start);
        activity.request_started(true);
        activity.request_ended(start + s(1));
        activity.received(start + s(2));
        assert_eq!(
            ends(&activity, start),
            Some((s(1) + Patience::default().idle, CloseReason::Idle))
        );
    }

    #[test]
    fn a_look_closes_at_the_deadline_and_never_waits_long() {
        let start = Clock::system().monotonic();
        let activity = Activity::new(start);
        let patience = Patience::default();
        let header = patience.header;
        assert_eq!(
            activity.look(start, &patience),
            Look::Again(start + LOOK_AT_LEAST_EVERY)
        );
        let almost = start + header - Duration::from_millis(1);
        assert_eq!(activity.look(almost, &patience), Look::Again(start + header));
        assert_eq!(
            activity.look(start + header, &patience),
            Look::Close(CloseReason::SlowHeader)
        );
    }
}
