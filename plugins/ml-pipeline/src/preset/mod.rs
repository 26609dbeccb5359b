//! What systems call things: paths, states, fields. One file a system, as data.
//!
//! Each preset names where its facts come from, and its tests show a healthy and a failing answer in the form that source
//! documents. Templates are those of [`crate::fill`]; places in answers are pointers of [`crate::pointer`].

mod airflow;
mod bentoml;
mod dagster;
mod feast;
mod generic;
mod kserve;
mod meilisearch;
mod mlflow;
mod prefect;
mod qdrant;
mod tei;
mod tensorflow_serving;
mod tgi;
mod torchserve;
mod triton;
mod vllm;

use bellwether_sdk::Description;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::target::scrape::Aggregate;

/// A system whose interface is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum System {
    /// KServe v2, the Open Inference Protocol: KServe, MLServer and others.
    Kserve,
    /// NVIDIA Triton Inference Server: KServe v2 and its model repository.
    Triton,
    /// TorchServe's inference address (port 8080).
    Torchserve,
    /// TorchServe's management address (port 8081), which knows the models.
    TorchserveManagement,
    /// TensorFlow Serving's REST address (port 8501).
    TensorflowServing,
    /// BentoML.
    Bentoml,
    /// vLLM's OpenAI-compatible server.
    Vllm,
    /// Hugging Face Text Embeddings Inference.
    Tei,
    /// Hugging Face Text Generation Inference.
    Tgi,
    /// MLflow's tracking server and model registry.
    Mlflow,
    /// Apache Airflow 2.
    #[serde(rename = "airflow2")]
    Airflow2,
    /// Apache Airflow 3.
    #[serde(rename = "airflow3")]
    Airflow3,
    /// Prefect 3.
    Prefect,
    /// Dagster's webserver.
    Dagster,
    /// Feast's feature server.
    Feast,
    /// Feast's registry server with its REST interface.
    FeastRegistry,
    /// Qdrant.
    Qdrant,
    /// Meilisearch.
    Meilisearch,
    /// Anything with an HTTP address.
    #[default]
    Generic,
}

impl System {
    /// Every one.
    pub(crate) const ALL: [Self; 19] = [
        Self::Kserve,
        Self::Triton,
        Self::Torchserve,
        Self::TorchserveManagement,
        Self::TensorflowServing,
        Self::Bentoml,
        Self::Vllm,
        Self::Tei,
        Self::Tgi,
        Self::Mlflow,
        Self::Airflow2,
        Self::Airflow3,
        Self::Prefect,
        Self::Dagster,
        Self::Feast,
        Self::FeastRegistry,
        Self::Qdrant,
        Self::Meilisearch,
        Self::Generic,
    ];

    /// What is known of it.
    pub(crate) const fn preset(self) -> &'static Preset {
        match self {
            Self::Kserve => &kserve::PRESET,
            Self::Triton => &triton::PRESET,
            Self::Torchserve => &torchserve::INFERENCE,
            Self::TorchserveManagement => &torchserve::MANAGEMENT,
            Self::TensorflowServing => &tensorflow_serving::PRESET,
            Self::Bentoml => &bentoml::PRESET,
            Self::Vllm => &vllm::PRESET,
            Self::Tei => &tei::PRESET,
            Self::Tgi => &tgi::PRESET,
            Self::Mlflow => &mlflow::PRESET,
            Self::Airflow2 => &airflow::VERSION_2,
            Self::Airflow3 => &airflow::VERSION_3,
            Self::Prefect => &prefect::PRESET,
            Self::Dagster => &dagster::PRESET,
            Self::Feast => &feast::SERVER,
            Self::FeastRegistry => &feast::REGISTRY,
            Self::Qdrant => &qdrant::PRESET,
            Self::Meilisearch => &meilisearch::PRESET,
            Self::Generic => &generic::PRESET,
        }
    }

    /// Names of the systems that `has` holds for, for messages.
    pub(crate) fn names_with(has: fn(&Preset) -> bool) -> String {
        let with = Self::ALL.into_iter().map(Self::preset).filter(|preset| has(preset));
        with.map(|preset| preset.name).collect::<Vec<_>>().join(", ")
    }
}

/// Says of each preset where its facts come from, for whoever looks at the plugin.
pub(crate) fn describe(about: &mut Description) {
    for preset in System::ALL
        .map(System::preset)
        .iter()
        .filter(|preset| !preset.source.is_empty())
    {
        about.detail(&format!("preset {}", preset.name), preset.source);
    }
}

/// What is known of a system.
#[derive(Debug)]
pub(crate) struct Preset {
    /// As settings name it.
    pub(crate) name: &'static str,
    /// Project and file that the facts are taken from.
    pub(crate) source: &'static str,
    /// How to ask whether it, or a model, is ready.
    pub(crate) ready: &'static [Probe],
    /// How to list runs of pipelines.
    pub(crate) runs: Option<RunsApi>,
    /// Where its metrics are, and which of them matter.
    pub(crate) scrape: Option<ScrapeApi>,
    /// How to ask for the age and the number of what it holds.
    pub(crate) data: Option<DataApi>,
}

/// A preset that knows nothing yet.
pub(crate) const NOTHING: Preset = Preset {
    name: "",
    source: "",
    ready: &[],
    runs: None,
    scrape: None,
    data: None,
};

/// A request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    /// With a body it is a POST.
    pub(crate) path: &'static str,
    pub(crate) body: Option<&'static str>,
}

pub(crate) const fn get(path: &'static str) -> Request {
    Request { path, body: None }
}

pub(crate) const fn post(path: &'static str, body: &'static str) -> Request {
    Request { path, body: Some(body) }
}

/// What a probe is about; so is what its failure means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum About {
    /// Sent always.
    Server,
    /// Sent when a model is named.
    Model,
    /// As [`About::Model`], and only a warning where another probe says that the model itself is ready.
    Newest,
    /// Sent when a model and a dimension are named.
    Metadata,
}

/// One request of `ready`. It is left out when a setting that its path needs is not given.
#[derive(Debug)]
pub(crate) struct Probe {
    pub(crate) about: About,
    pub(crate) request: Request,
    /// What the answer says; none: its status says it all.
    pub(crate) entries: Option<Entries>,
    /// Where the dimensions of vectors stand.
    pub(crate) widths: &'static [Width],
}

/// A probe of which only the status counts.
pub(crate) const fn status(about: About, request: Request) -> Probe {
    Probe {
        about,
        request,
        entries: None,
        widths: &[],
    }
}

/// A probe of which the answer counts.
pub(crate) const fn says(about: About, request: Request, entries: Entries) -> Probe {
    Probe {
        about,
        request,
        entries: Some(entries),
        widths: &[],
    }
}

/// States in an answer: of the versions of a model, the workers of a server, the components of a system.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entries {
    /// Where they are.
    pub(crate) list: &'static str,
    /// Only entries whose field equals a setting count.
    pub(crate) keys: &'static [(&'static str, &'static str)],
    /// Where the version stands; "" where there is none.
    pub(crate) version: &'static str,
    /// Where the state stands; "": to be there is to be ready.
    pub(crate) state: &'static str,
    pub(crate) ready: &'static [&'static str],
    pub(crate) loading: &'static [&'static str],
    pub(crate) failed: &'static [&'static str],
    /// Where an error stands that counts whatever the state says; "" where there is none.
    pub(crate) error: &'static str,
    /// Values there that are no errors.
    pub(crate) harmless: &'static [&'static str],
    /// Where the reason of a failed state stands, best first.
    pub(crate) reasons: &'static [&'static str],
    /// One failed entry is a failure, as with components. Otherwise one ready entry is enough to serve.
    pub(crate) every: bool,
    /// An answer without a body is fine: its status says it all.
    pub(crate) may_be_empty: bool,
}

/// Entries that say nothing yet.
pub(crate) const ENTRIES: Entries = Entries {
    list: "",
    keys: &[],
    version: "",
    state: "",
    ready: &[],
    loading: &[],
    failed: &[],
    error: "",
    harmless: &[""],
    reasons: &[],
    every: false,
    may_be_empty: false,
};

/// Where the number of dimensions stands in metadata.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Width {
    /// Outputs, or vectors of a collection.
    pub(crate) list: &'static str,
    /// Where an output's name stands; none: it is the member's name.
    pub(crate) name: Option<&'static str>,
    /// Sizes of an output; the last is the dimension.
    pub(crate) sizes: &'static str,
}

/// Lists of runs, newest first.
#[derive(Debug)]
pub(crate) struct RunsApi {
    /// The latest runs.
    pub(crate) recent: Request,
    /// The latest successful run.
    pub(crate) success: Request,
    pub(crate) list: &'static str,
    pub(crate) id: &'static str,
    pub(crate) state: &'static str,
    /// Where the start stands, best first.
    pub(crate) start: &'static [&'static str],
    pub(crate) end: &'static str,
    /// Where a run says why it failed.
    pub(crate) reasons: &'static [&'static str],
    /// Where an answer with a status of success says that the request failed.
    pub(crate) errors: &'static [&'static str],
    pub(crate) succeeded: &'static [&'static str],
    pub(crate) failed: &'static [&'static str],
    pub(crate) running: &'static [&'static str],
    pub(crate) waiting: &'static [&'static str],
}

/// Metrics of a server.
#[derive(Debug)]
pub(crate) struct ScrapeApi {
    pub(crate) path: &'static str,
    pub(crate) picks: &'static [Pick],
}

/// A value made of metrics.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pick {
    /// As `ml_server_value{value="…"}` calls it.
    pub(crate) name: &'static str,
    pub(crate) metric: &'static str,
    pub(crate) of: Aggregate,
    /// What to multiply with, for base units.
    pub(crate) scale: f64,
    /// How much it grew since the run before, not how much it is.
    pub(crate) growth: bool,
    /// Divided by this one's growth.
    pub(crate) per: Option<&'static str>,
}

/// The sum of all series as it is.
pub(crate) const fn sum(name: &'static str, metric: &'static str) -> Pick {
    Pick {
        name,
        metric,
        of: Aggregate::Sum,
        scale: 1.0,
        growth: false,
        per: None,
    }
}

/// The greatest of all series.
pub(crate) const fn max(name: &'static str, metric: &'static str) -> Pick {
    Pick {
        of: Aggregate::Max,
        ..sum(name, metric)
    }
}

/// How much the sum grew since the run before.
pub(crate) const fn growth(name: &'static str, metric: &'static str) -> Pick {
    Pick {
        growth: true,
        ..sum(name, metric)
    }
}

/// How much one grew for each that another grew, in base units.
pub(crate) const fn mean(name: &'static str, metric: &'static str, per: &'static str, scale: f64) -> Pick {
    Pick {
        scale,
        growth: true,
        per: Some(per),
        ..sum(name, metric)
    }
}

/// Age and number of what a system holds.
#[derive(Debug)]
pub(crate) struct DataApi {
    /// Requests, and where times stand in their answers; the first request whose settings are all given is sent.
    pub(crate) time: &'static [(Request, &'static [&'static str])],
    /// A request, and where the number stands in its answer.
    pub(crate) count: Option<(Request, &'static str)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_is_named_as_settings_name_it_and_says_where_it_comes_from() {
        for system in System::ALL {
            let preset = system.preset();
            assert_eq!(serde_json::from_value::<System>(preset.name.into()).ok(), Some(system));
            assert!(preset.source.contains(' ') || preset.name == "generic", "{preset:?}");
        }
    }

    #[test]
    fn the_readme_names_every_preset_and_its_source() {
        let readme = include_str!("../../README.md");
        for preset in System::ALL.map(System::preset) {
            assert!(readme.contains(&format!("`{}`", preset.name)), "{}", preset.name);
            assert!(readme.contains(preset.source), "{}: {}", preset.name, preset.source);
        }
    }
}
