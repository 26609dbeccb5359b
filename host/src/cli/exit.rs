//! The one table of exit codes. README and `--help` print it; scripts depend on it.
//!
//! A verb that is interrupted has none of these: only `run` listens for signals, so that the others are ended by them as
//! shells and their scripts expect, which see 130 or 143.

use std::process::ExitCode;

/// How a verb ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It worked, and what was looked at is fine.
    Ok,
    /// It worked, and what was looked at is bad: a check that is not ok, a plugin that is refused, an alert that fires. Also a host that was
    /// told twice to stop, and left running checks behind.
    Bad,
    /// The command line or the configuration is wrong, or another host holds the state directory: nothing was done.
    Usage,
    /// Something that had to be reached was not: the port is taken, a file or a server does not answer.
    Unreachable,
    /// A fault of the host itself; please report it.
    Internal,
}

impl Exit {
    /// The number.
    pub const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Bad => 1,
            Self::Usage => 2,
            Self::Unreachable => 3,
            Self::Internal => 70,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
