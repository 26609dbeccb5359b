//! From the start of the process to the first scrape that shows every check: cold, with an empty cache of compiled
//! plugins, and warm.

use std::{path::Path, time::Duration};

use anyhow::Result;

use super::{
    Ground,
    finding::{Budget, Finding},
    statistics::median,
    workload::Workload,
};
use crate::host_process::{scratch, sum_of};

/// Checks, of all bundled plugins in turn.
const CHECKS: usize = 5;
const WARM_STARTS: usize = 5;
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn measure(ground: &Ground<'_>) -> Result<Vec<Finding>> {
    let cache = scratch(ground.workspace.target(), "bench-start-cache")?;
    let cold = start(ground, &cache)?;
    let warm: Vec<f64> = (0..WARM_STARTS).map(|_| start(ground, &cache)).collect::<Result<_>>()?;
    Ok(vec![
        Finding::new(
            "start to first complete scrape, cold",
            cold,
            "ms",
            Budget::AtMost(5_000.0),
        ),
        Finding::new(
            "start to first complete scrape, warm",
            median(&warm),
            "ms",
            Budget::AtMost(300.0),
        ),
    ])
}

fn start(ground: &Ground<'_>, cache: &Path) -> Result<f64> {
    let host = ground.host("start", bundled(cache).text())?;
    // Exactly as many as there are checks: each has run once and was well.
    host.scrape_until(PATIENCE, |text| sum_of(text, "bellwether_check_up") >= CHECKS as f64)?;
    Ok(host.started().elapsed().as_secs_f64() * 1e3)
}

/// Checks of what is bundled. So far that is one plugin; the row grows with them.
pub(super) fn bundled(cache: &Path) -> Workload {
    Workload::new(cache).checks("machine", CHECKS, "system", "allow = [\"system\"]")
}
