//! TensorFlow Serving. It has no health of its own: a model is asked, whose versions go START, LOADING, AVAILABLE, UNLOADING, END.

use super::{About, ENTRIES, Entries, NOTHING, Preset, Probe, ScrapeApi, Width, get, growth, mean, says};

/// A version that could not be loaded ends with an error; one that was replaced ends with `OK`.
const VERSIONS: Entries = Entries {
    list: "/model_version_status/*",
    version: "/version",
    state: "/state",
    ready: &["AVAILABLE"],
    loading: &["START", "LOADING"],
    error: "/status/error_code",
    harmless: &["", "OK"],
    reasons: &["/status/error_message", "/status/error_code"],
    ..ENTRIES
};

pub(super) const PRESET: Preset = Preset {
    name: "tensorflow_serving",
    source: "tensorflow/serving tensorflow_serving/g3doc/api_rest.md, tensorflow_serving/apis/get_model_status.proto",
    ready: &[
        says(About::Model, get("/v1/models/<model>[/versions/<version>]"), VERSIONS),
        Probe {
            about: About::Metadata,
            request: get("/v1/models/<model>[/versions/<version>]/metadata"),
            entries: None,
            widths: &[Width {
                list: "/metadata/signature_def/signature_def/serving_default/outputs/*",
                name: None,
                sizes: "/tensor_shape/dim/*/size",
            }],
        },
    ],
    scrape: Some(ScrapeApi {
        path: "/monitoring/prometheus/metrics",
        picks: &[
            growth("requests", ":tensorflow:serving:request_count"),
            mean(
                "request_seconds",
                ":tensorflow:serving:request_latency_sum",
                ":tensorflow:serving:request_latency_count",
                1e-6,
            ),
        ],
    }),
    ..NOTHING
};

#[cfg(test)]
mod tests {
    use bellwether_sdk::{Status, fake::json};
    use serde_json::Value;

    use crate::tests::fixture::{Server, ready};

    /// The answer of "Model status API".
    fn version(version: &str, state: &str, code: &str, message: &str) -> Value {
        json!({ "version": version, "state": state, "status": { "error_code": code, "error_message": message } })
    }

    fn server(versions: Value) -> Server {
        Server::new().json("/v1/models/two_tower", 200, json!({ "model_version_status": versions }))
    }

    fn settings() -> Value {
        json!({ "preset": "tensorflow_serving", "model": "two_tower" })
    }

    #[test]
    fn an_available_version_is_ok_and_a_replaced_one_is_no_failure() {
        let versions = json!([version("124", "AVAILABLE", "OK", ""), version("123", "END", "OK", "")]);
        let run = ready(settings(), server(versions));
        assert_eq!(run.status("ready t"), Status::Ok);
        assert_eq!(run.value("ml_model_info", &["t", "two_tower", "124"]), Some(1.0));
    }

    #[test]
    fn a_version_that_ended_with_an_error_is_a_load_failure_with_its_reason() {
        let reason = "SavedModel must have at least one of MetaGraphDef";
        let run = ready(settings(), server(json!([version("124", "END", "NOT_FOUND", reason)])));
        assert_eq!(
            (run.status("ready t"), run.verdict("ready t").code.as_str()),
            (Status::Critical, "model_load_failed")
        );
        assert!(run.verdict("ready t").summary.contains(reason));
    }

    #[test]
    fn a_version_on_its_way_is_a_warning() {
        let run = ready(settings(), server(json!([version("124", "LOADING", "OK", "")])));
        assert_eq!(run.verdict("ready t").code, "model_loading");
    }

    #[test]
    fn a_servable_that_is_not_known_is_not_found() {
        let gone = json!({ "error": "Could not find any versions of model two_tower" });
        let run = ready(settings(), server(json!([])).json("/v1/models/two_tower", 404, gone));
        assert_eq!(run.verdict("ready t").code, "model_not_found");
        assert!(run.verdict("ready t").summary.contains("Could not find any versions"));
    }

    #[test]
    fn sizes_in_metadata_are_texts() {
        let metadata = json!({
            "model_spec": { "name": "two_tower", "signature_name": "", "version": "124" },
            "metadata": { "signature_def": { "signature_def": { "serving_default": { "outputs": { "embedding": {
                "dtype": "DT_FLOAT", "name": "StatefulPartitionedCall:0",
                "tensor_shape": { "dim": [{ "size": "-1", "name": "" }, { "size": "768", "name": "" }], "unknown_rank": false },
            } } } } } },
        });
        let server =
            server(json!([version("124", "AVAILABLE", "OK", "")])).json("/v1/models/two_tower/metadata", 200, metadata);
        let settings = json!({ "preset": "tensorflow_serving", "model": "two_tower", "dimension": 768 });
        let run = ready(settings, server);
        assert_eq!(run.status("ready t"), Status::Ok, "{:?}", run.verdict("ready t"));
        assert_eq!(
            run.value("ml_embedding_dimension", &["ready", "t", "two_tower"]),
            Some(768.0)
        );
    }
}
