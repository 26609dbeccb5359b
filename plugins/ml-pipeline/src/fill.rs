//! Templates of paths and bodies in presets: `<model>` is a setting, and what stands in `[…]` is left out when a setting in it is not given.

/// Settings by the names that templates use.
#[derive(Clone, Debug, Default)]
pub(crate) struct Params<'s>(Vec<(&'static str, &'s str)>);

impl<'s> Params<'s> {
    /// Of those that are set.
    pub(crate) fn new(all: impl IntoIterator<Item = (&'static str, Option<&'s str>)>) -> Self {
        let set = all.into_iter().filter_map(|(name, value)| Some((name, value?)));
        Self(set.collect())
    }

    /// The value of a setting.
    pub(crate) fn get(&self, name: &str) -> Option<&'s str> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    /// A path or query; the values are percent-encoded. An error names the first setting that is missing.
    pub(crate) fn path(&self, template: &str) -> Result<String, String> {
        let Some((before, rest)) = template.split_once('[') else {
            return self.fill(template, percent);
        };
        let (optional, after) = rest.split_once(']').unwrap_or((rest, ""));
        let optional = self.fill(optional, percent).unwrap_or_default();
        Ok(self.fill(before, percent)? + &optional + &self.path(after)?)
    }

    /// A JSON text; the values are escaped for the strings they stand in.
    pub(crate) fn body(&self, template: &str) -> Result<String, String> {
        self.fill(template, escaped)
    }

    fn fill(&self, template: &str, encode: fn(&str) -> String) -> Result<String, String> {
        let mut filled = String::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('<') {
            let (name, after) = after.split_once('>').unwrap_or((after, ""));
            let value = self.get(name).ok_or_else(|| name.to_owned())?;
            filled.push_str(before);
            filled.push_str(&encode(value));
            rest = after;
        }
        Ok(filled + rest)
    }
}

/// Everything but the unreserved characters of RFC 3986.
fn percent(value: &str) -> String {
    let mut encoded = String::new();
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// As it stands between quotes in JSON.
fn escaped(value: &str) -> String {
    let quoted = serde_json::Value::from(value).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params() -> Params<'static> {
        Params::new([
            ("model", Some("two tower/768")),
            ("version", None),
            ("alias", Some("a\"b")),
        ])
    }

    #[test]
    fn what_is_optional_is_left_out_with_its_setting() {
        assert_eq!(
            params().path("/v2/models/<model>[/versions/<version>]/ready[?a=<alias>]"),
            Ok("/v2/models/two%20tower%2F768/ready?a=a%22b".to_owned())
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(params().path("/<version>"), Err("version".to_owned()));
    }

    #[test]
    fn bodies_are_escaped_as_json() {
        assert_eq!(
            params().body(r#"{"a":["<alias>"]}"#),
            Ok(r#"{"a":["a\"b"]}"#.to_owned())
        );
    }
}
