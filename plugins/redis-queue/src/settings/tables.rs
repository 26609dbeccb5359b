//! Tables of settings that belong to one backend each.

use schemars::JsonSchema;
use serde::Deserialize;

/// Options of kombu's Redis transport that change keys, and where the application keeps a time.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Celery {
    /// `priority_steps` of the transport; each but 0 is a list of its own.
    #[schemars(length(min = 1, max = 256))]
    pub(crate) priority_steps: Vec<u8>,
    /// `sep` of the transport, between the queue and the priority.
    pub(crate) separator: String,
    /// `unacked_key` of the transport.
    pub(crate) unacked_key: String,
    /// `unacked_index_key` of the transport.
    pub(crate) unacked_index_key: String,
    /// Look into the messages that workers hold, to tell their queues, and those with a later ETA from those that run. Costs a
    /// second round trip, and those messages whole; with more than 100 of them nothing is looked into.
    pub(crate) look_into_unacked: bool,
    /// JSON pointer to a time in the message, such as `/headers/enqueued_at`: Celery itself writes none.
    #[schemars(extend("pattern" = "^/"))]
    pub(crate) timestamp: Option<String>,
}

impl Default for Celery {
    fn default() -> Self {
        Self {
            priority_steps: vec![0, 3, 6, 9],
            separator: "\u{6}\u{16}".to_owned(),
            unacked_key: "unacked".to_owned(),
            unacked_index_key: "unacked_index".to_owned(),
            look_into_unacked: false,
            timestamp: None,
        }
    }
}

/// Lists of your own.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct List {
    /// Where the job stands that comes next: `right` after `LPUSH`, `left` after `RPUSH`.
    pub(crate) next: End,
    /// JSON pointer to the time at which a job was put in, such as `/enqueued_at`; `""` when the whole element is that time.
    #[schemars(extend("pattern" = "^(/.*)?$"))]
    pub(crate) timestamp: Option<String>,
    /// Key of the list that holds what workers are busy with; `{queue}` stands for the queue.
    pub(crate) processing: Option<String>,
    /// Key of the list that holds what failed; `{queue}` stands for the queue.
    pub(crate) failed: Option<String>,
}

/// An end of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum End {
    /// Index 0.
    Left,
    /// Index -1.
    #[default]
    Right,
}

/// Sorted sets of your own.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Zset {
    /// What the scores are.
    pub(crate) score: Score,
}

/// What a score says. Of a time: what is due waits, what is not is delayed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Score {
    /// When it is due, in Unix seconds.
    #[default]
    DueSeconds,
    /// When it is due, in Unix milliseconds.
    DueMilliseconds,
    /// No time: everything waits.
    Priority,
}
