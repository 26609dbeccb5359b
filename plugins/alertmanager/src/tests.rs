//! The plugin as the host runs it, on the fake one.

use bellwether_sdk::{
    fake::{
        Fake, Sent, answer, assert_forwarder_readme, assert_receivers, describe_forwarder, json,
        news::{alert, alerts, notification, resolved},
        no_answer,
    },
    http,
};
use serde_json::Value;

use crate::Alertmanager;

/// What each member answers; 0: nothing.
fn host(members: &[(&'static str, u16)]) -> (Fake, Sent) {
    let answers: Vec<(&str, u16)> = members.to_vec();
    let (mut fake, sent) = Fake::new().with_recorded_http(move |request| {
        let member = request.connection.as_deref();
        let (_, status) = answers
            .iter()
            .find(|(name, _)| Some(*name) == member)
            .expect("a member");
        match status {
            0 => Err(no_answer(http::Error::Connect("refused".to_owned()))),
            status => Ok(answer(*status, "")),
        }
    });
    for (name, _) in members {
        fake = fake.with_connection(name, "http", "http://alertmanager.example.com:9093/");
    }
    (fake, sent)
}

fn bodies(sent: &Sent) -> Vec<Value> {
    let sent = sent.borrow();
    sent.iter()
        .map(|request| serde_json::from_slice(&request.body).expect("JSON"))
        .collect()
}

#[test]
fn firing_alerts_end_ahead_and_resolved_ones_when_they_did() {
    let (mut fake, sent) = host(&[("default", 200)]);
    let mut firing = alert("Down");
    firing.labels.set("empty", "");
    firing.generator_url = "https://prometheus.example.com/graph".to_owned();
    let mut odd = resolved("Down");
    odd.generator_url = "no url".to_owned();
    let delivery = fake.deliver::<Alertmanager>(json!({}), notification(vec![firing, odd]));
    assert_eq!(delivery.taken().get("members"), Some("1 of 1"));
    assert_eq!(sent.borrow()[0].url, "api/v2/alerts");
    let labels = json!({ "alertname": "Down", "severity": "warning" });
    let annotations = json!({ "summary": "something is wrong" });
    assert_eq!(
        bodies(&sent),
        [json!([
            {
                "labels": labels,
                "annotations": annotations,
                "startsAt": "2026-01-01T00:00:00.000Z",
                "endsAt": "2026-01-01T00:04:00.000Z",
                "generatorURL": "https://prometheus.example.com/graph",
            },
            {
                "labels": labels,
                "annotations": annotations,
                "startsAt": "2026-01-01T00:00:00.000Z",
                "endsAt": "2026-01-01T00:00:00.000Z",
            },
        ])],
        "an end in the future would be one that fires"
    );
}

#[test]
fn the_end_moves_on_with_each_refresh() {
    let (mut fake, sent) = host(&[("default", 200)]);
    let news = notification(vec![alert("Down")]);
    fake.deliver::<Alertmanager>(json!({ "valid_for_seconds": 120 }), news.clone());
    fake.advance(std::time::Duration::from_secs(60));
    fake.deliver::<Alertmanager>(json!({ "valid_for_seconds": 120 }), news);
    let ends: Vec<Value> = bodies(&sent).iter().map(|body| body[0]["endsAt"].clone()).collect();
    assert_eq!(
        ends,
        [json!("2026-01-01T00:02:00.000Z"), json!("2026-01-01T00:03:00.000Z")]
    );
    let described = format!("{:?}", describe_forwarder::<Alertmanager>());
    assert!(described.contains(r#"("refresh", "1m")"#), "{described}");
}

#[test]
fn every_member_hears_of_every_alert_in_batches() {
    for (count, batches) in [(1, 1), (50, 1), (5_000, 20)] {
        let one = "http://alertmanager-0.example.com:9093/";
        let (mut fake, sent) = host(&[("default", 200), (one, 200)]);
        let delivery = fake.deliver::<Alertmanager>(json!({ "members": [one] }), notification(alerts("Down", count)));
        assert_eq!(delivery.taken().get("members"), Some("2 of 2"));
        assert_eq!(sent.borrow().len(), 2 * batches, "{count}");
        for member in ["default", one] {
            let sent = sent.borrow();
            let of_member = sent
                .iter()
                .filter(|request| request.connection.as_deref() == Some(member));
            let alerts: usize = of_member
                .map(|request| serde_json::from_slice::<Vec<Value>>(&request.body).expect("JSON").len())
                .inspect(|alerts| assert!(*alerts <= 256))
                .sum();
            assert_eq!(alerts, count, "{member}");
        }
    }
}

#[test]
fn one_member_is_enough_and_the_others_are_told_of_in_the_log() {
    let (mut fake, _) = host(&[("default", 200), ("second", 0), ("third", 500)]);
    let delivery = fake.deliver::<Alertmanager>(json!({}), notification(vec![alert("Down")]));
    assert_eq!(delivery.taken().get("members"), Some("1 of 3"));
    assert_eq!(delivery.logs.len(), 2);
}

#[test]
fn without_any_member_it_is_tried_again_as_long_as_that_can_help() {
    let failed = |members: &[(&'static str, u16)]| {
        let (mut fake, _) = host(members);
        fake.deliver::<Alertmanager>(json!({}), notification(vec![alert("Down")]))
            .failure()
            .clone()
    };
    assert!(failed(&[("default", 400), ("second", 401)]).is_permanent());
    assert!(!failed(&[("default", 400), ("second", 500)]).is_permanent());
    assert!(!failed(&[("default", 0)]).is_permanent());
    let none = failed(&[]);
    assert!(none.is_permanent() && none.message().contains("`members`"), "{none}");
}

#[test]
fn a_label_arrives_as_it_is_and_cannot_name_a_secret() {
    let label = "<!channel> @everyone <img src=x> {{secret:key}}";
    let (mut fake, sent) = host(&[("default", 200)]);
    let mut one = alert("Down");
    one.labels.set("who", label);
    fake.deliver::<Alertmanager>(json!({}), notification(vec![one]));
    assert_eq!(bodies(&sent)[0][0]["labels"]["who"], json!(label));
    let raw = String::from_utf8(sent.borrow()[0].body.clone()).expect("text");
    assert!(!raw.contains("{{secret:"), "{raw}");
}

#[test]
fn readme_and_sample_tell_the_truth() {
    assert_forwarder_readme::<Alertmanager>(include_str!("../README.md"));
    let sample: Value = toml::from_str(include_str!("../sample.toml")).expect("TOML");
    assert_receivers(&sample, |settings| {
        let (mut fake, _) = host(&[("http://alertmanager-0:9093/", 200), ("default", 200)]);
        fake.deliver::<Alertmanager>(settings, notification(vec![alert("Down")]))
    });
}
