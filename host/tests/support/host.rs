//! The real binary in a directory of its own, talked to the way people do: files, sockets, signals, exit codes.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, ExitStatus, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

/// How long anything here may take before the test is called failed. Generous: the machine is shared and noisy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// A directory with a configuration and a state directory, gone when dropped.
pub(crate) struct Place {
    pub(crate) dir: tempfile::TempDir,
}

impl Place {
    /// Writes `bellwether.toml` with `[host]` set to a free loopback port and a state directory of its own, followed by
    /// `rest`.
    pub(crate) fn new(rest: &str) -> Self {
        let place = Self {
            dir: tempfile::tempdir().expect("a temporary directory"),
        };
        place.configure(rest);
        place
    }

    /// Rewrites the configuration.
    pub(crate) fn configure(&self, rest: &str) {
        let state = self.path("state");
        let text = format!(
            "[host]\nlisten = \"127.0.0.1:0\"\nstate_dir = \"{}\"\n\n{rest}",
            state.display()
        );
        self.write("bellwether.toml", &text);
    }

    /// Writes a file, replacing it in one step as editors do.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        let fresh = path.with_extension("fresh");
        std::fs::write(&fresh, text).expect("write");
        std::fs::rename(&fresh, &path).expect("rename");
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The binary with a clean environment and this place's configuration.
    pub(crate) fn command(&self, verb: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bellwether"));
        command
            .args(verb)
            .current_dir(self.dir.path())
            .env_clear()
            .env("XDG_CACHE_HOME", cache());
        command.env("CACHE_DIRECTORY", cache());
        command
    }

    /// Runs a verb to its end.
    pub(crate) fn finish(&self, verb: &[&str]) -> Finished {
        self.finish_with(verb, |_| {})
    }

    /// As [`Self::finish`], with a chance to set the environment. What does not end is killed.
    pub(crate) fn finish_with(&self, verb: &[&str], prepare: impl FnOnce(&mut Command)) -> Finished {
        // Into files: a full pipe would stop a verb that says much.
        let out = |name| std::fs::File::create(self.path(name)).expect("a file");
        let mut command = self.command(verb);
        command.stdin(Stdio::null()).stdout(out("stdout")).stderr(out("stderr"));
        prepare(&mut command);
        let mut child = command.spawn().expect("the binary starts");
        let status = end_of(&mut child);
        let said = |name| String::from_utf8_lossy(&std::fs::read(self.path(name)).expect("a file")).into_owned();
        let (stdout, stderr) = (said("stdout"), said("stderr"));
        let Some(status) = status else {
            let _ = child.kill();
            let _ = child.wait();
            panic!("{verb:?} did not end; it said:\n{stdout}{stderr}");
        };
        Finished {
            code: status.code().expect("an exit code"),
            stdout,
            stderr,
        }
    }

    /// Starts `run` and waits until it says where it listens.
    pub(crate) fn run(&self) -> Running {
        self.run_with(|_| {})
    }

    /// As [`Self::run`], with a chance to set the environment.
    pub(crate) fn run_with(&self, prepare: impl FnOnce(&mut Command)) -> Running {
        let mut command = self.command(&["run"]);
        prepare(&mut command);
        let mut running = Running::start(command);
        running.read_on();
        running.line("listening on ");
        running
    }

    /// As [`Self::run`], and then nobody reads its standard error any more, though it stays open, until
    /// [`Running::read_on`].
    pub(crate) fn run_unread(&self) -> Running {
        let mut running = Running::start(self.command(&["run"]));
        let stderr = running.unread.as_mut().expect("not read yet");
        while running.seen.last().is_none_or(|line| !line.contains("listening on ")) {
            let mut line = String::new();
            assert!(
                stderr.read_line(&mut line).expect("text") > 0,
                "it ended: {:?}",
                running.seen
            );
            running.seen.push(line.trim_end().to_owned());
        }
        running
    }
}

/// How a process ended. `None`: it did not, in all the time there is.
fn end_of(child: &mut Child) -> Option<ExitStatus> {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait().expect("wait") {
            return Some(status);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    None
}

/// Compiled plugins are shared by all tests of one build: compiling is what takes long.
pub(crate) fn cache() -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache");
    std::fs::create_dir_all(&dir).expect("a cache directory");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o700)).expect("permissions");
    }
    dir
}

/// A verb that ended.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A host that runs; killed when dropped.
pub(crate) struct Running {
    pub(crate) child: Child,
    /// Of standard error, once it is read.
    lines: mpsc::Receiver<String>,
    unread: Option<BufReader<ChildStderr>>,
    pub(crate) seen: Vec<String>,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    /// `run`, whose standard error waits to be read.
    fn start(mut command: Command) -> Self {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        let stderr = child.stderr.take().expect("piped");
        Self {
            child,
            lines: mpsc::sync_channel(0).1,
            unread: Some(BufReader::new(stderr)),
            seen: Vec::new(),
        }
    }

    /// Reads standard error from now on.
    pub(crate) fn read_on(&mut self) {
        let stderr = self.unread.take().expect("not read yet");
        let (send, lines) = mpsc::sync_channel(100_000);
        self.lines = lines;
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    return;
                }
            }
        });
    }

    pub(crate) fn address(&self) -> SocketAddr {
        let mut said = self.seen.iter().filter(|line| line.starts_with("listening on "));
        let line = said.next().expect("it listens");
        let at = line.split("://").nth(1).expect("an address");
        at.trim().parse().expect("a socket address")
    }

    /// Waits for a line of standard error that contains `wanted`.
    pub(crate) fn line(&mut self, wanted: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        while let Some(left) = deadline.checked_duration_since(Instant::now()) {
            let Ok(line) = self.lines.recv_timeout(left) else { break };
            self.seen.push(line.clone());
            if line.contains(wanted) {
                return line;
            }
        }
        panic!("no line with {wanted:?}; it said:\n{}", self.seen.join("\n"));
    }

    /// Everything said so far and until the end.
    pub(crate) fn all_lines(&mut self) -> Vec<String> {
        while let Ok(line) = self.lines.recv_timeout(Duration::from_millis(200)) {
            self.seen.push(line);
        }
        self.seen.clone()
    }

    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args([&format!("-{name}"), &self.child.id().to_string()])
            .status()
            .expect("kill");
        assert!(status.success());
    }

    /// Waits for the end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        end_of(&mut self.child).unwrap_or_else(|| panic!("it did not end; it said:\n{}", self.all_lines().join("\n")))
    }

    /// Tells it to stop and waits until it has; what it said in all.
    pub(crate) fn stop(mut self) -> Vec<String> {
        self.signal("TERM");
        let status = self.wait();
        let said = self.all_lines();
        assert_eq!(status.code(), Some(0), "it said:\n{}", said.join("\n"));
        said
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        request(self.address(), "GET", path, &[])
    }

    pub(crate) fn get_json(&self, path: &str) -> serde_json::Value {
        let answer = self.get(path);
        serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{path}: {error}: {answer:?}"))
    }

    pub(crate) fn post(&self, path: &str) -> Answer {
        request(self.address(), "POST", path, &[])
    }

    /// Asks for `path` until the body satisfies `enough`.
    pub(crate) fn eventually(&self, path: &str, enough: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let body = self.get(path).body;
            if enough(&body) {
                return body;
            }
            assert!(
                Instant::now() < deadline,
                "{path} never got there; last answer:\n{body}"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until a series of `/metrics` is at least this, and gives its value.
    pub(crate) fn reaches(&self, series: &str, least: f64) -> f64 {
        let body = self.eventually("/metrics", |body| {
            sample(body, series).is_some_and(|value| value >= least)
        });
        sample(&body, series).expect("present")
    }

    /// The value of a series in `/metrics`, once it is there.
    pub(crate) fn value(&self, series: &str) -> f64 {
        let wanted = format!("{series} ");
        let body = self.eventually("/metrics", |body| body.lines().any(|line| line.starts_with(&wanted)));
        sample(&body, series).expect("present")
    }
}

/// The value of a series in a text exposition.
pub(crate) fn sample(body: &str, series: &str) -> Option<f64> {
    let line = body
        .lines()
        .find(|line| line.strip_prefix(series).is_some_and(|rest| rest.starts_with(' ')))?;
    line[series.len()..].trim().split(' ').next()?.parse().ok()
}

/// An HTTP answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
    /// The body as it came: [`Self::body`] is no help where it is compressed.
    pub(crate) bytes: Vec<u8>,
}

/// One request on a connection of its own.
pub(crate) fn request(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).expect("connect");
    stream.set_read_timeout(Some(PATIENCE)).expect("timeout");
    let extra: String = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    let head =
        format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: 0\r\n{extra}\r\n");
    exchange(&mut stream, &head)
}

/// Sends a request that asks for the connection to be closed, and reads what comes back.
pub(crate) fn exchange(stream: &mut (impl Read + Write), head: &str) -> Answer {
    stream.write_all(head.as_bytes()).expect("write");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("read");
    parse(&answer)
}

/// What came back, whole.
pub(crate) fn parse(answer: &[u8]) -> Answer {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let status = head.split(' ').nth(1).expect("a status").parse().expect("a number");
    let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    let body = if chunked {
        unchunk(&answer[end + 4..])
    } else {
        answer[end + 4..].to_vec()
    };
    Answer {
        status,
        head,
        body: String::from_utf8_lossy(&body).into_owned(),
        bytes: body,
    }
}

fn unchunk(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).expect("hex").trim(), 16).expect("hex");
        if size == 0 {
            break;
        }
        body.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 4 + size..];
    }
    body
}
