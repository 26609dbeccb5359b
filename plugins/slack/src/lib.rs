//! Messages in a Slack channel: by an incoming webhook, or as a bot that keeps one thread for each group of alerts.
//!
//! Flows in: a notification. Flows out: requests over the connection `default`, which is the webhook's URL, or Slack's API with a bot's
//! token. Nobody is mentioned whatever a label says. As a bot it remembers the first message of each group in the host's state, so that
//! what follows stands in its thread and the message itself shows how the group is.

mod bot;
mod message;
mod mrkdwn;
mod threads;
mod webhook;

use bellwether_sdk::{delivery::DeliveryFailure, prelude::*};
use schemars::JsonSchema;
use serde::Deserialize;

/// The one connection.
const SLOT: &str = "default";

/// What all requests carry. Slack warns when the encoding is not named.
const JSON: (&str, &str) = ("content-type", "application/json; charset=utf-8");

/// The plugin.
#[derive(Debug)]
pub struct Slack;

/// Where, and how.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The channel to write into as a bot, by its id (`C0123456789`) or name (`#alerts`). Without one, the connection is an incoming
    /// webhook, which has its own.
    #[schemars(length(min = 1, max = 100))]
    channel: Option<String>,
    /// As a bot: whether what follows on the first message of a group stands in a thread below it, and the message is kept up to date.
    threads: bool,
    /// As a bot: whether news in a thread that something fires is shown in the channel as well. Threads alone notify those who follow
    /// them.
    broadcast: bool,
    /// Who messages are from, instead of the app's own name. A bot needs the scope `chat:write.customize` for it.
    #[schemars(length(min = 1, max = 80))]
    username: Option<String>,
    /// A picture for them, such as `:bell:`; likewise.
    #[schemars(pattern(r"^:[^:\s]{1,100}:$"))]
    icon_emoji: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            channel: None,
            threads: true,
            broadcast: true,
            username: None,
            icon_emoji: None,
        }
    }
}

impl Forwarder for Slack {
    const NAME: &'static str = "slack";
    const SUMMARY: &'static str = "Messages in a Slack channel, in threads where a bot may write";
    type Settings = Settings;

    fn describe(about: &mut Description) {
        about.connection(
            SLOT,
            &["https", "http"],
            "The URL of an incoming webhook, all of which is the secret; or https://slack.com/api/ with a bot's token.",
        );
    }

    fn deliver(settings: Settings, notification: Notification) -> Result<Receipt, DeliveryFailure> {
        match &settings.channel {
            Some(channel) => bot::deliver(&settings, channel, &notification),
            None => webhook::deliver(&settings, &notification),
        }
    }
}

export_forwarder!(Slack);

#[cfg(test)]
mod tests;
