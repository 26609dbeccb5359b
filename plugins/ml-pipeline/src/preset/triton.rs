//! NVIDIA Triton Inference Server: KServe v2, and a model repository that says why a model did not load.

use super::{
    About, ENTRIES, Entries, NOTHING, Preset, ScrapeApi, get, growth, kserve::METADATA, max, mean, post, says, status,
    sum,
};

/// Each version of each model. Versions that were unloaded on purpose have `unloaded` for a reason.
const INDEX: Entries = Entries {
    list: "/*",
    keys: &[("/name", "model")],
    version: "/version",
    state: "/state",
    ready: &["READY"],
    loading: &["LOADING"],
    error: "/reason",
    harmless: &["", "unloaded"],
    reasons: &["/reason"],
    ..ENTRIES
};

pub(super) const PRESET: Preset = Preset {
    name: "triton",
    source: "triton-inference-server/server docs/protocol/extension_model_repository.md, docs/user_guide/metrics.md",
    ready: &[
        status(About::Server, get("/v2/health/ready")),
        says(About::Model, post("/v2/repository/index", "{}"), INDEX),
        METADATA,
    ],
    scrape: Some(ScrapeApi {
        path: "/metrics",
        picks: &[
            growth("requests", "nv_inference_request_success"),
            growth("failures", "nv_inference_request_failure"),
            sum("waiting", "nv_inference_pending_request_count"),
            mean(
                "request_seconds",
                "nv_inference_request_duration_us",
                "nv_inference_request_success",
                1e-6,
            ),
            mean(
                "queue_seconds",
                "nv_inference_queue_duration_us",
                "nv_inference_request_success",
                1e-6,
            ),
            max("gpu_utilization_ratio", "nv_gpu_utilization"),
            sum("gpu_memory_used_bytes", "nv_gpu_memory_used_bytes"),
        ],
    }),
    ..NOTHING
};

#[cfg(test)]
mod tests {
    use bellwether_sdk::{
        Status,
        fake::{Run, json},
    };
    use serde_json::Value;

    use crate::tests::fixture::{Server, ready};

    /// `$repository_index_response` of the model repository extension.
    fn index(index: Value) -> Run {
        let server = Server::new()
            .text("/v2/health/ready", 200, "")
            .json("/v2/repository/index", 200, index);
        ready(json!({ "preset": "triton", "model": "two_tower_768" }), server)
    }

    fn entry(version: &str, state: &str, reason: &str) -> Value {
        json!({ "name": "two_tower_768", "version": version, "state": state, "reason": reason })
    }

    /// What Triton writes when a model's configuration names a file that is not there.
    const REASON: &str = "Invalid argument: unable to find 'model.onnx' for model 'two_tower_768'";

    #[test]
    fn a_loaded_model_is_ok_and_its_version_is_known() {
        let run = index(
            json!([{ "name": "other", "version": "1", "state": "UNAVAILABLE", "reason": "broken" }, entry("1", "READY", "")]),
        );
        assert_eq!(run.status("ready t"), Status::Ok);
        assert_eq!(run.value("ml_model_info", &["t", "two_tower_768", "1"]), Some(1.0));
        assert_eq!(run.value("ml_model_load_failed", &["t", "two_tower_768"]), Some(0.0));
    }

    #[test]
    fn a_load_failure_is_critical_with_the_servers_own_reason() {
        let run = index(json!([entry("1", "UNAVAILABLE", REASON)]));
        assert_eq!(run.status("ready t"), Status::Critical);
        assert_eq!(run.verdict("ready t").code, "model_load_failed");
        assert!(
            run.verdict("ready t").summary.contains(REASON),
            "{:?}",
            run.verdict("ready t")
        );
        assert_eq!(run.value("ml_model_load_failed", &["t", "two_tower_768"]), Some(1.0));
        assert_eq!(run.value("ml_model_ready", &["t", "two_tower_768"]), Some(0.0));
    }

    #[test]
    fn a_new_version_that_fails_while_the_old_one_serves_is_a_warning() {
        let run = index(json!([entry("1", "READY", ""), entry("2", "UNAVAILABLE", REASON)]));
        assert_eq!(
            (run.status("ready t"), run.verdict("ready t").code.as_str()),
            (Status::Warning, "model_load_failed")
        );
        assert!(
            run.verdict("ready t").summary.contains("version 2"),
            "{:?}",
            run.verdict("ready t")
        );
        assert_eq!(run.value("ml_model_ready", &["t", "two_tower_768"]), Some(1.0));
    }

    #[test]
    fn a_version_that_was_unloaded_on_purpose_is_no_failure() {
        let run = index(json!([entry("1", "UNAVAILABLE", "unloaded"), entry("2", "READY", "")]));
        assert_eq!(run.status("ready t"), Status::Ok);
        let run = index(json!([entry("1", "UNAVAILABLE", "unloaded")]));
        assert_eq!(run.verdict("ready t").code, "model_not_ready");
    }

    #[test]
    fn loading_is_a_warning_and_a_model_that_is_not_listed_is_not_found() {
        assert_eq!(
            index(json!([entry("1", "LOADING", "")])).verdict("ready t").code,
            "model_loading"
        );
        assert_eq!(index(json!([])).verdict("ready t").code, "model_not_found");
    }

    #[test]
    fn an_expected_version_must_be_the_one_served() {
        let server = || {
            let index = json!([entry("1", "READY", "")]);
            Server::new()
                .text("/v2/health/ready", 200, "")
                .json("/v2/repository/index", 200, index)
        };
        let expecting = |version: &str| json!({ "preset": "triton", "model": "two_tower_768", "version": version });
        assert_eq!(ready(expecting("1"), server()).status("ready t"), Status::Ok);
        let run = ready(expecting("2"), server());
        assert_eq!(run.verdict("ready t").code, "wrong_version");
    }

    #[test]
    fn a_warning_hides_no_wrong_dimension() {
        let metadata = json!({ "outputs": [{ "name": "user", "datatype": "FP32", "shape": [-1, 512] }] });
        let index = json!([entry("1", "READY", ""), entry("2", "UNAVAILABLE", REASON)]);
        let server = Server::new()
            .text("/v2/health/ready", 200, "")
            .json("/v2/repository/index", 200, index)
            .json("/v2/models/two_tower_768", 200, metadata);
        let run = ready(
            json!({ "preset": "triton", "model": "two_tower_768", "dimension": 768 }),
            server,
        );
        assert_eq!(
            (run.status("ready t"), run.verdict("ready t").code.as_str()),
            (Status::Critical, "wrong_dimension")
        );
        assert!(
            run.verdict("ready t").summary.contains("did not load"),
            "the warning is said as well"
        );
    }
}
