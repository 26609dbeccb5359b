//! The host's own counters and gauges, kept by the `prometheus` crate and handed to the board as families.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use prometheus::{
    CounterVec, GaugeVec, IntCounterVec, Opts, Registry,
    core::Collector,
    proto::{LabelPair, Metric, MetricType},
};

use super::Count;
use crate::{
    metric::{FamilyHead, LabelName, MetricKind, MetricName, Sample},
    outcome::{ReportedFamily, ReportedPoints},
};

/// Counters and gauges by name, made on first use. Cheap to clone.
#[derive(Clone)]
pub struct Instruments {
    shared: Arc<Mutex<Shared>>,
}

struct Shared {
    registry: Registry,
    counters: HashMap<&'static str, IntCounterVec>,
    totals: HashMap<&'static str, CounterVec>,
    gauges: HashMap<&'static str, GaugeVec>,
}

impl fmt::Debug for Instruments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instruments").finish_non_exhaustive()
    }
}

impl Instruments {
    pub(super) fn new() -> Self {
        let shared = Shared {
            registry: Registry::new(),
            counters: HashMap::new(),
            totals: HashMap::new(),
            gauges: HashMap::new(),
        };
        Self {
            shared: Arc::new(Mutex::new(shared)),
        }
    }

    /// Adds to a counter. A contradiction in label names is a bug of ours; it is dropped rather than allowed to panic.
    pub fn count(&self, count: &Count) {
        let values: Vec<&str> = count.labels.iter().map(|(_, value)| value.as_str()).collect();
        let counter = self.counter(count);
        if let Ok(counter) = counter.get_metric_with_label_values(&values) {
            counter.inc_by(count.by);
        }
    }

    fn counter(&self, count: &Count) -> IntCounterVec {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let Shared { registry, counters, .. } = &mut *shared;
        counters
            .entry(count.name)
            .or_insert_with(|| registered(registry, new_counter(count)))
            .clone()
    }

    /// Adds to a total that is no whole number, such as one of seconds. Less than nothing is not added.
    pub fn add(&self, name: &'static str, help: &'static str, labels: &[(&'static str, &str)], by: f64) {
        let names: Vec<&str> = labels.iter().map(|(name, _)| *name).collect();
        let values: Vec<&str> = labels.iter().map(|(_, value)| *value).collect();
        let total = {
            let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
            let Shared { registry, totals, .. } = &mut *shared;
            totals
                .entry(name)
                .or_insert_with(|| registered(registry, new_total(name, help, &names)))
                .clone()
        };
        if let Ok(total) = total.get_metric_with_label_values(&values) {
            total.inc_by(by.max(0.0));
        }
    }

    /// Sets a gauge.
    pub fn set(&self, name: &'static str, help: &'static str, labels: &[(&'static str, &str)], value: f64) {
        let names: Vec<&str> = labels.iter().map(|(name, _)| *name).collect();
        let values: Vec<&str> = labels.iter().map(|(_, value)| *value).collect();
        let gauge = {
            let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
            let Shared { registry, gauges, .. } = &mut *shared;
            gauges
                .entry(name)
                .or_insert_with(|| registered(registry, new_gauge(name, help, &names)))
                .clone()
        };
        if let Ok(gauge) = gauge.get_metric_with_label_values(&values) {
            gauge.set(value);
        }
    }

    /// Forgets what carries this value of this label and no other label: what it was about is gone.
    pub fn forget(&self, label: &str, value: &str) {
        let shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let labels = HashMap::from([(label, value)]);
        // A family without this label refuses, and has nothing to forget.
        for counter in shared.counters.values() {
            let _ = counter.remove(&labels);
        }
        for total in shared.totals.values() {
            let _ = total.remove(&labels);
        }
        for gauge in shared.gauges.values() {
            let _ = gauge.remove(&labels);
        }
    }

    /// Everything, as the board takes it.
    pub fn families(&self) -> Vec<ReportedFamily> {
        let registry = self
            .shared
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .registry
            .clone();
        registry.gather().iter().filter_map(family).collect()
    }
}

#[expect(
    clippy::expect_used,
    reason = "names are constants of ours; a bad one is a bug that any test of the event shows"
)]
fn new_counter(count: &Count) -> IntCounterVec {
    let names: Vec<&str> = count.labels.iter().map(|(name, _)| *name).collect();
    IntCounterVec::new(Opts::new(count.name, count.help), &names).expect("counter name")
}

#[expect(
    clippy::expect_used,
    reason = "names are constants of ours; a bad one is a bug that any test of the event shows"
)]
fn new_gauge(name: &str, help: &str, names: &[&str]) -> GaugeVec {
    GaugeVec::new(Opts::new(name, help), names).expect("gauge name")
}

#[expect(
    clippy::expect_used,
    reason = "names are constants of ours; a bad one is a bug that any test of the event shows"
)]
fn new_total(name: &str, help: &str, names: &[&str]) -> CounterVec {
    CounterVec::new(Opts::new(name, help), names).expect("total name")
}

fn registered<C: Collector + Clone + 'static>(registry: &Registry, collector: C) -> C {
    // A second registration under one name can only be a counter and a gauge that share it; the first stays visible.
    let _ = registry.register(Box::new(collector.clone()));
    collector
}

fn family(family: &prometheus::proto::MetricFamily) -> Option<ReportedFamily> {
    let metrics = family.get_metric();
    let label_names = metrics
        .first()?
        .get_label()
        .iter()
        .map(|label| LabelName::new(label.name()).ok())
        .collect::<Option<_>>()?;
    let kind = match family.get_field_type() {
        MetricType::COUNTER => MetricKind::Counter,
        MetricType::GAUGE => MetricKind::Gauge,
        MetricType::HISTOGRAM | MetricType::SUMMARY | MetricType::UNTYPED => return None,
    };
    let head = FamilyHead {
        name: MetricName::new(family.name()).ok()?,
        help: family.help().into(),
        unit: "".into(),
        kind,
        label_names,
    };
    let samples = metrics.iter().map(|metric| sample(metric, kind)).collect();
    Some(ReportedFamily {
        head,
        points: ReportedPoints::Values(samples),
    })
}

fn sample(metric: &Metric, kind: MetricKind) -> Sample {
    let value = match kind {
        MetricKind::Counter => metric.get_counter().get_value(),
        _ => metric.get_gauge().get_value(),
    };
    let label_values = metric
        .get_label()
        .iter()
        .map(LabelPair::value)
        .map(Into::into)
        .collect();
    Sample {
        label_values,
        value,
        created: None,
    }
}
