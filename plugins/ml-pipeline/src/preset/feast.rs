//! Feast: a server of features, and a registry that knows when they were last materialized.

use super::{About, DataApi, NOTHING, Preset, ScrapeApi, get, growth, max, mean, status};

/// The feature server, whose metrics stand on a port of their own.
pub(super) const SERVER: Preset = Preset {
    name: "feast",
    source: "feast-dev/feast docs/reference/feature-servers/python-feature-server.md",
    ready: &[status(About::Server, get("/health"))],
    scrape: Some(ScrapeApi {
        path: "/metrics",
        picks: &[
            max("feature_age_seconds", "feast_feature_freshness_seconds"),
            growth("requests", "feast_feature_server_request_total"),
            mean(
                "request_seconds",
                "feast_feature_server_request_latency_seconds_sum",
                "feast_feature_server_request_latency_seconds_count",
                1.0,
            ),
        ],
    }),
    ..NOTHING
};

/// The registry's REST interface.
pub(super) const REGISTRY: Preset = Preset {
    name: "feast_registry",
    source: "feast-dev/feast docs/reference/feature-servers/registry-server.md",
    ready: &[status(About::Server, get("/api/v1/projects"))],
    data: Some(DataApi {
        time: &[(
            get("/api/v1/feature_views/<index>?project=<project>"),
            &[
                "/meta/materializationIntervals/*/endTime",
                "/featureView/meta/materializationIntervals/*/endTime",
            ],
        )],
        count: None,
    }),
    ..NOTHING
};

#[cfg(test)]
mod tests {
    use bellwether_sdk::{Status, fake::json};

    use crate::tests::fixture::{NOW, Server, ago, ready, run_one};

    /// `/health` answers without a body, and with 503 while there is no registry: sdk/python/feast/feature_server.py.
    #[test]
    fn the_feature_server_answers_or_not() {
        let of = |status| ready(json!({ "preset": "feast" }), Server::new().text("/health", status, ""));
        assert_eq!(of(200).status("ready t"), Status::Ok);
        assert_eq!(of(503).verdict("ready t").code, "server_not_ready");
    }

    /// "List Projects" of the registry server's page, and the `detail` of its "Error Responses".
    #[test]
    fn the_registry_answers_or_not() {
        let of = |status, answer| {
            ready(
                json!({ "preset": "feast_registry" }),
                Server::new().json("/api/v1/projects", status, answer),
            )
        };
        let projects = json!({ "projects": [{ "spec": { "name": "match" } }], "pagination": {}, "relationships": {} });
        assert_eq!(of(200, projects).status("ready t"), Status::Ok);
        let down = json!({ "detail": "failed to connect to all addresses" });
        let run = of(503, down);
        assert_eq!(run.verdict("ready t").code, "server_not_ready");
        assert!(run.verdict("ready t").summary.contains("failed to connect"));
    }

    /// A feature view as the registry writes its protocol buffer: `meta` with the intervals that were materialized.
    #[test]
    fn the_newest_materialization_is_how_fresh_features_are() {
        let view = json!({ "spec": { "name": "users" }, "meta": { "materializationIntervals": [
            { "startTime": ago(90_000), "endTime": ago(3_600) },
            { "startTime": ago(180_000), "endTime": ago(90_000) },
        ] } });
        let server = || Server::new().json("/api/v1/feature_views/users?project=match", 200, view.clone());
        let settings = |warning: &str| {
            json!({ "freshness": { "t": {
            "url": "http://server/", "preset": "feast_registry", "index": "users", "project": "match", "max_age": { "warning": warning },
        } } })
        };
        let run = run_one(settings("2h"), server());
        assert_eq!(run.status("freshness t"), Status::Ok);
        assert_eq!(
            run.value("ml_data_timestamp_seconds", &["t"]),
            Some((NOW - 3_600) as f64)
        );
        assert_eq!(
            run_one(settings("30m"), server()).verdict("freshness t").code,
            "data_stopped"
        );
        let never = json!({ "spec": { "name": "users" }, "meta": {} });
        let run = run_one(
            settings("2h"),
            Server::new().json("/api/v1/feature_views/users?project=match", 200, never),
        );
        assert_eq!(run.verdict("freshness t").code, "timestamp_missing");
    }

    /// "Metrics" of the feature server's page.
    #[test]
    fn the_age_of_features_is_picked_from_the_servers_metrics() {
        let text = "feast_feature_freshness_seconds{feature_view=\"users\",project=\"match\"} 100\n\
                    feast_feature_freshness_seconds{feature_view=\"items\",project=\"match\"} 9000\n";
        let settings = json!({ "scrape": { "t": {
            "url": "http://server/", "preset": "feast", "values": { "feature_age_seconds": { "above": { "warning": 7200 } } },
        } } });
        let run = run_one(settings, Server::new().text("/metrics", 200, text));
        assert_eq!(
            run.value("ml_server_value", &["t", "feature_age_seconds"]),
            Some(9000.0)
        );
        assert_eq!(run.verdict("scrape t").code, "value_high");
    }
}
