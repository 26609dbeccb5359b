//! `bellwether plugins`: what came with this host.

use serde_json::Value;

use super::{Exit, inspect, output, session};
use crate::{
    bundled::BUNDLED,
    config::{PluginOrigin, PluginSource},
};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Answer with a JSON array
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    if BUNDLED.is_empty() && !arguments.json {
        output::note("this host was built without plugins; `cargo xtask build` builds both");
    }
    session::with_sandbox(session::usual_cache_dir(), async |one_shot| {
        let (mut shapes, mut lines) = (Vec::<Value>::new(), String::new());
        for (name, _) in BUNDLED {
            let source = PluginSource {
                origin: PluginOrigin::Bundled((*name).to_owned()),
                sha256: None,
            };
            match one_shot.sandbox.load(&source, &session::progress).await {
                Ok(plugin) => {
                    let description = plugin.description();
                    lines.push_str(&format!(
                        "{:16} {:8} {}\n",
                        name, description.version, description.summary
                    ));
                    shapes.push(inspect::shape(&plugin));
                }
                Err(error) => return output::fail(Exit::Internal, &error.to_string()),
            }
        }
        if arguments.json {
            output::json(&shapes)
        } else {
            output::text(&lines)
        }
    })
}
