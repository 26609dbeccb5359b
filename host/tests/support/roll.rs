//! The roll of guests: which have no test, and which tests have no guest.

/// Guests that exist only as code in `support/guests.rs`, because a file of them would fit one engine version.
const WITHOUT_FILE: [&str; 1] = ["precompiled"];

/// A line for each guest without a test and for each test without a guest.
pub(crate) fn unmatched(guests: &[String], tests: &[&str]) -> Vec<String> {
    let untested = guests
        .iter()
        .filter(|guest| !tests.contains(&guest.as_str()))
        .map(|guest| {
            format!(
                "the guest `{guest}` has no test: add `async fn {guest}(bench)` to `guests!` in host/tests/sandbox.rs"
            )
        });
    let has_file = |test: &str| WITHOUT_FILE.contains(&test) || guests.iter().any(|guest| guest == test);
    let gone = tests.iter().filter(|test| !has_file(test)).map(|test| {
        format!("the test `{test}` has no guest: add one to host/tests/guests, or name it in `WITHOUT_FILE`")
    });
    untested.chain(gone).collect()
}

#[test]
fn a_guest_without_a_test_and_a_test_without_a_guest_are_named() {
    let guests = ["healthy", "stranger"].map(str::to_owned);
    let lines = unmatched(&guests, &["healthy", "precompiled", "ghost"]);
    assert_eq!(lines.len(), 2, "{lines:#?}");
    assert!(
        lines[0].contains("the guest `stranger` has no test: add `async fn stranger(bench)`"),
        "{}",
        lines[0]
    );
    assert!(lines[1].contains("the test `ghost` has no guest"), "{}", lines[1]);
}
