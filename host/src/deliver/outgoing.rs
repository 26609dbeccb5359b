//! One notification as a receiver is handed it: what may not leave is hidden, title and text are written.
//!
//! Flows in: a message, what a receiver's configuration says about its texts. Flows out: an [`Outgoing`], the same bytes for every
//! attempt at the same message. A template that fails costs its own words and not the notification: the default stands in, and
//! says so. Escaping for a medium is the transport's.

use std::sync::Arc;

use bellwether_promql::labels::Labels;
use sha2::{Digest as _, Sha256};

use super::{data, redact::Hiding, text, words};
use crate::{
    alert::Annotations,
    dispatch::{Message, News, NewsReason},
    rule::NoticeTemplate,
};

/// Characters of a title: what fits into the subject of an email and the first line of a chat.
pub const TITLE_CHARS_MAX: usize = 250;

/// Bytes of a text of the receiver's own template; the engine's own limit is as large.
const TEXT_BYTES_MAX: usize = 64 * 1024;

/// Bytes after which the default text describes no further alert, for whoever shows all of it.
pub const TEXT_BYTES_WHOLE: usize = 48 * 1024;

/// The same for plugins: services cut a text at 3,000 characters (Slack) or 4,096 (Discord), and what they cut nobody counts.
pub const TEXT_BYTES_OF_PLUGINS: usize = 2_400;

/// What a receiver says about its texts, in its own words or by default.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Templates {
    /// Instead of the default title.
    pub title: Option<NoticeTemplate>,
    /// Instead of the default text.
    pub text: Option<NoticeTemplate>,
}

/// What is the same for all notifications of a receiver.
#[derive(Clone, Debug)]
pub struct Writer {
    /// Its own words.
    pub templates: Templates,
    /// What may not leave.
    pub hiding: Hiding,
    /// Where people reach this host; "" when nowhere.
    pub external_url: Arc<str>,
    /// Bytes after which the default text describes no further alert.
    pub text_bytes: usize,
}

/// What goes to a transport.
#[derive(Clone, Debug, PartialEq)]
pub struct Outgoing {
    /// With what may not leave hidden; firing alerts first.
    pub message: Message,
    /// One line, at most [`TITLE_CHARS_MAX`] characters.
    pub title: String,
    /// Plain text.
    pub text: String,
    /// The text is by the receiver's own template.
    pub has_own_text: bool,
    /// The same for all messages about the group to this receiver, and another for each about what happened once: thirty-two
    /// hexadecimal digits.
    pub thread: String,
    /// In which all alerts agree.
    pub common_labels: Labels,
    /// In which all alerts agree.
    pub common_annotations: Annotations,
    /// Alerts that fire.
    pub firing: usize,
    /// Alerts that are over.
    pub resolved: usize,
    /// Where people reach this host; "" when nowhere.
    pub external_url: Arc<str>,
    /// Why the receiver's own template could not be used.
    pub template_problem: Option<String>,
}

impl Writer {
    /// Of one message. Pure.
    pub fn write(&self, message: &Message) -> Outgoing {
        let mut message = self.hiding.message(message);
        let (firing, over): (Vec<News>, Vec<News>) = message.alerts.iter().cloned().partition(|news| news.is_firing);
        let (firing_count, resolved) = (firing.len(), over.len());
        message.alerts = firing.into_iter().chain(over).collect();
        let mut outgoing = Outgoing {
            thread: thread(&message),
            common_labels: common_labels(&message.alerts),
            common_annotations: common_annotations(&message.alerts),
            message,
            title: String::new(),
            text: String::new(),
            has_own_text: false,
            firing: firing_count,
            resolved,
            external_url: Arc::clone(&self.external_url),
            template_problem: None,
        };
        outgoing.title = text::title(&outgoing);
        outgoing.text = text::text(&outgoing, self.text_bytes);
        self.templates.apply(&mut outgoing);
        outgoing.title = self.hiding.secrets(&outgoing.title).into_owned();
        outgoing.text = self.hiding.secrets(&outgoing.text).into_owned();
        outgoing
    }
}

impl Outgoing {
    /// Of a message that could not be written: for the log, and without anything that may not leave.
    pub(super) fn unwritten(message: &Message) -> Self {
        let message = Message {
            group_key: "".into(),
            group_labels: Labels::default(),
            alerts: Arc::from([]),
            ..message.clone()
        };
        Self {
            thread: String::new(),
            title: "a notification that could not be written".to_owned(),
            text: String::new(),
            has_own_text: false,
            common_labels: Labels::default(),
            common_annotations: Annotations::new(),
            firing: 0,
            resolved: 0,
            external_url: "".into(),
            template_problem: None,
            message,
        }
    }
}

impl Templates {
    fn apply(&self, outgoing: &mut Outgoing) {
        if self.title.is_none() && self.text.is_none() {
            return;
        }
        let data = data::of(outgoing);
        let expand =
            |template: &NoticeTemplate| template.expand(&data, outgoing.message.created_at, &outgoing.external_url);
        let title = self.title.as_ref().map(expand);
        let text = self.text.as_ref().map(expand);
        if let Some(Ok(title)) = &title {
            let title = words::line(title);
            outgoing.title = words::cut(&title, TITLE_CHARS_MAX).into_owned();
        }
        if let Some(Ok(text)) = &text {
            let end = text.floor_char_boundary(TEXT_BYTES_MAX);
            outgoing.text = text[..end].to_owned();
            outgoing.has_own_text = true;
        }
        let failed = [("title", title), ("text", text)];
        let failed = failed.into_iter().find_map(|(key, result)| Some((key, result?.err()?)));
        if let Some((key, problem)) = failed {
            let problem = format!(
                "the template `{key}` of receiver `{}` failed: {problem}",
                outgoing.message.receiver
            );
            outgoing.text.push_str(&format!(
                "\n\n({}; the default stands here instead.)",
                words::cut(&problem, 500)
            ));
            outgoing.template_problem = Some(problem);
        }
    }
}

/// A hash of receiver and group. Nothing follows what happened once, so that it is a thread of its own.
fn thread(message: &Message) -> String {
    if message.reason == NewsReason::Occurred {
        return message.id.to_string();
    }
    let mut hash = Sha256::new();
    hash.update(message.receiver.as_bytes());
    // It is in no UTF-8 text.
    hash.update([0xff]);
    hash.update(message.group_key.as_bytes());
    hash.finalize()
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn common_labels(alerts: &[News]) -> Labels {
    let Some((first, others)) = alerts.split_first() else {
        return Labels::default();
    };
    first.labels.filtered(|name| {
        others
            .iter()
            .all(|news| news.labels.get(name) == first.labels.get(name))
    })
}

fn common_annotations(alerts: &[News]) -> Annotations {
    let Some((first, others)) = alerts.split_first() else {
        return Annotations::new();
    };
    let shared = first
        .annotations
        .iter()
        .filter(|(name, value)| others.iter().all(|news| news.annotations.get(*name) == Some(*value)));
    shared
        .map(|(name, value)| (Arc::clone(name), Arc::clone(value)))
        .collect()
}
