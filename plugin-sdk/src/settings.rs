//! The settings of a check: from the table in the configuration to the plugin's own type.
//!
//! A settings type derives `Deserialize` and `JsonSchema`, with `#[serde(deny_unknown_fields)]`: the schema then refuses a
//! mistyped key while the configuration is loaded, with its position, instead of ignoring it.

use std::{borrow::Cow, fmt, ops::Deref};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, de::DeserializeOwned};

use crate::{Failure, Status};

/// The keyword by which the host knows that a settings field is an address, and so a grant.
pub const GRANT_KEYWORD: &str = "x-bellwether-grant";

/// The keyword by which the host knows that numbers of a settings table must not descend, such as a warning and the critical
/// value after it: `#[schemars(extend("x-bellwether-ascending" = ["warning", "critical"]))]` on the type of the table. Where
/// lower is worse, the names stand the other way round. What is not set is passed over.
pub const ASCENDING_KEYWORD: &str = "x-bellwether-ascending";

/// The keyword by which the host knows that a text, or each of a list or table of texts, must be a regular expression, so that a
/// mistyped one is refused while the configuration is loaded: `#[schemars(extend("x-bellwether-pattern" = "regex-lite"))]` on
/// the field. The value is the crate that reads it, `regex` or `regex-lite`.
pub const PATTERN_KEYWORD: &str = "x-bellwether-pattern";

/// For a check without settings.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoSettings {}

/// When to warn: two levels of one value that is bad when it is high, either or both. Whether reaching a level is enough or it
/// must be passed, the setting's own description says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("x-bellwether-ascending" = ["warning", "critical"]))]
pub struct Levels {
    /// Will need a person soon.
    #[schemars(range(min = 0))]
    pub warning: Option<f64>,
    /// Needs a person now.
    #[schemars(range(min = 0))]
    pub critical: Option<f64>,
}

impl Levels {
    /// Only a warning.
    pub const fn warning(level: f64) -> Self {
        Self {
            warning: Some(level),
            critical: None,
        }
    }

    /// A warning and, above it, critical.
    pub const fn both(warning: f64, critical: f64) -> Self {
        Self {
            warning: Some(warning),
            critical: Some(critical),
        }
    }

    /// The worst level that `value` is at or above, and what that means; none below both.
    pub fn reached(self, value: f64) -> Option<(Status, f64)> {
        self.worst(|level| value >= level)
    }

    /// The worst level that `value` is above, and what that means; none at the lower one or below.
    pub fn passed(self, value: f64) -> Option<(Status, f64)> {
        self.worst(|level| value > level)
    }

    fn worst(self, holds: impl Fn(f64) -> bool) -> Option<(Status, f64)> {
        let levels = [(Status::Critical, self.critical), (Status::Warning, self.warning)];
        let set = levels.into_iter().filter_map(|(status, level)| Some((status, level?)));
        set.into_iter().find(|(_, level)| holds(*level))
    }
}

/// An address in the settings. Writing one grants the check to reach it, without credentials; `validate --print` lists
/// every grant made so. A check whose target needs credentials takes a connection slot instead.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(transparent)]
pub struct Address(String);

impl Address {
    /// As it stands in the configuration.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Deref for Address {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl JsonSchema for Address {
    /// Inline, so that the keyword stands in the field itself and nobody has to follow a reference to find it.
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Address".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1, GRANT_KEYWORD: true })
    }
}

/// The settings table as the plugin's type. The host has checked it against the schema; what the schema cannot say is
/// said here, as a failure of kind `settings`.
pub(crate) fn parse<S: DeserializeOwned>(json: &str) -> Result<S, Failure> {
    serde_json::from_str(json).map_err(|error| Failure::settings(format_args!("the settings cannot be read: {error}")))
}

/// The schema of a settings type, as the host gets it.
pub(crate) fn schema<S: JsonSchema>() -> Schema {
    SchemaGenerator::default().into_root_schema_for::<S>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its schema is looked at")]
    struct Wanted {
        url: Address,
        mirror: Option<Address>,
    }

    #[test]
    fn an_address_carries_its_grant_in_the_field_itself() {
        let schema = schema::<Wanted>();
        let field = |name: &str| schema.pointer(&format!("/properties/{name}/{GRANT_KEYWORD}")).cloned();
        assert_eq!(field("url"), Some(true.into()));
        assert_eq!(field("mirror"), Some(true.into()));
    }

    #[test]
    fn deny_unknown_fields_reaches_the_schema() {
        assert_eq!(schema::<Wanted>().get("additionalProperties"), Some(&false.into()));
        assert_eq!(schema::<NoSettings>().get("additionalProperties"), Some(&false.into()));
    }

    #[test]
    fn the_worst_level_counts_and_only_beyond_it_where_it_must_be_passed() {
        let levels = Levels::both(2.0, 5.0);
        assert_eq!(levels.reached(1.9), None);
        assert_eq!(levels.reached(2.0), Some((Status::Warning, 2.0)));
        assert_eq!(levels.reached(5.0), Some((Status::Critical, 5.0)));
        assert_eq!(levels.passed(2.0), None);
        assert_eq!(levels.passed(5.0), Some((Status::Warning, 2.0)));
        assert_eq!(Levels::warning(0.0).passed(0.1), Some((Status::Warning, 0.0)));
        assert_eq!(Levels::default().reached(f64::INFINITY), None);
    }

    #[test]
    fn a_warning_above_critical_is_refused_by_the_schema() {
        let schema = schema::<Levels>();
        assert_eq!(
            schema.get(ASCENDING_KEYWORD),
            Some(&serde_json::json!(["warning", "critical"]))
        );
    }

    #[test]
    fn settings_that_cannot_be_read_are_the_users_to_mend() {
        let failure = parse::<NoSettings>(r#"{"intervall": 3}"#).expect_err("an unknown key");
        assert_eq!(failure.kind(), crate::FailureKind::Settings);
        assert!(failure.message().contains("intervall"), "{failure}");
    }
}
