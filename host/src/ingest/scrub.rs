//! What must not leave: passwords, tokens, keys, and what else an application sends along without meaning to.
//!
//! Flows in: JSON as an application sent it. Flows out: the same with telling values blanked, long texts cut and deep or wide trees
//! pruned, and how much was. Keys tell by their name, values by their form. It is the last look before anything is kept or handed on;
//! secrets that the host knows are blanked by its redactor besides.

use regex::Regex;
use serde_json::{Map, Value};

use crate::config::Scrub;

/// Stands where something was; the word that Sentry's own scrubbing uses.
pub const BLANK: &str = "[Filtered]";

/// Longest text that is kept, in bytes. Sentry keeps no more of a message.
const TEXT_BYTES_MAX: usize = 8 << 10;

/// Deepest tree; Sentry prunes extra data at seven.
const DEPTH_MAX: usize = 20;

/// Most entries of one object or list; a stack has at most 250 frames.
const WIDTH_MAX: usize = 1_000;

/// Parts of keys whose values are credentials. Compared without `-` and `_`, in lower case.
const TELLING: [&str; 17] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "apikey",
    "authorization",
    "authentication",
    "bearer",
    "token",
    "credential",
    "session",
    "cookie",
    "csrf",
    "xsrf",
    "privatekey",
    "connectionstring",
    "setcookie",
];

/// Keys that are such only as a whole: parts of ordinary words.
const TELLING_WHOLE: [&str; 4] = ["auth", "dsn", "pwd", "pin"];

/// Whose values are secrets even as numbers; a number of tokens is none.
const TELLING_NUMBERS: [&str; 4] = ["password", "passwd", "pwd", "pin"];

/// Keys that look telling and are not: sums, and what a model used.
const HARMLESS: [&str; 2] = ["sessions", "tokens"];

/// What is looked at, and how far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScrubOptions {
    /// Blank addresses of e-mail.
    pub emails: bool,
    /// Blank IP addresses: `user.ip_address` and texts that are one.
    pub ips: bool,
    /// Drop bodies of requests.
    pub bodies: bool,
}

impl Default for ScrubOptions {
    fn default() -> Self {
        Scrub::default().into()
    }
}

impl From<Scrub> for ScrubOptions {
    fn from(Scrub { emails, ips, bodies }: Scrub) -> Self {
        Self { emails, ips, bodies }
    }
}

/// What was done to a payload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scrubbed {
    /// Values blanked, in whole or in part.
    pub blanked: u32,
    /// Texts cut, and branches pruned.
    pub pruned: u32,
}

/// Knows the forms of credentials. Made once.
#[derive(Clone, Debug)]
pub struct Scrubber {
    options: ScrubOptions,
    forms: Vec<Regex>,
    card: Option<Regex>,
}

/// JWT; keys of Supabase, AWS, GitHub, Slack, Stripe; bearer and basic credentials; logins in URLs; PEM.
const FORMS: [&str; 8] = [
    r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*",
    r"\bsb(?:_secret|_publishable|p)_[A-Za-z0-9_-]{8,}",
    r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{16,})",
    r"\b(?:xox[abeoprs]-[A-Za-z0-9-]{10,}|[sr]k_(?:live|test)_[A-Za-z0-9]{10,})",
    r"(?i)\b(?:bearer|basic)\s+[A-Za-z0-9+/_.~=-]{8,}",
    r"\b[a-zA-Z][a-zA-Z0-9+.-]{1,20}://[^\s/@:]*:?[^\s/@]*@",
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\z)",
];

const EMAIL: &str = r"\b[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,255}\.[A-Za-z]{2,24}\b";

/// Digits of a card, perhaps in groups.
const CARD: &str = r"\b[0-9](?:[ -]?[0-9]){12,18}\b";

impl Scrubber {
    /// With these wishes.
    pub fn new(options: ScrubOptions) -> Self {
        let email = options.emails.then_some(EMAIL);
        // The patterns are constants, and a test compiles each.
        let forms = FORMS.into_iter().chain(email).filter_map(|form| Regex::new(form).ok());
        Self {
            options,
            forms: forms.collect(),
            card: Regex::new(CARD).ok(),
        }
    }

    /// Cleans a payload of JSON in place.
    pub fn scrub(&self, payload: &mut Value) -> Scrubbed {
        let mut done = Scrubbed::default();
        self.value(payload, 0, &mut done);
        done
    }

    /// Cleans bytes. `None`: they are no JSON, so nobody can say what is in them.
    pub fn scrub_bytes(&self, payload: &[u8]) -> Option<(Vec<u8>, Scrubbed)> {
        let mut value = serde_json::from_slice(payload).ok()?;
        let done = self.scrub(&mut value);
        Some((value.to_string().into_bytes(), done))
    }

    fn value(&self, value: &mut Value, depth: usize, done: &mut Scrubbed) {
        match value {
            Value::String(text) => self.text(text, done),
            Value::Array(_) | Value::Object(_) if depth == DEPTH_MAX => {
                *value = Value::Null;
                done.pruned += 1;
            }
            Value::Array(items) => {
                prune(items.len(), done);
                items.truncate(WIDTH_MAX);
                if let Some(pair) = telling_pair(items) {
                    blank(pair, done);
                }
                for item in items {
                    self.value(item, depth + 1, done);
                }
            }
            Value::Object(map) => self.object(map, depth, done),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn object(&self, map: &mut Map<String, Value>, depth: usize, done: &mut Scrubbed) {
        if map.len() > WIDTH_MAX {
            prune(map.len(), done);
            let kept = std::mem::take(map).into_iter().take(WIDTH_MAX);
            *map = kept.collect();
        }
        // A request of Sentry's has its body in `data`; a span has attributes there, and no URL beside them.
        let is_request = self.options.bodies && map.contains_key("url") && map.contains_key("data");
        for (key, value) in map.iter_mut() {
            let is_ip = self.options.ips && matches!(key.as_str(), "ip_address" | "REMOTE_ADDR");
            if is_ip && value.is_string() {
                // A blank is no address, and Sentry would call the event damaged.
                *value = Value::Null;
                done.blanked += 1;
            } else if is_telling(key) || (is_request && key == "data") {
                telling(key, value, done);
            } else {
                self.value(value, depth + 1, done);
            }
        }
    }

    fn text(&self, text: &mut String, done: &mut Scrubbed) {
        if text.len() > TEXT_BYTES_MAX {
            let mut end = TEXT_BYTES_MAX;
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            text.truncate(end);
            text.push('…');
            done.pruned += 1;
        }
        if self.options.ips && text.parse::<std::net::IpAddr>().is_ok() {
            BLANK.clone_into(text);
            done.blanked += 1;
            return;
        }
        for form in &self.forms {
            if form.is_match(text) {
                *text = form.replace_all(text, BLANK).into_owned();
                done.blanked += 1;
            }
        }
        if let Some(card) = &self.card
            && card.find_iter(text).any(|found| is_card(found.as_str()))
        {
            let blanked = card.replace_all(text, |found: &regex::Captures<'_>| {
                if is_card(&found[0]) {
                    BLANK.to_owned()
                } else {
                    found[0].to_owned()
                }
            });
            *text = blanked.into_owned();
            done.blanked += 1;
        }
    }
}

/// The value of a key that tells, trees whole.
fn telling(key: &str, value: &mut Value, done: &mut Scrubbed) {
    let is_secret = match value {
        Value::Null | Value::Bool(_) => false,
        Value::Number(_) => TELLING_NUMBERS.contains(&plain(key).as_str()),
        Value::String(text) => !text.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    };
    if is_secret {
        blank(value, done);
    }
}

fn blank(value: &mut Value, done: &mut Scrubbed) {
    *value = Value::String(BLANK.to_owned());
    done.blanked += 1;
}

fn prune(length: usize, done: &mut Scrubbed) {
    done.pruned += u32::from(length > WIDTH_MAX);
}

/// Headers and tags also come as pairs: `["Authorization", "…"]`.
fn telling_pair(items: &mut [Value]) -> Option<&mut Value> {
    match items {
        [Value::String(name), value @ Value::String(_)] if is_telling(name) => Some(value),
        _ => None,
    }
}

/// As keys are compared.
fn plain(key: &str) -> String {
    let letters = key
        .chars()
        .filter(|character| !matches!(character, '-' | '_' | ' ' | '.'));
    letters.map(|character| character.to_ascii_lowercase()).collect()
}

fn is_telling(key: &str) -> bool {
    let plain = plain(key);
    if HARMLESS.contains(&plain.as_str()) {
        return false;
    }
    TELLING_WHOLE.contains(&plain.as_str()) || TELLING.iter().any(|part| plain.contains(part))
}

/// Luhn's sum: of ten numbers written at random, one is a card.
fn is_card(text: &str) -> bool {
    let digits = text
        .bytes()
        .rev()
        .filter(u8::is_ascii_digit)
        .map(|digit| u32::from(digit - b'0'));
    let sum: u32 = digits
        .enumerate()
        .map(|(at, digit)| match (at % 2, digit * 2) {
            (0, _) => digit,
            (_, double) if double > 9 => double - 9,
            (_, double) => double,
        })
        .sum();
    sum.is_multiple_of(10) && text.bytes().any(|byte| byte.is_ascii_digit() && byte != b'0')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn scrubbed(mut value: Value) -> Value {
        Scrubber::new(ScrubOptions::default()).scrub(&mut value);
        value
    }

    #[test]
    fn every_form_is_a_pattern() {
        for form in FORMS.into_iter().chain([EMAIL, CARD]) {
            assert!(Regex::new(form).is_ok(), "{form}");
        }
    }

    #[test]
    fn keys_tell_whatever_their_spelling() {
        for key in [
            "password",
            "X-Api-Key",
            "api_key",
            "Authorization",
            "auth",
            "refreshToken",
            "set-cookie",
            "csrf_token",
            "PRIVATE_KEY",
            "dsn",
            "client_secret",
            "connection_string",
            "user.passwd",
            "session_id",
        ] {
            assert_eq!(scrubbed(json!({ key: "value of it" }))[key], BLANK, "{key}");
        }
        for key in [
            "author",
            "message",
            "url",
            "keyboard",
            "sessions",
            "tokens",
            "ping",
            "considered",
        ] {
            assert_eq!(scrubbed(json!({ key: "value of it" }))[key], "value of it", "{key}");
        }
        let tree =
            scrubbed(json!({ "credentials": { "a": ["b"] }, "headers": [["Authorization", "x"], ["Accept", "y"]] }));
        assert_eq!(
            tree,
            json!({ "credentials": BLANK, "headers": [["Authorization", BLANK], ["Accept", "y"]] })
        );
    }

    #[test]
    fn numbers_are_secrets_only_of_those_who_log_in() {
        let usage = json!({ "gen_ai.usage.total_tokens": 7, "pin": 1234, "token": null, "has_password": true });
        assert_eq!(
            scrubbed(usage),
            json!({ "gen_ai.usage.total_tokens": 7, "pin": BLANK, "token": null, "has_password": true })
        );
    }

    #[test]
    fn values_tell_by_their_form_and_the_rest_of_the_text_stays() {
        for (text, clean) in [
            (
                "of eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln, thanks",
                "of [Filtered], thanks",
            ),
            ("key sb_secret_abcdefghij", "key [Filtered]"),
            ("sbp_0123456789abcdef", "[Filtered]"),
            ("id AKIAIOSFODNN7EXAMPLE.", "id [Filtered]."),
            ("ghp_0123456789abcdefghijABCDEFGHIJ", "[Filtered]"),
            ("xoxb-1234567890-abc", "[Filtered]"),
            ("said Bearer abcdefgh.ijkl", "said [Filtered]"),
            (
                "at postgres://me:hunter2@db.example.com/x",
                "at [Filtered]db.example.com/x",
            ),
            (
                "-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY----- end",
                "[Filtered] end",
            ),
            ("mail jane.doe+x@example.com now", "mail [Filtered] now"),
            ("card 4111 1111 1111 1111 declined", "card [Filtered] declined"),
            ("192.0.2.7", "[Filtered]"),
            ("2001:db8::1", "[Filtered]"),
            ("order 4111 1111 1111 1112 shipped", "order 4111 1111 1111 1112 shipped"),
            (
                "version 1.2.3 of https://example.com/a:b",
                "version 1.2.3 of https://example.com/a:b",
            ),
        ] {
            assert_eq!(scrubbed(json!([text]))[0], clean, "{text}");
        }
    }

    #[test]
    fn what_is_wished_for_stays() {
        let options = ScrubOptions {
            emails: false,
            ips: false,
            bodies: false,
        };
        let event = json!({ "user": { "email": "a@example.com", "ip_address": "192.0.2.1" }, "request": { "url": "https://x/", "data": "body" } });
        let mut kept = event.clone();
        assert_eq!(Scrubber::new(options).scrub(&mut kept), Scrubbed::default());
        assert_eq!(kept, event);
        let clean = scrubbed(event);
        assert_eq!(clean["user"], json!({ "email": BLANK, "ip_address": null }));
        assert_eq!(clean["request"], json!({ "url": "https://x/", "data": BLANK }));
    }

    #[test]
    fn trees_are_kept_within_bounds() {
        let mut deep = json!("leaf");
        for _ in 0..100 {
            deep = json!({ "a": deep });
        }
        let mut payload = json!({ "deep": deep, "wide": vec![1; 5_000], "long": "ä".repeat(20_000) });
        let done = Scrubber::new(ScrubOptions::default()).scrub(&mut payload);
        assert_eq!(done.pruned, 3);
        assert_eq!(payload["wide"].as_array().map(Vec::len), Some(WIDTH_MAX));
        assert!(
            payload["long"]
                .as_str()
                .is_some_and(|text| text.len() <= TEXT_BYTES_MAX + 3)
        );
        assert!(payload.to_string().matches("\"a\"").count() <= DEPTH_MAX);
    }

    #[test]
    fn a_real_event_keeps_what_it_is_about() {
        let event = json!({
            "event_id": "0123456789abcdef0123456789abcdef",
            "timestamp": 1_700_000_000.5,
            "exception": { "values": [{ "type": "ValueError", "value": "no such user", "stacktrace": { "frames": [
                { "filename": "app.py", "function": "login", "lineno": 7, "vars": { "password": "hunter2", "user": "jane" } },
            ] } }] },
            "tags": { "server": "a" },
        });
        let clean = scrubbed(event.clone());
        let frame = &clean["exception"]["values"][0]["stacktrace"]["frames"][0];
        assert_eq!(frame["vars"], json!({ "password": BLANK, "user": "jane" }));
        assert_eq!(
            (&clean["event_id"], &clean["timestamp"]),
            (&event["event_id"], &event["timestamp"])
        );
    }

    #[test]
    fn what_is_no_json_is_not_called_clean() {
        assert_eq!(Scrubber::new(ScrubOptions::default()).scrub_bytes(b"password=x"), None);
    }
}
