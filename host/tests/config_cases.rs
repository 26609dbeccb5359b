//! Every folder in `tests/cases/config` is a configuration with what loading it must say: `error.txt` for the problems
//! of a bad one, `expected.toml` for the effective configuration of a good one and `warnings.txt` for its warnings.
//!
//! `env` holds the variables of a case, one `NAME=value` a line, `{case}` being its folder; `HOME` is always set unless
//! it says otherwise. `UPDATE_EXPECT=1` rewrites the expectations instead of comparing; look at the difference then.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use bellwether::{
    app::effective_limits,
    config::{Config, Environment, InForce, LoadRequest, Loaded, PluginOrigin, Problems, ReceiverKind, load},
};

/// As `validate --no-plugins --print` prints it.
fn print(loaded: &Loaded) -> String {
    loaded.print_masked(&|check| InForce {
        limits: effective_limits(check, None),
        addresses: Vec::new(),
    })
}

/// Values that stand for secrets in the cases: they may be in the files, and nowhere in what is said about them.
const CANARY: &str = "canary";

/// So that cases cannot vanish unseen.
const BAD_CASES_MIN: usize = 45;

fn cases() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = fs::read_dir("tests/cases/config")
        .expect("the cases are there")
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    folders
}

fn request(case: &Path) -> LoadRequest {
    let written = fs::read_to_string(case.join("env")).unwrap_or_default();
    let written = written.replace("{case}", &case.display().to_string());
    let variables = written.lines().map(|line| line.split_once('=').expect("NAME=value"));
    LoadRequest {
        path: Some(case.join("bellwether.toml")),
        env: [("HOME", "/home/operator")]
            .into_iter()
            .chain(variables)
            .collect::<Environment>(),
    }
}

/// Paths as somebody sees them who stands in the folder of the case.
fn as_seen_from(case: &Path, text: &str) -> String {
    let absolute = fs::canonicalize(case).unwrap();
    let text = text.replace(&format!("{}/", absolute.display()), "/case/");
    let text = text.replace(&format!("{}/", case.display()), "");
    if text.is_empty() {
        text
    } else {
        format!("{}\n", text.trim_end())
    }
}

/// What differs, with the name of the case; nothing when it is as expected.
fn compare(case: &Path, file: &str, found: &str) -> Option<String> {
    let path = case.join(file);
    let expected = fs::read_to_string(&path).unwrap_or_default();
    if expected == found {
        return None;
    }
    if std::env::var_os("UPDATE_EXPECT").is_some_and(|value| value == "1") {
        if found.is_empty() {
            let _ = fs::remove_file(&path);
        } else {
            fs::write(&path, found).unwrap();
        }
        return None;
    }
    Some(format!(
        "=== {}\n--- expected\n{expected}\n--- found\n{found}",
        path.display()
    ))
}

fn bad_case(case: &Path, result: Result<Loaded, Problems>) -> Option<String> {
    let problems = match result {
        Ok(loaded) => return Some(format!("=== {}: loads\n{}", case.display(), print(&loaded))),
        Err(problems) => problems,
    };
    assert!(!problems.is_empty());
    compare(case, "error.txt", &as_seen_from(case, &problems.to_string()))
}

fn good_case(case: &Path, result: Result<Loaded, Problems>) -> Vec<String> {
    let loaded = match result {
        Ok(loaded) => loaded,
        Err(problems) => return vec![format!("=== {}: refused\n{problems}", case.display())],
    };
    let printed = print(&loaded);
    let warnings = as_seen_from(case, &loaded.warnings.to_string());
    [
        compare(case, "expected.toml", &as_seen_from(case, &printed)),
        compare(case, "warnings.txt", &warnings),
        round_trip(case, &loaded, &printed),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What is printed loads again and means the same.
fn round_trip(case: &Path, loaded: &Loaded, printed: &str) -> Option<String> {
    if printed.contains("[redacted]") {
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("printed.toml");
    fs::write(&path, printed).unwrap();
    let again = LoadRequest {
        path: Some(path),
        ..request(case)
    };
    let essence = |config: &Config| {
        let absolute = |path: &Path| std::path::absolute(path).unwrap();
        let mut config = config.clone();
        config.files.clear();
        // Tables are printed in the order of their names.
        config.secrets.sort_by_key(|secret| secret.expose().to_owned());
        config.host.state_dir = absolute(&config.host.state_dir);
        for file in &mut config.alerting.rule_files {
            *file = absolute(file);
        }
        if let Some(tls) = &mut config.access.tls {
            tls.certificate = absolute(&tls.certificate);
            tls.key = absolute(&tls.key);
        }
        for connection in config.connections.values_mut() {
            let tls = &mut Arc::make_mut(connection).tls;
            let client = tls
                .client
                .iter_mut()
                .flat_map(|files| [&mut files.certificate, &mut files.key]);
            for path in tls.ca.iter_mut().chain(client) {
                *path = absolute(path);
            }
        }
        let dispatch = &mut config.dispatch;
        dispatch.root.location.clear();
        dispatch.routes.iter_mut().for_each(|route| route.location.clear());
        dispatch
            .inhibitions
            .iter_mut()
            .for_each(|inhibition| inhibition.location.clear());
        for receiver in dispatch.receivers.values_mut() {
            match &mut Arc::make_mut(receiver).kind {
                ReceiverKind::Email(email) => email.tls.ca.iter_mut().for_each(|path| *path = absolute(path)),
                // As of checks.
                ReceiverKind::Plugin(forwarder) => forwarder.plugin.origin = PluginOrigin::Bundled(String::new()),
                ReceiverKind::Log => {}
            }
        }
        // Paths of plugins are compared by the text of the second printing instead.
        config.checks.clear();
        config
    };
    let from_marks = |text: &str| {
        text.lines()
            .filter(|line| !line.starts_with("# from "))
            .collect::<Vec<_>>()
            .join("\n")
    };
    match load(&again) {
        Err(problems) => Some(format!(
            "=== {}: what is printed is refused\n{problems}",
            case.display()
        )),
        Ok(second) if essence(&second.config) != essence(&loaded.config) => Some(format!(
            "=== {}: what is printed means something else\n{printed}",
            case.display()
        )),
        Ok(second) => {
            let (one, other) = (from_marks(printed), from_marks(&print(&second)));
            // A disabled check is a comment, which nobody reads back.
            let disabled = printed.contains("has enabled = false");
            (one != other && !disabled).then(|| format!("=== {}: printed twice\n{one}\n---\n{other}", case.display()))
        }
    }
}

#[test]
fn every_case_says_what_is_written_beside_it() {
    let mut bad = 0;
    let mut failures = Vec::new();
    for case in cases() {
        let result = load(&request(&case));
        if case.join("error.txt").exists() {
            bad += 1;
            failures.extend(bad_case(&case, result));
        } else {
            failures.extend(good_case(&case, result));
        }
    }
    assert!(bad >= BAD_CASES_MIN, "only {bad} bad cases");
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

#[test]
fn no_secret_of_any_case_is_ever_said() {
    for case in cases() {
        let said = match load(&request(&case)) {
            Ok(loaded) => format!("{loaded:?}{}{}", print(&loaded), loaded.warnings),
            Err(problems) => format!("{problems}{}", serde_json::to_string(&problems).unwrap()),
        };
        assert!(!said.contains(CANARY), "{}:\n{said}", case.display());
    }
}

#[test]
fn every_problem_has_a_place_and_nearly_every_one_advice() {
    let mut with_hint = 0;
    let mut all = 0;
    for case in cases().iter().filter(|case| case.join("error.txt").exists()) {
        for problem in load(&request(case)).unwrap_err() {
            assert!(!problem.location.file.is_empty(), "{problem}");
            assert!(
                !problem.message.ends_with('.') && !problem.message.contains('\n'),
                "{problem}"
            );
            all += 1;
            with_hint += usize::from(problem.hint.is_some());
        }
    }
    assert!(with_hint * 100 >= all * 80, "{with_hint} of {all} problems have a hint");
}
