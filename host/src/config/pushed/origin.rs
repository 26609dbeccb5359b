//! `origins`: sites whose pages may report. Pure.

use url::{Position, Url};

use crate::config::{resolved::Origin, wording::excerpt};

/// Stands for a wildcard while a URL is parsed, which has none in its host.
const STAND_IN: &str = "any-name-below";

/// What is wrong, and what to write.
type Wrong = (String, String);

/// `*`, `https://shop.example.com`, `https://*.example.com`, each with a port perhaps.
pub(super) fn parse(text: &str) -> Result<Origin, Wrong> {
    let text = text.trim();
    if text == "*" {
        return Ok(Origin::Any);
    }
    let wrong = |why: &str| {
        let message = format!("`origins` cannot have \"{}\": {why}", excerpt(text));
        (message, "write it like \"https://shop.example.com\"".to_owned())
    };
    let is_below = text.contains("://*.");
    let stood_in = text.replacen("://*.", &format!("://{STAND_IN}."), 1);
    if stood_in.contains('*') {
        return Err(wrong(
            "`*` stands alone, or for the first part of a name: \"https://*.example.com\"",
        ));
    }
    let url = Url::parse(&stood_in).map_err(|error| wrong(&format!("it is no origin: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("pages come by `http://` or `https://`"));
    }
    let is_bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
    if !is_bare || !url.username().is_empty() || url.password().is_some() {
        return Err(wrong(
            "an origin is a scheme, a host and perhaps a port, and nothing else",
        ));
    }
    let origin = url[..Position::BeforePath].to_owned();
    Ok(match origin.split_once(STAND_IN) {
        Some((scheme, suffix)) if is_below => Origin::Below {
            scheme: scheme.to_owned(),
            suffix: suffix.to_owned(),
        },
        _ => Origin::Exact(origin),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_taken_as_browsers_write_them() {
        for (text, shown) in [
            ("*", "*"),
            ("https://Shop.Example.com", "https://shop.example.com"),
            ("https://shop.example.com/", "https://shop.example.com"),
            ("https://shop.example.com:443", "https://shop.example.com"),
            ("http://localhost:3000", "http://localhost:3000"),
            ("https://*.example.com:8443", "https://*.example.com:8443"),
        ] {
            assert_eq!(
                parse(text).map(|origin| origin.to_string()),
                Ok(shown.to_owned()),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_origin_is_refused_with_a_reason() {
        for (text, part) in [
            ("shop.example.com", "no origin"),
            ("https://shop.example.com/path", "nothing else"),
            ("https://shop.example.com?x", "nothing else"),
            ("https://a@shop.example.com", "nothing else"),
            ("ftp://shop.example.com", "http://"),
            ("https://*", "`*` stands alone"),
            ("https://a.*.example.com", "`*` stands alone"),
            ("", "no origin"),
        ] {
            let (message, _) = parse(text).expect_err(text);
            assert!(message.contains(part), "{text}: {message}");
        }
    }
}
