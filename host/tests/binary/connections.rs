//! Connections as somebody meets them who writes a configuration: what a plugin's slots and settings ask for, what is
//! granted, and what a reload does when one changes.

use crate::{guest, host::Place, obedient, verbs::json};

const SECRET: &str = "canary-connection-secret";

/// A check of the guest that says which connections it has.
fn check(rest: &str) -> String {
    format!("[check.web]\nplugin = {}\n{rest}\n", guest("connections"))
}

#[test]
fn what_slots_ask_for_is_said_where_it_is_missing_wrong_or_unknown() {
    let cache = "[connection.cache]\nurl = \"redis://localhost\"\n\n";
    let said = |rest: &str| {
        let place = Place::new(rest);
        let bad = place.finish(&["validate"]);
        assert_eq!((bad.code, bad.stdout.as_str()), (2, ""), "{bad:?}");
        bad.stderr
    };
    let unbound = said(&check(""));
    for part in [
        "bellwether.toml:5:8: check `web`: plugin `connections` needs a connection for its slot `default`: The API",
        "[connection.NAME]\n        url = \"https://HOST/\"\n        \n        [check.web]\n        connection = \"NAME\"",
    ] {
        assert!(unbound.contains(part), "{part}\n{unbound}");
    }
    let wrong = said(&(cache.to_owned() + &check("connection = \"cache\"")));
    let part = "bellwether.toml:10:14: connection `cache` is redis://, and slot `default` of plugin `connections` takes https://";
    assert!(wrong.contains(part), "{wrong}");
    let unknown = said(&(cache.to_owned() + &check("connections = { cach = \"cache\" }")));
    for part in [
        "bellwether.toml:10:24: check `web`: plugin `connections` has no slot `cach` for a connection",
        "did you mean `cache`?",
        "needs a connection for its slot `default`",
        "connections = { cach = \"cache\", default = \"NAME\" }",
    ] {
        assert!(unknown.contains(part), "{part}\n{unknown}");
    }
}

#[test]
fn addresses_in_settings_are_granted_listed_and_refused_where_they_stand() {
    let place = Place::new(
        &("[connection.api]\nurl = \"https://api.example.com/\"\n\n".to_owned()
            + &check(
                "connection = \"api\"\nsettings.note = \"nothing\"\nsettings.targets = [{ at = \"redis://10.0.0.7/0\", name = \"x\" }]\nsettings.url = \"http://localhost:8000/health\"",
            )),
    );
    let printed = place.finish(&["validate", "--print"]);
    assert_eq!(printed.code, 0, "{printed:?}");
    for part in [
        "# grants: connection `api` as `default`: https://api.example.com/ (GET, HEAD, OPTIONS, public addresses)",
        "# grants: by its settings: redis://10.0.0.7/0 (private and public addresses)",
        "# grants: by its settings: http://localhost:8000/health (GET, HEAD, OPTIONS, POST, private and public addresses)",
    ] {
        assert!(printed.stdout.contains(part), "{part}\n{}", printed.stdout);
    }
    let once = json(&place.finish(&["once", "web", "--json"]));
    let mut targets: Vec<&str> = once["verdicts"]
        .as_array()
        .expect("verdicts")
        .iter()
        .filter_map(|verdict| verdict["target"].as_str())
        .collect();
    targets.sort_unstable();
    assert_eq!(
        targets,
        ["default", "http://localhost:8000/health", "redis://10.0.0.7/0"],
        "{once}"
    );

    place.configure(
        &("[connection.api]\nurl = \"https://api.example.com/\"\n\n".to_owned()
            + &check("connection = \"api\"\nsettings.url = \"www.example.com\"\nsettings.targets = [{ at = \"https://me:hunter2@example.com/\" }]")),
    );
    let bad = place.finish(&["validate"]);
    assert_eq!(bad.code, 2, "{bad:?}");
    for part in [
        "bellwether.toml:11:16: settings of check `web`: the address does not begin with a scheme",
        "settings of check `web`: the address holds a user or a password before the `@`",
        "put them into a [connection.NAME]",
    ] {
        assert!(bad.stderr.contains(part), "{part}\n{}", bad.stderr);
    }
    assert!(!bad.stderr.contains("hunter2"), "{}", bad.stderr);
}

#[test]
fn a_secret_of_a_connection_is_shown_to_nobody() {
    let rest =
        "[connection.hook]\nurl = \"https://hooks.example.com/${secret:HOOK}\"\nheaders.x-key = \"${secret:HOOK}\"\n\n"
            .to_owned()
            + &check("connection = \"hook\"");
    let place = Place::new(&rest);
    for verb in [
        &["validate", "--print"][..],
        &["once", "web", "--json"],
        &["once", "web"],
    ] {
        let said = place.finish_with(verb, |command| {
            command.env("HOOK", SECRET);
        });
        assert_eq!(said.code, 0, "{said:?}");
        assert!(!format!("{said:?}").contains(SECRET), "{said:?}");
    }
}

#[test]
fn a_changed_connection_restarts_the_checks_that_use_it_and_no_others() {
    let with = |url: &str| {
        format!("[connection.api]\nurl = {url:?}\n\n")
            + &check("connection = \"api\"")
            + &obedient("other", "say = 1", "")
    };
    let place = Place::new(&with("https://one.example.com/"));
    let host = place.run();
    host.eventually("/metrics", |body| {
        body.contains("check=\"web\"") && body.contains("check=\"other\"")
    });
    place.configure(&with("https://two.example.com/"));
    let answer = host.post("/-/reload");
    assert_eq!(answer.status, 200, "{answer:?}");
    let summary: serde_json::Value = serde_json::from_str(&answer.body).expect("JSON");
    assert_eq!(summary["data"]["changed"], serde_json::json!(["web"]), "{summary}");
    assert_eq!(summary["data"]["unchanged"], 1, "{summary}");
    host.eventually("/api/v1/checks", |body| body.contains("two.example.com"));
    host.stop();
}
