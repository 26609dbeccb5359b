//! One embed, within Discord's limits.

use bellwether_sdk::{
    news::{Notification, Severity},
    text,
};
use serde::Serialize;

use crate::{Settings, markdown};

/// Of an embed's title.
const TITLE_UNITS_MAX: usize = 256;
/// Of its description, which holds the links as well.
const DESCRIPTION_UNITS_MAX: usize = 4_096;
/// Of those links: what is longer goes without.
const LINKS_UNITS_MAX: usize = 1_200;
/// Of its footer, far below what Discord takes. Title, description and footer stay below the 6,000 that a message may have.
const FOOTER_UNITS_MAX: usize = 200;

#[derive(Serialize)]
struct Message<'s> {
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<&'s str>,
    allowed_mentions: Mentions,
    embeds: [Embed<'s>; 1],
}

/// Nobody: neither everyone nor a role nor a user.
#[derive(Serialize)]
struct Mentions {
    parse: [&'static str; 0],
}

#[derive(Serialize)]
struct Embed<'n> {
    title: String,
    description: String,
    color: u32,
    timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'n str>,
    footer: Footer,
}

#[derive(Serialize)]
struct Footer {
    text: String,
}

/// As JSON.
pub(crate) fn write(settings: &Settings, notification: &Notification) -> Result<String, String> {
    let message = Message {
        username: settings.username.as_deref(),
        allowed_mentions: Mentions { parse: [] },
        embeds: [embed(notification)],
    };
    text::json(&message).map_err(|error| error.to_string())
}

fn embed(notification: &Notification) -> Embed<'_> {
    let links = links(notification);
    let room = DESCRIPTION_UNITS_MAX - text::units(&links);
    let body = notification.body(room, markdown::cost);
    let headline = notification.headline();
    let title = text::cut_by(&headline, TITLE_UNITS_MAX, markdown::cost);
    Embed {
        title: markdown::escape(&title).into_owned(),
        description: format!("{}{links}", markdown::escape(&body)),
        color: color(notification.severity()),
        timestamp: notification.created_at.to_rfc3339(),
        url: notification
            .links()
            .iter()
            .find_map(|(title, url)| (*title == "Bellwether").then_some(*url)),
        footer: Footer {
            text: footer(notification),
        },
    }
}

/// Which receiver this is, where, and why now. A footer has no Markdown.
fn footer(notification: &Notification) -> String {
    text::cut(&notification.provenance(), FOOTER_UNITS_MAX).into_owned()
}

/// A line of links below the body, as many as fit; "" without any.
fn links(notification: &Notification) -> String {
    let mut line = String::new();
    for (title, url) in notification.links() {
        let link = markdown::link(title, url);
        if text::units(&line) + text::units(&link) + 5 > LINKS_UNITS_MAX {
            break;
        }
        line.push_str(if line.is_empty() { "\n\n" } else { " · " });
        line.push_str(&link);
    }
    line
}

const fn color(severity: Severity) -> u32 {
    match severity {
        Severity::Critical => 0xd9_2b_2b,
        Severity::Error => 0xe0_5d_1f,
        Severity::Warning => 0xe8_a3_17,
        Severity::Info => 0x43_7f_c7,
        Severity::Resolved => 0x2e_a0_43,
    }
}
