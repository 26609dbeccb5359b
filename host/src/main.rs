//! The `bellwether` binary: hands the command line to the library and its answer to the operating system.

use std::process::ExitCode;

/// A run makes some three hundred small allocations on one thread and lets many of them go on another, which the system's
/// allocator took a fifth of a run for.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    bellwether::cli::main().into()
}
