//! Every line of `/proc/meminfo`, by the kernel's own name. Which there are depends on the kernel, so that the families are made
//! during the run; those of every kernel are described.

use bellwether_sdk::{
    Description, Failure, Report,
    metric::Gauge,
    report::{MetricFamily, Points, Sample},
    system::Memory,
};

const ALWAYS: [Gauge<0>; 10] = [
    Gauge::new("node_memory_MemTotal_bytes", "MemTotal of the kernel.", []),
    Gauge::new("node_memory_MemFree_bytes", "MemFree of the kernel.", []),
    Gauge::new("node_memory_MemAvailable_bytes", "MemAvailable of the kernel.", []),
    Gauge::new("node_memory_Buffers_bytes", "Buffers of the kernel.", []),
    Gauge::new("node_memory_Cached_bytes", "Cached of the kernel.", []),
    Gauge::new("node_memory_Slab_bytes", "Slab of the kernel.", []),
    Gauge::new("node_memory_SReclaimable_bytes", "SReclaimable of the kernel.", []),
    Gauge::new("node_memory_SwapTotal_bytes", "SwapTotal of the kernel.", []),
    Gauge::new("node_memory_SwapFree_bytes", "SwapFree of the kernel.", []),
    Gauge::new("node_memory_SwapCached_bytes", "SwapCached of the kernel.", []),
];

/// Counted in pages; everything else is in bytes.
const PAGES: &str = "HugePages_";

pub(crate) fn describe(about: &mut Description) {
    about.dynamic_metrics_beginning(&["node_memory_"]);
    for gauge in &ALWAYS {
        about.metric(gauge);
    }
}

pub(crate) fn report(memory: &Memory, report: &mut Report) -> Result<(), Failure> {
    for (field, value) in &memory.details {
        report.push_family(family(field, *value)).map_err(Failure::internal)?;
    }
    Ok(())
}

fn family(field: &str, value: u64) -> MetricFamily {
    let (suffix, unit) = if field.starts_with(PAGES) {
        ("", "")
    } else {
        ("_bytes", "bytes")
    };
    MetricFamily {
        name: format!("node_memory_{}{suffix}", plain(field)),
        help: format!("{field} of the kernel."),
        unit: unit.to_owned(),
        label_names: Vec::new(),
        points: Points::Gauge(vec![Sample {
            label_values: Vec::new(),
            value: value as f64,
        }]),
    }
}

/// `Active(anon)` becomes `Active_anon`.
fn plain(field: &str) -> String {
    field.replace('(', "_").replace(')', "")
}
