//! Keeps the secrets of a configuration out of what is said about it: a token that was also written into another field,
//! or a variable that is a token in one place and an ordinary value in another.
//!
//! Flows in: secrets, then source files and problems. Flows out: the same with stars and blanks. Values that are not
//! known to be secret, because their key is misspelt or their file does not parse, are hidden by `tree`.

use super::{
    problem::Problem,
    source::{FileId, Sources, Span},
};
use crate::secret::{Redactor, SECRET_BYTES_MIN, Secret};

/// What `[redacted]` stands for when only the beginning of a secret is left.
const BLANK_CUT: &str = "[redacted]…";

/// Knows the secrets of one configuration.
#[derive(Clone, Debug, Default)]
pub(super) struct Concealer {
    secrets: Vec<Secret>,
    redactor: Redactor,
}

impl Concealer {
    pub(super) fn new(secrets: Vec<Secret>) -> Self {
        let redactor = Redactor::default();
        redactor.learn(&secrets);
        Self { secrets, redactor }
    }

    /// From now on no excerpt of these files shows a secret.
    pub(super) fn hide(&self, sources: &mut Sources) {
        for file in sources.ids().collect::<Vec<FileId>>() {
            for found in self.redactor.spans(&sources.file(file).text) {
                sources.hide(Span::new(file, &found));
            }
        }
    }

    /// Whether there is a secret in this.
    pub(super) fn finds_in(&self, text: &str) -> bool {
        !self.redactor.spans(text).is_empty()
    }

    /// Without secrets in its words. Its excerpt comes from sources that were hidden before.
    pub(super) fn problem(&self, mut problem: Problem) -> Problem {
        problem.message = self.text(&problem.message);
        problem.hint = problem.hint.map(|hint| self.text(&hint));
        problem.location.file = self.text(&problem.location.file);
        problem
    }

    /// Without secrets, and without the beginnings of secrets that an excerpt left when it cut them.
    pub(super) fn text(&self, text: &str) -> String {
        let whole = self.redactor.redact(text);
        let mut clean = String::with_capacity(whole.len());
        for (at, part) in whole.split('…').enumerate() {
            if at > 0 {
                self.close_cut(&mut clean);
            }
            clean.push_str(part);
        }
        clean
    }

    /// Ends what an excerpt cut: with a blank when it ends in the beginning of a secret.
    fn close_cut(&self, clean: &mut String) {
        let left = |secret: &str| {
            let lengths = (SECRET_BYTES_MIN..=secret.len())
                .rev()
                .filter(|at| secret.is_char_boundary(*at));
            lengths.into_iter().find(|length| clean.ends_with(&secret[..*length]))
        };
        match self.secrets.iter().filter_map(|secret| left(secret.expose())).max() {
            Some(length) => {
                clean.truncate(clean.len() - length);
                clean.push_str(BLANK_CUT);
            }
            None => clean.push('…'),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn knowing(secret: &str) -> Concealer {
        Concealer::new(vec![Secret::new(secret)])
    }

    #[test]
    fn a_secret_is_blanked_whole_or_cut() {
        let concealer = knowing("correct-horse-battery-staple");
        assert_eq!(
            concealer.text("`correct-horse-battery-staple` is no cron"),
            "`[redacted]` is no cron"
        );
        assert_eq!(
            concealer.text("\"xcorrect-horse-bat…\" is none"),
            "\"x[redacted]…\" is none"
        );
        assert_eq!(concealer.text("corr… and more…"), "corr… and more…");
    }

    #[test]
    fn a_source_line_keeps_its_columns() {
        let mut sources = Sources::default();
        let file = sources.add("f".into(), "a = 1\nb = \"correct-horse\" # and\n".to_owned());
        knowing("correct-horse").hide(&mut sources);
        let shown = sources.locate(Span::new(file, &(6..7)));
        assert_eq!(shown.source_line.as_deref(), Some("b = \"*************\" # and"));
    }
}
