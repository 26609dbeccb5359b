//! Takes the credentials of a check's connections out of what comes back.
//!
//! Flows in: headers, bodies, URLs and error texts. Flows out: the same without them, in every form that
//! [`Redactor`] knows. A server and a plugin that work together can always encode a secret in some other way: what is
//! kept out here is the echo, not the conspiracy.

use std::ops::Range;

use super::credentials::has_credentials;
use crate::{
    capability::{
        reach::Reach,
        tls::{Certificate, Session},
    },
    config::{Connection, HttpAuth},
    secret::{Redactor, Secret},
};

/// Stands where a secret stood.
const BLANK: &str = "[redacted]";
/// Bytes past the cut that are read so that a secret lying across it is seen whole: a key of 3 KiB with each byte written
/// as two layers of escapes.
pub(super) const MARGIN: usize = 64 * 1024;
/// Parts of a secret URL that are secret by themselves: shorter ones are words like `services`.
const PART_BYTES_MIN: usize = 16;
/// Header names that say that their value is a credential. Others may hold ordinary words, and blanking those would blank
/// them everywhere; values that came from `${secret:…}` are known anyway.
const TELLING: [&str; 9] = [
    "auth",
    "cookie",
    "key",
    "token",
    "secret",
    "passw",
    "signature",
    "credential",
    "session",
];

/// Of one check.
#[derive(Clone, Debug)]
pub(super) struct Scrubber {
    /// Every secret of the configuration.
    host: Redactor,
    /// What this check's connections hold besides.
    own: Redactor,
}

impl Scrubber {
    pub(super) fn new(host: Redactor, reach: &Reach) -> Self {
        let own = Redactor::default();
        let secrets: Vec<_> = reach.all().flat_map(|connection| credentials(connection)).collect();
        own.learn(&secrets);
        Self { host, own }
    }

    /// For text that people read.
    pub(super) fn text(&self, text: &str) -> String {
        let mut clean = Vec::with_capacity(text.len());
        self.clean_into(&mut clean, text, text.len());
        // Secrets begin and end between characters.
        String::from_utf8_lossy(&clean).into_owned()
    }

    /// Whether there is a secret in it.
    pub(super) fn finds(&self, text: &str) -> bool {
        !self.spans(text).is_empty()
    }

    /// Certificates are the server's to write.
    pub(super) fn session(&self, session: Session) -> Session {
        let chain = session
            .chain
            .into_iter()
            .map(|certificate| self.certificate(certificate));
        Session {
            chain: chain.collect(),
            ..session
        }
    }

    fn certificate(&self, shown: Certificate) -> Certificate {
        Certificate {
            subject: self.text(&shown.subject),
            issuer: self.text(&shown.issuer),
            serial: self.text(&shown.serial),
            dns_names: shown.dns_names.iter().map(|name| self.text(name)).collect(),
            ..shown
        }
    }

    /// The first `keep` bytes without what is secret in all of them. What is no text is left as it is: no known form of a
    /// secret is anything else.
    pub(super) fn bytes(&self, bytes: &[u8], keep: usize) -> Vec<u8> {
        let mut clean = Vec::with_capacity(bytes.len().min(keep));
        let mut at = 0;
        for chunk in bytes.utf8_chunks() {
            let text = chunk.valid();
            self.clean_into(&mut clean, text, keep.saturating_sub(at));
            at += text.len();
            let rest = chunk.invalid();
            clean.extend_from_slice(&rest[..rest.len().min(keep.saturating_sub(at))]);
            at += rest.len();
            if at >= keep {
                break;
            }
        }
        clean
    }

    fn clean_into(&self, clean: &mut Vec<u8>, text: &str, keep: usize) {
        let keep = keep.min(text.len());
        let mut at = 0;
        for span in self.spans(text) {
            if span.start >= keep {
                break;
            }
            clean.extend_from_slice(&text.as_bytes()[at.min(span.start)..span.start]);
            clean.extend_from_slice(BLANK.as_bytes());
            at = span.end;
        }
        clean.extend_from_slice(&text.as_bytes()[at.min(keep)..keep]);
    }

    /// Ascending and apart.
    fn spans(&self, text: &str) -> Vec<Range<usize>> {
        Redactor::spans_of([&self.host, &self.own], text)
    }
}

/// Whether a check has anything that an answer could tell: over whichever connection it comes, since a server may store what
/// it is told over one and another may show it.
pub(super) fn is_needed(reach: &Reach) -> bool {
    reach
        .all()
        .any(|connection| has_credentials(connection) || connection.password.is_some())
}

/// What of a connection is secret whatever it was written with.
fn credentials(connection: &Connection) -> Vec<Secret> {
    let mut found: Vec<Secret> = connection.secrets.values().cloned().collect();
    found.extend(connection.password.clone());
    found.extend(connection.sign.iter().map(|sign| sign.key.clone()));
    found.extend(
        connection
            .proxy
            .iter()
            .filter_map(|proxy| proxy.auth.as_ref().map(|(_, password)| password.clone())),
    );
    match &connection.auth {
        Some(HttpAuth::Basic { password, .. }) => found.push(password.clone()),
        Some(HttpAuth::Bearer(token)) => found.push(token.clone()),
        None => {}
    }
    let telling = connection
        .headers
        .iter()
        .chain(&connection.query)
        .filter(|(name, _)| is_telling(name));
    for (_, value) in telling {
        found.push(value.clone());
        // `Bearer …`: the token alone is secret too.
        found.extend(value.expose().split_ascii_whitespace().skip(1).map(Secret::new));
    }
    if connection.url_is_secret {
        found.extend(parts(connection));
    }
    found
}

fn is_telling(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    TELLING.iter().any(|part| name.contains(part))
}

/// A secret URL as a whole, from its path on, and its long parts.
fn parts(connection: &Connection) -> Vec<Secret> {
    let url = &connection.url;
    let from_path = &url[url::Position::BeforePath..];
    let long = from_path
        .split(['/', '?', '&', '='])
        .filter(|part| part.len() >= PART_BYTES_MIN);
    let whole = [url.as_str(), from_path, url.host_str().unwrap_or_default()]
        .into_iter()
        .filter(|text| text.len() >= PART_BYTES_MIN);
    whole.chain(long).map(Secret::new).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capability::http::fixtures::{connection, reach};

    const KEY: &str = "s3cr3t/key+value";

    fn scrubber() -> Scrubber {
        let mut api = connection("api", "https://h.test/");
        api.auth = Some(HttpAuth::Bearer(Secret::new(KEY)));
        api.headers = vec![
            ("x-api-key".to_owned(), Secret::new("header-secret")),
            ("x-environment".to_owned(), Secret::new("production")),
            ("cookie-auth".to_owned(), Secret::new("Token token-in-value")),
        ];
        Scrubber::new(Redactor::default(), &reach([("default", api)]))
    }

    fn clean(text: &[u8], keep: usize) -> String {
        String::from_utf8_lossy(&scrubber().bytes(text, keep)).into_owned()
    }

    #[test]
    fn credentials_go_and_ordinary_words_stay() {
        assert_eq!(clean(b"a s3cr3t/key+value b", 100), "a [redacted] b");
        assert_eq!(clean(b"header-secret in production", 100), "[redacted] in production");
        assert_eq!(clean(b"token-in-value", 100), "[redacted]");
        assert_eq!(clean(b"s3cr3t%2Fkey%2Bvalue", 100), "[redacted]");
        assert_eq!(
            clean(br#"{"k":"s3cr3t\/key\u002bvalue"}"#, 100),
            r#"{"k":"[redacted]"}"#
        );
    }

    #[test]
    fn bytes_that_are_no_text_stay_and_hide_nothing() {
        let mut body = vec![0xff, 0xfe];
        body.extend_from_slice(KEY.as_bytes());
        body.extend_from_slice(&[0xff, b'x']);
        assert_eq!(
            scrubber().bytes(&body, 100),
            [&[0xff, 0xfe][..], b"[redacted]", &[0xff, b'x']].concat()
        );
    }

    #[test]
    fn a_secret_across_the_cut_is_blanked_and_nothing_behind_the_cut_is_shown() {
        let text = format!("abc {KEY} tail");
        for keep in 5..=20 {
            assert_eq!(clean(text.as_bytes(), keep), "abc [redacted]", "{keep}");
        }
        assert_eq!(clean(text.as_bytes(), 4), "abc ");
        assert_eq!(clean(text.as_bytes(), 22), "abc [redacted] t");
        assert_eq!(clean(text.as_bytes(), 0), "");
    }

    #[test]
    fn a_secret_url_is_known_whole_and_in_parts() {
        let mut hook = connection("hook", "https://hooks.test/services/T0000001/abcdefghijklmnop");
        hook.url_is_secret = true;
        let scrubber = Scrubber::new(Redactor::default(), &reach([("default", hook)]));
        assert_eq!(
            scrubber.text("at https://hooks.test/services/T0000001/abcdefghijklmnop: 404"),
            "at [redacted]: 404"
        );
        assert_eq!(scrubber.text("/services/T0000001/abcdefghijklmnop"), "[redacted]");
        assert_eq!(scrubber.text("abcdefghijklmnop services"), "[redacted] services");
    }

    #[test]
    fn certificates_hide_nothing() {
        let session = Session {
            chain: vec![Certificate {
                subject: format!("CN={KEY}"),
                issuer: "CN=HEADER-SECRET".to_owned(),
                dns_names: vec![format!("{KEY}.test"), "h.test".to_owned()],
                sha256: "00".to_owned(),
                ..Certificate::default()
            }],
            ..Session::default()
        };
        let clean = scrubber().session(session).chain.remove(0);
        assert_eq!((&*clean.subject, &*clean.issuer), ("CN=[redacted]", "CN=[redacted]"));
        assert_eq!(clean.dns_names, ["[redacted].test", "h.test"]);
    }

    #[test]
    fn any_connection_with_a_secret_makes_it_needed() {
        let open = || connection("open", "https://h.test/");
        assert!(!is_needed(&reach([("default", open())])));
        let mut cache = connection("cache", "redis://h.test/0");
        cache.password = Some(Secret::new("of-the-cache"));
        let both = reach([("default", open()), ("cache", cache)]);
        assert!(is_needed(&both));
        let scrubber = Scrubber::new(Redactor::default(), &both);
        assert_eq!(scrubber.text("of-the-cache"), "[redacted]");
    }

    #[test]
    fn what_the_host_knows_is_known_here() {
        let host = Redactor::default();
        host.learn(&[Secret::new("from-the-file")]);
        let scrubber = Scrubber::new(host, &Reach::default());
        assert_eq!(scrubber.text("it was from-the-file"), "it was [redacted]");
    }
}
