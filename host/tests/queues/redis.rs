//! A redis-server of a test's own, on loopback, killed when it is dropped.

use std::{
    io::{BufRead, BufReader},
    net::TcpListener,
    process::{Child, Command, Stdio},
};

/// A program with the libraries that were unpacked with it, if any were.
fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    if let Some(libraries) = std::env::var_os("BELLWETHER_TEST_LIBRARIES") {
        command.env("LD_LIBRARY_PATH", libraries);
    }
    command
}

/// A running server.
pub(crate) struct Server {
    child: Child,
    port: u16,
    _dir: tempfile::TempDir,
}

impl Server {
    /// Returns once it takes connections.
    pub(crate) fn start() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let port = free_port();
        let mut server = command("redis-server");
        server
            .args([
                "--port",
                &port.to_string(),
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--appendonly",
                "no",
                "--dir",
            ])
            .arg(dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut child = server
            .spawn()
            .expect("redis-server starts: run `cargo xtask setup --tests`");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let ready = lines
            .map_while(Result::ok)
            .any(|line| line.contains("Ready to accept connections"));
        assert!(ready, "redis-server ended before it was ready");
        Self { child, port, _dir: dir }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// As an operator would, by another client.
    pub(crate) fn cli(&self, words: &[&str]) {
        let mut client = command("redis-cli");
        client
            .args(["-e", "-h", "127.0.0.1", "-p", &self.port.to_string()])
            .args(words);
        let output = client.output().expect("redis-cli runs");
        assert!(output.status.success(), "{words:?}: {output:?}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    listener.local_addr().expect("bound").port()
}
