//! Templates of receivers: which of them mean the same here.

use super::super::foreign::{Doc, Fields};

/// Beginnings of what works in Alertmanager's templates only: templates that are defined elsewhere, and methods of its types.
const ONLY_THERE: [&str; 6] = ["template ", "define ", "block ", ".SortedPairs", ".Remove ", ".Names"];

/// A template that is rendered the same here. Of another, it is said that the plugin's own text stands in its place.
pub(super) fn read(doc: &Doc<'_, '_>, fields: &Fields<'_>, key: &str) -> Option<String> {
    let text = doc.text(fields, key)?;
    let Some(only) = foreign(&text.value) else {
        return Some(here(&text.value)).filter(|text| !text.is_empty());
    };
    let message = format!(
        "the template in `{key}` is not taken over: `{}` means nothing here",
        only.trim()
    );
    let hint = "the receiver's usual text stands in its place; `title` and `text` of a [receiver.NAME] are templates"
        .to_owned();
    doc.reading.warn(text.span, message, hint);
    None
}

/// Lists that are methods of another there stand beside it here.
fn here(text: &str) -> String {
    text.replace(".Alerts.Firing", ".Firing")
        .replace(".Alerts.Resolved", ".Resolved")
}

fn foreign(text: &str) -> Option<&'static str> {
    let mut actions = text.split("{{").skip(1).filter_map(|rest| rest.split("}}").next());
    actions.find_map(|action| ONLY_THERE.into_iter().find(|only| format!("{action} ").contains(only)))
}

#[cfg(test)]
mod tests {
    use super::{foreign, here};

    #[test]
    fn templates_that_need_alertmanager_are_recognised() {
        assert_eq!(foreign("[{{ .Status }}] {{ .CommonLabels.alertname }}"), None);
        assert_eq!(foreign("the template is {{ .Status }}"), None);
        assert_eq!(foreign(r#"{{ template "slack.title" . }}"#), Some("template "));
        assert_eq!(foreign(r#"{{- template "x" . -}}"#), Some("template "));
        assert_eq!(
            foreign("{{ range .CommonLabels.SortedPairs }}{{ end }}"),
            Some(".SortedPairs")
        );
    }

    #[test]
    fn lists_of_alerts_are_named_as_here() {
        let text = "{{ len .Alerts.Firing }} of {{ len .Alerts }}, {{ range $.Alerts.Resolved }}x{{ end }}";
        assert_eq!(
            here(text),
            "{{ len .Firing }} of {{ len .Alerts }}, {{ range $.Resolved }}x{{ end }}"
        );
    }
}
