//! The requests of one run: its limits, its deadline, and chains of redirects.
//!
//! Flows in: requests as guests write them. Flows out: answers and failures, scrubbed. What happens in one hop is
//! `exchange`'s.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout_at,
};

use super::{
    BODIES_BYTES_MAX, BODY_BYTES_MAX, IN_FLIGHT_MAX, REQUESTS_MAX, Shared,
    body::Budget,
    exchange::{Answer, Asked},
    message::{Error, Failure, Header, Phase, Phases, Request, Response},
    policy::{
        grant,
        headers::{self, Answers},
    },
    redirect::{self, Step},
    scrub::{self, Scrubber},
    seats::{Held, Seat},
    trace::Trace,
    wishes::Wishes,
};
use crate::{capability::reach::Reach, clock::Instant};

/// Refused requests that a run is reported to have made: who reads them mends the first and tries again.
const REFUSALS_MAX: usize = 32;

/// Requests of one run whose times are kept: who looks at them wants to see where a run spent its time, and one page shows no more.
const TIMED_MAX: usize = 16;

/// A request that ended.
#[derive(Clone, Debug)]
pub struct Timed {
    /// When it had its seat.
    pub began: Instant,
    /// All hops included.
    pub took: Duration,
    /// Of the last hop.
    pub phases: Phases,
}

/// Of a request that begins when the run's calls have no time any more.
const TOO_LATE: &str = "the time that this run has for its calls was up before this one began, so it was not asked. Raise the \
                        check's `timeout`, or ask for less";

/// What one run has of HTTP. Requests share its limits.
#[derive(Debug)]
pub struct HttpRun {
    pub(super) shared: Arc<Shared>,
    pub(super) check: Arc<str>,
    reach: Arc<Reach>,
    /// The check has secrets, so everything that comes back is scrubbed.
    pub(super) guarded: bool,
    calls_until: Instant,
    hops: AtomicU32,
    pub(super) bodies: Budget,
    seats: Semaphore,
    held: Held,
    scrubber: OnceLock<Scrubber>,
    outcomes: Mutex<BTreeMap<&'static str, u64>>,
    /// Requests under way, and those that may have arrived although no answer did.
    unanswered: AtomicU32,
    refusals: Mutex<Vec<String>>,
    timed: Mutex<Vec<Timed>>,
}

impl HttpRun {
    pub(super) fn new(shared: Arc<Shared>, check: Arc<str>, reach: Arc<Reach>, calls_until: Instant) -> Self {
        Self {
            shared,
            check,
            guarded: scrub::is_needed(&reach),
            reach,
            calls_until,
            hops: AtomicU32::new(0),
            bodies: Budget::new(BODIES_BYTES_MAX),
            seats: Semaphore::new(IN_FLIGHT_MAX),
            held: Held::default(),
            scrubber: OnceLock::new(),
            outcomes: Mutex::default(),
            unanswered: AtomicU32::new(0),
            refusals: Mutex::default(),
            timed: Mutex::default(),
        }
    }

    /// All at once, within the limits; answers in the order of the requests.
    pub async fn send_all(&self, requests: Vec<Request>) -> Vec<Result<Response, Failure>> {
        join_all(requests.into_iter().map(|request| self.send(request))).await
    }

    /// One request, with its redirects. Its time begins when it has a seat; until then it waits as long as the run's calls
    /// may. Dropping the future ends it.
    pub async fn send(&self, request: Request) -> Result<Response, Failure> {
        let mut trace = Trace {
            url: asked_url(&request),
            ..Trace::default()
        };
        self.unanswered.fetch_add(1, Ordering::Relaxed);
        let (ended, total) = match self.sit().await {
            Ok(_seat) => self.seated(&request, &mut trace).await,
            Err(error) => (Err(error), Duration::ZERO),
        };
        if ended.is_ok() || matches!(trace.phase, Phase::Resolve | Phase::Connect | Phase::Tls) {
            self.unanswered.fetch_sub(1, Ordering::Relaxed);
        }
        self.count(ended.as_ref().map_or_else(Error::outcome, |_| "ok"));
        match ended {
            Ok(answer) => Ok(self.response(answer, &request, trace, total)),
            Err(error) => {
                let failure = self.failure(error, trace, total);
                self.note(&failure);
                Err(failure)
            }
        }
    }

    async fn seated(&self, request: &Request, trace: &mut Trace) -> (Result<Answer, Error>, Duration) {
        let began = self.now();
        let deadline = self.deadline(began, request.timeout);
        let ended = timeout_at(deadline, self.follow(request, deadline, trace)).await;
        let took = self.now() - began;
        let mut timed = self.timed.lock().unwrap_or_else(PoisonError::into_inner);
        if timed.len() < TIMED_MAX {
            timed.push(Timed {
                began,
                took,
                phases: trace.phases,
            });
        }
        (ended.unwrap_or(Err(Error::Timeout(trace.phase))), took)
    }

    /// One of the run's own seats, and one of the host's. That others take their time, or that the run has none left, says
    /// nothing about whom this request is for, so it ends as a limit and in no phase.
    async fn sit(&self) -> Result<(SemaphorePermit<'_>, Seat), Error> {
        if self.now() >= self.calls_until {
            return Err(Error::Limit(TOO_LATE.to_owned()));
        }
        let own = self.in_time(self.seats.acquire()).await;
        // The semaphore is never closed.
        let own = own
            .and_then(Result::ok)
            .ok_or_else(|| waited(IN_FLIGHT_MAX, "this check"))?;
        let taken = self.shared.seats.taken();
        let seat = self.in_time(self.shared.seats.take(&self.held)).await;
        Ok((own, seat.ok_or_else(|| waited(taken, "all checks"))?))
    }

    /// `None`: time was up first, or in the same moment, for those who had the seats until then had no more of it.
    async fn in_time<T>(&self, seat: impl Future<Output = T>) -> Option<T> {
        let seat = timeout_at(self.calls_until, seat).await.ok()?;
        (self.now() < self.calls_until).then_some(seat)
    }

    /// What the policy said no to, in order, without repeats.
    pub fn refusals(&self) -> Vec<String> {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, failure: &Failure) {
        let Error::Denied(why) = &failure.error else { return };
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        if refusals.len() < REFUSALS_MAX && !refusals.contains(why) {
            refusals.push(why.clone());
        }
    }

    /// How requests ended, by the word for it: `ok`, or an error's.
    pub fn outcomes(&self) -> BTreeMap<&'static str, u64> {
        self.outcomes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The first requests that ended, in that order.
    pub fn timed(&self) -> Vec<Timed> {
        self.timed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A request that ended before it came here, for what there was of it was too much already.
    pub fn count_oversized(&self) {
        self.count(Error::Limit(String::new()).outcome());
    }

    /// Whether something may have been done at the other side of which nobody here knows: a request went out, or was about to, and no
    /// answer came.
    pub fn is_in_doubt(&self) -> bool {
        self.unanswered.load(Ordering::Relaxed) > 0
    }

    fn count(&self, outcome: &'static str) {
        *self
            .outcomes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(outcome)
            .or_default() += 1;
    }

    pub(super) fn now(&self) -> Instant {
        self.shared.connector.clock.monotonic()
    }

    fn deadline(&self, now: Instant, timeout: Option<Duration>) -> Instant {
        let wished = timeout.and_then(|timeout| now.checked_add(timeout));
        wished.map_or(self.calls_until, |wished| wished.min(self.calls_until))
    }

    /// The chain of hops.
    async fn follow(&self, request: &Request, deadline: Instant, trace: &mut Trace) -> Result<Answer, Error> {
        let mut wishes = Wishes::of(request)?;
        let mut step = self.first(request, &wishes)?;
        loop {
            trace.url = shown(&step);
            self.count_hop()?;
            let asked = Asked {
                step: &step,
                wishes: &wishes,
                fresh: request.fresh,
                family: request.family,
                deadline,
            };
            let begun = self.exchange(&asked, trace).await?;
            let Some(location) = followed(&begun.status_and_location(), request) else {
                return self.finish(begun, &asked, keep(request), trace).await;
            };
            if trace.redirects >= request.redirects_max {
                trace.status = Some(begun.status());
                return Err(Error::Limit(format!("more than {} redirects", request.redirects_max)));
            }
            let status = begun.status();
            drop(begun);
            let next = redirect::next(&step, status, &location, &self.reach)?;
            self.refuse_to_tell(&step, &next)?;
            if next.bare && !step.bare {
                // They were wishes about the server that was asked for.
                wishes.connect_to = None;
                wishes.server_name = None;
            }
            wishes.check(&next.granted.connection, self.guarded)?;
            step = next;
            trace.redirects += 1;
            trace.next_hop();
        }
    }

    fn first(&self, request: &Request, wishes: &Wishes) -> Result<Step, Error> {
        let granted = grant::admit(&self.reach, request.slot.as_deref(), &request.url, &request.method)?;
        let connection = &granted.connection;
        wishes.check(connection, self.guarded)?;
        let answers = if self.guarded { Answers::Whole } else { Answers::Any };
        let headers = headers::check(&request.headers, request.body.len(), connection, answers)?;
        Ok(Step {
            headers,
            body: request.body.clone(),
            bare: false,
            granted,
        })
    }

    /// A server that knows a secret may not have it carried to another.
    fn refuse_to_tell(&self, step: &Step, next: &Step) -> Result<(), Error> {
        let url = &next.granted.url;
        let leaves = self.guarded && !grant::same_origin(&step.granted.url, url);
        if leaves && self.scrubber().finds(url.as_str()) {
            return Err(Error::Denied(
                "the server redirects to another origin with a secret in the URL".to_owned(),
            ));
        }
        Ok(())
    }

    fn count_hop(&self) -> Result<(), Error> {
        if self.hops.fetch_add(1, Ordering::Relaxed) < REQUESTS_MAX {
            return Ok(());
        }
        Err(Error::Limit(format!(
            "more than {REQUESTS_MAX} requests in one run, redirects included"
        )))
    }

    fn scrubber(&self) -> &Scrubber {
        self.scrubber
            .get_or_init(|| Scrubber::new(self.shared.redactor.clone(), &self.reach))
    }

    fn response(&self, answer: Answer, request: &Request, trace: Trace, total: Duration) -> Response {
        let keep = keep(request).min(answer.shown);
        let truncated = answer.cut || answer.body.len() > keep;
        let (headers, body, url, tls) = if self.guarded {
            let scrubber = self.scrubber();
            let headers = answer.headers.into_iter().map(|header| scrubbed(header, scrubber));
            let body = scrubber.bytes(&answer.body, keep);
            let tls = trace.session.map(|session| scrubber.session(session));
            (headers.collect(), body, scrubber.text(&trace.url), tls)
        } else {
            let mut body = answer.body;
            body.truncate(keep);
            (answer.headers, body, trace.url, trace.session)
        };
        Response {
            status: answer.status,
            version: answer.version,
            headers,
            body,
            body_truncated: truncated,
            url,
            redirects: trace.redirects,
            remote: answer.remote,
            reused: trace.reused,
            phases: Phases { total, ..trace.phases },
            tls,
        }
    }

    fn failure(&self, error: Error, trace: Trace, total: Duration) -> Failure {
        let (error, url, tls) = if self.guarded {
            let scrubber = self.scrubber();
            let tls = trace.session.map(|session| scrubber.session(session));
            (
                error.reworded(|text| scrubber.text(text)),
                scrubber.text(&trace.url),
                tls,
            )
        } else {
            (error, trace.url, trace.session)
        };
        Failure {
            error,
            url,
            redirects: trace.redirects,
            status: trace.status,
            remote: trace.remote,
            phases: Phases { total, ..trace.phases },
            tls,
        }
    }
}

/// Of a request that was never made.
fn waited(others: usize, of_whom: &str) -> Error {
    Error::Limit(format!(
        "waited for a free seat until the run's time was up, and was not asked: {others} requests of {of_whom} were in flight. \
         Give them a shorter timeout than the check's, or share them among several checks"
    ))
}

fn keep(request: &Request) -> usize {
    let wished = request.body_bytes_max.and_then(|bytes| usize::try_from(bytes).ok());
    wished.unwrap_or(BODY_BYTES_MAX).min(BODY_BYTES_MAX)
}

/// Where to go on, if the answer says so and the guest wants it.
fn followed((status, location): &(u16, Option<Vec<u8>>), request: &Request) -> Option<Vec<u8>> {
    let wanted = redirect::is_redirect(*status) && request.redirects_max > 0;
    location.clone().filter(|_| wanted)
}

/// Until the policy made a URL of it: what the guest wrote, when it wrote a whole one.
fn asked_url(request: &Request) -> String {
    match request.slot {
        Some(_) => String::new(),
        None => request.url.clone(),
    }
}

/// What a guest may see of a URL: nothing when it is a secret.
fn shown(step: &Step) -> String {
    if step.granted.connection.url_is_secret {
        String::new()
    } else {
        step.granted.url.to_string()
    }
}

fn scrubbed((name, value): Header, scrubber: &Scrubber) -> Header {
    (scrubber.text(&name), scrubber.bytes(&value, value.len()))
}
