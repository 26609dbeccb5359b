//! Verdicts on the check as a whole, on what it could not learn, and on workers that fell silent.

use bellwether_sdk::{Code, Description};

use super::{Book, Finding, Severity, duration, plural};
use crate::{
    picture::{Heard, Picture, State},
    target::Target,
    workers::Workers,
};

/// Silent workers that a summary names; the metric counts all.
const NAMED_MAX: usize = 5;

const NO_QUEUES: Code = Code::new(
    "no_queues",
    "No queue fits the patterns in `queues`: nothing was ever put in, or the prefix or the database is another one.",
);
const COMMAND_REFUSED: Code = Code::new(
    "command_refused",
    "Redis refused a command, so that some metrics are missing: give the ACL user the command, or see whether the key belongs to another library.",
);
const INCOMPLETE: Code = Code::new(
    "incomplete",
    "The run ended before everything was asked, so that some metrics are missing: the summary says why.",
);
const WORKERS_SILENT: Code = Code::new(
    "workers_silent",
    "Workers are registered and send no heartbeat any more: they died without saying so, or hang.",
);

pub(super) fn describe(about: &mut Description) {
    for code in [&NO_QUEUES, &COMMAND_REFUSED, &INCOMPLETE, &WORKERS_SILENT] {
        about.code(code);
    }
}

pub(super) fn report(target: &Target, picture: &Picture, book: &mut Book<'_>) {
    let nothing = picture.named().next().is_none() && picture.problems.is_empty();
    let none = nothing.then(|| {
        let text = format!(
            "no queue of {} fits {:?}",
            target.settings.backend.name(),
            target.settings.queues()
        );
        Finding::new(Severity::Unknown, &NO_QUEUES, text)
    });
    book.verdict("", none.into_iter().collect(), &summary(picture));
    commands(picture, book);
    workers(target, picture, book);
}

/// `3 queues, 120 waiting, 2 active`.
fn summary(picture: &Picture) -> String {
    let queues = picture.named().count();
    let sum = |state: State| {
        let known: Vec<u64> = picture.queues.values().filter_map(|queue| queue.depth(state)).collect();
        (!known.is_empty()).then(|| known.iter().sum::<u64>())
    };
    let mut parts = vec![plural(queues as f64, "queue", "queues")];
    for state in [State::Waiting, State::Active, State::Delayed] {
        if let Some(jobs) = sum(state) {
            parts.push(format!("{jobs} {}", state.name()));
        }
    }
    parts.join(", ")
}

fn commands(picture: &Picture, book: &mut Book<'_>) {
    let refused = picture.problems.iter().map(|problem| {
        let times = if problem.times > 1 {
            format!(" ({} times)", problem.times)
        } else {
            String::new()
        };
        let text = format!("{}: {}{times}", problem.command, problem.message);
        Finding::new(Severity::Warning, &COMMAND_REFUSED, text)
    });
    let cut = picture.incomplete.as_ref();
    let cut = cut.map(|why| Finding::new(Severity::Warning, &INCOMPLETE, why.clone()));
    let findings: Vec<Finding> = cut.into_iter().chain(refused).collect();
    book.unwell("commands", findings);
}

fn workers(target: &Target, picture: &Picture, book: &mut Book<'_>) {
    let Some(workers) = Workers::of(target, picture) else {
        return;
    };
    let silent = workers.silent();
    let levels = target.settings.thresholds.silent_workers;
    let finding = Finding::of(Some(silent.len() as f64), levels, &WORKERS_SILENT, |number, _| {
        let named = silent.iter().take(NAMED_MAX).map(|worker| match worker.heard {
            Heard::At(at) => format!("{} for {}", worker.name, duration(target.now - at)),
            Heard::Expired | Heard::There => format!("{}, forgotten by Redis", worker.name),
        });
        let named: Vec<String> = named.collect();
        format!(
            "{} silent: {}",
            plural(number, "worker is", "workers are"),
            named.join("; ")
        )
    });
    book.unwell("workers", finding.into_iter().collect());
}
