//! Types and traits generated from the contract, `plugin-sdk/wit`.
//!
//! Nothing outside `sandbox` sees them: `calls` turns host calls into plain questions to `capability`, and `convert`
//! turns reports into the host's own vocabulary.

wasmtime::component::bindgen!({
    path: "../plugin-sdk/wit",
    world: "whole-contract",
    imports: {
        "bellwether:plugin/http": async | trappable,
        "bellwether:plugin/redis": async | trappable,
        "bellwether:plugin/postgres": async | trappable,
        "bellwether:plugin/system": async | trappable,
        default: trappable,
    },
    exports: { default: async },
});
