//! A running host as a source of data: `query`, `alerts` and `why`, for people and for programs, and their exit codes.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{
    CRITICAL,
    host::{Finished, PATIENCE, Place, Running, request},
    verbs::json as parsed,
};

/// About the check that is always critical.
const RULES: &str = r#"
[[rule]]
alert = "MemoryUsed"
expr = '''
system_memory_usage_ratio > 0
  and on (check) bellwether_check_up == 1
'''
labels.severity = "warning"
annotations.summary = "{{ $labels.check }} uses memory"

[[rule]]
alert = "NeverSo"
expr = "system_memory_usage_ratio > 2"
"#;

/// A place whose host fires its alert, and what to call it by.
fn watched() -> (Place, Running, String) {
    let place = Place::new(&format!("{CRITICAL}{RULES}"));
    let host = place.run();
    let url = format!("http://{}", host.address());
    host.eventually("/api/v1/alerts", |body| body.contains("\"state\":\"firing\""));
    (place, host, url)
}

fn ask(place: &Place, url: &str, verb: &[&str]) -> Finished {
    place.finish(&[verb, &["--url", url]].concat())
}

#[test]
fn a_running_host_is_asked_for_values_alerts_and_reasons() {
    let (place, host, url) = watched();
    let ask = |verb: &[&str]| ask(&place, &url, verb);

    let values = ask(&["query", "system_memory_usage_ratio > 0"]);
    assert_eq!(values.code, 0, "{values:?}");
    let line = values.stdout.lines().next().expect("a line");
    assert!(
        line.starts_with("system_memory_usage_ratio{check=\"machine\", instance=\"127.0.0.1:"),
        "{line}"
    );
    assert!(
        line.rsplit(' ')
            .next()
            .is_some_and(|value| value.parse::<f64>().is_ok()),
        "{line}"
    );
    let number = ask(&["query", "--json", "1 + 1"]);
    assert_eq!(parsed(&number)["result"][1], "2");

    let range = ask(&["query", "--json", "--range", "1m", "--step", "5s", "up"]);
    let data = parsed(&range);
    assert_eq!((range.code, &data["resultType"]), (0, &json!("matrix")), "{range:?}");
    assert!(
        data["result"][0]["values"]
            .as_array()
            .is_some_and(|values| !values.is_empty()),
        "{data}"
    );

    let alerts = ask(&["alerts"]);
    assert_eq!(alerts.code, 1, "one fires: {alerts:?}");
    let firing = alerts.stdout.lines().nth(1).expect("an alert");
    assert!(
        firing.starts_with("firing ")
            && firing.contains("MemoryUsed{check=\"machine\"")
            && firing.ends_with("machine uses memory"),
        "{alerts:?}"
    );
    assert_eq!(
        parsed(&ask(&["alerts", "--json"]))["alerts"][0]["labels"]["severity"],
        "warning"
    );

    let why = ask(&["why", "MemoryUsed"]);
    assert_eq!(why.code, 1, "{why:?}");
    for part in [
        "firing in group bellwether of ",
        "condition   system_memory_usage_ratio > 0 and on (check) bellwether_check_up == 1",
        "    firing since 2",
        "      system_memory_usage_ratio{check=\"machine\"",
        "      bellwether_check_up{check=\"machine\"",
        "    check machine says critical of memory [memory_high]: ",
    ] {
        assert!(why.stdout.contains(part), "`{part}` is not in {}", why.stdout);
    }
    let reasons = parsed(&ask(&["why", "--json", "MemoryUsed"]));
    assert_eq!(reasons["rules"][0]["alerts"][0]["verdicts"][0]["code"], "memory_high");
    let never = ask(&["why", "NeverSo"]);
    assert_eq!(never.code, 0, "{never:?}");
    assert!(
        never.stdout.contains("inactive in group") && never.stdout.contains("system_memory_usage_ratio{"),
        "{never:?}"
    );
    host.stop();
}

#[test]
fn alerts_are_silenced_from_the_command_line() {
    let place = Place::new(
        &format!("{CRITICAL}{RULES}\n[receiver.ops]\nlog = true\n")
            .replace("[alerting]", "[alerting]\nreceivers = [\"ops\"]\ngroup_wait = \"0s\""),
    );
    let host = place.run();
    let url = format!("http://{}", host.address());
    let ask = |verb: &[&str]| ask(&place, &url, verb);
    host.eventually("/api/v1/notifications", |body| body.contains("\"told_at\":\"2"));
    let why = ask(&["why", "MemoryUsed"]);
    assert!(why.stdout.contains("    ops was told at 2"), "{why:?}");
    let listed = |verb: &[&str]| ask(verb).stdout;
    assert!(listed(&["alerts"]).contains("  ops  "));

    assert_eq!(ask(&["silence", "list"]).stdout, "nothing is silenced\n");
    let matcher = "alertname=~\"Memory.*\"";
    let add = [
        "silence",
        "add",
        matcher,
        "--duration",
        "2h",
        "--comment",
        "known",
        "--author",
        "me",
    ];
    let added = ask(&add);
    assert_eq!(added.code, 0, "{added:?}");
    let id = added.stdout.trim();
    let silences = listed(&["silence", "list", matcher]);
    assert!(
        silences.contains(id) && silences.contains("active") && silences.contains("known"),
        "{silences}"
    );
    assert_eq!(parsed(&ask(&["silence", "list", "--json"]))[0]["createdBy"], "me");
    assert!(listed(&["alerts"]).contains(&format!("silenced by {id}")));

    assert_eq!(ask(&["silence", "expire", id]).code, 0);
    let again = ask(&["silence", "expire", id]);
    assert_eq!(again.code, 1, "{again:?}");
    assert!(again.stderr.contains("is over already"), "{again:?}");
    assert_eq!(ask(&["silence", "expire", "none"]).code, 2);
    assert_eq!(ask(&["silence", "list"]).stdout, "nothing is silenced\n");
    assert!(listed(&["silence", "list", "--expired"]).contains(id));

    for wrong in [&["a", "--duration", "1h"][..], &["a=b", "--duration", "0s"], &["a=b"]] {
        let refused = ask(&[&["silence", "add", "--comment", "x"], wrong].concat());
        assert_eq!(refused.code, 2, "{refused:?}");
    }
    let everything = ask(&["silence", "add", "a=~.*", "--duration", "1h", "--comment", "x"]);
    assert_eq!(everything.code, 2);
    assert!(everything.stderr.contains("cover every alert"), "{everything:?}");
    host.stop();
}

#[test]
fn what_cannot_be_answered_is_said_with_the_place_and_the_right_exit_code() {
    let (place, host, url) = watched();
    let wrong = ask(&place, &url, &["query", "sum(rate(up))"]);
    assert_eq!((wrong.code, wrong.stdout.as_str()), (2, ""), "{wrong:?}");
    assert!(
        wrong.stderr.contains("\n  sum(rate(up))\n           ^^\n"),
        "{}",
        wrong.stderr
    );

    let failing = ask(&place, &url, &["query", "up * on () group_left () {__name__=~\".+\"}"]);
    assert_eq!(failing.code, 1, "{failing:?}");
    assert!(
        failing
            .stderr
            .lines()
            .last()
            .is_some_and(|line| line.trim().starts_with('^')),
        "{}",
        failing.stderr
    );

    let empty = ask(&place, &url, &["query", "nothing_of_that_name"]);
    assert_eq!((empty.code, empty.stdout.as_str()), (0, ""));
    assert!(empty.stderr.contains("no series"), "{}", empty.stderr);

    let unknown = ask(&place, &url, &["why", "MemoryUse"]);
    assert_eq!(unknown.code, 2);
    assert!(
        unknown.stderr.contains("did you mean `MemoryUsed`?"),
        "{}",
        unknown.stderr
    );
    host.stop();

    let gone = ask(&place, &url, &["alerts"]);
    assert_eq!(gone.code, 3, "{gone:?}");
    assert!(
        gone.stderr.contains("cannot reach a host at http://127.0.0.1:") && gone.stderr.contains("is it running?"),
        "{gone:?}"
    );
    let unsaid = place.finish(&["alerts"]);
    assert_eq!(unsaid.code, 2, "port 0 says nothing: {unsaid:?}");
    assert!(unsaid.stderr.contains("--url"), "{unsaid:?}");
}

/// A place whose configuration says where its host will be: at a port that was free a moment ago.
fn at_a_port(rest: &str) -> Place {
    let place = Place::new(rest);
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let text = std::fs::read_to_string(place.path("bellwether.toml")).expect("read");
    place.write(
        "bellwether.toml",
        &text.replace("127.0.0.1:0", &free.expect("a port").to_string()),
    );
    place
}

#[test]
fn the_address_and_the_token_of_the_configuration_are_used() {
    const TOKEN: &str = "a-token-for-readers";
    let place = at_a_port("[access]\nread = \"${secret:READ}\"\n");
    let text = std::fs::read_to_string(place.path("bellwether.toml")).expect("read");
    let address = text.split('"').nth(1).expect("an address").to_owned();
    let host = place.run_with(|command| {
        command.env("READ", TOKEN);
    });
    let with_token = |name: &'static str, verb: &[&str]| {
        place.finish_with(verb, |command| {
            command.env(name, TOKEN);
        })
    };
    let alerts = with_token("READ", &["alerts"]);
    assert_eq!(
        (alerts.code, alerts.stdout.as_str()),
        (0, "no alert is pending or firing\n"),
        "{alerts:?}"
    );
    let url = format!("http://{address}");
    assert_eq!(
        with_token("BELLWETHER_TOKEN", &["query", "1", "--url", &url]).stdout,
        "1\n"
    );
    let stranger = place.finish(&["alerts", "--url", &url]);
    assert_eq!(stranger.code, 2, "{stranger:?}");
    assert!(stranger.stderr.contains("a token is needed"), "{stranger:?}");
    host.stop();
}

#[test]
fn a_host_with_a_certificate_is_asked_only_when_it_shows_that_very_one() {
    let made = |name: &str| rcgen::generate_simple_self_signed(vec![name.to_owned()]).expect("a certificate");
    let (own, other) = (made("*.example.com"), made("*.example.com"));
    let place = at_a_port("[access.tls]\ncertificate = \"cert.pem\"\nkey = \"key.pem\"\n");
    place.write("cert.pem", &own.cert.pem());
    place.write("key.pem", &own.signing_key.serialize_pem());
    let host = place.run();
    let answered = place.finish(&["query", "6 * 7"]);
    assert_eq!((answered.code, answered.stdout.as_str()), (0, "42\n"), "{answered:?}");
    // As if somebody else had the port.
    place.write("cert.pem", &other.cert.pem());
    let refused = place.finish(&["query", "6 * 7"]);
    assert_eq!(refused.code, 3, "{refused:?}");
    assert!(refused.stderr.contains("another certificate"), "{refused:?}");
    host.stop();
}

#[test]
fn queries_that_would_blow_up_are_stopped_while_rules_and_scrapes_go_on() {
    let (_place, host, _url) = watched();
    let evaluated = || -> f64 {
        let body = host.eventually("/metrics", |body| body.contains("\nbellwether_rule_evaluations_total{"));
        let lines = body
            .lines()
            .filter(|line| line.starts_with("bellwether_rule_evaluations_total{"));
        let values = lines.filter_map(|line| line.rsplit(' ').next());
        values.filter_map(|value| value.parse::<f64>().ok()).sum()
    };
    let (before, deadline) = (evaluated(), Instant::now() + PATIENCE);
    let bombs = [
        "{__name__=~\".%2B\"} * on () group_left () {__name__=~\".%2B\"}",
        "sum_over_time(max_over_time(vector(1)[1h:1s])[6h:1s])",
        "count({__name__=~\"((a*)*)*b\"})",
        "quantile_over_time(0.5, vector(1)[6h:10ms])",
    ];
    std::thread::scope(|scope| {
        let asked: Vec<_> = bombs
            .iter()
            .map(|bomb| {
                let path = format!(
                    "/api/v1/query?timeout=5s&query={}",
                    bomb.replace(' ', "%20").replace('"', "%22")
                );
                let address = host.address();
                scope.spawn(move || request(address, "GET", &path, &[]))
            })
            .collect();
        let mut slowest = Duration::ZERO;
        while asked.iter().any(|asked| !asked.is_finished()) {
            let began = Instant::now();
            assert!(host.get("/metrics").head.contains("200 OK"));
            slowest = slowest.max(began.elapsed());
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(slowest < Duration::from_secs(2), "a scrape took {slowest:?}");
        for (bomb, asked) in bombs.iter().zip(asked) {
            let answer = asked.join().expect("answered");
            let body: Value = serde_json::from_str(&answer.body).expect("JSON");
            let stopped = body["errorType"] == "execution" || body["errorType"] == "timeout";
            assert!(stopped || body["status"] == "success", "{bomb}: {body}");
        }
    });
    while evaluated() <= before {
        assert!(Instant::now() < deadline, "rules stand still");
        std::thread::sleep(Duration::from_millis(50));
    }
    host.stop();
}
