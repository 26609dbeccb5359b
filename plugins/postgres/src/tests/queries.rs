//! Queries of one's own.

use bellwether_sdk::{
    Status,
    fake::{Fake, json},
    postgres::Rows,
    report::Points,
};
use serde_json::Value;

use super::{Answered, but, family, healthy, refused, rows, run_with, verdict};
use crate::Postgres;

fn custom(more: impl Into<Value>) -> Value {
    let more: Value = more.into();
    let mut query = json!({ "name": "orders", "sql": "SELECT 1", "labels": ["status"], "metrics": { "rows": {} } });
    for (name, value) in more.as_object().into_iter().flatten() {
        query[name] = value.clone();
    }
    json!({ "sections": [], "queries": [query] })
}

#[test]
fn rows_of_a_custom_query_become_samples() {
    let metrics =
        json!({ "rows": { "kind": "counter", "help": "Orders." }, "oldest": { "name": "orders_age_seconds" } });
    let run = run_with(custom(json!({ "metrics": metrics })), healthy);
    let rows = family(&run, "orders_rows_total");
    assert_eq!(
        (rows.help.as_str(), &rows.label_names[..]),
        ("Orders.", &["status".to_owned()][..])
    );
    assert!(matches!(rows.points, Points::Counter(_)));
    assert_eq!(run.value("orders_rows_total", &["paid"]), Some(4.0));
    assert_eq!(run.value("orders_age_seconds", &["new"]), Some(12.5));
    assert_eq!(run.value("orders_age_seconds", &["paid"]), None, "NULL is absent");
    assert_eq!(verdict(&run, "query orders"), (Status::Ok, "", "2 rows"));
}

#[test]
fn values_of_a_custom_query_have_thresholds() {
    let metrics = json!({ "rows": { "below": { "critical": 3.5 }, "above": { "warning": 4 } }, "oldest": {} });
    let run = run_with(custom(json!({ "metrics": metrics })), healthy);
    assert_eq!(
        verdict(&run, "query orders"),
        (Status::Critical, "query_threshold", "rows of new is 3, below 3.5")
    );
}

#[test]
fn rows_that_make_no_metrics_are_said() {
    for (more, said) in [
        (json!({ "metrics": { "gone": {} } }), "the result has no column `gone`"),
        (json!({ "labels": ["nowhere"] }), "the result has no column `nowhere`"),
        (
            json!({ "labels": [] }),
            "several rows have the same labels: the first alone counts",
        ),
        (
            json!({ "metrics": { "status": {} }, "labels": ["rows"] }),
            "column `status` holds `new`, which is no number",
        ),
    ] {
        let run = run_with(custom(more), healthy);
        assert_eq!(verdict(&run, "query orders"), (Status::Unknown, "query_rows", said));
    }
    let cut = |values: &[&[Option<&str>]]| {
        Ok(Rows {
            truncated: true,
            ..rows(&["status", "rows"], values)
        })
    };
    let run = but(custom(json!({})), "custom", cut(&[]));
    let (status, code, said) = verdict(&run, "query orders");
    assert_eq!((status, code), (Status::Unknown, "query_rows"));
    assert!(
        said.contains("larger than the host takes: none of its rows could be taken, select fewer"),
        "{said}"
    );
    let high = json!({ "metrics": { "rows": { "above": { "warning": 5 } } } });
    let run = but(custom(high), "custom", cut(&[&[Some("new"), Some("7")]]));
    let (status, code, said) = verdict(&run, "query orders");
    assert_eq!((status, code), (Status::Warning, "query_threshold"));
    assert!(said.contains("all rows after the first are missing"), "{said}");
    let two: &[&[Option<&str>]] = &[&[Some("new"), Some("7")], &[Some("old"), Some("8")]];
    let run = but(custom(json!({})), "custom", cut(two));
    let said = verdict(&run, "query orders").2;
    assert!(said.contains("all rows after the first 2 are missing"), "{said}");
    let none = but(custom(json!({})), "custom", Ok(rows(&[], &[])));
    assert_eq!(verdict(&none, "query orders"), (Status::Ok, "", "0 rows"));
}

#[test]
fn a_custom_query_that_is_refused_leaves_the_others() {
    let mut settings = custom(json!({}));
    let second = json!({ "name": "secret", "sql": "SELECT secret", "metrics": { "rows": {} } });
    settings["queries"].as_array_mut().expect("a list").push(second);
    let run = run_with(settings, |sql| match sql {
        "SELECT secret" => refused("42501", "permission denied for table secrets"),
        _ => healthy(sql),
    });
    assert_eq!(run.status("query orders"), Status::Ok);
    assert_eq!(
        (run.status("query secret"), run.verdict("query secret").code.as_str()),
        (Status::Unknown, "permission_missing")
    );
    let said = &run.verdict("query secret").summary;
    assert_eq!(
        said,
        "permission denied for table secrets: GRANT SELECT ON secrets TO \"watcher\""
    );
}

#[test]
fn queries_whose_labels_are_too_long_for_the_host_lose_their_metrics_and_no_verdict() {
    let query = |index: usize| json!({ "name": format!("q{index}"), "sql": "SELECT", "labels": ["l", "m"], "metrics": { "a": {} } });
    let queries: Vec<Value> = (0..10).map(query).collect();
    let answered = |sql: &str, _: &[Option<String>]| -> Answered {
        if sql != "SELECT" {
            return healthy(sql);
        }
        let label = |index: usize, fill: &str| Some(format!("{index}{}", fill.repeat(1_000)));
        let row = |index: usize| vec![Some("1".to_owned()), label(index, "x"), label(index, "y")];
        let mut result = rows(&["a", "l", "m"], &[]);
        result.values = (0..900).map(row).collect();
        Ok(result)
    };
    let mut fake = Fake::new().with_postgres(move |_, sql, parameters| answered(sql, parameters));
    let run = fake.run::<Postgres>(json!({ "sections": [], "queries": queries }));
    for index in 0..10 {
        assert_eq!(run.status(&format!("query q{index}")), Status::Ok);
    }
    let families = run.report().families().iter();
    let kept = families.filter(|family| family.name.starts_with('q')).count();
    assert!((1..10).contains(&kept), "{kept} of 10 stay");
    let line = run
        .logs
        .iter()
        .find(|line| line.message.contains("left out"))
        .expect("a line");
    assert!(
        line.fields
            .contains(&("series".to_owned(), ((10 - kept) * 900).to_string())),
        "{line:?}"
    );
}
