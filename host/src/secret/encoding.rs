//! The forms in which a secret is searched for.
//!
//! Base64 and hex are searched as text of their own. Escapes (percent, JSON, HTML) are not listed here, because every
//! character may be escaped or not and the combinations have no end: `view` undoes them instead, and says what that
//! makes of a secret which looks like an escape itself.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use super::{SECRET_BYTES_MIN, view::Distorted};

/// Lines of a multi-line secret (a PEM key) are known by themselves from this length on: a log shows them one by one,
/// and shorter ones are too likely to be ordinary text.
const LINE_BYTES_MIN: usize = 16;

/// A secret of which an escape of its surroundings swallowed an end is known by the rest from this length on.
const REST_BYTES_MIN: usize = 6;

/// What stands beside a match and also carries bits of the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mixed {
    /// Nothing.
    No,
    /// Base64: a character that mixes bits of the secret with those of its surroundings.
    Base64,
    /// An escape that swallowed this end of the secret; without it there is no match.
    Escape,
}

/// One searchable form.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pattern {
    /// What is searched.
    pub(super) bytes: Vec<u8>,
    /// What stands before it.
    pub(super) before: Mixed,
    /// What stands behind it; of base64 the padding too.
    pub(super) after: Mixed,
}

impl Pattern {
    fn exact(bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            bytes: bytes.into(),
            before: Mixed::No,
            after: Mixed::No,
        }
    }
}

/// Every form of `secret`, to be searched without regard to the case of ASCII. Empty when it is too short to be blanked.
pub(super) fn patterns(secret: &str) -> Vec<Pattern> {
    let mut found = Vec::new();
    for part in parts(secret) {
        found.push(Pattern::exact(part));
        if part.contains(' ') {
            // Forms write a space as `+`.
            found.push(Pattern::exact(part.replace(' ', "+")));
        }
        found.extend(rests(part));
        found.push(Pattern::exact(hex(part)));
        for before in 0..3 {
            found.extend(base64_at(part.as_bytes(), before));
        }
    }
    found
}

/// What views show of it when escapes inside of it or around it are undone with it.
fn rests(secret: &str) -> impl Iterator<Item = Pattern> {
    let Distorted {
        undone,
        headless,
        tailless,
    } = Distorted::of(secret);
    let headless = headless.into_iter().map(|bytes| Pattern {
        before: Mixed::Escape,
        ..Pattern::exact(bytes)
    });
    let tailless = tailless.into_iter().map(|bytes| Pattern {
        after: Mixed::Escape,
        ..Pattern::exact(bytes)
    });
    let all = undone.into_iter().map(Pattern::exact).chain(headless).chain(tailless);
    all.filter(|pattern| pattern.bytes.len() >= REST_BYTES_MIN)
}

/// The whole, and the telling lines of one that has several.
fn parts(secret: &str) -> Vec<&str> {
    if secret.len() < SECRET_BYTES_MIN {
        return Vec::new();
    }
    let lines = secret
        .lines()
        .map(str::trim)
        .filter(|line| line.len() >= LINE_BYTES_MIN && line.len() < secret.len() && !line.starts_with("-----"));
    std::iter::once(secret).chain(lines).collect()
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// The base64 characters that the secret alone decides when `before` bytes stand in front of it in its group of three:
/// so `user:secret` is found whatever the user is called.
fn base64_at(secret: &[u8], before: usize) -> [Pattern; 2] {
    let mut group = vec![0; before];
    group.extend_from_slice(secret);
    let first = (before * 8).div_ceil(6);
    let last = group.len() * 8 / 6;
    let mixed_after = !(group.len() * 8).is_multiple_of(6);
    [STANDARD_NO_PAD.encode(&group), URL_SAFE_NO_PAD.encode(&group)].map(|text| Pattern {
        bytes: text.as_bytes()[first..last].to_vec(),
        before: if before > 0 { Mixed::Base64 } else { Mixed::No },
        after: if mixed_after { Mixed::Base64 } else { Mixed::No },
    })
}

/// Whether a byte may stand in base64, standard or URL-safe.
pub(super) fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_known_at_every_alignment() {
        for user in ["", "a", "ab", "abc", "abcd"] {
            let text = STANDARD_NO_PAD.encode(format!("{user}:s3cr3t-value:tail"));
            let known = patterns("s3cr3t-value");
            assert!(
                known
                    .iter()
                    .any(|pattern| text.contains(&String::from_utf8_lossy(&pattern.bytes).into_owned())),
                "{text}"
            );
        }
    }

    #[test]
    fn secrets_too_short_to_blank_have_no_forms() {
        assert!(patterns("1234567").is_empty());
        assert!(!patterns("12345678").is_empty());
    }

    #[test]
    fn lines_of_a_key_are_known_but_its_frame_is_not() {
        let key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQ\n-----END PRIVATE KEY-----\n";
        let known = patterns(key);
        assert!(known.iter().any(|p| p.bytes == b"MIIEvQIBADANBgkqhkiG9w0BAQ"));
        assert!(!known.iter().any(|p| p.bytes == b"-----BEGIN PRIVATE KEY-----"));
    }
}
