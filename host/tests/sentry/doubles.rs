//! Programs in Python: what Sentry's parts say about bytes, and servers that stand for Sentry.

use std::{
    ffi::OsString,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Duration,
};

use serde_json::Value;

/// How long a server may take to end: ten seconds.
const END_LOOKS: u32 = 100;
const END_PAUSE: Duration = Duration::from_millis(100);

fn python() -> OsString {
    std::env::var_os("BELLWETHER_TEST_SENTRY").expect("BELLWETHER_TEST_SENTRY is set: cargo xtask test sentry")
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sentry").join(name)
}

/// An envelope as Sentry's parts see it: `headers`, and `items` with `type`, `payload` and `complaints`.
pub(crate) fn judge(envelope: &[u8]) -> Value {
    let mut child = Command::new(python())
        .arg(script("judge.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python");
    // It reads to the end before it says anything.
    child
        .stdin
        .take()
        .expect("a pipe")
        .write_all(envelope)
        .expect("written");
    let output = child.wait_with_output().expect("an end");
    assert!(
        output.status.success(),
        "sentry_sdk or Relay refuses {}",
        String::from_utf8_lossy(envelope)
    );
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// A server that takes what is meant for Sentry, and ends with this.
pub(crate) struct Double {
    child: Child,
    ask: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    port: u64,
    key: String,
}

impl Double {
    pub(crate) fn start(name: &str) -> Self {
        let mut child = Command::new(python())
            .arg(script("double.py"))
            .arg(name)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("python");
        let ask = child.stdin.take();
        let mut answers = BufReader::new(child.stdout.take().expect("a pipe"));
        let about = line(&mut answers);
        Self {
            child,
            ask,
            answers,
            port: about["port"].as_u64().expect("a port"),
            key: about["key"].as_str().expect("a key").to_owned(),
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }

    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// All it has taken.
    pub(crate) fn events(&mut self) -> Vec<Value> {
        let ask = self.ask.as_mut().expect("open while this lives");
        ask.write_all(b"events\n")
            .and_then(|()| ask.flush())
            .expect("it listens");
        line(&mut self.answers).as_array().expect("a list").clone()
    }
}

impl Drop for Double {
    fn drop(&mut self) {
        // It ends when nobody can ask any more, and takes its folder along; should it not, it is ended.
        drop(self.ask.take());
        for _ in 0..END_LOOKS {
            if self.child.try_wait().is_ok_and(|ended| ended.is_some()) {
                return;
            }
            std::thread::sleep(END_PAUSE);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn line(from: &mut BufReader<ChildStdout>) -> Value {
    let mut text = String::new();
    from.read_line(&mut text).expect("readable");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("it ended: {error}: {text}"))
}
