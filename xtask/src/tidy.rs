//! The checks that need no running code: format, lints, house rules, dependencies.

use anyhow::Result;

use crate::{
    console::{note, step},
    program::{self, find},
    workspace::Workspace,
};

/// `cargo xtask tidy`.
pub(crate) fn perform(workspace: &Workspace) -> Result<()> {
    step("format");
    program::run(&mut workspace.cargo(&["fmt", "--all", "--check"]))?;
    step("lints");
    program::run(&mut workspace.cargo(&["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"]))?;
    step("house rules (host/tests/tidy.rs)");
    program::run(&mut workspace.cargo(&["test", "--workspace", "--test", "tidy"]))?;
    step("dependencies (deny.toml)");
    if find("cargo-deny", &[]).is_none() {
        note("left out: cargo-deny is not installed (`cargo install --locked cargo-deny`)");
        return Ok(());
    }
    program::run(&mut workspace.cargo(&["deny", "check"]))
}
