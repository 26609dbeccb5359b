//! Supabase, as somebody who runs on it would watch it: functions, what stands beside them, the platform's own view, and whole
//! ways through.
//!
//! Flows in: answers over HTTP, by the slots `default` (the project) and `management` (the Management API). Flows out: a verdict
//! for each target, with a code that says whose matter it is, and metrics named `edge_*`. Keys are the connections': the plugin
//! never sees one.

mod alias;
mod assertion;
mod budget;
mod certificate;
mod classes;
mod expectation;
mod finding;
mod flow;
mod function;
mod ledger;
mod management;
mod memory;
mod network;
mod pattern;
mod platform;
mod request;
mod settings;
mod surface;

use std::collections::BTreeSet;

use bellwether_sdk::{prelude::*, streak};

pub use self::settings::Settings;
use self::{
    finding::{Finding, verdict},
    function::{Calls, Probe},
    ledger::{DEFAULT, Ledger, MANAGEMENT},
    management::Overview,
    settings::Severity,
};

/// For rules about what nobody can tell, whichever part of the project it is.
const NOT_OK_RUNS: Gauge<2> = Gauge::new(
    "edge_not_ok_runs",
    "Runs in a row in which the target was not ok (severity warning), or critical.",
    streak::LABELS,
);

/// What the functions of a large project take when all fail, in several regions: some 330 bytes each.
const STATE_KIB: u32 = 1_024;

/// The plugin.
#[derive(Debug)]
pub struct SupabaseEdge;

impl Check for SupabaseEdge {
    const NAME: &'static str = "supabase-edge";
    const SUMMARY: &'static str =
        "Supabase: edge functions, the services beside them, the project's state, end-to-end checks";
    type Settings = Settings;

    fn describe(about: &mut Description) {
        about.state_kib(STATE_KIB);
        about
            .connection(
                DEFAULT,
                &["https", "http"],
                "The project, such as https://REFERENCE.supabase.co/.",
            )
            .optional_connection(
                MANAGEMENT,
                &["https", "http"],
                "The Management API, https://api.supabase.com/, for `management` and `discover`.",
            )
            // With `duration_ms_aliases` a family is named by the settings.
            .dynamic_metrics();
        // What alerts hang on comes first, and functions, of which there may be many, after what there is one of: the host leaves out
        // what comes last.
        about.metric(&NOT_OK_RUNS);
        surface::describe(about);
        flow::describe(about);
        certificate::describe(about);
        management::describe(about);
        function::describe(about);
        classes::describe(about);
    }

    fn run(settings: Settings) -> Result<Report, Failure> {
        settings.check()?;
        budget::begin();
        let now = context::scheduled_at_unix();
        let (mut ledger, mut report) = (Ledger::default(), Report::new());
        let overview = Overview::take(&settings, now, &mut ledger, &mut report)?;
        let probes = probes(&settings, overview.as_ref(), &mut report);
        if let Some(overview) = &overview {
            let wanted = probes.iter().map(|probe| probe.slug).collect();
            overview.report(&wanted, &mut report);
        }
        call(&settings, probes, now, &mut ledger, &mut report)?;
        flow::run(&settings.flows, now, &mut ledger, &mut report);
        certificate::report(&ledger, settings.certificate_days, now, &mut report);
        ledger.check()?;
        streak::report(&NOT_OK_RUNS, &mut report);
        Ok(report)
    }
}

export_check!(SupabaseEdge);

/// Functions that the settings name, and those that discovery finds.
fn probes<'s>(settings: &'s Settings, overview: Option<&'s Overview<'s>>, report: &mut Report) -> Vec<Probe<'s>> {
    let regions = &settings.regions;
    let named = settings.functions.iter();
    let mut probes: Vec<_> = named
        .flat_map(|(name, function)| Probe::of(name, function, regions))
        .collect();
    let (Some(overview), Some(discover)) = (overview, &settings.discover) else {
        return probes;
    };
    let slugs: BTreeSet<&str> = probes.iter().map(|probe| probe.slug).collect();
    let taken = |slug: &&str| !settings.functions.contains_key(*slug);
    let (found, more) = overview.discovered(discover, &slugs);
    let found = found.into_iter().filter(taken);
    probes.extend(found.flat_map(|slug| Probe::of(slug, &discover.call, regions)));
    if more > 0 {
        let summary = format!(
            "{more} functions are not called: `discover.limit` is {}",
            discover.limit()
        );
        let finding = Finding::new(&classes::DISCOVERY_LIMITED, summary);
        verdict(report, "discovery", Severity::Warning, &Err(finding), None);
    }
    probes
}

/// Functions and surfaces, all at once.
fn call(
    settings: &Settings,
    probes: Vec<Probe<'_>>,
    now: i64,
    ledger: &mut Ledger,
    report: &mut Report,
) -> Result<(), Failure> {
    let mut calls = Calls::plan(probes, now);
    let surfaces = surface::asked(&settings.surfaces);
    let mut requests = calls.requests();
    let of_functions = requests.len();
    requests.extend(surfaces.iter().map(surface::Asked::request));
    let mut answers = ledger.send(&requests);
    let of_surfaces = answers.split_off(of_functions.min(answers.len()));
    calls.take_in(&answers, report);
    surface::report(&surfaces, &of_surfaces, report);
    calls.measure_cold_starts(ledger, report);
    calls.report(report);
    if settings.duration_ms_aliases {
        calls.report_aliases(report)?;
    }
    calls.keep();
    Ok(())
}

#[cfg(test)]
mod tests;
