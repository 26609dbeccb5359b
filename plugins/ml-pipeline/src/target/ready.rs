//! Kind `ready`: is the server up, and does it serve this model? By the server's own words, without inference.

use bellwether_sdk::{Address, Report, Status};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{Ask, Place, Seen, Target, readiness};
use crate::{
    answer::{Answer, document, not_judged, succeeded, took},
    assertion::Assertion,
    budget, code,
    fill::Params,
    finding::{Finding, Judgement},
    memory::Memory,
    metrics::{DIMENSION, MODEL_INFO, MODEL_LOAD_FAILED, MODEL_READY},
    pointer,
    preset::{About, Probe, Request, System, Width},
    settings::{levels::Span, slot::Slot},
};

/// A server, and what it should serve.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ready {
    /// Where the server is, such as `http://triton:8000/`. Granted by standing here, without credentials.
    url: Option<Address>,
    /// Instead of `url`: a connection slot, for a server that asks for credentials. `default` when neither is given.
    connection: Option<Slot>,
    /// How long an answer may take, such as `"2s"`; unless said, what is left of the run.
    timeout: Option<Span>,
    /// Which system it is; `generic` unless said.
    #[serde(default)]
    preset: System,
    /// The model; a collection of Qdrant or an index of Meilisearch. Without it only the server is asked.
    model: Option<String>,
    /// The version that should be served.
    version: Option<String>,
    /// MLflow: the alias by which the model is used, such as `champion`.
    alias: Option<String>,
    /// How many dimensions the model's vectors should have, by its metadata.
    #[schemars(range(min = 1))]
    dimension: Option<u64>,
    /// Which output or named vector `dimension` is about; any unless said.
    output: Option<String>,
    /// Preset `generic`: what follows `url`.
    path: Option<String>,
    /// Preset `generic`: what must hold for the answer.
    #[serde(default)]
    assert: Vec<Assertion>,
}

/// What is known of the model so far.
#[derive(Default)]
struct Model {
    /// Of every question that was asked about it.
    answers: Vec<bool>,
    /// A question about it was not asked, so that nobody knows.
    unasked: bool,
    load_failed: bool,
    versions: Vec<String>,
    widths: Vec<u64>,
}

impl Ready {
    fn params(&self) -> Params<'_> {
        Params::new([
            ("model", self.model.as_deref()),
            ("version", self.version.as_deref()),
            ("alias", self.alias.as_deref()),
            ("output", self.output.as_deref()),
        ])
    }

    /// The probes whose settings are all given, and what they send.
    fn probes(&self) -> Vec<(&'static Probe, Ask)> {
        let probes = self.preset.preset().ready.iter();
        probes
            .filter(|probe| match probe.about {
                About::Server => true,
                About::Model | About::Newest => self.model.is_some(),
                About::Metadata => self.model.is_some() && self.dimension.is_some(),
            })
            .filter_map(|probe| Some((probe, ask(&probe.request, &self.params(), self.path.as_deref()).ok()?)))
            .collect()
    }

    fn what(&self, about: About) -> &str {
        match (about, &self.model) {
            (About::Model | About::Newest | About::Metadata, Some(model)) => model,
            _ => "server",
        }
    }

    fn is_used(&self, param: &str) -> bool {
        let preset = self.preset.preset();
        let template = format!("<{param}>");
        preset.ready.iter().any(|probe| {
            let versioned = param == "version" && probe.entries.is_some_and(|entries| !entries.version.is_empty());
            let named = param == "output" && !probe.widths.is_empty();
            let keyed = probe
                .entries
                .is_some_and(|entries| entries.keys.iter().any(|(_, key)| *key == param));
            versioned || named || keyed || probe.request.path.contains(&template)
        })
    }

    fn unused(&self) -> impl Iterator<Item = String> {
        let name = self.preset.preset().name;
        let given = [
            ("model", self.model.is_some()),
            ("version", self.version.is_some()),
            ("alias", self.alias.is_some()),
            ("output", self.output.is_some()),
        ];
        given
            .into_iter()
            .filter(|(param, given)| *given && !self.is_used(param))
            .map(move |(param, _)| format!("preset `{name}` has no use for `{param}`"))
    }

    fn problem_of_dimension(&self) -> Option<String> {
        self.dimension?;
        let preset = self.preset.preset();
        if preset.ready.iter().all(|probe| probe.widths.is_empty()) {
            let name = preset.name;
            return Some(format!(
                "preset `{name}` tells no dimensions: use a `canary` that asserts `dim`"
            ));
        }
        self.model.is_none().then(|| "`dimension` needs `model`".to_owned())
    }

    fn problem_of_generic(&self) -> Option<String> {
        let given = self.path.is_some() || !self.assert.is_empty();
        (given && self.preset != System::Generic).then(|| {
            let name = self.preset.preset().name;
            format!("`path` and `assert` belong to preset `generic`, not to `{name}`: use a `canary`")
        })
    }

    /// One answer: adds to what is known of the model, and returns what is wrong.
    fn look(&self, probe: &Probe, answer: &Answer, model: &mut Model) -> Vec<Finding> {
        let what = self.what(probe.about);
        let (unknown, otherwise) = match probe.about {
            About::Server => (code::SERVER_NOT_READY, code::SERVER_NOT_READY),
            About::Model | About::Newest | About::Metadata => (code::MODEL_NOT_FOUND, code::MODEL_NOT_READY),
        };
        let response = match succeeded(answer, what, unknown, otherwise) {
            Ok(response) => response,
            Err(finding) => {
                match finding.was_asked() {
                    true => note(model, probe.about, false),
                    false => model.unasked |= matches!(probe.about, About::Model | About::Newest),
                }
                return vec![finding];
            }
        };
        let empty = response.body.iter().all(u8::is_ascii_whitespace);
        let bare = probe.entries.is_none_or(|entries| entries.may_be_empty && empty);
        let asserted = probe.about == About::Server && !self.assert.is_empty();
        if bare && probe.widths.is_empty() && !asserted {
            note(model, probe.about, true);
            return Vec::new();
        }
        let bytes = response.body.len();
        let read = document(response).and_then(|document| {
            let read = || self.read(probe, &document, bytes, model);
            budget::perform(bytes, budget::LOOKING, read).ok_or_else(|| not_judged(response))
        });
        read.unwrap_or_else(|finding| {
            match finding.was_asked() {
                true => note(model, probe.about, false),
                false => model.unasked |= matches!(probe.about, About::Model | About::Newest),
            }
            vec![finding]
        })
    }

    fn read(&self, probe: &Probe, document: &Value, bytes: usize, model: &mut Model) -> Vec<Finding> {
        let what = self.what(probe.about);
        model
            .widths
            .extend(widths(probe.widths, document, self.output.as_deref()));
        let asserted = self.assert.iter();
        let mut findings: Vec<Finding> = asserted.flat_map(|one| one.judge(document, bytes)).collect();
        match &probe.entries {
            None => note(model, probe.about, true),
            Some(entries) => {
                let readiness = readiness::judge(entries, probe.about, document, &self.params(), what);
                note(model, probe.about, readiness.ready);
                model.load_failed |= readiness.load_failed;
                if probe.about == About::Model {
                    model.versions.extend(readiness.versions);
                }
                findings.extend(readiness.findings);
            }
        }
        findings
    }

    fn judge_width(&self, model: &Model) -> Option<Finding> {
        let wanted = self.dimension?;
        let name = self.what(About::Model);
        if model.widths.contains(&wanted) {
            return None;
        }
        if model.widths.is_empty() {
            let text = format!("the metadata of {name} tells no dimensions");
            return Some(Finding::unknown(code::WRONG_DIMENSION, text));
        }
        let widths: Vec<String> = model.widths.iter().map(u64::to_string).collect();
        let text = format!("{name} has {} dimensions, not {wanted}", widths.join(" and "));
        Some(Finding::critical(code::WRONG_DIMENSION, text))
    }

    fn measure(&self, name: &str, model: &Model, report: &mut Report) {
        let Some(model_name) = self.model.as_deref() else {
            return;
        };
        if !model.unasked {
            report.gauge(&MODEL_READY).set([name, model_name], model.is_ready());
            report
                .gauge(&MODEL_LOAD_FAILED)
                .set([name, model_name], model.load_failed);
        }
        let mut versions = model.versions.clone();
        versions.sort();
        versions.dedup();
        for version in &versions {
            report.info(&MODEL_INFO).set([name, model_name, version]);
        }
        let width = self.dimension.filter(|wanted| model.widths.contains(wanted));
        if let Some(width) = width.or(model.widths.first().copied()) {
            report.gauge(&DIMENSION).set(["ready", name, model_name], width);
        }
    }

    fn summary(&self, model: &Model) -> String {
        let version = model.versions.join(", ");
        let what = readiness::named(self.what(About::Model), &version);
        match self.dimension {
            Some(dimension) => format!("{what} is ready, {dimension} dimensions"),
            None => format!("{what} is ready"),
        }
    }
}

impl Model {
    fn is_ready(&self) -> bool {
        !self.answers.is_empty() && self.answers.iter().all(|ready| *ready)
    }
}

/// Only questions about the model itself say whether it is ready.
fn note(model: &mut Model, about: About, ready: bool) {
    if about == About::Model {
        model.answers.push(ready);
    }
}

/// Of the newest version: no more than a warning while the one in use is fine.
fn demoted(finding: Finding) -> Option<Finding> {
    match finding.status {
        Status::Critical => Some(Finding {
            status: Status::Warning,
            ..finding
        }),
        Status::Ok | Status::Warning | Status::Unknown => None,
    }
}

/// A request of a preset with the settings filled in. An error names a setting that is missing.
pub(super) fn ask(request: &Request, params: &Params<'_>, path: Option<&str>) -> Result<Ask, String> {
    let body = request.body.map(|body| params.body(body)).transpose()?;
    Ok(Ask {
        method: if body.is_some() { "POST" } else { "GET" }.to_owned(),
        path: path.map_or_else(|| params.path(request.path), |path| Ok(path.to_owned()))?,
        body,
        headers: Vec::new(),
    })
}

/// Dimensions that metadata tells; variable ones (-1) tell nothing.
fn widths(places: &[Width], document: &Value, output: Option<&str>) -> Vec<u64> {
    let mut found = Vec::new();
    for place in places {
        for entry in pointer::find(document, place.list) {
            let name = match place.name {
                Some(at) => pointer::text(entry.value, at).unwrap_or_default(),
                None => entry.name.clone(),
            };
            if output.is_none_or(|output| output == name) {
                let sizes = pointer::find(entry.value, place.sizes);
                found.extend(sizes.last().and_then(|last| size(last.value)));
            }
        }
    }
    found
}

fn size(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) => text.parse().ok(),
        other => other.as_u64(),
    }
}

impl Target for Ready {
    fn place(&self) -> Place<'_> {
        Place {
            url: self.url.as_deref(),
            connection: self.connection,
            timeout: self.timeout,
        }
    }

    fn problems(&self) -> Vec<String> {
        let asserted = self.assert.iter().filter_map(Assertion::problem);
        let others = [self.problem_of_dimension(), self.problem_of_generic()];
        asserted
            .chain(others.into_iter().flatten())
            .chain(self.unused())
            .collect()
    }

    fn asks(&self) -> Result<Vec<Ask>, String> {
        let asks: Vec<Ask> = self.probes().into_iter().map(|(_, ask)| ask).collect();
        if asks.is_empty() {
            let name = self.preset.preset().name;
            return Err(format!("preset `{name}` has no health of its own: name a `model`"));
        }
        Ok(asks)
    }

    fn judge(&self, seen: &Seen<'_>, _: &mut Memory, report: &mut Report) -> Judgement {
        let mut judgement = Judgement::default();
        let mut model = Model::default();
        for ((probe, _), answer) in self.probes().iter().zip(seen.answers) {
            if let Ok(response) = answer {
                judgement.took(took(response));
            }
            let known = model.is_ready();
            for finding in self.look(probe, answer, &mut model) {
                let newest = probe.about == About::Newest && !model.answers.is_empty();
                let secondary = probe.about == About::Metadata && !known && !model.answers.is_empty();
                match (newest, secondary) {
                    (true, _) => judgement.push(demoted(finding)),
                    (_, true) => {}
                    _ => judgement.push(finding),
                }
            }
            if probe.about == About::Newest && model.answers.is_empty() {
                model.answers.push(judgement.findings.is_empty());
            }
        }
        if judgement
            .findings
            .iter()
            .all(|finding| finding.status == Status::Warning)
        {
            judgement.push(self.judge_width(&model));
        }
        self.measure(seen.name, &model, report);
        judgement.good = self.summary(&model);
        judgement
    }
}
