//! What somebody reads who was woken.

use std::sync::Arc;

use bellwether_promql::labels::Labels;

use crate::{
    alert::ResolveCause,
    deliver::{
        outgoing::{Outgoing, TEXT_BYTES_WHOLE, Templates, Writer},
        redact::{Hiding, KEY_BYTES, Key},
        samples::{NIGHT, message, news},
    },
    dispatch::{Message, News, NewsReason},
    rule::NoticeTemplate,
    secret::Redactor,
};

fn write(message: &Message, templates: Templates) -> Outgoing {
    let writer = Writer {
        templates,
        hiding: Hiding::new(&[], Key::new([0; KEY_BYTES]), Redactor::default()),
        external_url: "https://watch.example.com".into(),
        text_bytes: TEXT_BYTES_WHOLE,
    };
    writer.write(message)
}

fn backlog(queue: &str) -> News {
    let mut backlog = news(&[
        ("alertname", "QueueBackingUp"),
        ("queue", queue),
        ("severity", "critical"),
    ]);
    backlog
        .annotations
        .insert("summary".into(), "142 reservations wait".into());
    backlog
        .annotations
        .insert("runbook_url".into(), "https://wiki.example.com/queues".into());
    backlog.generator_url = "https://watch.example.com/graph?g0.expr=x".into();
    backlog.details = [
        ("check", "reservations"),
        ("target", "celery"),
        ("status", "critical"),
        ("code", "backlog"),
        ("summary", "142 jobs wait, the oldest for 6 min"),
        ("since", "2026-11-28 02:52:30 UTC"),
    ]
    .map(|(name, value)| (name.into(), value.into()))
    .to_vec();
    backlog
}

fn over(mut news: News, cause: ResolveCause) -> News {
    (news.is_firing, news.was_told) = (false, true);
    (news.ends_at, news.cause) = (Some(NIGHT), Some(cause));
    news
}

#[test]
fn one_firing_alert_says_what_since_when_why_and_where_to_look() {
    let sent = write(&message(vec![backlog("reservations")]), Templates::default());
    assert_eq!(sent.title, "FIRING critical: QueueBackingUp: 142 reservations wait");
    insta::assert_snapshot!(sent.text, @r"
    FIRING QueueBackingUp (critical)
    142 reservations wait
    Value 142, since 2026-11-28 02:53:00 UTC (7m)
    Check reservations target celery is critical: 142 jobs wait, the oldest for 6 min (code backlog, since 2026-11-28 02:52:30 UTC)
    queue=reservations, severity=critical
    runbook_url: https://wiki.example.com/queues
    https://watch.example.com/graph?g0.expr=x

    Sent by Bellwether: https://watch.example.com
    ");
}

#[test]
fn a_resolved_alert_says_why_it_is_over_and_not_that_it_still_is_bad() {
    for (cause, words) in [
        (ResolveCause::Condition, "its condition no longer holds"),
        (ResolveCause::NoData, "nobody knows whether all is well"),
        (ResolveCause::RuleRemoved, "its rule is no longer configured"),
        (ResolveCause::Expired, "missing for too long"),
        (ResolveCause::Sender, "whoever reported it says"),
        (ResolveCause::SenderSilent, "whoever reported it is silent"),
    ] {
        let sent = write(&message(vec![over(backlog("mail"), cause)]), Templates::default());
        assert_eq!(sent.title, "RESOLVED: QueueBackingUp (queue=mail, severity=critical)");
        assert!(sent.text.contains(words), "{}", sent.text);
        assert!(sent.text.contains("It was: 142 reservations wait"), "{}", sent.text);
        assert!(sent.text.contains("(7m)"), "{}", sent.text);
    }
}

#[test]
fn a_mixed_group_counts_both_and_firing_ones_come_first() {
    let alerts = vec![over(backlog("a"), ResolveCause::Condition), backlog("b"), backlog("c")];
    let mut mixed = message(alerts);
    mixed.reason = NewsReason::Changed;
    mixed.group_labels = Labels::new([("alertname", "QueueBackingUp"), ("team", "booking")]);
    let sent = write(&mixed, Templates::default());
    assert_eq!(
        sent.title,
        "FIRING critical (2), RESOLVED (1): QueueBackingUp (team=booking)"
    );
    let place = |text: &str| {
        sent.text
            .find(text)
            .unwrap_or_else(|| panic!("{text} in {}", sent.text))
    };
    assert!(place("queue=b") < place("queue=c") && place("queue=c") < place("queue=a"));
    assert!(sent.text.starts_with("All of them: severity=critical"));
}

#[test]
fn what_fired_and_was_over_while_nobody_could_be_told_says_so() {
    let mut passed = over(backlog("a"), ResolveCause::Condition);
    passed.was_told = false;
    let mut passed = message(vec![passed]);
    passed.reason = NewsReason::Passed;
    let sent = write(&passed, Templates::default());
    assert!(
        sent.title.starts_with("FIRED AND OVER: QueueBackingUp"),
        "{}",
        sent.title
    );
    assert!(
        sent.text
            .starts_with("This fired and was over before you could be told")
    );
    assert!(sent.text.contains("you were not told while it fired"));
}

#[test]
fn a_repetition_and_a_test_cannot_be_taken_for_news() {
    let mut again = message(vec![backlog("a")]);
    again.reason = NewsReason::Repeat;
    assert!(
        write(&again, Templates::default())
            .title
            .starts_with("STILL FIRING critical: ")
    );
    let mut test = message(Vec::new());
    test.reason = NewsReason::Test;
    let sent = write(&test, Templates::default());
    assert_eq!(sent.title, "TEST: this is how receiver ops is told");
    assert!(sent.text.starts_with("This is a test: nothing is wrong."));
}

fn crash(said: &str) -> News {
    let mut crash = news(&[("alertname", "NewCrash"), ("severity", "error"), ("source", "shop")]);
    (crash.value, crash.details) = (None, vec![("id".into(), "crash/shop/7".into())]);
    let summary = format!("New crash in shop: {said} (shop@1, production, app.login.check)");
    crash.annotations.insert("summary".into(), summary.into());
    crash.annotations.insert("culprit".into(), "app.login.check".into());
    crash
}

#[test]
fn what_happened_once_is_called_by_what_it_is_and_neither_fires_nor_is_over() {
    let mut once = message(vec![crash("ValueError: no user 7")]);
    once.reason = NewsReason::Occurred;
    let sent = write(&once, Templates::default());
    assert_eq!(
        sent.title,
        "New crash in shop: ValueError: no user 7 (shop@1, production, app.login.check)"
    );
    insta::assert_snapshot!(sent.text, @r"
    NewCrash (error)
    New crash in shop: ValueError: no user 7 (shop@1, production, app.login.check)
    At 2026-11-28 02:53:00 UTC
    severity=error, source=shop
    culprit: app.login.check

    Sent by Bellwether: https://watch.example.com
    ");
    assert_eq!(sent.thread, once.id.to_string(), "nothing follows it");
}

#[test]
fn several_that_happened_are_counted_and_told_one_by_one() {
    let mut once = message(vec![crash("ValueError: no user 7"), crash("KeyError: 'a'")]);
    once.reason = NewsReason::Occurred;
    let sent = write(&once, Templates::default());
    assert_eq!(sent.title, "2 events: NewCrash");
    assert!(
        sent.text.contains("KeyError") && sent.text.contains("no user 7"),
        "{}",
        sent.text
    );
    assert!(!sent.text.contains("FIRING"), "{}", sent.text);
    once.alerts = vec![crash("x"); 100].into();
    let sent = write(&once, Templates::default());
    assert!(sent.text.contains("… and 50 more."), "{}", sent.text);
    let mut bare = message(vec![news(&[("alertname", "Once"), ("n", "1")])]);
    bare.reason = NewsReason::Occurred;
    assert_eq!(write(&bare, Templates::default()).title, "EVENT Once (n=1)");
}

#[test]
fn five_thousand_alerts_are_bounded_and_counted() {
    let mut alerts: Vec<News> = (0..5_000).map(|at| backlog(&format!("q{at}"))).collect();
    for news in &mut alerts[..100] {
        *news = over(news.clone(), ResolveCause::NoData);
        news.annotations
            .insert("description".into(), "x".repeat(100_000).into());
    }
    let sent = write(&message(alerts), Templates::default());
    assert!(sent.title.chars().count() <= 250);
    assert!(
        sent.title.contains("FIRING critical (4,900), RESOLVED (100)"),
        "{}",
        sent.title
    );
    assert!(
        sent.text.contains("… and 4,950 more: 4,850 firing, 100 resolved."),
        "{}",
        sent.text
    );
    assert!(sent.text.len() < 64 * 1024);
}

#[test]
fn a_receivers_own_words_are_used_and_see_every_field() {
    let title = "{{ .Status | toUpper }} {{ .CommonLabels.alertname }} x{{ .NumFiring }}";
    let text = "{{ range .Firing }}{{ .Labels.queue }}: {{ .Annotations.summary }}, {{ .Value }}, {{ .StartsAt }}, \
        {{ .Duration }}, {{ .Details.code }}\n{{ end }}{{ range .Resolved }}{{ .Cause }}{{ end }}";
    let templates = Templates {
        title: Some(NoticeTemplate::parse(title).unwrap()),
        text: Some(NoticeTemplate::parse(text).unwrap()),
    };
    let alerts = vec![backlog("a"), over(backlog("b"), ResolveCause::RuleRemoved)];
    let sent = write(&message(alerts), templates);
    assert_eq!(sent.title, "FIRING QueueBackingUp x1");
    assert_eq!(
        sent.text,
        "a: 142 reservations wait, 142, 2026-11-28T02:53:00Z, 7m, backlog\nits rule is no longer configured"
    );
    assert!(sent.has_own_text && sent.template_problem.is_none());
}

#[test]
fn a_template_that_fails_sends_the_default_and_says_so() {
    let templates = Templates {
        title: Some(NoticeTemplate::parse("{{ .Status }}").unwrap()),
        text: Some(NoticeTemplate::parse(r#"{{ query "up" }}"#).unwrap()),
    };
    let sent = write(&message(vec![backlog("a")]), templates);
    assert_eq!(sent.title, "firing");
    assert!(
        sent.text.starts_with("FIRING QueueBackingUp (critical)"),
        "{}",
        sent.text
    );
    assert!(
        sent.text.contains("the template `text` of receiver `ops` failed"),
        "{}",
        sent.text
    );
    assert!(sent.template_problem.is_some());
}

#[test]
fn a_template_over_five_thousand_alerts_stays_within_the_engines_limits() {
    let text = "{{ range .Alerts }}{{ .Labels.queue }}{{ .Status }}{{ .StartsAt }}{{ .EndsAt }}{{ end }} {{ .TruncatedAlerts }}";
    let templates = Templates {
        text: Some(NoticeTemplate::parse(text).unwrap()),
        ..Templates::default()
    };
    let alerts: Vec<News> = (0..5_000).map(|at| backlog(&format!("q{at}"))).collect();
    let sent = write(&message(alerts), templates);
    assert!(sent.text.ends_with(" 4900"), "{}", sent.text);
}

#[test]
fn the_same_message_is_written_the_same_at_every_attempt() {
    let first = message(vec![backlog("a"), backlog("b")]);
    let again = Message {
        attempts: 7,
        not_before: NIGHT + 60_000,
        ..first.clone()
    };
    let (first, again) = (write(&first, Templates::default()), write(&again, Templates::default()));
    assert_eq!(
        (first.title, first.text, first.thread),
        (again.title, again.text, again.thread)
    );
}

#[test]
fn a_thread_is_the_groups_and_of_no_other_receiver() {
    let one = message(vec![backlog("a")]);
    let mut later = one.clone();
    later.sequence = 9;
    let mut other = one.clone();
    other.receiver = Arc::from("mail");
    let thread = |message: &Message| write(message, Templates::default()).thread;
    assert_eq!(thread(&one), thread(&later));
    assert_ne!(thread(&one), thread(&other));
}

#[test]
fn what_is_silenced_and_fires_on_is_not_said_to_be_over() {
    let mut changed = message(vec![over(backlog("a"), ResolveCause::Condition)]);
    changed.reason = NewsReason::Changed;
    changed.withheld = 2;
    let sent = write(&changed, Templates::default());
    assert!(sent.title.starts_with("RESOLVED, others silenced: "), "{}", sent.title);
    assert!(sent.text.contains("2 more that you know of fire on"), "{}", sent.text);
}
