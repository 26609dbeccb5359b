//! The `supabase-edge` plugin in the real binary, against functions that Deno really runs, one for each way to fail; and against
//! a stub that replays what only the hosted platform sends.
//!
//! Flows in: `host/tests/supabase`, whose `serve.ts` stands for the local stack. Flows out: what `once --json` says of each
//! function. Nothing leaves this machine.
//!
//! Needs: deno
//! Budget: 3 min

#![expect(
    clippy::disallowed_methods,
    reason = "a test talks to real processes: it reads from a thread of its own"
)]

mod deno;
#[path = "../support/host.rs"]
#[expect(dead_code, reason = "shared with other tests, which look at more of an answer")]
mod host;
mod stub;

use serde_json::Value;

use self::{
    deno::Deno,
    host::Place,
    stub::{HOSTED, Stub},
};

/// In answers of functions that fail; it may be seen nowhere.
const CANARY: &str = "eyJhbGciOi-canary";

/// A check of the project at an address, with these settings.
fn place(address: &str, settings: &str) -> Place {
    Place::new(&format!(
        r#"
[connection.supabase]
url = "http://{address}/"
methods = ["GET", "OPTIONS", "POST", "DELETE"]

[check.edge]
plugin = "supabase-edge"
connection = "supabase"
interval = "1m"
timeout = "30s"

{settings}
"#
    ))
}

/// What `once edge --json` says, with these settings.
fn once(address: &str, settings: &str) -> (Place, Value) {
    let place = place(address, settings);
    let said = place.finish(&["once", "edge", "--json"]);
    assert!(
        !said.stdout.contains(CANARY) && !said.stderr.contains(CANARY),
        "{}",
        said.stdout
    );
    let outcome =
        serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}: {}\n{}", said.stdout, said.stderr));
    (place, outcome)
}

/// Code and status of the verdict on `target`.
fn verdict<'o>(outcome: &'o Value, target: &str) -> (&'o str, &'o str) {
    let verdicts = outcome["verdicts"].as_array().expect("verdicts");
    let verdict = verdicts.iter().find(|verdict| verdict["target"] == target);
    let verdict = verdict.unwrap_or_else(|| panic!("no verdict on {target}: {outcome:#}"));
    (
        verdict["code"].as_str().expect("a code"),
        verdict["status"].as_str().expect("a status"),
    )
}

/// A function each, called as `mode`. A machine that is busy with other tests makes none of them late.
fn functions(mode: &str, names: &[&str]) -> String {
    let patience = "timeout = \"25s\"\nexpect.latency_seconds = { warning = 25, critical = 30 }";
    let one = |name: &&str| format!("[check.edge.settings.functions.{name}]\nmode = \"{mode}\"\n{patience}\n");
    names.iter().map(one).collect()
}

#[test]
fn every_way_to_fail_has_its_code_and_the_healthy_function_stays_ok() {
    let deno = Deno::start();
    let expected = [
        ("healthy", "", "ok"),
        ("boot_error", "boot_error", "critical"),
        ("syntax_error", "boot_error", "critical"),
        ("handler_error", "worker_error", "critical"),
        ("own_500", "function_error", "critical"),
        ("resource_limit", "resource_limit", "critical"),
        ("never_answers", "resource_limit", "critical"),
        ("not_there", "not_deployed", "critical"),
        ("no_such_item", "unexpected_status", "critical"),
        ("needs_token", "unauthorized", "unknown"),
    ];
    let names = expected.map(|(name, _, _)| name);
    let (_place, outcome) = once(&deno.address, &functions("invoke", &names));
    for (name, code, status) in expected {
        let target = format!("function {name}");
        assert_eq!(verdict(&outcome, &target), (code, status), "{target}");
    }
}

#[test]
fn liveness_starts_functions_without_a_token() {
    let deno = Deno::start();
    let names = ["healthy", "needs_token", "no_such_item", "boot_error"];
    let (_place, outcome) = once(&deno.address, &functions("liveness", &names));
    let codes = names.map(|name| verdict(&outcome, &format!("function {name}")).0);
    assert_eq!(codes, ["", "", "", "boot_error"]);
}

#[test]
fn what_a_function_answers_is_held_against_what_is_expected() {
    let deno = Deno::start();
    let one = |name: &str, slug: &str, more: &str| {
        format!("[check.edge.settings.functions.{name}]\nslug = \"{slug}\"\nmode = \"invoke\"\n{more}\n")
    };
    let vector = r#"expect.json = [{ pointer = "/vector", type = "array", length = 768 }, { pointer = "/model", equals = "two_tower_768" }]
json = { user_id = 1 }"#;
    let settings = [
        one("right", "healthy", vector),
        one("wrong", "wrong_answer", vector),
        one(
            "late",
            "slow",
            "expect.latency_seconds = { warning = 0.3, critical = 60 }",
        ),
        one("dead_line", "never_answers", "timeout = \"300ms\""),
    ];
    let (_place, outcome) = once(&deno.address, &settings.concat());
    assert_eq!(verdict(&outcome, "function right"), ("", "ok"));
    assert_eq!(verdict(&outcome, "function wrong"), ("assertion_failed", "critical"));
    assert_eq!(verdict(&outcome, "function late"), ("slow", "warning"));
    assert_eq!(verdict(&outcome, "function dead_line"), ("timed_out", "critical"));
}

#[test]
fn an_expression_that_cannot_be_read_is_refused_before_anything_runs() {
    let settings = "[check.edge.settings.functions.hello]\nexpect.json = [{ pointer = \"/a\", matches = \"(\" }]\n\
                    [check.edge.settings.functions.other]\nexpect.headers = { x-version = \"[\" }\n";
    let place = place("127.0.0.1:1", settings);
    let said = place.finish(&["validate"]);
    let all = format!("{}{}", said.stdout, said.stderr);
    for pattern in ["`(`", "`[`"] {
        assert!(all.contains(&format!("{pattern} is not a regular expression")), "{all}");
    }
}

#[test]
fn a_flow_makes_reads_and_removes_and_cleans_up_after_a_failure() {
    let deno = Deno::start();
    let flow = |name: &str, middle: &str| {
        format!(
            r#"
[[check.edge.settings.flows.{name}.steps]]
name = "make"
method = "POST"
path = "functions/v1/orders"
json = {{ note = "check {{{{run}}}}" }}
expect = {{ status = [201] }}
capture = {{ id = "/0/id" }}

[[check.edge.settings.flows.{name}.steps]]
name = "read"
path = "functions/v1/{middle}?id={{{{id}}}}"

[[check.edge.settings.flows.{name}.steps]]
name = "remove"
method = "DELETE"
path = "functions/v1/orders?id={{{{id}}}}"
expect = {{ status = [204] }}
always = true
"#
        )
    };
    let settings = flow("passes", "orders") + &flow("fails", "handler_error");
    let left = r#"
[check.edge.settings.functions.orders]
method = "GET"
expect.json = [{ pointer = "/left", equals = 0 }]
"#;
    let (_place, outcome) = once(&deno.address, &settings);
    assert_eq!(verdict(&outcome, "flow passes"), ("", "ok"));
    assert_eq!(verdict(&outcome, "flow fails"), ("flow_failed", "critical"));
    let (_place, outcome) = once(&deno.address, left);
    assert_eq!(verdict(&outcome, "function orders"), ("", "ok"), "nothing is left");
}

#[test]
fn the_runtime_tells_its_health() {
    let deno = Deno::start();
    let (_place, outcome) = once(&deno.address, "settings.surfaces.runtime = {}");
    assert_eq!(verdict(&outcome, "runtime"), ("", "ok"));
}

/// The value of the one sample that has these labels, among others.
fn sample(outcome: &Value, metric: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let families = outcome["families"].as_array().expect("families");
    let family = families.iter().find(|family| family["name"] == metric)?;
    let samples = family["samples"].as_array().expect("samples");
    let fits = |sample: &&Value| labels.iter().all(|(name, value)| sample["labels"][name] == *value);
    samples.iter().find(fits)?["value"].as_f64()
}

#[test]
fn a_cold_start_is_two_calls_and_costs_no_other_function_its_count() {
    let deno = Deno::start();
    let cold = "[check.edge.settings.functions.healthy.cold]\nevery = \"30m\"\n";
    let settings = functions("liveness", &["healthy", "own_500"]) + cold;
    let (_place, outcome) = once(&deno.address, &settings);
    for (name, calls) in [("healthy", 2.0), ("own_500", 1.0)] {
        let found = sample(&outcome, "edge_requests_total", &[("operation", name)]);
        assert_eq!(found, Some(calls), "{name}: {outcome:#}");
    }
    assert!(sample(&outcome, "edge_cold_start_seconds", &[("operation", "healthy")]).is_some());
}

#[test]
fn what_only_the_hosted_platform_sends_is_understood() {
    let stub = Stub::start();
    let names = HOSTED.map(|answer| answer.name);
    let (_place, outcome) = once(&stub.address, &functions("invoke", &names));
    for answer in HOSTED {
        let found = verdict(&outcome, &format!("function {}", answer.name));
        assert_eq!(found, answer.verdict, "{}", answer.name);
    }
}
