//! The release binary, with the bundled plugins in it.

use anyhow::Result;

use super::{
    Ground,
    finding::{Budget, Finding},
};

pub(super) fn measure(ground: &Ground<'_>) -> Result<Vec<Finding>> {
    let bytes = std::fs::metadata(&ground.binary)?.len();
    Ok(vec![Finding::new(
        "release binary with bundled plugins",
        bytes as f64 / 1e6,
        "MB",
        Budget::AtMost(45.0),
    )])
}
