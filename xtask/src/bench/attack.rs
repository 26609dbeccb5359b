//! `/metrics` while one check burns a core without end and another takes all the memory it may: the promise is that a
//! scrape does not notice. Quiet and attacked hosts have the same series.

use anyhow::Result;

use super::{
    Ground,
    finding::{Budget, Finding},
    scrape::{SCRAPES, await_series, scrape, workload},
    statistics::percentile,
};
use crate::guests;

const SERIES: usize = 10_000;
const CHECKS: usize = 2;
/// What the attackers do, as the bench guest's settings name it.
const ATTACKS: [&str; 2] = ["spin", "hoard"];

pub(super) fn measure(ground: &Ground<'_>) -> Result<Vec<Finding>> {
    let quiet = p99(ground, "quiet", &[])?;
    let attacked = p99(ground, "attacked", &ATTACKS)?;
    Ok(vec![
        Finding::new(
            format!("/metrics, {SERIES} series, quiet: p99"),
            quiet,
            "ms",
            Budget::None,
        ),
        Finding::new(
            format!("/metrics, {SERIES} series, under attack: p99"),
            attacked,
            "ms",
            Budget::None,
        ),
        Finding::new(
            "under attack, times the quiet figure",
            attacked / quiet,
            "×",
            Budget::AtMost(2.0),
        ),
    ])
}

fn p99(ground: &Ground<'_>, name: &str, attacks: &[&str]) -> Result<f64> {
    let component = guests::bench_component(ground.workspace);
    let mut workload = workload(ground, SERIES, CHECKS);
    for attack in attacks {
        let rest = format!("interval = \"1s\"\ntimeout = \"1s\"\nsettings.attack = {attack:?}");
        workload = workload.checks(attack, 1, &component.to_string_lossy(), &rest);
    }
    let host = ground.host(&format!("attack-{name}"), workload.text())?;
    await_series(&host, SERIES)?;
    Ok(percentile(&scrape(&host, SCRAPES)?.took, 0.99))
}
