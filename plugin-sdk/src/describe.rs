//! What a plugin says about itself: docs, the plugin index, rule lints and limits are made from it.

use crate::{
    bindings::{bellwether::plugin::report::Points, identity as wit},
    check::Package,
    metric::{Metric, kind_of},
    report::Code,
};

/// Metrics, codes, connections and needs of a plugin. Built by [`crate::Check::describe`].
#[derive(Clone, Debug, PartialEq)]
pub struct Description(pub(crate) wit::Description);

impl Description {
    pub(crate) fn new(name: &str, summary: &str, settings_schema: String, package: Package) -> Self {
        let mut description = Self(wit::Description {
            name: name.to_owned(),
            version: package.version.to_owned(),
            summary: summary.to_owned(),
            settings_schema,
            metrics: Vec::new(),
            codes: Vec::new(),
            connections: Vec::new(),
            details: Vec::new(),
        });
        for (name, value) in [("homepage", package.homepage), ("licence", package.licence)] {
            if !value.is_empty() {
                description.detail(name, value);
            }
        }
        description
    }

    /// A metric that runs may report. Those that alerts hang on come first: of a report that is too large for the check's
    /// `limits.series`, the host serves families in this order, and leaves out what comes last.
    pub fn metric(&mut self, metric: &impl Metric) -> &mut Self {
        let family = metric.family();
        self.0.metrics.push(wit::MetricDescription {
            kind: kind(&family.points),
            name: family.name,
            help: family.help,
            unit: family.unit,
            label_names: family.label_names,
        });
        self
    }

    /// A code that verdicts or failures may carry.
    pub fn code(&mut self, code: &Code) -> &mut Self {
        self.0.codes.push(wit::CodeDescription {
            code: code.name().to_owned(),
            meaning: code.meaning().to_owned(),
        });
        self
    }

    /// A place the plugin must reach. `slot` is what the plugin calls it (`default` when there is one), `schemes` which
    /// URLs fit (`https`, `rediss`, …). The configuration binds one of its connections to the slot.
    pub fn connection(&mut self, slot: &str, schemes: &[&str], summary: &str) -> &mut Self {
        self.slot(slot, schemes, summary, true)
    }

    /// As [`Description::connection`], but the plugin does something sensible without.
    pub fn optional_connection(&mut self, slot: &str, schemes: &[&str], summary: &str) -> &mut Self {
        self.slot(slot, schemes, summary, false)
    }

    fn slot(&mut self, slot: &str, schemes: &[&str], summary: &str, required: bool) -> &mut Self {
        self.0.connections.push(wit::ConnectionSlot {
            name: slot.to_owned(),
            schemes: schemes.iter().map(|&scheme| scheme.to_owned()).collect(),
            required,
            summary: summary.to_owned(),
        });
        self
    }

    /// How much memory a run needs, when 64 MiB are not enough; the host grants at most 512 MiB unasked.
    pub fn memory_mib(&mut self, mebibytes: u32) -> &mut Self {
        self.detail("memory", &format!("{mebibytes}MiB"))
    }

    /// How much state it keeps between runs at most, when 64 KiB are not enough: on the day on which all that it watches fails. The
    /// host grants at most 4 MiB unasked.
    pub fn state_kib(&mut self, kibibytes: u32) -> &mut Self {
        self.detail("state", &format!("{kibibytes}KiB"))
    }

    /// Names of metrics come from the target, so that no list of them can be given.
    pub fn dynamic_metrics(&mut self) -> &mut Self {
        self.detail("dynamic-metrics", "true")
    }

    /// The same, but every such name begins with one of these: what else nobody describes, a rule that asks for it is told, is not
    /// there. Each begins as a metric's name does, without the prefix of a check.
    pub fn dynamic_metrics_beginning(&mut self, beginnings: &[&str]) -> &mut Self {
        self.dynamic_metrics()
            .detail("dynamic-metrics-prefixes", &beginnings.join(", "))
    }

    /// Anything else worth knowing, by name.
    pub fn detail(&mut self, name: &str, value: &str) -> &mut Self {
        self.0.details.push((name.to_owned(), value.to_owned()));
        self
    }
}

fn kind(points: &Points) -> String {
    kind_of(points).to_owned()
}
