//! The trait a plugin implements, and the way from the contract's exports to it.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::{
    Description, Failure, Report,
    bindings::{bellwether::plugin::report, identity},
    log,
    report::{fit, fits},
    settings,
};

/// A plugin that looks at something.
///
/// A run starts from nothing: what must last is in [`crate::state`], or in metrics that the host keeps.
pub trait Check {
    /// kebab-case; what `plugin = "…"` names in the configuration.
    const NAME: &'static str;

    /// One line for a person.
    const SUMMARY: &'static str;

    /// The table `settings` of a check; [`crate::NoSettings`] when there are none.
    type Settings: DeserializeOwned + JsonSchema;

    /// Adds the metrics, codes and connections that runs may use. Nothing of the host but [`crate::log`] can be called.
    fn describe(about: &mut Description) {
        let _ = about;
    }

    /// Looks once. Called anew for every run.
    fn run(settings: Self::Settings) -> Result<Report, Failure>;
}

/// What Cargo knows about the plugin's crate; [`crate::export_check`] fills it in.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Package {
    pub version: &'static str,
    pub homepage: &'static str,
    pub licence: &'static str,
}

/// The description of a plugin, as the host gets it.
pub(crate) fn description<C: Check>(package: Package) -> Description {
    let schema = settings::schema::<C::Settings>().as_value().to_string();
    let mut description = Description::new(C::NAME, C::SUMMARY, schema, package);
    C::describe(&mut description);
    description
}

/// The export `identity.describe`.
#[doc(hidden)]
pub fn describe_export<C: Check>(package: Package) -> identity::Description {
    description::<C>(package).0
}

/// The export `check.run`.
#[doc(hidden)]
pub fn run_export<C: Check>(settings: &str) -> Result<report::Report, report::Failure> {
    let settings = settings::parse(settings).map_err(|failure| failure.0)?;
    let report = C::run(settings).map_err(|failure| failure.0)?;
    Ok(fitting::<C>(report.0))
}

/// The report as the host takes it; a line in the log says what it is without.
fn fitting<C: Check>(mut report: report::Report) -> report::Report {
    if fits(&report) {
        return report;
    }
    let description = description::<C>(Package::default());
    let described: Vec<&str> = description
        .0
        .metrics
        .iter()
        .map(|metric| metric.name.as_str())
        .collect();
    let left_out = fit(&mut report, &described);
    if !left_out.is_nothing() {
        log::warn(
            "the report is larger than what the host takes of one, so metrics are left out: report fewer series, or shorter names",
            &[
                ("metrics", &left_out.named()),
                ("series", &left_out.series),
                ("verdicts_without_details", &left_out.details),
                ("verdicts_with_shorter_summaries", &left_out.summaries),
            ],
        );
    }
    report
}
