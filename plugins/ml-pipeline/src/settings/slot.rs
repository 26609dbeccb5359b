//! Connection slots: places with credentials, bound in the configuration. A place without credentials is a `url`.

use schemars::JsonSchema;
use serde::Deserialize;

/// A slot, which the check binds to a connection: `connections = { registry = "mlflow" }`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Slot {
    /// What a check's `connection = "…"` binds.
    Default,
    /// A model server.
    Serving,
    /// The management interface of a model server, where that is another address.
    Management,
    /// Where a server exposes its metrics.
    Metrics,
    /// A model registry or feature registry.
    Registry,
    /// What runs the pipelines.
    Orchestrator,
    /// A vector or search index.
    Index,
    /// Where reports lie.
    Reports,
}

impl Slot {
    pub(crate) const ALL: [Self; 8] = [
        Self::Default,
        Self::Serving,
        Self::Management,
        Self::Metrics,
        Self::Registry,
        Self::Orchestrator,
        Self::Index,
        Self::Reports,
    ];

    /// As the configuration and the host call it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Serving => "serving",
            Self::Management => "management",
            Self::Metrics => "metrics",
            Self::Registry => "registry",
            Self::Orchestrator => "orchestrator",
            Self::Index => "index",
            Self::Reports => "reports",
        }
    }

    pub(crate) const fn summary(self) -> &'static str {
        match self {
            Self::Default => "Where targets that name neither `url` nor `connection` are.",
            Self::Serving => "A model server that asks for credentials.",
            Self::Management => "Its management interface, where that is another address.",
            Self::Metrics => "Where a server exposes its metrics.",
            Self::Registry => "A model registry or feature registry.",
            Self::Orchestrator => "What runs the pipelines.",
            Self::Index => "A vector or search index.",
            Self::Reports => "Where reports lie.",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slot_is_written_as_the_host_calls_it() {
        for slot in Slot::ALL {
            assert_eq!(serde_json::from_value::<Slot>(slot.name().into()).ok(), Some(slot));
        }
    }
}
