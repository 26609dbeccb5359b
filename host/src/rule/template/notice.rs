//! Templates of what receivers are sent: the same engine, functions and limits, over a tree of [`Data`].
//!
//! Flows in: a text of the configuration, and the data of one notification. Flows out: text, or why there is none; who sends
//! falls back to its own words then. There is no evaluation behind it: `query` and `verdict` say so.

use std::{collections::BTreeMap, rc::Rc, sync::Arc};

use bellwether_promql::value::Sample;
use gotmpl::Value;

use super::{Answers, EXPANSION, Expansion, Inside, Template, TemplateFault, VerdictSeen, execute};

/// What a template sees under `.`.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// Prints as it is.
    Text(Arc<str>),
    /// Prints as Go prints a float.
    Number(f64),
    /// For `if`.
    Flag(bool),
    /// For `range`.
    List(Vec<Data>),
    /// Fields by name, and for `range` with key and value, in order of the keys.
    Map(BTreeMap<Arc<str>, Data>),
}

impl Data {
    /// A map of these.
    pub fn map<K: Into<Arc<str>>>(entries: impl IntoIterator<Item = (K, Self)>) -> Self {
        Self::Map(entries.into_iter().map(|(key, value)| (key.into(), value)).collect())
    }

    fn value(&self) -> Value {
        match self {
            Self::Text(text) => Value::String(Arc::clone(text)),
            Self::Number(number) => Value::Float(*number),
            Self::Flag(flag) => Value::Bool(*flag),
            Self::List(items) => Value::List(items.iter().map(Self::value).collect()),
            Self::Map(entries) => {
                let entries = entries.iter().map(|(key, value)| (Arc::clone(key), value.value()));
                Value::Map(Arc::new(entries.collect()))
            }
        }
    }
}

impl From<&str> for Data {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

/// Why a text is no template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct NoticeFault {
    /// Byte of the text.
    pub at: usize,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl From<TemplateFault> for NoticeFault {
    fn from(fault: TemplateFault) -> Self {
        Self {
            at: fault.at,
            message: fault.message,
            hint: fault.hint,
        }
    }
}

/// A `title` or `text` of a receiver.
#[derive(Clone, Debug, PartialEq)]
pub struct NoticeTemplate(Template);

impl NoticeTemplate {
    /// Errors: it is none, names a function, variable or template that does not exist, or is too long.
    pub fn parse(text: &str) -> Result<Self, NoticeFault> {
        Ok(Self(Template::parse_after("", text)?))
    }

    /// As written.
    pub fn text(&self) -> &Arc<str> {
        self.0.text()
    }

    /// `at`: milliseconds since the Unix epoch, for `now`. `url`: for `externalURL`.
    pub fn expand(&self, data: &Data, at: i64, url: &str) -> Result<Arc<str>, String> {
        let Some(parsed) = &self.0.parsed else {
            return Ok(Arc::clone(&self.0.text));
        };
        let expansion = Expansion {
            answers: Rc::new(Nobody),
            at,
            url: url.to_owned(),
            steps: 0,
        };
        EXPANSION.with(|slot| *slot.borrow_mut() = Some(expansion));
        let _inside = Inside;
        execute(parsed, &data.value())
    }
}

/// Answers nothing: the evaluation that led here is over.
struct Nobody;

impl Answers for Nobody {
    fn query(&self, _text: &str) -> Result<Vec<Sample>, String> {
        Err("`query` works in rules only: put its result into an annotation".to_owned())
    }

    fn verdict(&self, _check: &str, _target: &str) -> Option<VerdictSeen> {
        None
    }

    fn is_late(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> Result<String, String> {
        let alert = |name: &str| {
            Data::map([(
                "Labels",
                Data::map([("alertname", Data::from(name)), ("job", "api".into())]),
            )])
        };
        let data = Data::map([
            ("Status", Data::from("firing")),
            ("Count", Data::Number(2.0)),
            ("Alerts", Data::List(vec![alert("A"), alert("B")])),
        ]);
        let template = NoticeTemplate::parse(text).map_err(|fault| fault.to_string())?;
        template
            .expand(&data, 60_000, "https://host")
            .map(|text| text.to_string())
    }

    #[test]
    fn fields_lists_and_functions_work_as_in_go() {
        assert_eq!(expanded("{{ .Status | toUpper }} {{ .Count }}").unwrap(), "FIRING 2");
        assert_eq!(
            expanded("{{ range .Alerts }}{{ .Labels.alertname }};{{ end }}").unwrap(),
            "A;B;"
        );
        assert_eq!(
            expanded("{{ range $k, $v := (index .Alerts 0).Labels }}{{ $k }}={{ $v }} {{ end }}").unwrap(),
            "alertname=A job=api "
        );
        assert_eq!(expanded("{{ externalURL }} {{ now }}").unwrap(), "https://host 60");
    }

    #[test]
    fn what_is_not_there_is_empty_and_what_is_wrong_says_where() {
        assert_eq!(expanded("[{{ .CommonLabels.nothing }}]").unwrap(), "[]");
        let fault = NoticeTemplate::parse("ab {{ .Status | toUper }}").unwrap_err();
        assert_eq!(fault.at, 16);
        assert_eq!(fault.hint.as_deref(), Some("did you mean `toUpper`?"));
        assert!(
            expanded("{{ query \"up\" }}")
                .unwrap_err()
                .contains("works in rules only")
        );
        assert!(NoticeTemplate::parse("{{ $labels.job }}").is_err());
    }
}
