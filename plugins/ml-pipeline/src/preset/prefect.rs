//! Prefect 3. Reading takes POST; `SCHEDULED` runs lie in the future and are left out.

use super::{About, NOTHING, Preset, RunsApi, get, post, status};

pub(super) const PRESET: Preset = Preset {
    name: "prefect",
    source: "PrefectHQ/prefect src/prefect/server/api/root.py, src/prefect/server/api/flow_runs.py",
    ready: &[status(About::Server, get("/api/ready"))],
    runs: Some(RunsApi {
        recent: post(
            "/api/flow_runs/filter",
            r#"{"sort":"START_TIME_DESC","limit":25,"deployments":{"name":{"any_":["<pipeline>"]}},"flow_runs":{"state":{"type":{"any_":["PENDING","RUNNING","COMPLETED","FAILED","CANCELLED","CRASHED","PAUSED","CANCELLING"]}}}}"#,
        ),
        success: post(
            "/api/flow_runs/filter",
            r#"{"sort":"END_TIME_DESC","limit":1,"deployments":{"name":{"any_":["<pipeline>"]}},"flow_runs":{"state":{"type":{"any_":["COMPLETED"]}}}}"#,
        ),
        list: "/*",
        id: "/name",
        state: "/state_type",
        start: &["/start_time", "/expected_start_time"],
        end: "/end_time",
        reasons: &["/state/message"],
        errors: &[],
        succeeded: &["COMPLETED"],
        failed: &["FAILED", "CRASHED"],
        running: &["RUNNING", "CANCELLING"],
        waiting: &["PENDING", "PAUSED", "SCHEDULED"],
    }),
    ..NOTHING
};

#[cfg(test)]
mod tests {
    use bellwether_sdk::{
        Status,
        fake::{Run, json},
    };

    use crate::tests::fixture::{Server, ago, ready, run_one};

    /// `perform_readiness_check` of root.py.
    #[test]
    fn the_server_is_ready_while_its_database_is() {
        let of = |status, message: &str| {
            ready(
                json!({ "preset": "prefect" }),
                Server::new().json("/api/ready", status, json!({ "message": message })),
            )
        };
        assert_eq!(of(200, "OK").status("ready t"), Status::Ok);
        let run = of(503, "Database is not available");
        assert_eq!(run.verdict("ready t").code, "server_not_ready");
        assert!(run.verdict("ready t").summary.contains("Database is not available"));
    }

    /// `FlowRunResponse`.
    fn runs(state: &str, message: &str) -> Run {
        let flow_run = |state: &str, message: &str, age| {
            json!({
                "id": "1", "name": "funny-lynx", "state_type": state, "state_name": state, "state": { "type": state, "message": message },
                "expected_start_time": ago(age), "start_time": ago(age), "end_time": ago(age - 60),
            })
        };
        let (latest, completed) = (flow_run(state, message, 600), flow_run("COMPLETED", "", 90_000));
        let server = Server::new().answering(move |request| {
            assert_eq!(
                (request.method.as_str(), request.url.as_str()),
                ("POST", "http://server/api/flow_runs/filter")
            );
            let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
            assert_eq!(body["deployments"]["name"]["any_"], json!(["nightly \"A\""]));
            let all = if body["limit"] == 1 {
                json!([completed])
            } else {
                json!([latest, completed])
            };
            (200, all.to_string())
        });
        let settings = json!({ "runs": { "t": { "url": "http://server/", "system": "prefect", "pipeline": "nightly \"A\"", "max_age": { "critical": "2d" } } } });
        run_one(settings, server)
    }

    #[test]
    fn a_crashed_run_carries_the_message_of_its_state() {
        assert_eq!(runs("COMPLETED", "").status("runs t"), Status::Ok);
        let run = runs(
            "CRASHED",
            "Flow run infrastructure exited with non-zero status code 137.",
        );
        assert_eq!(run.verdict("runs t").code, "run_failed");
        assert!(
            run.verdict("runs t").summary.contains("status code 137"),
            "{:?}",
            run.verdict("runs t")
        );
    }
}
