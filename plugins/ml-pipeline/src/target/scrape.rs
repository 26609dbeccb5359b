//! Kind `scrape`: picks values from the metrics that a server exposes to Prometheus.
//!
//! For a few values with thresholds. To merge all that a server exposes there is the plugin `prometheus`.

use std::collections::BTreeMap;

use bellwether_sdk::{Address, Report};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Ask, Place, Seen, Target};
use crate::{
    answer::{not_judged, succeeded, took},
    budget, code, exposition,
    finding::{Finding, Judgement},
    memory::{Memory, Total},
    metrics::SERVER_VALUE,
    preset::{Pick, ScrapeApi, System},
    settings::{
        levels::{Ceiling, Floor, Span},
        slot::Slot,
    },
};

/// A server that exposes metrics, and which values matter.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scrape {
    /// Where the metrics are, such as `http://triton:8002/`. Granted by standing here, without credentials.
    url: Option<Address>,
    /// Instead of `url`: a connection slot, for a server that asks for credentials. `default` when neither is given.
    connection: Option<Slot>,
    /// How long an answer may take, such as `"2s"`; unless said, what is left of the run.
    timeout: Option<Span>,
    /// Whose metrics they are: brings a path and values that matter. `generic`, unless said, brings none.
    #[serde(default)]
    preset: System,
    /// What follows the address, when it is not the preset's.
    #[schemars(extend("pattern" = "^(/.*)?$"))]
    path: Option<String>,
    /// Values by names of your own, or by names of the preset's to add thresholds.
    #[serde(default)]
    values: BTreeMap<String, Value>,
}

/// A value made of metrics.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Value {
    /// The metric's full name; not needed for a value of the preset's.
    metric: Option<String>,
    /// Only series with these labels.
    #[serde(default)]
    labels: BTreeMap<String, String>,
    /// How several series become one value; `sum` unless said.
    of: Option<Aggregate>,
    /// What to multiply with, for base units: 0.000001 for microseconds.
    scale: Option<f64>,
    /// How much it grew since the run before, instead of how much it is: for counters.
    growth: Option<bool>,
    /// Divide its growth by that of another metric, for means and shares.
    per: Option<String>,
    /// From which value on it is too high.
    above: Option<Ceiling>,
    /// Below which value it is too low.
    below: Option<Floor>,
}

/// How several series become one value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Aggregate {
    /// All together.
    #[default]
    Sum,
    /// The greatest.
    Max,
    /// The smallest.
    Min,
    /// Their mean.
    Mean,
}

impl Aggregate {
    fn of(self, values: &[f64]) -> Option<f64> {
        let sum = values.iter().copied().reduce(|left, right| left + right);
        match self {
            Self::Sum => sum,
            Self::Max => values.iter().copied().reduce(f64::max),
            Self::Min => values.iter().copied().reduce(f64::min),
            Self::Mean => sum.map(|sum| sum / values.len() as f64),
        }
    }
}

/// A value as it is judged: the settings over what the preset knows.
struct Wanted<'s> {
    name: &'s str,
    metric: &'s str,
    per: Option<&'s str>,
    of: Aggregate,
    scale: f64,
    growth: bool,
    /// Of the settings; a value that only the preset names is not missed.
    asked: Option<&'s Value>,
}

impl Scrape {
    fn api(&self) -> Option<&'static ScrapeApi> {
        self.preset.preset().scrape.as_ref()
    }

    fn picks(&self) -> &'static [Pick] {
        self.api().map_or(&[], |api| api.picks)
    }

    /// Those of the preset, then those of the settings alone.
    fn wanted(&self) -> Vec<Wanted<'_>> {
        let known = self.picks().iter().map(|pick| {
            let asked = self.values.get(pick.name);
            Wanted::new(pick.name, asked, Some(pick), pick.metric)
        });
        let own = self.values.iter().filter_map(|(name, value)| {
            let known = self.picks().iter().any(|pick| pick.name == name);
            let metric = value.metric.as_deref().filter(|_| !known)?;
            Some(Wanted::new(name, Some(value), None, metric))
        });
        known.chain(own).collect()
    }
}

impl<'s> Wanted<'s> {
    fn new(name: &'s str, asked: Option<&'s Value>, pick: Option<&'s Pick>, metric: &'s str) -> Self {
        let own = |value: &'s Value| value.metric.as_deref();
        let per = asked
            .and_then(|value| value.per.as_deref())
            .or(pick.and_then(|pick| pick.per));
        let growth = asked.and_then(|value| value.growth).or(pick.map(|pick| pick.growth));
        Self {
            name,
            metric: asked.and_then(own).unwrap_or(metric),
            per,
            of: asked
                .and_then(|value| value.of)
                .or(pick.map(|pick| pick.of))
                .unwrap_or_default(),
            scale: asked
                .and_then(|value| value.scale)
                .or(pick.map(|pick| pick.scale))
                .unwrap_or(1.0),
            growth: growth.unwrap_or(false) || per.is_some(),
            asked,
        }
    }

    /// What the text says now; none when it says nothing.
    fn read(&self, text: &str, metric: &str) -> Option<f64> {
        let none = BTreeMap::new();
        let labels = self.asked.map_or(&none, |value| &value.labels);
        self.of.of(&exposition::values(text, metric, labels))
    }

    /// The value to judge; none in the first run of what grows, and while nothing happens of what is a ratio.
    fn value(&self, target: &str, text: &str, memory: &mut Memory) -> Result<Option<f64>, Finding> {
        let now = Total {
            value: self.read(text, self.metric).ok_or_else(|| self.missing(self.metric))?,
            per: self
                .per
                .map(|per| self.read(text, per).ok_or_else(|| self.missing(per)))
                .transpose()?,
        };
        if !self.growth {
            return Ok(Some(now.value * self.scale));
        }
        let before = memory.total(target, self.name, now);
        Ok(before
            .and_then(|before| grown(before, now))
            .map(|value| value * self.scale))
    }

    fn missing(&self, metric: &str) -> Finding {
        let text = format!("the server exposes no `{metric}` for {}", self.name);
        Finding::warning(code::METRIC_MISSING, text)
    }

    fn judge(&self, value: f64) -> Option<Finding> {
        let asked = self.asked?;
        let name = self.name;
        let high = asked
            .above
            .and_then(|above| above.reached(value))
            .map(|(status, level)| {
                Finding::new(
                    status,
                    code::VALUE_HIGH,
                    format!("{name} is {}, at or above {level}", short(value)),
                )
            });
        high.or_else(|| {
            let (status, level) = asked.below?.broken(value)?;
            Some(Finding::new(
                status,
                code::VALUE_LOW,
                format!("{name} is {}, less than {level}", short(value)),
            ))
        })
    }
}

/// A number for people: no more digits than tell something.
fn short(value: f64) -> String {
    let rounded = (value * 10_000.0).round() / 10_000.0;
    if rounded == 0.0 {
        format!("{value:e}")
    } else {
        rounded.to_string()
    }
}

/// A total that is smaller than before began anew, so that all of it is growth.
fn grown(before: Total, now: Total) -> Option<f64> {
    let growth = |before: f64, now: f64| if now < before { now } else { now - before };
    let value = growth(before.value, now.value);
    match (before.per, now.per) {
        (_, None) => Some(value),
        (Some(before), Some(now)) => Some(value / growth(before, now)).filter(|ratio| ratio.is_finite()),
        (None, Some(_)) => None,
    }
}

impl Target for Scrape {
    fn place(&self) -> Place<'_> {
        Place {
            url: self.url.as_deref(),
            connection: self.connection,
            timeout: self.timeout,
        }
    }

    fn problems(&self) -> Vec<String> {
        let preset = self.preset.preset().name;
        if self.api().is_none() {
            let known = System::names_with(|preset| preset.scrape.is_some());
            return vec![format!("preset `{preset}` has no metrics; these have: {known}")];
        }
        let nothing = self.wanted().is_empty() && self.values.is_empty();
        let nothing = nothing.then(|| "there is nothing to pick: add a table in `values`".to_owned());
        let unknown = self
            .values
            .iter()
            .filter(|(name, value)| value.metric.is_none() && !self.picks().iter().any(|pick| pick.name == **name));
        let unknown =
            unknown.map(|(name, _)| format!("`values.{name}` needs a `metric`: preset `{preset}` has no such value"));
        unknown.chain(nothing).collect()
    }

    fn asks(&self) -> Result<Vec<Ask>, String> {
        let path = self.path.as_deref().or_else(|| self.api().map(|api| api.path));
        Ok(vec![Ask {
            method: "GET".to_owned(),
            path: path.unwrap_or_default().to_owned(),
            ..Ask::default()
        }])
    }

    fn judge(&self, seen: &Seen<'_>, memory: &mut Memory, report: &mut Report) -> Judgement {
        let mut judgement = Judgement::default();
        for answer in seen.answers {
            let response = match succeeded(answer, "metrics", code::UNEXPECTED_STATUS, code::UNEXPECTED_STATUS) {
                Ok(response) => response,
                Err(finding) => {
                    judgement.push(finding);
                    continue;
                }
            };
            judgement.took(took(response));
            let text = String::from_utf8_lossy(&response.body);
            let mut count = 0;
            for wanted in self.wanted() {
                let cost = budget::PICKING.times(1 + usize::from(wanted.per.is_some()));
                let value = budget::perform(text.len(), cost, || wanted.value(seen.name, &text, memory));
                match value.unwrap_or_else(|| Err(not_judged(response))) {
                    Ok(Some(value)) => {
                        count += 1;
                        report.gauge(&SERVER_VALUE).set([seen.name, wanted.name], value);
                        judgement.push(wanted.judge(value));
                    }
                    Ok(None) => {}
                    Err(finding) => {
                        let is_told = wanted.asked.is_some() || !finding.was_asked();
                        judgement.push(Some(finding).filter(|_| is_told));
                    }
                }
            }
            judgement.good = format!("{count} values");
        }
        judgement
    }
}

#[cfg(test)]
mod pages;
#[cfg(test)]
mod tests;
