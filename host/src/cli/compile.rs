//! `bellwether compile`, hidden: the child that the host compiles components in.

use super::Exit;
use crate::sandbox;

pub(super) fn run() -> Exit {
    if sandbox::compile_child_main() == 0 {
        Exit::Ok
    } else {
        Exit::Internal
    }
}
