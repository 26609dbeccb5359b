//! Clients that hold connections: `psql`, whose standard input stays open.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, Command, Stdio},
    time::Instant,
};

use super::{
    started::PASSWORD,
    support::server::{PATIENCE, command},
};

/// One session; ended when dropped.
pub(crate) struct Session {
    child: Child,
    // Open, or psql would leave.
    _input: ChildStdin,
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn psql(port: u16, user: &str) -> Command {
    let mut psql = command("psql");
    psql.args([
        "-XqAt",
        "-v",
        "ON_ERROR_STOP=1",
        "-h",
        "127.0.0.1",
        "-U",
        user,
        "-d",
        "postgres",
    ])
    .args(["-p", &port.to_string()])
    .env("PGPASSWORD", PASSWORD)
    .stdin(Stdio::piped())
    .stdout(Stdio::piped())
    .stderr(Stdio::piped());
    psql
}

impl Session {
    /// Logs in and runs `sql`; `None` when the server, or who is in front of it, refuses.
    pub(crate) fn open(port: u16, user: &str, sql: &str) -> Option<Self> {
        let mut child = psql(port, user).spawn().expect("psql runs");
        let mut input = child.stdin.take().expect("piped");
        // One that was refused reads nothing.
        let _ = writeln!(input, "{sql};\n\\echo ready");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        let is_ready = output.lines().map_while(Result::ok).any(|line| line == "ready");
        let session = Self { child, _input: input };
        is_ready.then_some(session)
    }

    /// As soon as the server has noticed that others left.
    pub(crate) fn open_in_time(port: u16, user: &str, sql: &str) -> Self {
        let began = Instant::now();
        loop {
            if let Some(session) = Self::open(port, user, sql) {
                return session;
            }
            assert!(began.elapsed() < PATIENCE, "there is no room");
        }
    }

    /// So many that do nothing.
    pub(crate) fn idle(count: usize, port: u16) -> Vec<Self> {
        Self::many(count, port, "SELECT 1")
    }

    /// So many with a transaction open, which a pooler gives a backend of its own each.
    pub(crate) fn in_transaction(count: usize, port: u16) -> Vec<Self> {
        Self::many(count, port, "BEGIN; SELECT 1")
    }

    fn many(count: usize, port: u16, sql: &str) -> Vec<Self> {
        let open = |_| Self::open_in_time(port, "monitor", sql);
        (0..count).map(open).collect()
    }
}
