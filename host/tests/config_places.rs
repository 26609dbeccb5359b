//! Places of what is found wrong after loading, reload without needless change, and files that are no configuration.

use std::{fs, path::PathBuf};

use bellwether::config::{
    Environment, FILE_BYTES_MAX, InForce, LoadRequest, Loaded, PluginOrigin, Problems, User, load,
};
use proptest::prelude::*;
use tempfile::TempDir;

fn load_bytes(folder: &TempDir, bytes: &[u8]) -> Result<Loaded, Problems> {
    let path = folder.path().join("bellwether.toml");
    fs::write(&path, bytes).unwrap();
    let env: Environment = [("HOME", "/home/operator"), ("PORT", "9920")].into_iter().collect();
    load(&LoadRequest { path: Some(path), env })
}

fn loaded(text: &str) -> Loaded {
    load_bytes(&TempDir::new().unwrap(), text.as_bytes()).unwrap_or_else(|problems| panic!("{problems}"))
}

fn place(loaded: &Loaded, check: &str, pointer: &str) -> (usize, usize) {
    let location = loaded.locate_setting(User::Check(check), pointer);
    (location.line, location.column)
}

const SHOP: &str = r#"
[check.shop]
plugin = "http"
interval = "30s"

[check.shop.settings]
url = "https://shop.example.com/"
expect = { status = [200, 204], "a/b~c" = 1 }

[check.plain]
plugin = "http"
settings.url = "x"

[check.none]
plugin = "plugins/none.wasm"
"#;

#[test]
fn a_setting_is_found_by_its_json_pointer() {
    let loaded = loaded(SHOP);
    assert_eq!(place(&loaded, "shop", "/url"), (7, 7));
    assert_eq!(place(&loaded, "shop", "/expect/status/1"), (8, 27));
    assert_eq!(place(&loaded, "shop", "/expect/a~1b~0c"), (8, 43));
    assert_eq!(place(&loaded, "plain", "/url"), (12, 16));
}

#[test]
fn what_is_not_there_is_placed_at_what_is_around_it() {
    let loaded = loaded(SHOP);
    assert_eq!(place(&loaded, "shop", "/expect/body/x"), (8, 10));
    assert_eq!(
        place(&loaded, "shop", ""),
        (6, 1),
        "a missing key is missing in the settings table"
    );
    assert_eq!(place(&loaded, "shop", "/missing"), (6, 1));
    assert_eq!(
        place(&loaded, "none", "/url"),
        (14, 8),
        "without settings, the check itself"
    );
    assert_eq!(loaded.locate_setting(User::Check("unknown"), "/url").line, 0);
    let plugin = loaded.locate(User::Check("none"), "plugin");
    assert_eq!((plugin.line, plugin.column), (15, 10));
    assert_eq!(loaded.locate(User::Check("none"), "sha256").line, 14);
}

#[test]
fn a_settings_problem_reads_like_any_other() {
    let loaded = loaded(SHOP);
    let text = loaded
        .setting_problem(User::Check("shop"), "/expect/status/0", "200 is not of type \"string\"")
        .to_string();
    let shown = text.split_once("bellwether.toml").unwrap().1;
    assert_eq!(
        shown,
        ":8:22: settings of check `shop`: 200 is not of type \"string\"\n  8 | expect = { status = [200, 204], \"a/b~c\" = 1 }\n    \
         |                      ^^^"
    );
}

#[test]
fn a_key_that_slid_into_the_settings_is_said_to_belong_above() {
    let loaded = loaded("[check.a]\nplugin = \"http\"\n\n[check.a.settings]\nurl = \"x\"\ntimeout = \"5s\"\n");
    for (pointer, message) in [("", "unknown field \"timeout\""), ("/timeout", "not allowed")] {
        let problem = loaded.setting_problem(User::Check("a"), pointer, message);
        assert_eq!(problem.location.line, 6);
        assert_eq!(
            problem.hint.as_deref(),
            Some("`timeout` belongs in `[check.a]`: move it above line 4, where its settings begin")
        );
    }
}

#[test]
fn moving_a_check_in_its_file_changes_nothing() {
    let (one, other) = (loaded(SHOP), loaded(&format!("# a comment\n\n{SHOP}")));
    assert_eq!(one.config.checks["shop"], other.config.checks["shop"]);
    assert_ne!(one.config.checks["shop"].location, other.config.checks["shop"].location);
    let changed = loaded(&SHOP.replace("30s", "31s"));
    assert_ne!(one.config.checks["shop"], changed.config.checks["shop"]);
}

#[test]
fn settings_are_json_with_sorted_keys() {
    let loaded = loaded(SHOP);
    assert_eq!(
        &*loaded.config.checks["shop"].settings,
        r#"{"expect":{"a/b~c":1,"status":[200,204]},"url":"https://shop.example.com/"}"#
    );
    assert_eq!(&*loaded.config.checks["none"].settings, "{}");
}

#[test]
fn a_plugin_file_is_relative_to_the_file_that_names_it() {
    let loaded = loaded(SHOP);
    let PluginOrigin::File(path) = &loaded.config.checks["none"].plugin.origin else {
        panic!("a path is a file");
    };
    assert_eq!(
        *path,
        loaded.config.files[0].parent().unwrap().join("plugins/none.wasm")
    );
}

#[test]
fn folders_of_patterns_are_watched_for_new_files() {
    let folder = TempDir::new().unwrap();
    let text = b"[host]\ninclude = [\"checks.d/*.toml\", \"*/x.toml\"]\n";
    let loaded = load_bytes(&folder, text).unwrap();
    let expected: Vec<PathBuf> = vec![folder.path().join(""), folder.path().join("checks.d")];
    assert_eq!(loaded.include_folders, expected);
}

#[test]
fn a_file_that_is_far_too_large_is_refused_at_once() {
    let folder = TempDir::new().unwrap();
    let problems = load_bytes(&folder, &vec![b'#'; FILE_BYTES_MAX + 1]).unwrap_err();
    assert!(problems.to_string().contains("larger than 4 MiB"), "{problems}");
}

#[test]
fn deep_nesting_is_refused_and_not_followed() {
    let folder = TempDir::new().unwrap();
    for (text, column) in [
        (format!("a = {}1{}", "[".repeat(10_000), "]".repeat(10_000)), 85),
        (format!("{}a = 1", "a.".repeat(10_000)), 1),
        (format!("[{}a]\n", "a.".repeat(10_000)), 2),
        (format!("a = {}", "{a=".repeat(10_000)), 245),
    ] {
        let text = format!("# first\nx = \"{}\" # {}\n\n{text}", ".".repeat(100), ".".repeat(100));
        let problems = load_bytes(&folder, text.as_bytes()).unwrap_err();
        let place = &problems.iter().next().unwrap().location;
        assert_eq!((place.line, place.column), (4, column), "{problems}");
        assert!(problems.to_string().contains("nested deeper"), "{problems}");
    }
}

/// Lines that mean something, so that random files get past the parser.
fn line() -> impl Strategy<Value = String> {
    let keys = [
        "listen",
        "include",
        "read",
        "open",
        "level",
        "interval",
        "cron",
        "timezone",
        "timeout",
        "labels",
        "limits",
        "limits.memory",
        "plugin",
        "sha256",
        "allow",
        "settings",
        "settings.a",
        "prefix",
        "required",
        "\"${env:PORT}\"",
    ];
    let values = [
        "1",
        "-1",
        "true",
        "nan",
        "\"15s\"",
        "\"${env:PORT}\"",
        "\"${secret:X}\"",
        "\"${\"",
        "\"127.0.0.1:1\"",
        "[]",
        "{}",
        "[\"system\"]",
        "{ a = 1 }",
        "{ memory = \"1MiB\" }",
        "\"\"",
        "\"é😀\\n\"",
        "1979-05-27",
        "\"* * * * *\"",
        "'''\n'''",
        "\"*.toml\"",
    ];
    let headers = [
        "[host]",
        "[access]",
        "[access.tls]",
        "[log]",
        "[defaults]",
        "[check.a]",
        "[check.a.settings]",
        "[[check]]",
        "[check]",
        "[check.a.limits]",
        "[receiver.x]",
        "[defaults.labels]",
    ];
    prop_oneof![
        (
            prop::sample::select(keys.to_vec()),
            prop::sample::select(values.to_vec())
        )
            .prop_map(|(key, value)| format!("{key} = {value}")),
        prop::sample::select(headers.to_vec()).prop_map(str::to_owned),
        "\\PC{0,20}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = load_bytes(&TempDir::new().unwrap(), &bytes).map_err(|problems| problems.to_string());
    }

    #[test]
    fn no_lines_make_it_panic(lines in prop::collection::vec(line(), 0..20)) {
        match load_bytes(&TempDir::new().unwrap(), lines.join("\n").as_bytes()) {
            Ok(loaded) => prop_assert!(!loaded.print_masked(&|_| InForce::default()).is_empty()),
            Err(problems) => prop_assert!(!problems.to_string().is_empty()),
        }
    }
}

#[test]
fn a_receiver_that_a_source_names_is_found() {
    let loaded = loaded(
        "[source.shop]\nproject = 1\nkey = \"0123456789abcdef0123456789abcdef\"\nreceivers = [\n  \"one\",\n  \"two\",\n]\n\n\
         [receiver.one]\nplugin = \"plugins/one.wasm\"\n\n[receiver.two]\nplugin = \"plugins/two.wasm\"\n",
    );
    let place = |receiver| {
        let location = loaded.locate_source_receiver("shop", receiver);
        (location.line, location.column)
    };
    assert_eq!((place("one"), place("two")), ((5, 3), (6, 3)));
    assert_eq!(place("three"), (0, 0), "the main file");
    let source = &loaded.config.sources["shop"];
    assert_eq!(source.receivers.len(), 2);
}

#[test]
fn a_source_or_a_heartbeat_that_moves_in_its_file_changes_nothing() {
    let text = "[source.shop]\nproject = 1\nkey = \"0123456789abcdef0123456789abcdef\"\n\n[heartbeat.etl]\ninterval = \"1h\"\n";
    let (one, other) = (loaded(text), loaded(&format!("# a comment\n{text}")));
    assert_eq!(one.config.sources, other.config.sources);
    assert_eq!(one.config.heartbeats, other.config.heartbeats);
    let changed = loaded(&text.replace("1h", "2h"));
    assert_ne!(one.config.heartbeats, changed.config.heartbeats);
}
