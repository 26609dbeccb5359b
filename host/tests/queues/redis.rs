//! A redis-server of a test's own, on loopback, with the user that the plugin's README names; killed when it is dropped.

use crate::server::{self, command, free_port};

/// Who the plugin logs in as: whatever it asks, that user must be enough.
pub(crate) const USER: &str = "monitor";

/// As the README has it.
pub(crate) const PASSWORD: &str = "a-long-password";

/// A running server.
pub(crate) struct Server {
    port: u16,
    _running: server::Server,
    _dir: tempfile::TempDir,
}

impl Server {
    /// Returns once it takes connections.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// As [`Self::start`], with more options.
    pub(crate) fn start_with(options: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let port = free_port();
        let mut redis = command("redis-server");
        redis
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no", "--dir"])
            .arg(dir.path())
            .args(options);
        let server = Self {
            port,
            _running: server::Server::start(redis, "Ready to accept connections"),
            _dir: dir,
        };
        server.add_user();
        server
    }

    fn add_user(&self) {
        let readme = include_str!("../../../plugins/redis-queue/README.md");
        let user = readme
            .lines()
            .find(|line| line.starts_with("ACL SETUSER"))
            .expect("an ACL user");
        let words: Vec<&str> = user.split(' ').collect();
        assert_eq!(words[2..5], [USER, "on", &format!(">{PASSWORD}")]);
        self.cli(&words);
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// As an operator would, by another client. What it says.
    pub(crate) fn cli(&self, words: &[&str]) -> String {
        let mut client = command("redis-cli");
        client
            .args(["-e", "-h", "127.0.0.1", "-p", &self.port.to_string()])
            .args(words);
        let output = client.output().expect("redis-cli runs");
        assert!(output.status.success(), "{words:?}: {output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Bytes that it has sent so far, to everybody.
    pub(crate) fn sent(&self) -> u64 {
        let said = self.cli(&["INFO", "stats"]);
        let line = said
            .lines()
            .find_map(|line| line.strip_prefix("total_net_output_bytes:"));
        line.expect("it counts").trim().parse().expect("a number")
    }
}
