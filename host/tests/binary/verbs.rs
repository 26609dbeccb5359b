//! Verbs: what they print for people and for programs, and their exit codes. `validate` has a module of its own.

use std::{
    io::{BufRead as _, BufReader},
    os::unix::process::ExitStatusExt as _,
    path::Path,
};

use serde_json::Value;

use crate::{
    MACHINE, guest,
    guests::{self, CONTRACT},
    host::{Finished, Place},
    obedient,
};

pub(crate) fn json(finished: &Finished) -> Value {
    serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {finished:?}"))
}

pub(crate) fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<_> = value
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect();
    keys.sort_unstable();
    keys
}

/// What is another number on another machine or day is a `#`, and a hash is named.
fn stable(text: &str) -> String {
    let mut out = String::new();
    let word = |word: &str, out: &mut String| {
        let long_hex = word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = (word.contains('.') || word.len() > 4) && word.parse::<f64>().is_ok();
        match (long_hex, number) {
            (true, _) => out.push_str("SHA256"),
            (_, true) => out.push('#'),
            _ => out.push_str(word),
        }
    };
    for line in text.lines() {
        for (at, part) in line.split(' ').enumerate() {
            if at > 0 {
                out.push(' ');
            }
            word(part, &mut out);
        }
        out.push('\n');
    }
    out
}

#[test]
fn once_as_json_has_the_promised_keys() {
    let place = Place::new(&format!(
        "[check.healthy]\nplugin = {}\n\n{}",
        guest("healthy"),
        obedient("fails", "end = \"failure\"", "")
    ));
    let finished = place.finish(&["once", "healthy", "--json"]);
    assert_eq!(finished.code, 0, "{finished:?}");
    let answer = json(&finished);
    let promised = [
        "check",
        "cpu_seconds",
        "denied",
        "duration_seconds",
        "families",
        "memory_peak_bytes",
        "outcome",
        "verdicts",
    ];
    let also = ["failure", "log_lines_dropped", "logs", "refused_families"];
    let mut all = [&promised[..], &also[..]].concat();
    all.sort_unstable();
    assert_eq!(keys(&answer), all);
    assert_eq!(
        (answer["check"].as_str(), answer["outcome"].as_str()),
        (Some("healthy"), Some("ok"))
    );
    assert_eq!(answer["failure"], Value::Null);
    assert_eq!(
        keys(&answer["verdicts"][0]),
        ["code", "details", "latency_seconds", "status", "summary", "target"]
    );
    assert_eq!(answer["verdicts"][0]["summary"], "run 1");
    assert_eq!(
        keys(&answer["families"][0]),
        ["help", "name", "points", "samples", "type", "unit"]
    );
    assert_eq!(
        answer["families"][0]["samples"][0],
        serde_json::json!({ "labels": { "of": "front" }, "value": 1.0 })
    );
    assert!(answer["duration_seconds"].as_f64().is_some_and(|span| span > 0.0));
    assert!(answer["cpu_seconds"].as_f64().is_some_and(|span| span > 0.0));
    assert!(
        answer["memory_peak_bytes"]
            .as_u64()
            .is_some_and(|bytes| bytes >= 65_536)
    );
    assert_eq!(answer["denied"], serde_json::json!([]));
    assert_eq!(answer["logs"][0]["message"], "ran");

    let finished = place.finish(&["once", "fails", "--json"]);
    assert_eq!(finished.code, 1, "{finished:?}");
    let answer = json(&finished);
    assert_eq!(keys(&answer), all);
    assert_eq!(answer["outcome"], "target");
    assert_eq!(answer["failure"]["code"], "told");
    assert_eq!(answer["verdicts"], serde_json::json!([]));
}

#[test]
fn once_works_on_a_copy_of_the_state_and_beside_a_running_host() {
    let place = Place::new(&format!(
        "[check.healthy]\nplugin = {}\ninterval = \"300d\"\n",
        guest("healthy")
    ));
    let host = place.run();
    host.eventually("/api/v1/checks", |body| body.contains("run 1"));
    host.stop();
    for _ in 0..2 {
        let finished = place.finish(&["once", "healthy", "--json"]);
        assert_eq!(json(&finished)["verdicts"][0]["summary"], "run 2", "{finished:?}");
    }
    let host = place.run();
    host.eventually("/api/v1/checks", |body| body.contains("run 2"));
    let finished = place.finish(&["once", "healthy"]);
    assert_eq!(
        finished.code, 0,
        "the host holds the state directory, and that is no hindrance: {finished:?}"
    );
    host.stop();
}

#[test]
fn once_shows_a_person_what_was_found_measured_used_and_denied() {
    let place = Place::new(&format!(
        "[check.healthy]\nplugin = {}\n\n{}[check.ungranted]\nplugin = {}\n",
        guest("healthy"),
        obedient("panics", "end = \"panic\"", ""),
        guest("ungranted_call"),
    ));
    let shown = |check: &str, code: i32| {
        let finished = place.finish(&["once", check]);
        assert_eq!(finished.code, code, "{finished:?}");
        stable(&finished.stdout)
    };
    insta::assert_snapshot!("once_healthy", shown("healthy", 0));
    insta::assert_snapshot!("once_panics", shown("panics", 1));
    insta::assert_snapshot!("once_denied", shown("ungranted", 1));
}

#[test]
fn once_of_what_is_not_there_is_an_error_of_usage() {
    let place = Place::new(MACHINE);
    for (verb, said) in [
        (&["once", "machin"][..], "did you mean `machine`?"),
        (&["once", "zebra"], "there are: machine"),
        (&["once"], "<CHECK>"),
        (&["once", "machine", "--config", "/nowhere.toml"], "/nowhere.toml"),
    ] {
        let finished = place.finish(verb);
        assert_eq!(finished.code, 2, "{finished:?}");
        assert!(finished.stderr.contains(said), "{said}: {finished:?}");
        assert_eq!(finished.stdout, "");
    }
    let place = Place::new("[check.missing]\nplugin = \"./nowhere.wasm\"\n");
    let finished = place.finish(&["once", "missing"]);
    assert_eq!(finished.code, 2, "{finished:?}");
    assert!(finished.stderr.contains("nowhere.wasm"), "{finished:?}");
}

#[test]
fn inspect_shows_what_a_plugin_is_needs_and_could_do() {
    let place = Place::new("");
    let path = guest("healthy");
    let path = path.trim_matches('"');
    let finished = place.finish(&["inspect", path]);
    assert_eq!(finished.code, 0, "{finished:?}");
    insta::assert_snapshot!("inspect_healthy", stable(&finished.stdout));

    let answer = json(&place.finish(&["inspect", path, "--json"]));
    assert_eq!(
        keys(&answer),
        [
            "bytes",
            "carries",
            "codes",
            "connections",
            "contract",
            "imports",
            "kind",
            "memory_bytes",
            "metrics",
            "name",
            "ok",
            "settings_schema",
            "sha256",
            "state_bytes",
            "summary",
            "version",
            "wants"
        ]
    );
    assert_eq!(
        (&answer["name"], &answer["kind"], &answer["ok"]),
        (&"guest".into(), &"check".into(), &true.into())
    );

    let answer = json(&place.finish(&["inspect", "system", "--json"]));
    assert_eq!(answer["wants"], serde_json::json!(["system"]));
    assert!(answer["settings_schema"].is_object() && !answer["metrics"].as_array().expect("metrics").is_empty());
}

#[test]
fn inspect_refuses_what_is_no_plugin_and_says_why() {
    let place = Place::new("");
    let put = |name: &str, bytes: &[u8]| std::fs::write(place.path(name), bytes).expect("written");
    put("core.wasm", &guests::module("core_module"));
    put("text.wasm", &std::fs::read(guests::file("text_file")).expect("a file"));
    put("empty.wasm", b"");
    let contract = CONTRACT.replacen("bellwether:plugin@0.1.0", "bellwether:plugin@0.9.0", 1);
    put("newer.wasm", &guests::component("unknown_contract_version", &contract));
    for (plugin, said, code) in [
        ("./core.wasm", "core module", 1),
        ("./text.wasm", "text.wasm", 1),
        ("./empty.wasm", "empty", 1),
        ("./newer.wasm", "provides 0.1.0", 1),
        ("./nowhere.wasm", "nowhere.wasm", 3),
        ("sistem", "did you mean `system`? There are: alertmanager, ", 2),
    ] {
        let finished = place.finish(&["inspect", plugin]);
        assert_eq!((finished.code, finished.stdout.as_str()), (code, ""), "{finished:?}");
        assert!(
            finished.stderr.starts_with("error: ") && finished.stderr.contains(said),
            "{said}: {finished:?}"
        );
        let finished = place.finish(&["inspect", plugin, "--json"]);
        assert_eq!(finished.code, code, "{finished:?}");
        let answer = json(&finished);
        assert_eq!(answer["ok"], false);
        assert!(
            answer["problem"].as_str().is_some_and(|problem| problem.contains(said)),
            "{answer}"
        );
    }
}

#[test]
fn plugins_lists_what_came_with_the_host() {
    let place = Place::new("");
    let finished = place.finish(&["plugins"]);
    assert_eq!(finished.code, 0, "{finished:?}");
    assert!(
        finished.stdout.lines().any(|line| line.starts_with("system ")),
        "{finished:?}"
    );
    let answer = json(&place.finish(&["plugins", "--json"]));
    let names: Vec<_> = answer
        .as_array()
        .expect("an array")
        .iter()
        .map(|plugin| plugin["name"].as_str())
        .collect();
    assert!(names.contains(&Some("system")), "{names:?}");
}

#[test]
fn help_has_an_example_for_each_verb_and_the_table_of_exit_codes() {
    let place = Place::new("");
    let help = place.finish(&["--help"]);
    assert_eq!(help.code, 0);
    insta::assert_snapshot!("help", help.stdout);
    for verb in [
        "run",
        "validate",
        "once",
        "inspect",
        "plugins",
        "query",
        "alerts",
        "why",
        "silence",
        "receivers",
        "routes",
        "test",
        "migrate",
        "completions",
    ] {
        assert!(help.stdout.contains(verb), "{}", help.stdout);
        let of_verb = place.finish(&[verb, "--help"]);
        assert_eq!(of_verb.code, 0);
        assert!(
            of_verb.stdout.contains(&format!("bellwether {verb}")),
            "{}",
            of_verb.stdout
        );
        assert!(
            of_verb.stdout.contains("Example"),
            "{verb} has no example: {}",
            of_verb.stdout
        );
    }
    assert!(
        !help.stdout.contains("compile "),
        "the compiler child is nobody's business"
    );
    let version = place.finish(&["--version"]);
    assert_eq!(
        (version.code, version.stdout),
        (0, format!("bellwether {}\n", env!("CARGO_PKG_VERSION")))
    );
}

#[test]
fn a_verb_that_is_interrupted_ends_as_the_table_says() {
    let place = Place::new(&obedient("endless", "wait_ms = 600000", "timeout = \"10m\""));
    let help = place.finish(&["--help"]).stdout;
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let mut once = place.command(&["once", "endless"]);
        let mut once = once.stderr(std::process::Stdio::piped()).spawn().expect("starts");
        let mut said = BufReader::new(once.stderr.take().expect("piped")).lines();
        let begun = said.any(|line| line.expect("text").contains("was told"));
        assert!(begun, "it runs");
        // As a shell would: the number of whoever was killed by a signal is 128 and the signal's.
        let shell = format!("kill -{signal} {} ", once.id());
        let killed = std::process::Command::new("sh").args(["-c", &shell]).status();
        assert!(killed.expect("a shell").success());
        let status = once.wait().expect("ends");
        assert_eq!(status.signal().map(|signal| 128 + signal), Some(code));
        assert!(help.contains(&code.to_string()), "{help}");
    }
}

#[test]
fn a_command_line_that_is_wrong_exits_2_and_helps() {
    let place = Place::new("");
    for (line, said) in [
        (&["rum"][..], "run"),
        (&["run", "--confg", "x"], "--config"),
        (&[], "Usage"),
        (&["run", "extra"], "extra"),
        (&["completions", "tcsh"], "bash"),
        (&["inspect"], "<PLUGIN>"),
    ] {
        let finished = place.finish(line);
        assert_eq!(
            (finished.code, finished.stdout.as_str()),
            (2, ""),
            "{line:?}: {finished:?}"
        );
        assert!(finished.stderr.contains(said), "{said}: {finished:?}");
    }
}

#[test]
fn run_without_a_configuration_says_where_it_was_looked_for() {
    let place = Place::new("");
    std::fs::remove_file(place.path("bellwether.toml")).expect("removed");
    for verb in ["run", "validate"] {
        let finished = place.finish(&[verb]);
        assert_eq!(finished.code, 2, "{finished:?}");
        assert!(
            finished.stderr.contains("bellwether.toml") && finished.stderr.contains("--config"),
            "{finished:?}"
        );
    }
}

#[test]
fn the_configuration_is_found_by_argument_then_variable_then_folder() {
    let place = Place::new("");
    let configured = |name: &str, environment: &str| {
        place.write(
            name,
            &format!(
                "[host]\nenvironment = \"{environment}\"\nstate_dir = \"{}\"\n",
                place.path("state").display()
            ),
        );
    };
    configured("argument.toml", "by-argument");
    configured("variable.toml", "by-variable");
    configured("bellwether.toml", "by-folder");
    let printed = |verb: &[&str], variable: Option<&Path>| {
        let finished = place.finish_with(verb, |command| {
            variable.map(|path| command.env("BELLWETHER_CONFIG", path));
        });
        finished.stdout
    };
    let variable = place.path("variable.toml");
    assert!(printed(&["validate", "--print"], None).contains("by-folder"));
    assert!(printed(&["validate", "--print"], Some(&variable)).contains("by-variable"));
    assert!(printed(&["validate", "--print", "-c", "argument.toml"], Some(&variable)).contains("by-argument"));
}

#[test]
fn completions_are_scripts_that_know_the_verbs() {
    let place = Place::new("");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let finished = place.finish(&["completions", shell]);
        assert_eq!((finished.code, finished.stderr.as_str()), (0, ""), "{shell}");
        for verb in ["validate", "once", "inspect"] {
            assert!(finished.stdout.contains(verb), "{shell}: {verb}");
        }
    }
    let script = place.finish(&["completions", "bash"]).stdout;
    std::fs::write(place.path("script"), script).expect("written");
    let status = std::process::Command::new("bash")
        .arg("-n")
        .arg(place.path("script"))
        .status();
    assert!(status.is_ok_and(|status| status.success()), "bash can read it");
}

#[test]
fn a_reader_that_goes_away_is_no_fault() {
    let place = Place::new("");
    let mut command = place.command(&["completions", "zsh"]);
    let mut child = command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("started");
    drop(child.stdout.take());
    let ended = child.wait_with_output().expect("it ends");
    assert_eq!((ended.status.code(), ended.stderr.as_slice()), (Some(0), &b""[..]));
}
