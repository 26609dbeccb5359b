//! Prometheus' HTTP API over history and rules, for Grafana, `promtool query` and this program's own command line.
//!
//! | request | answer |
//! |---|---|
//! | `GET`, `POST /api/v1/query`, `query_range` | an expression's value at a moment, at the moments of a period |
//! | `GET`, `POST /api/v1/format_query` | an expression, written anew |
//! | `GET`, `POST /api/v1/series`, `labels` | label sets of series, names of their labels |
//! | `GET /api/v1/label/NAME/values` | values of a label |
//! | `GET /api/v1/metadata` | type, help and unit of families |
//! | `GET /api/v1/rules`, `alerts` | what rules are doing |
//! | `GET /api/v1/status/buildinfo` | which version of the API this is |
//! | `GET`, `POST /api/v1/query_exemplars` | an empty list |
//!
//! Flows in: parameters, and what is immutable: a view of history, the status of rules, a snapshot of the board. Flows out:
//! JSON, or a [`Failure`]. Nothing of it happens on the thread that answers scrapes: expressions are evaluated at one
//! [`Desk`], those about a moment first at another with less means, so that large ones keep nobody from small ones; and at a third,
//! so that no expression keeps anybody from seeing the alerts, the rest is put together.

mod body;
mod desk;
mod failure;
mod lookup;
mod parameters;
mod query;
mod rules;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Path, Request, State, rejection::PathRejection},
    response::Response,
    routing::{MethodFilter, on},
};
use bellwether_promql::storage::Storage;
use hyper::{Method, StatusCode, header};
use serde::Serialize;
use tokio::sync::watch as channel;

use self::{
    body::Notes,
    desk::{Desk, Undone, Watch},
    failure::{Failure, Kind},
    parameters::Parameters,
};
use super::super::{
    Shared, events,
    negotiate::{self, Coding},
    reply,
};
use crate::{
    board::SnapshotFamily,
    clock::{Clock, Instant},
    history::View,
    rule::RuleStatus,
    supervisor::Supervisor,
};

/// Bytes of a form. A dashboard's variable may name thousands of hosts in one expression; the longest that can be evaluated
/// fits even where every character of it is escaped.
pub(in crate::expose) const FORM_BYTES_MAX: u64 = 3 * bellwether_promql::parse::TEXT as u64 + 64 * 1024;

/// How long a client may take to send its form.
const FORM_PATIENCE: Duration = Duration::from_secs(10);

/// Of an expression in the log: enough to know it again.
const LOGGED_CHARACTERS: usize = 500;

/// Expressions that are evaluated at once. Small machines have two cores; scrapes and runs need them too.
const QUERY_THREADS: usize = 2;

/// Expressions beside those whose value is small and found soon. Whoever asks what an alert is about must not wait for others'
/// dashboards.
const SMALL_THREADS: usize = 1;

/// Answers about rules, metadata and versions that are put together at once: each takes milliseconds.
const LOOKUP_THREADS: usize = 1;

/// The API of Prometheus that is spoken here. Clients read it to know what they may ask; what this program's own version is
/// stands in `revision`.
const API_VERSION: &str = "3.5.0";

/// What queries are about.
#[derive(Clone, Debug)]
pub struct Sources {
    /// Samples of the last hours.
    pub views: channel::Receiver<Arc<View>>,
    /// What rules are doing.
    pub rules: channel::Receiver<Arc<RuleStatus>>,
}

/// Of the server: where the work is done, and what about.
pub(in crate::expose) struct Prometheus {
    sources: Sources,
    queries: Desk,
    small: Desk,
    lookups: Desk,
}

impl Prometheus {
    pub(in crate::expose) fn new(sources: Sources, clock: &Clock) -> Self {
        Self {
            sources,
            queries: Desk::new(clock.clone(), QUERY_THREADS),
            small: Desk::new(clock.clone(), SMALL_THREADS),
            lookups: Desk::new(clock.clone(), LOOKUP_THREADS),
        }
    }

    /// Starts the threads.
    pub(in crate::expose) fn start(&self, supervisor: &Supervisor) -> std::io::Result<()> {
        for (name, desk) in [
            ("http-query", &self.queries),
            ("http-small-query", &self.small),
            ("http-lookup", &self.lookups),
        ] {
            for _ in 0..desk.threads() {
                let desk = desk.clone();
                drop(supervisor.thread(name, move || desk.work())?);
            }
        }
        Ok(())
    }

    /// Ends the threads, and the queries they are at.
    pub(in crate::expose) fn stop(&self) {
        self.queries.stop();
        self.small.stop();
        self.lookups.stop();
    }
}

/// Everything that one answer is made of.
struct Asked<'a> {
    parameters: &'a Parameters,
    /// What the path names; "" where it names nothing.
    name: &'a str,
    storage: &'a dyn Storage,
    rules: &'a RuleStatus,
    families: &'a [SnapshotFamily],
    /// Milliseconds since the epoch.
    now: i64,
    /// Of this program.
    version: &'a str,
    watch: &'a Watch<'a>,
}

impl Asked<'_> {
    fn success(&self, data: &impl Serialize) -> Vec<u8> {
        let mut out = body::begin();
        body::json(data, &mut out);
        body::end(out, &Notes::default())
    }
}

/// Which [`Desk`].
#[derive(Clone, Copy)]
enum Place {
    Queries,
    /// Where small ones are tried, and then there.
    SmallThenQueries,
    Lookups,
}

/// One path.
#[derive(Clone, Copy)]
struct Endpoint {
    path: &'static str,
    /// The label of the counter.
    word: &'static str,
    takes_forms: bool,
    place: Place,
    make: fn(&Asked<'_>) -> Result<Vec<u8>, Failure>,
}

#[rustfmt::skip]
const ENDPOINTS: [Endpoint; 11] = [
    Endpoint { path: "/api/v1/query", word: "query", takes_forms: true, place: Place::SmallThenQueries, make: query::instant },
    Endpoint { path: "/api/v1/query_range", word: "query_range", takes_forms: true, place: Place::Queries, make: query::range },
    Endpoint { path: "/api/v1/query_exemplars", word: "query_exemplars", takes_forms: true, place: Place::Lookups, make: query::exemplars },
    Endpoint { path: "/api/v1/format_query", word: "format_query", takes_forms: true, place: Place::Lookups, make: query::format },
    Endpoint { path: "/api/v1/series", word: "series", takes_forms: true, place: Place::Queries, make: lookup::series },
    Endpoint { path: "/api/v1/labels", word: "labels", takes_forms: true, place: Place::Queries, make: lookup::names },
    Endpoint { path: "/api/v1/label/{name}/values", word: "label_values", takes_forms: false, place: Place::Queries, make: lookup::values },
    Endpoint { path: "/api/v1/metadata", word: "metadata", takes_forms: false, place: Place::Lookups, make: lookup::metadata },
    Endpoint { path: "/api/v1/rules", word: "rules", takes_forms: false, place: Place::Lookups, make: rules::rules },
    Endpoint { path: "/api/v1/alerts", word: "alerts", takes_forms: false, place: Place::Lookups, make: rules::alerts },
    Endpoint { path: "/api/v1/status/buildinfo", word: "buildinfo", takes_forms: false, place: Place::Lookups, make: build },
];

/// The paths, for suggestions to those who write them wrong.
pub(in crate::expose) fn paths() -> impl Iterator<Item = &'static str> {
    ENDPOINTS.iter().map(|endpoint| endpoint.path)
}

/// Whether a request to this path is answered here.
pub(in crate::expose) fn owns(path: &str) -> bool {
    let values = path
        .strip_prefix("/api/v1/label/")
        .is_some_and(|rest| rest.ends_with("/values"));
    values || paths().any(|own| own == path)
}

/// With all of them.
pub(in crate::expose) fn add_routes(router: Router<Arc<Shared>>) -> Router<Arc<Shared>> {
    ENDPOINTS.into_iter().fold(router, |router, endpoint| {
        let read = MethodFilter::GET;
        let methods = if endpoint.takes_forms {
            read.or(MethodFilter::POST)
        } else {
            read
        };
        let handler = move |State(shared): State<Arc<Shared>>,
                            name: Result<Path<String>, PathRejection>,
                            request: Request| async move {
            // Only one path names something.
            let name = name.map(|Path(name)| name).unwrap_or_default();
            answer(&shared, endpoint, name, request).await
        };
        router.route(endpoint.path, on(methods, handler))
    })
}

/// Says how a request went, whenever and however that is known: also when its client leaves and nobody goes on with it.
struct Account<'s> {
    shared: &'s Shared,
    word: &'static str,
    began: Instant,
    outcome: &'static str,
    /// The expression, or its beginning; "" where there is none.
    text: String,
}

impl Drop for Account<'_> {
    fn drop(&mut self) {
        let took = self.shared.clock.monotonic().saturating_duration_since(self.began);
        let (endpoint, outcome) = (self.word, self.outcome);
        self.shared.telemetry.emit(&events::Queried {
            endpoint,
            outcome,
            took,
            text: std::mem::take(&mut self.text),
        });
        self.shared.telemetry.instruments().add(
            "bellwether_query_seconds_total",
            "Time from asking to answering of requests about history and rules.",
            &[("endpoint", endpoint)],
            took.as_secs_f64(),
        );
    }
}

async fn answer(shared: &Arc<Shared>, endpoint: Endpoint, name: String, request: Request) -> Response {
    let mut account = Account {
        shared,
        word: endpoint.word,
        began: shared.clock.monotonic(),
        outcome: Kind::Canceled.as_str(),
        text: String::new(),
    };
    let wanted = negotiate::coding(request.headers());
    let made = match parameters(request).await {
        Ok(parameters) => {
            account.text = parameters.text("query").chars().take(LOGGED_CHARACTERS).collect();
            make(shared, endpoint, name, parameters, wanted).await
        }
        Err(failure) => Err(Undone::Failed(failure)),
    };
    let (outcome, answer) = match made {
        Ok((bytes, coding)) => ("ok", reply::coded(StatusCode::OK, reply::JSON, bytes, coding)),
        Err(Undone::Failed(failure)) => (failure.kind.as_str(), failure.answer()),
        Err(Undone::Busy) => ("busy", busy().answer()),
        Err(Undone::Panicked(panic)) => {
            shared.telemetry.emit(&events::Panicked { panic });
            let failure = Failure::new(Kind::Internal, reply::OUR_BUG);
            (failure.kind.as_str(), failure.answer())
        }
    };
    account.outcome = outcome;
    answer
}

fn busy() -> Failure {
    let most = desk::LINE_MAX;
    let message = format!("{most} requests wait already, or their answers take all there is room for; try again soon");
    Failure::new(Kind::Unavailable, message)
}

async fn make(
    shared: &Arc<Shared>,
    endpoint: Endpoint,
    name: String,
    parameters: Parameters,
    wanted: Coding,
) -> Result<(bytes::Bytes, Coding), Undone> {
    let patience = parameters.patience(query::SECONDS_MAX).map_err(Undone::Failed)?;
    let began = shared.clock.monotonic();
    let Prometheus {
        sources,
        queries,
        small,
        lookups,
    } = &shared.prometheus;
    let (view, rules) = (Arc::clone(&sources.views.borrow()), Arc::clone(&sources.rules.borrow()));
    let (snapshot, version) = (shared.snapshot(), shared.version.clone());
    let now = i64::try_from(shared.clock.wall().as_nanos() / 1_000_000).unwrap_or(i64::MAX);
    let all = Arc::new((parameters, name, view, rules, snapshot, version));
    let work = |make: fn(&Asked<'_>) -> Result<Vec<u8>, Failure>| {
        let all = Arc::clone(&all);
        move |watch: &Watch<'_>| {
            let (parameters, name, view, rules, snapshot, version) = &*all;
            make(&Asked {
                parameters,
                name,
                storage: &**view,
                rules,
                families: &snapshot.families,
                now,
                version,
                watch,
            })
        }
    };
    match endpoint.place {
        Place::Lookups => return lookups.ask(patience, wanted, work(endpoint.make)).await,
        Place::Queries => {}
        Place::SmallThenQueries => match small.ask(patience, wanted, work(query::small)).await {
            Err(Undone::Failed(failure)) if failure.kind == Kind::TooHeavy => {}
            Err(Undone::Busy) => {}
            done => return done,
        },
    }
    let rest = patience.saturating_sub(shared.clock.monotonic().saturating_duration_since(began));
    queries.ask(rest, wanted, work(endpoint.make)).await
}

/// What is asked for, wherever it stands.
async fn parameters(request: Request) -> Result<Parameters, Failure> {
    let (parts, body) = request.into_parts();
    let kind = parts
        .headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let is_form = kind.is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    let form = if parts.method == Method::POST && is_form {
        form(body).await?
    } else {
        bytes::Bytes::new()
    };
    Ok(Parameters::new(&form, parts.uri.query().unwrap_or_default()))
}

async fn form(body: Body) -> Result<bytes::Bytes, Failure> {
    let most = usize::try_from(FORM_BYTES_MAX).unwrap_or(usize::MAX);
    let read = tokio::time::timeout(FORM_PATIENCE, to_bytes(body, most)).await;
    let failure = |why: &str| Failure::new(Kind::BadData, format!("error parsing form values: {why}"));
    match read {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) => Err(failure(&format!("{error}; at most {most} bytes are read"))),
        Err(_) => Err(failure("it did not arrive in time")),
    }
}

/// Which API this is.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Build {
    version: &'static str,
    revision: String,
    branch: &'static str,
    build_user: &'static str,
    build_date: &'static str,
    go_version: &'static str,
}

fn build(asked: &Asked<'_>) -> Result<Vec<u8>, Failure> {
    Ok(asked.success(&Build {
        version: API_VERSION,
        revision: format!("bellwether-{}", asked.version),
        branch: "",
        build_user: "",
        build_date: "",
        go_version: "",
    }))
}
