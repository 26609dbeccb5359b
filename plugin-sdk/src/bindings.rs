//! What `wit-bindgen` makes of `wit/plugin.wit`. Nothing here is written by hand, and no plugin should need to name it:
//! [`crate::export_check`] and the capability modules stand in front.
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
    world: "everything",
    pub_export_macro: true,
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
