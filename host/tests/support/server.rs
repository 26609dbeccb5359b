//! Servers of others on loopback, in a directory of their own, killed when dropped.

#[path = "port.rs"]
mod port;

use std::{
    io::{BufRead, BufReader, Read},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::Duration,
};

use rustix::process::Signal;

/// How long anything here may take before the test is called failed. Generous: the machine is shared and noisy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Who servers run as that refuse to run as root.
const NOBODY: u32 = 65_534;

/// A program on the path, where `cargo xtask test` puts what it unpacked, or where Debian and `cargo xtask setup` keep it.
pub(crate) fn program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let unpacked = target().join("debian");
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.extend([unpacked.join("usr/bin"), unpacked.join("usr/sbin"), "/usr/sbin".into()]);
    for root in [unpacked.join("usr/lib/postgresql"), "/usr/lib/postgresql".into()] {
        let versions = std::fs::read_dir(root).into_iter().flatten().flatten();
        folders.extend(versions.map(|version| version.path().join("bin")));
    }
    let found = folders
        .iter()
        .map(|folder| folder.join(name))
        .find(|file| file.is_file());
    found.unwrap_or_else(|| panic!("there is no `{name}`: run `cargo xtask setup --tests`"))
}

fn target() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target")
}

/// A program with the libraries that were unpacked with it.
pub(crate) fn command(name: &str) -> Command {
    let own = || {
        let triple = format!("{}-linux-gnu", std::env::consts::ARCH);
        let folders = ["usr/lib", "lib"].map(|part| target().join("debian").join(part).join(&triple));
        std::env::join_paths(folders).expect("no colon in the path")
    };
    let libraries = std::env::var_os("BELLWETHER_TEST_LIBRARIES").unwrap_or_else(own);
    let mut command = Command::new(program(name));
    command.env("LD_LIBRARY_PATH", libraries);
    command
}

/// Whether these tests run as root, whom some servers refuse.
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Runs `command` as somebody else where the tests are root's, with `dir` for its own.
pub(crate) fn as_nobody(command: &mut Command, dir: &Path) {
    if is_root() {
        std::os::unix::fs::chown(dir, Some(NOBODY), Some(NOBODY)).expect("root may");
        command.uid(NOBODY).gid(NOBODY);
    }
}

/// Gives a file to whom [`as_nobody`] runs servers as.
pub(crate) fn give_to_nobody(file: &Path) {
    if is_root() {
        std::os::unix::fs::chown(file, Some(NOBODY), Some(NOBODY)).expect("root may");
    }
}

/// See [`port::free_port`].
pub(crate) fn free_port() -> u16 {
    port::free_port()
}

/// A running server.
pub(crate) struct Server {
    child: Child,
    /// What ends it when it is dropped.
    last: Signal,
}

impl Server {
    /// Starts it and waits until it says `ready` on either of its streams.
    pub(crate) fn start(mut command: Command, ready: &'static str) -> Self {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let (said, heard) = mpsc::sync_channel(1024);
        listen(child.stdout.take().expect("piped"), said.clone());
        listen(child.stderr.take().expect("piped"), said);
        let server = Self {
            child,
            last: Signal::KILL,
        };
        let mut lines = Vec::new();
        loop {
            match heard.recv_timeout(PATIENCE) {
                Ok(line) if line.contains(ready) => return server,
                Ok(line) => lines.push(line),
                Err(_) => panic!("{command:?} did not say `{ready}`: {lines:#?}"),
            }
        }
    }

    /// Ended in a way that lets it clean up what outlives a process, such as shared memory.
    pub(crate) fn ended_by(mut self, last: Signal) -> Self {
        self.last = last;
        self
    }

    /// Ends it at once, as a crash would.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Stops it from running, or lets it go on: as a machine that hangs.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).expect("it runs");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            self.signal(self.last);
        }
        let _ = self.child.wait();
    }
}

/// Reads to the end, so that the server never waits for us; what nobody asks for is dropped.
fn listen(stream: impl Read + Send + 'static, said: mpsc::SyncSender<String>) {
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let _ = said.try_send(line);
        }
    });
}
