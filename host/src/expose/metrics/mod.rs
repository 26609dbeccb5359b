//! `/metrics`: the newest snapshot as text.
//!
//! Flows in: a snapshot and what the client accepts. Flows out: bytes that every scrape of the same snapshot shares. What
//! the board has not made ready, the first scrape of a snapshot has joined and compressed on the worker; those that come
//! meanwhile wait for the same bytes. It renders nothing: the board keeps each check's text.

use std::sync::{Arc, Mutex, PoisonError};

use axum::{extract::State, response::Response};
use bytes::Bytes;
use hyper::{
    HeaderMap, StatusCode,
    header::{self, HeaderValue},
};
use tokio::sync::OnceCell;

use super::{
    Shared,
    negotiate::{self, Coding, GZIP_BYTES_MIN},
    reply,
    worker::{Worker, WorkerGone},
};
use crate::{board::Snapshot, metric::text::Format};

const fn content_type(format: Format) -> &'static str {
    match format {
        Format::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
    }
}

/// The bytes of one snapshot, made on first use.
struct Rendered {
    snapshot: Arc<Snapshot>,
    plain: [OnceCell<Bytes>; 2],
    gzip: [OnceCell<Bytes>; 2],
}

impl Rendered {
    fn new(snapshot: Arc<Snapshot>) -> Self {
        Self {
            snapshot,
            plain: Default::default(),
            gzip: Default::default(),
        }
    }

    async fn plain(&self, format: Format, worker: &Worker) -> Result<Bytes, WorkerGone> {
        // For a client that comes at regular times the board has made it already; a visit to another thread would cost more
        // than the answer.
        let make = async || match self.snapshot.text_if_made(format) {
            Some(text) => Ok(text),
            None => worker.text(Arc::clone(&self.snapshot), format).await,
        };
        self.plain[format as usize].get_or_try_init(make).await.cloned()
    }

    async fn gzip(&self, format: Format, worker: &Worker) -> Result<Bytes, WorkerGone> {
        let make = || worker.gzip(Arc::clone(&self.snapshot), format);
        self.gzip[format as usize].get_or_try_init(make).await.cloned()
    }
}

/// The bytes of the newest snapshot anybody asked for.
#[derive(Default)]
pub(super) struct Cache(Mutex<Option<Arc<Rendered>>>);

impl Cache {
    fn of(&self, snapshot: Arc<Snapshot>) -> Arc<Rendered> {
        let mut newest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*newest {
            Some(rendered) if Arc::ptr_eq(&rendered.snapshot, &snapshot) => Arc::clone(rendered),
            _ => Arc::clone(newest.insert(Arc::new(Rendered::new(snapshot)))),
        }
    }
}

pub(super) async fn metrics(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    let format = negotiate::format(&headers);
    let rendered = shared.cache.of(shared.snapshot());
    let made = match rendered.plain(format, &shared.worker).await {
        Ok(plain) => coded(&rendered, format, plain, negotiate::coding(&headers), &shared.worker).await,
        Err(gone) => Err(gone),
    };
    match made {
        Ok((body, coding)) => answer(format, body, coding),
        Err(gone) => reply::problem(StatusCode::SERVICE_UNAVAILABLE, false, &gone.to_string()),
    }
}

async fn coded(
    rendered: &Rendered,
    format: Format,
    plain: Bytes,
    coding: Coding,
    worker: &Worker,
) -> Result<(Bytes, Coding), WorkerGone> {
    if coding == Coding::Identity || plain.len() < GZIP_BYTES_MIN {
        return Ok((plain, Coding::Identity));
    }
    Ok((rendered.gzip(format, worker).await?, Coding::Gzip))
}

fn answer(format: Format, body: Bytes, coding: Coding) -> Response {
    let mut answer = reply::bytes(StatusCode::OK, content_type(format), body);
    let headers = answer.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
    if coding == Coding::Gzip {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    #[tokio::test]
    async fn scrapes_of_one_snapshot_share_one_compression() {
        let (worker, jobs) = Worker::new();
        let cache = Cache::default();
        let snapshot = Arc::new(Snapshot::for_tests(Timestamp::default(), vec![], vec![]));
        let one = cache.of(Arc::clone(&snapshot));
        let other = cache.of(snapshot);
        let both = async {
            tokio::join!(
                one.gzip(Format::Prometheus, &worker),
                other.gzip(Format::Prometheus, &worker)
            )
        };
        tokio::select! {
            biased;
            _ = both => unreachable!("nobody works"),
            () = tokio::task::yield_now() => {}
        }
        assert_eq!(jobs.taken(), 1);
        let next = cache.of(Arc::new(Snapshot::for_tests(Timestamp::default(), vec![], vec![])));
        assert!(!Arc::ptr_eq(&one, &next), "another snapshot is another text");
    }

    #[tokio::test]
    async fn a_text_that_is_there_is_served_without_a_visit_to_the_worker() {
        let (worker, jobs) = Worker::new();
        let snapshot = Arc::new(Snapshot::for_tests(Timestamp::default(), vec![], vec![]));
        let made = snapshot.text(Format::OpenMetrics);
        let rendered = Cache::default().of(snapshot);
        let served = tokio::select! {
            biased;
            served = rendered.plain(Format::OpenMetrics, &worker) => served.expect("served"),
            () = tokio::task::yield_now() => panic!("it waits for somebody"),
        };
        assert_eq!(served, made);
        assert_eq!(jobs.taken(), 0);
    }
}
