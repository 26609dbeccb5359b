//! Apache Airflow. Its health answers with 200 whatever it says, and null stands for a component that is not deployed.

use super::{About, ENTRIES, Entries, NOTHING, Preset, RunsApi, get, says};

const COMPONENTS: Entries = Entries {
    list: "/*",
    state: "/status",
    ready: &["healthy"],
    failed: &["unhealthy"],
    reasons: &[
        "/latest_scheduler_heartbeat",
        "/latest_triggerer_heartbeat",
        "/latest_dag_processor_heartbeat",
    ],
    every: true,
    ..ENTRIES
};

/// Runs of both versions look alike; only version 3 has `run_after`.
const RUNS: RunsApi = RunsApi {
    recent: get("/api/v1/dags/<pipeline>/dagRuns?limit=25&order_by=-start_date"),
    success: get("/api/v1/dags/<pipeline>/dagRuns?limit=1&state=success&order_by=-end_date"),
    list: "/dag_runs/*",
    id: "/dag_run_id",
    state: "/state",
    start: &["/start_date", "/run_after", "/logical_date"],
    end: "/end_date",
    reasons: &["/note"],
    errors: &[],
    succeeded: &["success"],
    failed: &["failed"],
    running: &["running"],
    waiting: &["queued"],
};

pub(super) const VERSION_2: Preset = Preset {
    name: "airflow2",
    source: "apache/airflow docs/apache-airflow/administration-and-deployment/logging-monitoring/check-health.rst, airflow/api_connexion/openapi/v1.yaml",
    ready: &[says(About::Server, get("/health"), COMPONENTS)],
    runs: Some(RUNS),
    ..NOTHING
};

pub(super) const VERSION_3: Preset = Preset {
    name: "airflow3",
    source: "apache/airflow airflow-core/docs/administration-and-deployment/logging-monitoring/check-health.rst, airflow-core/src/airflow/api_fastapi/core_api/routes/public/dag_run.py",
    ready: &[says(About::Server, get("/api/v2/monitor/health"), COMPONENTS)],
    runs: Some(RunsApi {
        recent: get("/api/v2/dags/<pipeline>/dagRuns?limit=25&order_by=-start_date"),
        success: get("/api/v2/dags/<pipeline>/dagRuns?limit=1&state=success&order_by=-end_date"),
        ..RUNS
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

    use crate::tests::fixture::{NOW, Server, ago, ready, run_one};

    /// "Webserver Health Check Endpoint".
    fn health(scheduler: &str) -> Value {
        json!({
            "metadatabase": { "status": "healthy" },
            "scheduler": { "status": scheduler, "latest_scheduler_heartbeat": "2018-12-26 17:15:11+00:00" },
            "triggerer": { "status": "healthy", "latest_triggerer_heartbeat": "2018-12-26 17:16:12+00:00" },
            "dag_processor": { "status": null, "latest_dag_processor_heartbeat": null },
        })
    }

    #[test]
    fn components_are_judged_by_what_the_answer_says_since_its_status_is_always_200() {
        for (preset, path) in [("airflow2", "/health"), ("airflow3", "/api/v2/monitor/health")] {
            let of = |scheduler| {
                ready(
                    json!({ "preset": preset }),
                    Server::new().json(path, 200, health(scheduler)),
                )
            };
            assert_eq!(of("healthy").status("ready t"), Status::Ok);
            let run = of("unhealthy");
            assert_eq!(
                (run.status("ready t"), run.verdict("ready t").code.as_str()),
                (Status::Critical, "component_unhealthy")
            );
            let summary = &run.verdict("ready t").summary;
            assert!(
                summary.contains("scheduler") && summary.contains("2018-12-26 17:15:11"),
                "{summary}"
            );
        }
    }

    /// `DAGRunCollection`.
    fn dag_run(id: &str, state: &str, started: u64, ended: Option<u64>) -> Value {
        json!({ "dag_run_id": id, "dag_id": "train", "state": state, "logical_date": ago(started), "start_date": ago(started), "end_date": ended.map(ago), "note": null })
    }

    fn runs(preset: &str, version: &str, latest: Value, success: Value, more: Value) -> Run {
        let server = Server::new()
            .json(
                &format!("/api/{version}/dags/train/dagRuns?limit=25&order_by=-start_date"),
                200,
                json!({ "dag_runs": latest, "total_entries": 9 }),
            )
            .json(
                &format!("/api/{version}/dags/train/dagRuns?limit=1&state=success&order_by=-end_date"),
                200,
                json!({ "dag_runs": success, "total_entries": 1 }),
            );
        let mut target = json!({ "url": "http://server/", "system": preset, "pipeline": "train" });
        target
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        run_one(json!({ "runs": { "t": target } }), server)
    }

    #[test]
    fn runs_are_healthy_or_failing_in_both_versions() {
        let good = || dag_run("scheduled__2", "success", 7_200, Some(7_000));
        for (preset, version) in [("airflow2", "v1"), ("airflow3", "v2")] {
            let max_age = json!({ "max_age": { "warning": "26h" } });
            let run = runs(preset, version, json!([good()]), json!([good()]), max_age.clone());
            assert_eq!(run.status("runs t"), Status::Ok, "{:?}", run.verdict("runs t"));
            assert_eq!(
                run.value("ml_run_last_success_timestamp_seconds", &["t", "train"]),
                Some((NOW - 7_000) as f64)
            );
            let failed = dag_run("scheduled__3", "failed", 3_600, Some(3_000));
            let run = runs(preset, version, json!([failed, good()]), json!([good()]), max_age);
            assert_eq!(run.verdict("runs t").code, "run_failed");
            assert!(run.verdict("runs t").summary.contains("scheduled__3"));
        }
    }

    /// The problem of RFC 7807 that both versions document as `Error`.
    #[test]
    fn an_unknown_dag_is_said_with_airflows_words() {
        let gone =
            json!({ "detail": "The Dag with ID: `train` was not found", "status": 404, "title": "DAG not found" });
        let server = Server::new().answering(move |_| (404, gone.to_string()));
        let settings =
            json!({ "runs": { "t": { "url": "http://server/", "system": "airflow3", "pipeline": "train" } } });
        let run = run_one(settings, server);
        assert_eq!(run.verdict("runs t").code, "no_runs");
        assert!(run.verdict("runs t").summary.contains("`train` was not found"));
    }

    #[test]
    fn a_404_of_whoever_stands_before_airflow_says_nothing_about_the_dag() {
        let settings =
            json!({ "runs": { "t": { "url": "http://server/", "system": "airflow3", "pipeline": "train" } } });
        for page in ["<html><h1>404 Not Found</h1></html>", "404 page not found", ""] {
            let server = Server::new().answering(move |_| (404, page.to_owned()));
            let run = run_one(settings.clone(), server);
            assert_eq!(run.verdict("runs t").code, "unexpected_status");
            assert_eq!(
                run.value("ml_target_unanswered_runs", &["runs", "t", "critical"]),
                Some(1.0),
                "{page}"
            );
        }
    }
}
