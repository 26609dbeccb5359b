//! Whoever evaluates rules: the host, or a Prometheus server over the same series. Started, given rule files, asked what it
//! did with them; seen from outside only.
//!
//! A rule file replaces the one before in one step, and a signal says that it is there. Every wait has an end with a message.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};

use super::{exposition::PARTS, process, server::Server, target::Target};
use crate::{host_process::HostProcess, http::Client};

/// Ten thousand rules are read and evaluated once by then, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(500);

/// The folder of rule files, beside the configuration, and the one file in it.
pub(super) const RULES_FOLDER: &str = "rules";
const RULES_FILE: &str = "bench.yml";

/// What counters and gauges of rule groups are called. All have a label `rule_group`, FILE;NAME.
#[derive(Debug)]
struct Names {
    rules: &'static str,
    evaluations: &'static str,
    failures: &'static str,
    missed: &'static str,
}

const OURS: Names = Names {
    rules: "bellwether_rule_group_rules",
    evaluations: "bellwether_rule_evaluations_total",
    failures: "bellwether_rule_evaluation_failures_total",
    missed: "bellwether_rule_group_missed_slots_total",
};

const THEIRS: Names = Names {
    rules: "prometheus_rule_group_rules",
    evaluations: "prometheus_rule_evaluations_total",
    failures: "prometheus_rule_evaluation_failures_total",
    missed: "prometheus_rule_group_iterations_missed_total",
};

#[derive(Debug)]
enum Running {
    Host(HostProcess),
    Prometheus(Server),
}

/// A process that evaluates rules; killed when dropped.
#[derive(Debug)]
pub(super) struct Contestant {
    /// For the table.
    pub(super) name: &'static str,
    /// Whether its numbers are those that were promised.
    pub(super) is_ours: bool,
    running: Running,
    names: &'static Names,
    folder: PathBuf,
}

/// What it has done with rules so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Work {
    /// Of groups that were evaluated at least once.
    pub(super) rules: f64,
    pub(super) evaluations: f64,
    pub(super) failures: f64,
    /// Slots of groups that nobody evaluated.
    pub(super) missed: f64,
}

impl Contestant {
    /// The host that was started with `folder/rules` as the place of its rule files.
    pub(super) fn host(host: HostProcess, folder: &Path) -> Self {
        Self {
            name: "the host",
            is_ours: true,
            running: Running::Host(host),
            names: &OURS,
            folder: folder.to_owned(),
        }
    }

    /// Starts a Prometheus server that scrapes all pages of `target` every `interval` seconds.
    pub(super) fn prometheus(
        name: &'static str,
        program: &Path,
        folder: &Path,
        target: &Target,
        interval: u64,
    ) -> Result<Self> {
        let config = folder.join("prometheus.yml");
        fs::write(&config, configuration(&target.address().to_string(), interval))?;
        let server = Server::start(|address| {
            let mut command = Command::new(program);
            command.arg(format!("--config.file={}", config.display()));
            command.arg(format!("--storage.tsdb.path={}", folder.join("data").display()));
            command.arg(format!("--web.listen-address={address}"));
            command.current_dir(folder);
            Ok(command)
        })?;
        Ok(Self {
            name,
            is_ours: false,
            running: Running::Prometheus(server),
            names: &THEIRS,
            folder: folder.to_owned(),
        })
    }

    /// Its process.
    pub(super) fn pid(&self) -> u32 {
        match &self.running {
            Running::Host(host) => host.pid(),
            Running::Prometheus(server) => server.pid(),
        }
    }

    fn client(&self) -> Result<Client> {
        match &self.running {
            Running::Host(host) => host.client(),
            Running::Prometheus(server) => Client::connect(&server.address().to_string()),
        }
    }

    /// Puts a rule file in the place of the one before, and has it read.
    pub(super) fn give(&self, rules: &str) -> Result<()> {
        write_rules(&self.folder, rules)?;
        process::hang_up(self.pid()).with_context(|| format!("{} cannot be told of its rules", self.name))
    }

    /// What it did with the groups whose names have `mark` in them.
    pub(super) fn work(&self, mark: &str) -> Result<Work> {
        let answer = self.client()?.get("/metrics", &[])?;
        ensure!(
            answer.status == 200,
            "{}: /metrics was answered with status {}",
            self.name,
            answer.status
        );
        Ok(work(answer.text()?, self.names, mark))
    }

    /// Waits until each of `rules` rules of these groups was evaluated once.
    pub(super) fn await_rules(&self, mark: &str, rules: usize) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        let wanted = rules as f64;
        loop {
            let work = self.work(mark)?;
            if work.rules >= wanted && work.evaluations >= wanted {
                ensure!(
                    work.failures < 1.0,
                    "{}: {} evaluations of `{mark}` failed; see {}",
                    self.name,
                    work.failures,
                    self.folder.display()
                );
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!(
                    "{} did not evaluate the {rules} rules of `{mark}` in {} s: it has {} of them and made {} evaluations; was {} refused?",
                    self.name,
                    PATIENCE.as_secs(),
                    work.rules,
                    work.evaluations,
                    self.folder.join(RULES_FOLDER).join(RULES_FILE).display()
                );
            }
            thread::sleep(PAUSE);
        }
    }

    /// Waits until an expression has so many elements: Prometheus may not have scraped, nor a range its two samples.
    pub(super) fn await_elements(&self, expression: &str, elements: usize) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let found = self
                .client()
                .and_then(|mut client| elements_of(&mut client, expression));
            if found.as_ref().is_ok_and(|found| *found == elements) {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!(
                    "{}: `{expression}` should have {elements} elements, and has {}",
                    self.name,
                    found.map_or_else(|error| format!("none: {error:#}"), |found| found.to_string())
                );
            }
            thread::sleep(PAUSE);
        }
    }
}

/// Elements of the result of an instant query, now.
pub(super) fn elements_of(client: &mut Client, expression: &str) -> Result<usize> {
    let answer = client.get(&format!("/api/v1/query?query={}", encoded(expression)), &[])?;
    let text = answer.text()?;
    ensure!(answer.status == 200, "status {}: {text}", answer.status);
    let answer: serde_json::Value = serde_json::from_str(text).context("the answer to a query is no JSON")?;
    let result = answer["data"]["result"].as_array();
    Ok(result.context("the answer to a query has no result")?.len())
}

/// Writes the rule file of `folder` in one step: whoever watches it never sees half of one.
pub(super) fn write_rules(folder: &Path, rules: &str) -> Result<()> {
    let place = folder.join(RULES_FOLDER);
    fs::create_dir_all(&place).with_context(|| format!("cannot make {}", place.display()))?;
    let new = folder.join("rules.new");
    fs::write(&new, rules).with_context(|| format!("cannot write {}", new.display()))?;
    fs::rename(&new, place.join(RULES_FILE)).context("cannot put the rule file in its place")
}

/// One job for each page, since a job's targets have one path.
fn configuration(address: &str, interval: u64) -> String {
    let mut text = format!(
        "global:\n  scrape_interval: {interval}s\n  scrape_timeout: {interval}s\n  evaluation_interval: {interval}s\n\
         rule_files: ['{RULES_FOLDER}/*.yml']\nscrape_configs:\n"
    );
    for part in 0..PARTS {
        text.push_str(&format!(
            "  - job_name: part-{part}\n    metrics_path: /{part}\n    static_configs:\n      - targets: ['{address}']\n"
        ));
    }
    text
}

fn work(metrics: &str, names: &Names, mark: &str) -> Work {
    let sum = |name: &str| {
        let values = metrics.lines().filter_map(|line| {
            let labels = line.strip_prefix(name)?.strip_prefix('{')?;
            let (labels, value) = labels.rsplit_once("} ")?;
            labels.contains(mark).then(|| value.parse::<f64>().ok())?
        });
        values.fold(0.0, |sum, value| sum + value)
    };
    Work {
        rules: sum(names.rules),
        evaluations: sum(names.evaluations),
        failures: sum(names.failures),
        missed: sum(names.missed),
    }
}

/// For a query in a URL.
fn encoded(text: &str) -> String {
    let of_byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | b'.' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(of_byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_counted_for_the_groups_of_one_file_only() {
        let metrics = "# TYPE prometheus_rule_group_rules gauge\n\
             prometheus_rule_group_rules{rule_group=\"/a b/bench.yml;rate-100-0\"} 50\n\
             prometheus_rule_group_rules{rule_group=\"/a b/bench.yml;rate-100-1\"} 50\n\
             prometheus_rule_group_rules{rule_group=\"/a b/bench.yml;rate-1000-1\"} 7\n\
             prometheus_rule_evaluations_total{rule_group=\"/a b/bench.yml;rate-100-0\"} 1.5e+02\n\
             prometheus_rule_group_iterations_missed_total{rule_group=\"/a b/bench.yml;rate-100-0\"} 2\n";
        let found = work(metrics, &THEIRS, ";rate-100-");
        let expected = Work {
            rules: 100.0,
            evaluations: 150.0,
            failures: 0.0,
            missed: 2.0,
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn an_expression_is_written_so_that_a_url_can_hold_it() {
        assert_eq!(encoded("a{b=\"c\"} / 2"), "a%7Bb%3D%22c%22%7D%20%2F%202");
    }

    #[test]
    fn every_page_is_scraped_by_a_job_of_its_own() {
        let text = configuration("127.0.0.1:9", 4);
        assert_eq!(text.matches("job_name").count(), PARTS);
        assert!(text.contains("metrics_path: /2\n"), "{text}");
    }
}
