//! TorchServe. Its two addresses know different things: one answers inference, the other knows the models.

use super::{About, ENTRIES, Entries, NOTHING, Preset, ScrapeApi, get, growth, mean, says, status};

/// Workers of the model: without one that is ready, nothing is served.
const WORKERS: Entries = Entries {
    list: "/*/workers/*",
    state: "/status",
    ready: &["READY"],
    loading: &["LOADING", "UNLOADING"],
    ..ENTRIES
};

/// Port 8080, and port 8082 for metrics.
pub(super) const INFERENCE: Preset = Preset {
    name: "torchserve",
    source: "pytorch/serve docs/inference_api.md, docs/metrics_api.md",
    ready: &[status(About::Server, get("/ping"))],
    scrape: Some(ScrapeApi {
        path: "/metrics",
        picks: &[
            growth("requests", "ts_inference_requests_total"),
            mean(
                "request_seconds",
                "ts_inference_latency_microseconds",
                "ts_inference_requests_total",
                1e-6,
            ),
            mean(
                "queue_seconds",
                "ts_queue_latency_microseconds",
                "ts_inference_requests_total",
                1e-6,
            ),
        ],
    }),
    ..NOTHING
};

/// Port 8081.
pub(super) const MANAGEMENT: Preset = Preset {
    name: "torchserve_management",
    source: "pytorch/serve docs/management_api.md",
    ready: &[
        status(About::Server, get("/models?limit=1")),
        says(About::Model, get("/models/<model>[/<version>]"), WORKERS),
    ],
    ..NOTHING
};

#[cfg(test)]
mod tests {
    use bellwether_sdk::{Status, fake::json};
    use serde_json::Value;

    use crate::tests::fixture::{Server, ready};

    /// "Describe model" of the management API.
    fn server(workers: Value) -> Server {
        Server::new()
            .json(
                "/models?limit=1",
                200,
                json!({ "models": [{ "modelName": "noop", "modelUrl": "noop.mar" }] }),
            )
            .json(
                "/models/noop",
                200,
                json!([{
                    "modelName": "noop", "modelVersion": "1.0", "minWorkers": 1, "maxWorkers": 1, "workers": workers,
                    "jobQueueStatus": { "remainingCapacity": 100, "pendingRequests": 0 },
                }]),
            )
    }

    fn settings() -> Value {
        json!({ "preset": "torchserve_management", "model": "noop" })
    }

    #[test]
    fn a_model_with_a_ready_worker_is_ok() {
        let worker =
            json!([{ "id": "9000", "startTime": "2018-10-02T13:44:53.034Z", "status": "READY", "gpu": false }]);
        assert_eq!(ready(settings(), server(worker)).status("ready t"), Status::Ok);
    }

    #[test]
    fn a_model_without_a_ready_worker_is_critical() {
        let none = ready(settings(), server(json!([])));
        assert_eq!(
            (none.status("ready t"), none.verdict("ready t").code.as_str()),
            (Status::Critical, "model_not_ready")
        );
        let unloading = ready(settings(), server(json!([{ "id": "9000", "status": "UNLOADING" }])));
        assert_eq!(unloading.verdict("ready t").code, "model_loading");
    }

    #[test]
    fn an_unknown_model_says_what_the_server_says() {
        let gone = json!({ "code": 404, "type": "ModelNotFoundException", "message": "Model not found: noop" });
        let run = ready(settings(), server(json!([])).json("/models/noop", 404, gone));
        assert_eq!(run.verdict("ready t").code, "model_not_found");
        assert!(run.verdict("ready t").summary.contains("Model not found: noop"));
    }

    /// "Health check API" of the inference API; `Unhealthy` and its status: pytorch/serve
    /// frontend/server/src/main/java/org/pytorch/serve/util/ApiUtils.java.
    #[test]
    fn the_inference_address_is_asked_by_ping() {
        let ping = |status, text: &str| {
            ready(
                json!({ "preset": "torchserve" }),
                Server::new().json("/ping", status, json!({ "status": text })),
            )
        };
        assert_eq!(ping(200, "Healthy").status("ready t"), Status::Ok);
        assert_eq!(ping(500, "Unhealthy").verdict("ready t").code, "server_not_ready");
    }
}
