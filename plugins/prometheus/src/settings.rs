//! What stands under `settings` in the configuration.

use std::collections::{BTreeMap, BTreeSet};

use bellwether_sdk::{Address, Failure, pattern::WholePattern};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::relabel::Rules;

/// What to scrape, and what of it to keep under which names.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// What to scrape, when it is one thing. Writing it here allows the check to reach it, without credentials.
    url: Option<Address>,
    /// Instead of `url`: what follows the URL of the connection; "" is exactly that URL.
    path: Option<String>,
    /// What to call the one target in verdicts; its URL without the query, unless said.
    name: Option<String>,
    /// Several things to scrape, instead of `url` or `path`.
    #[schemars(length(max = 100))]
    targets: Vec<TargetSettings>,
    /// Which format the answer has; what its header says, unless said.
    pub(crate) format: FormatSetting,
    /// Regular expressions for the whole name of a family: only these are kept. All, unless said.
    keep: Option<Vec<WholePattern>>,
    /// Regular expressions for the whole name of a family: these are dropped, also when `keep` has them.
    drop: Vec<WholePattern>,
    /// New names for families, tried in order; the first that fits counts.
    rename: Vec<Rename>,
    /// Put before the name of each family, after renaming.
    name_prefix: String,
    /// Put on each series; a label of the exporter's with that name becomes `exported_…`.
    add_labels: BTreeMap<String, String>,
    /// Labels to take away. Series that are then the same are dropped but for one, with a warning.
    drop_labels: Vec<String>,
    /// New names for labels: `{ old = "new" }`.
    rename_labels: BTreeMap<String, String>,
    /// The label that holds the name of the target; `instance` for several targets, none for one, unless said. `""`: none.
    target_label: Option<String>,
    /// Families that must be there, by the exporter's names.
    pub(crate) require: Vec<String>,
    /// How long to wait for an answer; the check's `timeout` bounds it in any case.
    #[schemars(range(min = 0.01, max = 3600))]
    timeout_seconds: Option<f64>,
    /// How much there may be.
    pub(crate) maximum: Maximum,
}

/// One thing to scrape.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct TargetSettings {
    /// What to call it; its URL without the query, unless said.
    name: Option<String>,
    /// What to scrape. Writing it here allows the check to reach it, without credentials.
    url: Option<Address>,
    /// Instead of `url`: what follows the URL of the connection; "" is exactly that URL.
    path: Option<String>,
    /// Put on each of its series, besides those of the check.
    labels: BTreeMap<String, String>,
}

/// A text format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum FormatSetting {
    /// What the header of the answer says.
    #[default]
    Auto,
    /// Prometheus text 0.0.4.
    Text,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

/// How much one target may serve; what has more is not merged at all.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Maximum {
    /// Samples in the text.
    #[schemars(range(min = 1, max = 200_000))]
    pub(crate) samples: u32,
    /// Bytes of the text, decompressed; the host keeps no more of an answer than 1 MiB.
    #[schemars(range(min = 1, max = BODY_BYTES_MAX))]
    pub(crate) body_bytes: u32,
}

/// What the host keeps of an answer.
pub(crate) const BODY_BYTES_MAX: u32 = 1 << 20;

impl Default for Maximum {
    /// Ten times the series that a check may have, for much of it may be dropped; and all that the host keeps.
    fn default() -> Self {
        Self {
            samples: 50_000,
            body_bytes: BODY_BYTES_MAX,
        }
    }
}

/// A new name.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rename {
    /// Regular expression for the whole name of a family.
    pub(crate) from: WholePattern,
    /// `$1` is what the first parentheses found.
    pub(crate) to: String,
}

/// One thing to scrape, complete.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// Unique in the check.
    pub(crate) name: String,
    pub(crate) place: Place,
    pub(crate) labels: BTreeMap<String, String>,
}

/// Where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Absolute; the settings grant it.
    Url(String),
    /// What follows the URL of the connection.
    Path(String),
}

impl Settings {
    /// What the schema cannot say is said here.
    pub(crate) fn targets(&self) -> Result<Vec<Target>, Failure> {
        let single = self.url.is_some() || self.path.is_some();
        let targets = match (single, self.targets.is_empty()) {
            (true, true) => vec![target(&self.alone())?],
            (false, false) => self.targets.iter().map(target).collect::<Result<_, _>>()?,
            (true, false) => {
                return Err(Failure::settings(
                    "`targets` stand alone: put `url` or `path` among them",
                ));
            }
            (false, true) => {
                return Err(Failure::settings(
                    "nothing to scrape: set `url`, or `path` with a connection, or `targets`",
                ));
            }
        };
        distinct(&targets)?;
        Ok(targets)
    }

    fn alone(&self) -> TargetSettings {
        TargetSettings {
            name: self.name.clone(),
            url: self.url.clone(),
            path: self.path.clone(),
            labels: BTreeMap::new(),
        }
    }

    pub(crate) fn rules(&self, targets: usize) -> Result<Rules, Failure> {
        let unless_said = if targets > 1 { "instance" } else { "" };
        let target_label = self.target_label.as_deref().unwrap_or(unless_said);
        let rules = Rules {
            keep: self.keep.clone(),
            drop: self.drop.clone(),
            rename: self.rename.clone(),
            prefix: self.name_prefix.clone(),
            labels: self.add_labels.clone(),
            drop_labels: self.drop_labels.iter().cloned().collect(),
            rename_labels: self.rename_labels.clone(),
            target_label: (!target_label.is_empty()).then(|| target_label.to_owned()),
        };
        let own = self.targets.iter().flat_map(|target| target.labels.keys());
        rules.check(own)?;
        Ok(rules)
    }

    pub(crate) fn timeout_ms(&self) -> Option<u32> {
        // The schema keeps it between 10 ms and an hour.
        self.timeout_seconds.map(|seconds| (seconds * 1000.0).ceil() as u32)
    }
}

fn target(own: &TargetSettings) -> Result<Target, Failure> {
    let place = match (&own.url, &own.path) {
        (Some(url), None) => Place::Url(url.as_str().to_owned()),
        (None, Some(path)) => Place::Path(path.clone()),
        _ => {
            let name = own.name.as_deref().unwrap_or("without a name");
            return Err(Failure::settings(format_args!(
                "target `{name}` needs either `url` or `path`"
            )));
        }
    };
    Ok(Target {
        name: own.name.clone().unwrap_or_else(|| default_name(&place)),
        place,
        labels: own.labels.clone(),
    })
}

/// Queries hold tokens and make names long, so they are no part of one.
fn default_name(place: &Place) -> String {
    let text = match place {
        Place::Url(url) => url,
        Place::Path(path) => path,
    };
    let plain = text.split(['?', '#']).next().unwrap_or_default();
    if plain.is_empty() {
        "connection".to_owned()
    } else {
        plain.to_owned()
    }
}

fn distinct(targets: &[Target]) -> Result<(), Failure> {
    let mut seen = BTreeSet::new();
    match targets.iter().find(|target| !seen.insert(&target.name)) {
        Some(target) => Err(Failure::settings(format_args!(
            "two targets are called `{}`: give each a `name` of its own",
            target.name
        ))),
        None => Ok(()),
    }
}
