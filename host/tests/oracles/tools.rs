//! Where the programs of others stand, and running one to its end.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// A program on the path, where `cargo xtask test` puts what it unpacked, or else right where it unpacked it.
pub(crate) fn program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.push(target().join("debian/usr/bin"));
    let found = folders
        .into_iter()
        .map(|folder| folder.join(name))
        .find(|program| program.is_file());
    found.unwrap_or_else(|| panic!("there is no `{name}`: run `cargo xtask setup --tests`"))
}

/// A Python that has what `xtask/requirements.txt` names.
pub(crate) fn python() -> PathBuf {
    let told = std::env::var_os("BELLWETHER_TEST_PYTHON").map(PathBuf::from);
    let python = told.unwrap_or_else(|| target().join("venv/bin/python"));
    assert!(
        python.is_file(),
        "there is no {}: run `cargo xtask setup --tests`",
        python.display()
    );
    python
}

fn target() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target")
}

/// How a program ended and what it said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs to the end with `input` on standard input.
pub(crate) fn feed(command: &mut Command, input: &[u8]) -> Said {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut stdin = child.stdin.take().expect("piped");
    let input = input.to_vec();
    // Beside reading, or both sides could wait for each other with full pipes.
    let writing = std::thread::spawn(move || stdin.write_all(&input));
    let out = child.wait_with_output().expect("it ends");
    let written = writing.join().expect("no panic");
    let said = Said {
        code: out.status.code(),
        stdout: String::from_utf8_lossy(&out.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&out.stderr).into_owned(),
    };
    written.unwrap_or_else(|error| panic!("{command:?} did not read all of its input ({error}): {said:?}"));
    said
}
