//! The settings of a check: from the table in the configuration to the plugin's own type.
//!
//! A settings type derives `Deserialize` and `JsonSchema`, with `#[serde(deny_unknown_fields)]`: the schema then refuses a
//! mistyped key while the configuration is loaded, with its position, instead of ignoring it.

use std::{borrow::Cow, fmt, ops::Deref};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, de::DeserializeOwned};

use crate::Failure;

/// The keyword by which the host knows that a settings field is an address, and so a grant.
pub const GRANT_KEYWORD: &str = "x-bellwether-grant";

/// The keyword by which the host knows that numbers of a settings table must not descend, such as a warning and the critical
/// value after it: `#[schemars(extend("x-bellwether-ascending" = ["warning", "critical"]))]` on the type of the table. Where
/// lower is worse, the names stand the other way round. What is not set is passed over.
pub const ASCENDING_KEYWORD: &str = "x-bellwether-ascending";

/// For a check without settings.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoSettings {}

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
    fn settings_that_cannot_be_read_are_the_users_to_mend() {
        let failure = parse::<NoSettings>(r#"{"intervall": 3}"#).expect_err("an unknown key");
        assert_eq!(failure.kind(), crate::FailureKind::Settings);
        assert!(failure.message().contains("intervall"), "{failure}");
    }
}
