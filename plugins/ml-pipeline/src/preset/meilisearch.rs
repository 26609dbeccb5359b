//! Meilisearch. Writing is a queue of tasks, so indexing has runs.

use super::{About, DataApi, ENTRIES, Entries, Preset, Probe, RunsApi, ScrapeApi, Width, get, says, status, sum};

const HEALTH: Entries = Entries {
    state: "/status",
    ready: &["available"],
    failed: &["mustRestart"],
    every: true,
    ..ENTRIES
};

pub(super) const PRESET: Preset = Preset {
    name: "meilisearch",
    source: "meilisearch/documentation reference/api/health.mdx, reference/api/tasks.mdx, reference/api/stats.mdx",
    ready: &[
        says(About::Server, get("/health"), HEALTH),
        status(About::Model, get("/indexes/<model>/stats")),
        Probe {
            about: About::Metadata,
            request: get("/indexes/<model>/settings/embedders"),
            entries: None,
            widths: &[Width {
                list: "/*",
                name: None,
                sizes: "/dimensions",
            }],
        },
    ],
    runs: Some(RunsApi {
        recent: get("/tasks?indexUids=<pipeline>&limit=25"),
        success: get("/tasks?indexUids=<pipeline>&statuses=succeeded&limit=1"),
        list: "/results/*",
        id: "/uid",
        state: "/status",
        start: &["/startedAt", "/enqueuedAt"],
        end: "/finishedAt",
        reasons: &["/error/message"],
        errors: &[],
        succeeded: &["succeeded"],
        failed: &["failed"],
        running: &["processing"],
        waiting: &["enqueued"],
    }),
    scrape: Some(ScrapeApi {
        path: "/metrics",
        picks: &[
            sum("documents", "meilisearch_index_docs_count"),
            sum("indexing", "meilisearch_is_indexing"),
        ],
    }),
    data: Some(DataApi {
        time: &[(get("/indexes/<index>"), &["/updatedAt"])],
        count: Some((get("/indexes/<index>/stats"), "/numberOfDocuments")),
    }),
};

#[cfg(test)]
mod tests {
    use bellwether_sdk::{
        Status,
        fake::{Run, json},
    };
    use serde_json::Value;

    use crate::tests::fixture::{Server, ago, ready, run_one};

    /// The answers of reference/api/health.mdx, stats.mdx, indexes.mdx and settings.mdx ("Embedders").
    fn server(status: &str) -> Server {
        Server::new()
            .json("/health", 200, json!({ "status": status }))
            .json(
                "/indexes/shops/stats",
                200,
                json!({ "numberOfDocuments": 1200, "isIndexing": false, "fieldDistribution": {} }),
            )
            .json(
                "/indexes/shops",
                200,
                json!({ "uid": "shops", "createdAt": ago(900_000), "updatedAt": ago(3_600), "primaryKey": "id" }),
            )
            .json(
                "/indexes/shops/settings/embedders",
                200,
                json!({ "default": { "source": "userProvided", "dimensions": 768 } }),
            )
    }

    #[test]
    fn an_available_server_with_its_index_is_ok() {
        let settings = json!({ "preset": "meilisearch", "model": "shops", "dimension": 768 });
        assert_eq!(
            ready(settings.clone(), server("available")).status("ready t"),
            Status::Ok
        );
        let run = ready(settings, server("mustRestart"));
        assert_eq!(run.verdict("ready t").code, "component_unhealthy");
        assert!(run.verdict("ready t").summary.contains("mustRestart"));
    }

    #[test]
    fn an_embedder_of_another_size_is_found_without_a_search() {
        let settings = json!({ "preset": "meilisearch", "model": "shops", "dimension": 384 });
        let run = ready(settings, server("available"));
        assert_eq!(run.verdict("ready t").code, "wrong_dimension");
        assert!(
            run.verdict("ready t").summary.contains("768"),
            "{:?}",
            run.verdict("ready t")
        );
    }

    /// "Error object" of the reference, reference/errors/overview.mdx.
    #[test]
    fn a_missing_index_is_said_with_the_servers_words() {
        let gone = json!({ "message": "Index `shops` not found.", "code": "index_not_found", "type": "invalid_request", "link": "https://docs.meilisearch.com/errors#index_not_found" });
        let run = ready(
            json!({ "preset": "meilisearch", "model": "shops" }),
            server("available").json("/indexes/shops/stats", 404, gone),
        );
        assert_eq!(run.verdict("ready t").code, "model_not_found");
        assert!(run.verdict("ready t").summary.contains("Index `shops` not found."));
    }

    /// `results` of reference/api/tasks.mdx.
    fn tasks(status: &str, error: Value) -> Run {
        let task = |status: &str, error: Value, age| {
            json!({
                "uid": 7, "indexUid": "shops", "status": status, "type": "documentAdditionOrUpdate", "error": error,
                "enqueuedAt": ago(age), "startedAt": ago(age), "finishedAt": ago(age - 1),
            })
        };
        let good = task("succeeded", Value::Null, 600);
        let server = Server::new()
            .json(
                "/tasks?indexUids=shops&limit=25",
                200,
                json!({ "results": [task(status, error, 60), good], "total": 2 }),
            )
            .json(
                "/tasks?indexUids=shops&statuses=succeeded&limit=1",
                200,
                json!({ "results": [good], "total": 1 }),
            );
        let settings =
            json!({ "runs": { "t": { "url": "http://server/", "system": "meilisearch", "pipeline": "shops" } } });
        run_one(settings, server)
    }

    /// `missing_document_id` of reference/errors/error_codes.mdx.
    #[test]
    fn a_failed_task_carries_its_error() {
        assert_eq!(tasks("succeeded", Value::Null).status("runs t"), Status::Ok);
        let error = json!({ "message": "Document doesn't have a `id` attribute.", "code": "missing_document_id" });
        let run = tasks("failed", error);
        assert_eq!(run.verdict("runs t").code, "run_failed");
        assert!(run.verdict("runs t").summary.contains("doesn't have a `id` attribute"));
    }

    #[test]
    fn an_index_that_is_not_written_to_or_too_small_is_found() {
        let settings = |warning: &str, min: u32| {
            json!({ "freshness": { "t": {
            "url": "http://server/", "preset": "meilisearch", "index": "shops", "max_age": { "warning": warning }, "count": { "min": { "critical": min } },
        } } })
        };
        assert_eq!(
            run_one(settings("2h", 1000), server("available")).status("freshness t"),
            Status::Ok
        );
        assert_eq!(
            run_one(settings("30m", 1000), server("available"))
                .verdict("freshness t")
                .code,
            "data_stopped"
        );
        assert_eq!(
            run_one(settings("2h", 5000), server("available"))
                .verdict("freshness t")
                .code,
            "too_few_objects"
        );
    }
}
