//! Sentry's envelopes: a line of headers, then items, each a line of headers and its bytes.
//!
//! Flows in: items made here, or an envelope that an application sent and the host cleaned. Flows out: bytes for the wire, in which
//! nothing stands for a secret of the host's.

use bellwether_sdk::{news::Timestamp, text::json};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// How the host's places for secrets begin.
const PLACE: &[u8] = b"{{secret:";

/// The same inside JSON, where it can only stand within a text.
const NO_PLACE: &[u8] = b"\\u007b{secret:";

/// Most items of one envelope that is handed on; SDKs send a handful.
const ITEMS_MAX: usize = 1_000;

/// Who sends.
pub(crate) const SDK: &str = "bellwether.sentry";

/// An envelope.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Envelope {
    pub(crate) headers: Map<String, Value>,
    pub(crate) items: Vec<Item>,
}

/// One item.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Item {
    /// Without `length`, which is written anew.
    pub(crate) headers: Map<String, Value>,
    pub(crate) payload: Vec<u8>,
}

impl Item {
    /// Of JSON.
    pub(crate) fn new(kind: &str, payload: &impl Serialize) -> Result<Self, String> {
        let payload = json(payload).map_err(|error| error.to_string())?.into_bytes();
        Ok(Self::of_bytes(kind, payload))
    }

    pub(crate) fn of_bytes(kind: &str, payload: Vec<u8>) -> Self {
        let mut headers = Map::new();
        headers.insert("type".to_owned(), kind.into());
        Self { headers, payload }
    }

    /// Its type, or "".
    pub(crate) fn kind(&self) -> &str {
        self.headers.get("type").and_then(Value::as_str).unwrap_or_default()
    }

    /// Sees to it that nothing in an application's item stands for a secret. Whether that can be done without harm.
    pub(crate) fn defuse(&mut self) -> bool {
        let Some(_) = find(&self.payload, PLACE) else {
            return true;
        };
        // Only within texts of JSON can it be written otherwise.
        if serde_json::from_slice::<serde::de::IgnoredAny>(&self.payload).is_err() {
            return false;
        }
        let payload = std::mem::take(&mut self.payload);
        let mut rest = payload.as_slice();
        while let Some(at) = find(rest, PLACE) {
            self.payload.extend_from_slice(&rest[..at]);
            self.payload.extend_from_slice(NO_PLACE);
            rest = &rest[at + PLACE.len()..];
        }
        self.payload.extend_from_slice(rest);
        true
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

impl Envelope {
    /// Of this plugin's own.
    pub(crate) fn of(event_id: Option<&str>, item: Item) -> Self {
        let mut headers = Map::new();
        if let Some(id) = event_id {
            headers.insert("event_id".to_owned(), id.into());
        }
        headers.insert("sdk".to_owned(), sdk());
        Self {
            headers,
            items: vec![item],
        }
    }

    /// Of an application's. Items may lack a `length` and end with their line then.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let (headers, mut rest) = line(bytes);
        let headers = object(headers).map_err(|error| format!("the envelope's headers: {error}"))?;
        let mut items = Vec::new();
        while !rest.is_empty() {
            let (head, after) = line(rest);
            rest = after;
            if head.is_empty() {
                continue;
            }
            if items.len() == ITEMS_MAX {
                return Err(format!("more than {ITEMS_MAX} items"));
            }
            let mut head = object(head).map_err(|error| format!("headers of item {}: {error}", items.len() + 1))?;
            let length = head.remove("length").and_then(|length| length.as_u64());
            let (payload, after) = match length.map(usize::try_from) {
                None => line(rest),
                Some(Ok(length)) if length <= rest.len() => rest.split_at(length),
                Some(_) => return Err(format!("item {} ends before its length", items.len() + 1)),
            };
            rest = after.strip_prefix(b"\n").filter(|_| length.is_some()).unwrap_or(after);
            items.push(Item {
                headers: head,
                payload: payload.to_vec(),
            });
        }
        Ok(Self { headers, items })
    }

    /// For the wire. `sent_at` is now, and a DSN of the application's stays here: it names another project.
    pub(crate) fn write(mut self, now: Timestamp) -> Result<Vec<u8>, String> {
        self.headers.remove("dsn");
        self.headers.insert("sent_at".to_owned(), now.to_rfc3339().into());
        let write = |headers: &Map<String, Value>| json(headers).map_err(|error| error.to_string());
        let mut bytes = write(&self.headers)?.into_bytes();
        for item in &mut self.items {
            item.headers.insert("length".to_owned(), item.payload.len().into());
            bytes.push(b'\n');
            bytes.extend_from_slice(write(&item.headers)?.as_bytes());
            bytes.push(b'\n');
            bytes.extend_from_slice(&item.payload);
        }
        bytes.push(b'\n');
        Ok(bytes)
    }
}

/// Name and version, for headers and events.
pub(crate) fn sdk() -> Value {
    json!({ "name": SDK, "version": env!("CARGO_PKG_VERSION") })
}

fn line(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.iter().position(|byte| *byte == b'\n') {
        Some(at) => (&bytes[..at], &bytes[at + 1..]),
        None => (bytes, &[]),
    }
}

fn object(line: &[u8]) -> Result<Map<String, Value>, String> {
    serde_json::from_slice(line).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let mut envelope = Envelope::of(Some("0123"), Item::new("event", &json!({ "a": "b\n" })).expect("JSON"));
        envelope
            .items
            .push(Item::of_bytes("attachment", b"two\nlines\n".to_vec()));
        envelope
            .headers
            .insert("dsn".to_owned(), "https://key@sentry.example.com/1".into());
        let bytes = envelope.clone().write(Timestamp::from_seconds(0)).expect("written");
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert!(!text.contains("sentry.example.com"), "{text}");
        let back = Envelope::parse(&bytes).expect("an envelope");
        assert_eq!(back.items, envelope.items);
        assert_eq!(back.headers["sent_at"], "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn items_without_a_length_end_with_their_line() {
        let text = b"{}\n{\"type\":\"session\"}\n{\"sid\":\"1\"}\n\n{\"type\":\"x\",\"length\":0}\n\n{\"type\":\"y\",\"length\":2}\nab";
        let envelope = Envelope::parse(text).expect("an envelope");
        let items: Vec<_> = envelope
            .items
            .iter()
            .map(|item| (item.kind(), item.payload.as_slice()))
            .collect();
        assert_eq!(items, [("session", &b"{\"sid\":\"1\"}"[..]), ("x", b""), ("y", b"ab")]);
    }

    #[test]
    fn what_is_no_envelope_is_refused() {
        for bad in [
            &b""[..],
            b"no JSON\n",
            b"{}\n[1]\n",
            b"{}\n{\"type\":\"event\",\"length\":99}\n{}",
            &[b"{}\n".as_slice(), &b"{\"type\":\"x\",\"length\":0}\n\n".repeat(1_001)].concat(),
        ] {
            assert!(Envelope::parse(bad).is_err());
        }
    }

    #[test]
    fn an_application_cannot_ask_for_a_secret_of_the_host() {
        let mut item = Item::of_bytes("event", br#"{"message":"x{{secret:key}} {{secret:key}}"}"#.to_vec());
        assert!(item.defuse());
        assert_eq!(find(&item.payload, PLACE), None);
        let back: Value = serde_json::from_slice(&item.payload).expect("JSON");
        assert_eq!(back["message"], "x{{secret:key}} {{secret:key}}");
        assert!(!Item::of_bytes("attachment", b"a {{secret:key}}".to_vec()).defuse());
        assert!(Item::of_bytes("attachment", b"a {secret:key}".to_vec()).defuse());
    }
}
