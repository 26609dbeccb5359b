//! Text to tokens, in one pass.
//!
//! Owns which characters belong together. Words are not told apart here: whether `sum` or `on` is a keyword or a name
//! depends on where it stands, which the grammar knows. A text that cannot be cut ends with a [`Kind::Bad`].

use super::{Fault, number, strings};
use crate::ast::Span;

/// A piece of the text.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) span: Span,
}

/// What a piece is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// `sum`, `my_metric`, `a:b`.
    Word,
    /// `1.5`, `0x1f`.
    Number(f64),
    /// `5m`, in seconds.
    Duration(f64),
    /// Any quoted text, unquoted.
    Text(String),
    /// An operator or a bracket.
    Mark(&'static str),
    /// Nothing more.
    End,
    /// What could not be cut.
    Bad(Box<Fault>),
}

/// Longest first.
const MARKS: [&str; 28] = [
    "==", "=~", "!=", "!~", "<=", ">=", "</", ">/", "=", "<", ">", "+", "-", "*", "/", "%", "^", "@", "(", ")", "{",
    "}", "[", "]", ",", ":", "!", ";",
];

/// All tokens; the last is [`Kind::End`] or [`Kind::Bad`].
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut cutter = Cutter {
        text,
        at: 0,
        in_brackets: false,
    };
    let mut all = Vec::new();
    loop {
        let token = cutter.next();
        let last = matches!(token.kind, Kind::End | Kind::Bad(_));
        all.push(token);
        if last {
            return all;
        }
    }
}

struct Cutter<'a> {
    text: &'a str,
    at: usize,
    /// Between `[` and `]` a colon separates; elsewhere it is part of a name.
    in_brackets: bool,
}

impl<'a> Cutter<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn next(&mut self) -> Token {
        self.skip();
        let start = self.at;
        let kind = self.cut().unwrap_or_else(|fault| Kind::Bad(Box::new(fault)));
        let span = match &kind {
            Kind::Bad(fault) => fault.span,
            _ => Span { start, end: self.at },
        };
        Token { kind, span }
    }

    /// Passes over spaces and comments.
    fn skip(&mut self) {
        loop {
            let rest = self.rest();
            let blank = rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
            self.at += blank;
            if !self.rest().starts_with('#') {
                return;
            }
            self.at += self.rest().find(['\n', '\r']).unwrap_or(self.rest().len());
        }
    }

    fn cut(&mut self) -> Result<Kind, Fault> {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else {
            return Ok(Kind::End);
        };
        let second = rest.chars().nth(1);
        match first {
            '"' | '\'' | '`' => {
                let (text, length) = strings::unquote(rest, self.at)?;
                self.at += length;
                Ok(Kind::Text(text))
            }
            '0'..='9' => self.number(),
            '.' if second.is_some_and(|second| second.is_ascii_digit()) => self.number(),
            ':' if self.in_brackets => Ok(self.mark(":")),
            'a'..='z' | 'A'..='Z' | '_' | ':' => Ok(self.word()),
            _ => match MARKS.iter().find(|mark| rest.starts_with(**mark)) {
                Some(mark) => Ok(self.mark(mark)),
                None => Err(unknown(first, self.at)),
            },
        }
    }

    fn number(&mut self) -> Result<Kind, Fault> {
        let (kind, length) = number::literal(self.rest(), self.at)?;
        self.at += length;
        Ok(kind)
    }

    fn mark(&mut self, mark: &'static str) -> Kind {
        match mark {
            "[" => self.in_brackets = true,
            "]" => self.in_brackets = false,
            _ => {}
        }
        self.at += mark.len();
        Kind::Mark(mark)
    }

    fn word(&mut self) -> Kind {
        let colon = !self.in_brackets;
        let belongs = |c: char| c.is_ascii_alphanumeric() || c == '_' || (c == ':' && colon);
        let rest = self.rest();
        self.at += rest.find(|c| !belongs(c)).unwrap_or(rest.len());
        Kind::Word
    }
}

fn unknown(found: char, at: usize) -> Fault {
    let span = Span {
        start: at,
        end: at + found.len_utf8(),
    };
    let fault = Fault::new(span, format!("unexpected character {found:?}"));
    match found {
        '$' => fault.hint("dashboard variables such as $__rate_interval mean nothing here: write the value"),
        '&' => fault.hint("the operator is called `and`"),
        '|' => fault.hint("the operator is called `or`"),
        '“' | '”' | '‘' | '’' => fault.hint("use plain quotes"),
        c if c.is_alphabetic() => fault.hint("quote names that are not plain ASCII: {\"name\"}"),
        _ => fault,
    }
}
