//! Matchers as people write them, in an `alertmanager.yml`, to `amtool` and here: `a="b"`, `a!~"x|y"`, `"a name"=b`, `{a="b", c=d}`.
//!
//! Flows in: text. Flows out: matchers, or what is wrong and at which byte. In quotes `\n`, `\"` and `\\` stand for what they do
//! everywhere, and any other backslash for itself, so that a regular expression needs no second one.

use bellwether_promql::ast::MatchOp;

use super::matcher::Matcher;

/// Most matchers in one text: somebody writes them.
const LIST_MAX: usize = 128;

/// Why a text is no matcher.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct MatcherTextError {
    /// The byte at which it goes wrong.
    pub at: usize,
    /// What is wrong there.
    pub message: String,
}

impl Matcher {
    /// One matcher.
    ///
    /// # Errors
    ///
    /// It is none, or there is more.
    pub fn parse(text: &str) -> Result<Self, MatcherTextError> {
        let mut reader = Reader::new(text);
        let matcher = reader.matcher(&[])?;
        reader.end()?;
        Ok(matcher)
    }

    /// Matchers with commas between them, in braces or without. Empty braces and an empty text are none.
    ///
    /// # Errors
    ///
    /// It is no such list, or one of more than 128.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, MatcherTextError> {
        let mut reader = Reader::new(text);
        let closing = reader.take('{').then_some('}');
        let ends: &[char] = if closing.is_some() { &[',', '}'] } else { &[','] };
        let mut all = Vec::new();
        while !reader.is_at(closing) {
            if all.len() == LIST_MAX {
                return Err(reader.wrong(format!("more than {LIST_MAX} matchers")));
            }
            all.push(reader.matcher(ends)?);
            if !reader.take(',') && !reader.is_at(closing) {
                return Err(reader.wrong("expected a comma or the end".to_owned()));
            }
        }
        if let Some(closing) = closing
            && !reader.take(closing)
        {
            return Err(reader.wrong(format!("expected `{closing}`")));
        }
        reader.end()?;
        Ok(all)
    }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Reader<'t> {
    fn new(text: &'t str) -> Self {
        let mut reader = Self { text, at: 0 };
        reader.skip_space();
        reader
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn wrong(&self, message: String) -> MatcherTextError {
        MatcherTextError { at: self.at, message }
    }

    fn skip_space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    /// Whether `wanted` stands here, or, for none, the end.
    fn is_at(&self, wanted: Option<char>) -> bool {
        self.rest().chars().next() == wanted
    }

    /// Goes over `wanted` and the space after it.
    fn take(&mut self, wanted: char) -> bool {
        let is_here = self.is_at(Some(wanted));
        if is_here {
            self.at += wanted.len_utf8();
            self.skip_space();
        }
        is_here
    }

    fn end(&self) -> Result<(), MatcherTextError> {
        if self.rest().is_empty() {
            return Ok(());
        }
        Err(self.wrong("expected the end; a value with such characters stands in quotes".to_owned()))
    }

    /// `ends`: what ends a value without quotes, beside the end of the text.
    fn matcher(&mut self, ends: &[char]) -> Result<Matcher, MatcherTextError> {
        let name = self.name()?;
        let op = self.op()?;
        let began = self.at;
        let value = self.value(ends)?;
        Matcher::new(&name, op, &value).map_err(|error| MatcherTextError {
            at: began,
            message: error.to_string(),
        })
    }

    fn name(&mut self) -> Result<String, MatcherTextError> {
        let name = if self.is_at(Some('"')) {
            self.quoted()?
        } else {
            let is_end = |c: char| c.is_whitespace() || "{}!=~,\"'`\\".contains(c);
            let end = self.rest().find(is_end).unwrap_or(self.rest().len());
            let name = self.rest().get(..end).unwrap_or_default().to_owned();
            self.at += end;
            name
        };
        if name.is_empty() {
            return Err(self.wrong("expected the name of a label".to_owned()));
        }
        self.skip_space();
        Ok(name)
    }

    fn op(&mut self) -> Result<MatchOp, MatcherTextError> {
        // The longer ones first: `=` begins `=~`.
        let ops = [
            ("=~", MatchOp::Regex),
            ("!~", MatchOp::NotRegex),
            ("!=", MatchOp::NotEqual),
            ("=", MatchOp::Equal),
        ];
        let found = ops.into_iter().find(|(text, _)| self.rest().starts_with(text));
        let Some((text, op)) = found else {
            return Err(self.wrong("expected `=`, `!=`, `=~` or `!~`".to_owned()));
        };
        self.at += text.len();
        self.skip_space();
        Ok(op)
    }

    fn value(&mut self, ends: &[char]) -> Result<String, MatcherTextError> {
        if self.is_at(Some('"')) {
            let value = self.quoted()?;
            self.skip_space();
            return Ok(value);
        }
        let rest = self.rest();
        let end = rest.find(|c: char| ends.contains(&c)).unwrap_or(rest.len());
        let value = rest.get(..end).unwrap_or_default();
        if let Some(quote) = value.find('"') {
            self.at += quote;
            return Err(self.wrong("a quote inside a value without quotes".to_owned()));
        }
        self.at += end;
        Ok(value.trim_end().to_owned())
    }

    fn quoted(&mut self) -> Result<String, MatcherTextError> {
        let began = self.at;
        let mut value = String::new();
        let mut chars = self.rest().char_indices().skip(1).peekable();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.at = began + at + 1;
                    return Ok(value);
                }
                '\\' => match chars.next_if(|(_, c)| matches!(c, 'n' | '"' | '\\')) {
                    Some((_, 'n')) => value.push('\n'),
                    Some((_, escaped)) => value.push(escaped),
                    None => value.push('\\'),
                },
                c => value.push(c),
            }
        }
        Err(self.wrong("a quote that nothing closes".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(text: &str) -> Vec<String> {
        let all = Matcher::parse_list(text).unwrap_or_else(|error| panic!("{text}: {error} at {}", error.at));
        all.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_way_to_write_a_matcher_is_read() {
        for (text, expected) in [
            (r#"a="b""#, r#"a="b""#),
            (r#" a != "b" "#, r#"a!="b""#),
            ("severity=critical", r#"severity="critical""#),
            ("severity=~critical|warning", r#"severity=~"critical|warning""#),
            (r#"path!~"/x\d+""#, r#"path!~"/x\\d+""#),
            (r#""a name"="b""#, r#""a name"="b""#),
            ("größe=1", r#""größe"="1""#),
            ("a=", r#"a="""#),
            (r#"a="x,}\"y""#, r#"a="x,}\"y""#),
        ] {
            assert_eq!(Matcher::parse(text).unwrap().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn lists_stand_in_braces_or_without() {
        let both = [r#"a="b""#, r#"c!~"d|e""#];
        assert_eq!(shown(r#"{a="b", c!~"d|e"}"#), both);
        assert_eq!(shown(r#"a=b,c!~"d|e","#), both);
        assert_eq!(shown("{a=b , c!~d|e}"), both);
        assert!(shown("{}").is_empty() && shown(" ").is_empty());
        // A comma in a single matcher without quotes belongs to its value, as `amtool` has it.
        assert_eq!(&**Matcher::parse("a=b,c").unwrap().value(), "b,c");
    }

    #[test]
    fn what_is_wrong_has_a_place() {
        for (text, at) in [
            ("", 0),
            ("=x", 0),
            ("a", 1),
            ("a ~ b", 2),
            (r#"a="b"#, 2),
            (r#"a="b" c"#, 6),
            (r#"a=b"c""#, 3),
            (r#"a=~"(""#, 3),
        ] {
            assert_eq!(Matcher::parse(text).unwrap_err().at, at, "{text}");
        }
        assert_eq!(Matcher::parse_list("{a=b").unwrap_err().at, 4);
        assert_eq!(Matcher::parse_list("{a=b} c").unwrap_err().at, 6);
        assert_eq!(Matcher::parse_list(r#"a="b" c="d""#).unwrap_err().at, 6);
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(name in "[a-zé \"\\\\]{1,8}", value in "\\PC{0,12}") {
            let matcher = Matcher::new(&name, MatchOp::NotEqual, &value).unwrap();
            let back = Matcher::parse(&matcher.to_string()).unwrap();
            prop_assert_eq!((&**back.name(), &**back.value()), (name.as_str(), value.as_str()));
        }

        #[test]
        fn no_text_is_too_strange(text in "\\PC{0,24}") {
            if let Err(error) = Matcher::parse_list(&text) {
                prop_assert!(error.at <= text.len() && text.is_char_boundary(error.at));
            }
        }
    }
}
