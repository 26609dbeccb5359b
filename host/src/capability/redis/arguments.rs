//! The arguments of one command, read from left to right.
//!
//! Pure. Flows in: bytes as a plugin wrote them. Flows out: the same, or why they may not be sent. A rule names all that
//! it permits and then asks for the end, so that what nobody thought of is refused.

/// Most elements one command may ask for: enough to look at the head of a queue, and it keeps a single-threaded server
/// busy for well under a millisecond.
pub const ELEMENTS_MAX: i64 = 1_000;

/// `*` of one pattern. Servers before 7.0.9 and 6.2.11 try, for each, every place in a name: with many, one long name keeps
/// them busy for ever (CVE-2022-36021). Patterns of queues have one or two.
const STARS_MAX: usize = 4;

/// Why a command is not sent, to stand after "was not sent: ".
pub(super) type Why = &'static str;

/// What remains to be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arguments<'a>(pub(super) &'a [Vec<u8>]);

impl<'a> Arguments<'a> {
    /// The next one, whatever it is: a key, a field, a cursor.
    pub(super) fn next(&mut self) -> Result<&'a [u8], Why> {
        let (first, rest) = self.0.split_first().ok_or("an argument is missing")?;
        self.0 = rest;
        Ok(first)
    }

    /// All that remain, at least one.
    pub(super) fn rest(&mut self) -> Result<&'a [Vec<u8>], Why> {
        let all = std::mem::take(&mut self.0);
        if all.is_empty() {
            return Err("an argument is missing");
        }
        Ok(all)
    }

    /// A pattern that names are compared with.
    pub(super) fn pattern(&mut self) -> Result<(), Why> {
        let stars = self.next()?.iter().filter(|byte| **byte == b'*').count();
        if stars <= STARS_MAX {
            Ok(())
        } else {
            Err("a pattern may have 4 `*` at most")
        }
    }

    /// Nothing more.
    pub(super) fn end(self) -> Result<(), Why> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err("it has an argument that is not known to be harmless")
        }
    }

    /// Whether anything remains.
    pub(super) fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// Takes the next one if it is `word`, in either case.
    pub(super) fn word(&mut self, word: &str) -> bool {
        let found = self.0.first().is_some_and(|next| is(next, word));
        if found {
            self.0 = &self.0[1..];
        }
        found
    }

    /// A whole number, written as Redis itself would write it: what is read in two ways is refused.
    pub(super) fn integer(&mut self) -> Result<i64, Why> {
        const WHY: Why = "an argument is no whole number";
        let text = std::str::from_utf8(self.next()?).map_err(|_| WHY)?;
        let number: i64 = text.parse().map_err(|_| WHY)?;
        if number.to_string() == text {
            Ok(number)
        } else {
            Err(WHY)
        }
    }

    /// How many elements are wanted: at least one, at most [`ELEMENTS_MAX`].
    pub(super) fn count(&mut self) -> Result<(), Why> {
        match self.integer()? {
            1..=ELEMENTS_MAX => Ok(()),
            _ => Err("a count must be from 1 to 1000"),
        }
    }

    /// First and last index of a range, both from the same end, so that its length is known.
    pub(super) fn window(&mut self) -> Result<(), Why> {
        let (first, last) = (self.integer()?, self.integer()?);
        let length = match (first < 0, last < 0) {
            (false, true) => return Err("its range has no bound: count both ends from the same side"),
            (true, false) => last.saturating_add(1).min(first.saturating_neg()),
            _ => last.saturating_sub(first).saturating_add(1),
        };
        if length <= ELEMENTS_MAX {
            Ok(())
        } else {
            Err("its range holds more than 1000 elements")
        }
    }

    /// `offset count`, after `LIMIT`. The server walks over what is skipped.
    pub(super) fn limit(&mut self) -> Result<(), Why> {
        match self.integer()? {
            0..=ELEMENTS_MAX => self.count(),
            _ => Err("an offset must be from 0 to 1000"),
        }
    }
}

/// Whether `bytes` are `word`, in either case.
pub(super) fn is(bytes: &[u8], word: &str) -> bool {
    bytes.eq_ignore_ascii_case(word.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<Vec<u8>> {
        text.split_whitespace().map(|word| word.as_bytes().to_vec()).collect()
    }

    #[test]
    fn the_limits_in_messages_are_the_limits() {
        assert_eq!((ELEMENTS_MAX, STARS_MAX), (1000, 4));
    }

    #[test]
    fn a_window_is_bounded_whichever_end_it_is_counted_from() {
        let window = |text: &str| Arguments(&words(text)).window();
        for fine in ["0 999", "-1000 -1", "-1 0", "5 4", "-3 7", "5000000 5000999", "0 0"] {
            assert_eq!(window(fine), Ok(()), "{fine}");
        }
        for endless in [
            "0 -1",
            "0 1000",
            "-1001 -1",
            "-9223372036854775808 9223372036854775807",
            "-9223372036854775808 -1",
            "0 9223372036854775807",
        ] {
            assert!(window(endless).is_err(), "{endless}");
        }
    }

    #[test]
    fn a_number_that_is_not_written_plainly_is_refused() {
        for odd in [
            "+5",
            "05",
            "-0",
            " 5",
            "5 ",
            "0x5",
            "5.0",
            "",
            "9223372036854775808",
            "5\0",
        ] {
            assert!(Arguments(&[odd.as_bytes().to_vec()]).integer().is_err(), "{odd:?}");
        }
        assert_eq!(Arguments(&words("-7")).integer(), Ok(-7));
    }
}
