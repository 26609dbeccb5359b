//! `plugin = "…"` and `sha256 = "…"`.

use std::path::Path;

use super::super::{reader::Reader, resolved::PluginOrigin, source::At, wording::excerpt};

pub(super) fn origin(reader: &Reader<'_, '_>) -> Option<At<PluginOrigin>> {
    let At { value, span } = reader.string("plugin")?;
    let shown = excerpt(&value);
    let refuse = |message: String, hint: &str| {
        reader.reading.error(span, message, hint.to_owned());
        None
    };
    if value.starts_with("oci:") {
        return refuse(
            format!("plugin \"{shown}\": plugins from registries are not available in this version yet"),
            "download the component and name the file: plugin = \"plugins/NAME.wasm\"",
        );
    }
    if value.contains("://") {
        return refuse(
            format!("plugin \"{shown}\": plugins are not fetched from addresses"),
            "download the component, name the file, and pin it with sha256",
        );
    }
    if has_extension(&value, "cwasm") {
        return refuse(
            format!("plugin \"{shown}\" is machine code, which is outside every limit of the sandbox"),
            "name the component itself (.wasm); the host compiles it and keeps the result",
        );
    }
    if value.contains('/') || has_extension(&value, "wasm") {
        let path = reader.reading.folder(span.file).join(value);
        return Some(At {
            value: PluginOrigin::File(path),
            span,
        });
    }
    if !is_plain_name(&value) {
        return refuse(
            format!("\"{shown}\" is neither the name of a bundled plugin nor a file"),
            "bundled ones have plain names (bellwether plugins lists them); a file has a `/` or ends in .wasm",
        );
    }
    Some(At {
        value: PluginOrigin::Bundled(value),
        span,
    })
}

fn has_extension(value: &str, extension: &str) -> bool {
    Path::new(value)
        .extension()
        .is_some_and(|found| found.eq_ignore_ascii_case(extension))
}

fn is_plain_name(value: &str) -> bool {
    value.starts_with(|first: char| first.is_ascii_lowercase())
        && value
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_'))
}

pub(super) fn sha256(reader: &Reader<'_, '_>) -> Option<[u8; 32]> {
    let At { value, span } = reader.string("sha256")?;
    let digest = parse_sha256(value.trim());
    if digest.is_none() {
        let message = format!("`sha256` must be 64 hexadecimal digits, not \"{}\"", excerpt(&value));
        let hint = "sha256sum PLUGIN.wasm prints it".to_owned();
        reader.reading.error(span, message, hint);
    }
    digest
}

/// With or without `sha256:` before it, as registries write it.
fn parse_sha256(text: &str) -> Option<[u8; 32]> {
    let digits = text.strip_prefix("sha256:").unwrap_or(text).as_bytes();
    let mut digest = [0; 32];
    if digits.len() != digest.len() * 2 {
        return None;
    }
    for (byte, pair) in digest.iter_mut().zip(digits.chunks(2)) {
        let high = char::from(pair[0]).to_digit(16)?;
        let low = char::from(pair[1]).to_digit(16)?;
        *byte = u8::try_from(high * 16 + low).ok()?;
    }
    Some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_read_in_either_case() {
        let text = "sha256:00FFa1".to_owned() + &"0".repeat(58);
        assert_eq!(parse_sha256(&text).unwrap()[..3], [0x00, 0xff, 0xa1]);
        assert_eq!(parse_sha256(&"g".repeat(64)), None);
        assert_eq!(parse_sha256(&"é".repeat(32)), None);
        assert_eq!(parse_sha256("00"), None);
    }
}
