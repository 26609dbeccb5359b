//! What `wit-bindgen` makes of `wit/plugin.wit`. No plugin should need to name it: [`crate::export_check`],
//! [`crate::export_forwarder`] and the capability modules stand in front.
//!
//! Imports are made once, and each export by itself, in a world of its own: a check does not export what only a forwarder has, and
//! the types of both are the same.
//!
//! Off WebAssembly the imported functions panic; the capability modules call [`crate::fake`] there instead.
#![allow(
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    unsafe_code,
    unused_qualifications,
    clippy::all,
    reason = "generated code"
)]

wit_bindgen::generate!({
    path: "wit",
    world: "sdk-imports",
    default_bindings_module: "bellwether_sdk::bindings",
    additional_derives: [PartialEq],
    additional_type_attributes: {
        "bellwether:plugin/system@0.1.0/machine": [#[derive(Default)]],
        "bellwether:plugin/system@0.1.0/cpu-times": [#[derive(Default)]],
        "bellwether:plugin/system@0.1.0/cpu": [#[derive(Default)]],
        "bellwether:plugin/system@0.1.0/memory": [#[derive(Default)]],
        "bellwether:plugin/system@0.1.0/disk": [#[derive(Default)]],
        "bellwether:plugin/system@0.1.0/disk-io": [#[derive(Default)]],
        "bellwether:plugin/system@0.1.0/network": [#[derive(Default)]],
        "bellwether:plugin/system@0.1.0/load": [#[derive(Default)]],
        "bellwether:plugin/system@0.1.0/temperature": [#[derive(Default)]],
        "bellwether:plugin/system@0.1.0/process-group": [#[derive(Default)]],
        "bellwether:plugin/system@0.1.0/processes": [#[derive(Default)]],
        "bellwether:plugin/system@0.1.0/pressure": [#[derive(Default)]],
        "bellwether:plugin/system@0.1.0/limits": [#[derive(Default)]],
        "bellwether:plugin/system@0.1.0/snapshot": [#[derive(Default)]],
    },
});

/// The bindings of one exported interface.
macro_rules! export {
    ($module:ident, $world:literal, $path:literal $(, $uses:literal: $types:path)?) => {
        /// What a plugin implements, and the macro by which it exports that.
        pub mod $module {
            wit_bindgen::generate!({
                path: "wit",
                world: $world,
                pub_export_macro: true,
                default_bindings_module: $path,
                additional_derives: [PartialEq],
                with: { $($uses: $types)? },
            });
        }
    };
}

export!(
    export_identity,
    "sdk-identity",
    "bellwether_sdk::bindings::export_identity"
);
export!(
    export_check,
    "sdk-check",
    "bellwether_sdk::bindings::export_check",
    "bellwether:plugin/report@0.1.0": crate::bindings::bellwether::plugin::report
);
export!(
    export_notifications,
    "sdk-notifications",
    "bellwether_sdk::bindings::export_notifications",
    "bellwether:plugin/news@0.1.0": crate::bindings::bellwether::plugin::news
);
export!(
    export_runs,
    "sdk-runs",
    "bellwether_sdk::bindings::export_runs",
    "bellwether:plugin/news@0.1.0": crate::bindings::bellwether::plugin::news
);
export!(
    export_events,
    "sdk-events",
    "bellwether_sdk::bindings::export_events",
    "bellwether:plugin/news@0.1.0": crate::bindings::bellwether::plugin::news
);

/// The types that come with an export.
pub use export_identity::exports::bellwether::plugin::identity;
