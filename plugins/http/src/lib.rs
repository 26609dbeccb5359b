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
mod work;

use bellwether_sdk::{http, prelude::*, streak};
use judge::Judgement;
use observation::Observation;
use settings::NameSet;
pub use settings::Settings;
use target::Target;

/// What a thousand targets take that all fail, by their addresses as names: runs in a row are what alerts count.
const STATE_KIB: u32 = 512;

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
        about.state_kib(STATE_KIB);
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
        let probes = probes(&targets, answers.into_iter().map(Observation::new), now);
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

/// One for each target, in their order. Those whose answers take least to judge are judged first, see [`work`].
fn probes<'t>(targets: &'t [Target], seen: impl Iterator<Item = Observation>, now: i64) -> Vec<Probe<'t>> {
    let mut pairs: Vec<_> = targets.iter().zip(seen).enumerate().collect();
    pairs.sort_by_key(|(_, (target, seen))| work::wanted(target, seen.body().len()));
    let work = work::of_a_run();
    let judged = pairs.into_iter().map(|(place, (target, seen))| {
        let judgement = judge::judge(target, &seen, now, &work);
        let probe = Probe {
            target,
            seen,
            judgement,
        };
        (place, probe)
    });
    let mut judged: Vec<(usize, Probe<'_>)> = judged.collect();
    judged.sort_by_key(|(place, _)| *place);
    judged.into_iter().map(|(_, probe)| probe).collect()
}

impl Probe<'_> {
    /// False when there was nobody to ask yet and the host would not, or had no more of something.
    fn was_asked(&self) -> bool {
        let unasked = [verdict::NOT_ASKED, verdict::DENIED, verdict::INVALID];
        let worst = self.judgement.worst();
        worst.is_none_or(|finding| !unasked.contains(finding.code)) || failed::was_asked(&self.seen)
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
mod outage_tests;
#[cfg(test)]
mod tests;
