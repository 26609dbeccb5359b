//! BentoML. It speaks of the service as a whole; models have no address of their own.

use super::{About, NOTHING, Preset, ScrapeApi, get, growth, mean, status, sum};

pub(super) const PRESET: Preset = Preset {
    name: "bentoml",
    source: "bentoml/BentoML docs/source/build-with-bentoml/observability/metrics.rst, src/_bentoml_impl/server/app.py",
    ready: &[status(About::Server, get("/readyz"))],
    scrape: Some(ScrapeApi {
        path: "/metrics",
        picks: &[
            growth("requests", "bentoml_service_request_total"),
            sum("in_progress", "bentoml_service_request_in_progress"),
            mean(
                "request_seconds",
                "bentoml_service_request_duration_seconds_sum",
                "bentoml_service_request_duration_seconds_count",
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

    /// `readyz` of app.py answers with a line break, and with 503 while runners are not ready.
    #[test]
    fn a_service_is_ready_or_not() {
        let of = |status, text: &str| {
            ready(
                json!({ "preset": "bentoml" }),
                Server::new().text("/readyz", status, text),
            )
        };
        assert_eq!(of(200, "\n").status("ready t"), Status::Ok);
        let run = of(503, "Runners are not ready.");
        assert_eq!(run.verdict("ready t").code, "server_not_ready");
        assert!(run.verdict("ready t").summary.contains("Runners are not ready"));
    }
}
