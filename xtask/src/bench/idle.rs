//! Resident memory of a host that has started, compiled nothing and only runs its few checks.

use std::{thread, time::Duration};

use anyhow::Result;

use super::{
    Ground,
    finding::{Budget, Finding},
    process,
    start::bundled,
};

/// After the start's own memory was given back.
const SETTLE: Duration = Duration::from_secs(30);

pub(super) fn measure(ground: &Ground<'_>) -> Result<Vec<Finding>> {
    // Once to fill the cache: the host that is measured compiles nothing.
    ground.host("idle-warm-up", bundled(&ground.cache()).text())?.stop()?;
    let host = ground.host("idle", bundled(&ground.cache()).text())?;
    thread::sleep(SETTLE);
    let memory = process::resident(host.pid())? as f64 / f64::from(1 << 20);
    Ok(vec![Finding::new(
        "resident memory, idle, five checks",
        memory,
        "MiB",
        Budget::AtMost(45.0),
    )])
}
