//! The logic, natively, on the fake host.

use bellwether_sdk::{
    Status,
    fake::{Fake, json},
};

use super::*;

/// 2027-03-01 12:00 UTC.
const NOON: u64 = 1_803_902_400;

#[test]
fn a_deadline_turns_from_ok_to_warning_to_critical() {
    let mut fake = Fake::new().with_scheduled_at_unix(NOON);
    let run = fake.run::<Deadlines>(json!({ "deadlines": [
        { "name": "domain", "date": "2027-12-31" },
        { "name": "contract", "date": "2027-03-04" },
        { "name": "certificate", "date": "2027-03-01" },
    ]}));
    assert_eq!(run.status("domain"), Status::Ok);
    assert_eq!(run.verdict("contract").summary, "2 days left, until 2027-03-04");
    assert_eq!(run.verdict("certificate").code, "passed");
    assert_eq!(
        run.value("deadline_remaining_seconds", &["certificate"]),
        Some(-43_200.0)
    );
}

#[test]
fn a_date_that_does_not_exist_is_the_users_to_mend() {
    let settings = json!({ "deadlines": [{ "name": "leap day", "date": "2027-02-29" }] });
    let run = Fake::new().run::<Deadlines>(settings);
    assert_eq!(run.failure().message(), "`2027-02-29` is not a date");
}

#[test]
fn days_are_counted_as_the_calendar_does() {
    assert_eq!(unix_day("1970-01-01"), Some(0));
    assert_eq!(unix_day("2000-03-01"), Some(11_017));
    assert_eq!(unix_day("2027-03-01"), Some(20_878));
    assert_eq!(unix_day("2028-02-29"), Some(21_243));
    for none in [
        "2027-02-29",
        "2027-04-31",
        "2027-13-01",
        "2027-00-01",
        "2027-01-00",
        "1969-12-31",
        "2027-01",
        "tomorrow",
    ] {
        assert_eq!(unix_day(none), None, "{none}");
    }
}
