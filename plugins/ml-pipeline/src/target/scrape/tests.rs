use bellwether_sdk::{
    Status,
    fake::{Fake, Run},
};
use serde_json::json;

use crate::{
    MlPipeline,
    preset::System,
    tests::fixture::{NOW, Server, run_one},
};

/// The form of Triton's metrics page.
fn triton(success: u32, failure: u32, queue_us: u32, waiting: u32) -> String {
    format!(
        "# TYPE nv_inference_request_success counter\n\
         nv_inference_request_success{{model=\"a\",version=\"1\"}} {success}\n\
         nv_inference_request_failure{{model=\"a\",version=\"1\",reason=\"OTHER\"}} {failure}\n\
         nv_inference_queue_duration_us{{model=\"a\",version=\"1\"}} {queue_us}\n\
         nv_inference_pending_request_count{{model=\"a\",version=\"1\"}} {waiting}\n"
    )
}

fn sequence(texts: Vec<String>, values: serde_json::Value) -> Vec<Run> {
    let count = texts.len();
    let mut next = texts.into_iter();
    let server = Server::new().answering(move |request| {
        assert_eq!(request.url, "http://server/metrics");
        (200, next.next().unwrap())
    });
    let mut fake = Fake::new().with_scheduled_at_unix(NOW).with_http(server.into_answer());
    let settings = json!({ "scrape": { "t": { "url": "http://server/", "preset": "triton", "values": values } } });
    (0..count).map(|_| fake.run::<MlPipeline>(settings.clone())).collect()
}

#[test]
fn a_preset_brings_values_in_base_units_and_the_settings_thresholds() {
    let values = json!({ "queue_seconds": { "above": { "warning": 0.4 } }, "waiting": { "above": { "critical": 5 } } });
    let runs = sequence(vec![triton(10, 0, 1_000_000, 1), triton(20, 3, 6_000_000, 9)], values);
    let value = |run: &Run, name| run.value("ml_server_value", &["t", name]);
    assert_eq!(value(&runs[0], "waiting"), Some(1.0));
    assert_eq!(
        value(&runs[0], "queue_seconds"),
        None,
        "there is nothing to compare with"
    );
    assert_eq!(runs[0].status("scrape t"), Status::Ok);
    assert_eq!(value(&runs[1], "queue_seconds"), Some(0.5));
    assert_eq!(value(&runs[1], "failures"), Some(3.0));
    let verdict = runs[1].verdict("scrape t");
    assert_eq!(
        (verdict.status, verdict.code.as_str()),
        (Status::Critical, "value_high")
    );
    assert_eq!(
        verdict.summary,
        "waiting is 9, at or above 5; queue_seconds is 0.5, at or above 0.4"
    );
}

#[test]
fn a_counter_that_began_anew_grew_by_what_it_is() {
    let runs = sequence(vec![triton(100, 9, 0, 0), triton(4, 2, 0, 0)], json!({}));
    assert_eq!(runs[1].value("ml_server_value", &["t", "failures"]), Some(2.0));
}

#[test]
fn own_values_have_labels_and_an_aggregate() {
    let text = "a{x=\"1\"} 4\na{x=\"2\"} 8\nb 3\n";
    let values = json!({
        "all": { "metric": "a" }, "max": { "metric": "a", "of": "max" }, "min": { "metric": "a", "of": "min" },
        "mean": { "metric": "a", "of": "mean" }, "one": { "metric": "a", "labels": { "x": "1" }, "scale": 10 },
        "low": { "metric": "b", "below": { "warning": 4 } },
    });
    let settings = json!({ "scrape": { "t": { "url": "http://server/m", "values": values } } });
    let run = run_one(settings, Server::new().text("/m", 200, text));
    let value = |name| run.value("ml_server_value", &["t", name]);
    let all = ["all", "max", "min", "mean", "one"].map(value);
    assert_eq!(all, [Some(12.0), Some(8.0), Some(4.0), Some(6.0), Some(40.0)]);
    assert_eq!(run.verdict("scrape t").code, "value_low");
}

#[test]
fn a_metric_of_yours_that_is_gone_is_missed_and_one_of_the_presets_is_not() {
    let run = &sequence(vec![String::new()], json!({}))[0];
    assert_eq!(run.status("scrape t"), Status::Ok);
    let run = &sequence(vec![String::new()], json!({ "mine": { "metric": "nv_x" } }))[0];
    assert_eq!(run.verdict("scrape t").code, "metric_missing");
}

#[test]
fn every_preset_with_metrics_reads_those_it_names() {
    let with = System::ALL
        .into_iter()
        .map(System::preset)
        .filter(|preset| preset.scrape.is_some());
    for preset in with.filter(|preset| preset.name != "generic") {
        let api = preset.scrape.as_ref().unwrap();
        let lines = |value: u32| -> String {
            let mut names: Vec<&str> = api
                .picks
                .iter()
                .flat_map(|pick| [Some(pick.metric), pick.per])
                .flatten()
                .collect();
            names.sort_unstable();
            names.dedup();
            names
                .iter()
                .map(|name| format!("{name}{{model=\"m\"}} {value}\n"))
                .collect()
        };
        let path = api.path;
        let mut texts = [lines(1), lines(3)].into_iter();
        let server = Server::new().answering(move |request| {
            assert!(request.url.ends_with(path), "{}", request.url);
            (200, texts.next().unwrap())
        });
        let mut fake = Fake::new().with_http(server.into_answer());
        let settings = json!({ "scrape": { "t": { "url": "http://server/", "preset": preset.name } } });
        let _ = fake.run::<MlPipeline>(settings.clone());
        let run = fake.run::<MlPipeline>(settings);
        for pick in api.picks {
            assert!(
                run.value("ml_server_value", &["t", pick.name]).is_some(),
                "{} {}",
                preset.name,
                pick.name
            );
        }
        let down = json!({ "scrape": { "t": { "url": "http://server/", "preset": preset.name } } });
        let run = run_one(down, Server::new().answering(|_| (500, String::new())));
        assert_eq!(run.verdict("scrape t").code, "unexpected_status");
    }
}
