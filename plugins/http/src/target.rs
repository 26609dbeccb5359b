//! From settings to targets: each with its name, its place and all that holds for it.

use std::collections::BTreeSet;

use bellwether_sdk::Failure;

use crate::settings::{ExpectSettings, RequestSettings, Settings, Severity, TargetSettings};

/// One thing to ask.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// Unique in the check.
    pub(crate) name: String,
    pub(crate) place: Place,
    pub(crate) request: RequestSettings,
    pub(crate) expect: ExpectSettings,
    pub(crate) severity: Severity,
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
            (true, true) => vec![self.target(&self.alone())?],
            (false, false) => self
                .targets
                .iter()
                .map(|one| self.target(one))
                .collect::<Result<_, _>>()?,
            (true, false) => {
                return Err(Failure::settings(
                    "`targets` stand alone: put `url` or `path` among them",
                ));
            }
            (false, true) => {
                return Err(Failure::settings(
                    "nothing to ask: set `url`, or `path` with a connection, or `targets`",
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
            ..TargetSettings::default()
        }
    }

    fn target(&self, own: &TargetSettings) -> Result<Target, Failure> {
        let place = place(own)?;
        Ok(Target {
            name: own.name.clone().unwrap_or_else(|| default_name(&place)),
            place,
            request: own.request.over(&self.request),
            expect: own.expect.over(&self.expect),
            severity: own.severity.or(self.severity).unwrap_or_default(),
        })
    }
}

fn place(own: &TargetSettings) -> Result<Place, Failure> {
    match (&own.url, &own.path) {
        (Some(url), None) => Ok(Place::Url(url.as_str().to_owned())),
        (None, Some(path)) => Ok(Place::Path(path.clone())),
        (Some(url), Some(_)) => Err(Failure::settings(format_args!(
            "target `{url}` has a `url` and a `path`: a path is for targets on the connection"
        ))),
        (None, None) => {
            let name = own.name.as_deref().unwrap_or("without a name");
            Err(Failure::settings(format_args!(
                "target `{name}` has neither `url` nor `path`"
            )))
        }
    }
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
