//! What a process asked of the kernel, in order, read from what `strace` wrote.
//!
//! Flows in: lines of `strace -f -xx`. Flows out: [`Step`]s. A call that another one interrupts is two lines; what it asks for is
//! taken from the first, what came of it from the second. Calls that failed change nothing and are left out.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use super::support::{host::PATIENCE, server::program};

/// What is watched: whatever changes files or says something to somebody.
const CALLS: &str = "trace=openat,close,lseek,write,pwrite64,writev,pwritev,sendto,sendmsg,recvfrom,read,fsync,fdatasync,ftruncate,rename,renameat,renameat2,unlink,unlinkat";

/// Longest text that is written down whole: above the largest write of the host, which is that of its reserve.
const TEXT_MAX: &str = "70000";

/// What is kept of a text that was read: enough to know a request or an answer by.
const READ_MAX: usize = 64;

/// Characters of one byte.
const ESCAPE: usize = r"\x61".len();

/// Something that a process did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Opened {
        fd: i64,
        path: PathBuf,
        empties: bool,
    },
    Closed {
        fd: i64,
    },
    Sought {
        fd: i64,
        at: u64,
    },
    /// `at`: None where the file or the connection is.
    Wrote {
        fd: i64,
        at: Option<u64>,
        bytes: Vec<u8>,
    },
    Read {
        fd: i64,
        bytes: Vec<u8>,
    },
    Cut {
        fd: i64,
        length: u64,
    },
    /// Syncs are told apart by who waits for them: a thread waits for one.
    SyncBegan {
        thread: u32,
        fd: i64,
    },
    SyncEnded {
        thread: u32,
    },
    Renamed {
        from: PathBuf,
        to: PathBuf,
    },
    Removed {
        path: PathBuf,
    },
}

/// Makes of `command` one that is watched, and stays a child of ours.
pub(crate) fn watch(command: &mut Command, trace: &Path) {
    let mut strace = Command::new(program("strace"));
    strace
        .args(["-D", "-f", "--seccomp-bpf", "-xx", "-s", TEXT_MAX, "-e", CALLS, "-o"])
        .arg(trace)
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear();
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            strace.env(name, value);
        }
    }
    if let Some(dir) = command.get_current_dir() {
        strace.current_dir(dir);
    }
    *command = strace;
}

/// What was done until now.
pub(crate) fn so_far(trace: &Path) -> Vec<Step> {
    let text = std::fs::read_to_string(trace).expect("a trace");
    // The last line may be half of one.
    steps(&text[..text.rfind('\n').map_or(0, |end| end + 1)])
}

/// All that was done, once `process` has ended and that was written down.
pub(crate) fn whole(trace: &Path, process: u32) -> Vec<Step> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let text = std::fs::read_to_string(trace).expect("a trace");
        let is_end = |line: &str| number_of(line) == Some(process) && line.contains(" +++ ");
        if text.ends_with('\n') && text.lines().rev().take(100).any(is_end) {
            return steps(&text);
        }
        assert!(Instant::now() < deadline, "the trace has no end");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn number_of(line: &str) -> Option<u32> {
    line.split_whitespace().next()?.parse().ok()
}

fn steps(text: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut open: BTreeMap<u32, String> = BTreeMap::new();
    for line in text.lines() {
        let Some(thread) = number_of(line) else { continue };
        let said = line.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start();
        if let Some(first) = said.strip_suffix(" <unfinished ...>") {
            steps.extend(began(thread, first));
            open.insert(thread, first.to_owned());
        } else if let Some(rest) = said.strip_prefix("<... ") {
            let first = open.remove(&thread).unwrap_or_default();
            let rest = rest.split_once(" resumed>").map_or("", |(_, rest)| rest);
            steps.extend(ended(thread, &(first + rest)));
        } else {
            steps.extend(began(thread, said));
            steps.extend(ended(thread, said));
        }
    }
    steps
}

/// A call by its name and what stands after the parenthesis.
fn call(said: &str) -> Option<(&str, &str)> {
    let (name, rest) = said.split_once('(')?;
    name.bytes()
        .all(|byte| byte.is_ascii_alphanumeric())
        .then_some((name, rest))
}

/// What is done from the moment it is asked for: a write that is under way may be there.
fn began(thread: u32, said: &str) -> Option<Step> {
    let (name, rest) = call(said)?;
    let fd = || leading(rest);
    Some(match name {
        "write" | "sendto" => Step::Wrote {
            fd: fd()?,
            at: None,
            bytes: texts(rest).into_iter().next()?,
        },
        "writev" | "sendmsg" => Step::Wrote {
            fd: fd()?,
            at: None,
            bytes: texts(rest).concat(),
        },
        "pwrite64" | "pwritev" => Step::Wrote {
            fd: fd()?,
            at: Some(last_number(rest)?),
            bytes: texts(rest).concat(),
        },
        "ftruncate" => Step::Cut {
            fd: fd()?,
            length: last_number(rest)?,
        },
        "fsync" | "fdatasync" => Step::SyncBegan { thread, fd: fd()? },
        "close" => Step::Closed { fd: fd()? },
        _ => return None,
    })
}

/// What is done once it succeeded.
fn ended(thread: u32, said: &str) -> Option<Step> {
    let (name, rest) = call(said)?;
    let (asked, result) = rest.rsplit_once(" = ")?;
    let result: i64 = result
        .split_whitespace()
        .next()?
        .parse()
        .ok()
        .filter(|result| *result >= 0)?;
    let mut paths = texts(asked)
        .into_iter()
        .map(|bytes| PathBuf::from(String::from_utf8_lossy(&bytes).into_owned()));
    Some(match name {
        "openat" => Step::Opened {
            fd: result,
            path: paths.next()?,
            empties: asked.contains("O_TRUNC"),
        },
        "lseek" => Step::Sought {
            fd: leading(asked)?,
            at: result.unsigned_abs(),
        },
        "read" | "recvfrom" => Step::Read {
            fd: leading(asked)?,
            bytes: beginning(asked)?,
        },
        "fsync" | "fdatasync" => Step::SyncEnded { thread },
        "rename" | "renameat" | "renameat2" => Step::Renamed {
            from: paths.next()?,
            to: paths.next()?,
        },
        "unlink" | "unlinkat" => Step::Removed { path: paths.next()? },
        _ => return None,
    })
}

fn leading(rest: &str) -> Option<i64> {
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

/// The last argument.
fn last_number(rest: &str) -> Option<u64> {
    let asked = rest.rsplit_once(" = ").map_or(rest, |(asked, _)| asked);
    let asked = asked.trim_end().trim_end_matches(')');
    asked.rsplit(',').next()?.trim().parse().ok()
}

/// All texts in quotation marks; `-xx` writes every byte of them in hexadecimal.
fn texts(rest: &str) -> Vec<Vec<u8>> {
    rest.split('"').skip(1).step_by(2).map(bytes).collect()
}

/// Of `\x61\x62`. There are tens of megabytes of it.
fn bytes(text: &str) -> Vec<u8> {
    let digit = |digit: u8| match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        other => panic!("{other} is no digit"),
    };
    let each = text.as_bytes().chunks_exact(ESCAPE);
    each.map(|escape| digit(escape[2]) << 4 | digit(escape[3])).collect()
}

/// The beginning of the first text.
fn beginning(rest: &str) -> Option<Vec<u8>> {
    let text = rest.split('"').nth(1)?;
    Some(bytes(&text[..text.len().min(READ_MAX * ESCAPE)]))
}

#[test]
fn a_call_that_was_interrupted_is_asked_for_at_once_and_done_later() {
    let text = "7  fdatasync(5 <unfinished ...>\n8  pwrite64(6, \"\\x61\\x62\", 2, 4096) = 2\n7  <... fdatasync resumed>)   = 0\n8  openat(AT_FDCWD, \"\\x2f\\x61\", O_RDWR|O_TRUNC, 0600) = 9\n8  openat(AT_FDCWD, \"\\x2f\", O_RDONLY) = -1 ENOENT (none)\n";
    let wanted = [
        Step::SyncBegan { thread: 7, fd: 5 },
        Step::Wrote {
            fd: 6,
            at: Some(4096),
            bytes: b"ab".to_vec(),
        },
        Step::SyncEnded { thread: 7 },
        Step::Opened {
            fd: 9,
            path: "/a".into(),
            empties: true,
        },
    ];
    assert_eq!(steps(text), wanted);
}
