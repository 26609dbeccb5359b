//! SQL as a row of tokens, as far as it takes to see where a statement begins and ends.
//!
//! Pure. Flows in: the text of a statement. Flows out: words, semicolons and parentheses that stand outside of strings,
//! quoted names and comments. It knows no grammar. Where a server's settings would make it read a string differently
//! (`standard_conforming_strings = off`), the server's own rule of one statement decides.

/// What matters of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'t> {
    /// A bare word: a keyword or a name.
    Word(&'t str),
    /// `(`
    Open,
    /// `)`
    Close,
    /// `;`
    Semicolon,
    /// Anything else that is no space and no comment: a string, a quoted name, a number, an operator.
    Other,
}

/// Something that begins and does not end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unfinished(pub(super) &'static str);

/// The tokens of `sql`.
pub(super) fn tokens(sql: &str) -> Result<Vec<Token<'_>>, Unfinished> {
    let mut found = Vec::new();
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let (token, length) = next(rest, first)?;
        found.extend(token);
        rest = &rest[length..];
    }
    Ok(found)
}

/// The first token of `rest`, which begins with `first`, and its length; no token for spaces and comments.
fn next(rest: &str, first: char) -> Result<(Option<Token<'_>>, usize), Unfinished> {
    let other = |length| Ok((Some(Token::Other), length));
    match first {
        _ if rest.starts_with("--") => Ok((None, rest.find(['\n', '\r']).unwrap_or(rest.len()))),
        _ if rest.starts_with("/*") => Ok((None, comment(rest)?)),
        _ if is_space(first) => Ok((None, first.len_utf8())),
        '(' => Ok((Some(Token::Open), 1)),
        ')' => Ok((Some(Token::Close), 1)),
        ';' => Ok((Some(Token::Semicolon), 1)),
        '\'' => other(quoted(rest, 1, '\'', false)?),
        '"' => other(quoted(rest, 1, '"', false)?),
        'e' | 'E' if rest[1..].starts_with('\'') => other(quoted(rest, 2, '\'', true)?),
        '$' => other(dollar(rest)?),
        _ if begins_word(first) => {
            let length = rest.find(|c| !continues_word(c)).unwrap_or(rest.len());
            Ok((Some(Token::Word(&rest[..length])), length))
        }
        // A whole number at once, so that the `e` of `1e'` begins no string.
        _ if first.is_ascii_digit() => other(rest.find(|c| !continues_word(c)).unwrap_or(rest.len())),
        _ => other(first.len_utf8()),
    }
}

fn begins_word(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || !c.is_ascii()
}

fn continues_word(c: char) -> bool {
    begins_word(c) || c.is_ascii_digit() || c == '$'
}

/// Length of a comment at the start of `text`. They nest.
fn comment(text: &str) -> Result<usize, Unfinished> {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (0, 0_usize);
    while at + 1 < bytes.len() {
        let step = match &bytes[at..at + 2] {
            b"/*" => {
                depth += 1;
                2
            }
            b"*/" => {
                depth -= 1;
                2
            }
            _ => 1,
        };
        at += step;
        if depth == 0 {
            return Ok(at);
        }
    }
    Err(Unfinished("a comment"))
}

/// Length of what ends with `end`, where two of them stand for one, and with `escapes` a backslash takes the next with it.
/// A string with escapes may go on in another line, still with escapes.
fn quoted(text: &str, start: usize, end: char, escapes: bool) -> Result<usize, Unfinished> {
    let mut at = start;
    loop {
        at += closed(&text[at..], end, escapes)?;
        match goes_on(&text[at..]).filter(|_| escapes) {
            Some(begun) => at += begun,
            None => return Ok(at),
        }
    }
}

/// Length up to the first `end` that stands for itself, with it.
fn closed(text: &str, end: char, escapes: bool) -> Result<usize, Unfinished> {
    let mut characters = text.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        if escapes && c == '\\' {
            characters.next();
        } else if c == end && characters.next_if(|(_, next)| *next == end).is_none() {
            return Ok(at + 1);
        }
    }
    Err(Unfinished("a quotation"))
}

/// Length of what stands between two parts of one string: spaces and line comments with a line's end among them, and the
/// quote that follows. `None`: the string is over.
fn goes_on(text: &str) -> Option<usize> {
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(is_space);
        if !rest.starts_with("--") {
            break;
        }
        rest = &rest[rest.find(['\n', '\r'])?..];
    }
    let between = text.len() - rest.len();
    let is_next_line = text[..between].contains(['\n', '\r']);
    (is_next_line && rest.starts_with('\'')).then_some(between + 1)
}

fn is_space(c: char) -> bool {
    c.is_ascii_whitespace() || c == '\x0b'
}

/// Length of `$tag$ … $tag$`; of a parameter such as `$1`, the dollar alone.
fn dollar(text: &str) -> Result<usize, Unfinished> {
    let tag_end = text[1..].find(|c| !continues_word(c) || c == '$').map(|at| at + 1);
    let Some(tag_end) = tag_end.filter(|at| text[*at..].starts_with('$')) else {
        return Ok(1);
    };
    if text[1..].starts_with(|c: char| c.is_ascii_digit()) {
        return Ok(1);
    }
    let tag = &text[..=tag_end];
    let body = tag.len();
    let end = text[body..].find(tag).ok_or(Unfinished("a dollar quotation"))?;
    Ok(body + end + tag.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(sql: &str) -> Vec<&str> {
        let all = tokens(sql).expect(sql).into_iter();
        let word = all.filter_map(|token| match token {
            Token::Word(word) => Some(word),
            Token::Semicolon => Some(";"),
            Token::Open | Token::Close | Token::Other => None,
        });
        word.collect()
    }

    #[test]
    fn what_stands_in_strings_names_and_comments_is_no_token() {
        assert_eq!(words("SELECT 'a;b'';c', \"x;\"\"y\" FROM t"), ["SELECT", "FROM", "t"]);
        assert_eq!(words("SELECT E'a\\';b' , 1"), ["SELECT"]);
        assert_eq!(words("SELECT $$ ; $$, $a$ $$ ; $b$ $a$ x"), ["SELECT", "x"]);
        assert_eq!(words("-- ;\nSELECT /* ; /* ; */ ; */ 1 -- ;"), ["SELECT"]);
        assert_eq!(words("SELECT $1; DROP"), ["SELECT", ";", "DROP"]);
        assert_eq!(words("SELECT a$b$; x"), ["SELECT", "a$b$", ";", "x"]);
        assert_eq!(words("SELECT 1e'x'"), ["SELECT"]);
    }

    #[test]
    fn a_string_with_escapes_keeps_them_in_the_next_line() {
        assert_eq!(words("SELECT E'a'\n'\\'' ; DROP -- '"), ["SELECT", ";", "DROP"]);
        assert_eq!(
            words("SELECT E'a' -- 'b'\r\n -- c\n '\\'' ; DROP -- '"),
            ["SELECT", ";", "DROP"]
        );
        assert_eq!(words("SELECT E'a'\n'b'\n'\\'' ; DROP -- '"), ["SELECT", ";", "DROP"]);
        // A string without escapes, and one that is over before the next begins.
        assert_eq!(words("SELECT 'a'\n'\\' ; DROP -- '"), ["SELECT", ";", "DROP"]);
        assert_eq!(words("SELECT E'a' '\\' ; DROP -- '"), ["SELECT", ";", "DROP"]);
        assert_eq!(words("SELECT E'a'\n, '\\' ; DROP -- '"), ["SELECT", ";", "DROP"]);
    }

    #[test]
    fn what_does_not_end_is_said() {
        for open in ["'a", "\"a", "/* a /* b */", "$a$ x $b$", "E'\\'", "E'a'\n'\\'"] {
            assert!(tokens(open).is_err(), "{open}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_to_its_end(text in "[-a-zE$0-9'\"/*;()\\\\ \n\u{e9}]{0,60}") {
            let _ = tokens(&text);
        }
    }
}
