//! A configuration that changes under a running host: by whom it is noticed, what goes on, and what a bad one breaks.

use std::os::unix::fs::symlink;

use crate::{
    guest,
    host::{Place, Running, sample},
    obedient,
};

const OK: &str = "bellwether_config_reloads_total{result=\"ok\"}";
const REFUSED: &str = "bellwether_config_reloads_total{result=\"refused\"}";
const UNKNOWN_KEY: &str = "[check.a]\nplugin = \"system\"\nintervall = \"15s\"\n";

fn runs(check: &str) -> String {
    format!("bellwether_check_runs_total{{check=\"{check}\",outcome=\"ok\"}}")
}

fn last_run(check: &str) -> String {
    format!("bellwether_check_last_run_timestamp_seconds{{check=\"{check}\"}}")
}

/// The next line about a reload, as data.
fn reloaded(host: &mut Running) -> serde_json::Value {
    let line = host.line("\"functionName\":\"config\"");
    serde_json::from_str(&line).expect("a JSON line")
}

#[test]
fn a_reload_starts_what_is_new_or_changed_ends_what_is_gone_and_leaves_the_rest_alone() {
    let both = |kept: &str| {
        obedient("kept", kept, "") + &obedient("edited", "say = \"one\"", "") + &obedient("gone", "say = 1", "")
    };
    let place = Place::new(&both("say = \"kept\""));
    let mut host = place.run();
    for check in ["kept", "edited", "gone"] {
        host.reaches(&runs(check), 1.0);
    }
    let since = host.value(&last_run("kept"));

    place.configure(
        &(obedient("kept", "say = \"kept\"", "")
            + &obedient("edited", "say = \"two\"", "")
            + &obedient("new", "say = 2", "")),
    );
    host.signal("HUP");
    let line = reloaded(&mut host);
    assert_eq!(line["message"], "The configuration was reloaded.");
    let data = &line["data"];
    assert_eq!(data["added"], serde_json::json!(["new"]));
    assert_eq!(data["changed"], serde_json::json!(["edited"]));
    assert_eq!(data["removed"], serde_json::json!(["gone"]));
    assert_eq!(data["unchanged"], 1);

    host.eventually("/metrics", |body| {
        body.contains("two") && body.contains("check=\"new\"")
    });
    let metrics = host.eventually("/metrics", |body| !body.contains("check=\"gone\""));
    assert_eq!(
        sample(&metrics, &runs("kept")),
        Some(1.0),
        "an unchanged check keeps its timer and its totals"
    );
    let kept = sample(&metrics, &last_run("kept")).expect("it is still there");
    assert!((kept - since).abs() < 1e-3);
    assert!(
        metrics.lines().any(|line| line.starts_with("repeated{check=\"kept\"")),
        "and its series"
    );
    host.reaches(OK, 1.0);
    host.stop();
}

#[test]
fn totals_and_ticks_of_an_unchanged_check_go_on_over_many_reloads() {
    let healthy = format!(
        "[check.healthy]\nplugin = {}\ninterval = \"200ms\"\n\n",
        guest("healthy")
    );
    let place = Place::new(&healthy);
    let host = place.run();
    let ran = "healthy_runs_total{check=\"healthy\"}";
    let mut last = host.reaches(ran, 1.0);
    for round in 0..5 {
        place.configure(&format!(
            "{healthy}{}",
            obedient("other", &format!("say = {round}"), "")
        ));
        let answer = host.post("/-/reload");
        assert_eq!(answer.status, 200, "{answer:?}");
        let wanted = format!("{round}");
        host.eventually("/metrics", |body| {
            body.lines()
                .any(|line| line.starts_with("repeated{check=\"other\"") && line.contains(&wanted))
        });
        last = host.reaches(ran, last + 1.0);
    }
    host.reaches(OK, 5.0);
    host.stop();
}

#[test]
fn a_reload_by_request_answers_with_what_changed() {
    let place = Place::new(&obedient("first", "say = 1", ""));
    let host = place.run();
    host.reaches(&runs("first"), 1.0);
    place.configure(
        &(obedient("first", "say = 1", "") + &obedient("second", "say = 2", "") + "[log]\nlevel = \"warn\"\n"),
    );
    let answer = host.post("/-/reload");
    assert_eq!(answer.status, 200, "{answer:?}");
    let body: serde_json::Value = serde_json::from_str(&answer.body).expect("JSON");
    assert_eq!(body["status"], "success");
    assert_eq!(body["data"]["added"], serde_json::json!(["second"]));
    assert_eq!(body["data"]["unchanged"], 1);
    assert_eq!(host.get("/-/reload").status, 405, "reading does not change anything");
    host.eventually("/health/ready", |body| body.contains("\"ready\""));
    host.stop();
}

#[test]
fn a_key_that_takes_a_restart_says_so() {
    let place = Place::new("");
    let host = place.run();
    let state = place.path("state");
    place.write(
        "bellwether.toml",
        &format!(
            "[host]\nlisten = \"127.0.0.1:1\"\nenvironment = \"other\"\nstate_dir = \"{}\"\n",
            state.display()
        ),
    );
    let answer = host.post("/-/reload");
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(
        answer
            .body
            .contains("`listen`, `environment` of `[host]` changed: restart the host"),
        "{}",
        answer.body
    );
    host.stop();
}

#[test]
fn a_bad_file_leaves_everything_running_and_says_so_everywhere() {
    let good = obedient("steady", "say = 1", "");
    let place = Place::new(&good);
    let mut host = place.run();
    host.reaches(&runs("steady"), 1.0);

    place.configure(UNKNOWN_KEY);
    let answer = host.post("/-/reload");
    assert_eq!(answer.status, 422, "{answer:?}");
    for said in [
        "unknown key `intervall`",
        "did you mean `interval`?",
        "bellwether.toml:7",
    ] {
        assert!(answer.body.contains(said), "{said}: {}", answer.body);
    }
    let line = reloaded(&mut host);
    assert_eq!(line["level"], "ERROR");
    assert_eq!(
        line["message"],
        "The new configuration was refused; everything runs on as it was."
    );
    assert!(
        line["data"]["problem"]
            .as_str()
            .is_some_and(|said| said.contains("unknown key `intervall`")),
        "{line}"
    );
    host.reaches(REFUSED, 1.0);

    // A plugin that cannot be loaded, and settings its schema refuses, are no better than a misspelt key.
    for bad in [
        "[check.b]\nplugin = \"./nowhere.wasm\"\n",
        "[check.b]\nplugin = \"system\"\nsettings = { naems = 1 }\n",
    ] {
        place.configure(&format!("{good}{bad}"));
        let answer = host.post("/-/reload");
        assert_eq!(answer.status, 422, "{answer:?}");
        assert!(answer.body.contains("bellwether.toml:"), "{}", answer.body);
    }
    std::fs::remove_file(place.path("bellwether.toml")).expect("removed");
    assert_eq!(host.post("/-/reload").status, 422);

    let metrics = host.get("/metrics").body;
    assert_eq!(sample(&metrics, &runs("steady")), Some(1.0));
    assert!(
        metrics
            .lines()
            .any(|line| line.starts_with("repeated{check=\"steady\"")),
        "{metrics}"
    );
    assert!(!metrics.contains("check=\"b\""), "{metrics}");
    let again = host.post("/api/v1/checks/steady/run");
    assert_eq!(again.status, 200, "it still runs: {again:?}");

    place.configure(&good);
    assert_eq!(host.post("/-/reload").status, 200);
    host.stop();
}

#[test]
fn a_changed_file_is_noticed_and_so_is_a_new_one_in_an_included_folder() {
    let place = Place::new("");
    let state = place.path("state");
    std::fs::create_dir(place.path("checks.d")).expect("a folder");
    let text = format!(
        "[host]\nlisten = \"127.0.0.1:0\"\nstate_dir = \"{}\"\ninclude = [\"checks.d/*.toml\"]\n\n",
        state.display()
    );
    place.write("bellwether.toml", &text);
    let mut host = place.run();
    let noticed = |host: &mut Running, check: &str| {
        let line = reloaded(host);
        assert_eq!(line["data"]["cause"], "file change", "{line}");
        assert_eq!(line["data"]["added"], serde_json::json!([check]), "{line}");
        host.reaches(&runs(check), 1.0);
    };
    host.line("All checks are loaded");
    place.write(
        "bellwether.toml",
        &format!("{text}{}", obedient("by-file", "say = 1", "")),
    );
    noticed(&mut host, "by-file");
    place.write("checks.d/one.toml", &obedient("by-folder", "say = 1", ""));
    noticed(&mut host, "by-folder");
    place.write("checks.d/one.toml", "[check.by-folder]\nplugin = 7\n");
    assert_eq!(reloaded(&mut host)["level"], "ERROR");
    assert!(
        (host.reaches(REFUSED, 1.0) - 1.0).abs() < f64::EPSILON,
        "a bad file is tried once, not again and again"
    );
    host.stop();
}

/// Puts a guest's component where a configuration expects a plugin, whole in one step.
fn install(place: &Place, name: &str, component: &[u8]) {
    std::fs::create_dir_all(place.path("plugins")).expect("a folder");
    let (path, fresh) = (place.path("plugins").join(name), place.path("fresh.wasm"));
    std::fs::write(&fresh, component).expect("written");
    std::fs::rename(&fresh, &path).expect("renamed");
}

fn component(name: &str) -> Vec<u8> {
    std::fs::read(guest(name).trim_matches('"')).expect("a guest")
}

fn uses(check: &str, plugin: &str) -> String {
    format!("[check.{check}]\nplugin = \"plugins/{plugin}.wasm\"\ninterval = \"300d\"\n\n")
}

#[test]
fn a_plugin_that_is_replaced_is_noticed_and_named_and_starts_its_checks_over_and_no_others() {
    let (one, other) = (component("obedient"), component("healthy"));
    let place = Place::new(&(uses("a", "swapped") + &uses("b", "swapped") + &uses("c", "steady")));
    install(&place, "swapped.wasm", &one);
    install(&place, "steady.wasm", &one);
    let mut host = place.run();
    for check in ["a", "b", "c"] {
        host.reaches(&runs(check), 1.0);
    }
    let named = |data: &serde_json::Value| {
        assert_eq!(data["changed"], serde_json::json!(["a", "b"]), "{data}");
        assert_eq!(data["unchanged"], 1, "{data}");
        assert_eq!(data["plugins"], serde_json::json!(["plugins/swapped.wasm"]), "{data}");
    };
    install(&place, "swapped.wasm", &other);
    let line = reloaded(&mut host);
    assert_eq!(line["data"]["cause"], "file change", "{line}");
    named(&line["data"]);
    host.reaches("healthy_runs_total{check=\"a\"}", 1.0);
    host.reaches("healthy_runs_total{check=\"b\"}", 1.0);
    let metrics = host.get("/metrics").body;
    assert!(!metrics.contains("repeated{check=\"a\""), "{metrics}");
    assert_eq!(sample(&metrics, &runs("c")), Some(1.0), "it goes on as it was");

    install(&place, "swapped.wasm", &one);
    let answer = host.post("/-/reload");
    assert_eq!(answer.status, 200, "{answer:?}");
    let body: serde_json::Value = serde_json::from_str(&answer.body).expect("JSON");
    named(&body["data"]);
    host.eventually("/metrics", |body| body.contains("repeated{check=\"a\""));

    let answer = host.post("/-/reload");
    let body: serde_json::Value = serde_json::from_str(&answer.body).expect("JSON");
    assert_eq!(body["data"]["unchanged"], 3, "once is enough: {body}");
    assert_eq!(body["data"]["plugins"], serde_json::json!([]), "{body}");
    host.stop();
}

#[test]
fn a_broken_plugin_file_leaves_the_old_one_running_and_says_so_until_it_is_mended() {
    let whole = component("obedient");
    let place = Place::new(&uses("only", "mine"));
    install(&place, "mine.wasm", &whole);
    let mut host = place.run();
    host.reaches(&runs("only"), 1.0);
    install(&place, "mine.wasm", &whole[..whole.len() / 2]);
    let line = reloaded(&mut host);
    assert_eq!(line["level"], "ERROR", "{line}");
    let problem = line["data"]["problem"].as_str().expect("a problem");
    assert!(
        problem.contains("mine.wasm") && problem.contains("bellwether.toml:"),
        "{problem}"
    );
    let again = host.post("/api/v1/checks/only/run");
    assert_eq!(again.status, 200, "it still runs: {again:?}");
    host.reaches(&runs("only"), 2.0);

    install(&place, "mine.wasm", &whole);
    let line = reloaded(&mut host);
    assert_eq!(line["data"]["unchanged"], 1, "the same plugin as ever: {line}");
    host.reaches("bellwether_config_last_reload_successful", 1.0);
    assert!(host.value(&runs("only")) >= 2.0);
    host.stop();
}

#[test]
fn a_plugin_that_appears_later_starts_the_check_that_waits_for_it() {
    let place = Place::new(&(uses("late", "late") + &obedient("fine", "say = 1", "")));
    let mut host = place.run();
    host.line("All checks are loaded");
    install(&place, "late.wasm", &component("healthy"));
    let line = reloaded(&mut host);
    assert_eq!(line["data"]["changed"], serde_json::json!(["late"]), "{line}");
    host.reaches(&runs("late"), 1.0);

    // A file that only a refused configuration names is waited for as well.
    place.configure(&(uses("late", "late") + &uses("later", "later")));
    let line = reloaded(&mut host);
    assert_eq!(line["level"], "ERROR", "{line}");
    install(&place, "later.wasm", &component("healthy"));
    let line = reloaded(&mut host);
    assert_eq!(line["data"]["added"], serde_json::json!(["later"]), "{line}");
    host.stop();
}

#[test]
fn what_a_request_has_tried_in_vain_is_not_tried_again_by_who_watches_the_files() {
    let clockwork = format!(
        "[check.clockwork]\nplugin = {}\ninterval = \"1s\"\n\n",
        guest("healthy")
    );
    let place = Place::new(&clockwork);
    let mut host = place.run();
    let ran = host.reaches(&runs("clockwork"), 1.0);
    place.configure(UNKNOWN_KEY);
    assert_eq!(host.post("/-/reload").status, 422);
    assert_eq!(reloaded(&mut host)["data"]["cause"], "request");
    // A change is tried after two looks, which are a second apart.
    host.reaches(&runs("clockwork"), ran + 5.0);
    assert!((host.value(REFUSED) - 1.0).abs() < f64::EPSILON);
    place.configure(&(clockwork + &obedient("good", "say = 1", "")));
    let line = reloaded(&mut host);
    assert_eq!(line["level"], "INFO", "the next line is about the next change: {line}");
    assert_eq!(line["data"]["cause"], "file change", "{line}");
    host.stop();
}

#[test]
fn a_cache_directory_that_was_deleted_is_no_reason_to_refuse_a_reload() {
    let place = Place::new("");
    let cache = place.path("state/cache");
    let host = place.run_with(|command| {
        command.env_remove("CACHE_DIRECTORY");
    });
    assert!(cache.is_dir(), "by default it is in the state directory");
    std::fs::remove_dir_all(&cache).expect("deleted");
    place.configure(&obedient("new", "say = 1", ""));
    let answer = host.post("/-/reload");
    assert_eq!(answer.status, 200, "{answer:?}");
    host.reaches(&runs("new"), 1.0);
    assert!(std::fs::read_dir(&cache).expect("made again").next().is_some());
    host.stop();
}

/// What the kubelet does to a mounted ConfigMap: files are links into a folder that is itself a link, and the link is
/// replaced.
#[test]
fn a_configmap_that_is_swapped_is_noticed() {
    let place = Place::new("");
    let version = |name: &str, checks: &str| {
        std::fs::create_dir(place.path(name)).expect("a folder");
        place.configure(checks);
        std::fs::rename(place.path("bellwether.toml"), place.path(name).join("bellwether.toml")).expect("moved");
    };
    version("..v1", &obedient("first", "say = 1", ""));
    version("..v2", &obedient("second", "say = 1", ""));
    symlink("..v1", place.path("..data")).expect("a link");
    symlink("..data/bellwether.toml", place.path("bellwether.toml")).expect("a link");
    let mut host = place.run();
    host.reaches(&runs("first"), 1.0);
    symlink("..v2", place.path("..data_tmp")).expect("a link");
    std::fs::rename(place.path("..data_tmp"), place.path("..data")).expect("swapped");
    std::fs::remove_dir_all(place.path("..v1")).expect("removed");
    assert_eq!(reloaded(&mut host)["data"]["cause"], "file change");
    host.reaches(&runs("second"), 1.0);
    host.eventually("/metrics", |body| !body.contains("check=\"first\""));
    host.stop();
}

#[test]
fn a_check_that_cannot_load_is_listed_as_failed_and_the_others_run() {
    let place = Place::new(
        &(obedient("fine", "say = 1", "")
            + "[check.missing]\nplugin = \"./nowhere.wasm\"\n\n[check.misspelt]\nplugin = \"sistem\"\n\n"
            + "[check.wrong]\nplugin = \"system\"\nsettings = { naems = 1 }\nrequired = false\n"),
    );
    let mut host = place.run();
    host.line("All checks are loaded");
    host.reaches(&runs("fine"), 1.0);
    let answer = host.get("/health/detailed");
    assert_eq!(answer.status, 503, "required checks failed: {answer:?}");
    let body: serde_json::Value = serde_json::from_str(&answer.body).expect("JSON");
    let listed: Vec<_> = body["checks"]
        .as_array()
        .expect("checks")
        .iter()
        .map(|check| (check["name"].as_str(), check["status"].as_str()))
        .collect();
    let failed = |name| (Some(name), Some("failed"));
    assert_eq!(
        listed,
        [
            (Some("fine"), Some("ok")),
            failed("missing"),
            failed("misspelt"),
            failed("wrong")
        ]
    );
    assert!(
        answer.body.contains("nowhere.wasm") && answer.body.contains("naems"),
        "{}",
        answer.body
    );
    assert_eq!(
        host.get("/health/ready").status,
        200,
        "nothing more is to be waited for"
    );
    for check in ["missing", "misspelt", "wrong"] {
        assert!(host.value(&format!("bellwether_check_up{{check=\"{check}\"}}")).abs() < f64::EPSILON);
    }

    let validated = place.finish(&["validate"]);
    assert_eq!(validated.code, 2, "{validated:?}");
    for said in [
        "nowhere.wasm",
        "did you mean `system`? There are: alertmanager, ",
        "naems",
    ] {
        assert!(validated.stderr.contains(said), "{said}: {}", validated.stderr);
    }

    // Broken before and not edited since: no reason to refuse what else changed.
    let text = std::fs::read_to_string(place.path("bellwether.toml")).expect("the file");
    place.write(
        "bellwether.toml",
        &format!("{text}\n{}", obedient("late", "say = 1", "")),
    );
    let answer = host.post("/-/reload");
    assert_eq!(answer.status, 200, "{answer:?}");
    host.reaches(&runs("late"), 1.0);
    host.stop();
}

/// However it is asked for, a reload under way makes others wait instead of mixing with them.
#[test]
fn reloads_asked_for_at_once_are_one_look_at_the_files_and_all_are_answered() {
    let place = Place::new(&obedient("only", "say = 1", ""));
    let mut host = place.run();
    host.reaches(&runs("only"), 1.0);
    let address = host.address();
    let asked: Vec<_> = (0..4)
        .map(|_| std::thread::spawn(move || crate::host::request(address, "POST", "/-/reload", &[]).status))
        .collect();
    for answer in asked {
        assert_eq!(answer.join().expect("no panic"), 200);
    }
    // The first is carried out alone or with others, the rest together at the latest while it is.
    let carried_out = host.value(OK);
    assert!((1.0..=4.0).contains(&carried_out), "{carried_out}");
    for _ in 0..4 {
        host.signal("HUP");
        // Signals of one kind that come at once are one.
        host.line("\"cause\":\"signal\"");
    }
    host.reaches(OK, carried_out + 4.0);
    assert!((host.value(&runs("only")) - 1.0).abs() < f64::EPSILON);
    host.stop();
}
