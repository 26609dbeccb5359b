//! From `bellwether.toml` to a resolved [`Config`], with every problem found on the way.

mod cron;
mod resolved;

pub use cron::{Cron, CronError};
pub use resolved::*;
