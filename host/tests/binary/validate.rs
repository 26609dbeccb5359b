//! `validate`: what it finds and prints, and where verbs that load plugins keep what they compile.

use serde_json::Value;

use crate::{
    MACHINE,
    host::Place,
    verbs::{json, keys},
};

#[test]
fn validate_tells_good_from_bad_and_says_it_to_people_and_programs() {
    let place = Place::new(MACHINE);
    let good = place.finish(&["validate"]);
    assert_eq!(
        (good.code, good.stdout.as_str()),
        (0, "ok: 1 check, 8 bundled rules\n"),
        "{good:?}"
    );
    let answer = json(&place.finish(&["validate", "--json"]));
    assert_eq!(
        keys(&answer),
        [
            "bundled_rules",
            "checks",
            "effective",
            "files",
            "ok",
            "problems",
            "rules"
        ]
    );
    assert_eq!(
        (&answer["ok"], &answer["checks"], &answer["problems"]),
        (&Value::Bool(true), &1.into(), &serde_json::json!([]))
    );

    place.configure("[check.machine]\nplugin = \"system\"\nintervall = \"5s\"\n");
    let bad = place.finish(&["validate"]);
    assert_eq!((bad.code, bad.stdout.as_str()), (2, ""), "{bad:?}");
    assert!(
        bad.stderr.contains("did you mean `interval`?") && bad.stderr.contains("has 1 problem\n"),
        "{bad:?}"
    );
    let bad = place.finish(&["validate", "--json"]);
    assert_eq!(bad.code, 2, "{bad:?}");
    let answer = json(&bad);
    assert_eq!(answer["ok"], false);
    assert_eq!(
        keys(&answer["problems"][0]),
        ["column", "file", "hint", "line", "message", "severity", "source_line"]
    );
    assert_eq!(answer["problems"][0]["line"], 7);

    // A plugin that wants more than it is granted can be loaded, and that is worth a word.
    place.configure("[check.machine]\nplugin = \"system\"\n");
    let ungranted = place.finish(&["validate"]);
    assert_eq!(ungranted.code, 0, "{ungranted:?}");
    assert!(
        ungranted.stderr.contains("warning: check `machine`") && ungranted.stderr.contains("allow = [\"system\"]"),
        "{ungranted:?}"
    );

    place.configure("[check.missing]\nplugin = \"./nowhere.wasm\"\n");
    assert_eq!(place.finish(&["validate", "--no-plugins"]).code, 0);
    assert_eq!(place.finish(&["validate"]).code, 2);
}

#[test]
fn validate_warns_of_rules_that_are_unwise_and_where() {
    const RULES: &str = "groups:
- name: own
  rules:
  - alert: Misspelt
    expr: http_probe_succes == 0
  - alert: LongAgo
    expr: bellwether_check_up == 0 and bellwether_check_up offset 1d == 1
  - alert: Changing
    expr: up == 0
    labels: {value: '{{ $value }}'}
";
    // Unlike `system`, this plugin says beforehand all that it may report.
    let place = Place::new(
        "[alerting]\nrule_files = [\"rules.yml\"]\n\n[check.web]\nplugin = \"http\"\nsettings.url = \"http://127.0.0.1:9/\"\n",
    );
    place.write("rules.yml", RULES);
    let found = place.finish(&["validate"]);
    assert_eq!(
        (found.code, found.stdout.as_str()),
        (0, "ok: 1 check, 3 rules, 5 bundled rules\n"),
        "{found:?}"
    );
    for part in [
        "rules.yml:5:11: warning: no configured check describes a metric `http_probe_succes`",
        "rules.yml:7:40: warning: this looks back 1d5m, and history keeps 6h of what rules read",
        "`[history] retention`",
        "rules.yml:10:21: warning: the label `value` changes with the value",
    ] {
        assert!(found.stderr.contains(part), "{part}\n{}", found.stderr);
    }
    assert_eq!(found.stderr.matches("warning:").count(), 3, "{}", found.stderr);
    // Without the plugins nobody knows what they report.
    let found = place.finish(&["validate", "--no-plugins"]);
    assert_eq!(found.stderr.matches("warning:").count(), 2, "{}", found.stderr);
}

#[test]
fn a_plugin_that_names_some_metrics_after_what_it_finds_answers_for_all_others() {
    let place = Place::new(&format!("[alerting]\nrule_files = [\"rules.yml\"]\n\n{MACHINE}"));
    place.write(
        "rules.yml",
        "groups:\n- name: g\n  rules:\n  - {alert: A, expr: node_memory_Whatever_bytes > 1}\n  \
         - {alert: B, expr: system_memory_usage_ratio > 1}\n  - {alert: C, expr: system_memory_usage > 1}\n",
    );
    let found = place.finish(&["validate"]);
    assert_eq!(found.code, 0, "{found:?}");
    let wanted = "rules.yml:6:22: warning: no configured check describes a metric `system_memory_usage`,";
    assert!(found.stderr.contains(wanted), "{}", found.stderr);
    assert_eq!(found.stderr.matches("warning:").count(), 1, "{}", found.stderr);
}

#[test]
fn validate_says_what_stands_in_for_bundled_rules_and_finds_alerts_that_are_not_bundled() {
    const OWN: &str = "[[rule]]\nalert = \"CheckDown\"\nexpr = \"bellwether_check_up == 0\"\n\n";
    const OFF: &str = "[alerting.bundled.SystemCpuHigh]\nenabled = false\n\n";
    let place = Place::new(&format!("{OFF}{MACHINE}{OWN}"));
    let found = place.finish(&["validate", "--no-plugins"]);
    assert_eq!(
        (found.code, found.stdout.as_str()),
        (0, "ok: 1 check, 1 rule, 5 bundled rules\n"),
        "{found:?}"
    );
    assert!(
        found
            .stderr
            .contains("info: the bundled alert `CheckDown` is replaced by that at")
            && !found.stderr.contains("warning"),
        "{found:?}"
    );

    place.configure(&format!(
        "[alerting.bundled.SystemCpuHihg]\nenabled = false\n\n{MACHINE}"
    ));
    let unknown = place.finish(&["validate", "--no-plugins"]);
    assert_eq!(unknown.code, 2, "{unknown:?}");
    assert!(
        unknown.stderr.contains("bellwether.toml:5:") && unknown.stderr.contains("did you mean `SystemCpuHigh`?"),
        "{unknown:?}"
    );

    place.configure(&format!("[alerting]\nbundled_rules = false\n\n{MACHINE}"));
    let off = place.finish(&["validate", "--no-plugins"]);
    assert_eq!(off.stdout, "ok: 1 check\n", "{off:?}");
}

#[test]
fn validate_finds_a_certificate_that_run_would_refuse() {
    let place = Place::new(MACHINE);
    let pipe = place.path("pipe.pem");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.is_ok_and(|status| status.success()));
    for (certificate, problem) in [("nowhere.pem", "nowhere.pem"), ("pipe.pem", "it is not a regular file")] {
        place.configure(&format!(
            "[access]\nopen = true\ntls.certificate = {certificate:?}\ntls.key = \"nowhere.key\"\n\n{MACHINE}"
        ));
        for verb in [&["validate"][..], &["validate", "--no-plugins"]] {
            let bad = place.finish(verb);
            assert_eq!((bad.code, bad.stdout.as_str()), (2, ""), "{bad:?}");
            assert!(
                bad.stderr.contains("`[access] tls`") && bad.stderr.contains(problem),
                "{bad:?}"
            );
        }
    }
}

#[test]
fn validate_finds_what_only_the_plugin_can_know_and_says_where_it_stands() {
    let place = Place::new("");
    place.configure("[check.machine]\nplugin = \"systme\"\n");
    let unknown = place.finish(&["validate"]);
    assert_eq!(unknown.code, 2, "{unknown:?}");
    assert!(
        unknown
            .stderr
            .contains("bellwether.toml:6:10: check `machine`: no plugin `systme`")
            && unknown.stderr.contains("did you mean `system`?"),
        "{unknown:?}"
    );

    // What one value alone cannot show is found as well, and where it stands.
    let levels = "settings.thresholds.disk_percent = { warning = 95, critical = 90 }";
    place.configure(&format!("{MACHINE}{levels}\n"));
    let swapped = place.finish(&["validate"]);
    assert_eq!(swapped.code, 2, "{swapped:?}");
    assert!(
        swapped
            .stderr
            .contains("bellwether.toml:10:36: settings of check `machine`: `warning` is 95 and must not be"),
        "{swapped:?}"
    );
}

#[test]
fn what_is_no_regular_file_is_refused_and_not_waited_for() {
    let place = Place::new("");
    let made = std::process::Command::new("mkfifo")
        .arg(place.path("pipe.wasm"))
        .status();
    assert!(made.is_ok_and(|status| status.success()));
    for verb in [
        &["validate", "--config", "pipe.wasm"][..],
        &["run", "--config", "pipe.wasm"],
    ] {
        let refused = place.finish(verb);
        assert_eq!(refused.code, 2, "{refused:?}");
        assert!(
            refused.stderr.contains("pipe.wasm: this is a pipe, not a regular file"),
            "{refused:?}"
        );
    }
    place.configure("include = [\"*.wasm\"]\n");
    let refused = place.finish(&["validate"]);
    assert!(
        refused.stderr.contains("pipe.wasm: this is a pipe, not a regular file")
            && refused.stderr.contains("included by bellwether.toml:5"),
        "{refused:?}"
    );
    place.configure("[check.pipe]\nplugin = \"./pipe.wasm\"\n");
    let refused = place.finish(&["validate"]);
    assert!(
        refused
            .stderr
            .contains("bellwether.toml:6:10: check `pipe`: cannot read `./pipe.wasm`: it is not a regular file"),
        "{refused:?}"
    );
}

#[test]
fn validate_prints_the_effective_configuration_and_its_grants() {
    let place = Place::new(MACHINE);
    let printed = place.finish(&["validate", "--print"]);
    assert_eq!(printed.code, 0, "{printed:?}");
    for line in [
        "[check.machine]",
        "plugin = \"system\"",
        "interval = \"300d\"",
        "allow = [\"system\"]",
        "# grants: system (reads about the machine the host runs on)",
        "memory = \"64MiB\"",
        "cpu = \"1s\"",
        "series = 5000",
        "state = \"64KiB\"",
        "log_lines = 100",
        "bundled_rules = true",
        "# bundled/host: CheckDown",
        "# bundled/system: SystemCpuHigh, SystemMemoryHigh, SystemDiskProblem, SystemUnreadable",
    ] {
        assert!(
            printed.stdout.lines().any(|printed| printed == line),
            "{line}: {}",
            printed.stdout
        );
    }
    let unloaded = place.finish(&["validate", "--print", "--no-plugins"]).stdout;
    assert!(
        unloaded.contains("# memory: what the plugin describes") && unloaded.contains("series = 5000"),
        "{unloaded}"
    );
    // What is printed is a configuration again, and the same one.
    let again = Place::new("");
    again.write("bellwether.toml", &printed.stdout);
    let reprinted = again.finish(&["validate", "--print"]);
    let without_places = |text: &str| -> String { text.lines().filter(|line| !line.starts_with("# from ")).collect() };
    assert_eq!(
        without_places(&reprinted.stdout),
        without_places(&printed.stdout),
        "{reprinted:?}"
    );
}

#[test]
fn verbs_compile_into_the_hosts_cache_or_their_users_own() {
    use std::os::unix::fs::PermissionsExt as _;

    // Half of it is nobody's business here: a secret that only the host gets.
    let place = Place::new(&format!(
        "[access]\nread = \"${{secret:ONLY_FOR_THE_HOST}}\"\n\n{MACHINE}"
    ));
    let compiles = |verb: &[&str]| {
        let finished = place.finish_with(verb, |command| {
            command
                .env_remove("CACHE_DIRECTORY")
                .env("XDG_CACHE_HOME", place.path("own"));
        });
        assert_eq!(finished.code, 0, "{finished:?}");
        finished.stderr.contains("compiling plugin")
    };
    assert!(compiles(&["plugins"]), "the first one to need it");
    place.configure(MACHINE);
    for verb in [
        &["validate"][..],
        &["once", "machine"],
        &["inspect", "system"],
        &["plugins"],
    ] {
        assert!(!compiles(verb), "{verb:?} found nothing in the host's cache");
    }
    assert!(!place.path("own").exists());

    // Another user's, as far as anybody can tell: it is left alone.
    let cache = place.path("state/cache");
    std::fs::set_permissions(&cache, std::fs::Permissions::from_mode(0o777)).expect("permissions");
    assert!(compiles(&["validate"]));
    assert!(place.path("own/bellwether").is_dir() && !compiles(&["inspect", "system"]));
}
