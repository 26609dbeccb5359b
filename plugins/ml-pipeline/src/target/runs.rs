//! Kind `runs`: do training and other pipelines run and succeed, on time?

use bellwether_sdk::{Address, Report};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{Ask, Place, Seen, Target, ready::ask};
use crate::{
    answer::{Answer, document, in_own_words, succeeded, took},
    code,
    fill::Params,
    finding::{Finding, Judgement},
    memory::Memory,
    metrics::{RUN_FAILURES, RUN_LAST_SUCCESS, RUN_RUNNING, RUN_STATE},
    pointer,
    preset::{RunsApi, System},
    settings::{
        levels::{Ceiling, Span, Spans},
        slot::Slot,
    },
    time::{self, spoken},
};

/// Failures in a row that are worth a warning unless said: the very first.
const FAILURES: Ceiling = Ceiling {
    warning: Some(1.0),
    critical: None,
};

/// A pipeline, and how often it should succeed.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Runs {
    /// Where the system is, such as `http://airflow:8080/`. Granted by standing here, without credentials.
    url: Option<Address>,
    /// Instead of `url`: a connection slot, for a system that asks for credentials. `default` when neither is given.
    connection: Option<Slot>,
    /// How long an answer may take, such as `"2s"`; unless said, what is left of the run.
    timeout: Option<Span>,
    /// What runs the pipeline.
    system: System,
    /// A DAG's id (Airflow), a deployment's name (Prefect), a job's name (Dagster), an experiment's id (MLflow), an index (Meilisearch).
    pipeline: String,
    /// How long ago the last success may have ended.
    #[serde(default)]
    max_age: Spans,
    /// How long a run may take.
    #[serde(default)]
    max_runtime: Spans,
    /// How many of the latest runs may have failed in a row; `{ warning = 1 }` unless said.
    max_failures: Option<Ceiling>,
}

/// What became of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Succeeded,
    Failed,
    Running,
    Waiting,
    Other,
}

impl State {
    const fn name(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Other => "other",
        }
    }
}

/// One run, as far as it matters.
#[derive(Clone, Debug, PartialEq)]
struct Run {
    id: String,
    state: State,
    start: Option<f64>,
    end: Option<f64>,
    reason: Option<String>,
}

/// Runs of an answer that are looked at, the newest. The presets ask for 25.
const RUNS_MAX: usize = 1_000;

impl Runs {
    fn api(&self) -> Option<&'static RunsApi> {
        self.system.preset().runs.as_ref()
    }

    /// Runs in one of the answers, newest first.
    fn read(&self, api: &RunsApi, answer: &Answer, judgement: &mut Judgement) -> Result<Vec<Run>, Finding> {
        // A proxy says 404 as well, for as long as there is nobody behind it.
        let unknown = if in_own_words(answer) {
            code::NO_RUNS
        } else {
            code::UNEXPECTED_STATUS
        };
        let response = succeeded(answer, &self.pipeline, unknown, code::UNEXPECTED_STATUS)?;
        judgement.took(took(response));
        let document = document(response)?;
        if let Some(error) = api.errors.iter().find_map(|at| pointer::text(&document, at)) {
            let text = format!("{}: {error}", self.pipeline);
            return Err(Finding::critical(code::UNREADABLE, text));
        }
        let found = pointer::values(&document, api.list).into_iter();
        Ok(found.take(RUNS_MAX).map(|entry| read_run(api, entry)).collect())
    }

    fn judge_failures(&self, recent: &[Run]) -> Option<Finding> {
        let failures = failures(recent);
        let levels = self.max_failures.unwrap_or(FAILURES);
        let (status, _) = levels.reached(failures as f64).filter(|_| failures > 0)?;
        let latest = recent.iter().find(|run| run.state == State::Failed)?;
        let count = match failures {
            1 => "run failed".to_owned(),
            count => format!("the last {count} runs failed, latest"),
        };
        let reason = latest
            .reason
            .as_ref()
            .map_or_else(String::new, |reason| format!(": {reason}"));
        let text = format!("{}: {count} {}{reason}", self.pipeline, latest.id);
        Some(Finding::new(status, code::RUN_FAILED, text))
    }

    /// Never to have succeeded is as bad as the worst level that is set.
    fn judge_age(&self, success: Option<f64>, now: f64) -> Option<Finding> {
        let pipeline = &self.pipeline;
        match success {
            Some(at) => self.max_age.passed(now - at).map(|(status, level)| {
                let (age, level) = (spoken(now - at), spoken(level));
                let text = format!("{pipeline}: last success {age} ago, more than {level}");
                Finding::new(status, code::SUCCESS_TOO_OLD, text)
            }),
            None => self.max_age.passed(f64::INFINITY).map(|(status, _)| {
                let text = format!("{pipeline}: no run is known to have succeeded");
                Finding::new(status, code::NO_SUCCESS, text)
            }),
        }
    }

    fn judge_runtime(&self, longest: Option<(f64, &Run)>) -> Option<Finding> {
        let (seconds, run) = longest?;
        let (status, level) = self.max_runtime.passed(seconds)?;
        let (pipeline, id) = (&self.pipeline, &run.id);
        let text = format!(
            "{pipeline}: run {id} has been running for {}, more than {}",
            spoken(seconds),
            spoken(level)
        );
        Some(Finding::new(status, code::RUNNING_TOO_LONG, text))
    }

    fn measure(&self, name: &str, recent: &[Run], success: Option<f64>, longest: f64, report: &mut Report) {
        let labels = [name, self.pipeline.as_str()];
        if let Some(success) = success {
            report.gauge(&RUN_LAST_SUCCESS).set(labels, success);
        }
        if let Some(latest) = recent.first() {
            report.state_set(&RUN_STATE).set(labels, latest.state.name());
        }
        report.gauge(&RUN_FAILURES).set(labels, failures(recent));
        report.gauge(&RUN_RUNNING).set(labels, longest);
    }

    fn judge_runs(&self, recent: &[Run], successes: &[Run], seen: &Seen<'_>, report: &mut Report) -> Vec<Finding> {
        if recent.is_empty() && successes.is_empty() {
            let text = format!("{} has no runs: is the name right?", self.pipeline);
            return vec![Finding::unknown(code::NO_RUNS, text)];
        }
        let all = recent
            .iter()
            .chain(successes)
            .filter(|run| run.state == State::Succeeded);
        let success = all.filter_map(|run| run.end.or(run.start)).reduce(f64::max);
        let longest = longest(recent, seen.now);
        self.measure(
            seen.name,
            recent,
            success,
            longest.map_or(0.0, |(seconds, _)| seconds),
            report,
        );
        let findings = [
            self.judge_failures(recent),
            self.judge_age(success, seen.now),
            self.judge_runtime(longest),
        ];
        findings.into_iter().flatten().collect()
    }
}

fn read_run(api: &RunsApi, value: &Value) -> Run {
    let time = |at: &str| pointer::first(value, at).and_then(time::unix);
    let state = pointer::text(value, api.state).unwrap_or_default();
    let state = state.as_str();
    let states = [
        (api.succeeded, State::Succeeded),
        (api.failed, State::Failed),
        (api.running, State::Running),
        (api.waiting, State::Waiting),
    ];
    let known = states.iter().find(|(names, _)| names.contains(&state));
    let reason = api.reasons.iter().find_map(|at| pointer::text(value, at));
    Run {
        id: pointer::text(value, api.id).unwrap_or_default(),
        state: known.map_or(State::Other, |(_, state)| *state),
        start: api.start.iter().find_map(|at| time(at)),
        end: time(api.end),
        reason: reason.filter(|reason| !reason.is_empty()),
    }
}

/// Since the last success; what is not over yet, or was cancelled, is neither.
fn failures(recent: &[Run]) -> usize {
    let until = recent.iter().take_while(|run| run.state != State::Succeeded);
    until.filter(|run| run.state == State::Failed).count()
}

fn longest(recent: &[Run], now: f64) -> Option<(f64, &Run)> {
    let running = recent.iter().filter(|run| run.state == State::Running);
    let times = running.filter_map(|run| Some(((now - run.start?).max(0.0), run)));
    times.max_by(|left, right| left.0.total_cmp(&right.0))
}

impl Target for Runs {
    fn place(&self) -> Place<'_> {
        Place {
            url: self.url.as_deref(),
            connection: self.connection,
            timeout: self.timeout,
        }
    }

    fn problems(&self) -> Vec<String> {
        let unknown = self.api().is_none().then(|| {
            let known = System::names_with(|preset| preset.runs.is_some());
            format!(
                "system `{}` has no runs; these have: {known}",
                self.system.preset().name
            )
        });
        let levels = [self.max_age.problem("max_age"), self.max_runtime.problem("max_runtime")];
        unknown.into_iter().chain(levels.into_iter().flatten()).collect()
    }

    fn asks(&self) -> Result<Vec<Ask>, String> {
        let params = Params::new([("pipeline", Some(self.pipeline.as_str()))]);
        let requests = self.api().map(|api| [&api.recent, &api.success]);
        let requests = requests.into_iter().flatten();
        requests.map(|request| ask(request, &params, None)).collect()
    }

    fn judge(&self, seen: &Seen<'_>, _: &mut Memory, report: &mut Report) -> Judgement {
        let mut judgement = Judgement::default();
        let (Some(api), [recent, success]) = (self.api(), seen.answers) else {
            return judgement;
        };
        let recent = self.read(api, recent, &mut judgement);
        let success = self.read(api, success, &mut judgement);
        match (recent, success) {
            (Ok(recent), Ok(success)) => {
                for finding in self.judge_runs(&recent, &success, seen, report) {
                    judgement.push(finding);
                }
                let latest = recent.first().map_or("unknown", |run| run.state.name());
                judgement.good = format!("{}: latest run {latest}", self.pipeline);
            }
            (recent, success) => {
                judgement.push(recent.err());
                judgement.push(success.err());
            }
        }
        judgement
    }
}

#[cfg(test)]
mod tests;
