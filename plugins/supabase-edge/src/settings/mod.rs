//! What stands under `settings` in the configuration.
//!
//! Flows in: JSON that fits the schema made from these types. Flows out: the types, after what a schema cannot say was checked
//! too. It knows nothing of requests.

pub(crate) mod expect;
pub(crate) mod flow;
pub(crate) mod function;
pub(crate) mod management;
pub(crate) mod span;
pub(crate) mod surface;

use std::collections::{BTreeMap, BTreeSet};

use bellwether_sdk::Failure;
use schemars::JsonSchema;
use serde::Deserialize;

use self::{
    flow::Flow,
    function::{Discover, Function, check_regions},
    management::Management,
    surface::Surfaces,
};
use crate::alias;

/// Something to look at is needed: at least one function, surface, flow, `discover` or `management`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The project's reference, twenty letters. Needed for `management` alone, and only where the project's URL is not
    /// `https://REFERENCE.supabase.co/`.
    #[schemars(regex(pattern = "^[a-z]{20}$"))]
    pub(crate) project: Option<String>,
    /// In which regions functions run, one call each, unless a function says otherwise. Naming one switches off the platform's
    /// own choice, also while that region is down.
    pub(crate) regions: Vec<String>,
    /// Functions to call, by names of your own: the name a function is deployed under, unless `slug` says another.
    pub(crate) functions: BTreeMap<String, Function>,
    /// Calls functions that are deployed and not named in `functions`. Needs `management`.
    pub(crate) discover: Option<Discover>,
    /// What stands beside the functions.
    pub(crate) surfaces: Surfaces,
    /// State of project, services and deployments, by the Management API. Needs the slot `management`.
    pub(crate) management: Option<Management>,
    /// End-to-end checks, by names of your own.
    pub(crate) flows: BTreeMap<String, Flow>,
    /// When the server's certificate has few days left.
    pub(crate) certificate_days: CertificateDays,
    /// Reports `edge_NAME_duration_ms` as well, for dashboards that have it: a family for each name, in milliseconds.
    pub(crate) duration_ms_aliases: bool,
}

/// How many days before a certificate ends. Unless said: a warning from 14, critical from 3.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("x-bellwether-ascending" = ["critical", "warning"]))]
pub(crate) struct CertificateDays {
    /// Will need a person soon.
    #[schemars(range(min = 0))]
    pub(crate) warning: f64,
    /// Needs a person now.
    #[schemars(range(min = 0))]
    pub(crate) critical: f64,
}

impl Default for CertificateDays {
    fn default() -> Self {
        Self {
            warning: 14.0,
            critical: 3.0,
        }
    }
}

/// How bad it is when something does not work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Severity {
    /// A person is needed soon.
    Warning,
    /// A person is needed now.
    #[default]
    Critical,
}

impl Settings {
    /// What the schema cannot say.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        self.problem().map_err(Failure::settings)
    }

    fn problem(&self) -> Result<(), String> {
        if self.is_idle() {
            return Err(
                "there is nothing to look at: name a function, such as `[…settings.functions.NAME]`".to_owned(),
            );
        }
        check_regions(&self.regions, "settings")?;
        self.check_functions()?;
        self.check_surfaces()?;
        for (name, flow) in &self.flows {
            flow.check(&format!("flows.{name}"))?;
        }
        self.check_management()
    }

    fn is_idle(&self) -> bool {
        let Surfaces {
            auth,
            rest,
            storage,
            realtime,
            runtime,
        } = &self.surfaces;
        let surfaces = [auth, storage, realtime, runtime].into_iter().any(Option::is_some) || rest.is_some();
        self.functions.is_empty()
            && self.flows.is_empty()
            && self.discover.is_none()
            && self.management.is_none()
            && !surfaces
    }

    fn check_functions(&self) -> Result<(), String> {
        let mut aliases = BTreeSet::new();
        for (name, function) in &self.functions {
            let at = format!("functions.{name}");
            if function.slug.is_none() && !is_slug(name) {
                return Err(format!("{at}: no function can be called `{name}`; add `slug`"));
            }
            function.check(&at)?;
            if name.len() > NAME_BYTES_MAX {
                return Err(format!("{at}: a name has at most {NAME_BYTES_MAX} characters"));
            }
            if self.duration_ms_aliases && !aliases.insert(alias::family_name(name)) {
                return Err(format!("{at}: another name becomes `{}` too", alias::family_name(name)));
            }
        }
        Ok(())
    }

    fn check_surfaces(&self) -> Result<(), String> {
        let Surfaces {
            auth,
            rest,
            storage,
            realtime,
            runtime,
        } = &self.surfaces;
        let plain = [
            ("auth", auth),
            ("storage", storage),
            ("realtime", realtime),
            ("runtime", runtime),
        ];
        for (name, surface) in plain {
            if let Some(surface) = surface {
                surface.expect.check(&format!("surfaces.{name}.expect"))?;
            }
        }
        match rest {
            Some(rest) => rest.expect.check("surfaces.rest.expect"),
            None => Ok(()),
        }
    }

    fn check_management(&self) -> Result<(), String> {
        if let Some(discover) = &self.discover {
            discover.check()?;
            if !self.management.as_ref().is_some_and(Management::functions) {
                return Err("discover needs the list of functions: add `management = {}`".to_owned());
            }
        }
        match &self.management {
            Some(management) => management.check(),
            None => Ok(()),
        }
    }
}

/// Names become labels, and with `duration_ms_aliases` parts of metric names, which may have 256 bytes.
const NAME_BYTES_MAX: usize = 128;

/// What a function can be deployed under.
pub(crate) fn is_slug(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    name.starts_with(|first: char| first.is_ascii_alphanumeric()) && name.bytes().all(plain)
}

#[cfg(test)]
mod tests;
