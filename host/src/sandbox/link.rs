//! Imports to host functions.
//!
//! Every interface of the contract and of WASI 0.2 is linked for every plugin, granted or not: toolchains of some
//! languages import all of their world. What a run may use is decided when it calls. Flows out: a component ready to
//! instantiate.

use wasmtime::{
    Engine,
    component::{Component, HasSelf, InstancePre, Linker},
};

use super::{bindings::bellwether::plugin, guest::Guest};

/// Resolves and type-checks the imports. The error's chain is wasmtime's, which is precise.
pub(super) fn link(engine: &Engine, component: &Component) -> wasmtime::Result<InstancePre<Guest>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    contract(&mut linker)?;
    linker.instantiate_pre(component)
}

fn contract(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    plugin::context::add_to_linker::<Guest, HasSelf<Guest>>(linker, |guest| guest)?;
    plugin::log::add_to_linker::<Guest, HasSelf<Guest>>(linker, |guest| guest)?;
    plugin::state::add_to_linker::<Guest, HasSelf<Guest>>(linker, |guest| guest)?;
    plugin::http::add_to_linker::<Guest, HasSelf<Guest>>(linker, |guest| guest)?;
    plugin::redis::add_to_linker::<Guest, HasSelf<Guest>>(linker, |guest| guest)?;
    plugin::postgres::add_to_linker::<Guest, HasSelf<Guest>>(linker, |guest| guest)?;
    plugin::system::add_to_linker::<Guest, HasSelf<Guest>>(linker, |guest| guest)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As JavaScript engines import it: another patch version than ours, a borrowed resource, one of its own.
    const WITH_HTTP: &str = r#"(component
        (import "wasi:io/streams@0.2.3" (instance $streams (export "input-stream" (type (sub resource)))))
        (alias export $streams "input-stream" (type $input))
        (import "wasi:http/types@0.2.3" (instance $types
            (alias outer 1 $input (type $borrowed))
            (export "input-stream" (type (eq $borrowed)))
            (export "fields" (type $fields (sub resource)))
            (export "[constructor]fields" (func (result (own $fields))))))
        (import "wasi:http/outgoing-handler@0.2.3" (instance))
    )"#;

    fn linked(text: &str) -> wasmtime::Result<()> {
        let engine = super::super::engine::engine()?;
        let component = Component::new(&engine, wat::parse_str(text).expect("valid text"))?;
        link(&engine, &component).map(|_| ())
    }

    #[test]
    fn wasi_http_is_linked_whatever_patch_version_asks_for_it() {
        linked(WITH_HTTP).expect("links");
    }

    #[test]
    fn a_function_of_the_wrong_type_is_named() {
        let wrong = r#"(component (import "bellwether:plugin/context@0.1.0" (instance
            (export "name" (func (result u32))))))"#;
        let refused = format!("{:#}", linked(wrong).expect_err("another type"));
        assert!(
            refused.contains("bellwether:plugin/context") && refused.contains("name"),
            "{refused}"
        );
    }
}
