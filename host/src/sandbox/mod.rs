//! Runs other people's code without trusting it.
//!
//! Owns the WebAssembly engine, the cache of compiled components and the limits of every run. Flows in: components and
//! requests to run or to deliver. Flows out: loaded [`Plugin`]s and, for each run, one [`RunEnd`], for each delivery one
//! [`DeliveryEnd`]: nothing a plugin does passes beyond it. What a plugin may use is `capability`'s to decide; when it runs is `schedule`'s.

mod bindings;
mod cache;
mod calls;
mod child;
mod compile;
mod convert;
mod describe;
mod end;
mod engine;
mod events;
mod forward;
mod frame;
mod guest;
mod inspect;
mod limits;
mod link;
mod load;
mod meter;
mod plugin;
mod run;
mod schema;
mod settings;
mod stdio;

pub use cache::CacheError;
pub use child::compile_child_main;
pub use compile::{COMPILE_CPU_DEFAULT, COMPILE_WALL_DEFAULT, CompileError, CompilerOptions};
pub use describe::{ConnectionSlot, Description, DescriptionError, MetricDescription};
pub use forward::{
    DeliveryEnd, DeliveryFailure, ForwardRequest, ForwardedAlert, ForwardedEvent, ForwardedRun, NewsKind, NewsReason,
    Notification, Pairs, Receipt, Refused,
};
pub use inspect::{COMPONENT_BYTES_MAX, CONTRACT_VERSION, Import, InspectError, Inspection, Tier, inspect};
pub use limits::{CPU_DEFAULT, MEMORY_BYTES_DEFAULT, MEMORY_BYTES_MAX, RunLimits};
pub use load::{LoadError, Progress, Sandbox, SandboxError, SandboxOptions};
pub use plugin::Plugin;
pub use run::{RunEnd, RunRequest};
pub use schema::{Checked, SettingsProblem};
