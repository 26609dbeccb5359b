//! The closed set of reasons that verdicts carry.

use bellwether_sdk::{Code, Description};

macro_rules! codes {
    ($($name:ident = $code:literal, $meaning:literal;)*) => {
        $(pub(crate) const $name: Code = Code::new($code, $meaning);)*

        /// All of them.
        pub(crate) const ALL: &[Code] = &[$($name),*];
    };
}

codes! {
    NOT_GRANTED = "not_granted", "The host may not send this request: the summary names what to grant.";
    UNREACHABLE = "unreachable", "No connection to the server: it is down, or the address is wrong.";
    TLS_FAILED = "tls_failed", "The server's certificate or the handshake was refused.";
    TIMED_OUT = "timed_out", "No answer in time: the server hangs or is overloaded.";
    UNAUTHORIZED = "unauthorized", "The credentials were refused: a matter of configuration, the server itself answers.";
    OVERLOADED = "overloaded", "The server turns requests away because it has too many.";
    UNEXPECTED_STATUS = "unexpected_status", "Another HTTP status than a healthy server answers with.";
    UNREADABLE = "unreadable", "The answer is not what the system documents: is this the right preset and address?";
    BODY_TOO_LARGE = "body_too_large", "The answer is longer than the 1 MiB that is read of any, or never ends: ask for less of it.";
    NOT_ASKED = "not_asked", "The run came to its end, or had no more room for answers, before it came to this target: give requests a shorter `timeout`, or share the targets among several checks.";
    NOT_JUDGED = "not_judged", "The run had no time or memory left to look into the answer: share the targets among several checks, or ask for less.";
    SERVER_NOT_READY = "server_not_ready", "The server answers, and says that it is not ready.";
    COMPONENT_UNHEALTHY = "component_unhealthy", "A part of the system, such as a scheduler, is not healthy.";
    MODEL_NOT_FOUND = "model_not_found", "The server does not know the model.";
    MODEL_LOAD_FAILED = "model_load_failed", "The model could not be loaded or registered: the summary has the server's own reason.";
    MODEL_NOT_READY = "model_not_ready", "The server knows the model and does not serve it.";
    MODEL_LOADING = "model_loading", "The model is being loaded.";
    WRONG_VERSION = "wrong_version", "Another version is served than the one expected.";
    WRONG_DIMENSION = "wrong_dimension", "Vectors have another number of dimensions than expected: whatever compares them breaks.";
    ASSERTION_FAILED = "assertion_failed", "The answer is not what was asserted.";
    TOO_SLOW = "too_slow", "The answer took longer than allowed.";
    NO_RUNS = "no_runs", "There is no run of that name: it is misspelt, or never ran.";
    NO_SUCCESS = "no_success", "No run is known to have succeeded.";
    SUCCESS_TOO_OLD = "success_too_old", "The last success is too long ago.";
    RUN_FAILED = "run_failed", "The latest runs failed.";
    RUNNING_TOO_LONG = "running_too_long", "A run takes longer than allowed: it may hang.";
    VALUE_MISSING = "value_missing", "The report has no number where one is expected.";
    VALUE_LOW = "value_low", "A value is below its floor.";
    VALUE_HIGH = "value_high", "A value is above its ceiling.";
    VALUE_DROPPED = "value_dropped", "A value got worse than in the report before by more than allowed.";
    DRIFTED = "drifted", "Features are distributed otherwise than in the reference.";
    REPORT_TOO_OLD = "report_too_old", "The report was not renewed in time: whatever writes it may have stopped.";
    METRIC_MISSING = "metric_missing", "The server does not expose the metric: it is misspelt, or nothing happened yet.";
    DATA_STOPPED = "data_stopped", "The newest data is too old: something upstream stopped.";
    TIMESTAMP_MISSING = "timestamp_missing", "The answer does not say how old the data is.";
    TOO_FEW_OBJECTS = "too_few_objects", "There are fewer objects than there should be.";
    OBJECTS_LOST = "objects_lost", "There are far fewer objects than in the run before.";
}

/// Adds all codes.
pub(crate) fn describe(about: &mut Description) {
    for code in ALL {
        about.code(code);
    }
}
