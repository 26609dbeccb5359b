//! A host's life: start, restart, stop, and what keeps it from starting.

use std::time::{Duration, Instant};

use crate::{MACHINE, host::Place, obedient};

const UP: &str = "bellwether_check_up{check=\"machine\"}";

/// A run so long that on a busy machine, too, it is looked at before it ends. Whoever is told to stop waits ten seconds for it.
const SLOW: &str = "wait_ms = 6000";

/// The end of a process that waits for nothing: less than the ten seconds that one gives its runs.
const AT_ONCE: Duration = Duration::from_secs(9);

#[test]
fn a_host_says_where_it_listens_and_serves_what_its_check_reports() {
    let place = Place::new(MACHINE);
    let host = place.run();
    assert!(
        host.seen
            .iter()
            .any(|line| *line == format!("listening on http://{}", host.address())),
        "{:?}",
        host.seen
    );
    host.reaches(UP, 1.0);
    let metrics = host.get("/metrics").body;
    for family in ["system_cpu_", "system_memory_", "system_load", "bellwether_build_info"] {
        assert!(
            metrics.lines().any(|line| line.starts_with(family)),
            "no {family}:\n{metrics}"
        );
    }
    assert_eq!(host.get("/health/ready").status, 200);
    assert_eq!(host.get_json("/health/detailed")["checks"][0]["name"], "machine");
    assert!(host.get("/").body.contains("machine"));
    host.stop();
}

#[test]
fn the_quickstart_runs_as_it_stands() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/quickstart/bellwether.toml");
    let place = Place::new("");
    std::fs::copy(file, place.path("bellwether.toml")).expect("a copy");
    let host = place.run_with(|command| {
        command
            .env("PROMETHEUS_PORT", "0")
            .env("XDG_STATE_HOME", place.path("state"));
    });
    host.reaches(UP, 1.0);
    assert_eq!(host.get_json("/health/detailed")["environment"], "quickstart");
    let said = host.stop();
    assert!(
        said.iter().all(|line| !line.starts_with('{')),
        "it asks for a log for people: {said:?}"
    );
}

#[test]
fn a_restart_shows_the_last_reports_with_their_age_until_new_ones_come() {
    let place = Place::new(&obedient("slow", "wait_ms = 15000", "timeout = \"1m\""));
    let host = place.run();
    host.eventually("/metrics", |body| body.contains("repeated{"));
    let last_run = "bellwether_check_last_run_timestamp_seconds{check=\"slow\"}";
    let (first, before) = (host.value(last_run), host.get_json("/api/v1/checks"));
    assert_eq!(before["data"]["checks"][0]["restored"], false);
    host.stop();

    let host = place.run();
    host.eventually("/api/v1/checks", |body| body.contains("\"restored\":true"));
    let checks = host.get_json("/api/v1/checks");
    let (old, check) = (&before["data"]["checks"][0], &checks["data"]["checks"][0]);
    assert_eq!(check["restored"], true, "{check}");
    assert_eq!(check["checked_at"], old["checked_at"]);
    assert_eq!(check["verdicts"], old["verdicts"]);
    let metrics = host.get("/metrics").body;
    assert!(metrics.contains("repeated{"), "{metrics}");
    assert!((host.value(last_run) - first).abs() < 1e-3, "its age shows");
    host.eventually("/api/v1/checks", |body| body.contains("\"restored\":false"));
    assert!(host.value(last_run) > first);
    host.stop();
}

#[test]
fn a_state_directory_that_is_deleted_under_the_host_is_made_anew_and_still_excludes_a_second_one() {
    let place = Place::new(&obedient("slow", SLOW, "timeout = \"1m\""));
    let mut host = place.run();
    host.reaches("bellwether_store_writes_total", 1.0);
    std::fs::remove_dir_all(place.path("state")).expect("deleted");
    let line = host.line("deleted or replaced while the host uses them");
    assert!(line.contains("\"level\":\"ERROR\""), "{line}");
    host.line("were made anew");
    host.reaches("bellwether_store_lost_total", 1.0);
    assert!((host.value("bellwether_store_up") - 1.0).abs() < f64::EPSILON);
    let second = place.finish(&["run"]);
    assert_eq!(second.code, 2, "{second:?}");
    assert!(
        second.stderr.contains(&format!("(process {})", host.child.id())),
        "{second:?}"
    );
    host.stop();

    let host = place.run();
    host.eventually("/api/v1/checks", |body| body.contains("\"restored\":true"));
}

#[test]
fn a_stop_lets_the_run_in_flight_end_and_keeps_what_it_reports() {
    for signal in ["TERM", "INT"] {
        let place = Place::new(&obedient("slow", SLOW, "timeout = \"1m\""));
        let mut host = place.run();
        host.line("\"obeys\"");
        host.signal(signal);
        host.line("Stopping");
        assert_eq!(host.get("/health/live").status, 200, "the endpoint closes last");
        assert_eq!(host.wait().code(), Some(0));
        let said = host.all_lines();
        assert!(
            said.iter().any(|line| line.contains("\"obeyed\"")),
            "the run ended: {said:#?}"
        );
        assert!(
            said.last().is_some_and(|line| line.contains("\"Stopped.\"")),
            "{said:#?}"
        );

        let host = place.run();
        host.eventually("/api/v1/checks", |body| body.contains("\"restored\":true"));
    }
}

#[test]
fn a_run_that_does_not_end_is_left_behind_and_named() {
    let place = Place::new(&obedient("endless", "wait_ms = 600000", "timeout = \"10m\""));
    let mut host = place.run();
    host.line("\"obeys\"");
    let begun = Instant::now();
    host.signal("TERM");
    let status = host.wait();
    let said = host.all_lines();
    assert_eq!(status.code(), Some(0), "{said:#?}");
    assert!(
        begun.elapsed() < Duration::from_secs(30),
        "{:?}: Kubernetes would have killed it",
        begun.elapsed()
    );
    let last = said.last().expect("it spoke");
    assert!(last.contains("leaving behind") && last.contains("endless"), "{last}");
}

#[test]
fn a_second_signal_exits_at_once() {
    for (first, second) in [("TERM", "TERM"), ("INT", "INT"), ("TERM", "INT")] {
        let place = Place::new(&obedient("endless", "wait_ms = 600000", "timeout = \"10m\""));
        let mut host = place.run();
        host.line("\"obeys\"");
        host.signal(first);
        host.line("Stopping");
        let begun = Instant::now();
        let mut ended = None;
        // Right after the first one, another counts as its echo.
        for _ in 0..100 {
            host.signal(second);
            std::thread::sleep(Duration::from_millis(50));
            ended = host.child.try_wait().expect("a child");
            if ended.is_some() {
                break;
            }
        }
        assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
        assert_eq!(ended.and_then(|status| status.code()), Some(1));
        let said = host.all_lines();
        assert!(
            said.iter()
                .any(|line| line.contains("a second signal: exiting at once")),
            "{said:#?}"
        );
    }
}

#[test]
fn a_signal_and_its_echo_are_one() {
    let place = Place::new(&obedient("brief", "wait_ms = 1500", "timeout = \"10m\""));
    let mut host = place.run();
    host.line("\"obeys\"");
    // Two kinds, since of one kind the second may be lost in the first.
    host.signal("TERM");
    host.signal("INT");
    assert_eq!(host.wait().code(), Some(0), "it drained");
}

#[test]
fn a_killed_host_leaves_nothing_that_keeps_the_next_from_starting() {
    let place = Place::new(MACHINE);
    for _ in 0..2 {
        let mut host = place.run();
        host.reaches(UP, 1.0);
        host.signal("KILL");
        assert_eq!(host.wait().code(), None);
    }
    place.run().stop();
}

#[test]
fn a_second_host_on_the_same_state_names_the_first_and_touches_nothing() {
    let place = Place::new(MACHINE);
    let host = place.run();
    let second = place.finish(&["run"]);
    assert_eq!(second.code, 2, "{second:?}");
    let pid = format!("process {}", host.child.id());
    assert!(
        second.stderr.contains(&pid) && second.stderr.contains("state_dir"),
        "{second:?}"
    );
    assert!(!second.stderr.contains("listening"), "{second:?}");
    host.reaches(UP, 1.0);
    host.stop();
    place.run().stop();
}

#[test]
fn a_port_in_use_is_refused_with_the_name_of_its_owner() {
    let first = Place::new("");
    let host = first.run();
    let second = Place::new("");
    let state = second.path("state");
    second.write(
        "bellwether.toml",
        &format!(
            "[host]\nlisten = \"{}\"\nstate_dir = \"{}\"\n",
            host.address(),
            state.display()
        ),
    );
    let refused = second.finish(&["run"]);
    assert_eq!(refused.code, 3, "{refused:?}");
    let owner = format!("`bellwether` (pid {})", host.child.id());
    for said in [owner.as_str(), &host.address().to_string(), "`listen` in `[host]`"] {
        assert!(refused.stderr.contains(said), "{said}: {refused:?}");
    }
}

#[test]
fn off_loopback_the_host_wants_tokens_and_prints_the_lines_to_add() {
    let place = Place::new("");
    let state = place.path("state");
    let off_loopback = |more: &str| {
        format!(
            "[host]\nlisten = \"0.0.0.0:0\"\nstate_dir = \"{}\"\n\n{more}",
            state.display()
        )
    };
    place.write("bellwether.toml", &off_loopback(""));
    let refused = place.finish(&["run"]);
    assert_eq!(refused.code, 2, "{refused:?}");
    let lines = refused.stderr.lines().map(str::trim);
    let to_add: Vec<_> = lines.skip_while(|line| *line != "[access]").take(3).collect();
    assert_eq!(
        to_add,
        [
            "[access]",
            "read = \"${secret:BELLWETHER_READ_TOKEN}\"",
            "admin = \"${secret:BELLWETHER_ADMIN_TOKEN}\""
        ],
        "{}",
        refused.stderr
    );

    // Only this machine may reach what tests start, so what follows is not started.
    place.write("bellwether.toml", &off_loopback(&to_add.join("\n")));
    let mended = place.finish_with(&["validate"], |command| {
        command
            .env("BELLWETHER_READ_TOKEN", "a-token-for-reading")
            .env("BELLWETHER_ADMIN_TOKEN", "a-token-for-admins");
    });
    assert_eq!(mended.code, 0, "{mended:?}");
    place.write("bellwether.toml", &off_loopback("[access]\nopen = true\n"));
    assert_eq!(place.finish(&["validate"]).code, 0);
}
