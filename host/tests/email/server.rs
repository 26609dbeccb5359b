//! `aiosmtpd` on a port of its own, ended when dropped.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, sync_channel},
    time::Duration,
};

use serde::Deserialize;

use super::support::certificates::{Certificates, certificates};

/// How long anything here may take before the test is called failed.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) const USER: &str = "watch";
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// How the server wants to be spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Plain,
    StartTls,
    Tls,
}

/// One email.
#[derive(Debug, Deserialize)]
pub(crate) struct Taken {
    pub(crate) sender: String,
    pub(crate) to: Vec<String>,
    /// Base64 of its bytes.
    pub(crate) raw: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) text: String,
    pub(crate) html: String,
    /// What a strict parser does not like.
    pub(crate) defects: Vec<String>,
    pub(crate) encrypted: bool,
    pub(crate) login: bool,
}

pub(crate) struct Server {
    child: Child,
    lines: Receiver<String>,
    pub(crate) mode: Mode,
    pub(crate) has_login: bool,
    pub(crate) port: u16,
    pub(crate) certificates: Certificates,
    _dir: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A Python that has what `xtask/requirements.txt` names.
fn python() -> PathBuf {
    let told = std::env::var_os("BELLWETHER_TEST_PYTHON").map(PathBuf::from);
    told.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/venv/bin/python"))
}

impl Server {
    pub(crate) fn start(mode: Mode, has_login: bool) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let certificates = certificates(dir.path(), &["mail.example.com"]);
        let word = match mode {
            Mode::Plain => "plain",
            Mode::StartTls => "starttls",
            Mode::Tls => "tls",
        };
        let options = serde_json::json!({
            "mode": word,
            "certificate": certificates.certificate,
            "key": certificates.key,
            "user": if has_login { USER } else { "" },
            "password": PASSWORD,
        });
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/email/server.py");
        let mut child = Command::new(python())
            .arg(script)
            .arg(options.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("run `cargo xtask setup --tests` first");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        let (line, lines) = sync_channel(1_000);
        std::thread::spawn(move || {
            for text in output.lines().map_while(Result::ok) {
                if line.send(text).is_err() {
                    return;
                }
            }
        });
        let port: serde_json::Value =
            serde_json::from_str(&lines.recv_timeout(PATIENCE).expect("a port")).expect("JSON");
        Self {
            child,
            lines,
            mode,
            has_login,
            port: u16::try_from(port["port"].as_u64().expect("a number")).expect("a port"),
            certificates,
            _dir: dir,
        }
    }

    /// The next email that it took.
    pub(crate) fn taken(&mut self) -> Taken {
        let line = self.lines.recv_timeout(PATIENCE).expect("an email");
        serde_json::from_str(&line).expect("JSON")
    }

    /// All that it took since somebody asked last.
    pub(crate) fn taken_meanwhile(&mut self) -> Vec<Taken> {
        let lines = self.lines.try_iter();
        lines.map(|line| serde_json::from_str(&line).expect("JSON")).collect()
    }

    /// Whether it took no other until now.
    pub(crate) fn nothing_taken(&mut self) -> bool {
        self.taken_meanwhile().is_empty()
    }
}
