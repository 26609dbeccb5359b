//! One message with one adaptive card, within the 28 KB of Teams.

use bellwether_sdk::{
    news::{Notification, Severity},
    text,
};
use serde::Serialize;

use crate::Settings;

/// A message may have about 28 KB, counted as UTF-16: two bytes a unit. This is of those that are not quite that many.
const MESSAGE_UNITS_MAX: usize = 13_800;
/// Of the title, and of what a notification on a telephone shows.
const TITLE_UNITS_MAX: usize = 300;
/// Of the facts below the title.
const FACT_UNITS_MAX: usize = 200;
/// Of the body at first; it is made shorter until the message fits.
const BODY_UNITS_MAX: usize = 12_000;
/// Actions that Teams shows.
const ACTIONS_MAX: usize = 6;
/// What a line takes besides its text, written as a block of its own.
const BLOCK_UNITS: usize = 100;

#[derive(Serialize)]
struct Message<'n> {
    r#type: &'static str,
    summary: String,
    attachments: [Attachment<'n>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Attachment<'n> {
    content_type: &'static str,
    content: Card<'n>,
}

#[derive(Serialize)]
struct Card<'n> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    r#type: &'static str,
    version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    msteams: Option<Wide>,
    body: Vec<Block>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    actions: Vec<OpenUrl<'n>>,
}

#[derive(Serialize)]
struct Wide {
    width: &'static str,
}

/// A line. Its runs have no markup, unlike the text of any other block.
#[derive(Serialize)]
struct Block {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    spacing: Option<&'static str>,
    inlines: [Run; 1],
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    r#type: &'static str,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    weight: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    color: Option<&'static str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_subtle: bool,
}

#[derive(Serialize)]
struct OpenUrl<'n> {
    r#type: &'static str,
    title: &'static str,
    url: &'n str,
}

/// As JSON.
pub(crate) fn write(settings: &Settings, notification: &Notification) -> Result<String, String> {
    let mut room = BODY_UNITS_MAX;
    loop {
        let written = text::json(&message(settings, notification, room)).map_err(|error| error.to_string())?;
        let units = text::units(&written);
        if units <= MESSAGE_UNITS_MAX {
            return Ok(written);
        }
        if room == 0 {
            return Err(format!("the message has {units} units without any text"));
        }
        room = room.saturating_sub((units - MESSAGE_UNITS_MAX).max(BLOCK_UNITS));
    }
}

fn message<'n>(settings: &Settings, notification: &'n Notification, room: usize) -> Message<'n> {
    let headline = notification.headline();
    let title = text::cut(&headline, TITLE_UNITS_MAX);
    let lines = notification.body(room, cost);
    let mut body = vec![block(title_run(&title, notification.severity()), None)];
    body.push(block(
        Run {
            r#type: "TextRun",
            text: facts(notification),
            is_subtle: true,
            ..Run::default()
        },
        Some("None"),
    ));
    body.extend(lines.lines().map(line));
    Message {
        r#type: "message",
        summary: title.into_owned(),
        attachments: [Attachment {
            content_type: "application/vnd.microsoft.card.adaptive",
            content: Card {
                schema: "http://adaptivecards.io/schemas/adaptive-card.json",
                r#type: "AdaptiveCard",
                version: "1.4",
                msteams: settings.full_width.then_some(Wide { width: "Full" }),
                body,
                actions: actions(notification),
            },
        }],
    }
}

fn title_run(title: &str, severity: Severity) -> Run {
    Run {
        r#type: "TextRun",
        text: title.to_owned(),
        size: Some("Large"),
        weight: Some("Bolder"),
        color: Some(match severity {
            Severity::Critical | Severity::Error => "Attention",
            Severity::Warning => "Warning",
            Severity::Info => "Accent",
            Severity::Resolved => "Good",
        }),
        is_subtle: false,
    }
}

/// Which receiver this is, where, and why now.
fn facts(notification: &Notification) -> String {
    text::cut(&notification.provenance(), FACT_UNITS_MAX).into_owned()
}

fn line(text: &str) -> Block {
    // A run without text is none.
    let text = if text.trim().is_empty() { "\u{a0}" } else { text };
    block(
        Run {
            r#type: "TextRun",
            text: text.to_owned(),
            ..Run::default()
        },
        Some("Small"),
    )
}

const fn block(run: Run, spacing: Option<&'static str>) -> Block {
    Block {
        r#type: "RichTextBlock",
        spacing,
        inlines: [run],
    }
}

fn actions(notification: &Notification) -> Vec<OpenUrl<'_>> {
    let links = notification.links().into_iter().take(ACTIONS_MAX);
    links
        .map(|(title, url)| OpenUrl {
            r#type: "Action.OpenUrl",
            title,
            url,
        })
        .collect()
}

/// Units of a character in JSON; a new line is a block of its own.
fn cost(character: char) -> usize {
    match character {
        '\n' => BLOCK_UNITS,
        '"' | '\\' | '\r' | '\t' => 2,
        '{' => 6,
        control if control.is_control() => 6,
        other => other.len_utf16(),
    }
}
