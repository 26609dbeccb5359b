//! Memory, swap, and the limit of the host's own control group.

use bellwether_sdk::{Description, Report, metric::Gauge, system::Memory};

use crate::{selection::memory_usage, table::Table};

const MEMORY: Table<Memory, 0> = Table {
    labels: |_| [],
    gauges: &[
        (
            Gauge::new("system_memory_total_bytes", "Memory of the machine.", []),
            |memory| bytes(memory.total_bytes),
        ),
        (
            Gauge::new(
                "system_memory_available_bytes",
                "Memory that could be had without swapping.",
                [],
            ),
            |memory| bytes(memory.available_bytes),
        ),
        (
            Gauge::new(
                "system_memory_usage_ratio",
                "Part of the memory that is not available.",
                [],
            ),
            memory_usage,
        ),
        (
            Gauge::new(
                "system_memory_free_bytes",
                "Memory used for nothing at all; low on a healthy machine.",
                [],
            ),
            |memory| bytes(memory.free_bytes),
        ),
        (
            Gauge::new("system_memory_buffers_bytes", "Memory that caches block devices.", []),
            |memory| bytes(memory.buffers_bytes),
        ),
        (
            Gauge::new("system_memory_cached_bytes", "Memory that caches files.", []),
            |memory| bytes(memory.cached_bytes),
        ),
        (Gauge::new("system_swap_total_bytes", "Swap space.", []), |memory| {
            bytes(memory.swap_total_bytes)
        }),
        (
            Gauge::new("system_swap_free_bytes", "Swap space that is not used.", []),
            |memory| bytes(memory.swap_free_bytes),
        ),
        (
            Gauge::new(
                "system_cgroup_memory_limit_bytes",
                "Limit of the control group the host itself runs in; absent without one.",
                [],
            ),
            |memory| memory.cgroup_limit_bytes.and_then(bytes),
        ),
        (
            Gauge::new(
                "system_cgroup_memory_used_bytes",
                "Used of that limit, without what the kernel can drop at once.",
                [],
            ),
            |memory| memory.cgroup_used_bytes.and_then(bytes),
        ),
    ],
    counters: &[],
};

fn bytes(number: u64) -> Option<f64> {
    Some(number as f64)
}

pub(crate) fn describe(about: &mut Description) {
    MEMORY.describe(about);
}

pub(crate) fn report(memory: &Memory, report: &mut Report) {
    MEMORY.report([memory], report);
}
