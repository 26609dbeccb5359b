//! What the client wants: format by `Accept`, coding by `Accept-Encoding`. Pure.

use hyper::{HeaderMap, header};

use crate::metric::text::Format;

/// Shorter answers are not compressed: they fit one packet as they are.
pub(super) const GZIP_BYTES_MIN: usize = 1024;

/// How the body is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    Identity,
    Gzip,
}

/// One element of a list header: `text/plain;version=0.0.4;q=0.5`.
struct Choice<'h> {
    value: &'h str,
    version: Option<&'h str>,
    quality: f32,
}

fn choices<'h>(headers: &'h HeaderMap, name: &header::HeaderName) -> impl Iterator<Item = Choice<'h>> {
    let lines = headers.get_all(name).into_iter().filter_map(|line| line.to_str().ok());
    lines
        .flat_map(|line| line.split(','))
        .map(choice)
        .filter(|choice| !choice.value.is_empty())
}

fn choice(element: &str) -> Choice<'_> {
    let mut parts = element.split(';').map(str::trim);
    let mut choice = Choice {
        value: parts.next().unwrap_or_default(),
        version: None,
        quality: 1.0,
    };
    for (name, value) in parts.filter_map(|part| part.split_once('=')) {
        match name.trim() {
            name if name.eq_ignore_ascii_case("version") => choice.version = Some(value.trim().trim_matches('"')),
            name if name.eq_ignore_ascii_case("q") => choice.quality = quality(value.trim()),
            _ => {}
        }
    }
    choice
}

/// 0 to 1. What cannot be read does not count as a refusal.
fn quality(text: &str) -> f32 {
    text.parse::<f32>()
        .ok()
        .filter(|quality| quality.is_finite())
        .map_or(1.0, |quality| quality.clamp(0.0, 1.0))
}

/// OpenMetrics when the client names it, in our version or in none, and wants it at least as much as text. Text when it
/// names neither: nobody is turned away for an `Accept` that a monitoring endpoint cannot meet.
pub(super) fn format(headers: &HeaderMap) -> Format {
    let mut wanted = [None::<f32>; 2];
    let mut raise = |format: Format, quality: f32| {
        let slot = &mut wanted[format as usize];
        *slot = Some(slot.map_or(quality, |known| known.max(quality)));
    };
    let mut anything = None;
    for Choice {
        value,
        version,
        quality,
    } in choices(headers, &header::ACCEPT)
    {
        if value.eq_ignore_ascii_case("application/openmetrics-text") {
            if matches!(version, None | Some("1.0.0")) {
                raise(Format::OpenMetrics, quality);
            }
        } else if value.eq_ignore_ascii_case("text/plain") || value.eq_ignore_ascii_case("text/*") {
            raise(Format::Prometheus, quality);
        } else if value == "*/*" {
            anything = Some(quality);
        }
    }
    let [text, open_metrics] = wanted;
    let text = text.or(anything).unwrap_or(0.0);
    match open_metrics {
        Some(quality) if quality > 0.0 && quality >= text => Format::OpenMetrics,
        _ => Format::Prometheus,
    }
}

/// gzip when the client takes it and does not prefer it plain.
pub(super) fn coding(headers: &HeaderMap) -> Coding {
    let (mut gzip, mut plain, mut others) = (None, None, None);
    for Choice { value, quality, .. } in choices(headers, &header::ACCEPT_ENCODING) {
        match value {
            "*" => others = Some(quality),
            name if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") => gzip = Some(quality),
            name if name.eq_ignore_ascii_case("identity") => plain = Some(quality),
            _ => {}
        }
    }
    let gzip = gzip.or(others).unwrap_or(0.0);
    if gzip > 0.0 && gzip >= plain.unwrap_or(0.0) {
        Coding::Gzip
    } else {
        Coding::Identity
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn headers(name: &header::HeaderName, lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(name, HeaderValue::from_str(line).expect("a header value"));
        }
        headers
    }

    #[test]
    fn the_format_is_what_the_client_likes_best() {
        const PROMETHEUS_2: &str = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;\
            version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        const PROMETHEUS_3: &str = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
            application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,\
            text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
        for (lines, expected) in [
            (&[][..], Format::Prometheus),
            (&["*/*"], Format::Prometheus),
            (&["text/html,application/xhtml+xml,*/*;q=0.8"], Format::Prometheus),
            (&["application/json"], Format::Prometheus),
            (&["text/plain"], Format::Prometheus),
            (&[PROMETHEUS_2], Format::OpenMetrics),
            (&[PROMETHEUS_3], Format::OpenMetrics),
            (&["application/openmetrics-text"], Format::OpenMetrics),
            (
                &["APPLICATION/OpenMetrics-Text; Version=\"1.0.0\"; charset=utf-8"],
                Format::OpenMetrics,
            ),
            (&["application/openmetrics-text;version=0.0.1"], Format::Prometheus),
            (&["application/openmetrics-text;version=2.0.0"], Format::Prometheus),
            (&["application/openmetrics-text;q=0"], Format::Prometheus),
            (
                &["application/openmetrics-text;q=0.3,text/plain;q=0.4"],
                Format::Prometheus,
            ),
            (
                &["application/openmetrics-text;q=0.4,text/plain;q=0.4"],
                Format::OpenMetrics,
            ),
            (
                &["text/plain;q=0.4", "application/openmetrics-text;q=0.5"],
                Format::OpenMetrics,
            ),
            (&["application/openmetrics-text;q=0.5,*/*"], Format::Prometheus),
            (&["application/openmetrics-text;q=nonsense"], Format::OpenMetrics),
            (&[",;,=;q"], Format::Prometheus),
        ] {
            assert_eq!(format(&headers(&header::ACCEPT, lines)), expected, "{lines:?}");
        }
    }

    #[test]
    fn the_coding_is_gzip_where_it_is_welcome() {
        for (lines, expected) in [
            (&[][..], Coding::Identity),
            (&["gzip"], Coding::Gzip),
            (&["gzip, deflate, br"], Coding::Gzip),
            (&["GZIP;q=0.5"], Coding::Gzip),
            (&["deflate", "x-gzip"], Coding::Gzip),
            (&["*"], Coding::Gzip),
            (&["gzip;q=0, *"], Coding::Identity),
            (&["gzip;q=0"], Coding::Identity),
            (&["identity"], Coding::Identity),
            (&["identity;q=1, gzip;q=0.5"], Coding::Identity),
            (&["identity;q=0.5, gzip;q=0.5"], Coding::Gzip),
            (&["br"], Coding::Identity),
        ] {
            assert_eq!(coding(&headers(&header::ACCEPT_ENCODING, lines)), expected, "{lines:?}");
        }
    }
}
