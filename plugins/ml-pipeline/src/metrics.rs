//! Declarations of all metrics.

use bellwether_sdk::{
    Description,
    metric::{Gauge, Info, Observations, StateSet},
};

/// Upper bounds for one inference: a cache answers in a millisecond, a language model may think for a minute. 2 and 5 seconds
/// are where an API counts as slow and as too slow, so they are bounds.
const LATENCY_BOUNDS: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0,
];

/// States of the latest run, whatever the system calls them.
pub(crate) const RUN_STATES: &[&str] = &["succeeded", "failed", "running", "waiting", "other"];

pub(crate) const TARGET_UP: Gauge<2> = Gauge::new(
    "ml_target_up",
    "1 when the last run found the target ok or at warning.",
    ["kind", "target"],
);
pub(crate) const TARGET_LATENCY: Gauge<2> = Gauge::new(
    "ml_target_latency_seconds",
    "How long the slowest answer of the last run took.",
    ["kind", "target"],
);
pub(crate) const FAILING_RUNS: Gauge<3> = Gauge::new(
    "ml_target_failing_runs",
    "Runs in a row that found the target at least this bad; not ok at all counts as warning.",
    ["kind", "target", "severity"],
);
pub(crate) const UNANSWERED_RUNS: Gauge<3> = Gauge::new(
    "ml_target_unanswered_runs",
    "Runs in a row that found the target that bad only because a request was not answered as it should be.",
    ["kind", "target", "severity"],
);
pub(crate) const MODEL_READY: Gauge<2> = Gauge::new(
    "ml_model_ready",
    "1 when the server says that the model can be used.",
    ["target", "model"],
);
pub(crate) const MODEL_LOAD_FAILED: Gauge<2> = Gauge::new(
    "ml_model_load_failed",
    "1 when the server says that the model, or a version of it, could not be loaded or registered.",
    ["target", "model"],
);
pub(crate) const MODEL_INFO: Info<3> = Info::new(
    "ml_model_info",
    "Versions that are ready.",
    ["target", "model", "version"],
);
pub(crate) const DIMENSION: Gauge<3> = Gauge::new(
    "ml_embedding_dimension",
    "Dimensions of the model's vectors, as metadata (kind `ready`) or an answer (kind `canary`) has them.",
    ["kind", "target", "model"],
);
pub(crate) const INFERENCE_LATENCY: Observations<2> = Observations::new(
    "ml_inference_latency_seconds",
    "How long inference took, for canaries that were answered.",
    ["target", "model"],
    LATENCY_BOUNDS,
);
pub(crate) const RECOMMENDATION_LATENCY: Observations<1> = Observations::new(
    "recommendation_latency_seconds",
    "How long recommending took, for canaries marked as recommendations.",
    ["model"],
    LATENCY_BOUNDS,
);
pub(crate) const SLOW_RUNS: Gauge<2> = Gauge::new(
    "ml_canary_slow_runs",
    "Runs in a row in which the canary was slower than the level.",
    ["target", "severity"],
);
pub(crate) const RUN_LAST_SUCCESS: Gauge<2> = Gauge::new(
    "ml_run_last_success_timestamp_seconds",
    "When the last successful run ended; absent when none is known.",
    ["target", "pipeline"],
);
pub(crate) const RUN_STATE: StateSet<2> = StateSet::new(
    "ml_run_state",
    "State of the latest run.",
    ["target", "pipeline"],
    "state",
    RUN_STATES,
);
pub(crate) const RUN_FAILURES: Gauge<2> = Gauge::new(
    "ml_run_consecutive_failures",
    "Failed runs since the last success, among the latest 25.",
    ["target", "pipeline"],
);
pub(crate) const RUN_RUNNING: Gauge<2> = Gauge::new(
    "ml_run_running_seconds",
    "How long the longest of the runs under way has been running; 0 without one.",
    ["target", "pipeline"],
);
pub(crate) const MODEL_ACCURACY: Gauge<1> =
    Gauge::new("ml_model_accuracy", "Accuracy in the latest report.", ["model"]);
pub(crate) const REPORT_VALUE: Gauge<2> =
    Gauge::new("ml_report_value", "A figure of the latest report.", ["target", "value"]);
pub(crate) const REPORT_TIMESTAMP: Gauge<1> = Gauge::new(
    "ml_report_timestamp_seconds",
    "When the report says it was made.",
    ["target"],
);
pub(crate) const DRIFT_SCORE: Gauge<2> = Gauge::new(
    "ml_drift_score",
    "How far a feature drifted, by the report's own measure.",
    ["target", "feature"],
);
pub(crate) const SERVER_VALUE: Gauge<2> = Gauge::new(
    "ml_server_value",
    "A value picked from the server's own metrics.",
    ["target", "value"],
);
pub(crate) const DATA_TIMESTAMP: Gauge<1> = Gauge::new(
    "ml_data_timestamp_seconds",
    "When the newest data was written.",
    ["target"],
);
pub(crate) const DATA_AGE: Gauge<1> = Gauge::new(
    "ml_data_age_seconds",
    "How old the newest data was in the last run.",
    ["target"],
);
pub(crate) const DATA_OBJECTS: Gauge<1> = Gauge::new(
    "ml_data_objects",
    "How many objects an index or a collection holds.",
    ["target"],
);

/// Adds all metrics, those first that alerts hang on: the host leaves out what comes last.
pub(crate) fn describe(about: &mut Description) {
    about
        .metric(&TARGET_UP)
        .metric(&FAILING_RUNS)
        .metric(&UNANSWERED_RUNS)
        .metric(&MODEL_READY)
        .metric(&MODEL_LOAD_FAILED)
        .metric(&SLOW_RUNS)
        .metric(&TARGET_LATENCY)
        .metric(&MODEL_INFO)
        .metric(&DIMENSION)
        .metric(&INFERENCE_LATENCY)
        .metric(&RECOMMENDATION_LATENCY)
        .metric(&RUN_LAST_SUCCESS)
        .metric(&RUN_STATE)
        .metric(&RUN_FAILURES)
        .metric(&RUN_RUNNING)
        .metric(&MODEL_ACCURACY)
        .metric(&REPORT_VALUE)
        .metric(&REPORT_TIMESTAMP)
        .metric(&DRIFT_SCORE)
        .metric(&SERVER_VALUE)
        .metric(&DATA_TIMESTAMP)
        .metric(&DATA_AGE)
        .metric(&DATA_OBJECTS);
}
