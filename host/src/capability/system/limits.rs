//! Open files of the whole machine. Linux only.

use super::Roots;

/// How many files are open, and how many may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Open now, by all processes.
    pub open_files: u64,
    /// The kernel refuses more.
    pub open_files_maximum: u64,
}

#[cfg(target_os = "linux")]
pub(super) fn read(roots: &Roots) -> Result<Limits, String> {
    parse(&roots.proc_text("sys/fs/file-nr")?).ok_or_else(|| "file-nr has an unknown form".to_owned())
}

/// Allocated, unused (always 0 since Linux 2.6), maximum.
#[cfg(target_os = "linux")]
fn parse(text: &str) -> Option<Limits> {
    let mut numbers = text.split_ascii_whitespace().map_while(|word| word.parse().ok());
    let (allocated, _, maximum): (u64, u64, u64) = (numbers.next()?, numbers.next()?, numbers.next()?);
    Some(Limits {
        open_files: allocated,
        open_files_maximum: maximum,
    })
}

#[cfg(not(target_os = "linux"))]
pub(super) fn read(_roots: &Roots) -> Result<Limits, String> {
    Err(super::not_offered("this system does not count open files"))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_unused_count_is_skipped() {
        assert_eq!(
            parse("719\t0\t2466183\n"),
            Some(Limits {
                open_files: 719,
                open_files_maximum: 2_466_183
            })
        );
        assert_eq!(parse("719"), None);
    }
}
