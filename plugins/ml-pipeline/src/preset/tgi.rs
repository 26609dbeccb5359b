//! Hugging Face Text Generation Inference. One server has one model.

use super::{About, ENTRIES, Entries, NOTHING, Preset, ScrapeApi, get, growth, mean, says, status, sum};

const INFO: Entries = Entries {
    keys: &[("/model_id", "model")],
    ..ENTRIES
};

pub(super) const PRESET: Preset = Preset {
    name: "tgi",
    source: "huggingface/text-generation-inference docs/openapi.json, docs/source/reference/metrics.md",
    ready: &[
        status(About::Server, get("/health")),
        says(About::Model, get("/info"), INFO),
    ],
    scrape: Some(ScrapeApi {
        path: "/metrics",
        picks: &[
            growth("requests", "tgi_request_count"),
            growth("failures", "tgi_request_failure"),
            sum("waiting", "tgi_queue_size"),
            mean(
                "request_seconds",
                "tgi_request_duration_sum",
                "tgi_request_duration_count",
                1.0,
            ),
        ],
    }),
    ..NOTHING
};

#[cfg(test)]
mod tests {
    use bellwether_sdk::{Status, fake::json};

    use crate::tests::fixture::{Server, ready};

    /// Schemas `Info` and `ErrorResponse` of the server's OpenAPI document.
    #[test]
    fn a_server_is_ready_with_its_model_or_says_why_not() {
        let info = json!({ "model_id": "bigscience/bloom-560m", "max_input_tokens": 1024, "version": "3.3.6" });
        let server = || Server::new().text("/health", 200, "").json("/info", 200, info.clone());
        let settings = json!({ "preset": "tgi", "model": "bigscience/bloom-560m" });
        assert_eq!(ready(settings.clone(), server()).status("ready t"), Status::Ok);
        let unhealthy = json!({ "error": "unhealthy", "error_type": "healthcheck" });
        let run = ready(settings, server().json("/health", 503, unhealthy));
        assert_eq!(run.verdict("ready t").code, "server_not_ready");
        assert!(run.verdict("ready t").summary.contains("unhealthy"));
    }
}
