//! The log of a running host: one JSON object a line, of one shape.

use crate::{MACHINE, host::Place, obedient};

/// `2026-08-22T10:11:12.345Z`.
fn is_timestamp(text: &str) -> bool {
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    shape == "0000-00-00T00:00:00.000Z"
}

fn judge(line: &str) {
    let value: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    let object = value.as_object().expect("an object");
    let mut keys: Vec<_> = object.keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["context", "data", "level", "message"], "{line}");
    assert!(
        ["TRACE", "DEBUG", "INFO", "WARN", "ERROR"].contains(&object["level"].as_str().expect("text")),
        "{line}"
    );
    assert!(
        object["message"].as_str().is_some_and(|message| !message.is_empty()),
        "{line}"
    );
    assert!(object["data"].is_object(), "{line}");
    assert!(
        object["context"]["timestamp"].as_str().is_some_and(is_timestamp),
        "{line}"
    );
    assert!(
        object["context"]["functionName"]
            .as_str()
            .is_some_and(|name| !name.is_empty()),
        "{line}"
    );
}

#[test]
fn every_line_after_the_start_is_a_json_object_of_one_shape() {
    let place = Place::new(
        &(MACHINE.to_owned()
            + &obedient("says", "say = \"\\n{\\\"level\\\":\\\"forged\\\"}\\n\"", "")
            + &obedient("panics", "end = \"panic\"", "")
            + "[check.broken]\nplugin = \"./nowhere.wasm\"\n\n[log]\nlevel = \"trace\"\n"),
    );
    let mut host = place.run();
    host.line("All checks are loaded");
    host.eventually("/health/ready", |body| body.contains("\"ready\""));
    host.get("/nowhere");
    host.signal("HUP");
    host.line("\"The configuration was reloaded.\"");
    place.configure("nonsense");
    assert_eq!(host.post("/-/reload").status, 422);
    let said = host.stop();
    let (json, other): (Vec<_>, Vec<_>) = said.iter().partition(|line| line.starts_with('{'));
    json.iter().for_each(|line| judge(line));
    assert!(json.len() > 10, "{said:#?}");
    // What a person who starts it by hand reads.
    let known = |line: &str| line.starts_with("listening on http://") || line.starts_with("compil");
    assert!(other.iter().all(|line| known(line)), "{other:#?}");
    for message in [
        "Bellwether is starting.",
        "A check cannot run",
        "everything runs on as it was",
        "Stopped.",
    ] {
        assert!(json.iter().any(|line| line.contains(message)), "{message}: {json:#?}");
    }
}

#[test]
fn text_for_people_is_one_line_an_event_with_its_time_first() {
    let place = Place::new(&(obedient("says", "say = \"a\\nb\"", "") + "[log]\nformat = \"text\"\n"));
    let mut host = place.run();
    host.line("obeyed");
    let said = host.stop();
    for line in said
        .iter()
        .filter(|line| !line.starts_with("listening on ") && !line.starts_with("compil"))
    {
        assert!(is_timestamp(line.split(' ').next().expect("a word")), "{said:#?}");
    }
}
