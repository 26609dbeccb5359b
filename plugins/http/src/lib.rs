//! Asks URLs, all at once, and judges what they answer.
//!
//! Flows in: one answer, or what was learnt until it failed, for each target. Flows out: a verdict for each target, and
//! samples in up to two name sets. It keeps nothing between runs. Dialling, TLS, credentials and measuring are the host's.

mod blackbox;
mod canonical;
mod certificate;
mod failed;
mod judge;
mod observation;
mod request;
mod settings;
mod status;
mod target;
mod verdict;

use bellwether_sdk::{http, prelude::*, streak};
use judge::Judgement;
use observation::Observation;
use settings::NameSet;
pub use settings::Settings;
use target::Target;

/// The plugin.
#[derive(Debug)]
pub struct Http;

/// The slot of targets that are given as paths.
const SLOT: &str = "default";

impl Check for Http {
    const NAME: &'static str = "http";
    const SUMMARY: &'static str = "Asks URLs: status, time by phase, body, headers, certificate";
    type Settings = Settings;

    fn describe(about: &mut Description) {
        about.optional_connection(
            SLOT,
            &["http", "https"],
            "The place that targets with a `path` lie under, with its credentials.",
        );
        // What alerts hang on, in either set of names, before what explains it: the host leaves out what comes last.
        canonical::describe_outcome(about);
        blackbox::describe_outcome(about);
        verdict::describe(about);
        canonical::describe(about);
        blackbox::describe(about);
    }

    fn run(settings: Settings) -> Result<Report, Failure> {
        let targets = settings.targets()?;
        let requests = request::all(&targets);
        let answers = http::send_all(&requests);
        let now = context::scheduled_at_unix();
        let probes: Vec<Probe<'_>> = targets
            .iter()
            .zip(answers)
            .map(|(target, answer)| Probe::new(target, Observation::new(answer), now))
            .collect();
        refused_outright(&probes)?;
        let mut report = Report::new();
        // Numbers about somebody who was not asked would be invented: 0 would say that it failed.
        let asked: Vec<&Probe<'_>> = probes.iter().filter(|probe| probe.was_asked()).collect();
        for name_set in settings.name_sets() {
            match name_set {
                NameSet::Canonical => canonical::report(&asked, &mut report),
                NameSet::Blackbox => blackbox::report(&asked, &mut report),
            }
        }
        for probe in &probes {
            verdict::report(probe, &mut report);
        }
        streak::report(&verdict::RUNS, &mut report);
        Ok(report)
    }
}

export_check!(Http);

/// One target, what was seen of it and what that amounts to.
#[derive(Debug)]
pub(crate) struct Probe<'t> {
    pub(crate) target: &'t Target,
    pub(crate) seen: Observation,
    pub(crate) judgement: Judgement,
}

impl<'t> Probe<'t> {
    fn new(target: &'t Target, seen: Observation, now: i64) -> Self {
        let judgement = judge::judge(target, &seen, now);
        Self {
            target,
            seen,
            judgement,
        }
    }

    /// False when the run or the host had no more of something before there was anybody to ask.
    fn was_asked(&self) -> bool {
        let worst = self.judgement.worst();
        worst.is_none_or(|finding| *finding.code != verdict::NOT_ASKED)
    }
}

/// When the host refuses every request, there is nothing to report: a person must edit the configuration.
fn refused_outright(probes: &[Probe<'_>]) -> Result<(), Failure> {
    let denied = |probe: &Probe<'_>| match &probe.seen.error {
        Some(http::Error::Denied(reason)) => Some(reason.clone()),
        _ => None,
    };
    match probes.iter().map(denied).collect::<Option<Vec<String>>>() {
        Some(reasons) => Err(Failure::denied(
            reasons.first().map_or("nothing may be asked", String::as_str),
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
