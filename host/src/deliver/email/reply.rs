//! Replies of a mail server. Pure.

use super::super::words;

/// Longest line of a reply, in bytes; RFC 5321 says 512, servers write more.
pub(super) const LINE_BYTES_MAX: usize = 2_048;

/// Lines of one reply: servers announce about a dozen capabilities.
const LINES_MAX: usize = 100;

/// Characters of a reply that are shown.
const SHOWN_CHARS_MAX: usize = 300;

/// A whole reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    /// Three digits.
    pub(super) code: u16,
    /// Without codes.
    pub(super) lines: Vec<String>,
}

/// What a code says about trying again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// 2xx and 3xx.
    Good,
    /// 4xx.
    Later,
    /// 5xx.
    Never,
}

/// Lines until there is a whole reply.
#[derive(Debug, Default)]
pub(super) struct Lines(Option<Reply>);

impl Lines {
    /// The reply, once this line ends it. Errors: no server of mail says this.
    pub(super) fn take(&mut self, line: &str) -> Result<Option<Reply>, String> {
        let line = line.trim_end_matches(['\r', '\n']);
        let no_mail = || format!("`{}` is no reply of a mail server", words::cut(&words::line(line), 60));
        let digits = line
            .get(..3)
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
        let code: u16 = digits.and_then(|digits| digits.parse().ok()).ok_or_else(no_mail)?;
        let rest = &line[3..];
        let ends = match rest.as_bytes().first() {
            Some(b'-') => false,
            Some(b' ') | None => true,
            Some(_) => return Err(no_mail()),
        };
        let reply = self.0.get_or_insert_with(|| Reply {
            code,
            lines: Vec::new(),
        });
        if reply.code != code || !(200..600).contains(&code) || reply.lines.len() >= LINES_MAX {
            return Err(no_mail());
        }
        reply.lines.push(rest.get(1..).unwrap_or_default().to_owned());
        Ok(if ends { self.0.take() } else { None })
    }
}

impl Reply {
    pub(super) const fn class(&self) -> Class {
        match self.code {
            400..=499 => Class::Later,
            500..=599 => Class::Never,
            _ => Class::Good,
        }
    }

    /// `550 5.1.1 no such user`, for a person.
    pub(super) fn shown(&self) -> String {
        let text = words::line(&self.lines.join(" "));
        format!("{} {}", self.code, words::cut(&text, SHOWN_CHARS_MAX))
    }
}

/// What a server says that it can do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Abilities {
    pub(super) starttls: bool,
    pub(super) plain: bool,
    pub(super) login: bool,
    pub(super) utf8: bool,
}

impl Abilities {
    /// From the reply to EHLO.
    pub(super) fn of(reply: &Reply) -> Self {
        let mut can = Self::default();
        for line in reply.lines.iter().skip(1) {
            let upper = line.to_ascii_uppercase();
            // Old servers write `AUTH=LOGIN`.
            let mut parts = upper.split([' ', '=']);
            match parts.next() {
                Some("STARTTLS") => can.starttls = true,
                Some("SMTPUTF8") => can.utf8 = true,
                Some("AUTH") => {
                    for mechanism in parts {
                        can.plain |= mechanism == "PLAIN";
                        can.login |= mechanism == "LOGIN";
                    }
                }
                _ => {}
            }
        }
        can
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(text: &str) -> Result<Option<Reply>, String> {
        let mut lines = Lines::default();
        let mut last = Ok(None);
        for line in text.lines() {
            last = lines.take(line);
            if last.is_err() {
                break;
            }
        }
        last
    }

    #[test]
    fn a_reply_of_several_lines_is_one() {
        let said = reply("250-mail.example.com\n250-SIZE 1000\n250-AUTH LOGIN PLAIN\n250 STARTTLS")
            .unwrap()
            .unwrap();
        assert_eq!((said.code, said.lines.len(), said.class()), (250, 4, Class::Good));
        let can = Abilities::of(&said);
        assert!(can.starttls && can.plain && can.login && !can.utf8);
        assert_eq!(reply("250-first"), Ok(None));
        assert_eq!(reply("354").unwrap().unwrap().shown(), "354 ");
    }

    #[test]
    fn the_name_of_a_server_is_no_ability() {
        assert!(!Abilities::of(&reply("250 STARTTLS").unwrap().unwrap()).starttls);
    }

    #[test]
    fn what_no_mail_server_says_is_refused() {
        for text in [
            "",
            "HTTP/1.1 400 Bad Request",
            "25 x",
            "250_x",
            "250-a\n251 b",
            "999 x",
            "25ü x",
        ] {
            assert!(reply(&format!("{text}\n")).is_err(), "{text}");
        }
        let endless = "250-x\n".repeat(LINES_MAX + 1);
        assert!(reply(&endless).is_err());
    }
}
