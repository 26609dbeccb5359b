//! MLflow: a tracking server with runs, and a registry of model versions.

use super::{About, DataApi, ENTRIES, Entries, NOTHING, Preset, RunsApi, get, post, says, status};

/// One version.
const VERSION: Entries = Entries {
    list: "/model_version",
    version: "/version",
    state: "/status",
    ready: &["READY"],
    loading: &["PENDING_REGISTRATION"],
    failed: &["FAILED_REGISTRATION"],
    reasons: &["/status_message", "/status"],
    ..ENTRIES
};

/// The newest version, whatever is expected of the one that an alias points at.
const NEWEST: Entries = Entries {
    list: "/model_versions/*",
    ..VERSION
};

const NEWEST_VERSION: super::Request = get(
    "/api/2.0/mlflow/model-versions/search?filter=name%3D%27<model>%27&max_results=1&order_by=version_number%20DESC",
);

const ALIAS: super::Request = get("/api/2.0/mlflow/registered-models/alias?name=<model>&alias=<alias>");

pub(super) const PRESET: Preset = Preset {
    name: "mlflow",
    source: "mlflow/mlflow mlflow/protos/model_registry.proto, mlflow/protos/service.proto",
    ready: &[
        status(About::Server, get("/health")),
        says(About::Model, ALIAS, VERSION),
        says(
            About::Model,
            get("/api/2.0/mlflow/model-versions/get?name=<model>&version=<version>"),
            VERSION,
        ),
        says(About::Newest, NEWEST_VERSION, NEWEST),
    ],
    runs: Some(RunsApi {
        recent: post(
            "/api/2.0/mlflow/runs/search",
            r#"{"experiment_ids":["<pipeline>"],"max_results":25,"order_by":["attributes.start_time DESC"]}"#,
        ),
        success: post(
            "/api/2.0/mlflow/runs/search",
            r#"{"experiment_ids":["<pipeline>"],"max_results":1,"filter":"attributes.status = 'FINISHED'","order_by":["attributes.end_time DESC"]}"#,
        ),
        list: "/runs/*",
        id: "/info/run_name",
        state: "/info/status",
        start: &["/info/start_time"],
        end: "/info/end_time",
        reasons: &[],
        errors: &[],
        succeeded: &["FINISHED"],
        failed: &["FAILED"],
        running: &["RUNNING"],
        waiting: &["SCHEDULED"],
    }),
    data: Some(DataApi {
        time: &[
            (ALIAS, &["/model_version/creation_timestamp"]),
            (NEWEST_VERSION, &["/model_versions/*/creation_timestamp"]),
        ],
        count: None,
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

    const ALIAS: &str = "/api/2.0/mlflow/registered-models/alias?name=two_tower&alias=champion";
    const NEWEST: &str = "/api/2.0/mlflow/model-versions/search?filter=name%3D%27two_tower%27&max_results=1&order_by=version_number%20DESC";

    /// `ModelVersion` of the registry's protocol.
    fn version(version: &str, status: &str, message: &str) -> Value {
        json!({
            "name": "two_tower", "version": version, "creation_timestamp": (NOW - 3_600) * 1000,
            "last_updated_timestamp": NOW * 1000, "current_stage": "None", "source": "models:/m-1", "run_id": "r",
            "status": status, "status_message": message, "aliases": ["champion"],
        })
    }

    fn registry(alias: Value, newest: Value) -> Server {
        Server::new()
            .text("/health", 200, "OK")
            .json(ALIAS, 200, json!({ "model_version": alias }))
            .json(NEWEST, 200, json!({ "model_versions": [newest] }))
    }

    fn champion(server: Server) -> Run {
        ready(
            json!({ "preset": "mlflow", "model": "two_tower", "alias": "champion" }),
            server,
        )
    }

    #[test]
    fn an_alias_that_points_at_a_ready_version_is_ok() {
        let run = champion(registry(version("3", "READY", ""), version("3", "READY", "")));
        assert_eq!(run.status("ready t"), Status::Ok);
        assert_eq!(run.value("ml_model_info", &["t", "two_tower", "3"]), Some(1.0));
    }

    #[test]
    fn a_failed_registration_is_a_load_failure_and_a_warning_while_the_alias_is_fine() {
        let reason = "Failed to copy artifacts: disk full";
        let failed = || version("4", "FAILED_REGISTRATION", reason);
        let run = champion(registry(version("3", "READY", ""), failed()));
        assert_eq!(
            (run.status("ready t"), run.verdict("ready t").code.as_str()),
            (Status::Warning, "model_load_failed")
        );
        assert!(run.verdict("ready t").summary.contains(reason));
        let run = champion(registry(failed(), failed()));
        assert_eq!(run.status("ready t"), Status::Critical);
        let server = registry(failed(), failed());
        let run = ready(json!({ "preset": "mlflow", "model": "two_tower" }), server);
        assert_eq!(
            run.status("ready t"),
            Status::Critical,
            "nothing else says that the model is ready"
        );
    }

    #[test]
    fn an_alias_that_does_not_exist_is_critical_with_the_servers_reason() {
        let gone = json!({
            "error_code": "INVALID_PARAMETER_VALUE", "message": "Registered model alias champion not found.",
            "sqlstate": "KAM00", "error_class": "INVALID_PARAMETER_VALUE",
        });
        let run = champion(registry(Value::Null, version("3", "READY", "")).json(ALIAS, 400, gone));
        assert_eq!(run.verdict("ready t").code, "model_not_found");
        assert!(run.verdict("ready t").summary.contains("alias champion not found"));
    }

    #[test]
    fn a_model_that_is_not_registered_is_not_found() {
        let server = Server::new().text("/health", 200, "OK").json(NEWEST, 200, json!({}));
        let run = ready(json!({ "preset": "mlflow", "model": "two_tower" }), server);
        assert_eq!(run.verdict("ready t").code, "model_not_found");
    }

    #[test]
    fn an_alias_that_points_at_another_version_than_expected_is_critical() {
        let settings = json!({ "preset": "mlflow", "model": "two_tower", "alias": "champion", "version": "4" });
        let server = registry(version("3", "READY", ""), version("4", "READY", "")).json(
            "/api/2.0/mlflow/model-versions/get?name=two_tower&version=4",
            200,
            json!({ "model_version": version("4", "READY", "") }),
        );
        assert_eq!(ready(settings, server).verdict("ready t").code, "wrong_version");
    }

    /// `SearchRuns` of the tracking protocol.
    fn runs(status: &'static str) -> Run {
        let run = |status: &str, age: u64| {
            json!({ "info": {
            "run_id": "r", "run_name": "nightly", "status": status, "start_time": (NOW - age) * 1000, "end_time": (NOW - age + 60) * 1000,
        } })
        };
        let server = Server::new().answering(move |request| {
            let body = String::from_utf8_lossy(&request.body).into_owned();
            assert!(body.contains(r#""experiment_ids":["7"]"#), "{body}");
            let latest = if body.contains("FINISHED") {
                vec![run("FINISHED", 7_200)]
            } else {
                vec![run(status, 3_600), run("FINISHED", 7_200)]
            };
            (200, json!({ "runs": latest }).to_string())
        });
        let settings = json!({ "runs": { "t": { "url": "http://server/", "system": "mlflow", "pipeline": "7" } } });
        run_one(settings, server)
    }

    #[test]
    fn runs_are_read_from_the_tracking_server() {
        let good = runs("FINISHED");
        assert_eq!(good.status("runs t"), Status::Ok);
        assert_eq!(
            good.value("ml_run_last_success_timestamp_seconds", &["t", "7"]),
            Some((NOW - 3_540) as f64)
        );
        let bad = runs("FAILED");
        assert_eq!(bad.verdict("runs t").code, "run_failed");
        assert_eq!(bad.value("ml_run_consecutive_failures", &["t", "7"]), Some(1.0));
    }

    #[test]
    fn the_age_of_the_served_version_is_the_age_of_the_data() {
        let settings = |warning: &str| {
            json!({ "freshness": { "t": {
            "url": "http://server/", "preset": "mlflow", "index": "two_tower", "alias": "champion", "max_age": { "warning": warning },
        } } })
        };
        let server = || registry(version("3", "READY", ""), version("3", "READY", ""));
        assert_eq!(run_one(settings("2h"), server()).status("freshness t"), Status::Ok);
        assert_eq!(
            run_one(settings("30m"), server()).verdict("freshness t").code,
            "data_stopped"
        );
    }
}
