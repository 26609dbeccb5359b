//! A host started as a process of its own, to be looked at from outside: its address, its scrape, what it costs.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::http::Client;

/// What the host prints before its address.
const ADDRESS_MARK: &str = "listening on http://";
/// A cold start compiles its plugins first.
const START_PATIENCE: Duration = Duration::from_secs(120);
/// The host drains for some seconds when asked to stop.
const STOP_PATIENCE: Duration = Duration::from_secs(30);
/// How many of its last lines an error shows.
const TAIL_LINES: usize = 20;

/// A running host. Dropped, it is killed.
#[derive(Debug)]
pub(crate) struct HostProcess {
    child: Child,
    address: String,
    started: Instant,
}

/// How to start one.
#[derive(Debug)]
pub(crate) struct Start {
    /// The `bellwether` binary.
    pub(crate) binary: PathBuf,
    /// Its configuration.
    pub(crate) config: PathBuf,
    /// Where its state directory goes.
    pub(crate) state: PathBuf,
}

impl Start {
    /// Starts it and waits until it says where it listens.
    pub(crate) fn start(&self) -> Result<HostProcess> {
        fs::create_dir_all(&self.state).with_context(|| format!("cannot make {}", self.state.display()))?;
        let mut command = Command::new(&self.binary);
        command
            .arg("run")
            .arg("--config")
            .arg(&self.config)
            .current_dir(&self.state);
        // Port 0 takes a free one; the quickstart reads this variable.
        command.env("PROMETHEUS_PORT", "0").env("STATE_DIRECTORY", &self.state);
        command.stdin(Stdio::null()).stderr(Stdio::piped());
        let started = Instant::now();
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot start {}", self.binary.display()))?;
        let stderr = child.stderr.take().context("the host's standard error was not piped")?;
        let tail = Tail::default();
        let addresses = watch(stderr, tail.clone());
        match addresses.recv_timeout(START_PATIENCE) {
            Ok(address) => Ok(HostProcess {
                child,
                address,
                started,
            }),
            Err(reason) => {
                let _ = child.kill();
                let _ = child.wait();
                let what = match reason {
                    RecvTimeoutError::Timeout => "did not say where it listens in time",
                    RecvTimeoutError::Disconnected => "ended before it listened",
                };
                bail!("the host {what}; it said:\n{}", tail.text())
            }
        }
    }
}

/// The last lines the host said.
#[derive(Clone, Debug, Default)]
struct Tail(Arc<Mutex<Vec<String>>>);

impl Tail {
    fn push(&self, line: String) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == TAIL_LINES {
            lines.remove(0);
        }
        lines.push(line);
    }

    fn text(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).join("\n")
    }
}

/// Reads to the end, so that the host never waits for us; sends the address when it comes by.
fn watch(stderr: ChildStderr, tail: Tail) -> Receiver<String> {
    let (sender, receiver): (SyncSender<String>, _) = sync_channel(1);
    thread::spawn(move || {
        let mut sender = Some(sender);
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            if let Some(address) = address_in(&line)
                && let Some(sender) = sender.take()
            {
                // Nobody listens any more once the start was given up.
                let _ = sender.try_send(address.to_owned());
            }
            tail.push(line);
        }
    });
    receiver
}

fn address_in(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once(ADDRESS_MARK)?;
    let end = rest
        .find(|c: char| !c.is_ascii_alphanumeric() && !".:[]-".contains(c))
        .unwrap_or(rest.len());
    rest.get(..end).filter(|address| !address.is_empty())
}

impl HostProcess {
    /// When the process was started.
    pub(crate) fn started(&self) -> Instant {
        self.started
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A connection to it.
    pub(crate) fn client(&self) -> Result<Client> {
        Client::connect(&self.address)
    }

    /// Scrapes until `complete` is content with the text. The error shows the last scrape's size.
    pub(crate) fn scrape_until(&self, patience: Duration, complete: impl Fn(&str) -> bool) -> Result<String> {
        let deadline = Instant::now() + patience;
        let mut client = self.client()?;
        loop {
            let answer = client.get("/metrics", &[])?;
            let text = answer.text()?;
            if answer.status == 200 && complete(text) {
                return Ok(text.to_owned());
            }
            if Instant::now() > deadline {
                bail!(
                    "/metrics was not complete in time (status {}, {} bytes)",
                    answer.status,
                    answer.body.len()
                );
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Asks it to stop as a service manager would, and waits.
    pub(crate) fn stop(mut self) -> Result<ExitStatus> {
        let pid = i32::try_from(self.child.id())
            .ok()
            .and_then(rustix::process::Pid::from_raw);
        let pid = pid.context("the host has no process id")?;
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        let deadline = Instant::now() + STOP_PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            thread::sleep(Duration::from_millis(20));
        }
        bail!("the host did not stop within {} s of SIGTERM", STOP_PATIENCE.as_secs())
    }
}

impl Drop for HostProcess {
    fn drop(&mut self) {
        // It has ended already after `stop`.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The value of one series of a scrape, looked for by the exact start of its line (`name{labels}`).
pub(crate) fn value_of(scrape: &str, series: &str) -> Option<f64> {
    scrape.lines().find_map(|line| {
        line.strip_prefix(series)?
            .strip_prefix(' ')?
            .split(' ')
            .next()?
            .parse()
            .ok()
    })
}

/// The sum over all series of one name.
pub(crate) fn sum_of(scrape: &str, name: &str) -> f64 {
    let values = scrape.lines().filter_map(|line| {
        let rest = line.strip_prefix(name)?;
        rest.starts_with(['{', ' '])
            .then(|| rest.rsplit(' ').next()?.parse::<f64>().ok())?
    });
    values.sum()
}

/// A fresh folder under `target/xtask`, for one use.
pub(crate) fn scratch(target: &Path, name: &str) -> Result<PathBuf> {
    let folder = target.join("xtask").join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_read_out_of_whatever_line_carries_it() {
        assert_eq!(address_in("listening on http://127.0.0.1:9920"), Some("127.0.0.1:9920"));
        let json = r#"{"message":"listening on http://[::1]:40123","data":{}}"#;
        assert_eq!(address_in(json), Some("[::1]:40123"));
        assert_eq!(address_in("compiling system"), None);
    }

    #[test]
    fn values_are_found_by_exact_series_and_summed_by_exact_name() {
        let scrape = "# TYPE a counter\na{x=\"1\"} 2\na{x=\"2\"} 3\nab 7\nb 4\n";
        assert_eq!(value_of(scrape, "a{x=\"2\"}"), Some(3.0));
        assert_eq!(value_of(scrape, "a"), None);
        assert!((sum_of(scrape, "a") - 5.0).abs() < f64::EPSILON);
    }

    #[test]
    fn a_host_that_ends_at_once_is_reported_with_what_it_said() {
        let state = std::env::temp_dir().join(format!("xtask-host-{}", std::process::id()));
        fs::create_dir_all(&state).unwrap();
        let binary = state.join("fake");
        fs::write(&binary, "#!/bin/sh\necho 'no such key' >&2\nexit 2\n").unwrap();
        Command::new("chmod").arg("+x").arg(&binary).status().unwrap();
        let error = Start {
            binary,
            config: "x.toml".into(),
            state: state.clone(),
        }
        .start()
        .unwrap_err()
        .to_string();
        assert!(
            error.contains("ended before it listened") && error.contains("no such key"),
            "{error}"
        );
        fs::remove_dir_all(state).unwrap();
    }
}
