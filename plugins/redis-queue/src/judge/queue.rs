//! Verdicts on queues.

use bellwether_sdk::{Code, Description};

use super::{Book, Finding, Severity, duration, jobs, plural};
use crate::{
    memory::{Change, Changes},
    picture::{ALL, Picture, Problem, Queue, State},
    target::Target,
    workers::Workers,
};

const BACKING_UP: Code = Code::new(
    "backing_up",
    "More jobs wait than the threshold allows: add workers, or see what slows them down.",
);
const TOO_OLD: Code = Code::new(
    "too_old",
    "The oldest job has waited longer than the threshold allows: workers do not keep up, or nobody takes this queue.",
);
const STUCK: Code = Code::new(
    "stuck",
    "A job has been with a worker longer than the threshold allows: see whether it hangs.",
);
const FAILED_JOBS: Code = Code::new(
    "failed_jobs",
    "More failed or dead jobs are kept than the threshold allows: see why they failed, then retry or remove them.",
);
const FAILING: Code = Code::new(
    "failing",
    "More jobs failed since the run before than the threshold allows: see the newest failures.",
);
const GROWING: Code = Code::new(
    "growing",
    "The queue has grown for more runs in a row than the threshold allows: more comes in than workers can do.",
);
const NO_WORKERS: Code = Code::new(
    "no_workers",
    "Jobs wait and no living worker takes this queue: start one, or see why they died.",
);
const PAUSED: Code = Code::new(
    "paused",
    "The queue has been paused longer than the threshold allows: resume it, if nobody wants it so any more.",
);
const OVERDUE: Code = Code::new(
    "overdue",
    "Delayed jobs are due and nobody moves them to their queue: see whether the scheduler runs.",
);
const LEASE_EXPIRED: Code = Code::new(
    "lease_expired",
    "Jobs in flight are claimed by no worker any more: their worker died, and they wait to be recovered.",
);
const CONSUMER_IDLE: Code = Code::new(
    "consumer_idle",
    "A consumer holds entries and does nothing: let another claim them.",
);
pub(super) const UNREADABLE: Code = Code::new(
    "unreadable",
    "How many jobs wait could not be learnt: the summary says why.",
);

/// Commands that answer how many jobs wait.
const COUNTING: [&str; 5] = ["LLEN", "ZCARD", "ZCOUNT", "HLEN", "XINFO"];

pub(super) fn describe(about: &mut Description) {
    let codes = [
        &BACKING_UP,
        &TOO_OLD,
        &STUCK,
        &FAILED_JOBS,
        &FAILING,
        &GROWING,
        &NO_WORKERS,
        &PAUSED,
        &OVERDUE,
        &LEASE_EXPIRED,
        &CONSUMER_IDLE,
        &UNREADABLE,
    ];
    for code in codes {
        about.code(code);
    }
}

pub(super) fn report(target: &Target, picture: &Picture, changes: &Changes, book: &mut Book<'_>) {
    let workers = Workers::of(target, picture);
    let nothing = Change::default();
    for (name, queue) in &picture.queues {
        let subject = Subject {
            target,
            picture,
            name,
            queue,
            change: changes.queues.get(name).unwrap_or(&nothing),
            workers: workers.as_ref(),
        };
        let findings = subject.findings();
        if name != ALL {
            book.verdict(&format!("queue {name}"), findings, &subject.well());
        } else {
            book.unwell("all queues", findings);
        }
    }
}

/// One queue with all that is known about it.
struct Subject<'p> {
    target: &'p Target,
    picture: &'p Picture,
    name: &'p str,
    queue: &'p Queue,
    change: &'p Change,
    workers: Option<&'p Workers<'p>>,
}

impl Subject<'_> {
    fn findings(&self) -> Vec<Finding> {
        let found = [
            self.no_workers(),
            self.waiting(),
            self.oldest(),
            self.in_flight(),
            self.failed(),
            self.failing(),
            self.growing(),
            self.paused(),
            self.overdue(),
            self.leases(),
            self.consumers(),
        ];
        found.into_iter().flatten().collect()
    }

    /// `12 waiting, oldest 35 s, 2 active`.
    fn well(&self) -> String {
        let mut parts: Vec<String> = self
            .queue
            .depths()
            .filter(|(state, jobs)| *jobs > 0 || *state == State::Waiting)
            .map(|(state, jobs)| format!("{jobs} {}", state.name()))
            .collect();
        if let (Some(since), true) = (self.queue.waiting_since(), self.queue.depth(State::Waiting) != Some(0)) {
            parts.push(format!("oldest {}", duration((self.target.now - since).max(0.0))));
        }
        parts.join(", ")
    }

    fn waiting(&self) -> Option<Finding> {
        let levels = self.target.settings.thresholds.waiting;
        let known = self.queue.depth(State::Waiting).map(|jobs| jobs as f64);
        if known.is_none() && self.name != ALL {
            return Some(self.not_known());
        }
        Finding::of(known, levels, &BACKING_UP, |waiting, level| {
            format!("{} waiting, more than {level}", jobs(waiting))
        })
    }

    /// A lower bound may be enough to warn.
    fn not_known(&self) -> Finding {
        let Some(entries) = self.queue.at_least else {
            return Finding::new(Severity::Unknown, &UNREADABLE, self.why_unreadable());
        };
        let said = format!("at least {entries} entries wait, and Redis does not know the lag of this group");
        let levels = self.target.settings.thresholds.waiting;
        Finding::of(Some(entries as f64), levels, &BACKING_UP, |_, level| {
            format!("{said}; more than {level}")
        })
        .unwrap_or_else(|| Finding::new(Severity::Unknown, &UNREADABLE, said))
    }

    fn why_unreadable(&self) -> String {
        if let Some(why) = &self.queue.uncounted {
            return format!("how many jobs wait is not known: {why}");
        }
        let problems = &self.picture.problems;
        let of_this = problems.iter().find(|problem| problem.command.contains(self.name));
        let counting = |problem: &&Problem| COUNTING.iter().any(|verb| problem.command.starts_with(verb));
        let problem = of_this.filter(counting).or_else(|| problems.iter().find(counting));
        let why = problem.map(|problem| format!("{}: {}", problem.command, problem.message));
        let why = why.or_else(|| self.picture.incomplete.clone());
        let why = why.unwrap_or_else(|| "Redis gave no number".to_owned());
        format!("how many jobs wait is not known: {why}")
    }

    fn oldest(&self) -> Option<Finding> {
        let levels = self.target.settings.thresholds.oldest_seconds;
        let since = self
            .queue
            .waiting_since()
            .filter(|_| self.queue.depth(State::Waiting) != Some(0));
        Finding::of(
            since.map(|since| self.target.now - since),
            levels,
            &TOO_OLD,
            |age, level| {
                format!(
                    "the oldest job has waited {}, longer than {}",
                    duration(age),
                    duration(level)
                )
            },
        )
    }

    fn in_flight(&self) -> Option<Finding> {
        let levels = self.target.settings.thresholds.in_flight_seconds;
        let since = self.queue.in_flight_since;
        Finding::of(
            since.map(|since| self.target.now - since),
            levels,
            &STUCK,
            |age, level| {
                format!(
                    "a job has been with its worker for {}, longer than {}",
                    duration(age),
                    duration(level)
                )
            },
        )
    }

    fn failed(&self) -> Option<Finding> {
        let levels = self.target.settings.thresholds.failed;
        let kept = self.queue.kept_failures().map(|kept| kept as f64);
        Finding::of(kept, levels, &FAILED_JOBS, |kept, level| {
            format!("{} failed, more than {level}", jobs(kept))
        })
    }

    fn failing(&self) -> Option<Finding> {
        let levels = self.target.settings.thresholds.failed_growth;
        let failed = self.change.failed.map(|failed| failed as f64);
        Finding::of(failed, levels, &FAILING, |failed, level| {
            format!("{} failed since the run before, more than {level}", jobs(failed))
        })
    }

    fn growing(&self) -> Option<Finding> {
        let levels = self.target.settings.thresholds.growing_runs;
        Finding::of(self.change.growing.map(f64::from), levels, &GROWING, |runs, _| {
            format!("has grown for {}", plural(runs, "run", "runs in a row"))
        })
    }

    fn no_workers(&self) -> Option<Finding> {
        let waiting = self.queue.depth(State::Waiting).filter(|jobs| *jobs > 0)?;
        let none = self.workers?.alive(self.name) == 0;
        let judged = self.target.settings.thresholds.no_workers && none;
        judged.then(|| {
            let text = format!("{} waiting and no worker for this queue is alive", jobs(waiting as f64));
            Finding::new(Severity::Critical, &NO_WORKERS, text)
        })
    }

    fn paused(&self) -> Option<Finding> {
        let levels = self.target.settings.thresholds.paused_seconds;
        Finding::of(self.change.paused, levels, &PAUSED, |seconds, level| {
            format!(
                "paused for at least {}, longer than {}",
                duration(seconds),
                duration(level)
            )
        })
    }

    fn overdue(&self) -> Option<Finding> {
        let thresholds = &self.target.settings.thresholds;
        let overdue = self.queue.overdue.map(|jobs| jobs as f64);
        Finding::of(overdue, thresholds.overdue, &OVERDUE, |overdue, _| {
            let since = duration(thresholds.overdue_after_seconds);
            format!("{} due for more than {since} and not moved to the queue", jobs(overdue))
        })
    }

    fn leases(&self) -> Option<Finding> {
        let expired = self.queue.leases_expired.filter(|jobs| *jobs > 0)?;
        let text = format!("{} in flight with a lease that has expired", jobs(expired as f64));
        Some(Finding::new(Severity::Warning, &LEASE_EXPIRED, text))
    }

    fn consumers(&self) -> Option<Finding> {
        let levels = self.target.settings.thresholds.consumer_idle_seconds;
        let idlest = self
            .queue
            .consumers
            .iter()
            .max_by(|left, right| left.1.total_cmp(&right.1))?;
        Finding::of(Some(idlest.1), levels, &CONSUMER_IDLE, |idle, level| {
            format!(
                "consumer {} holds entries and has been idle for {}, longer than {}",
                idlest.0,
                duration(idle),
                duration(level)
            )
        })
    }
}
