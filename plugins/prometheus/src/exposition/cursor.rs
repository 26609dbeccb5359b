//! One line, read from left to right, that knows where it is.

use super::ParseError;

/// A place in a line.
#[derive(Clone, Debug)]
pub(super) struct Cursor<'t> {
    text: &'t str,
    /// In bytes, between characters.
    at: usize,
    line: usize,
}

impl<'t> Cursor<'t> {
    pub(super) const fn new(text: &'t str, line: usize) -> Self {
        Self { text, at: 0, line }
    }

    pub(super) fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at == self.text.len()
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    /// Goes over `text` if it is next.
    pub(super) fn eat(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.at += text.len();
        }
        found
    }

    pub(super) fn expect(&mut self, text: &str, why: &str) -> Result<(), ParseError> {
        if self.eat(text) { Ok(()) } else { Err(self.error(why)) }
    }

    /// Goes on as long as `wanted` says so.
    pub(super) fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        let end = rest.find(|next| !wanted(next)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    pub(super) fn blanks(&mut self) -> &'t str {
        self.take_while(|next| next == ' ' || next == '\t')
    }

    /// Up to the next blank.
    pub(super) fn word(&mut self) -> &'t str {
        self.take_while(|next| next != ' ' && next != '\t')
    }

    pub(super) fn take_rest(&mut self) -> &'t str {
        let rest = self.rest();
        self.at = self.text.len();
        rest
    }

    pub(super) fn error(&self, message: impl Into<String>) -> ParseError {
        ParseError {
            line: self.line,
            column: self.text[..self.at].chars().count() + 1,
            message: message.into(),
            too_many: false,
        }
    }
}
