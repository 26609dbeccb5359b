//! `/metrics` at three sizes: how long a scrape takes on loopback, as Prometheus makes them, uncompressed, on one
//! connection that stays open.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::{
    Ground,
    finding::{Budget, Finding},
    statistics::{median, percentile},
    workload::Workload,
};
use crate::{guests, host_process::HostProcess, http::Body};

/// Series in the exposition, and the checks that carry them: none exceeds the default budget of 5,000.
const SIZES: [(usize, usize); 3] = [(1_000, 1), (10_000, 2), (100_000, 20)];
/// A p99 needs a thousand samples.
pub(super) const SCRAPES: usize = 1_000;
/// All checks have reported by then.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a number of scrapes took, in milliseconds, and how large the last was.
pub(super) struct Scrapes {
    pub(super) took: Vec<f64>,
    pub(super) bytes: usize,
}

pub(super) fn measure(ground: &Ground<'_>) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for (series, checks) in SIZES {
        let workload = workload(ground, series, checks);
        let host = ground.host(&format!("scrape-{series}"), workload.text())?;
        await_series(&host, series)?;
        let scrapes = scrape(&host, SCRAPES)?;
        let budget = if series == 100_000 {
            Budget::AtMost(20.0)
        } else {
            Budget::None
        };
        let megabytes = scrapes.bytes as f64 / 1e6;
        findings.push(Finding::new(
            format!("/metrics, {series} series: size"),
            megabytes,
            "MB",
            Budget::None,
        ));
        findings.push(Finding::new(
            format!("/metrics, {series} series: p50"),
            median(&scrapes.took),
            "ms",
            Budget::None,
        ));
        let p99 = percentile(&scrapes.took, 0.99);
        findings.push(Finding::new(
            format!("/metrics, {series} series: p99"),
            p99,
            "ms",
            budget,
        ));
    }
    Ok(findings)
}

/// `checks` checks that report `series` series together.
pub(super) fn workload(ground: &Ground<'_>, series: usize, checks: usize) -> Workload {
    let component = guests::bench_component(ground.workspace);
    let rest = format!("interval = \"10s\"\nsettings.series = {}", series / checks);
    Workload::new(&ground.cache()).checks("series", checks, &component.to_string_lossy(), &rest)
}

/// Waits until every series is there.
pub(super) fn await_series(host: &HostProcess, series: usize) -> Result<()> {
    let complete = |text: &str| text.lines().filter(|line| line.starts_with("bench_value{")).count() >= series;
    host.scrape_until(PATIENCE, complete).map(drop)
}

/// Scrapes `times` times, one after the other.
pub(super) fn scrape(host: &HostProcess, times: usize) -> Result<Scrapes> {
    let mut client = host.client()?;
    let mut body = Body::default();
    let mut scrapes = Scrapes {
        took: Vec::with_capacity(times),
        bytes: 0,
    };
    for _ in 0..times {
        let started = Instant::now();
        let status = client.get_into(&mut body, "/metrics", &["Accept: text/plain;version=0.0.4"])?;
        scrapes.took.push(started.elapsed().as_secs_f64() * 1e3);
        ensure!(status == 200, "a scrape was answered with status {status}");
        scrapes.bytes = body.as_bytes().len();
    }
    Ok(scrapes)
}
