//! What the host looks at over HTTP: a service with its `/metrics`, an API, a backend of edge functions, a model server, and a store of
//! data. All of it is well, or all of it fails, as the test says.
//!
//! Times and numbers are real: a slow answer takes its time, counters grow with the clock, and a quantile is that of the buckets served.

use std::{
    fmt::Write as _,
    sync::{Arc, Mutex},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use crate::wire::{self, Request};

/// In what fails: it may be seen nowhere.
pub(crate) const CANARY: &str = "eyJhbGciOi-canary";

/// Who cannot log in: labels of the service, of which the addresses are hidden.
pub(crate) const USERS: [&str; 2] = ["alicia.adamsdottir@example.com", "roberto.brownlow@example.com"];

/// What Triton says of a model whose file is not there.
pub(crate) const MODEL_REASON: &str = "unable to find 'model.onnx' for model 'two_tower_768'";

/// Requests a second of the service, and how many of them fail while it does: between 0.05 and 0.5 a second, and more than a tenth.
const REQUESTS: f64 = 2.0;
const ERRORS: f64 = 0.3;

/// How late the API answers: beyond its warning level, and beyond its critical one.
const SLOW: Duration = Duration::from_millis(2_200);
const VERY_SLOW: Duration = Duration::from_millis(5_200);

/// Age of the newest data: beyond two hours.
const OLD_SECONDS: u64 = 3 * 3_600;

/// Of the calls of one path, every how many fails.
const ONE_IN: u64 = 4;

struct State {
    began: Instant,
    /// Since when it fails.
    failing: Option<Instant>,
    /// For how long it failed before.
    failed: Duration,
    calls: u64,
    /// The secret that one of its labels repeats.
    leak: String,
}

impl State {
    fn failing_seconds(&self) -> f64 {
        let now = self.failing.map_or(Duration::ZERO, |since| since.elapsed());
        (self.failed + now).as_secs_f64()
    }
}

#[derive(Clone)]
pub(crate) struct Stage {
    pub(crate) port: u16,
    state: Arc<Mutex<State>>,
}

impl Stage {
    /// All is well. `leak`: a secret that the service puts into a label.
    pub(crate) fn open(leak: &str) -> Self {
        let state = Arc::new(Mutex::new(State {
            began: Instant::now(),
            failing: None,
            failed: Duration::ZERO,
            calls: 0,
            leak: leak.to_owned(),
        }));
        let own = Arc::clone(&state);
        let port = wire::serve(move |request| answer(request, &own));
        Self { port, state }
    }

    pub(crate) fn fails(&self) {
        self.state.lock().expect("no panic").failing = Some(Instant::now());
    }

    pub(crate) fn recovers(&self) {
        let mut state = self.state.lock().expect("no panic");
        let since = state.failing.take();
        state.failed += since.map_or(Duration::ZERO, |since| since.elapsed());
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }
}

fn answer(request: &Request, state: &Mutex<State>) -> Vec<u8> {
    let is_failing = state.lock().expect("no panic").failing.is_some();
    let broken = |status: u16, headers: &str| wire::answer(status, headers, &format!("{{\"error\":\"{CANARY}\"}}"));
    let fine = || wire::answer(200, "content-type: application/json\r\n", "{\"status\":\"ok\"}");
    match request.path.as_str() {
        "/metrics" => wire::answer(
            200,
            "content-type: text/plain; version=0.0.4\r\n",
            &metrics(&state.lock().expect("no panic")),
        ),
        "/slow" | "/very-slow" if is_failing => {
            std::thread::sleep(if request.path == "/slow" { SLOW } else { VERY_SLOW });
            fine()
        }
        "/backend" if is_failing => broken(503, ""),
        "/platform" if is_failing => broken(546, "sb-error-code: WORKER_RESOURCE_LIMIT\r\n"),
        "/sometimes" if is_failing => {
            let mut state = state.lock().expect("no panic");
            state.calls += 1;
            if state.calls.is_multiple_of(ONE_IN) {
                broken(500, "")
            } else {
                fine()
            }
        }
        "/v2/repository/index" => wire::answer(200, "content-type: application/json\r\n", &repository(is_failing)),
        "/data" => wire::answer(200, "content-type: application/json\r\n", &data(is_failing)),
        _ => fine(),
    }
}

/// As Triton lists its models.
fn repository(is_failing: bool) -> String {
    let (state, reason) = if is_failing {
        ("UNAVAILABLE", MODEL_REASON)
    } else {
        ("READY", "")
    };
    serde_json::json!([{ "name": "two_tower_768", "version": "1", "state": state, "reason": reason }]).to_string()
}

fn data(is_failing: bool) -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970")
        .as_secs();
    let newest = if is_failing { now - OLD_SECONDS } else { now };
    serde_json::json!({ "newest": newest }).to_string()
}

/// Every request that the service answered is in a bucket: at once while it is well, and in three to five seconds while it fails.
fn metrics(state: &State) -> String {
    let (all, failing) = (state.began.elapsed().as_secs_f64(), state.failing_seconds());
    let is_failing = state.failing.is_some();
    let (quick, late) = (((all - failing) * REQUESTS).floor(), (failing * REQUESTS).floor());
    let (used, tries) = if is_failing { (95, 5) } else { (20, 0) };
    let mut text = format!(
        "# TYPE osakamenesu_api_requests_total counter\nosakamenesu_api_requests_total {}\n\
         # TYPE osakamenesu_errors_total counter\nosakamenesu_errors_total {}\n\
         # TYPE osakamenesu_api_request_duration_seconds histogram\n",
        all * REQUESTS,
        failing * ERRORS,
    );
    for (bound, count) in [
        ("0.1", quick),
        ("3", quick),
        ("5", quick + late),
        ("+Inf", quick + late),
    ] {
        let _ = writeln!(
            text,
            "osakamenesu_api_request_duration_seconds_bucket{{le=\"{bound}\"}} {count}"
        );
    }
    let _ = write!(
        text,
        "osakamenesu_api_request_duration_seconds_sum {}\nosakamenesu_api_request_duration_seconds_count {}\n\
         # TYPE osakamenesu_database_connections_used gauge\nosakamenesu_database_connections_used {used}\n\
         # TYPE osakamenesu_database_connections_max gauge\nosakamenesu_database_connections_max 100\n\
         # TYPE osakamenesu_login_failures gauge\n",
        quick * 0.05 + late * 4.0,
        quick + late,
    );
    for user in USERS {
        let token = &state.leak;
        let _ = writeln!(
            text,
            "osakamenesu_login_failures{{user_email=\"{user}\",token=\"{token}\"}} {tries}"
        );
    }
    text
}
