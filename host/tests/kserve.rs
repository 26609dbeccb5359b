//! `ml-pipeline` against MLServer, a real model server that speaks KServe v2: readiness, the dimension of vectors by metadata
//! and by inference, a model that is not there.
//!
//! Flows in: an `mlserver` on a loopback port with one model in Python. Flows out: what `bellwether once` says about it.
//!
//! Needs: mlserver
//! Budget: 2 min

#![expect(
    clippy::disallowed_methods,
    reason = "a test talks to real processes: it waits on real time and reads from a thread of its own"
)]

mod support {
    #![expect(dead_code, reason = "each test file uses a part of it")]
    pub(crate) mod host;
    pub(crate) mod port;
}

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};
use support::{host::Place, port::free_port};

/// A model whose vectors have as many dimensions as its parameters say, which need not be what its metadata says.
const MODEL: &str = r#"
from mlserver import MLModel
from mlserver.types import InferenceResponse, ResponseOutput


class TwoTower(MLModel):
    async def load(self) -> bool:
        return True

    async def predict(self, payload) -> InferenceResponse:
        size = self.settings.parameters.extra["size"]
        output = ResponseOutput(name="user_embedding", shape=[1, size], datatype="FP32", data=[size**-0.5] * size)
        return InferenceResponse(model_name=self.name, outputs=[output])
"#;

/// Killed when dropped.
struct Mlserver {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Drop for Mlserver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Mlserver {
    /// With a model whose vectors have `size` dimensions, and whose metadata promises 768.
    fn start(size: usize) -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        // It takes no 0.
        let [port, grpc, metrics] = [(); 3].map(|()| free_port());
        let settings = json!({ "host": "127.0.0.1", "http_port": port, "grpc_port": grpc, "metrics_port": metrics, "parallel_workers": 0, "debug": false });
        let model = json!({
            "name": "two_tower_768", "implementation": "model.TwoTower", "platform": "python",
            "inputs": [{ "name": "user_id", "datatype": "INT64", "shape": [-1, 1] }],
            "outputs": [{ "name": "user_embedding", "datatype": "FP32", "shape": [-1, 768] }],
            "parameters": { "extra": { "size": size } },
        });
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("write");
        write("settings.json", &settings.to_string());
        write("model-settings.json", &model.to_string());
        write("model.py", MODEL);
        let program = std::env::var("BELLWETHER_TEST_MLSERVER");
        let mut child = Command::new(program.expect("run this suite by `cargo xtask test kserve`"))
            .args(["start", "."])
            .current_dir(folder.path())
            .env("PYTHONPATH", folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("mlserver: `cargo xtask setup --tests` brings it");
        let mut log = BufReader::new(child.stderr.take().expect("piped"))
            .lines()
            .map_while(Result::ok);
        let listening = format!("http://127.0.0.1:{port}");
        assert!(
            log.any(|line| line.contains("running on") && line.contains(&listening)),
            "it ended"
        );
        // It must not wait for a reader of its log.
        std::thread::spawn(move || log.for_each(drop));
        Self {
            child,
            port,
            _folder: folder,
        }
    }

    /// `once --json` on a check with one target of two kinds.
    fn once(&self, model: &str) -> Value {
        let url = format!("http://127.0.0.1:{}", self.port);
        let place = Place::new(&format!(
            "[check.models]\nplugin = \"ml-pipeline\"\ninterval = \"1m\"\ntimeout = \"30s\"\n\n\
             [check.models.settings.ready.m]\nurl = \"{url}/\"\npreset = \"kserve\"\nmodel = \"{model}\"\ndimension = 768\n\n\
             [check.models.settings.canary.m]\nurl = \"{url}/v2/models/{model}/infer\"\n\
             body = {{ inputs = [{{ name = \"user_id\", shape = [1, 1], datatype = \"INT64\", data = [42] }}] }}\n\
             assert = [{{ at = \"/outputs/0/data\", dim = 768, finite = true, norm = 1 }}]\n"
        ));
        let finished = place.finish(&["once", "models", "--json"]);
        serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {finished:?}"))
    }
}

/// Status, code and summary of a verdict.
fn verdict(outcome: &Value, target: &str) -> [String; 3] {
    let verdicts = outcome["verdicts"].as_array().expect("a list");
    let found = verdicts.iter().find(|verdict| verdict["target"] == target);
    let found = found.unwrap_or_else(|| panic!("no verdict on {target}: {outcome}"));
    ["status", "code", "summary"].map(|name| found[name].as_str().unwrap_or_default().to_owned())
}

#[test]
fn a_model_of_768_dimensions_is_ok_by_metadata_and_by_inference() {
    let server = Mlserver::start(768);
    let outcome = server.once("two_tower_768");
    assert_eq!(verdict(&outcome, "ready m")[0], "ok", "{outcome}");
    assert_eq!(verdict(&outcome, "canary m")[0], "ok", "{outcome}");
    let missing = server.once("other");
    let [status, code, summary] = verdict(&missing, "ready m");
    assert_eq!(
        (status.as_str(), code.as_str()),
        ("critical", "model_not_found"),
        "{missing}"
    );
    assert!(summary.contains("Model other not found"), "{summary}");
}

#[test]
fn vectors_that_are_not_what_metadata_promises_are_found_by_inference() {
    let server = Mlserver::start(512);
    let outcome = server.once("two_tower_768");
    assert_eq!(verdict(&outcome, "ready m")[0], "ok", "the metadata promises 768");
    let [status, code, summary] = verdict(&outcome, "canary m");
    assert_eq!(
        (status.as_str(), code.as_str()),
        ("critical", "assertion_failed"),
        "{outcome}"
    );
    assert!(summary.contains("512 dimensions, not 768"), "{summary}");
}
