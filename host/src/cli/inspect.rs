//! `bellwether inspect PLUGIN`: what a plugin is, needs and could do.

use std::{fmt::Write as _, path::PathBuf};

use serde_json::{Value, json};

use super::{Exit, output, session};
use crate::{
    config::{PluginOrigin, PluginSource},
    sandbox::{Description, Inspection, LoadError, NewsKind, Plugin, Tier},
};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// A bundled plugin's name, or a path to a .wasm file
    plugin: String,
    /// Answer with one JSON object
    #[arg(long)]
    json: bool,
}

/// A plain name is a bundled plugin; anything with a slash or ending in `.wasm` is a file, as in the configuration.
fn source(plugin: &str) -> PluginSource {
    let is_file = plugin.contains('/') || plugin.ends_with(".wasm");
    let origin = if is_file {
        PluginOrigin::File(PathBuf::from(plugin))
    } else {
        PluginOrigin::Bundled(plugin.to_owned())
    };
    PluginSource { origin, sha256: None }
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    session::with_sandbox(session::usual_cache_dir(), async |one_shot| {
        match one_shot
            .sandbox
            .load(&source(&arguments.plugin), &session::progress)
            .await
        {
            Ok(plugin) if arguments.json => output::json(&shape(&plugin)),
            Ok(plugin) => output::text(&describe(&plugin)),
            Err(error) if arguments.json => match output::json(&json!({ "ok": false, "problem": error.to_string() })) {
                Exit::Ok => refused(&error),
                other => other,
            },
            Err(error) => output::fail(refused(&error), &error.to_string()),
        }
    })
}

/// A plugin that is bad is told apart from one that was not there to be looked at.
fn refused(error: &LoadError) -> Exit {
    match error {
        LoadError::NotBundled { .. } => Exit::Usage,
        LoadError::Read { .. } => Exit::Unreachable,
        _ => Exit::Bad,
    }
}

pub(super) fn hex(sha256: &[u8; 32]) -> String {
    sha256.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn kind(inspection: &Inspection) -> &'static str {
    if inspection.is_check() { "check" } else { "forwarder" }
}

/// Kinds of news that a forwarder carries; none of a check.
fn carries(plugin: &Plugin) -> Vec<&'static str> {
    let all = [NewsKind::Notifications, NewsKind::Runs, NewsKind::Events].into_iter();
    all.filter(|kind| plugin.carries(*kind)).map(NewsKind::as_str).collect()
}

pub(super) fn shape(plugin: &Plugin) -> Value {
    let (description, inspection) = (plugin.description(), plugin.inspection());
    json!({
        "ok": true,
        "name": description.name,
        "version": description.version,
        "kind": kind(inspection),
        "carries": carries(plugin),
        "summary": description.summary,
        "sha256": hex(plugin.sha256()),
        "bytes": inspection.bytes,
        "contract": inspection.contract_version,
        "imports": inspection.imports.iter().map(|import| {
            json!({ "name": import.name, "tier": import.tier.as_str() })
        }).collect::<Vec<_>>(),
        "wants": inspection.wants().into_iter().map(|wanted| wanted.as_str()).collect::<Vec<_>>(),
        "memory_bytes": description.memory_bytes,
        "state_bytes": description.state_bytes,
        "settings_schema": serde_json::from_str::<Value>(&description.settings_schema).unwrap_or(Value::Null),
        "metrics": description.metrics.iter().map(|metric| json!({
            "name": metric.name, "type": metric.kind, "help": metric.help, "unit": metric.unit, "labels": metric.label_names,
        })).collect::<Vec<_>>(),
        "codes": description.codes.iter().map(|(code, meaning)| json!({ "code": code, "meaning": meaning })).collect::<Vec<_>>(),
        "connections": description.connections.iter().map(|slot| json!({
            "name": slot.name, "schemes": slot.schemes, "required": slot.required, "summary": slot.summary,
        })).collect::<Vec<_>>(),
    })
}

fn describe(plugin: &Plugin) -> String {
    let (description, inspection) = (plugin.description(), plugin.inspection());
    let mut out = format!("{} {} ({})\n", description.name, description.version, kind(inspection));
    let _ = writeln!(out, "{}\n", description.summary);
    let _ = writeln!(out, "sha256    {}", hex(plugin.sha256()));
    let _ = writeln!(out, "size      {} bytes", inspection.bytes);
    let _ = writeln!(out, "contract  {}", inspection.contract_version);
    let carries = carries(plugin);
    if !carries.is_empty() {
        let _ = writeln!(out, "carries   {}", carries.join(", "));
    }
    describe_reach(description, inspection, &mut out);
    describe_reports(description, &mut out);
    out
}

fn describe_reach(description: &Description, inspection: &Inspection, out: &mut String) {
    let wants = inspection.wants();
    if wants.is_empty() {
        out.push_str("\nIt can ask for nothing outside itself.\n");
    } else {
        out.push_str("\nIt can ask for, and gets only what the configuration grants:\n");
        for wanted in wants {
            let hint = wanted.hint().replace('\n', " ");
            let _ = writeln!(out, "  {:10} {hint}", wanted.as_str());
        }
    }
    describe_slots(description, out);
    out.push_str("\nImports:\n");
    for import in &inspection.imports {
        let harmless = if import.tier == Tier::Baseline {
            " (needs no grant)"
        } else {
            ""
        };
        let _ = writeln!(out, "  {:10} {}{harmless}", import.tier.as_str(), import.name);
    }
}

/// Places it can be given, each a slot that the configuration binds a connection to.
fn describe_slots(description: &Description, out: &mut String) {
    if !description.connections.is_empty() {
        out.push_str("\nConnections:\n");
    }
    for slot in &description.connections {
        let need = if slot.required { "required" } else { "optional" };
        let schemes = slot.schemes.join(", ");
        let _ = writeln!(out, "  {} ({need}; {schemes})\n      {}", slot.name, slot.summary);
    }
}

fn describe_reports(description: &Description, out: &mut String) {
    if !description.metrics.is_empty() {
        out.push_str("\nMetrics:\n");
    }
    for metric in &description.metrics {
        let labels = metric.label_names.join(", ");
        let _ = writeln!(
            out,
            "  {} ({}) {{{labels}}}\n      {}",
            metric.name, metric.kind, metric.help
        );
    }
    if !description.codes.is_empty() {
        out.push_str("\nVerdict codes:\n");
    }
    for (code, meaning) in &description.codes {
        let _ = writeln!(out, "  {code}: {meaning}");
    }
}
