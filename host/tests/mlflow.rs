//! `ml-pipeline` against a real MLflow server: an alias, a registration that failed, the age of a run.
//!
//! Flows in: an `mlflow server` on a free loopback port with a database of its own. Flows out: what `bellwether once` says
//! about it.
//!
//! Needs: mlflow
//! Budget: 3 min

#![expect(
    clippy::disallowed_methods,
    reason = "a test talks to real processes: it waits on real time and reads from a thread of its own"
)]

mod support {
    #![expect(dead_code, reason = "each test file uses a part of it")]
    pub(crate) mod host;
}

use std::{
    io::{BufRead, BufReader},
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};
use support::host::{Answer, PATIENCE, Place, exchange};

/// Killed when dropped.
struct Mlflow {
    child: Child,
    address: SocketAddr,
    folder: tempfile::TempDir,
}

impl Drop for Mlflow {
    fn drop(&mut self) {
        // The server's workers are children of its first process, and share its group.
        let _ = Command::new("kill")
            .args(["-TERM", "--", &format!("-{}", self.child.id())])
            .status();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `mlflow` or `python` of its environment.
fn program(name: &str) -> PathBuf {
    let mlflow = std::env::var("BELLWETHER_TEST_MLFLOW").expect("run this suite by `cargo xtask test mlflow`");
    PathBuf::from(mlflow).with_file_name(name)
}

/// Where Uvicorn says that it listens.
fn address(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("running on http://")?;
    rest.split_whitespace().next()?.parse().ok()
}

impl Mlflow {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let mut command = Command::new(program("mlflow"));
        command
            .args(["server", "--host", "127.0.0.1", "--port", "0", "--workers", "1"])
            .args([
                "--backend-store-uri",
                "sqlite:///mlflow.db",
                "--artifacts-destination",
                "./artifacts",
            ])
            .current_dir(folder.path())
            // Runners of jobs take as long to start as the server, and run nothing here; and nothing leaves this machine.
            .env("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
            .env("MLFLOW_DISABLE_TELEMETRY", "true")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn().expect("mlflow: `cargo xtask setup --tests` brings it");
        let mut log = BufReader::new(child.stderr.take().expect("piped"))
            .lines()
            .map_while(Result::ok);
        let address = log.find_map(|line| address(&line)).expect("it says where it listens");
        // It must not wait for a reader of its log.
        std::thread::spawn(move || log.for_each(drop));
        Self { child, address, folder }
    }

    /// One call of its REST interface, which must succeed.
    fn call(&self, method: &str, body: &Value) -> Value {
        let answer = post(self.address, &format!("/api/2.0/mlflow/{method}"), &body.to_string());
        assert_eq!(answer.status, 200, "{method}: {answer:?}");
        serde_json::from_str(&answer.body).expect("JSON")
    }

    /// A finished run of experiment 1, that ended so many seconds ago; its id.
    fn run(&self, status: &str, seconds_ago: u64) -> String {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("after 1970")
            .as_secs();
        let end = (now - seconds_ago) * 1000;
        let started = self.call(
            "runs/create",
            &json!({ "experiment_id": "1", "run_name": "nightly", "start_time": end - 60_000 }),
        );
        let id = started["run"]["info"]["run_id"].as_str().expect("an id").to_owned();
        self.call(
            "runs/update",
            &json!({ "run_id": id, "status": status, "end_time": end }),
        );
        id
    }

    fn version(&self, run: &str) {
        let source = format!("mlflow-artifacts:/1/{run}/artifacts/model");
        self.call(
            "model-versions/create",
            &json!({ "name": "two_tower", "source": source, "run_id": run }),
        );
    }

    /// A registry that copies artifacts may fail to; the file store never does, so the state is written into its database.
    fn fail_registration(&self, version: u32, reason: &str) {
        let script = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); n = c.execute(\"update model_versions set \
                      status = 'FAILED_REGISTRATION', status_message = ? where version = ?\", sys.argv[2:]).rowcount; \
                      c.commit(); assert n == 1";
        let status = Command::new(program("python"))
            .args(["-c", script])
            .arg(self.folder.path().join("mlflow.db"))
            .args([reason, &version.to_string()])
            .status()
            .expect("python");
        assert!(status.success());
    }
}

fn post(address: SocketAddr, path: &str, body: &str) -> Answer {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).expect("connect");
    stream.set_read_timeout(Some(PATIENCE)).expect("timeout");
    let length = body.len();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    exchange(&mut stream, &request)
}

/// `once --json` on a check with two targets: the champion, and the runs of experiment 1.
fn once(mlflow: &Mlflow) -> Value {
    let url = format!("http://{}/", mlflow.address);
    let place = Place::new(&format!(
        "[check.registry]\nplugin = \"ml-pipeline\"\ninterval = \"1m\"\ntimeout = \"30s\"\n\n\
         [check.registry.settings.ready.champion]\nurl = \"{url}\"\npreset = \"mlflow\"\nmodel = \"two_tower\"\nalias = \"champion\"\n\n\
         [check.registry.settings.runs.training]\nurl = \"{url}\"\nsystem = \"mlflow\"\npipeline = \"1\"\n\
         max_age = {{ warning = \"1h\", critical = \"1d\" }}\n"
    ));
    let finished = place.finish(&["once", "registry", "--json"]);
    serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {finished:?}"))
}

/// Status, code and summary of a verdict.
fn verdict(outcome: &Value, target: &str) -> (String, String, String) {
    let verdicts = outcome["verdicts"].as_array().expect("a list");
    let found = verdicts.iter().find(|verdict| verdict["target"] == target);
    let found = found.unwrap_or_else(|| panic!("no verdict on {target}: {outcome}"));
    let text = |name: &str| found[name].as_str().unwrap_or_default().to_owned();
    (text("status"), text("code"), text("summary"))
}

#[test]
fn a_registry_and_its_runs_are_judged_by_what_a_real_server_says() {
    let mlflow = Mlflow::start();
    mlflow.call("experiments/create", &json!({ "name": "train" }));
    let run = mlflow.run("FINISHED", 7_200);
    mlflow.call("registered-models/create", &json!({ "name": "two_tower" }));
    mlflow.version(&run);

    let outcome = once(&mlflow);
    let (status, code, summary) = verdict(&outcome, "ready champion");
    assert_eq!(
        (status.as_str(), code.as_str()),
        ("critical", "model_not_found"),
        "{outcome}"
    );
    assert!(summary.contains("alias champion not found"), "{summary}");
    let (status, code, summary) = verdict(&outcome, "runs training");
    assert_eq!(
        (status.as_str(), code.as_str()),
        ("warning", "success_too_old"),
        "{outcome}"
    );
    assert!(summary.contains("last success 2 h"), "{summary}");

    let alias = json!({ "name": "two_tower", "alias": "champion", "version": "1" });
    mlflow.call("registered-models/alias", &alias);
    mlflow.run("FINISHED", 60);
    let outcome = once(&mlflow);
    assert_eq!(verdict(&outcome, "ready champion").0, "ok", "{outcome}");
    assert_eq!(verdict(&outcome, "runs training").0, "ok", "{outcome}");

    mlflow.version(&run);
    mlflow.fail_registration(2, "disk full");
    mlflow.run("FAILED", 10);
    let outcome = once(&mlflow);
    let (status, code, summary) = verdict(&outcome, "ready champion");
    assert_eq!(
        (status.as_str(), code.as_str()),
        ("warning", "model_load_failed"),
        "{outcome}"
    );
    assert!(
        summary.contains("version 2") && summary.contains("disk full"),
        "{summary}"
    );
    assert_eq!(verdict(&outcome, "runs training").1, "run_failed", "{outcome}");

    mlflow.fail_registration(1, "disk full");
    assert_eq!(verdict(&once(&mlflow), "ready champion").0, "critical");
}
