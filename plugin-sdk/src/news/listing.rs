//! The default text of a notification: one line for each alert, for media that show one text and a receiver without a template.

use super::{Alert, Labels, Notification};
use crate::text;

/// Longest line of one alert: a few labels and a sentence. The rest of a group must be seen, too.
const LINE_UNITS_MAX: usize = 500;

impl Notification {
    /// One line for a person, never "": the title, or what there is without.
    pub fn headline(&self) -> String {
        let title = self.title.split_whitespace().collect::<Vec<_>>().join(" ");
        if !title.is_empty() {
            return title;
        }
        let firing = self.firing().count();
        let state = match firing {
            some if self.has_occurred() => format!("NEW:{some}"),
            0 => "RESOLVED".to_owned(),
            some => format!("FIRING:{some}"),
        };
        let name = self.common_labels.get("alertname").unwrap_or(&self.receiver);
        format!("[{state}] {name}")
    }

    /// What to say below the headline, in at most `max`, where a character takes what `cost` says: the text of the receiver's
    /// template, else a line for each alert, firing ones first. What does not fit is counted.
    pub fn body(&self, max: usize, cost: impl Fn(char) -> usize + Copy) -> String {
        let text = self.text.trim();
        if !text.is_empty() {
            return text::cut_by(text, max, cost).into_owned();
        }
        let ordered: Vec<&Alert> = self.firing().chain(self.resolved()).collect();
        let lines = ordered.into_iter().map(|alert| self.line(alert));
        text::lines_within(lines, self.truncated_alerts as usize, max, cost)
    }

    /// What sets an alert apart from the others of its group, and what it says, in one line for a person.
    pub fn line(&self, alert: &Alert) -> String {
        let labels = own_labels(&alert.labels, &self.common_labels);
        let what = match (labels.is_empty(), self.alerts.len()) {
            (true, _) => alert.name().to_owned(),
            (false, _) if self.common_labels.get("alertname").is_none() => format!("{} ({labels})", alert.name()),
            (false, _) => labels,
        };
        let said = ["summary", "description", "message"]
            .into_iter()
            .find_map(|name| alert.annotations.get(name))
            .unwrap_or_default();
        let line = match (alert.is_firing(), said.is_empty()) {
            (true, true) => what,
            (true, false) => format!("{what}: {said}"),
            (false, true) => format!("resolved: {what}"),
            (false, false) => format!("resolved: {what}: {said}"),
        };
        let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
        text::cut(&line, LINE_UNITS_MAX).into_owned()
    }
}

fn own_labels(labels: &Labels, common: &Labels) -> String {
    let own = labels
        .iter()
        .filter(|(name, _)| *name != "alertname" && common.get(name).is_none());
    let each: Vec<String> = own.map(|(name, value)| format!("{name}={value}")).collect();
    each.join(", ")
}

#[cfg(test)]
mod tests {
    use crate::{
        fake::news::{alert, alerts, notification, resolved},
        text::units,
    };

    #[test]
    fn one_alert_is_named_and_several_are_told_apart() {
        let body = |alerts| notification(alerts).body(1_000, char::len_utf16);
        assert_eq!(body(vec![alert("Down")]), "Down: something is wrong");
        assert_eq!(
            body(alerts("Down", 2)),
            "instance=host-0.example.com:9100: something is wrong\ninstance=host-1.example.com:9100: something is wrong"
        );
        assert_eq!(
            body(vec![resolved("Down"), alert("Slow")]),
            "Slow: something is wrong\nresolved: Down: something is wrong"
        );
    }

    #[test]
    fn a_template_goes_before_and_a_count_behind_what_is_left_out() {
        let mut news = notification(alerts("Down", 5_000));
        news.truncated_alerts = 10;
        let body = news.body(200, char::len_utf16);
        assert!(
            body.ends_with("… and 5007 more alerts") && units(&body) <= 200,
            "{body}"
        );
        news.text = " by hand \n".to_owned();
        assert_eq!(news.body(200, char::len_utf16), "by hand");
        assert_eq!(news.body(4, char::len_utf16), "by h");
    }

    #[test]
    fn there_is_always_a_headline_of_one_line() {
        let mut news = notification(alerts("Down", 2));
        news.title = "a\n  b".to_owned();
        assert_eq!(news.headline(), "a b");
        news.title.clear();
        assert_eq!(news.headline(), "[FIRING:2] Down");
        assert_eq!(notification(vec![alert("A"), resolved("B")]).headline(), "[FIRING:2] A");
    }
}
