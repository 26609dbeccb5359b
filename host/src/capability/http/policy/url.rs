//! From text to the one URL that is matched, dialled and sent. Pure.
//!
//! Whatever two programs may read in two ways is refused rather than repaired: what the policy matched must be what the
//! server sees.

use url::{Host, Url};

/// Longest URL. Servers take 8 KiB as a rule; the rest is for those that take more.
const URL_BYTES_MAX: usize = 16 * 1024;
/// Layers of percent-encoding that are undone in search of dot segments. A path with more is refused.
const LAYERS_MAX: usize = 4;

/// Why a URL is refused. What was wrong, for whoever wrote it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::capability::http) enum BadUrl {
    #[error("the URL is longer than 16 KiB")]
    TooLong,
    #[error("the URL contains a control character or a space at an end")]
    Control,
    #[error("the URL contains a backslash")]
    Backslash,
    #[error("the URL must begin with `http://` or `https://`")]
    Scheme,
    #[error("the URL contains a user name or password: credentials belong to the connection")]
    UserInfo,
    #[error("the URL's host ends in a dot")]
    TrailingDot,
    #[error("the URL's port is 0")]
    Port,
    #[error("the URL's path hides a dot segment (`..`) behind an encoding or a `;`")]
    HiddenDots,
    #[error("the URL's path contains an encoded control character or backslash")]
    HiddenControl,
    #[error("with a connection, `url` is what follows the connection's URL, not an address of its own")]
    NotRelative,
    #[error("the URL cannot be read: {0}")]
    Syntax(url::ParseError),
}

/// An absolute URL, without fragment.
pub(in crate::capability::http) fn parse(text: &str) -> Result<Url, BadUrl> {
    check_text(text)?;
    let rest = after_scheme(text).ok_or(BadUrl::Scheme)?;
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    if authority.contains('@') {
        return Err(BadUrl::UserInfo);
    }
    let mut url = Url::parse(text).map_err(BadUrl::Syntax)?;
    url.set_fragment(None);
    check_host(&url)?;
    check_path(&url)?;
    Ok(url)
}

/// `base` and what follows it; "" is exactly `base`.
pub(in crate::capability::http) fn relative(base: &Url, rest: &str) -> Result<Url, BadUrl> {
    check_text(rest)?;
    if after_scheme(rest).is_some() || rest.starts_with("//") {
        return Err(BadUrl::NotRelative);
    }
    let rest = rest.split('#').next().unwrap_or_default();
    if rest.is_empty() {
        return Ok(base.clone());
    }
    let (path, query) = match rest.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (rest, None),
    };
    let mut text = base[..url::Position::AfterPath].to_owned();
    if !path.is_empty() {
        text.truncate(text.trim_end_matches('/').len());
        text.push('/');
        text.push_str(path.strip_prefix('/').unwrap_or(path));
    }
    let queries: Vec<&str> = base.query().into_iter().chain(query).collect();
    if !queries.is_empty() {
        text.push('?');
        text.push_str(&queries.join("&"));
    }
    parse(&text)
}

/// Where `location` leads from `from`.
pub(in crate::capability::http) fn redirected(from: &Url, location: &str) -> Result<Url, BadUrl> {
    check_text(location)?;
    let joined = match after_scheme(location) {
        Some(_) => location.to_owned(),
        None => from.join(location).map_err(BadUrl::Syntax)?.to_string(),
    };
    // Joining undoes plain dot segments; hidden ones are still in the text.
    parse(&joined)
}

fn check_text(text: &str) -> Result<(), BadUrl> {
    if text.len() > URL_BYTES_MAX {
        return Err(BadUrl::TooLong);
    }
    if text.trim() != text || text.chars().any(char::is_control) {
        return Err(BadUrl::Control);
    }
    if text.contains('\\') {
        return Err(BadUrl::Backslash);
    }
    Ok(())
}

/// `https:host` and `https:/host` mean the same to some and nothing to others.
fn after_scheme(text: &str) -> Option<&str> {
    ["http://", "https://"].into_iter().find_map(|scheme| {
        let head = text.get(..scheme.len())?;
        head.eq_ignore_ascii_case(scheme).then(|| &text[scheme.len()..])
    })
}

fn check_host(url: &Url) -> Result<(), BadUrl> {
    match url.host() {
        Some(Host::Domain(name)) if name.ends_with('.') => Err(BadUrl::TrailingDot),
        None => Err(BadUrl::Syntax(url::ParseError::EmptyHost)),
        Some(_) if url.port() == Some(0) => Err(BadUrl::Port),
        Some(_) => Ok(()),
    }
}

fn check_path(url: &Url) -> Result<(), BadUrl> {
    url.path().split('/').try_for_each(check_segment)
}

/// Undoes a segment's encoding, layer by layer, as a server behind a server would, and looks for dots.
fn check_segment(segment: &str) -> Result<(), BadUrl> {
    let mut bytes = segment.as_bytes().to_vec();
    for _ in 0..=LAYERS_MAX {
        let flat = without_lookalikes(&bytes);
        if flat.iter().any(|byte| *byte < b' ' || matches!(byte, 0x7f | b'\\')) {
            return Err(BadUrl::HiddenControl);
        }
        if has_dots(&flat) {
            return Err(BadUrl::HiddenDots);
        }
        let decoded = percent_decoded(&bytes);
        if decoded == bytes {
            return Ok(());
        }
        bytes = decoded;
    }
    Err(BadUrl::HiddenDots)
}

/// A piece that is `.` or `..`, up to a `;`, `?` or `#` and but for spaces: parameters and blanks are dropped by some
/// servers, and who decodes first and parses then sees a path end there. A plain dot segment cannot be here: parsing undid
/// it.
fn has_dots(segment: &[u8]) -> bool {
    segment.split(|byte| *byte == b'/').any(|piece| {
        let name = piece
            .split(|byte| matches!(byte, b';' | b'?' | b'#'))
            .next()
            .unwrap_or_default();
        matches!(name.trim_ascii(), b"." | b"..")
    })
}

/// Also `%uHHHH`, which no standard has and some servers of Microsoft's undo.
fn percent_decoded(bytes: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while !rest.is_empty() {
        rest = decode_next(rest, &mut decoded);
    }
    decoded
}

/// Returns what is left.
fn decode_next<'b>(bytes: &'b [u8], decoded: &mut Vec<u8>) -> &'b [u8] {
    if bytes.first() != Some(&b'%') {
        decoded.push(bytes[0]);
        return &bytes[1..];
    }
    if let [_, b'u' | b'U', ..] = bytes
        && let Some(wide) = bytes.get(2..6).and_then(number)
    {
        let letter = char::from_u32(wide).unwrap_or(char::REPLACEMENT_CHARACTER);
        decoded.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
        return &bytes[6..];
    }
    match bytes.get(1..3).and_then(number) {
        Some(byte) => {
            decoded.push(u8::try_from(byte).unwrap_or_default());
            &bytes[3..]
        }
        None => {
            decoded.push(b'%');
            &bytes[1..]
        }
    }
}

/// Of hexadecimal digits.
fn number(digits: &[u8]) -> Option<u32> {
    digits
        .iter()
        .try_fold(0, |number, digit| Some(number * 16 + char::from(*digit).to_digit(16)?))
}

/// What careless decoders take for dots and slashes: their overlong forms of UTF-8, and letters that look like them, which
/// Windows fits to ASCII and NFKC folds to it.
const LOOKALIKES: [(&[u8], &[u8]); 15] = [
    (&[0xc0, 0xae], b"."),
    (&[0xc0, 0xaf], b"/"),
    (&[0xc1, 0x9c], b"\\"),
    (&[0xe0, 0x80, 0xae], b"."),
    (&[0xe0, 0x80, 0xaf], b"/"),
    (&[0xf0, 0x80, 0x80, 0xae], b"."),
    (&[0xf0, 0x80, 0x80, 0xaf], b"/"),
    ("\u{2024}".as_bytes(), b"."),
    ("\u{2025}".as_bytes(), b".."),
    ("\u{fe52}".as_bytes(), b"."),
    ("\u{ff0e}".as_bytes(), b"."),
    ("\u{2044}".as_bytes(), b"/"),
    ("\u{2215}".as_bytes(), b"/"),
    ("\u{ff0f}".as_bytes(), b"/"),
    ("\u{ff3c}".as_bytes(), b"\\"),
];

fn without_lookalikes(bytes: &[u8]) -> Vec<u8> {
    let mut flat = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(first) = rest.first() {
        match LOOKALIKES.iter().find(|(form, _)| rest.starts_with(form)) {
            Some((form, plain)) => {
                flat.extend_from_slice(plain);
                rest = &rest[form.len()..];
            }
            None => {
                flat.push(*first);
                rest = &rest[1..];
            }
        }
    }
    flat
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> String {
        parse(text).map_or_else(|error| error.to_string(), String::from)
    }

    fn refused(text: &str, expected: &BadUrl) {
        assert_eq!(parse(text).as_ref().err(), Some(expected), "{text}");
    }

    #[test]
    fn ordinary_urls_stay_what_they_are() {
        for text in [
            "https://example.com/",
            "http://example.com:8080/a/b.c/..d/...?x=%2F%00#",
            "http://[2001:db8::1]/",
            "https://example.com/api/queues/%2F/jobs;v=1/a%20b/100%25",
        ] {
            assert_eq!(parsed(text), text.trim_end_matches('#'));
        }
    }

    #[test]
    fn one_host_has_one_spelling() {
        assert_eq!(parsed("HTTPS://EXAMPLE.com:443/x"), "https://example.com/x");
        assert_eq!(parsed("http://bücher.example/"), "http://xn--bcher-kva.example/");
        assert_eq!(parsed("http://ｅxample.com/"), "http://example.com/");
        for loopback in [
            "2130706433",
            "0177.0.0.1",
            "0x7f.1",
            "127.1",
            "%31%32%37.0.0.1",
            "１２７.0.0.1",
        ] {
            assert_eq!(
                parsed(&format!("http://{loopback}/")),
                "http://127.0.0.1/",
                "{loopback}"
            );
        }
    }

    #[test]
    fn user_info_is_refused_even_when_it_is_empty() {
        for text in [
            "https://user@example.com/",
            "https://user:pass@example.com/",
            "https://@example.com/",
            "https://example.com@evil.test/",
            "https://evil.test:80@example.com/",
        ] {
            refused(text, &BadUrl::UserInfo);
        }
    }

    #[test]
    fn what_parsers_drop_in_silence_is_refused() {
        for text in [
            " https://example.com/",
            "https://example.com/\n",
            "https://exa\tmple.com/",
            "https://example.com/a\rb",
            "https://example.com/\u{0}",
            "https://example.com/\u{7f}",
        ] {
            refused(text, &BadUrl::Control);
        }
        for text in [
            "https:\\\\example.com\\",
            "https://example.com\\@evil.test/",
            "https://example.com/a\\..\\b",
        ] {
            refused(text, &BadUrl::Backslash);
        }
        for text in [
            "https:example.com",
            "https:/example.com",
            "//example.com/",
            "ftp://example.com/",
            "file:///etc",
            "",
        ] {
            refused(text, &BadUrl::Scheme);
        }
    }

    #[test]
    fn hosts_that_are_more_than_a_name_are_refused() {
        refused("https://example.com./", &BadUrl::TrailingDot);
        refused("https://example.com:0/", &BadUrl::Port);
        for text in [
            "http://[fe80::1%25eth0]/",
            "http://[fe80::1%eth0]/",
            "http://",
            "http://exa mple.com/",
            "http://a%00b/",
        ] {
            assert!(matches!(parse(text), Err(BadUrl::Syntax(_))), "{text}");
        }
        refused(&format!("https://example.com/{}", "a".repeat(17_000)), &BadUrl::TooLong);
    }

    #[test]
    fn plain_dot_segments_are_undone_before_anything_is_matched() {
        assert_eq!(parsed("https://example.com/a/../b"), "https://example.com/b");
        assert_eq!(parsed("https://example.com/a/%2e%2E/b"), "https://example.com/b");
        assert_eq!(parsed("https://example.com/a/.%2e/b/."), "https://example.com/b/");
    }

    #[test]
    fn hidden_dot_segments_are_refused() {
        for path in [
            "a/..%2fb",
            "a/..%2Fb",
            "a%2f..%2fb",
            "a/%2e%2e%2fb",
            "a/..;/b",
            "a/..;x=1/b",
            "a/..%3fx/b",
            "a/..%23/b",
            "a/%2e%2e;/b",
            "a/..%3b/b",
            "a/%252e%252e/b",
            "a/%25252e%25252e/b",
            "a/..%252fb",
            "a/%c0%ae%c0%ae/b",
            "a/%f0%80%80%ae./b",
            "a/%u002e%u002e/b",
            "a/..%u002fb",
            "a/%uff0e%UFF0E/b",
            "a/\u{ff0e}\u{ff0e}/b",
            "a/\u{2025}/b",
            "a/..\u{2215}b",
            "a/..%c0%afb",
            "a/%20../b",
            "a/..%20/b",
            "a/.;/b",
        ] {
            refused(&format!("https://example.com/{path}"), &BadUrl::HiddenDots);
        }
        for path in [
            "a/..%5cb",
            "a/..%00/b",
            "a/%00",
            "a/b%0d%0ac",
            "a/%255c",
            "a/..%c1%9cb",
            "a/..%u005cb",
            "a/\u{ff3c}",
        ] {
            refused(&format!("https://example.com/{path}"), &BadUrl::HiddenControl);
        }
        let deep = format!("https://example.com/%{}41", "25".repeat(8));
        refused(&deep, &BadUrl::HiddenDots);
    }

    #[test]
    fn what_follows_a_connection_stays_behind_it() {
        let base = Url::parse("https://example.com/hooks/T0/key").expect("a URL");
        let follow = |rest: &str| relative(&base, rest).map(String::from);
        assert_eq!(follow(""), Ok(base.to_string()));
        assert_eq!(follow("/x/y"), Ok(format!("{base}/x/y")));
        assert_eq!(follow("x?y=1"), Ok(format!("{base}/x?y=1")));
        assert_eq!(follow("?y=1"), Ok(format!("{base}?y=1")));
        assert_eq!(follow("@evil.test/"), Ok(format!("{base}/@evil.test/")));
        assert_eq!(follow("x#part"), Ok(format!("{base}/x")));
        assert_eq!(follow("https://evil.test/"), Err(BadUrl::NotRelative));
        assert_eq!(follow("//evil.test/"), Err(BadUrl::NotRelative));
        assert_eq!(follow("..%2f..%2f"), Err(BadUrl::HiddenDots));
        assert_eq!(follow("a\\b"), Err(BadUrl::Backslash));
        // Plain dots are undone here and judged by the prefix afterwards.
        assert_eq!(follow("../x"), Ok("https://example.com/hooks/T0/x".to_owned()));
    }

    #[test]
    fn the_query_of_a_connection_comes_along() {
        let base = Url::parse("https://example.com/hook/?token=abc").expect("a URL");
        let follow = |rest: &str| relative(&base, rest).map(String::from);
        assert_eq!(follow(""), Ok(base.to_string()));
        assert_eq!(
            follow("send?x=1"),
            Ok("https://example.com/hook/send?token=abc&x=1".to_owned())
        );
    }

    #[test]
    fn redirects_are_read_with_the_same_eyes() {
        let from = Url::parse("https://example.com/a/b?c=d").expect("a URL");
        let lead = |location: &str| redirected(&from, location).map(String::from);
        assert_eq!(lead("/x"), Ok("https://example.com/x".to_owned()));
        assert_eq!(lead("x?y"), Ok("https://example.com/a/x?y".to_owned()));
        assert_eq!(lead("//evil.test/"), Ok("https://evil.test/".to_owned()));
        assert_eq!(lead("http://example.com/"), Ok("http://example.com/".to_owned()));
        assert_eq!(lead("//u@evil.test/"), Err(BadUrl::UserInfo));
        assert_eq!(lead("javascript:alert(1)"), Err(BadUrl::Scheme));
        assert_eq!(lead("/a/..%2f"), Err(BadUrl::HiddenDots));
        assert_eq!(lead("\\\\evil.test"), Err(BadUrl::Backslash));
    }
}
