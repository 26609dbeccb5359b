//! What may not leave: secrets, and the values of labels that somebody named.
//!
//! Flows in: a message. Flows out: the same, in which secrets are blanked and each hidden value is a keyed hash wherever it
//! stands: in its label, in other labels, in annotations, links and the group's key. Two alerts that differ only in a hidden value
//! stay two, and stay the same two after a restart, because the key is kept. Names of labels, of alerts and of receivers are
//! configuration and stay.

use std::{borrow::Cow, collections::BTreeMap, ops::Range, sync::Arc};

use aho_corasick::{AhoCorasick, MatchKind};
use bellwether_promql::labels::Labels;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest as _, Sha256};

use crate::{
    alert::ALERT_NAME,
    dispatch::{Message, News},
    sandbox::{ForwardedEvent, ForwardedRun},
    secret::Redactor,
};

/// Bytes of the key of hashes.
pub const KEY_BYTES: usize = 32;

/// Hexadecimal digits of a hash: 48 bits tell a million values apart.
const DIGITS: usize = 12;

/// Hidden values shorter than this are found in other texts only where they stand alone: `1` hidden everywhere would leave
/// no number readable.
const ANYWHERE_BYTES_MIN: usize = 4;

/// Hides. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Hiding {
    names: Arc<[Arc<str>]>,
    key: Key,
    redactor: Redactor,
}

/// Of the hashes of hidden values.
#[derive(Clone)]
pub struct Key([u8; KEY_BYTES]);

impl Key {
    /// From random bytes that stay the same over restarts.
    pub const fn new(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(…)")
    }
}

impl Hiding {
    /// `names`: labels whose values are hidden.
    pub fn new(names: &[Arc<str>], key: Key, redactor: Redactor) -> Self {
        Self {
            names: names.into(),
            key,
            redactor,
        }
    }

    /// The message as it may go out.
    pub fn message(&self, message: &Message) -> Message {
        let hidden = self.hidden(message);
        Message {
            group_key: hidden.text(&message.group_key),
            group_labels: hidden.labels(&message.group_labels),
            alerts: message.alerts.iter().map(|news| hidden.news(news)).collect(),
            ..message.clone()
        }
    }

    /// A text of somebody else, such as an error of a server.
    pub fn secrets<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.redactor.redact(text)
    }

    /// A run as it may go out.
    pub fn run(&self, run: ForwardedRun) -> ForwardedRun {
        let own = run.labels.iter().filter(|(name, _)| self.is_named(name));
        let hidden = self.values(own.map(|(_, value)| value.as_str()));
        let label =
            |(name, value): &(String, String)| (name.clone(), hidden.label(name, &value.as_str().into()).to_string());
        let text = |text: &str| hidden.text(&text.into()).to_string();
        ForwardedRun {
            message: text(&run.message),
            labels: run.labels.iter().map(label).collect(),
            details: run
                .details
                .iter()
                .map(|(name, value)| (text(name), text(value)))
                .collect(),
            ..run
        }
    }

    /// What an application reported, which is scrubbed already, without secrets of the host's. Its length stays, since parts of it
    /// say how long they are.
    pub fn event(&self, mut event: ForwardedEvent) -> ForwardedEvent {
        event.message = self.secrets(&event.message).into_owned();
        let mut spans: Vec<Range<usize>> = Vec::new();
        let mut at = 0;
        for chunk in event.payload.utf8_chunks() {
            let found = self.redactor.spans(chunk.valid());
            spans.extend(found.into_iter().map(|span| at + span.start..at + span.end));
            at += chunk.valid().len() + chunk.invalid().len();
        }
        for span in spans {
            event.payload[span].fill(b'*');
        }
        event
    }

    fn hidden(&self, message: &Message) -> Hidden<'_> {
        let sets = message.alerts.iter().map(|news| &news.labels);
        let sets = sets.chain([&message.group_labels]);
        self.values(sets.flat_map(|labels| {
            self.names
                .iter()
                .filter_map(|name| labels.get(name).map(|value| &**value))
        }))
    }

    fn values<'v>(&self, values: impl Iterator<Item = &'v str>) -> Hidden<'_> {
        let mut tokens: BTreeMap<&str, String> = BTreeMap::new();
        for value in values {
            tokens.entry(value).or_insert_with(|| self.token(value));
        }
        Hidden {
            hiding: self,
            finder: Finder::of(&tokens),
        }
    }

    fn token(&self, value: &str) -> String {
        let mut hash = Sha256::new();
        // The key comes first and has one length, and only a part of the hash is shown, so nobody can extend it.
        hash.update(self.key.0);
        hash.update(value.as_bytes());
        let hash = hash.finalize();
        let digits: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("[hidden:{}]", &digits[..DIGITS])
    }

    fn is_named(&self, name: &str) -> bool {
        self.names.iter().any(|own| **own == *name)
    }
}

/// What is hidden in one message.
struct Hidden<'h> {
    hiding: &'h Hiding,
    finder: Option<Finder>,
}

impl Hidden<'_> {
    fn news(&self, news: &News) -> News {
        let annotations = news.annotations.iter();
        let annotations = annotations.map(|(name, value)| match self.hiding.is_named(name) {
            true => (Arc::clone(name), self.hiding.token(value).into()),
            false => (Arc::clone(name), self.text(value)),
        });
        let details = news.details.iter();
        News {
            labels: self.labels(&news.labels),
            annotations: annotations.collect(),
            generator_url: self.text(&news.generator_url),
            details: details
                .map(|(name, value)| (Arc::clone(name), self.text(value)))
                .collect(),
            ..news.clone()
        }
    }

    fn labels(&self, labels: &Labels) -> Labels {
        Labels::new(
            labels
                .iter()
                .map(|(name, value)| (Arc::clone(name), self.label(name, value))),
        )
    }

    fn label(&self, name: &str, value: &Arc<str>) -> Arc<str> {
        if self.hiding.is_named(name) {
            return self.hiding.token(value).into();
        }
        let clean = match self.hiding.redactor.redact_label(value) {
            Cow::Borrowed(_) => Arc::clone(value),
            Cow::Owned(clean) => clean.into(),
        };
        if name == ALERT_NAME {
            clean
        } else {
            self.without_hidden(clean)
        }
    }

    fn text(&self, text: &Arc<str>) -> Arc<str> {
        let clean = match self.hiding.redactor.redact(text) {
            Cow::Borrowed(_) => Arc::clone(text),
            Cow::Owned(clean) => clean.into(),
        };
        self.without_hidden(clean)
    }

    fn without_hidden(&self, text: Arc<str>) -> Arc<str> {
        match self.finder.as_ref().and_then(|finder| finder.replaced(&text)) {
            Some(replaced) => replaced.into(),
            None => text,
        }
    }
}

/// Finds hidden values in texts, as they are and as they stand in a URL, in whatever case.
struct Finder {
    search: AhoCorasick,
    tokens: Vec<String>,
}

impl Finder {
    /// `None`: nothing is hidden.
    fn of(tokens: &BTreeMap<&str, String>) -> Option<Self> {
        let mut patterns: Vec<(String, String)> = Vec::new();
        for (value, token) in tokens {
            let encoded = utf8_percent_encode(value, NON_ALPHANUMERIC).to_string();
            if encoded != **value {
                patterns.push((encoded, token.clone()));
            }
            patterns.push(((*value).to_owned(), token.clone()));
        }
        if patterns.is_empty() {
            return None;
        }
        let search = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .ascii_case_insensitive(true)
            .build(patterns.iter().map(|(pattern, _)| pattern))
            .ok()?;
        Some(Self {
            search,
            tokens: patterns.into_iter().map(|(_, token)| token).collect(),
        })
    }

    /// `None`: there is none in it.
    fn replaced(&self, text: &str) -> Option<String> {
        let mut spans: Vec<(Range<usize>, &str)> = Vec::new();
        for found in self.search.find_overlapping_iter(text) {
            let span = text.floor_char_boundary(found.start())..text.ceil_char_boundary(found.end());
            if span.len() >= ANYWHERE_BYTES_MIN || stands_alone(text, &span) {
                spans.push((span, &self.tokens[found.pattern().as_usize()]));
            }
        }
        spans.sort_by_key(|(span, _)| (span.start, std::cmp::Reverse(span.end)));
        let mut clean = String::with_capacity(text.len());
        let mut at = 0;
        for (span, token) in &spans {
            if span.start >= at {
                clean.push_str(&text[at..span.start]);
                clean.push_str(token);
            }
            // What overlaps goes with the first, to its last byte.
            at = at.max(span.end);
        }
        clean.push_str(&text[at..]);
        (!spans.is_empty()).then_some(clean)
    }
}

fn stands_alone(text: &str, span: &Range<usize>) -> bool {
    let before = text[..span.start].chars().next_back();
    let after = text[span.end..].chars().next();
    let parts = |letter: Option<char>| letter.is_none_or(|letter| !letter.is_alphanumeric());
    parts(before) && parts(after)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        deliver::samples::{message, news},
        secret::Secret,
    };

    fn hiding(names: &[&str], secrets: &[&str]) -> Hiding {
        let redactor = Redactor::default();
        redactor.learn(&secrets.iter().map(|secret| Secret::new(secret)).collect::<Vec<_>>());
        let names: Vec<Arc<str>> = names.iter().map(|name| (*name).into()).collect();
        Hiding::new(&names, Key::new([7; KEY_BYTES]), redactor)
    }

    fn about(user: &str) -> News {
        let mut news = news(&[
            ("alertname", "LoginFails"),
            ("user", user),
            ("path", &format!("/u/{user}")),
        ]);
        news.annotations
            .insert("summary".into(), format!("{user} cannot log in").into());
        news.generator_url = format!("https://x/?u={}", utf8_percent_encode(user, NON_ALPHANUMERIC)).into();
        news.details = vec![("summary".into(), format!("for {}", user.to_uppercase()).into())];
        news
    }

    #[test]
    fn two_alerts_that_differ_in_a_hidden_value_stay_two_and_show_neither() {
        let mut whole = message(vec![about("alice@example.com"), about("bob@example.com")]);
        whole.group_labels = Labels::new([("user", "alice@example.com")]);
        whole.group_key = "{}:{user=\"alice@example.com\"}".into();
        let clean = hiding(&["user"], &[]).message(&whole);
        let shown = format!("{clean:?}");
        for gone in ["alice", "bob", "ALICE", "alice%40"] {
            assert!(!shown.contains(gone), "{gone} in {shown}");
        }
        assert_ne!(clean.alerts[0].labels, clean.alerts[1].labels);
        assert_eq!(clean.alerts[0].labels.get("user"), clean.group_labels.get("user"));
        assert_eq!(clean, hiding(&["user"], &[]).message(&whole));
    }

    #[test]
    fn secrets_are_blanked_in_labels_texts_and_links() {
        let canary = "canary-5f8e2b71";
        let mut one = news(&[("alertname", "A"), ("url", &format!("https://x/{canary}"))]);
        one.annotations
            .insert("description".into(), format!("token {canary}").into());
        one.details = vec![("summary".into(), canary.into())];
        one.generator_url = format!("https://x/?t={canary}").into();
        let clean = hiding(&[], &[canary]).message(&message(vec![one]));
        assert!(!format!("{clean:?}").contains(canary));
    }

    #[test]
    fn a_run_goes_out_without_secrets_and_hidden_values() {
        let canary = "canary-5f8e2b71";
        let labels = [("team", "shop"), ("user", "alice@example.com")];
        let run = crate::deliver::samples::run("web", &labels);
        let run = ForwardedRun {
            message: format!("alice@example.com cannot log in with {canary}"),
            details: vec![("verdict.alice@example.com".to_owned(), canary.to_owned())],
            ..run
        };
        let clean = hiding(&["user"], &[canary]).run(run.clone());
        let shown = format!("{clean:?}");
        assert!(!shown.contains("alice") && !shown.contains(canary), "{shown}");
        assert_eq!(clean.labels[0], run.labels[0]);
        assert_eq!((&clean.id, &clean.check), (&run.id, &run.check));
        let hidden = &clean.labels[1].1;
        assert!(
            clean.message.contains(hidden.as_str()),
            "the same value is the same hash: {shown}"
        );
    }

    #[test]
    fn an_event_goes_out_without_secrets_and_as_long_as_it_was() {
        let canary = "canary-5f8e2b71";
        let mut payload = format!("{{\"length\":20}}\n{canary} at first, ").into_bytes();
        payload.extend_from_slice(b"\xff\xfe");
        payload.extend_from_slice(format!("and {canary} behind what is no text").as_bytes());
        let event = ForwardedEvent {
            payload: payload.clone(),
            message: canary.to_owned(),
            ..crate::deliver::samples::event("e")
        };
        let clean = hiding(&[], &[canary]).event(event);
        let text = String::from_utf8_lossy(&clean.payload).into_owned();
        assert!(!text.contains(canary) && !clean.message.contains(canary), "{text}");
        assert_eq!(clean.payload.len(), payload.len());
        assert!(
            text.ends_with("behind what is no text")
                && text.contains(&format!("\n{} at first, ", "*".repeat(canary.len()))),
            "{text}"
        );
    }

    #[test]
    fn a_short_hidden_value_is_found_where_it_stands_alone() {
        let mut one = news(&[("alertname", "Shop12Down"), ("shop", "12")]);
        one.annotations
            .insert("summary".into(), "shop 12 of 120 (id=12)".into());
        let clean = hiding(&["shop"], &[]).message(&message(vec![one]));
        let summary = &clean.alerts[0].annotations["summary"];
        assert!(summary.contains("of 120") && !summary.contains("12 "), "{summary}");
        assert_eq!(summary.matches("[hidden:").count(), 2);
        assert_eq!(
            clean.alerts[0].labels.get("alertname").map(|name| &**name),
            Some("Shop12Down")
        );
    }

    #[test]
    fn a_value_inside_another_goes_with_it() {
        let names: &[&str] = &["a", "b"];
        let mut one = news(&[("alertname", "A"), ("a", "carol"), ("b", "caroline-smith")]);
        one.annotations
            .insert("summary".into(), "by caroline-smith and carol".into());
        let clean = hiding(names, &[]).message(&message(vec![one]));
        let summary = &clean.alerts[0].annotations["summary"];
        assert!(!summary.contains("carol") && !summary.contains("smith"), "{summary}");
    }
}
