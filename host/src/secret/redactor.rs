//! Finds known secrets in text, in whatever of the known encodings they stand, and blanks them.

use std::{
    borrow::Cow,
    collections::BTreeSet,
    fmt,
    hash::{BuildHasher as _, RandomState},
    ops::Range,
    sync::{Arc, PoisonError, RwLock},
};

use aho_corasick::{AhoCorasick, MatchKind};

use super::{
    Secret,
    encoding::{Mixed, Pattern, is_base64, patterns},
    view::{View, unescaped},
};

/// Stands where a secret stood.
const BLANK: &str = "[redacted]";

/// Blanks every known secret. Cheap to clone; clones share what is known.
///
/// Known forms: the value itself; base64 (standard and URL-safe, padded or not, with anything before or after it in the
/// same text, so that `Basic` credentials are caught); hex; and each of these percent-encoded, escaped as in JSON or HTML,
/// or with zeros between as in UTF-16, in every mixture and up to two layers deep. Upper and lower case of ASCII are the
/// same: servers change it in names.
#[derive(Clone, Default)]
pub struct Redactor {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// `None` while nothing is known: the common case in tests and on hosts without secrets costs one lock.
    known: RwLock<Option<Arc<Known>>>,
    /// Random for each process, so that the hash of a low-entropy secret cannot be looked up in a table.
    key: RandomState,
}

struct Known {
    patterns: Vec<Pattern>,
    search: AhoCorasick,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redactor(…)")
    }
}

impl Redactor {
    /// Knows these too, from now on. What is known is never forgotten while the process lives: a rotated secret may
    /// still come back in an answer. A value shorter than [`SECRET_BYTES_MIN`](super::SECRET_BYTES_MIN) is not learnt:
    /// the configuration refuses it with a message.
    pub fn learn(&self, secrets: &[Secret]) {
        let mut known = self.shared.known.write().unwrap_or_else(PoisonError::into_inner);
        let mut all: BTreeSet<Pattern> = known.iter().flat_map(|known| known.patterns.iter().cloned()).collect();
        let before = all.len();
        all.extend(secrets.iter().flat_map(|secret| patterns(secret.expose())));
        if all.len() > before {
            *known = Some(Arc::new(Known::new(all.into_iter().collect())));
        }
    }

    /// `text` with every secret replaced by `[redacted]`. Borrowed when there was none.
    pub fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.replace(text, |_| BLANK.to_owned())
    }

    /// For label values: a secret becomes `[redacted:xxxxxxxx]`, a keyed hash, so that two hidden values stay two. The
    /// key is random for each process: hashes do not compare across restarts.
    pub fn redact_label<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.replace(text, |hidden| {
            let hash = self.shared.key.hash_one(hidden);
            format!("[redacted:{:08x}]", hash & 0xffff_ffff)
        })
    }

    /// Where secrets stand in `text`: ascending, apart from each other, on character boundaries.
    pub fn spans(&self, text: &str) -> Vec<Range<usize>> {
        Self::spans_of([self], text)
    }

    /// Where secrets stand that any of these knows. Escapes are undone once for all.
    pub fn spans_of<'r>(all: impl IntoIterator<Item = &'r Self>, text: &str) -> Vec<Range<usize>> {
        let known: Vec<Arc<Known>> = all.into_iter().filter_map(Self::known).collect();
        if known.is_empty() {
            return Vec::new();
        }
        let views = unescaped(text);
        let whole = |span: Range<usize>| text.floor_char_boundary(span.start)..text.ceil_char_boundary(span.end);
        let spans = known.iter().flat_map(|known| known.find(text, &views));
        merge(spans.map(whole).collect())
    }

    fn known(&self) -> Option<Arc<Known>> {
        self.shared.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn replace<'t>(&self, text: &'t str, blank: impl Fn(&str) -> String) -> Cow<'t, str> {
        let spans = self.spans(text);
        if spans.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut clean = String::with_capacity(text.len());
        let mut at = 0;
        for span in spans {
            clean.push_str(&text[at..span.start]);
            clean.push_str(&blank(&text[span.clone()]));
            at = span.end;
        }
        clean.push_str(&text[at..]);
        Cow::Owned(clean)
    }
}

impl Known {
    #[expect(
        clippy::expect_used,
        reason = "building fails past two billion states only; the limits on files and secrets keep it far below"
    )]
    fn new(patterns: Vec<Pattern>) -> Self {
        // Every match is wanted, overlapping ones too: with leftmost-longest alone, the tail of a secret that begins
        // inside another one would stay readable.
        let search = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .ascii_case_insensitive(true)
            .build(patterns.iter().map(|pattern| &pattern.bytes))
            .expect("bounded by the limits of the configuration");
        Self { patterns, search }
    }

    /// Where secrets stand in `text` or in one of its views, in no order.
    fn find(&self, text: &str, views: &[View]) -> Vec<Range<usize>> {
        let mut spans: Vec<Range<usize>> = self.matches(text.as_bytes(), |_| false).collect();
        for view in views {
            let found = self.matches(&view.bytes, |at| view.is_escape(at));
            spans.extend(found.map(|found| {
                let (start, end) = view.original(found.start, found.end);
                start..end
            }));
        }
        spans
    }

    /// `is_escape` says of a byte whether it stood in an escape.
    fn matches<'t>(
        &'t self,
        bytes: &'t [u8],
        is_escape: impl Fn(usize) -> bool + 't,
    ) -> impl Iterator<Item = Range<usize>> + 't {
        self.search.find_overlapping_iter(bytes).filter_map(move |found| {
            let pattern = &self.patterns[found.pattern().as_usize()];
            let start = grown(bytes, found.start().checked_sub(1), pattern.before, &is_escape)?;
            let end = grown(bytes, Some(found.end()), pattern.after, &is_escape)?;
            let padding = bytes[found.end() + end..]
                .iter()
                .take(2)
                .take_while(|byte| **byte == b'=');
            let padding = if end == 1 && pattern.after == Mixed::Base64 {
                padding.count()
            } else {
                0
            };
            Some(found.start() - start..found.end() + end + padding)
        })
    }
}

/// How many characters beside a match carry some bits of the secret. `None`: it is no match, since the rest of the secret
/// is not in an escape beside it.
fn grown(bytes: &[u8], beside: Option<usize>, mixed: Mixed, is_escape: &impl Fn(usize) -> bool) -> Option<usize> {
    let byte = beside.and_then(|at| bytes.get(at).map(|byte| (at, *byte)));
    match mixed {
        Mixed::No => Some(0),
        Mixed::Base64 => Some(byte.is_some_and(|(_, byte)| is_base64(byte)).into()),
        Mixed::Escape => byte.filter(|(at, _)| is_escape(*at)).map(|_| 1),
    }
}

fn merge(mut spans: Vec<Range<usize>>) -> Vec<Range<usize>> {
    spans.sort_unstable_by_key(|span| (span.start, span.end));
    let mut merged: Vec<Range<usize>> = Vec::with_capacity(spans.len());
    for span in spans {
        match merged.last_mut() {
            Some(last) if span.start < last.end => last.end = last.end.max(span.end),
            _ => merged.push(span),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
    use proptest::prelude::*;

    use super::*;

    fn knowing(secrets: &[&str]) -> Redactor {
        let redactor = Redactor::default();
        redactor.learn(&secrets.iter().map(|secret| Secret::new(secret)).collect::<Vec<_>>());
        redactor
    }

    #[test]
    fn nothing_is_copied_when_nothing_is_known_or_found() {
        assert!(matches!(Redactor::default().redact("plain"), Cow::Borrowed("plain")));
        assert!(matches!(
            knowing(&["s3cr3t-s3cr3t"]).redact("plain"),
            Cow::Borrowed("plain")
        ));
    }

    #[test]
    fn the_rest_of_the_text_stays_as_it_was() {
        let redactor = knowing(&["s3cr3t-s3cr3t"]);
        assert_eq!(redactor.redact("é s3cr3t-s3cr3t ü"), "é [redacted] ü");
        assert_eq!(redactor.redact("s3cr3t-s3cr3ts3cr3t-s3cr3t"), "[redacted][redacted]");
        assert_eq!(redactor.redact("key=s3cr3t%2Ds3cr3t&100%"), "key=[redacted]&100%");
    }

    #[test]
    fn basic_credentials_are_caught_whatever_the_user_is_called() {
        let redactor = knowing(&["s3cr3t-value"]);
        for user in ["", "u", "us", "use", "user"] {
            let header = format!("Basic {}", STANDARD.encode(format!("{user}:s3cr3t-value")));
            let clean = redactor.redact(&header);
            assert!(
                clean.contains("[redacted]") && clean.ends_with(']'),
                "{header} → {clean}"
            );
        }
    }

    #[test]
    fn overlapping_secrets_and_secrets_inside_secrets_leave_no_tail() {
        let redactor = knowing(&["abcdefghij", "fghijklmno", "cdefghij"]);
        assert_eq!(redactor.redact("<abcdefghijklmno>"), "<[redacted]>");
        assert_eq!(redactor.redact("<cdefghij>"), "<[redacted]>");
        assert_eq!(redactor.redact("<abcdefghi>"), "<abcdefghi>");
    }

    #[test]
    fn escapes_that_begin_or_end_outside_of_a_secret_hide_nothing() {
        let redactor = knowing(&["deadbeef/key", "name/value%4", "not-a%2Fsecret/"]);
        for text in [
            r"%4deadbeef\/key",
            r"\u00deadbeef\/key",
            r"name\/value%41",
            r"not-a%2Fsecret\/",
            r"&amp;#47;%4deadbeef&#x2f;key",
        ] {
            let clean = redactor.redact(text);
            assert!(clean.contains(BLANK), "{text} → {clean}");
            assert!(!clean.contains("beef") && !clean.contains("value"), "{text} → {clean}");
        }
        assert_eq!(redactor.redact("adbeef/key"), "adbeef/key", "no part of it by itself");
        assert_eq!(redactor.redact("DeadBeef/KEY"), BLANK);
    }

    #[test]
    fn what_several_know_is_found_at_once() {
        let (one, other) = (knowing(&["first-secret"]), knowing(&["other-secret"]));
        let text = "first%2Dsecret other\\u002dsecret first-secret";
        let spans = Redactor::spans_of([&one, &other], text);
        let found: Vec<&str> = spans.into_iter().map(|span| &text[span]).collect();
        assert_eq!(found, ["first%2Dsecret", "other\\u002dsecret", "first-secret"]);
    }

    #[test]
    fn two_hidden_labels_stay_two_and_one_stays_one() {
        let redactor = knowing(&["first-secret", "other-secret"]);
        let first = redactor.redact_label("first-secret").into_owned();
        let other = redactor.redact_label("other-secret").into_owned();
        assert_ne!(first, other);
        assert_eq!(first, redactor.clone().redact_label("first-secret"));
        assert!(first.starts_with("[redacted:") && first.len() == "[redacted:xxxxxxxx]".len());
        assert_ne!(
            first,
            knowing(&["first-secret"]).redact_label("first-secret"),
            "the key is random"
        );
    }

    #[test]
    fn a_rotated_secret_stays_known() {
        let redactor = knowing(&["old-secret-value"]);
        redactor.learn(&[Secret::new("new-secret-value")]);
        assert_eq!(
            redactor.redact("old-secret-value new-secret-value"),
            "[redacted] [redacted]"
        );
    }

    #[test]
    fn short_values_would_blank_everything_and_are_not_learnt() {
        assert_eq!(knowing(&["a", ""]).redact("banana"), "banana");
    }

    /// Every byte escaped or not, as `mask` says.
    fn percent(secret: &str, mask: u64, upper: bool) -> String {
        let escaped = secret.bytes().enumerate().map(|(at, byte)| {
            let plain = byte.is_ascii_alphanumeric() && mask >> (at % 64) & 1 == 0;
            match (plain, upper) {
                (true, _) => char::from(byte).to_string(),
                (false, true) => format!("%{byte:02X}"),
                (false, false) => format!("%{byte:02x}"),
            }
        });
        escaped.collect()
    }

    fn json_escaped(secret: &str, mask: u64, upper: bool) -> String {
        let unit = |unit: u16| {
            if upper {
                format!("\\u{unit:04X}")
            } else {
                format!("\\u{unit:04x}")
            }
        };
        let escaped = secret.chars().enumerate().map(|(at, character)| {
            if mask >> (at % 64) & 1 == 1 {
                return character.encode_utf16(&mut [0; 2]).iter().map(|u| unit(*u)).collect();
            }
            match character {
                '/' => "\\/".to_owned(),
                other => serde_json::to_string(&other.to_string())
                    .unwrap()
                    .trim_matches('"')
                    .to_owned(),
            }
        });
        escaped.collect()
    }

    /// Without `"` and `\`, whose short escapes the helper above cannot write after trimming.
    fn secrets() -> impl Strategy<Value = String> {
        "[a-zA-Z0-9/+=&? ~é😀._:@%-]{8,40}"
    }

    proptest! {
        #[test]
        fn no_encoding_of_a_secret_survives(
            secret in secrets(),
            before in "[ -~é]{0,20}",
            after in "[ -~é]{0,20}",
            mask in any::<u64>(),
            upper in any::<bool>(),
            padding in 0usize..4,
        ) {
            let redactor = knowing(&[&secret]);
            let inside = format!("{}{secret}{after}", "x".repeat(padding));
            let forms = [
                secret.clone(),
                percent(&secret, mask, upper),
                percent(&secret, u64::MAX, upper),
                json_escaped(&secret, mask, upper),
                json_escaped(&secret, u64::MAX, upper),
                serde_json::to_string(&secret).unwrap().trim_matches('"').to_owned(),
                STANDARD.encode(&secret),
                STANDARD_NO_PAD.encode(&secret),
                URL_SAFE.encode(&secret),
                URL_SAFE_NO_PAD.encode(&secret),
                percent(&STANDARD.encode(&secret), 0, upper),
            ];
            for form in forms {
                // An escape that began before the text would change what the text means.
                let text = format!("{before} <{form}> {after}");
                let clean = redactor.redact(&text);
                prop_assert!(clean.contains(BLANK), "{text} → {clean}");
                prop_assert!(!clean.contains(&form), "{text} → {clean}");
                let expected = format!("<{BLANK}>");
                prop_assert!(clean.contains(&expected), "{text} → {clean}");
            }
            for inner in [STANDARD.encode(&inside), URL_SAFE_NO_PAD.encode(&inside)] {
                prop_assert!(redactor.redact(&inner).contains(BLANK), "{inner}");
            }
        }

        #[test]
        fn any_text_is_redacted_without_panic(text in "\\PC*", secret in "\\PC{8,12}") {
            let redactor = knowing(&[&secret]);
            let clean = redactor.redact(&text);
            prop_assert!(!clean.contains(&secret) || BLANK.contains(&secret));
        }
    }
}
