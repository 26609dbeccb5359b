use proptest::prelude::*;

use super::*;

fn moment(text: &str) -> Timestamp {
    let at: Moment = text.parse().expect("a timestamp");
    Timestamp::from_nanos(u64::try_from(at.as_nanosecond()).expect("after 1970"))
}

fn fires(expression: &str, zone: &str, from: &str, count: usize) -> Vec<String> {
    let cron = Cron::parse(expression, zone).expect("valid");
    let mut at = moment(from);
    (0..count)
        .map_while(|_| {
            at = cron.next_after(at)?;
            Some(at.to_string().replace(":00.000Z", "Z"))
        })
        .collect()
}

fn refused(expression: &str) -> String {
    Cron::parse(expression, "UTC").expect_err(expression).to_string()
}

#[test]
fn steps_lists_ranges_and_names_are_read() {
    assert_eq!(
        fires("*/20 9-10,12 * * mon-fri", "UTC", "2024-03-01T10:30:00Z", 5),
        [
            "2024-03-01T10:40Z",
            "2024-03-01T12:00Z",
            "2024-03-01T12:20Z",
            "2024-03-01T12:40Z",
            "2024-03-04T09:00Z"
        ]
    );
    assert_eq!(
        fires("5 4 * JUN,12 *", "UTC", "2024-06-30T12:00:00Z", 1),
        ["2024-12-01T04:05Z"]
    );
    assert_eq!(
        fires("@weekly", "UTC", "2024-03-01T00:00:00Z", 1),
        ["2024-03-03T00:00Z"]
    );
    for sunday in ["0 0 * * 0", "0 0 * * 7", "0 0 * * SUN", "0 0 * * sun", "0 0 * * */7"] {
        assert_eq!(
            fires(sunday, "UTC", "2024-03-01T00:00:00Z", 1),
            ["2024-03-03T00:00Z"],
            "{sunday}"
        );
    }
    assert_eq!(
        fires("0 0 * * sat-sun", "UTC", "2024-03-01T00:00:00Z", 3),
        ["2024-03-02T00:00Z", "2024-03-03T00:00Z", "2024-03-09T00:00Z"]
    );
}

#[test]
fn two_restricted_day_fields_match_either_of_them() {
    assert_eq!(
        fires("0 0 13 * FRI", "UTC", "2024-09-01T00:00:00Z", 3),
        ["2024-09-06T00:00Z", "2024-09-13T00:00Z", "2024-09-20T00:00Z"]
    );
    assert_eq!(
        fires("0 0 */2 * MON", "UTC", "2024-09-01T00:00:00Z", 2),
        ["2024-09-09T00:00Z", "2024-09-23T00:00Z"],
        "a field that starts with a star narrows"
    );
}

#[test]
fn rare_dates_are_found_and_impossible_ones_refused() {
    assert_eq!(
        fires("0 0 29 2 *", "UTC", "2096-03-01T00:00:00Z", 1),
        ["2104-02-29T00:00Z"]
    );
    assert_eq!(
        fires("0 0 29 2 */7", "UTC", "2088-03-01T00:00:00Z", 1),
        ["2128-02-29T00:00Z"]
    );
    assert!(refused("0 0 30 2 *").contains("never runs: no month among `2` has a day `30`"));
    assert!(refused("0 0 31 4,6,9,11 *").contains("never runs"));
    assert!(Cron::parse("0 0 30 2 MON", "UTC").is_ok(), "Mondays of February exist");
}

#[test]
fn what_is_wrong_is_said_with_its_field() {
    let cases = [
        ("* * * *", "five fields"),
        ("60 * * * *", "minute: `60` is not a number from 0 to 59"),
        ("* 24 * * *", "hour: `24`"),
        ("* * 0 * *", "day of month: `0` is not a number from 1 to 31"),
        (
            "* * * foo *",
            "month: `foo` is not a number from 1 to 12, or JAN to DEC",
        ),
        ("* * * * 8", "day of week: `8`"),
        ("*/0 * * * *", "minute: `*/0` has no usable step"),
        ("5/10 * * * *", "needs a range before the step, such as `5-59/…`"),
        ("10-5 * * * *", "runs backwards; write `10-59,0-5`"),
        ("1,,2 * * * *", "minute: `` has a part that is empty"),
        ("+5 * * * *", "minute: `+5` is not a number"),
        ("@reboot", "every check runs once at start"),
        ("@often", "`@often` is not known"),
    ];
    for (expression, wanted) in cases {
        let said = refused(expression);
        assert!(said.contains(wanted), "{expression}: {said}");
    }
    let zone = Cron::parse("* * * * *", "Mars/Olympus")
        .expect_err("no such zone")
        .to_string();
    assert!(zone.contains("`Mars/Olympus` is not known"), "{zone}");
}

#[test]
fn a_skipped_local_time_runs_at_the_instant_of_the_change() {
    // Berlin: 02:00 becomes 03:00 at 01:00 UTC on 31 March 2024.
    assert_eq!(
        fires("30 2 * * *", "Europe/Berlin", "2024-03-30T12:00:00Z", 2),
        ["2024-03-31T01:00Z", "2024-04-01T00:30Z"]
    );
    // A whole hour of skipped minutes is one run.
    assert_eq!(
        fires("*/15 2 * * *", "Europe/Berlin", "2024-03-30T12:00:00Z", 2),
        ["2024-03-31T01:00Z", "2024-04-01T00:00Z"]
    );
    // New York: 02:00 becomes 03:00 at 07:00 UTC on 10 March 2024.
    assert_eq!(
        fires("15 2,3 * * *", "America/New_York", "2024-03-10T00:00:00Z", 3),
        ["2024-03-10T07:00Z", "2024-03-10T07:15Z", "2024-03-11T06:15Z"]
    );
    // Lord Howe moves by half an hour: 02:00 becomes 02:30 at 15:30 UTC on 5 October 2024.
    assert_eq!(
        fires("15 2 * * *", "Australia/Lord_Howe", "2024-10-05T00:00:00Z", 2),
        ["2024-10-05T15:30Z", "2024-10-06T15:15Z"]
    );
}

#[test]
fn a_repeated_local_time_runs_once() {
    // Berlin: 03:00 becomes 02:00 at 01:00 UTC on 27 October 2024.
    assert_eq!(
        fires("30 2 * * *", "Europe/Berlin", "2024-10-26T12:00:00Z", 2),
        ["2024-10-27T00:30Z", "2024-10-28T01:30Z"]
    );
    // New York: 02:00 becomes 01:00 at 06:00 UTC on 3 November 2024.
    assert_eq!(
        fires("30 1 * * *", "America/New_York", "2024-11-03T00:00:00Z", 2),
        ["2024-11-03T05:30Z", "2024-11-04T06:30Z"]
    );
    // Lord Howe: 02:00 becomes 01:30 at 15:00 UTC on 6 April 2024.
    assert_eq!(
        fires("45 1 * * *", "Australia/Lord_Howe", "2024-04-06T00:00:00Z", 2),
        ["2024-04-06T14:45Z", "2024-04-07T15:15Z"]
    );
}

#[test]
fn an_expression_for_every_hour_keeps_its_rhythm_through_a_repeated_hour() {
    assert_eq!(
        fires("*/30 * * * *", "Europe/Berlin", "2024-10-26T23:45:00Z", 5),
        [
            "2024-10-27T00:00Z",
            "2024-10-27T00:30Z",
            "2024-10-27T01:00Z",
            "2024-10-27T01:30Z",
            "2024-10-27T02:00Z"
        ]
    );
}

#[test]
fn seconds_within_a_minute_do_not_repeat_it() {
    assert_eq!(
        fires("* * * * *", "UTC", "2024-03-01T10:30:00.5Z", 1),
        ["2024-03-01T10:31Z"]
    );
    assert_eq!(
        fires("* * * * *", "UTC", "2024-03-01T10:29:59.999Z", 1),
        ["2024-03-01T10:30Z"]
    );
}

/// The rules again, minute by minute and without any of the machinery above.
fn brute_force(cron: &Cron, at: Timestamp, minutes: u64) -> Option<Timestamp> {
    let local = |minute: u64| {
        let moment = Moment::from_second(i64::try_from(minute * 60).expect("in range")).expect("in range");
        cron.zone.to_datetime(moment)
    };
    let matches = |time: DateTime| {
        let fields = &cron.fields;
        let day = fields.days >> time.day() & 1 == 1;
        let weekday = fields.weekdays >> time.weekday().to_sunday_zero_offset() & 1 == 1;
        let date = if fields.both_day_fields {
            day && weekday
        } else {
            day || weekday
        };
        date && fields.months >> time.month() & 1 == 1
            && fields.hours >> time.hour() & 1 == 1
            && fields.minutes >> time.minute() & 1 == 1
    };
    let first = at.as_nanos() / 60_000_000_000 + 1;
    (first..first + minutes)
        .find(|&minute| {
            let now = local(minute);
            let mut skipped = local(minute - 1) + jiff::SignedDuration::from_mins(1);
            let mut skipped_match = false;
            while skipped < now {
                skipped_match |= matches(skipped);
                skipped += jiff::SignedDuration::from_mins(1);
            }
            let repeated = || cron.fields.hours != EVERY_HOUR && (1..=120).any(|back| local(minute - back) == now);
            skipped_match || (matches(now) && !repeated())
        })
        .map(|minute| Timestamp::from_seconds(minute * 60))
}

fn some_field(first: u8, last: u8) -> impl Strategy<Value = String> {
    let span = last - first;
    prop_oneof![
        3 => Just("*".to_owned()),
        1 => (1..=span).prop_map(|step| format!("*/{step}")),
        2 => (first..=last).prop_map(|value| value.to_string()),
        2 => (first..=last, first..=last).prop_map(|(a, b)| format!("{}-{}", a.min(b), a.max(b))),
        1 => (first..=last, first..=last, 1..=span)
            .prop_map(|(a, b, step)| format!("{}-{}/{step},{b}", a.min(b), a.max(b))),
    ]
}

const DAYS_COMPARED: u64 = 12;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn next_after_agrees_with_trying_every_minute(
        minute in some_field(0, 59),
        hour in some_field(0, 23),
        day in some_field(1, 31),
        weekday in some_field(0, 7),
        zone in prop::sample::select(vec!["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
        // Around the changes of 2024 in all three zones, and anywhere.
        around in prop::sample::select(vec![1_710_054_000u64, 1_711_846_800, 1_712_415_600, 1_728_142_200, 1_729_990_800,
            1_730_613_600, 1_720_000_000]),
        before in 0u64..200_000,
    ) {
        let cron = Cron::parse(&format!("{minute} {hour} {day} * {weekday}"), zone).expect("valid");
        let at = Timestamp::from_seconds(around - before);
        let minutes = DAYS_COMPARED * 24 * 60;
        let expected = brute_force(&cron, at, minutes);
        let found = cron.next_after(at).filter(|found| found.since(at) < std::time::Duration::from_secs(minutes * 60));
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn a_field_means_what_it_says(low in 0u64..60, width in 0u64..60, step in 1u64..60) {
        let high = (low + width).min(59);
        let cron = Cron::parse(&format!("{low}-{high}/{step} * * * *"), "UTC").expect("valid");
        for minute in 0..60 {
            let expected = minute >= low && minute <= high && (minute - low) % step == 0;
            prop_assert_eq!(cron.fields.minutes >> minute & 1 == 1, expected);
        }
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,40}") {
        let _ = Cron::parse(&text, "UTC");
    }
}

#[test]
fn every_field_that_is_wrong_is_named_at_once() {
    let said = refused("99 25 * * *");
    assert!(said.contains("minute: `99`") && said.contains("hour: `25`"), "{said}");
}
