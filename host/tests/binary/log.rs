//! The log of a running host: one JSON object a line, of one shape.

use std::time::{Duration, Instant};

use crate::{MACHINE, guest, host::Place, obedient};

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

const DROPPED: &str = "bellwether_log_lines_dropped_total";

/// A check that says far more than any pipe and the host's own queue hold.
fn flood() -> String {
    let plugin = guest("log_flood");
    format!(
        "[check.flood]\nplugin = {plugin}\ninterval = \"300d\"\ntimeout = \"1m\"\nlimits.cpu = \"1m\"\nlimits.log_lines = \
         100_000\n\n"
    )
}

#[test]
fn a_log_that_nobody_reads_holds_up_neither_a_scrape_nor_the_end() {
    let place = Place::new(&flood());
    let mut host = place.run_unread();
    host.reaches(DROPPED, 1.0);
    host.reaches("bellwether_check_up{check=\"flood\"}", 1.0);
    let begun = Instant::now();
    host.signal("TERM");
    let status = host.wait();
    assert_eq!(status.code(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[test]
fn a_second_signal_exits_at_once_though_nobody_reads_why() {
    let place = Place::new(&(flood() + &obedient("endless", "wait_ms = 600000", "timeout = \"10m\"")));
    let mut host = place.run_unread();
    host.reaches(DROPPED, 1.0);
    let begun = Instant::now();
    let mut ended = None;
    // One signal may be lost in another that is not yet taken.
    for _ in 0..100 {
        host.signal("TERM");
        std::thread::sleep(Duration::from_millis(50));
        ended = host.child.try_wait().expect("a child");
        if ended.is_some() {
            break;
        }
    }
    assert_eq!(ended.and_then(|status| status.code()), Some(1));
    // It gives its runs ten seconds.
    assert!(begun.elapsed() < Duration::from_secs(9), "{:?}", begun.elapsed());
}

#[test]
fn a_reader_that_comes_back_is_told_how_much_it_missed() {
    let place = Place::new(&flood());
    let mut host = place.run_unread();
    host.reaches(DROPPED, 1.0);
    host.reaches("bellwether_check_up{check=\"flood\"}", 1.0);
    host.read_on();
    let notice = host.line("lines were lost here");
    judge(&notice);
    let said = host.stop();
    said.iter()
        .filter(|line| line.starts_with('{'))
        .for_each(|line| judge(line));
    assert!(
        said.last().is_some_and(|line| line.contains("\"Stopped.\"")),
        "{:?}",
        said.last()
    );
}
