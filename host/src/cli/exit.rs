//! The one table of exit codes. README and `--help` print it; scripts depend on it.

use std::process::ExitCode;

/// How a verb ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It worked, and what was looked at is fine.
    Ok,
    /// It worked, and what was looked at is bad: a check that is not ok, a plugin that is refused.
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
