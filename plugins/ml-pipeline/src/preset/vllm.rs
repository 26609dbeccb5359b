//! vLLM's OpenAI-compatible server.

use super::{About, ENTRIES, Entries, NOTHING, Preset, ScrapeApi, get, max, mean, says, status, sum};

/// Served models, adapters among them.
pub(super) const MODELS: Entries = Entries {
    list: "/data/*",
    keys: &[("/id", "model")],
    ..ENTRIES
};

pub(super) const PRESET: Preset = Preset {
    name: "vllm",
    source: "vllm-project/vllm docs/serving/openai_compatible_server.md, docs/usage/metrics.md",
    ready: &[
        status(About::Server, get("/health")),
        says(About::Model, get("/v1/models"), MODELS),
    ],
    scrape: Some(ScrapeApi {
        path: "/metrics",
        picks: &[
            sum("running", "vllm:num_requests_running"),
            sum("waiting", "vllm:num_requests_waiting"),
            max("cache_usage_ratio", "vllm:kv_cache_usage_perc"),
            mean(
                "request_seconds",
                "vllm:e2e_request_latency_seconds_sum",
                "vllm:e2e_request_latency_seconds_count",
                1.0,
            ),
            mean(
                "first_token_seconds",
                "vllm:time_to_first_token_seconds_sum",
                "vllm:time_to_first_token_seconds_count",
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

    /// OpenAI's "List models".
    fn server() -> Server {
        let model =
            json!({ "id": "meta-llama/Llama-3.1-8B", "object": "model", "created": 1767225600, "owned_by": "vllm" });
        Server::new()
            .text("/health", 200, "")
            .json("/v1/models", 200, json!({ "object": "list", "data": [model] }))
    }

    fn of(model: &str, server: Server) -> (Status, String) {
        let run = ready(json!({ "preset": "vllm", "model": model }), server);
        (run.status("ready t"), run.verdict("ready t").code.clone())
    }

    #[test]
    fn a_served_model_is_ok_and_another_is_not_found() {
        assert_eq!(of("meta-llama/Llama-3.1-8B", server()).0, Status::Ok);
        assert_eq!(of("other", server()), (Status::Critical, "model_not_found".into()));
    }

    /// Without a body: vllm/entrypoints/openai/api_server.py, when the engine is dead.
    #[test]
    fn a_dead_engine_is_critical() {
        let dead = server().text("/health", 503, "");
        assert_eq!(
            of("meta-llama/Llama-3.1-8B", dead),
            (Status::Critical, "server_not_ready".into())
        );
    }
}
