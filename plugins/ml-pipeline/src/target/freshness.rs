//! Kind `freshness`: does data still flow? By the age of the newest data, or the number of objects.

use bellwether_sdk::{Address, Report, http::Response};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{Ask, Place, Seen, Target, ready::ask};
use crate::{
    answer::{Answer, document, not_judged, succeeded, took},
    budget, code,
    fill::Params,
    finding::{Finding, Judgement},
    memory::Memory,
    metrics::{DATA_AGE, DATA_OBJECTS, DATA_TIMESTAMP},
    pointer,
    preset::{DataApi, Request, System, get},
    settings::{
        levels::{Ceiling, Floor, Span, Spans},
        slot::Slot,
    },
    time::{self, spoken},
};

/// How old the newest data may be unless said.
const MAX_AGE: Spans = Spans {
    warning: Some(Span::from_hours(2)),
    critical: None,
};

/// Where data arrives, and how fresh it should be.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Freshness {
    /// Where the data is. Granted by standing here, without credentials.
    url: Option<Address>,
    /// Instead of `url`: a connection slot, for a place that asks for credentials. `default` when neither is given.
    connection: Option<Slot>,
    /// How long an answer may take, such as `"2s"`; unless said, what is left of the run.
    timeout: Option<Span>,
    /// Which system holds the data; `generic` unless said.
    #[serde(default)]
    preset: System,
    /// An index (Meilisearch), a collection (Qdrant), a feature view (Feast), a registered model (MLflow).
    index: Option<String>,
    /// MLflow: the alias by which the model is used.
    alias: Option<String>,
    /// Feast: the project.
    project: Option<String>,
    /// Qdrant: the payload field with the time of a point. It needs a payload index.
    field: Option<String>,
    /// Preset `generic`: what follows the address.
    #[schemars(extend("pattern" = "^(/.*)?$"))]
    path: Option<String>,
    /// Preset `generic`: where times stand in the answer, as a JSON pointer; of several, as with `/*/updated_at`, the newest counts.
    at: Option<String>,
    /// Preset `generic`: the header with the time, such as `Last-Modified`.
    header: Option<String>,
    /// How old the newest data may be; `{ warning = "2h" }` unless said.
    max_age: Option<Spans>,
    /// How many objects there should be.
    count: Option<Count>,
}

/// A number of objects.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Count {
    /// Preset `generic`: where the number, or a list to count, stands in the answer.
    at: Option<String>,
    /// Below which number there are too few.
    min: Option<Floor>,
    /// Which share (0 to 1) may be lost from one run to the next.
    max_drop: Option<Ceiling>,
}

/// What a request is for.
#[derive(Clone, Debug)]
enum Purpose {
    Time(Vec<String>),
    Header(String),
    Count(String),
}

impl Freshness {
    fn params(&self) -> Params<'_> {
        Params::new([
            ("index", self.index.as_deref()),
            ("model", self.index.as_deref()),
            ("alias", self.alias.as_deref()),
            ("project", self.project.as_deref()),
            ("field", self.field.as_deref()),
        ])
    }

    /// Each request with what it is for; one request may serve two purposes.
    fn questions(&self) -> Vec<(Ask, Vec<Purpose>)> {
        match &self.preset.preset().data {
            Some(api) => self.of_preset(api),
            None => self.of_generic(),
        }
    }

    fn of_preset(&self, api: &DataApi) -> Vec<(Ask, Vec<Purpose>)> {
        let filled = |request: &Request| ask(request, &self.params(), None).ok();
        let time = api.time.iter().find_map(|(request, at)| {
            let at = at.iter().map(|&at| at.to_owned()).collect();
            Some((filled(request)?, vec![Purpose::Time(at)]))
        });
        let count = api.count.as_ref().filter(|_| self.count.is_some());
        let count = count.and_then(|(request, at)| Some((filled(request)?, vec![Purpose::Count((*at).to_owned())])));
        time.into_iter().chain(count).collect()
    }

    fn of_generic(&self) -> Vec<(Ask, Vec<Purpose>)> {
        let time = self.at.iter().map(|at| Purpose::Time(vec![at.clone()]));
        let header = self.header.iter().map(|name| Purpose::Header(name.clone()));
        let count = self
            .count
            .iter()
            .filter_map(|count| count.at.clone())
            .map(Purpose::Count);
        let purposes: Vec<Purpose> = time.chain(header).chain(count).collect();
        let asked = ask(&get(""), &self.params(), self.path.as_deref()).ok();
        asked
            .filter(|_| !purposes.is_empty())
            .map(|ask| (ask, purposes))
            .into_iter()
            .collect()
    }

    fn judge_age(&self, timestamp: Option<f64>, seen: &Seen<'_>, report: &mut Report) -> Option<Finding> {
        let Some(timestamp) = timestamp else {
            let text = "the answer does not say how old the data is";
            return Some(Finding::warning(code::TIMESTAMP_MISSING, text));
        };
        let age = (seen.now - timestamp).max(0.0);
        report.gauge(&DATA_TIMESTAMP).set([seen.name], timestamp);
        report.gauge(&DATA_AGE).set([seen.name], age);
        let (status, level) = self.max_age.unwrap_or(MAX_AGE).passed(age)?;
        let text = format!("the newest data is {} old, more than {}", spoken(age), spoken(level));
        Some(Finding::new(status, code::DATA_STOPPED, text))
    }

    fn judge_count(
        &self,
        count: Option<f64>,
        seen: &Seen<'_>,
        memory: &mut Memory,
        report: &mut Report,
    ) -> Vec<Finding> {
        let levels = self.count.clone().unwrap_or_default();
        let Some(count) = count else {
            let text = "the answer does not say how many objects there are";
            return vec![Finding::warning(code::VALUE_MISSING, text)];
        };
        report.gauge(&DATA_OBJECTS).set([seen.name], count);
        let few = levels.min.and_then(|min| min.broken(count)).map(|(status, level)| {
            Finding::new(
                status,
                code::TOO_FEW_OBJECTS,
                format!("there are {count} objects, less than {level}"),
            )
        });
        let before = memory.objects(seen.name, count).filter(|before| *before > 0.0);
        let lost = before.and_then(|before| {
            let (status, _) = levels.max_drop?.reached((before - count) / before)?;
            let text = format!("there are {count} objects, {before} in the run before");
            Some(Finding::new(status, code::OBJECTS_LOST, text))
        });
        few.into_iter().chain(lost).collect()
    }

    fn answered(
        &self,
        answer: &Answer,
        purposes: &[Purpose],
        seen: &Seen<'_>,
        memory: &mut Memory,
        report: &mut Report,
    ) -> Result<Vec<Finding>, Finding> {
        let what = self.index.as_deref().unwrap_or("data");
        let response = succeeded(answer, what, code::UNEXPECTED_STATUS, code::UNEXPECTED_STATUS)?;
        let mut findings = Vec::new();
        for purpose in purposes {
            match purpose {
                Purpose::Time(at) => {
                    let document = document(response)?;
                    let newest = budget::perform(response.body.len(), budget::LOOKING, || newest(&document, at))
                        .ok_or_else(|| not_judged(response))?;
                    findings.extend(self.judge_age(newest, seen, report));
                }
                Purpose::Header(name) => {
                    findings.extend(self.judge_age(time::of_header(response, name), seen, report));
                }
                Purpose::Count(at) => {
                    let count = counted(response, at)?;
                    findings.extend(self.judge_count(count, seen, memory, report));
                }
            }
        }
        Ok(findings)
    }

    fn problem_of_question(&self) -> Option<String> {
        let preset = self.preset.preset();
        if self.preset != System::Generic && preset.data.is_none() {
            let known = System::names_with(|preset| preset.data.is_some());
            return Some(format!(
                "preset `{}` does not tell ages; these do: {known}, generic",
                preset.name
            ));
        }
        self.questions().is_empty().then(|| match self.preset {
            System::Generic => "it is not said where the time stands: add `at`, `header` or `count.at`".to_owned(),
            System::Qdrant => "preset `qdrant` needs `index`, and `field` or `count`".to_owned(),
            System::FeastRegistry => "preset `feast_registry` needs `index` and `project`".to_owned(),
            _ => format!("preset `{}` needs `index`", preset.name),
        })
    }

    fn problem_of_generic(&self) -> Option<String> {
        let counted = self.count.as_ref().is_some_and(|count| count.at.is_some());
        let given = self.path.is_some() || self.at.is_some() || self.header.is_some() || counted;
        (given && self.preset != System::Generic).then(|| {
            let name = self.preset.preset().name;
            format!("`path`, `at`, `header` and `count.at` belong to preset `generic`, not to `{name}`")
        })
    }
}

/// Of all times at these places.
fn newest(document: &Value, places: &[String]) -> Option<f64> {
    let found = places.iter().flat_map(|at| pointer::values(document, at));
    found.filter_map(time::unix).reduce(f64::max)
}

/// A number, or the length of a list.
fn counted(response: &Response, at: &str) -> Result<Option<f64>, Finding> {
    let document = document(response)?;
    Ok(pointer::first(&document, at).and_then(|value| match value {
        Value::Array(items) => Some(items.len() as f64),
        value => value.as_f64(),
    }))
}

impl Target for Freshness {
    fn place(&self) -> Place<'_> {
        Place {
            url: self.url.as_deref(),
            connection: self.connection,
            timeout: self.timeout,
        }
    }

    fn problems(&self) -> Vec<String> {
        let both =
            (self.at.is_some() && self.header.is_some()).then(|| "`at` and `header` exclude each other".to_owned());
        let pointers = [
            self.at.as_ref(),
            self.count.as_ref().and_then(|count| count.at.as_ref()),
        ];
        let pointers = pointers.into_iter().flatten();
        let pointers = pointers.filter_map(|at| pointer::problem(at).map(|problem| format!("`{at}` {problem}")));
        let levels = self.max_age.and_then(|max_age| max_age.problem("max_age"));
        let others = [both, levels, self.problem_of_question(), self.problem_of_generic()];
        pointers.chain(others.into_iter().flatten()).collect()
    }

    fn asks(&self) -> Result<Vec<Ask>, String> {
        Ok(self.questions().into_iter().map(|(ask, _)| ask).collect())
    }

    fn judge(&self, seen: &Seen<'_>, memory: &mut Memory, report: &mut Report) -> Judgement {
        let mut judgement = Judgement::default();
        for ((_, purposes), answer) in self.questions().iter().zip(seen.answers) {
            if let Ok(response) = answer {
                judgement.took(took(response));
            }
            match self.answered(answer, purposes, seen, memory, report) {
                Ok(findings) => findings.into_iter().for_each(|finding| judgement.push(finding)),
                Err(finding) => judgement.push(finding),
            }
        }
        judgement.good = "data is fresh".to_owned();
        judgement
    }
}

#[cfg(test)]
mod tests;
