//! Text with escapes undone, byte by byte, each remembering where it came from.
//!
//! An encoder may escape every byte or only some, with either case of hex; a JSON encoder may write `/`, `\/` or
//! `\u002f`. Undoing covers every mixture; listing them would not. All kinds of escapes are undone at once, so that the
//! work is a few passes over the text whatever stands in it: somebody else wrote it, and it may be a MiB.

/// How often escapes are undone one inside the other: JSON inside JSON, percent inside JSON, and the other way round.
/// A third layer has not been seen in practice and each costs another pass.
const LAYERS_MAX: usize = 2;

/// Longest HTML reference: `&#x10ffff;`.
const REFERENCE_BYTES_MAX: usize = 10;

/// What HTML must escape, and how.
const REFERENCES: [(&[u8], u8); 5] = [
    (b"amp", b'&'),
    (b"lt", b'<'),
    (b"gt", b'>'),
    (b"quot", b'"'),
    (b"apos", b'\''),
];

/// What may stand before a secret so that an escape which begins there ends inside of it.
const BEGUN: [&[u8]; 21] = [
    b"%", b"%0", b"\\", b"\\x", b"\\x0", b"\\u", b"\\u0", b"\\u00", b"\\u000", b"\\u{", b"\\u{0", b"&", b"&#", b"&#x",
    b"&#x0", b"&a", b"&am", b"&amp", b"&l", b"&lt", b"&quo",
];

/// What may stand behind a secret so that an escape which begins inside of it ends there.
const ENDED: [&[u8]; 20] = [
    b"0", b"00", b"000", b"0000", b"n", b"u0000", b"u{0}", b"{0}", b"0}", b"}", b"x00", b";", b"0;", b"x0;", b"#0;",
    b"p;", b"mp;", b"amp;", b"t;", b"lt;",
];

/// Bytes and where each began in the original text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct View {
    pub(super) bytes: Vec<u8>,
    /// One more than there are bytes: the last is the end of the text.
    starts: Vec<u32>,
}

impl View {
    /// Where bytes `start..end` of this view stand in the original.
    pub(super) fn original(&self, start: usize, end: usize) -> (usize, usize) {
        let at = |place: usize| self.starts.get(place).copied().unwrap_or_default() as usize;
        (at(start), at(end))
    }

    /// Whether a byte stood in an escape.
    pub(super) fn is_escape(&self, at: usize) -> bool {
        self.starts
            .get(at..at + 2)
            .is_some_and(|starts| starts[1] != starts[0] + 1)
    }
}

/// One layer undone; `None` when there was nothing to undo. `original` is where each byte began, and the end.
fn undone(bytes: &[u8], original: impl Fn(usize) -> u32) -> Option<View> {
    if !bytes.iter().any(|byte| is_marker(*byte)) {
        return None;
    }
    let mut view = View {
        bytes: Vec::with_capacity(bytes.len()),
        starts: Vec::with_capacity(bytes.len() + 1),
    };
    let mut at = 0;
    while at < bytes.len() {
        let plain = bytes[at..].iter().take_while(|byte| !is_marker(**byte)).count();
        view.bytes.extend_from_slice(&bytes[at..at + plain]);
        view.starts.extend((at..at + plain).map(&original));
        at += plain;
        let Some(first) = bytes.get(at) else { break };
        let decoded = escape(&bytes[at..]).unwrap_or_else(|| byte(*first, 1));
        view.bytes.extend_from_slice(&decoded.bytes[..decoded.length]);
        view.starts.extend(std::iter::repeat_n(original(at), decoded.length));
        at += decoded.consumed;
    }
    view.starts.push(original(bytes.len()));
    // Every escape is longer than what it stands for.
    (view.bytes.len() < bytes.len()).then_some(view)
}

/// What one escape stands for: at most one character.
struct Decoded {
    bytes: [u8; 4],
    length: usize,
    /// Bytes of the escape itself.
    consumed: usize,
}

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

/// Views of `text` in which escapes are undone, one layer and more, up to [`LAYERS_MAX`]; not the text itself. Texts past
/// 4 GiB have none, which no caller reaches.
pub(super) fn unescaped(text: &str) -> Vec<View> {
    let mut all: Vec<View> = Vec::new();
    if u32::try_from(text.len()).is_err() {
        return all;
    }
    for _ in 0..LAYERS_MAX {
        let next = match all.last() {
            None => undone(text.as_bytes(), |at| u32::try_from(at).unwrap_or(u32::MAX)),
            Some(view) => undone(&view.bytes, |at| view.starts[at]),
        };
        match next {
            Some(view) => all.push(view),
            None => break,
        }
    }
    all
}

/// What a secret may look like in a view.
#[derive(Debug)]
pub(super) struct Distorted {
    /// Without the escapes that it seems to contain itself.
    pub(super) undone: Vec<Vec<u8>>,
    /// Without a beginning that an escape in front of it swallowed.
    pub(super) headless: Vec<Vec<u8>>,
    /// Without an end that looks like the beginning of an escape.
    pub(super) tailless: Vec<Vec<u8>>,
}

impl Distorted {
    pub(super) fn of(secret: &str) -> Self {
        let whole = secret.as_bytes();
        let late = whole.len().saturating_sub(REFERENCE_BYTES_MAX);
        let goes_on = |at: &usize| ENDED.iter().any(|ended| goes_on(&whole[*at..], ended));
        let begins = (late..whole.len()).filter(goes_on);
        Self {
            undone: layers(whole),
            headless: with_layers(BEGUN.iter().filter_map(|begun| rest(begun, whole)).collect()),
            tailless: with_layers(begins.map(|at| &whole[..at]).collect()),
        }
    }
}

fn with_layers(mut all: Vec<&[u8]>) -> Vec<Vec<u8>> {
    all.sort_unstable();
    all.dedup();
    let each = all
        .into_iter()
        .flat_map(|one| [vec![one.to_vec()], layers(one)].concat());
    each.collect()
}

/// What is left of `secret` when an escape that `begun` begins goes on into it.
fn rest<'s>(begun: &[u8], secret: &'s [u8]) -> Option<&'s [u8]> {
    let head = &secret[..secret.len().min(REFERENCE_BYTES_MAX)];
    let eaten = escape(&[begun, head].concat())?.consumed.checked_sub(begun.len())?;
    secret.get(eaten..).filter(|_| eaten > 0)
}

/// Whether an escape that `tail` begins goes on into `ended`.
fn goes_on(tail: &[u8], ended: &[u8]) -> bool {
    escape(&[tail, ended].concat()).is_some_and(|decoded| decoded.consumed > tail.len())
}

fn layers(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = Vec::new();
    for _ in 0..LAYERS_MAX {
        match undone(all.last().map_or(bytes, Vec::as_slice), |_| 0) {
            Some(view) => all.push(view.bytes),
            None => break,
        }
    }
    all
}

fn is_marker(byte: u8) -> bool {
    matches!(byte, b'%' | b'\\' | b'&' | 0)
}

/// Reads the escape at the start of a text, if one stands there.
fn escape(text: &[u8]) -> Option<Decoded> {
    match *text.first()? {
        b'%' => percent(text),
        b'\\' => backslash(text),
        b'&' => reference(text),
        // UTF-16 and UTF-32 write them between the characters of ASCII.
        0 => Some(Decoded {
            bytes: [0; 4],
            length: 0,
            consumed: 1,
        }),
        _ => None,
    }
}

fn number(digits: &[u8], radix: u32) -> Option<u32> {
    let all = digits.iter().all(|digit| char::from(*digit).is_digit(radix));
    let text = std::str::from_utf8(digits).ok().filter(|_| all)?;
    u32::from_str_radix(text, radix).ok()
}

fn hex_number(digits: &[u8]) -> Option<u32> {
    number(digits, 16)
}

/// `%41` → `A`.
fn percent(text: &[u8]) -> Option<Decoded> {
    Some(byte(u8::try_from(hex_number(text.get(1..3)?)?).ok()?, 3))
}

/// `&amp;`, `&#65;`, `&#x41;`, as HTML and XML write them.
fn reference(text: &[u8]) -> Option<Decoded> {
    let end = text.iter().take(REFERENCE_BYTES_MAX).position(|byte| *byte == b';')?;
    let name = &text[1..end];
    match name {
        [b'#', b'x' | b'X', digits @ ..] => character(hex_number(digits)?, end + 1),
        [b'#', digits @ ..] => character(number(digits, 10)?, end + 1),
        _ => {
            let known = REFERENCES.iter().find(|(known, _)| *known == name)?;
            Some(byte(known.1, end + 1))
        }
    }
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
    fn references_of_html_are_undone_by_name_and_by_number() {
        assert!(views("a&amp;b&lt;c&gt;d&quot;e&apos;f").contains(&r#"a&b<c>d"e'f"#.to_owned()));
        assert!(views("&#39;&#x27;&#X2f;&#233;&#x1f600;").contains(&"''/é😀".to_owned()));
        assert!(views("&amp;#47;").contains(&"/".to_owned()));
    }

    #[test]
    fn zeros_between_characters_are_left_out() {
        assert!(views("a\0b\0c\0").contains(&"abc".to_owned()));
        assert!(views("\0\0\0a\0\0\0b").contains(&"ab".to_owned()));
        let view = unescaped("xa\0b\0y").remove(0);
        assert_eq!(view.original(1, 3), (1, 5));
    }

    #[test]
    fn the_work_is_two_passes_whatever_is_mixed() {
        assert_eq!(unescaped("%255c\\\\u0041&amp;amp;").len(), LAYERS_MAX);
    }

    #[test]
    fn what_is_no_escape_stays() {
        assert!(views("100%, 5%zz").is_empty());
        assert!(views(r"\ud83d alone, \q, \u12").is_empty());
        assert!(views("a & b, &c; &#; &#x; &#xzz; &#12, &;").is_empty());
        assert!(views("nothing here").is_empty());
    }

    #[test]
    fn positions_lead_back_to_the_original() {
        let view = unescaped("x%41%42y").remove(0);
        assert_eq!(view.bytes, b"xABy");
        assert_eq!(view.original(1, 3), (1, 7));
        assert_eq!(view.original(3, 4), (7, 8));
        let second = unescaped("x%2541y").remove(1);
        assert_eq!((&second.bytes[..], second.original(1, 2)), (&b"xAy"[..], (1, 6)));
    }

    #[test]
    fn what_surroundings_can_swallow_of_a_secret_is_known() {
        assert!(Distorted::of("ghijklmnop").headless.is_empty());
        assert_eq!(Distorted::of("nopqrstuv").headless, [b"opqrstuv"]);
        assert!(Distorted::of("abcdefghij").headless.contains(&b"cdefghij".to_vec()));
        assert_eq!(Distorted::of("secret-value%4").tailless, [b"secret-value"]);
        assert!(Distorted::of("secret&value").tailless.is_empty());
        assert_eq!(
            Distorted::of("ab%2541cd").undone,
            [b"ab%41cd".to_vec(), b"abAcd".to_vec()]
        );
    }
}
