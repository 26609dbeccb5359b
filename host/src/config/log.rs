//! `[log]`.

use super::{reader::Reader, vocabulary::LOG};
use crate::telemetry::{Format, Level, LogOptions};

/// In any case. The last three are what Python and others say, so that one `LOG_LEVEL` serves all.
const LEVELS: [(&str, Level); 8] = [
    ("error", Level::Error),
    ("warn", Level::Warn),
    ("info", Level::Info),
    ("debug", Level::Debug),
    ("trace", Level::Trace),
    ("warning", Level::Warn),
    ("critical", Level::Error),
    ("fatal", Level::Error),
];

const FORMATS: [(&str, Format); 2] = [("json", Format::Json), ("text", Format::Text)];

pub(super) fn read(root: &Reader<'_, '_>) -> LogOptions {
    let default = LogOptions::default();
    let Some(log) = root.table("log", &LOG) else {
        return default;
    };
    LogOptions {
        level: log.word("level", &LEVELS).map_or(default.level, |level| level.value),
        format: log
            .word("format", &FORMATS)
            .map_or(default.format, |format| format.value),
    }
}

/// The word for `--print`.
pub(super) fn level_word(level: Level) -> &'static str {
    LEVELS
        .iter()
        .find(|(_, known)| *known == level)
        .map_or("info", |(word, _)| word)
}

/// The word for `--print`.
pub(super) fn format_word(format: Format) -> &'static str {
    FORMATS
        .iter()
        .find(|(_, known)| *known == format)
        .map_or("json", |(word, _)| word)
}
