//! What a request says about whom it is from, as Sentry's SDKs say it. Pure.

use hyper::{HeaderMap, header};
use percent_encoding::percent_decode_str;

/// The project of a path of ours, `/api/42/envelope/`; None: it is another path.
pub(super) fn project(path: &str) -> Option<&str> {
    let (project, rest) = path.strip_prefix("/api/")?.split_once('/')?;
    let is_number = !project.is_empty() && project.bytes().all(|byte| byte.is_ascii_digit());
    let is_ours = matches!(rest, "envelope" | "envelope/" | "store" | "store/");
    (is_number && is_ours).then_some(project)
}

/// The public key in `X-Sentry-Auth`, in `Authorization` of Sentry's own scheme, or in the query.
pub(super) fn key(headers: &HeaderMap, query: Option<&str>) -> Option<String> {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let said = [header("x-sentry-auth"), header(header::AUTHORIZATION.as_str())];
    let of_header = said.into_iter().flatten().find_map(of_header);
    of_header.or_else(|| of_query(query?, "sentry_key"))
}

/// `Sentry sentry_version=7, sentry_key=…`.
fn of_header(value: &str) -> Option<String> {
    let (scheme, pairs) = value.trim().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("sentry") {
        return None;
    }
    let pairs = pairs.split(',').filter_map(|pair| pair.trim().split_once('='));
    let mut keys = pairs.filter(|(name, _)| *name == "sentry_key");
    keys.next()
        .map(|(_, key)| key.trim_matches('"').to_owned())
        .filter(|key| !key.is_empty())
}

/// The first value of a parameter.
pub(super) fn of_query(query: &str, name: &str) -> Option<String> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let value = pairs
        .filter(|(known, _)| *known == name)
        .map(|(_, value)| value)
        .next()?;
    let decoded = percent_decode_str(value).decode_utf8().ok()?;
    Some(decoded.into_owned()).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use hyper::header::{HeaderName, HeaderValue};

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn sdks_name_their_key_in_three_ways() {
        let long = "Sentry sentry_version=7, sentry_client=sentry.python/2.1, sentry_key=abc, sentry_secret=def";
        for (said, query) in [
            (headers(&[("x-sentry-auth", long)]), None),
            (
                headers(&[("x-sentry-auth", "sentry sentry_key=abc,sentry_version=7")]),
                None,
            ),
            (headers(&[("authorization", "Sentry sentry_key=abc")]), None),
            (
                headers(&[]),
                Some("sentry_version=7&sentry_key=abc&sentry_client=x%2F1"),
            ),
            (headers(&[("authorization", "Bearer xyz")]), Some("sentry_key=%61bc")),
        ] {
            assert_eq!(key(&said, query).as_deref(), Some("abc"), "{said:?} {query:?}");
        }
        for (said, query) in [
            (headers(&[]), None),
            (
                headers(&[("x-sentry-auth", "Sentry sentry_version=7")]),
                Some("sentry_key="),
            ),
            (headers(&[("authorization", "Bearer sentry_key=abc")]), Some("key=abc")),
        ] {
            assert_eq!(key(&said, query), None, "{said:?} {query:?}");
        }
    }

    #[test]
    fn projects_are_numbers_and_everything_else_is_another_path() {
        assert_eq!(project("/api/42/envelope/"), Some("42"));
        assert_eq!(project("/api/0/envelope"), Some("0"));
        assert_eq!(project("/api/42/store/"), Some("42"));
        for other in [
            "/api/v1/envelope/",
            "/api/42/security/",
            "/api/42/envelope/x",
            "/api//envelope/",
            "/api/42",
            "/prefix/api/42/envelope/",
        ] {
            assert_eq!(project(other), None, "{other}");
        }
    }
}
