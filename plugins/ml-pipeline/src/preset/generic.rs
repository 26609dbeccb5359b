//! Anything with an HTTP address: a status of success is what counts, and what the settings assert.

use super::{About, NOTHING, Preset, ScrapeApi, get, status};

pub(super) const PRESET: Preset = Preset {
    name: "generic",
    source: "",
    ready: &[status(About::Server, get(""))],
    scrape: Some(ScrapeApi { path: "", picks: &[] }),
    ..NOTHING
};

#[cfg(test)]
mod tests {
    use bellwether_sdk::{Status, fake::json};

    use crate::tests::fixture::{Server, ready};

    #[test]
    fn status_path_and_assertions_count() {
        let server = || Server::new().json("/api/status", 200, json!({ "models": ["a", "b"], "ok": true }));
        let asserting = |ok: bool| {
            json!({
                "path": "/api/status", "assert": [{ "at": "/ok", "equals": ok }, { "at": "/models", "len": 2 }],
            })
        };
        assert_eq!(ready(asserting(true), server()).status("ready t"), Status::Ok);
        let run = ready(asserting(false), server());
        assert_eq!(run.verdict("ready t").code, "assertion_failed");
        let down = ready(
            json!({ "path": "/api/status" }),
            Server::new().text("/api/status", 502, "bad gateway"),
        );
        assert_eq!(down.verdict("ready t").code, "server_not_ready");
    }
}
