//! What happened once, step by step: who hears of it, when, and what becomes of it.

use super::{
    super::{
        message::NewsReason,
        occurrence::{Occurrence, OccurrenceError},
        settings::{GroupBy, Inhibit, ReceiverTraits, Route},
    },
    tests::{Host, M, S, refused, settings, timed_out, told},
    *,
};
use crate::{
    alert::{Annotations, Matcher, TimeInterval, times},
    clock::Timestamp,
    ingest::Crash,
};

const DELIVERED: Attempt = Attempt::Delivered { receipt: Vec::new() };

fn crash(number: u64) -> Occurrence {
    let crash = Crash {
        fingerprint: number,
        title: format!("ValueError: no user {number}"),
        culprit: "app.login.check".to_owned(),
        level: "error".to_owned(),
        release: "shop@1".to_owned(),
        environment: "production".to_owned(),
    };
    Occurrence::new_crash("shop", "1", &crash, Timestamp::from_seconds(1_699_999_000))
}

/// With one label besides its name.
fn plain(n: &str) -> Occurrence {
    Occurrence {
        labels: Labels::new([("alertname", "Once"), ("n", n)]),
        annotations: Annotations::new(),
        id: format!("once {n}").into(),
        ..crash(0)
    }
}

fn tell(host: &mut Host, occurrences: &[Occurrence]) -> Vec<&'static str> {
    let fates = host.core.tell(occurrences, host.now);
    host.settle();
    fates.iter().map(Fate::as_str).collect()
}

/// How far its message has come for each receiver.
fn hearings(host: &Host, id: &str) -> Vec<String> {
    let overview = host.core.overview(host.now);
    let row = overview.occurrences.iter().find(|row| *row.id == *id).unwrap();
    let hearings = row.hearings.iter();
    hearings
        .map(|hearing| format!("{} {}", hearing.receiver, hearing.telling.as_str()))
        .collect()
}

fn to_both() -> Settings {
    Settings {
        receivers: vec!["ops".into(), "mail".into()],
        ..settings()
    }
}

#[test]
fn a_new_crash_is_told_at_once_and_never_again_and_never_as_over() {
    let mut host = Host::new(settings());
    assert_eq!(tell(&mut host, &[crash(7)]), ["told"]);
    let message = host.take("ops").unwrap();
    assert_eq!((message.reason, message.created_at), (NewsReason::Occurred, host.now));
    assert!(message.journaled, "it is on disk before it is handed out");
    assert_eq!(
        message.group_labels.get("alertname").map(|name| &**name),
        Some("NewCrash")
    );
    let news = &message.alerts[0];
    assert_eq!(news.starts_at, 1_699_999_000_000, "when it happened");
    assert_eq!(
        &*news.annotations["summary"],
        "New crash in shop: ValueError: no user 7 (shop@1, production, app.login.check)"
    );
    host.report(&message, &DELIVERED);
    host.pass(30 * 60 * M);
    assert_eq!(host.take("ops"), None);
    let counts = host.core.counts(host.now);
    assert_eq!(counts, Counts::default(), "it is no alert, and nothing of it is left");
    let overview = host.core.overview(host.now);
    assert_eq!((overview.alerts.len(), overview.groups.len()), (0, 0));
    assert_eq!(hearings(&host, &crash(7).id), ["ops delivered"]);
    assert!(host.disk.load().messages.is_empty() && host.disk.load().groups.is_empty());
}

/// B14: error rate to Slack and email; B15: response time to Slack; B16: a new crash to Slack and email, at once.
#[test]
fn error_rates_response_times_and_new_crashes_go_where_their_routes_say() {
    let route = |matchers: &str, receivers: &[&str]| Route {
        matchers: Matcher::parse_list(matchers).unwrap(),
        receivers: Some(receivers.iter().map(|name| (*name).into()).collect()),
        group_wait: Some(30 * S),
        ..Route::default()
    };
    let mut settings = settings();
    settings.known.insert("slack".into(), ReceiverTraits::default());
    settings.routes = vec![
        route("kind=errors", &["slack", "mail"]),
        route("kind=latency", &["slack"]),
        route("alertname=NewCrash", &["slack", "mail"]),
    ];
    let mut host = Host::new(settings);
    host.fire("kind=errors");
    host.fire("kind=latency");
    assert_eq!(tell(&mut host, &[crash(7)]), ["told"]);
    let heard = |host: &mut Host, receiver: &str| std::iter::from_fn(|| host.deliver(receiver)).collect::<Vec<_>>();
    for receiver in ["slack", "mail"] {
        let at_once = heard(&mut host, receiver);
        assert_eq!(at_once.len(), 1, "{receiver}: {at_once:?}");
        assert!(at_once[0].starts_with("occurred +"), "{receiver}: {at_once:?}");
    }
    host.pass(30 * S);
    assert_eq!(heard(&mut host, "slack"), ["first +kinderrors", "first +kindlatency"]);
    assert_eq!(heard(&mut host, "mail"), ["first +kinderrors"]);
    assert_eq!(heard(&mut host, "ops"), [""; 0], "a route matched");
}

#[test]
fn the_same_twice_is_one_also_after_a_restart() {
    let mut host = Host::new(settings());
    assert_eq!(tell(&mut host, &[plain("1"), plain("1")]), ["told", "known"]);
    assert_eq!(host.deliver("ops").as_deref(), Some("occurred +n1"));
    assert_eq!(tell(&mut host, &[plain("1")]), ["known"]);
    host.restart(settings());
    assert_eq!(tell(&mut host, &[plain("1")]), ["known"]);
    assert_eq!(host.take("ops"), None);
    host.pass(super::super::chronicle::REMEMBERED + M);
    assert_eq!(host.disk.load().occurrences, [], "it is forgotten after a while");
    assert_eq!(tell(&mut host, &[plain("1")]), ["told"]);
}

#[test]
fn silences_and_inhibitions_keep_it_from_people_for_good() {
    let inhibit = Inhibit {
        source: Matcher::parse_list("alertname=A").unwrap(),
        target: Matcher::parse_list("n=2").unwrap(),
        equal: Vec::new(),
    };
    let mut host = Host::new(Settings {
        inhibitions: vec![inhibit],
        ..settings()
    });
    let silence = NewSilence {
        id: None,
        matchers: Matcher::parse_list("n=1").unwrap(),
        starts_at: host.now,
        ends_at: host.now + 10 * M,
        created_by: "me".into(),
        comment: "".into(),
    };
    let id = host.core.silence(&silence, host.now).unwrap();
    host.fire("i=1");
    assert_eq!(host.core.tell(&[plain("1")], host.now), [Fate::Silenced(id)]);
    assert_eq!(tell(&mut host, &[plain("2"), plain("3")]), ["inhibited", "told"]);
    assert_eq!(host.deliver("ops").as_deref(), Some("occurred +n3"));
    host.pass(20 * M);
    assert_eq!(tell(&mut host, &[plain("1"), plain("2")]), ["known", "known"]);
    let told: Vec<String> = std::iter::from_fn(|| host.deliver("ops")).collect();
    assert!(told.iter().all(|told| !told.starts_with("occurred")), "{told:?}");
}

#[test]
fn it_inhibits_nothing_and_is_in_no_group_of_alerts() {
    let inhibit = Inhibit {
        source: Matcher::parse_list("alertname=Once").unwrap(),
        target: Matcher::parse_list("alertname=A").unwrap(),
        equal: Vec::new(),
    };
    let mut host = Host::new(Settings {
        inhibitions: vec![inhibit],
        group_by: GroupBy::Labels(Vec::new()),
        ..settings()
    });
    tell(&mut host, &[plain("1")]);
    host.fire("i=1");
    host.pass(30 * S);
    assert_eq!(host.deliver("ops").as_deref(), Some("occurred +n1"));
    assert_eq!(host.deliver("ops").as_deref(), Some("first +i1"));
    host.end("i=1");
    host.pass(5 * M);
    assert_eq!(host.deliver("ops").as_deref(), Some("resolved -i1"));
}

#[test]
fn what_happens_in_the_same_instant_shares_a_message() {
    let mut host = Host::new(settings());
    let fates = host.core.tell(&[plain("1"), plain("2")], host.now);
    assert_eq!(fates, [Fate::Told, Fate::Told]);
    host.core.tell(&[plain("3")], host.now);
    host.settle();
    assert_eq!(host.deliver("ops").as_deref(), Some("occurred +n1 +n2 +n3"));
    assert_eq!(tell(&mut host, &[plain("4")]), ["told"]);
    assert_eq!(host.deliver("ops").as_deref(), Some("occurred +n4"));
}

#[test]
fn what_follows_waits_for_what_is_in_the_air_and_comes_in_order() {
    let mut host = Host::new(settings());
    tell(&mut host, &[plain("1")]);
    let first = host.take("ops").unwrap();
    tell(&mut host, &[plain("2")]);
    tell(&mut host, &[plain("3")]);
    assert_eq!(host.take("ops"), None, "one at a time");
    host.report(&first, &timed_out());
    host.pass(10 * S);
    let again = host.take("ops").unwrap();
    assert_eq!(
        (again.id, told(&again).as_str()),
        (first.id, "occurred +n1"),
        "it may be there"
    );
    host.report(&again, &DELIVERED);
    assert_eq!(host.deliver("ops").as_deref(), Some("occurred +n2 +n3"));
}

#[test]
fn a_receiver_that_is_down_hears_all_of_it_in_one_message() {
    let mut host = Host::new(to_both());
    tell(&mut host, &[plain("1")]);
    let first = host.take("ops").unwrap();
    tell(&mut host, &[plain("2")]);
    host.report(&first, &refused());
    tell(&mut host, &[plain("3")]);
    assert_eq!(host.take("ops"), None, "it is due in ten seconds");
    assert_eq!(host.core.counts(host.now).messages, 2, "one for each receiver");
    for _ in 0..5 {
        host.pass(10 * S);
        let message = host.take("ops").unwrap();
        assert_eq!(told(&message), "occurred +n1 +n2 +n3");
        host.report(&message, &refused());
    }
    host.pass(10 * S);
    assert_eq!(host.deliver("ops").as_deref(), Some("occurred +n1 +n2 +n3"));
    assert_eq!(
        host.deliver("mail").as_deref(),
        Some("occurred +n1 +n2 +n3"),
        "nobody asked before"
    );
    assert_eq!(host.disk.load().messages, []);
}

#[test]
fn a_refusal_for_good_is_set_aside_and_takes_nothing_along() {
    let mut host = Host::new(settings());
    tell(&mut host, &[plain("1")]);
    let first = host.take("ops").unwrap();
    tell(&mut host, &[plain("2")]);
    let gone = Attempt::Permanent {
        message: "410".to_owned(),
    };
    host.report(&first, &gone);
    assert_eq!(host.disk.dead.len(), 1);
    assert_eq!(hearings(&host, "once 1"), ["ops refused"]);
    assert_eq!(host.deliver("ops").as_deref(), Some("occurred +n2"));
    assert_eq!(hearings(&host, "once 2"), ["ops delivered"]);
}

fn with_nights() -> Settings {
    let mut settings = settings();
    // The world begins at 22:13:20 on a Tuesday.
    let night = times::Period {
        times: vec![times::TimeRange::parse("22:15-23:00", times::Dialect::Toml).unwrap()],
        ..times::Period::default()
    };
    settings.intervals = [("night".into(), TimeInterval { any: vec![night] })].into();
    settings.mute_times = vec!["night".into()];
    settings
}

#[test]
fn mute_times_hold_it_back_and_it_is_told_when_they_end() {
    let mut host = Host::new(with_nights());
    host.pass(2 * M);
    assert_eq!(tell(&mut host, &[plain("1")]), ["held"]);
    host.pass(10 * M);
    assert_eq!(tell(&mut host, &[plain("2")]), ["held"]);
    assert_eq!(host.take("ops"), None);
    host.restart(with_nights());
    host.pass(10 * M);
    assert_eq!(host.take("ops"), None, "also after a restart");
    // 22:59:59
    host.pass(24 * M + 39 * S);
    assert_eq!(host.take("ops"), None);
    host.pass(S);
    assert_eq!(host.deliver("ops").as_deref(), Some("occurred +n1 +n2"));
    assert_eq!(hearings(&host, "once 1"), ["ops delivered"]);
}

#[test]
fn what_did_not_arrive_before_a_mute_time_waits_for_its_end() {
    let mut host = Host::new(with_nights());
    tell(&mut host, &[plain("1")]);
    let message = host.take("ops").unwrap();
    host.pass(2 * M);
    host.report(&message, &timed_out());
    host.pass(10 * M);
    assert_eq!(host.take("ops"), None);
    host.core.configure(settings(), host.now);
    host.settle();
    assert_eq!(
        host.deliver("ops").as_deref(),
        Some("occurred +n1"),
        "nothing mutes it any more"
    );
}

#[test]
fn a_receiver_named_by_two_routes_hears_of_it_once_and_by_the_one_that_is_open() {
    let mut settings = with_nights();
    settings.mute_times.clear();
    let muted = Route {
        matchers: Matcher::parse_list("alertname=Once").unwrap(),
        mute_times: vec!["night".into()],
        goes_on: true,
        ..Route::default()
    };
    let open = Route {
        mute_times: Vec::new(),
        goes_on: false,
        ..muted.clone()
    };
    settings.routes = vec![muted, open];
    let mut host = Host::new(settings);
    host.pass(2 * M);
    assert_eq!(tell(&mut host, &[plain("1")]), ["told"]);
    assert_eq!(host.deliver("ops").as_deref(), Some("occurred +n1"));
    host.pass(60 * M);
    assert_eq!(host.take("ops"), None);
}

#[test]
fn who_is_handed_the_thing_itself_is_not_told_of_it() {
    let mut host = Host::new(to_both());
    let mut handed = plain("1");
    handed.handed_to = vec!["mail".into()];
    assert_eq!(tell(&mut host, &[handed]), ["told"]);
    assert_eq!(host.deliver("ops").as_deref(), Some("occurred +n1"));
    assert_eq!(host.take("mail"), None);
    assert_eq!(hearings(&host, "once 1"), ["ops delivered", "mail handed_on"]);
    let mut handed = plain("2");
    handed.handed_to = vec!["mail".into(), "ops".into()];
    assert_eq!(tell(&mut host, &[handed]), ["handed_on"]);
}

#[test]
fn what_nobody_is_to_hear_of_and_what_is_none_are_said_by_name() {
    let mut nobody = settings();
    nobody.receivers.clear();
    let mut host = Host::new(nobody);
    assert_eq!(tell(&mut host, &[plain("1")]), ["unheard"]);
    let nameless = Occurrence {
        labels: Labels::default(),
        ..plain("2")
    };
    let large = Occurrence {
        generator_url: "x".repeat(20_000).into(),
        ..plain("3")
    };
    let fates = host.core.tell(&[nameless, large], host.now);
    assert_eq!(fates[0], Fate::Refused(OccurrenceError::Nameless));
    assert!(matches!(fates[1], Fate::Refused(OccurrenceError::Large(_))));
}

#[test]
fn what_there_is_no_room_for_is_not_taken_and_may_come_again() {
    let mut host = Host::new(settings());
    let many: Vec<Occurrence> = (0..=LINE_OCCURRENCES_MAX).map(|n| plain(&n.to_string())).collect();
    let fates = tell(&mut host, &many);
    assert_eq!(
        fates.iter().filter(|fate| **fate == "told").count(),
        LINE_OCCURRENCES_MAX
    );
    assert_eq!(fates.last(), Some(&"full"));
    let last = many.last().unwrap().clone();
    assert_eq!(host.core.counts(host.now).occurrences, LINE_OCCURRENCES_MAX);
    host.pass(2 * M);
    assert_eq!(tell(&mut host, std::slice::from_ref(&last)), ["full"]);
    let message = host.take("ops").unwrap();
    assert_eq!(message.alerts.len(), LINE_OCCURRENCES_MAX);
    host.report(&message, &DELIVERED);
    assert_eq!(tell(&mut host, &[last]), ["told"]);
}

#[test]
fn a_receiver_that_is_down_takes_no_room_from_others() {
    let mut settings = to_both();
    settings.group_by = GroupBy::All;
    let mut host = Host::new(settings);
    host.core.occurrences_max = 10;
    for n in 0..10 {
        assert_eq!(tell(&mut host, &[plain(&n.to_string())]), ["told"]);
        assert!(host.deliver("mail").is_some(), "it keeps up");
    }
    assert_eq!(host.core.counts(host.now).occurrences, 10);
    assert_eq!(tell(&mut host, &[plain("late")]), ["told"], "somebody hears");
    assert_eq!(hearings(&host, "once late"), ["ops dropped", "mail waiting"]);
    assert_eq!(host.deliver("mail").as_deref(), Some("occurred +nlate"));
    let first = host.take("ops").unwrap();
    host.report(&first, &DELIVERED);
    assert_eq!(tell(&mut host, &[plain("later")]), ["told"]);
    assert_eq!(hearings(&host, "once later"), ["ops waiting", "mail waiting"]);
}

#[test]
fn what_waits_for_a_receiver_that_is_gone_is_said_to_be_dropped() {
    let mut host = Host::new(to_both());
    tell(&mut host, &[plain("1")]);
    let mut without = settings();
    without.known.remove("mail");
    host.core.configure(without, host.now);
    host.settle();
    assert_eq!(hearings(&host, "once 1"), ["ops waiting", "mail dropped"]);
    assert_eq!(host.deliver("ops").as_deref(), Some("occurred +n1"));
    assert_eq!(host.disk.load().messages, []);
}

#[test]
fn whoever_takes_a_message_and_is_gone_leaves_it_to_be_tried_again() {
    let mut host = Host::new(settings());
    tell(&mut host, &[plain("1")]);
    let first = host.take("ops").unwrap();
    host.pass(17 * M);
    let again = host.take("ops").unwrap();
    assert_eq!(again.id, first.id);
}

#[test]
fn a_kill_after_a_message_repeats_that_message_and_nothing_else() {
    let mut host = Host::new(settings());
    tell(&mut host, &[plain("1")]);
    let first = host.take("ops").unwrap();
    tell(&mut host, &[plain("2")]);
    host.restart(settings());
    let again = host.take("ops").unwrap();
    assert_eq!((again.id, again.alerts.len()), (first.id, 1));
    host.report(&again, &DELIVERED);
    assert_eq!(host.deliver("ops").as_deref(), Some("occurred +n2"));
    host.restart(settings());
    assert_eq!(host.take("ops"), None);
}

#[test]
fn a_database_that_is_begun_anew_is_told_all_of_it_again() {
    let mut host = Host::new(settings());
    tell(&mut host, &[plain("1")]);
    host.disk = Default::default();
    host.core.write_anew();
    host.settle();
    let before = host.disk.load();
    assert_eq!(
        (before.messages.len(), before.occurrences.len(), before.groups.len()),
        (1, 1, 0)
    );
    host.restart(settings());
    assert_eq!(tell(&mut host, &[plain("1")]), ["known"]);
    assert_eq!(host.deliver("ops").as_deref(), Some("occurred +n1"));
}

#[test]
fn a_store_that_fails_holds_nothing_back_and_the_message_says_so() {
    let mut host = Host::new(settings());
    assert_eq!(host.core.tell(&[plain("1")], host.now), [Fate::Told]);
    host.core.on_time(host.now);
    let effects = host.core.take_effects();
    assert!(effects.must_keep);
    assert_eq!(
        host.core.next("ops", host.now),
        None,
        "not before somebody tried to keep it"
    );
    host.core.kept(effects.batch, false, host.now);
    assert!(!host.core.next("ops", host.now).unwrap().journaled);
}

#[test]
fn a_route_that_is_called_like_a_line_is_none() {
    let mut settings = settings();
    settings.routes = vec![Route {
        name: Some("once/{}".into()),
        matchers: Matcher::parse_list("alertname=A").unwrap(),
        group_by: Some(GroupBy::Labels(Vec::new())),
        ..Route::default()
    }];
    settings.group_by = GroupBy::Labels(Vec::new());
    let mut host = Host::new(settings.clone());
    host.fire("i=1");
    tell(&mut host, &[plain("1")]);
    host.restart(settings);
    assert_eq!(host.deliver("ops").as_deref(), Some("occurred +n1"));
    host.pass(30 * S);
    assert_eq!(host.core.counts(host.now).occurrences, 0);
}
