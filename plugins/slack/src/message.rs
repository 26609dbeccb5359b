//! A message, within Slack's limits.

use bellwether_sdk::{
    news::{Notification, Severity},
    text,
};
use serde::Serialize;

use crate::{Settings, mrkdwn};

/// Of the line that telephones show. Slack takes 40,000 and advises 4,000.
const HEADLINE_UNITS_MAX: usize = 500;
/// Of the text of a section.
const SECTION_UNITS_MAX: usize = 3_000;
/// Of all sections together: Slack refuses messages whose blocks are longer than about 13,000, entities counted as they are written.
const BODY_UNITS_MAX: usize = 9_000;
/// Sections that a body is cut into at most. A message may have 50 blocks.
const SECTIONS_MAX: usize = 40;
/// Of the line of links: what is longer goes without. Slack takes 3,000 in a text.
const LINKS_UNITS_MAX: usize = 2_000;
/// Of the last line.
const FOOTER_UNITS_MAX: usize = 200;

/// What both ways of sending have in common.
#[derive(Debug, Serialize)]
pub(crate) struct Message<'s> {
    /// Shown above the blocks, and alone where blocks cannot be shown.
    text: String,
    attachments: [Attachment; 1],
    /// Nothing in plain text becomes a link, a channel or a person.
    parse: &'static str,
    link_names: bool,
    unfurl_links: bool,
    unfurl_media: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<&'s str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    icon_emoji: Option<&'s str>,
}

/// The one part of a message that can have a colour.
#[derive(Debug, Serialize)]
struct Attachment {
    color: &'static str,
    blocks: Vec<Block>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Block {
    Section { text: Text },
    Context { elements: Vec<Text> },
}

#[derive(Debug, Serialize)]
struct Text {
    r#type: &'static str,
    text: String,
    verbatim: bool,
}

impl Text {
    const fn new(text: String) -> Self {
        Self {
            r#type: "mrkdwn",
            text,
            verbatim: true,
        }
    }
}

impl<'s> Message<'s> {
    pub(crate) fn new(settings: &'s Settings, notification: &Notification) -> Self {
        let headline = notification.headline();
        let headline = text::cut_by(&headline, HEADLINE_UNITS_MAX, mrkdwn::cost);
        Self {
            text: mrkdwn::escape(&headline),
            attachments: [Attachment {
                color: color(notification.severity()),
                blocks: blocks(notification),
            }],
            parse: "none",
            link_names: false,
            unfurl_links: false,
            unfurl_media: false,
            username: settings.username.as_deref(),
            icon_emoji: settings.icon_emoji.as_deref(),
        }
    }
}

fn blocks(notification: &Notification) -> Vec<Block> {
    let body = notification.body(BODY_UNITS_MAX, mrkdwn::cost);
    let mut blocks: Vec<Block> = sections(&body)
        .map(|section| Block::Section {
            text: Text::new(mrkdwn::escape(section)),
        })
        .collect();
    let last = [links(notification), footer(notification)];
    let last: Vec<Text> = last
        .into_iter()
        .filter(|text| !text.is_empty())
        .map(Text::new)
        .collect();
    if !last.is_empty() {
        blocks.push(Block::Context { elements: last });
    }
    blocks
}

/// The body in parts that a section takes, cut between lines where there are any.
fn sections(body: &str) -> impl Iterator<Item = &str> {
    let mut rest = body;
    let next = move || {
        if rest.trim().is_empty() {
            return None;
        }
        let (section, after) = rest.split_at(fitting(rest));
        rest = after.strip_prefix('\n').unwrap_or(after);
        Some(section)
    };
    std::iter::from_fn(next)
        .filter(|section| !section.trim().is_empty())
        .take(SECTIONS_MAX)
}

/// Bytes of the longest beginning that a section takes.
fn fitting(text: &str) -> usize {
    let mut used = 0;
    let mut line_end = None;
    for (at, character) in text.char_indices() {
        used += mrkdwn::cost(character);
        if used > SECTION_UNITS_MAX {
            return line_end.unwrap_or(at);
        }
        if character == '\n' {
            line_end = Some(at);
        }
    }
    text.len()
}

fn links(notification: &Notification) -> String {
    let mut line = String::new();
    for (title, url) in notification.links() {
        let link = mrkdwn::link(title, url);
        if text::units(&line) + text::units(&link) + 3 > LINKS_UNITS_MAX {
            break;
        }
        if !line.is_empty() {
            line.push_str(" · ");
        }
        line.push_str(&link);
    }
    line
}

/// Which receiver this is, where, and why now.
fn footer(notification: &Notification) -> String {
    mrkdwn::escape(&text::cut_by(
        &notification.provenance(),
        FOOTER_UNITS_MAX,
        mrkdwn::cost,
    ))
}

const fn color(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "#d92b2b",
        Severity::Error => "#e05d1f",
        Severity::Warning => "#e8a317",
        Severity::Info => "#437fc7",
        Severity::Resolved => "#2ea043",
    }
}
