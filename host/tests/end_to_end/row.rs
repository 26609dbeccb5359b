//! What each row of the two services' alerting guides comes to: an alert by its name and severity, the labels that say what it is about,
//! and words that must be beside it. And how to find that in what people read.
//!
//! A notification describes alerts in paragraphs. Labels that all of them share stand once, in a paragraph of their own.

/// One alert of the guides.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// As in the guides.
    pub(crate) item: &'static str,
    pub(crate) alert: &'static str,
    pub(crate) severity: &'static str,
    /// As they are written: `name=value`.
    pub(crate) labels: Vec<String>,
    /// While it fires.
    pub(crate) words: Vec<String>,
}

impl Row {
    pub(crate) fn new(
        item: &'static str,
        (alert, severity): (&'static str, &'static str),
        labels: &[&str],
        words: &[&str],
    ) -> Self {
        let owned = |all: &[&str]| all.iter().map(|text| (*text).to_owned()).collect();
        Self {
            item,
            alert,
            severity,
            labels: owned(labels),
            words: owned(words),
        }
    }

    /// Whether one of these says that it fires.
    pub(crate) fn is_told(&self, notifications: &[String]) -> bool {
        let says = |paragraph: &Told<'_>| self.words.iter().all(|words| paragraph.text.contains(words.as_str()));
        self.found("FIRING", notifications).any(|told| says(&told))
    }

    /// Whether one of these says that it is over, and because it is no longer so.
    pub(crate) fn is_over(&self, notifications: &[String]) -> bool {
        let cause = "its condition no longer holds";
        self.found("RESOLVED", notifications)
            .any(|told| told.text.contains(cause))
    }

    /// Paragraphs about it, among those that say so.
    fn found<'n>(&'n self, state: &'n str, notifications: &'n [String]) -> impl Iterator<Item = Told<'n>> {
        let head = format!("{state} {} ({})", self.alert, self.severity);
        let all = notifications.iter().flat_map(|notification| told(notification));
        let is_it = move |told: &Told<'_>| {
            let about = |label: &String| told.text.contains(label.as_str()) || told.shared.contains(label.as_str());
            told.text.lines().any(|line| line.starts_with(&head)) && self.labels.iter().all(about)
        };
        all.filter(is_it)
    }
}

/// One paragraph, and what all alerts of its notification share.
struct Told<'n> {
    text: &'n str,
    shared: &'n str,
}

fn told(notification: &str) -> impl Iterator<Item = Told<'_>> {
    // At Sentry it stands right below the title.
    let shared = notification.lines().find(|line| line.starts_with("All of them: "));
    notification.split("\n\n").map(move |text| Told {
        text,
        shared: shared.unwrap_or_default(),
    })
}

#[test]
fn an_alert_is_found_by_what_stands_in_its_own_paragraph() {
    let notification = "FIRING critical (2): Down (check=edge)\n\nAll of them: check=edge, severity=critical\n\n\
        FIRING Down (critical)\nis critical: status 500 (code one)\ntarget=a\n\nFIRING Down (critical)\nis critical: status 546 (code other)\ntarget=b\n\n\
        RESOLVED Slow (warning): its condition no longer holds\ncheck=edge, target=c";
    let all = [notification.to_owned()];
    let row = |severity, labels: &[&str], words: &[&str]| Row::new("A39", ("Down", severity), labels, words);
    assert!(row("critical", &["check=edge", "target=a"], &["code one"]).is_told(&all));
    assert!(!row("critical", &["check=edge", "target=a"], &["code other"]).is_told(&all));
    assert!(!row("warning", &["target=a"], &[]).is_told(&all));
    assert!(!row("critical", &["target=a"], &[]).is_over(&all));
    assert!(Row::new("A36", ("Slow", "warning"), &["check=edge", "target=c"], &[]).is_over(&all));
}
