//! A host with everything to report that there is: the machine under all three sets of names, a check with every kind of
//! family, and checks that fail.

use std::path::Path;

use super::{
    guests,
    host::{Place, Running},
};

/// Families that the guest `every_kind` reports.
pub(crate) const FAMILIES_OF_EVERY_KIND: usize = 14;

/// The host, and the directory it lives in.
pub(crate) struct Shop {
    pub(crate) running: Running,
    /// Gone when dropped, so it is kept.
    _place: Place,
}

/// Starts it and waits until every check has run `runs` times.
pub(crate) async fn open(runs: u32) -> Shop {
    let every_kind = guests::rust("every_kind").await;
    let panics = guests::rust("panic_with_message").await;
    let place = Place::new(&configuration(&every_kind, &panics));
    let mut running = place.run();
    running.line("All checks are loaded");
    for (check, outcome) in [
        ("machine", "ok"),
        ("shop", "warning"),
        ("broken", "trap"),
        ("curious", "denied"),
    ] {
        let team = if check == "shop" {
            r#"team="the \"A\" team\\","#
        } else {
            ""
        };
        let series = format!("bellwether_check_runs_total{{check=\"{check}\",{team}outcome=\"{outcome}\"}}");
        running.eventually("/metrics", |body| {
            super::host::sample(body, &series).is_some_and(|count| count >= f64::from(runs))
        });
    }
    if runs > 1 {
        // Told about once a second, and so sometimes after the second run that it is about.
        running.eventually("/metrics", |body| {
            super::host::sample(body, "bellwether_schedule_lateness_seconds_count").is_some()
        });
    }
    Shop { running, _place: place }
}

/// Under the names that other monitoring has for the machine.
fn configuration(every_kind: &Path, panics: &Path) -> String {
    format!(
        r#"
[defaults]
interval = "2s"
timeout = "2s"
stale_after = "10m"

[check.machine]
plugin = "system"
allow = ["system"]
settings.name_sets = ["canonical", "node_exporter", "percent"]
settings.processes = {{ "host \"itself\"" = "^bellwether$" }}

[check.shop]
plugin = "{every_kind}"
labels = {{ team = "the \"A\" team\\" }}

[check.broken]
plugin = "{panics}"
required = false

[check.curious]
plugin = "system"
required = false
"#,
        every_kind = every_kind.display(),
        panics = panics.display(),
    )
}
