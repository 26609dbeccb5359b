//! Small file systems of a test's own, gone when dropped.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Mounted somewhere.
#[derive(Debug)]
pub(crate) struct Mount(PathBuf);

impl Mount {
    /// A file system in memory of so many KiB. `None`: this user may mount nothing, which is said.
    #[expect(
        clippy::print_stdout,
        reason = "a test that is skipped says so where tests are reported"
    )]
    pub(crate) fn memory(at: &Path, kib: u32) -> Option<Self> {
        let options = format!("size={kib}k,mode=0700");
        if run("mount", &["-t", "tmpfs", "-o", &options, "tmpfs"], at) {
            return Some(Self(at.to_owned()));
        }
        println!("SKIPPED: mounting a tmpfs needs root");
        None
    }

    pub(crate) fn may_be_written(&self, may: bool) {
        let options = if may { "remount,rw" } else { "remount,ro" };
        assert!(run("mount", &["-o", options], &self.0), "{options}");
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Lazily: a host that is being killed may still have it open.
        run("umount", &["-l"], &self.0);
    }
}

fn run(program: &str, arguments: &[&str], at: &Path) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).arg(at).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
