//! Dagster's webserver. It speaks GraphQL: a query that fails answers with 200 and says so inside.

use super::{About, NOTHING, Preset, RunsApi, get, post, status};

pub(super) const PRESET: Preset = Preset {
    name: "dagster",
    source: "dagster-io/dagster python_modules/dagster-webserver/dagster_webserver/webserver.py, python_modules/dagster-graphql/dagster_graphql/schema/pipelines/pipeline.py",
    ready: &[status(About::Server, get("/server_info"))],
    runs: Some(RunsApi {
        recent: post(
            "/graphql",
            r#"{"query":"query($filter:RunsFilter,$limit:Int){runsOrError(filter:$filter,limit:$limit){__typename ... on Runs{results{runId status startTime endTime}} ... on InvalidPipelineRunsFilterError{message} ... on PythonError{message}}}","variables":{"filter":{"pipelineName":"<pipeline>"},"limit":25}}"#,
        ),
        success: post(
            "/graphql",
            r#"{"query":"query($filter:RunsFilter,$limit:Int){runsOrError(filter:$filter,limit:$limit){__typename ... on Runs{results{runId status startTime endTime}} ... on InvalidPipelineRunsFilterError{message} ... on PythonError{message}}}","variables":{"filter":{"pipelineName":"<pipeline>","statuses":["SUCCESS"]},"limit":1}}"#,
        ),
        list: "/data/runsOrError/results/*",
        id: "/runId",
        state: "/status",
        start: &["/startTime"],
        end: "/endTime",
        reasons: &[],
        errors: &["/errors/*/message", "/data/runsOrError/message"],
        succeeded: &["SUCCESS"],
        failed: &["FAILURE"],
        running: &["STARTED", "STARTING", "CANCELING"],
        waiting: &["QUEUED", "NOT_STARTED", "MANAGED"],
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

    use crate::tests::fixture::{NOW, Server, ready, run_one};

    /// `webserver_info_endpoint` of webserver.py; a failure is Starlette's plain text.
    #[test]
    fn the_webserver_is_up_when_it_says_its_version() {
        let version = json!({ "dagster_webserver_version": "1.11.0", "dagster_version": "1.11.0", "dagster_graphql_version": "1.11.0" });
        let settings = json!({ "preset": "dagster" });
        assert_eq!(
            ready(settings.clone(), Server::new().json("/server_info", 200, version)).status("ready t"),
            Status::Ok
        );
        let run = ready(
            settings,
            Server::new().text("/server_info", 500, "Internal Server Error"),
        );
        assert_eq!(run.verdict("ready t").code, "server_not_ready");
    }

    /// `RunsOrError`, with times in seconds as floats.
    fn runs(answer: Value) -> Run {
        let server = Server::new().answering(move |request| {
            let body: Value = serde_json::from_slice(&request.body).unwrap();
            assert_eq!(body["variables"]["filter"]["pipelineName"], "train");
            (200, answer.to_string())
        });
        let settings =
            json!({ "runs": { "t": { "url": "http://server/", "system": "dagster", "pipeline": "train" } } });
        run_one(settings, server)
    }

    fn result(status: &str) -> Value {
        let run = json!({ "runId": "8a2f", "status": status, "startTime": NOW as f64 - 100.5, "endTime": NOW as f64 - 50.25 });
        json!({ "data": { "runsOrError": { "__typename": "Runs", "results": [run] } } })
    }

    #[test]
    fn runs_succeed_or_fail() {
        assert_eq!(runs(result("SUCCESS")).status("runs t"), Status::Ok);
        assert_eq!(runs(result("FAILURE")).verdict("runs t").code, "run_failed");
    }

    #[test]
    fn an_error_inside_an_answer_of_success_is_an_error() {
        let python = json!({ "data": { "runsOrError": { "__typename": "PythonError", "message": "could not connect to storage" } } });
        let run = runs(python);
        assert_eq!(run.verdict("runs t").code, "unreadable");
        assert!(run.verdict("runs t").summary.contains("could not connect to storage"));
        let query = json!({ "errors": [{ "message": "Cannot query field", "locations": [] }] });
        assert!(runs(query).verdict("runs t").summary.contains("Cannot query field"));
    }
}
