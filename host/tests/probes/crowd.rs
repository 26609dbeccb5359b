//! Many targets in one check: more than are asked at once, and some that differ in little.

use std::{fmt::Write as _, io::Read as _, net::SocketAddr, thread, time::Duration};

use super::{
    said::Said,
    servers::{hear, ok, say, serve},
    support::host::{Place, sample},
};

/// Asked at once by one check.
const AT_ONCE: usize = 64;
const SLOW: Duration = Duration::from_millis(900);
/// Bytes of a body, each in a chunk of its own.
const CRUMBS: usize = 4_000;
/// Runs until one is undisturbed: on a busy machine the same work takes more CPU time, too.
const RUNS_MAX: usize = 4;

/// Never answers on `/hang…`, late on `/slow…`, byte by byte on `/crumbs…`, elsewhere at once with the path that it was asked for.
fn server() -> SocketAddr {
    serve(|mut client| {
        let head = hear(&mut client)?;
        let path = head.split(' ').nth(1).unwrap_or_default();
        if path.starts_with("/hang") {
            // Until the other side is gone.
            return client.read_exact(&mut [0]);
        }
        if path.starts_with("/slow") {
            thread::sleep(SLOW);
        }
        if path.starts_with("/crumbs") {
            let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n";
            let crumbs = "1\r\nx\r\n".repeat(CRUMBS);
            return say(&mut client, [head, &crumbs, "0\r\n\r\n"].concat());
        }
        say(&mut client, ok("", path))
    })
}

fn targets(kind: &str, count: usize, server: SocketAddr) -> String {
    let mut text = String::new();
    for number in 0..count {
        writeln!(
            text,
            "[[check.many.settings.targets]]\nname = \"{kind}{number}\"\nurl = \"http://{server}/{kind}{number}\""
        )
        .expect("text");
    }
    text
}

fn said(settings: &str, targets: &[String]) -> Said {
    let text = format!(
        "[check.many]\nplugin = \"http\"\ninterval = \"1m\"\n{settings}{}",
        targets.concat()
    );
    Said::of(&Place::new(&text).finish(&["once", "many", "--json"]))
}

#[test]
fn targets_that_hang_cost_those_behind_them_nothing_but_time() {
    let server = server();
    let said = said(
        "timeout = \"20s\"\nsettings.request.timeout_seconds = 3\n",
        &[targets("hang", AT_ONCE + 6, server), targets("well", 5, server)],
    );
    for number in 0..5 {
        let (status, _, summary) = said.judged(&format!("well{number}"));
        assert_eq!(status, "ok", "{summary}");
    }
    let last = format!("hang{}", AT_ONCE + 5);
    let (status, code, summary) = said.judged(&last);
    assert_eq!((status, code), ("critical", "timeout"));
    assert!(summary.contains("waiting for the first byte"), "{summary}");
}

#[test]
fn a_target_that_the_run_never_came_to_is_not_called_down() {
    let server = server();
    let said = said(
        "timeout = \"4s\"\n",
        &[targets("hang", AT_ONCE, server), targets("well", 5, server)],
    );
    for number in 0..5 {
        let (status, code, summary) = said.judged(&format!("well{number}"));
        assert_eq!((status, code), ("unknown", "not_asked"), "{summary}");
        assert!(
            summary.contains("waited for a free seat") && summary.contains("64 requests of this check"),
            "{summary}"
        );
    }
    assert_eq!(said.judged("hang0").1, "timeout");
}

#[test]
fn a_duration_is_the_targets_and_not_the_wait_for_others() {
    let server = server();
    let said = said(
        "timeout = \"30s\"\nsettings.expect.latency_seconds = { warning = 2.5 }\n",
        &[targets("slow", 4 * AT_ONCE, server)],
    );
    assert!(said.duration_seconds() > 4.0 * SLOW.as_secs_f64(), "in four lots");
    for number in 0..4 * AT_ONCE {
        let name = format!("slow{number}");
        let (status, _, summary) = said.judged(&name);
        assert_eq!(status, "ok", "{name}: {summary}");
    }
}

/// A host runs 32 checks at once unless configured. How many requests they want is four times what it makes at once.
#[test]
fn beside_thirty_one_checks_of_targets_that_hang_a_healthy_one_is_ok_in_every_run() {
    const RUNS: f64 = 8.0;
    let server = server();
    let mut text = format!(
        "[check.well]\nplugin = \"http\"\ninterval = \"1s\"\nsettings = {{ name = \"well\", url = \"http://{server}/\" }}\n"
    );
    for number in 0..31 {
        let targets = targets("hang", AT_ONCE, server).replace("check.many", &format!("check.hangs{number}"));
        write!(
            text,
            "[check.hangs{number}]\nplugin = \"http\"\ninterval = \"5s\"\ntimeout = \"4s\"\n{targets}"
        )
        .expect("text");
    }
    let host = Place::new(&text).run();
    let of =
        |check: &str, outcome: &str| format!("bellwether_check_runs_total{{check=\"{check}\",outcome=\"{outcome}\"}}");
    let well = |body: &str| {
        let all = ["ok", "warning", "critical", "unknown", "timeout"];
        all.map(|outcome| sample(body, &of("well", outcome)).unwrap_or(0.0))
    };
    let metrics = host.eventually("/metrics", |body| {
        let have_hung = |number| sample(body, &of(&format!("hangs{number}"), "critical")).is_some();
        well(body).iter().sum::<f64>() >= RUNS && (0..31).all(have_hung)
    });
    let [ok, others @ ..] = well(&metrics);
    assert!(ok >= RUNS && others == [0.0; 4], "{ok}, {others:?}");
}

#[test]
fn what_servers_send_byte_by_byte_costs_the_check_none_of_its_cpu_time() {
    const COUNT: usize = 400;
    let server = server();
    let asked = |kind| {
        said(
            "timeout = \"50s\"\nlimits.cpu = \"20s\"\n",
            &[targets(kind, COUNT, server)],
        )
    };
    let mut disturbed = Vec::new();
    for _ in 0..RUNS_MAX {
        let (whole, crumbs) = (asked("whole"), asked("crumbs"));
        for number in 0..COUNT {
            let (status, _, summary) = crumbs.judged(&format!("crumbs{number}"));
            assert_eq!(status, "ok", "{summary}");
        }
        let (whole, crumbs) = (whole.cpu_seconds(), crumbs.cpu_seconds());
        if crumbs < 2.0 * whole {
            return;
        }
        disturbed.push((crumbs, whole));
    }
    panic!("seconds of bodies in crumbs, and of whole ones: {disturbed:?}");
}

#[test]
fn of_more_series_than_a_check_may_have_those_that_alerts_hang_on_stay() {
    const TARGETS: usize = 20;
    // Four statuses of each, two counts of runs, one success: 140. The rest is for one more family, in part.
    let text = format!(
        "[check.many]\nplugin = \"http\"\ninterval = \"1s\"\nlimits.series = 150\n{}",
        targets("well", TARGETS, server())
    );
    let place = Place::new(&text);
    let mut host = place.run();
    let body = host.eventually("/metrics", |body| body.contains("http_probe_success{"));
    let count = |family: &str| body.lines().filter(|line| line.starts_with(family)).count();
    assert_eq!(count("http_probe_success{"), TARGETS, "{body}");
    assert_eq!(count("http_probe_not_ok_runs{"), 2 * TARGETS, "{body}");
    assert_eq!(count("http_probe_status_code{"), 10, "{body}");
    assert_eq!(count("http_probe_phase_seconds{"), 0, "{body}");
    host.line("the excess is dropped, of `http_probe_status_code`, `http_probe_duration_seconds`, ");
}

#[test]
fn targets_that_differ_in_their_query_or_spelling_are_each_asked() {
    let server = server();
    let port = server.port();
    let urls = [
        ("a", format!("http://{server}/x?a=1"), "/x?a=1"),
        ("b", format!("http://{server}/x?a=2"), "/x?a=2"),
        ("bare", format!("http://{server}/x"), "/x"),
        ("slash", format!("http://{server}/x/"), "/x/"),
        ("large", format!("http://LOCALHOST:{port}"), "/"),
        ("small", format!("http://localhost:{port}/"), "/"),
        ("number", format!("http://2130706433:{port}/x"), "/x"),
    ];
    let each = urls.each_ref().map(|(name, url, body)| {
        format!(
            "[[check.many.settings.targets]]\nname = \"{name}\"\nurl = \"{url}\"\nexpect.body_matches = [\"^{}$\"]\n",
            body.replace('?', "[?]")
        )
    });
    let said = said("", &each);
    for (name, _, _) in &urls {
        let (status, _, summary) = said.judged(name);
        assert_eq!(status, "ok", "{name}: {summary}");
    }
}
