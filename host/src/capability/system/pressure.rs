//! Pressure stall information: time in which tasks waited for a resource. Linux only.

use super::Roots;

/// Waiting for one resource since boot.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pressure {
    /// `cpu`, `io` or `memory`.
    pub kind: &'static str,
    /// At least one task waited.
    pub some_seconds: f64,
    /// All tasks waited. Means nothing for `cpu`, where older kernels do not say it.
    pub full_seconds: f64,
}

#[cfg(target_os = "linux")]
const KINDS: [&str; 3] = ["cpu", "io", "memory"];

#[cfg(target_os = "linux")]
pub(super) fn read(roots: &Roots) -> Result<Vec<Pressure>, String> {
    KINDS.into_iter().map(|kind| read_kind(roots, kind)).collect()
}

/// A kernel built or booted without it has no such file or refuses to read it.
#[cfg(target_os = "linux")]
fn read_kind(roots: &Roots, kind: &'static str) -> Result<Pressure, String> {
    let path = roots.proc.join("pressure").join(kind);
    match std::fs::read_to_string(&path) {
        Ok(text) => parse(kind, &text).ok_or_else(|| format!("{} has an unknown form", path.display())),
        Err(problem)
            if matches!(
                problem.kind(),
                std::io::ErrorKind::NotFound | std::io::ErrorKind::Unsupported
            ) =>
        {
            Err(super::not_offered("the kernel counts no pressure (PSI)"))
        }
        Err(problem) => Err(format!("{}: {problem}", path.display())),
    }
}

/// Not by the `procfs` crate: it wants `full` in the file of the CPU, where kernels before 5.13 do not write it.
#[cfg(target_os = "linux")]
fn parse(kind: &'static str, text: &str) -> Option<Pressure> {
    let some_seconds = total_seconds(text, "some ")?;
    Some(Pressure {
        kind,
        some_seconds,
        full_seconds: total_seconds(text, "full ").unwrap_or(0.0),
    })
}

#[cfg(target_os = "linux")]
fn total_seconds(text: &str, line: &str) -> Option<f64> {
    let line = text.lines().find_map(|candidate| candidate.strip_prefix(line))?;
    let microseconds: u64 = line.rsplit_once("total=")?.1.trim().parse().ok()?;
    Some(microseconds as f64 / 1e6)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn read(_roots: &Roots) -> Result<Vec<Pressure>, String> {
    Err(super::not_offered("only Linux counts pressure"))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn totals_are_in_seconds() {
        let text = "some avg10=98.82 avg60=89.77 avg300=45.51 total=217562602\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=1500000\n";
        let expected = Pressure {
            kind: "io",
            some_seconds: 217.562_602,
            full_seconds: 1.5,
        };
        assert_eq!(parse("io", text), Some(expected));
    }

    #[test]
    fn a_kernel_that_does_not_say_full_for_the_cpu_still_has_pressure() {
        let read = parse("cpu", "some avg10=0.00 avg60=0.00 avg300=0.00 total=1000000\n");
        assert_eq!(
            read,
            Some(Pressure {
                kind: "cpu",
                some_seconds: 1.0,
                full_seconds: 0.0
            })
        );
    }

    #[test]
    fn a_kernel_without_pressure_says_that_it_is_not_offered() {
        let empty = tempfile::tempdir().expect("a directory");
        let problem = read(&Roots::under(empty.path())).expect_err("nothing there");
        assert!(problem.starts_with(super::super::NOT_OFFERED), "{problem}");
    }
}
