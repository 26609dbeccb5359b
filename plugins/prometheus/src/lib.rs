//! Scrapes other exporters and merges what they serve into ours.
//!
//! Flows in: one answer for each target. Flows out: their families, selected and renamed as the settings say, a verdict for each
//! target, and how the scrape went. The parser ([`exposition`]) is pure; so are selecting and merging. It keeps nothing between
//! runs but how often in a row a target failed. The label `check` is the host's.

mod answer;
mod exposition;
mod merge;
mod relabel;
mod settings;
mod verdict;

use std::time::Duration;

use bellwether_sdk::{
    http::{self, Request},
    prelude::*,
    streak,
    work::Work,
};
use merge::Merged;
pub use settings::Settings;
use settings::{Place, Target};

/// What all targets take that fail, by their addresses as names: runs in a row are what alerts count.
const STATE_KIB: u32 = 512;

/// The plugin.
#[derive(Debug)]
pub struct Prometheus;

/// The slot of targets that are given as paths.
const SLOT: &str = "default";

/// A text of several megabytes is held beside what is made of it.
const MEMORY_MIB: u32 = 160;

/// Which formats are understood, the best first. Prometheus asks the same way.
const ACCEPT: &str = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

/// For reading and merging, of the second of CPU time that a run has unless configured. Taking in the 32 MiB of texts that it may have
/// takes a sixth of that.
const WORK: Duration = Duration::from_millis(600);

/// Enough for `http` to `https` and a trailing slash.
const REDIRECTS: u8 = 2;

impl Check for Prometheus {
    const NAME: &'static str = "prometheus";
    const SUMMARY: &'static str = "Merges what other exporters serve, in Prometheus text or OpenMetrics";
    type Settings = Settings;

    fn describe(about: &mut Description) {
        about.state_kib(STATE_KIB);
        about.dynamic_metrics().memory_mib(MEMORY_MIB).optional_connection(
            SLOT,
            &["http", "https"],
            "The exporter, with its credentials; targets with a `path` lie under it.",
        );
        verdict::describe(about);
    }

    fn run(settings: Settings) -> Result<Report, Failure> {
        let targets = settings.targets()?;
        let rules = settings.rules(targets.len())?;
        let requests: Vec<Request> = targets.iter().map(|target| request(target, &settings)).collect();
        let mut merged = Merged::new(verdict::OWN_NAMES);
        let mut report = Report::new();
        let answers = http::send_all(&requests);
        let work = Work::new(WORK);
        for (target, answer) in targets.iter().zip(answers) {
            let scrape = answer::read(answer, &settings, &work);
            let outcome = scrape.and_then(|scrape| merged.add(target, scrape, &rules, &settings.require, &work));
            verdict::report(&target.name, &outcome, &mut report);
        }
        verdict::refused_outright(&report)?;
        streak::report(&verdict::RUNS, &mut report);
        for family in merged.into_families() {
            report.push_family(family).map_err(Failure::internal)?;
        }
        Ok(report)
    }
}

export_check!(Prometheus);

fn request(target: &Target, settings: &Settings) -> Request {
    let request = match &target.place {
        Place::Url(url) => Request::get_url(url),
        Place::Path(path) => Request::get(SLOT, path),
    };
    Request {
        timeout_ms: settings.timeout_ms(),
        max_redirects: REDIRECTS,
        max_body_bytes: Some(settings.maximum.body_bytes),
        ..request.header("accept", ACCEPT)
    }
}

#[cfg(test)]
mod tests;
