//! The page at `/`: every check at a glance, and links to everything else.
//!
//! Flows in: the last snapshot. Flows out: one HTML document without script or external resources, which reloads itself.
//! Everything that comes from outside passes through [`Escaped`].

mod text;

use std::{
    fmt::Write as _,
    sync::{Arc, LazyLock},
    time::Duration,
};

use axum::{extract::State, response::Response};
use base64::Engine as _;
use hyper::{
    StatusCode,
    header::{self, HeaderValue},
};
use sha2::{Digest as _, Sha256};

use self::text::{Age, Escaped, Span};
use super::{
    Shared,
    large::Made,
    negotiate::Coding,
    reply,
    view::{self, CheckView, Overall, Standing},
};
use crate::{board::Snapshot, clock::Timestamp};

const STYLE: &str = include_str!("style.css");
const FAVICON: &str = include_str!("favicon.svg");

/// How often an open page reloads itself, seconds: the usual interval of a check.
const REFRESH_SECONDS: u32 = 15;

/// The page's own policy: the style that stands in it, its icon, forms to itself.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let digest = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{digest}'; img-src 'self'; form-action 'self'; base-uri 'none'; \
         frame-ancestors 'none'"
    );
    // Base64 and our own words are valid in a header.
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
});

pub(super) async fn favicon() -> Response {
    reply::bytes(StatusCode::OK, "image/svg+xml", FAVICON)
}

pub(super) async fn index(State(shared): State<Arc<Shared>>) -> Response {
    let snapshot = shared.snapshot();
    let (of_page, shown) = (Arc::clone(&shared), Arc::clone(&snapshot));
    let mut answer = shared.large(&snapshot, false, move || page(&of_page, &shown)).await;
    answer
        .headers_mut()
        .insert(header::CONTENT_SECURITY_POLICY, POLICY.clone());
    answer
}

fn page(shared: &Shared, snapshot: &Snapshot) -> Made {
    let checks = view::checks(snapshot);
    let page = Page {
        version: &shared.version,
        environment: &shared.environment,
        now: shared.clock.wall(),
        checks: &checks,
    };
    Made {
        status: StatusCode::OK,
        kind: "text/html; charset=utf-8",
        body: page.render().into(),
        coding: Coding::Identity,
    }
}

struct Page<'p> {
    version: &'p str,
    environment: &'p str,
    now: Timestamp,
    checks: &'p [CheckView],
}

/// Writing to a `String` does not fail, so its results are let go below.
impl Page<'_> {
    fn render(&self) -> String {
        let overall = view::overall(self.checks);
        let mut html = String::with_capacity(8 * 1024);
        self.open(&mut html, overall);
        self.table(&mut html);
        self.close(&mut html);
        html
    }

    fn open(&self, html: &mut String, overall: Overall) {
        let word = overall.as_str();
        let environment = Escaped(self.environment);
        let dot = if self.environment.is_empty() { "" } else { " · " };
        let _ = write!(
            html,
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <meta http-equiv=\"refresh\" content=\"{REFRESH_SECONDS}\">\n\
             <title>{word} · Bellwether{dot}{environment}</title>\n\
             <link rel=\"icon\" href=\"/favicon.svg\">\n<style>{STYLE}</style>\n</head>\n<body>\n\
             <header>\n<h1>Bellwether</h1>\n<p class=\"overall {word}\">{word}</p>\n\
             <p class=\"tally\">{}{dot}{environment}</p>\n</header>\n<main>\n",
            self.tally()
        );
    }

    /// `12 checks: 10 ok, 1 warning, 1 failed`.
    fn tally(&self) -> String {
        let plural = if self.checks.len() == 1 { "" } else { "s" };
        let mut text = format!("{} check{plural}", self.checks.len());
        let mut separator = ": ";
        for standing in Standing::ALL {
            let count = self.checks.iter().filter(|check| check.status == standing).count();
            if count > 0 {
                let _ = write!(text, "{separator}{count} {standing}");
                separator = ", ";
            }
        }
        text
    }

    fn table(&self, html: &mut String) {
        if self.checks.is_empty() {
            html.push_str("<p class=\"empty\">No checks are configured. Add a <code>[check.NAME]</code> table.</p>\n");
            return;
        }
        html.push_str(
            "<table>\n<thead><tr><th>Status<th>Check<th>Message<th class=\"number\">Response<th class=\"number\">Checked\
             <th><span class=\"quiet\">Run</span></tr></thead>\n<tbody>\n",
        );
        // What needs a look comes first.
        let mut checks: Vec<&CheckView> = self.checks.iter().collect();
        checks.sort_by_key(|check| std::cmp::Reverse(check.status));
        for check in checks {
            self.row(html, check);
        }
        html.push_str("</tbody>\n</table>\n");
    }

    fn row(&self, html: &mut String, check: &CheckView) {
        let name = Escaped(&check.name);
        let optional = if check.required { "" } else { " · not required" };
        let response = check
            .response_time_ms
            .map(|ms| Span(Duration::from_secs_f64(ms / 1e3)).to_string());
        let _ = write!(
            html,
            "<tr class=\"{status}\"><td><span class=\"pill\">{status}</span>\
             <td><b>{name}</b><br><small>{plugin}{optional}</small><td>{message}<td class=\"number\">{response}\
             <td class=\"number\">",
            status = check.status,
            plugin = Escaped(&check.plugin),
            message = Escaped(&check.message),
            response = response.as_deref().unwrap_or("–"),
        );
        self.age(html, check);
        html.push_str("<td>");
        if check.can_run {
            let _ = write!(
                html,
                "<form method=\"post\" action=\"/api/v1/checks/{}/run\"><button title=\"Run {name} now\">Run</button></form>",
                text::PathSegment(&check.name)
            );
        }
        html.push_str("</tr>\n");
    }

    fn age(&self, html: &mut String, check: &CheckView) {
        let (Some(at), Some(iso)) = (check.checked, &check.checked_at) else {
            html.push('–');
            return;
        };
        let note = match (check.restored, check.stale) {
            (true, _) => "<br><small>before the restart</small>",
            (false, true) => "<br><small>stale</small>",
            (false, false) => "",
        };
        let _ = write!(
            html,
            "<time datetime=\"{iso}\" title=\"{iso}\">{}</time>{note}",
            Age(self.now.since(at))
        );
    }

    fn close(&self, html: &mut String) {
        let _ = write!(
            html,
            "</main>\n<nav>\n<a href=\"/metrics\">Metrics</a>\n<a href=\"/health/detailed\">Health</a>\n\
             <a href=\"/health/ready\">Readiness</a>\n<a href=\"/health/live\">Liveness</a>\n\
             <a href=\"/api/v1/checks\">Checks as JSON</a>\n</nav>\n\
             <footer>Bellwether {} · {} UTC</footer>\n</body>\n</html>\n",
            Escaped(self.version),
            self.now
        );
    }
}
