//! Sentry's categories of data, which limits and reports are about, and which of them an item of an envelope belongs to.

use serde::{Deserialize, Serialize};

/// A category that Sentry limits by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Category {
    Default,
    Error,
    Transaction,
    Span,
    Monitor,
    Session,
    Attachment,
    LogItem,
    TraceMetric,
    MetricBucket,
    Profile,
    ProfileChunk,
    Replay,
    Feedback,
    Security,
    /// Reports of what was lost. Never limited.
    Internal,
}

const WORDS: [(&str, Category); 16] = [
    ("default", Category::Default),
    ("error", Category::Error),
    ("transaction", Category::Transaction),
    ("span", Category::Span),
    ("monitor", Category::Monitor),
    ("session", Category::Session),
    ("attachment", Category::Attachment),
    ("log_item", Category::LogItem),
    ("trace_metric", Category::TraceMetric),
    ("metric_bucket", Category::MetricBucket),
    ("profile", Category::Profile),
    ("profile_chunk", Category::ProfileChunk),
    ("replay", Category::Replay),
    ("feedback", Category::Feedback),
    ("security", Category::Security),
    ("internal", Category::Internal),
];

impl Category {
    /// Of a word in a header; none for those that Sentry has learnt since.
    pub(crate) fn of_word(word: &str) -> Option<Self> {
        let found = WORDS.into_iter().find(|(known, _)| *known == word);
        found.map(|(_, category)| category)
    }

    pub(crate) fn as_str(self) -> &'static str {
        let found = WORDS.into_iter().find(|(_, known)| *known == self);
        found.map_or("default", |(word, _)| word)
    }

    /// Of an item's type. What is not known is `default`, so that a limit on everything holds for it.
    pub(crate) fn of_item(kind: &str) -> Self {
        match kind {
            "event" => Self::Error,
            "transaction" => Self::Transaction,
            "span" => Self::Span,
            "check_in" => Self::Monitor,
            "session" | "sessions" => Self::Session,
            "attachment" => Self::Attachment,
            "log" | "otel_log" => Self::LogItem,
            "trace_metric" => Self::TraceMetric,
            "statsd" | "metric_buckets" => Self::MetricBucket,
            "profile" => Self::Profile,
            "profile_chunk" => Self::ProfileChunk,
            "replay_event" | "replay_recording" | "replay_video" => Self::Replay,
            "feedback" | "user_report" => Self::Feedback,
            "security" | "raw_security" => Self::Security,
            "client_report" => Self::Internal,
            _ => Self::Default,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_category_has_its_word() {
        for (word, category) in WORDS {
            assert_eq!(Category::of_word(word), Some(category));
            assert_eq!(category.as_str(), word);
            assert_eq!(serde_json::to_value(category).expect("written"), word);
        }
        assert_eq!(Category::of_word("something_new"), None);
    }
}
