//! The Rust side of the contract: what a plugin implements, reports with, asks the host by and is tested on.
//!
//! Flows in: calls of the host, by the exports that [`export_check`] or [`export_forwarder`] makes. Flows out: calls to the host, by
//! the capability modules, reports, and what became of news. It holds nothing between runs and decides nothing about what is allowed.
//!
#![doc = include_str!("../README.md")]

pub mod bindings;
mod capability;
mod check;
pub mod delivery;
mod describe;
mod failure;
#[cfg(not(target_arch = "wasm32"))]
pub mod fake;
pub mod forward;
pub mod json;
pub mod metric;
mod name;
pub mod news;
pub mod pattern;
pub mod report;
pub mod settings;
pub mod streak;
pub mod text;
pub mod work;

pub use capability::{context, http, log, postgres, redis, state, system};
pub use check::Check;
#[doc(hidden)]
pub use check::{Package, describe_export, run_export};
pub use delivery::{DeliveryFailure, Receipt, Refused};
pub use describe::Description;
pub use failure::{Failure, FailureKind};
pub use forward::{ForwardEvents, ForwardRuns, Forwarder};
pub use news::Notification;
pub use report::{Code, Report, Status};
pub use settings::{Address, NoSettings};

/// What nearly every plugin names.
pub mod prelude {
    pub use crate::{
        Address, Check, Code, DeliveryFailure, Description, Failure, Forwarder, NoSettings, Notification, Receipt,
        Report, context, export_check, export_forwarder, log,
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

            $crate::export_identity!($crate::describe_export::<$check>);

            impl $crate::bindings::export_check::exports::bellwether::plugin::check::Guest for Component {
                fn run(
                    settings: ::std::string::String,
                ) -> ::std::result::Result<
                    $crate::bindings::export_check::exports::bellwether::plugin::check::Report,
                    $crate::bindings::export_check::exports::bellwether::plugin::check::Failure,
                > {
                    $crate::run_export::<$check>(&settings)
                }
            }

    $crate::bindings::export_check::export!(Component with_types_in $crate::bindings::export_check);
        };

        #[cfg(not(target_arch = "wasm32"))]
        const _: () = {
            const fn is_a_check<C: $crate::Check>() {}
            is_a_check::<$check>();
        };
    };
}

/// Exports a [`Forwarder`] as the plugin of this crate: it is given notifications about alerts. Once per crate, and at its root.
///
/// As with [`export_check`], nothing but a check of the type is left of it off WebAssembly. One that carries more says so, and
/// implements [`ForwardRuns`] or [`ForwardEvents`] as well: `export_forwarder!(Mine: runs, events);`
#[macro_export]
macro_rules! export_forwarder {
    ($forwarder:ty $(: $($kind:ident),+)?) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            struct Component;

            $crate::export_identity!($crate::forward::describe_export::<$forwarder>);
            $crate::export_kind!(notifications, $forwarder);
            $($($crate::export_kind!($kind, $forwarder);)+)?
        };

        #[cfg(not(target_arch = "wasm32"))]
        const _: () = {
            $crate::export_kind!(check notifications, $forwarder);
            $($($crate::export_kind!(check $kind, $forwarder);)+)?
        };
    };
}

/// The export that every plugin has.
#[doc(hidden)]
#[macro_export]
macro_rules! export_identity {
    ($describe:expr) => {
        impl $crate::bindings::export_identity::exports::bellwether::plugin::identity::Guest for Component {
            fn describe() -> $crate::bindings::identity::Description {
                $describe($crate::Package {
                    version: env!("CARGO_PKG_VERSION"),
                    homepage: env!("CARGO_PKG_HOMEPAGE"),
                    licence: env!("CARGO_PKG_LICENSE"),
                })
            }
        }

        $crate::bindings::export_identity::export!(Component with_types_in $crate::bindings::export_identity);
    };
}

/// One kind of news that a forwarder carries.
#[doc(hidden)]
#[macro_export]
macro_rules! export_kind {
    (notifications, $forwarder:ty) => {
        impl $crate::bindings::export_notifications::exports::bellwether::plugin::notifications::Guest for Component {
            fn deliver(
                settings: ::std::string::String,
                notification: $crate::forward::wire::Notification,
            ) -> ::std::result::Result<$crate::forward::wire::Receipt, $crate::forward::wire::DeliveryFailure> {
                $crate::forward::notification_export::<$forwarder>(&settings, notification)
            }
        }

        $crate::bindings::export_notifications::export!(
            Component with_types_in $crate::bindings::export_notifications
        );
    };
    (runs, $forwarder:ty) => {
        impl $crate::bindings::export_runs::exports::bellwether::plugin::runs::Guest for Component {
            fn deliver(
                settings: ::std::string::String,
                runs: ::std::vec::Vec<$crate::forward::wire::Run>,
            ) -> ::std::result::Result<$crate::forward::wire::Refused, $crate::forward::wire::DeliveryFailure> {
                $crate::forward::runs_export::<$forwarder>(&settings, runs)
            }
        }

        $crate::bindings::export_runs::export!(Component with_types_in $crate::bindings::export_runs);
    };
    (events, $forwarder:ty) => {
        impl $crate::bindings::export_events::exports::bellwether::plugin::events::Guest for Component {
            fn deliver(
                settings: ::std::string::String,
                events: ::std::vec::Vec<$crate::forward::wire::Event>,
            ) -> ::std::result::Result<$crate::forward::wire::Refused, $crate::forward::wire::DeliveryFailure> {
                $crate::forward::events_export::<$forwarder>(&settings, events)
            }
        }

        $crate::bindings::export_events::export!(Component with_types_in $crate::bindings::export_events);
    };
    (check notifications, $forwarder:ty) => {
        const fn is_a_forwarder<F: $crate::Forwarder>() {}
        is_a_forwarder::<$forwarder>();
    };
    (check runs, $forwarder:ty) => {
        const fn carries_runs<F: $crate::ForwardRuns>() {}
        carries_runs::<$forwarder>();
    };
    (check events, $forwarder:ty) => {
        const fn carries_events<F: $crate::ForwardEvents>() {}
        carries_events::<$forwarder>();
    };
}
