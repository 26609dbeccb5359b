//! `flows.NAME`: requests one after the other that together show that a whole thing works.

use std::collections::{BTreeMap, BTreeSet};

use bellwether_sdk::settings::Levels;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{Severity, expect::Expect, span::Span};
use crate::flow::{capture::Source, template};

/// An end-to-end check.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Flow {
    /// In this order.
    #[schemars(length(min = 1, max = 50))]
    pub(crate) steps: Vec<Step>,
    /// Run it at most this often; what was seen last stands in between.
    pub(crate) every: Option<Span>,
    /// How bad it is when it fails.
    pub(crate) severity: Severity,
    /// When all steps together are slow, in seconds.
    pub(crate) latency_seconds: Levels,
}

/// One request. `{{NAME}}` in `path`, `headers`, `body` and `json` stands for what an earlier step captured, and `{{run}}` for
/// a number that no other run has.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Step {
    /// What people read.
    pub(crate) name: String,
    /// Unless said `GET`.
    pub(crate) method: StepMethod,
    /// Below the project's URL, such as `rest/v1/orders?select=id`. A leading slash is the same.
    pub(crate) path: String,
    /// Headers to send.
    pub(crate) headers: BTreeMap<String, String>,
    /// The body to send, as text.
    pub(crate) body: Option<String>,
    /// The body to send, as JSON. A text that is nothing but `{{NAME}}` becomes the captured value itself, number or list.
    pub(crate) json: Option<Value>,
    /// What is expected of the answer; 2xx unless `expect.status` says otherwise.
    pub(crate) expect: Expect,
    /// What later steps need of the answer: a name each, and a JSON pointer (`/0/id`) or `header:location`.
    pub(crate) capture: BTreeMap<String, String>,
    /// How long to wait; unless said 10s.
    pub(crate) timeout: Option<Span>,
    /// Run it whatever happened before, as long as what it needs was captured: for cleaning up.
    pub(crate) always: bool,
}

/// How a step asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum StepMethod {
    /// Reads.
    #[default]
    Get,
    /// Reads the head only.
    Head,
    /// Makes.
    Post,
    /// Replaces.
    Put,
    /// Changes.
    Patch,
    /// Removes.
    Delete,
    /// Asks what is possible.
    Options,
}

impl StepMethod {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
        }
    }
}

/// As for functions.
const TIMEOUT: Span = Span::from_secs(10);

impl Step {
    pub(crate) fn timeout(&self) -> Span {
        self.timeout.unwrap_or(TIMEOUT)
    }

    /// Names that must have been captured before it can run.
    pub(crate) fn needs(&self) -> BTreeSet<String> {
        let texts = self.headers.values().chain(&self.body).chain([&self.path]);
        let mut names: BTreeSet<String> = texts.flat_map(|text| template::names(text)).collect();
        names.extend(self.json.iter().flat_map(template::names_in));
        names
    }

    fn check(&self, at: &str, known: &BTreeSet<String>) -> Result<(), String> {
        if self.path.trim_matches('/').is_empty() {
            return Err(format!("{at} has no `path`"));
        }
        if self.body.is_some() && self.json.is_some() {
            return Err(format!("{at} has both `body` and `json`: keep one"));
        }
        for (name, source) in &self.capture {
            check_capture(name, source).map_err(|problem| format!("{at}.capture.{name}: {problem}"))?;
        }
        if let Some(unknown) = self.needs().into_iter().find(|name| !known.contains(name)) {
            return Err(format!("{at} uses {{{{{unknown}}}}}, which no step before it captures"));
        }
        self.expect.check(&format!("{at}.expect"))
    }
}

fn check_capture(name: &str, source: &str) -> Result<(), String> {
    if !template::is_name(name) {
        return Err("a name is made of `a-z`, `0-9` and `_`, and starts with a letter".to_owned());
    }
    if name == template::RUN {
        return Err("`run` is the number of the run already".to_owned());
    }
    match Source::read(source) {
        Some(_) => Ok(()),
        None => Err(format!(
            "`{source}` is neither a JSON pointer such as `/0/id` nor `header:NAME`"
        )),
    }
}

impl Flow {
    /// What the schema cannot say; `at` is where in the settings.
    pub(crate) fn check(&self, at: &str) -> Result<(), String> {
        if !self.steps.iter().any(|step| !step.always) {
            return Err(format!("{at} has no step besides those that always run"));
        }
        let mut known = BTreeSet::from([template::RUN.to_owned()]);
        let mut names = BTreeSet::new();
        for (index, step) in self.steps.iter().enumerate() {
            let place = format!("{at}.steps[{index}]");
            if step.name.is_empty() || !names.insert(&step.name) {
                return Err(format!("{place} needs a `name` that no other step of the flow has"));
            }
            step.check(&place, &known)?;
            known.extend(step.capture.keys().cloned());
        }
        Ok(())
    }
}
