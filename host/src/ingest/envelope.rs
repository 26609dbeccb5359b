//! Sentry's envelopes: a line of headers, then items, each a line of headers and its bytes.
//!
//! Flows in: bytes, already decompressed. Flows out: an [`Envelope`] within Sentry's own limits, or which of them it breaks. What is not
//! known is kept as it came, since SDKs are newer than this. It looks into no payload.

use serde_json::{Map, Value};

/// A whole envelope, decompressed. Sentry takes 200 MiB, nearly all of it attachments and replays; what goes through here is held in
/// memory, several at once.
pub const ENVELOPE_BYTES_MAX: usize = 20 << 20;

/// Of the first line, and of an item's: SDKs write some hundred bytes.
pub const HEADER_BYTES_MAX: usize = 16 << 10;

/// Items of one envelope. Sentry takes 100 sessions; nothing else comes in such numbers.
pub const ITEMS_MAX: usize = 250;

/// What Sentry takes of one item, in bytes.
const EVENT_BYTES_MAX: usize = 1 << 20;
const CHECK_IN_BYTES_MAX: usize = 100 << 10;
const CLIENT_REPORT_BYTES_MAX: usize = 4 << 10;
const SESSION_BYTES_MAX: usize = 100 << 10;

/// Longest type that is kept; the longest of Sentry's has 17 characters.
const TYPE_BYTES_MAX: usize = 50;

/// What Sentry limits and counts by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ItemCategory {
    /// An error or a message.
    Error,
    /// A request, a task, a page load.
    Transaction,
    /// A span by itself.
    Span,
    /// A cron check-in.
    Monitor,
    /// A session, or sums of them.
    Session,
    /// A file that comes with an event.
    Attachment,
    /// Log lines.
    Log,
    /// Measurements.
    Metric,
    /// A profile or a part of one.
    Profile,
    /// A replay.
    Replay,
    /// What a user wrote.
    Feedback,
    /// What a client dropped.
    Report,
    /// Of a type that is not known here.
    Other,
}

impl ItemCategory {
    /// Of an item's type.
    pub fn of_type(word: &str) -> Self {
        match word {
            "event" => Self::Error,
            "transaction" => Self::Transaction,
            "span" => Self::Span,
            "check_in" => Self::Monitor,
            "session" | "sessions" => Self::Session,
            "attachment" => Self::Attachment,
            "log" | "otel_log" => Self::Log,
            "trace_metric" | "metric_buckets" => Self::Metric,
            "profile" | "profile_chunk" => Self::Profile,
            "replay_event" | "replay_recording" | "replay_video" => Self::Replay,
            "feedback" | "user_report" => Self::Feedback,
            "client_report" => Self::Report,
            _ => Self::Other,
        }
    }

    /// As a label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Transaction => "transaction",
            Self::Span => "span",
            Self::Monitor => "monitor",
            Self::Session => "session",
            Self::Attachment => "attachment",
            Self::Log => "log_item",
            Self::Metric => "trace_metric",
            Self::Profile => "profile",
            Self::Replay => "replay",
            Self::Feedback => "feedback",
            Self::Report => "internal",
            Self::Other => "default",
        }
    }

    /// Whether the payload is JSON, so that it can be cleaned.
    pub const fn is_json(self) -> bool {
        matches!(
            self,
            Self::Error
                | Self::Transaction
                | Self::Span
                | Self::Monitor
                | Self::Session
                | Self::Log
                | Self::Metric
                | Self::Feedback
                | Self::Report
        )
    }

    const fn bytes_max(self) -> usize {
        match self {
            Self::Error | Self::Transaction | Self::Span | Self::Log | Self::Metric | Self::Feedback => EVENT_BYTES_MAX,
            Self::Monitor => CHECK_IN_BYTES_MAX,
            Self::Session => SESSION_BYTES_MAX,
            Self::Report => CLIENT_REPORT_BYTES_MAX,
            Self::Attachment | Self::Profile | Self::Replay | Self::Other => ENVELOPE_BYTES_MAX,
        }
    }
}

/// Why something is no envelope that is taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Of the whole.
    #[error("the envelope is {0} bytes long; at most {ENVELOPE_BYTES_MAX} are taken")]
    TooLong(usize),
    /// Of one item, counted from 1.
    #[error("item {index} ({kind}) is {bytes} bytes long; at most {max} are taken of this type")]
    ItemTooLong {
        /// From 1.
        index: usize,
        /// Its type.
        kind: String,
        /// Its length.
        bytes: usize,
        /// What is taken.
        max: usize,
    },
    /// Of items.
    #[error("the envelope has more than {ITEMS_MAX} items")]
    TooManyItems,
    /// Not an object of JSON, or too long.
    #[error("the headers of {place} are no object of JSON of at most {HEADER_BYTES_MAX} bytes")]
    Headers {
        /// `the envelope`, `item 3`.
        place: String,
    },
    /// Its headers promise more than there is.
    #[error("item {0} ends before the length that its headers say")]
    Short(usize),
    /// Without a type nobody knows what an item is.
    #[error("item {0} has no type")]
    NoType(usize),
}

impl EnvelopeError {
    /// For HTTP: 413 for what is too long, so that clients drop it and do not try again; 400 for the rest.
    pub const fn status(&self) -> u16 {
        match self {
            Self::TooLong(_) | Self::ItemTooLong { .. } | Self::TooManyItems => 413,
            Self::Headers { .. } | Self::Short(_) | Self::NoType(_) => 400,
        }
    }
}

/// An envelope.
#[derive(Clone, Debug, PartialEq)]
pub struct Envelope {
    /// `event_id`, `sdk`, `trace`, `dsn`, …
    pub headers: Map<String, Value>,
    /// In order.
    pub items: Vec<Item>,
}

/// One item.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// `type` and others, without `length`.
    pub headers: Map<String, Value>,
    /// As it came.
    pub payload: Vec<u8>,
}

impl Item {
    /// Its type.
    pub fn kind(&self) -> &str {
        self.headers.get("type").and_then(Value::as_str).unwrap_or_default()
    }

    /// By its type.
    pub fn category(&self) -> ItemCategory {
        ItemCategory::of_type(self.kind())
    }
}

impl Envelope {
    /// Of decompressed bytes. An item without `length` ends with its line.
    pub fn parse(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        if bytes.len() > ENVELOPE_BYTES_MAX {
            return Err(EnvelopeError::TooLong(bytes.len()));
        }
        let (headers, mut rest) = line(bytes);
        let headers = object(headers, || "the envelope".to_owned())?;
        let mut items = Vec::new();
        while let Some((item, after)) = item(rest, items.len() + 1)? {
            if items.len() == ITEMS_MAX {
                return Err(EnvelopeError::TooManyItems);
            }
            items.push(item);
            rest = after;
        }
        Ok(Self { headers, items })
    }

    /// The public key that the envelope itself names, of who cannot send headers. Nothing but its first line is looked at.
    pub fn dsn_key(bytes: &[u8]) -> Option<String> {
        let headers = object(line(bytes).0, String::new).ok()?;
        let (_, rest) = headers.get("dsn")?.as_str()?.split_once("://")?;
        let (login, _) = rest.split_once('@')?;
        let key = login.split(':').next().unwrap_or(login);
        Some(key.to_owned()).filter(|key| !key.is_empty())
    }

    /// Of the event in it, if it says so.
    pub fn event_id(&self) -> Option<&str> {
        let id = self.headers.get("event_id")?.as_str()?;
        let is_id = (32..=36).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
        is_id.then_some(id)
    }

    /// What it is about: the first item that an envelope exists for, else the first.
    pub fn principal(&self) -> Option<&Item> {
        let is_principal = |item: &&Item| matches!(item.category(), ItemCategory::Error | ItemCategory::Transaction);
        self.items.iter().find(is_principal).or(self.items.first())
    }

    /// As bytes, with the length of every item, and without a DSN: it names the host, and nobody else.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut headers = self.headers.clone();
        headers.remove("dsn");
        let mut bytes = Value::Object(headers).to_string().into_bytes();
        for item in &self.items {
            let mut headers = item.headers.clone();
            headers.insert("length".to_owned(), item.payload.len().into());
            bytes.push(b'\n');
            bytes.extend_from_slice(Value::Object(headers).to_string().as_bytes());
            bytes.push(b'\n');
            bytes.extend_from_slice(&item.payload);
        }
        bytes.push(b'\n');
        bytes
    }
}

/// The next item and what follows it; `None` at the end. `index` counts from 1.
fn item(bytes: &[u8], index: usize) -> Result<Option<(Item, &[u8])>, EnvelopeError> {
    // Lines may end with nothing after them.
    let start = bytes.iter().position(|byte| !matches!(byte, b'\n' | b'\r'));
    let Some(start) = start else { return Ok(None) };
    let (headers, rest) = line(&bytes[start..]);
    let mut headers = object(headers, || format!("item {index}"))?;
    let kind = headers
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    if kind.is_empty() || kind.len() > TYPE_BYTES_MAX {
        return Err(EnvelopeError::NoType(index));
    }
    let (payload, rest) = match headers.remove("length") {
        None => line(rest),
        Some(length) => {
            let length = length.as_u64().and_then(|length| usize::try_from(length).ok());
            let length = length.filter(|length| *length <= rest.len());
            let (payload, rest) = rest.split_at(length.ok_or(EnvelopeError::Short(index))?);
            (payload, rest.strip_prefix(b"\n").unwrap_or(rest))
        }
    };
    let max = ItemCategory::of_type(&kind).bytes_max();
    if payload.len() > max {
        let bytes = payload.len();
        return Err(EnvelopeError::ItemTooLong {
            index,
            kind,
            bytes,
            max,
        });
    }
    let payload = payload.to_vec();
    Ok(Some((Item { headers, payload }, rest)))
}

fn line(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.iter().position(|byte| *byte == b'\n') {
        Some(at) => (&bytes[..at], &bytes[at + 1..]),
        None => (bytes, &[]),
    }
}

fn object(line: &[u8], place: impl Fn() -> String) -> Result<Map<String, Value>, EnvelopeError> {
    let short = Some(line).filter(|line| line.len() <= HEADER_BYTES_MAX);
    let parsed = short.and_then(|line| serde_json::from_slice(line).ok());
    parsed.ok_or_else(|| EnvelopeError::Headers { place: place() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn error(text: &[u8]) -> EnvelopeError {
        Envelope::parse(text).expect_err("refused")
    }

    #[test]
    fn items_end_with_their_length_or_their_line() {
        let text = b"{\"event_id\":\"x\",\"dsn\":\"https://key:old@h/1\"}\n{\"type\":\"attachment\",\"length\":4}\na\nb\n\n{\"type\":\"event\"}\n{}\n\n\n{\"type\":\"novelty\",\"length\":0}\n";
        let envelope = Envelope::parse(text).expect("an envelope");
        let items: Vec<_> = envelope
            .items
            .iter()
            .map(|item| (item.kind(), item.payload.as_slice()))
            .collect();
        assert_eq!(
            items,
            [("attachment", &b"a\nb\n"[..]), ("event", b"{}"), ("novelty", b"")]
        );
        assert_eq!(Envelope::dsn_key(text).as_deref(), Some("key"));
        assert_eq!(Envelope::dsn_key(b"{\"dsn\":\"https://h/1\"}\n"), None);
        assert_eq!(envelope.event_id(), None, "x is none");
        assert_eq!(envelope.principal().map(Item::kind), Some("event"));
        assert_eq!(envelope.items[2].category(), ItemCategory::Other);
    }

    #[test]
    fn what_breaks_a_limit_or_the_form_is_named() {
        assert!(matches!(error(b""), EnvelopeError::Headers { .. }));
        assert!(matches!(error(b"[]\n"), EnvelopeError::Headers { .. }));
        assert_eq!(error(b"{}\n{\"length\":0}\n"), EnvelopeError::NoType(1));
        assert_eq!(
            error(b"{}\n{\"type\":\"event\",\"length\":3}\n{}"),
            EnvelopeError::Short(1)
        );
        assert_eq!(
            error(b"{}\n{\"type\":\"event\",\"length\":-1}\n{}"),
            EnvelopeError::Short(1)
        );
        let long = format!(
            "{{}}\n{{\"type\":\"check_in\"}}\n{{\"a\":\"{}\"}}",
            "x".repeat(CHECK_IN_BYTES_MAX)
        );
        let refused = error(long.as_bytes());
        assert_eq!(refused.status(), 413);
        assert!(refused.to_string().contains("item 1 (check_in)"), "{refused}");
        let header = format!("{{\"a\":\"{}\"}}\n", "x".repeat(HEADER_BYTES_MAX));
        assert_eq!(error(header.as_bytes()).status(), 400);
        let many = [b"{}\n".to_vec(), b"{\"type\":\"session\"}\n{}\n".repeat(ITEMS_MAX + 1)].concat();
        assert_eq!(error(&many), EnvelopeError::TooManyItems);
        assert_eq!(error(&vec![b'x'; ENVELOPE_BYTES_MAX + 1]).status(), 413);
    }

    #[test]
    fn the_dsn_stays_here() {
        let envelope = Envelope::parse(b"{\"dsn\":\"https://key@h/1\",\"sent_at\":\"x\"}\n").expect("an envelope");
        assert_eq!(envelope.to_bytes(), b"{\"sent_at\":\"x\"}\n");
    }

    proptest! {
        #[test]
        fn no_bytes_panic_and_what_is_taken_is_written_and_read_back(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            if let Ok(envelope) = Envelope::parse(&bytes) {
                let mut expected = envelope.clone();
                expected.headers.remove("dsn");
                prop_assert_eq!(Envelope::parse(&envelope.to_bytes()), Ok(expected));
            }
        }

        #[test]
        fn payloads_of_any_bytes_are_kept(payloads in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..50), 0..5)) {
            let item = |payload: &Vec<u8>| Item {
                headers: serde_json::from_str("{\"type\":\"attachment\"}").expect("JSON"),
                payload: payload.clone(),
            };
            let envelope = Envelope { headers: Map::new(), items: payloads.iter().map(item).collect() };
            prop_assert_eq!(Envelope::parse(&envelope.to_bytes()), Ok(envelope));
        }
    }
}
