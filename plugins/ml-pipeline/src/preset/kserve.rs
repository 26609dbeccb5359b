//! KServe v2, the Open Inference Protocol.

use super::{About, ENTRIES, Entries, NOTHING, Preset, Probe, Width, get, says, status};

/// Outputs with name and shape; -1 stands for a variable size.
pub(super) const OUTPUTS: &[Width] = &[Width {
    list: "/outputs/*",
    name: Some("/name"),
    sizes: "/shape/*",
}];

/// Inputs and outputs of a model: its dimensions without inference.
pub(super) const METADATA: Probe = Probe {
    about: About::Metadata,
    request: get("/v2/models/<model>[/versions/<version>]"),
    entries: None,
    widths: OUTPUTS,
};

/// `ready` is optional: several servers answer with the status alone.
const READY: Entries = Entries {
    state: "/ready",
    ready: &["true"],
    reasons: &["/error", "/reason"],
    may_be_empty: true,
    ..ENTRIES
};

pub(super) const PRESET: Preset = Preset {
    name: "kserve",
    source: "kserve/open-inference-protocol specification/protocol/inference_rest.md",
    ready: &[
        status(About::Server, get("/v2/health/ready")),
        says(
            About::Model,
            get("/v2/models/<model>[/versions/<version>]/ready"),
            READY,
        ),
        METADATA,
    ],
    ..NOTHING
};

#[cfg(test)]
mod tests {
    use bellwether_sdk::{Status, fake::json};

    use crate::tests::fixture::{Server, ready};

    /// From the "Model Metadata" and "Health" sections of the protocol.
    fn healthy() -> Server {
        Server::new()
            .json("/v2/health/ready", 200, json!({ "ready": true }))
            .json(
                "/v2/models/two_tower_768/ready",
                200,
                json!({ "name": "two_tower_768", "ready": true }),
            )
            .json(
                "/v2/models/two_tower_768",
                200,
                json!({
                    "name": "two_tower_768", "versions": ["1"], "platform": "pytorch",
                    "inputs": [{ "name": "text", "datatype": "BYTES", "shape": [-1] }],
                    "outputs": [
                        { "name": "user", "datatype": "FP32", "shape": [-1, 768] },
                        { "name": "score", "datatype": "FP32", "shape": [-1, 1] },
                    ],
                }),
            )
    }

    #[test]
    fn a_model_that_is_ready_and_has_the_dimension_is_ok() {
        let settings = json!({ "preset": "kserve", "model": "two_tower_768", "output": "user", "dimension": 768 });
        let run = ready(settings, healthy());
        assert_eq!(run.status("ready t"), Status::Ok);
        assert_eq!(run.value("ml_model_ready", &["t", "two_tower_768"]), Some(1.0));
        assert_eq!(
            run.value("ml_embedding_dimension", &["ready", "t", "two_tower_768"]),
            Some(768.0)
        );
    }

    #[test]
    fn a_server_may_say_with_its_status_alone_that_a_model_is_ready() {
        let server = healthy().text("/v2/models/two_tower_768/ready", 200, "");
        let run = ready(json!({ "preset": "kserve", "model": "two_tower_768" }), server);
        assert_eq!(run.status("ready t"), Status::Ok);
    }

    #[test]
    fn another_dimension_is_found_without_inference() {
        let settings = json!({ "preset": "kserve", "model": "two_tower_768", "output": "user", "dimension": 512 });
        let run = ready(settings, healthy());
        assert_eq!(run.verdict("ready t").code, "wrong_dimension");
        assert!(
            run.verdict("ready t").summary.contains("768"),
            "{:?}",
            run.verdict("ready t")
        );
    }

    #[test]
    fn a_model_that_is_not_ready_or_not_there_says_so() {
        let settings = json!({ "preset": "kserve", "model": "two_tower_768" });
        let not_ready = healthy().json(
            "/v2/models/two_tower_768/ready",
            200,
            json!({ "name": "two_tower_768", "ready": false }),
        );
        let run = ready(settings.clone(), not_ready);
        assert_eq!(run.verdict("ready t").code, "model_not_ready");
        assert_eq!(run.value("ml_model_ready", &["t", "two_tower_768"]), Some(0.0));
        // "$ready_model_error_response" and MLServer's form of it.
        let unknown = healthy().json(
            "/v2/models/two_tower_768/ready",
            404,
            json!({ "error": "Model two_tower_768 not found" }),
        );
        let run = ready(settings, unknown);
        assert_eq!(run.verdict("ready t").code, "model_not_found");
        assert!(run.verdict("ready t").summary.contains("Model two_tower_768 not found"));
    }

    /// "Server Ready": false is 4xx or 5xx; the body is MLServer's.
    #[test]
    fn a_server_that_is_not_ready_is_critical() {
        let server = healthy().json("/v2/health/ready", 503, json!({ "error": "loading models" }));
        let run = ready(json!({ "preset": "kserve" }), server);
        assert_eq!(
            (run.status("ready t"), run.verdict("ready t").code.as_str()),
            (Status::Critical, "server_not_ready")
        );
        assert!(run.verdict("ready t").summary.contains("loading models"));
    }
}
