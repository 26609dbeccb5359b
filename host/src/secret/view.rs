//! Text with escapes undone, byte by byte, each remembering where it came from.
//!
//! A percent-encoder may escape every byte or only some, with either case of hex; a JSON encoder may write `/`, `\/` or
//! `\u002f`. Undoing covers every mixture; listing them would not.

/// How often escapes are undone one inside the other: JSON inside JSON, percent inside JSON, and the other way round.
/// A third layer has not been seen in practice and each doubles the work.
const LAYERS_MAX: usize = 2;

/// Bytes and where each began and ended in the original text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct View {
    pub(super) bytes: Vec<u8>,
    from: Vec<(u32, u32)>,
}

impl View {
    /// The text as it stands. `None` past 4 GiB, which no caller reaches.
    fn of(text: &str) -> Option<Self> {
        let length = u32::try_from(text.len()).ok()?;
        Some(Self {
            bytes: text.as_bytes().to_vec(),
            from: (0..length).map(|at| (at, at + 1)).collect(),
        })
    }

    /// Where bytes `start..end` of this view stand in the original.
    pub(super) fn original(&self, start: usize, end: usize) -> (usize, usize) {
        let first = self.from.get(start).map_or(0, |span| span.0);
        let last = self.from.get(end.wrapping_sub(1)).map_or(first, |span| span.1);
        (first as usize, last as usize)
    }

    /// One layer undone; `None` when there was nothing to undo.
    fn undone(&self, marker: u8, escape: Escape) -> Option<Self> {
        let mut at = self.bytes.iter().position(|byte| *byte == marker)?;
        let mut view = Self {
            bytes: self.bytes[..at].to_vec(),
            from: self.from[..at].to_vec(),
        };
        let mut changed = false;
        while at < self.bytes.len() {
            let decoded = (self.bytes[at] == marker).then(|| escape(&self.bytes[at..])).flatten();
            match decoded {
                Some(decoded) => {
                    let span = (self.from[at].0, self.from[at + decoded.consumed - 1].1);
                    let bytes = &decoded.bytes[..decoded.length];
                    view.bytes.extend_from_slice(bytes);
                    view.from.extend(bytes.iter().map(|_| span));
                    at += decoded.consumed;
                    changed = true;
                }
                None => {
                    view.bytes.push(self.bytes[at]);
                    view.from.push(self.from[at]);
                    at += 1;
                }
            }
        }
        changed.then_some(view)
    }
}

/// What one escape stands for: at most one character.
struct Decoded {
    bytes: [u8; 4],
    length: usize,
    /// Bytes of the escape itself.
    consumed: usize,
}

/// Reads the escape at the start of a text, if one stands there.
type Escape = fn(&[u8]) -> Option<Decoded>;

fn byte(byte: u8, consumed: usize) -> Decoded {
    Decoded {
        bytes: [byte, 0, 0, 0],
        length: 1,
        consumed,
    }
}

fn character(code: u32, consumed: usize) -> Option<Decoded> {
    let mut bytes = [0; 4];
    let length = char::from_u32(code)?.encode_utf8(&mut bytes).len();
    Some(Decoded {
        bytes,
        length,
        consumed,
    })
}

/// Every view of `text` in which escapes are undone, up to [`LAYERS_MAX`] deep; not the text itself.
pub(super) fn unescaped(text: &str) -> Vec<View> {
    let mut all = Vec::new();
    if !text.bytes().any(|byte| matches!(byte, b'%' | b'\\')) {
        return all;
    }
    let mut layer: Vec<View> = View::of(text).into_iter().collect();
    for _ in 0..LAYERS_MAX {
        layer = layer
            .iter()
            .flat_map(|view| [view.undone(b'%', percent), view.undone(b'\\', backslash)])
            .flatten()
            .collect();
        all.extend(layer.iter().cloned());
    }
    all
}

fn hex_number(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// `%41` → `A`.
fn percent(text: &[u8]) -> Option<Decoded> {
    Some(byte(u8::try_from(hex_number(text.get(1..3)?)?).ok()?, 3))
}

/// What JSON and the debug forms of Rust, JavaScript and Python write.
fn backslash(text: &[u8]) -> Option<Decoded> {
    let decoded = match text.get(1)? {
        b'u' if text.get(2) == Some(&b'{') => return braced(text),
        b'u' => return utf16(text),
        b'x' => byte(u8::try_from(hex_number(text.get(2..4)?)?).ok()?, 4),
        b'b' => byte(8, 2),
        b'f' => byte(12, 2),
        b'n' => byte(b'\n', 2),
        b'r' => byte(b'\r', 2),
        b't' => byte(b'\t', 2),
        b'0' => byte(0, 2),
        other @ (b'"' | b'\'' | b'\\' | b'/') => byte(*other, 2),
        _ => return None,
    };
    Some(decoded)
}

/// `\u0041`, and `\ud83d\ude00` for what lies beyond 16 bits.
fn utf16(text: &[u8]) -> Option<Decoded> {
    let high = hex_number(text.get(2..6)?)?;
    if !(0xd800..0xdc00).contains(&high) {
        return character(high, 6);
    }
    let low = text.get(6..12).filter(|tail| tail.starts_with(b"\\u"))?;
    let low = hex_number(&low[2..])?.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
    character(0x1_0000 + ((high - 0xd800) << 10) + low, 12)
}

/// `\u{1f600}`, as Rust writes it.
fn braced(text: &[u8]) -> Option<Decoded> {
    let digits = text.iter().skip(3).take(6).take_while(|byte| **byte != b'}').count();
    (text.get(3 + digits) == Some(&b'}')).then_some(())?;
    character(hex_number(text.get(3..3 + digits)?)?, digits + 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn views(text: &str) -> Vec<String> {
        unescaped(text)
            .iter()
            .map(|view| String::from_utf8_lossy(&view.bytes).into_owned())
            .collect()
    }

    #[test]
    fn escapes_are_undone_in_either_case_and_two_deep() {
        assert!(views("a%2Fb%2fc").contains(&"a/b/c".to_owned()));
        assert!(views(r"a\u002Fb\/c\u{2f}d\x2fe").contains(&"a/b/c/d/e".to_owned()));
        assert!(views(r"\ud83d\ude00").contains(&"😀".to_owned()));
        assert!(views("%252F").contains(&"/".to_owned()));
        assert!(views(r#"{\"a\":\"\\u002f\"}"#).contains(&r#"{"a":"/"}"#.to_owned()));
        assert!(views(r"\u0025\u0032F").contains(&"/".to_owned()));
    }

    #[test]
    fn what_is_no_escape_stays() {
        assert!(views("100%, 5%zz").is_empty());
        assert!(views(r"\ud83d alone, \q, \u12").is_empty());
        assert!(views("nothing here").is_empty());
    }

    #[test]
    fn positions_lead_back_to_the_original() {
        let view = unescaped("x%41%42y").remove(0);
        assert_eq!(view.bytes, b"xABy");
        assert_eq!(view.original(1, 3), (1, 7));
        assert_eq!(view.original(3, 4), (7, 8));
    }
}
