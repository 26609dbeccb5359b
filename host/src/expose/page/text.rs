//! Text for the page: escaped, and times as people say them.

use std::{fmt, time::Duration};

/// Text as HTML, for content and for quoted attributes.
pub(super) struct Escaped<'t>(pub(super) &'t str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
            f.write_str(&rest[..at])?;
            f.write_str(match rest.as_bytes()[at] {
                b'&' => "&amp;",
                b'<' => "&lt;",
                b'>' => "&gt;",
                b'"' => "&quot;",
                _ => "&#39;",
            })?;
            rest = &rest[at + 1..];
        }
        f.write_str(rest)
    }
}

/// Text as one segment of a path.
pub(super) struct PathSegment<'t>(pub(super) &'t str);

impl fmt::Display for PathSegment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                    write!(f, "{}", char::from(byte))?
                }
                other => write!(f, "%{other:02X}")?,
            }
        }
        Ok(())
    }
}

/// How long something took: `0.4 ms`, `12 ms`, `1.5 s`.
pub(super) struct Span(pub(super) Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0.as_secs_f64() * 1e3;
        match ms {
            ms if ms < 10.0 => write!(f, "{ms:.1} ms"),
            ms if ms < 1000.0 => write!(f, "{ms:.0} ms"),
            ms => write!(f, "{:.1} s", ms / 1e3),
        }
    }
}

/// How long ago something was: `12 s ago`, `3 min ago`.
pub(super) struct Age(pub(super) Duration);

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_secs() {
            0 => f.write_str("just now"),
            s @ ..120 => write!(f, "{s} s ago"),
            s @ ..7200 => write!(f, "{} min ago", s / 60),
            s @ ..172_800 => write!(f, "{} h ago", s / 3600),
            s => write!(f, "{} days ago", s / 86_400),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_its_quotes() {
        assert_eq!(
            Escaped("<script>\"a\" & 'é'</script>").to_string(),
            "&lt;script&gt;&quot;a&quot; &amp; &#39;é&#39;&lt;/script&gt;"
        );
        assert_eq!(PathSegment("a/b?é").to_string(), "a%2Fb%3F%C3%A9");
    }

    #[test]
    fn times_are_said_as_people_say_them() {
        for (seconds, expected) in [
            (0, "just now"),
            (59, "59 s ago"),
            (180, "3 min ago"),
            (7200, "2 h ago"),
            (200_000, "2 days ago"),
        ] {
            assert_eq!(Age(Duration::from_secs(seconds)).to_string(), expected);
        }
        for (micros, expected) in [(400, "0.4 ms"), (12_300, "12 ms"), (1_540_000, "1.5 s")] {
            assert_eq!(Span(Duration::from_micros(micros)).to_string(), expected);
        }
    }
}
