//! Machine learning as an operator sees it: models loaded, answers sane, training runs on time, accuracy kept, data flowing.
//!
//! Flows in: six tables of targets and the answers to their requests, all sent at once. Flows out: one verdict per target,
//! which carries the server's own reason, and metrics. What a system calls things stands in `preset` as data; what a kind of
//! target makes of an answer stands in `target`. Between runs it keeps little (`memory`): last values of reports and counters.

#![cfg_attr(
    test,
    expect(clippy::needless_pass_by_value, reason = "tests write answers and settings in place")
)]

mod answer;
mod assertion;
mod budget;
mod code;
mod exposition;
mod fill;
mod finding;
mod json;
mod memory;
mod metrics;
mod plan;
mod pointer;
mod preset;
mod settings;
mod target;
mod time;

use bellwether_sdk::{http, prelude::*};

use memory::Memory;
use plan::Plan;
pub use settings::Settings;
use target::Seen;

/// Answers whose lengths differ by less are judged in the order of the settings.
const ALIKE_BYTES: usize = 64 * 1024;

/// What all targets take when they fail, and their figures: runs in a row are what alerts count.
const STATE_KIB: u32 = 1_024;

/// The plugin.
#[derive(Debug)]
pub struct MlPipeline;

impl Check for MlPipeline {
    const NAME: &'static str = "ml-pipeline";
    const SUMMARY: &'static str = "Model servers, inference answers, training runs, accuracy, drift and data freshness";
    type Settings = Settings;

    fn describe(about: &mut Description) {
        about.state_kib(STATE_KIB);
        metrics::describe(about);
        code::describe(about);
        settings::describe(about);
        preset::describe(about);
    }

    fn run(settings: Settings) -> Result<Report, Failure> {
        settings.check()?;
        let plan = Plan::new(&settings, &context::connections())?;
        let mut answers = http::send_all(&plan.requests);
        if let Some(reason) = answer::all_denied(&answers) {
            return Err(Failure::denied(reason));
        }
        budget::begin(bytes_of(&answers));
        let mut memory = Memory::recall();
        let mut report = Report::new();
        let mut targets: Vec<_> = plan.targets.iter().collect();
        // The longest last, so that it takes nothing from the others.
        targets.sort_by_key(|(_, range)| answers.get(range.clone()).map_or(0, bytes_of) / ALIKE_BYTES);
        for (target, range) in targets {
            let own = answers.get_mut(range.clone()).unwrap_or_default();
            let seen = Seen {
                name: target.name,
                answers: own,
                now: context::scheduled_at_unix() as f64,
            };
            let judgement = target.judge(&seen, &mut memory, &mut report);
            judgement.report(target.kind, target.name, &mut memory, &mut report);
            budget::release(bytes_of(own));
            own.iter_mut().flatten().for_each(|response| response.body = Vec::new());
        }
        memory.keep(&settings);
        Ok(report)
    }
}

/// How long the bodies of all are together.
fn bytes_of(answers: &[answer::Answer]) -> usize {
    answers.iter().map(answer::body_bytes).sum()
}

export_check!(MlPipeline);

#[cfg(test)]
mod tests;
