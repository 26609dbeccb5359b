//! Hugging Face Text Embeddings Inference. One server has one model.

use super::{About, ENTRIES, Entries, NOTHING, Preset, ScrapeApi, get, growth, says, status, sum};

const INFO: Entries = Entries {
    keys: &[("/model_id", "model")],
    ..ENTRIES
};

pub(super) const PRESET: Preset = Preset {
    name: "tei",
    source: "huggingface/text-embeddings-inference docs/openapi.json, router/src/http/server.rs",
    ready: &[
        status(About::Server, get("/health")),
        says(About::Model, get("/info"), INFO),
    ],
    scrape: Some(ScrapeApi {
        path: "/metrics",
        picks: &[
            growth("requests", "te_request_count"),
            growth("failures", "te_request_failure"),
            sum("waiting", "te_queue_size"),
        ],
    }),
    ..NOTHING
};

#[cfg(test)]
mod tests {
    use bellwether_sdk::{Status, fake::json};

    use crate::tests::fixture::{Server, ready};

    /// Schemas `Info` and `ErrorResponse` of the server's OpenAPI document.
    fn server() -> Server {
        Server::new().text("/health", 200, "").json("/info", 200, json!({
            "model_id": "BAAI/bge-base-en-v1.5", "model_dtype": "float16", "model_type": { "embedding": { "pooling": "cls" } },
            "max_input_length": 512, "version": "1.8.0",
        }))
    }

    fn of(model: &str, server: Server) -> (Status, String) {
        let run = ready(json!({ "preset": "tei", "model": model }), server);
        (run.status("ready t"), run.verdict("ready t").summary.clone())
    }

    #[test]
    fn the_model_that_is_served_is_ok_and_another_is_not_found() {
        assert_eq!(of("BAAI/bge-base-en-v1.5", server()).0, Status::Ok);
        assert_eq!(of("BAAI/bge-small-en-v1.5", server()).0, Status::Critical);
    }

    #[test]
    fn an_unhealthy_backend_says_so() {
        let unhealthy = json!({ "error": "unhealthy", "error_type": "unhealthy" });
        let (status, summary) = of("BAAI/bge-base-en-v1.5", server().json("/health", 503, unhealthy));
        assert_eq!(status, Status::Critical);
        assert!(summary.contains("HTTP 503: unhealthy"), "{summary}");
    }
}
