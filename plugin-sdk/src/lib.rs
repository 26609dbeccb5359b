//! The Rust side of the contract: what a plugin implements, reports with, asks the host by and is tested on.
//!
//! Flows in: calls of the host, by the exports that [`export_check`] makes. Flows out: calls to the host, by the capability
//! modules, and reports. It holds nothing between runs and decides nothing about what is allowed.
//!
#![doc = include_str!("../README.md")]

pub mod bindings;
mod capability;
mod check;
mod describe;
mod failure;
#[cfg(not(target_arch = "wasm32"))]
pub mod fake;
pub mod metric;
mod name;
pub mod pattern;
pub mod report;
pub mod settings;
pub mod streak;
pub mod work;

pub use capability::{context, http, log, postgres, redis, state, system};
pub use check::Check;
#[doc(hidden)]
pub use check::{Package, describe_export, run_export};
pub use describe::Description;
pub use failure::{Failure, FailureKind};
pub use report::{Code, Report, Status};
pub use settings::{Address, NoSettings};

/// What nearly every plugin names.
pub mod prelude {
    pub use crate::{
        Address, Check, Code, Description, Failure, NoSettings, Report, context, export_check, log,
        metric::{Counter, Gauge, Histogram, Increments, Info, Observations, StateSet, Summary, Untyped},
        state,
    };
}

/// Exports a [`Check`] as the plugin of this crate. Once per crate, and at its root.
///
/// On `wasm32-wasip2` this makes the crate's `cdylib` a component. Elsewhere it only makes sure that the type is a
/// [`Check`], so that tests and lints of the same crate build natively. Version, homepage and licence are those of the crate's
/// `Cargo.toml`.
#[macro_export]
macro_rules! export_check {
    ($check:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            struct Component;

            impl $crate::bindings::exports::bellwether::plugin::identity::Guest for Component {
                fn describe() -> $crate::bindings::exports::bellwether::plugin::identity::Description {
                    $crate::describe_export::<$check>($crate::Package {
                        version: env!("CARGO_PKG_VERSION"),
                        homepage: env!("CARGO_PKG_HOMEPAGE"),
                        licence: env!("CARGO_PKG_LICENSE"),
                    })
                }
            }

            impl $crate::bindings::exports::bellwether::plugin::check::Guest for Component {
                fn run(
                    settings: ::std::string::String,
                ) -> ::std::result::Result<
                    $crate::bindings::exports::bellwether::plugin::check::Report,
                    $crate::bindings::exports::bellwether::plugin::check::Failure,
                > {
                    $crate::run_export::<$check>(&settings)
                }
            }

    $crate::bindings::export!(Component with_types_in $crate::bindings);
        };

        #[cfg(not(target_arch = "wasm32"))]
        const _: () = {
            const fn is_a_check<C: $crate::Check>() {}
            is_a_check::<$check>();
        };
    };
}
