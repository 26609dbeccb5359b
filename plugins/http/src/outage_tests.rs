//! A day on which all of a thousand targets fail: what alerts count has to be counted then.

use bellwether_sdk::fake::{Fake, answer, json};

use crate::Http;

#[test]
fn runs_in_a_row_are_counted_of_a_thousand_targets_that_all_fail() {
    let address = |number: usize| format!("https://{number:04}.{}.example.com/health", "a".repeat(120));
    let targets: Vec<_> = (0..1_000).map(|number| json!({ "url": address(number) })).collect();
    let settings = json!({ "targets": targets });
    let mut fake = Fake::new().with_http(|request| Ok(answer(500, &request.url)));
    fake.run::<Http>(settings.clone());
    let second = fake.run::<Http>(settings);
    for number in [0, 500, 999] {
        let runs = second.value("http_probe_not_ok_runs", &[&address(number), "critical"]);
        assert_eq!(runs, Some(2.0), "{number}");
    }
}
