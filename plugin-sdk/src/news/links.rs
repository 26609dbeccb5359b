//! Where a notification leads to.

use super::Notification;

/// Longest address: browsers and chats stop at about twice as much.
const URL_BYTES_MAX: usize = 1_000;

/// Annotations that are links by custom, and what they are called.
const ANNOTATIONS: [(&str, &str); 4] = [
    ("runbook_url", "Runbook"),
    ("runbook", "Runbook"),
    ("dashboard_url", "Dashboard"),
    ("dashboard", "Dashboard"),
];

impl Notification {
    /// Names and addresses, of each name one: where to silence it, its runbook and dashboard, where it comes from. Only whole addresses
    /// over HTTP in plain ASCII, so that nothing in them ends a link early; whoever writes one escapes what ends a link in its medium.
    pub fn links(&self) -> Vec<(&'static str, &str)> {
        let annotation = |(name, title): &(&str, &'static str)| Some((*title, self.common_annotations.get(name)?));
        let silence = self.detail("silence-url").map(|url| ("Silence", url));
        let source = self
            .alerts
            .first()
            .map(|alert| ("Source", alert.generator_url.as_str()));
        let own = ("Bellwether", self.external_url.as_str());
        let all = silence
            .into_iter()
            .chain(ANNOTATIONS.iter().filter_map(annotation))
            .chain(source)
            .chain([own]);
        let mut links: Vec<(&str, &str)> = Vec::new();
        for (title, url) in all.filter(|(_, url)| is_link(url)) {
            if !links.iter().any(|(known, _)| *known == title) {
                links.push((title, url));
            }
        }
        links
    }
}

fn is_link(url: &str) -> bool {
    let is_absolute = ["https://", "http://"].iter().any(|scheme| url.starts_with(scheme));
    is_absolute && url.len() <= URL_BYTES_MAX && url.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use crate::fake::news::{alert, notification};

    #[test]
    fn links_are_addresses_and_of_each_kind_one() {
        let mut one = alert("Down");
        one.annotations.set("runbook", "see the wiki");
        one.annotations.set("runbook_url", "https://wiki.example.com/down");
        one.annotations.set("dashboard", "javascript:alert(1)");
        one.generator_url = "https://example.com/a b".to_owned();
        let mut news = notification(vec![one]);
        news.details = vec![(
            "silence-url".to_owned(),
            "https://bellwether.example.com/silence?x=1".to_owned(),
        )];
        assert_eq!(
            news.links(),
            [
                ("Silence", "https://bellwether.example.com/silence?x=1"),
                ("Runbook", "https://wiki.example.com/down"),
                ("Bellwether", "https://bellwether.example.com/"),
            ]
        );
        news.external_url = format!("https://x.example.com/{}", "y".repeat(1_000));
        assert_eq!(news.links().len(), 2);
    }
}
