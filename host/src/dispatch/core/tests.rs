//! What one process does, step by step. What becomes of it over crashes is `crash_tests`'.

use std::time::Duration;

use super::{
    super::{
        disk_tests::Disk,
        message::{News, NewsReason},
        posted::PostedAlert,
        settings::{GroupBy, Inhibit, ReceiverTraits, Route},
    },
    *,
};
use crate::{
    alert::{Alert, AlertState, Annotations, Matcher, ResolveCause, TimeInterval, times},
    rule::outlet::RulesUpdate,
};

mod kept_tests;

pub(super) const S: i64 = 1_000;
pub(super) const M: i64 = 60 * S;
/// Long after the epoch, so that nothing is taken for unset.
const T0: i64 = 1_700_000_000_000;

pub(super) fn labels(text: &str) -> Labels {
    Labels::new(text.split(',').filter_map(|label| label.split_once('=')))
}

pub(super) fn settings() -> Settings {
    Settings {
        receivers: vec!["ops".into()],
        known: [
            ("ops".into(), ReceiverTraits::default()),
            ("mail".into(), ReceiverTraits::default()),
        ]
        .into(),
        ..Settings::default()
    }
}

/// A core with a disk and a clock.
pub(super) struct Host {
    pub(super) core: Core,
    pub(super) disk: Disk,
    pub(super) now: i64,
    alerts: BTreeMap<Labels, Alert>,
}

fn alert(labels: &Labels, fired_at: i64) -> Alert {
    Alert {
        labels: labels.clone(),
        annotations: Annotations::new(),
        state: AlertState::Firing,
        value: 1.0,
        active_at: fired_at,
        fired_at: Some(fired_at),
        keep_firing_since: None,
        no_data_since: None,
        resolved: None,
    }
}

impl Host {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            core: Core::new(settings, Box::new(|_| Vec::new())),
            disk: Disk::default(),
            now: T0,
            alerts: BTreeMap::new(),
        }
    }

    /// A new process over what is on disk. Rules say nothing yet.
    pub(super) fn restart(&mut self, settings: Settings) {
        self.core = Core::new(settings, Box::new(|_| Vec::new()));
        self.core.restore(self.disk.load(), self.now);
        self.settle();
    }

    pub(super) fn settle(&mut self) {
        self.core.on_time(self.now);
        let effects = self.core.take_effects();
        self.disk.queue(effects.writes);
        self.disk.commit();
        self.core.kept(effects.batch, true, self.now);
    }

    fn say(&mut self, is_settled: bool, is_whole: bool) {
        let rule = RuleAlerts {
            key: "g;A;0".into(),
            name: "A".into(),
            alerts: Arc::new(self.alerts.clone()),
            is_settled,
            generator_url: "".into(),
        };
        self.core.on_rules(
            RulesUpdate {
                is_whole,
                rules: vec![rule],
            },
            self.now,
        );
        self.settle();
    }

    pub(super) fn fire(&mut self, text: &str) {
        let labels = labels(&format!("alertname=A,{text}"));
        self.alerts.insert(labels.clone(), alert(&labels, self.now));
        self.say(true, true);
    }

    pub(super) fn end(&mut self, text: &str) {
        let labels = labels(&format!("alertname=A,{text}"));
        let now = self.now;
        if let Some(alert) = self.alerts.get_mut(&labels) {
            alert.state = AlertState::Resolved;
            alert.resolved = Some((now, ResolveCause::Condition));
        }
        self.say(true, true);
    }

    /// Time passes, with everything done when it is due.
    pub(super) fn pass(&mut self, span: i64) {
        let until = self.now + span;
        while let Some(at) = self.core.wake_at().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.settle();
        }
        self.now = until;
        self.settle();
    }

    pub(super) fn take(&mut self, receiver: &str) -> Option<Message> {
        self.core.next(receiver, self.now)
    }

    pub(super) fn report(&mut self, message: &Message, attempt: &Attempt) {
        self.core.report(message.id, attempt, self.now);
        self.settle();
    }

    /// Delivers what is due; what it said.
    pub(super) fn deliver(&mut self, receiver: &str) -> Option<String> {
        let message = self.take(receiver)?;
        self.report(&message, &Attempt::Delivered { receipt: Vec::new() });
        Some(told(&message))
    }
}

/// `reason firing+firing -over`.
pub(super) fn told(message: &Message) -> String {
    let name = |news: &News| {
        let others = news.labels.iter().filter(|(name, _)| &**name != "alertname");
        let others: Vec<String> = others.map(|(name, value)| format!("{name}{value}")).collect();
        let sign = match (news.is_firing, news.was_told) {
            (true, _) => '+',
            (false, true) => '-',
            (false, false) => '~',
        };
        format!("{sign}{}", others.join(""))
    };
    let mut words = vec![message.reason.as_str().to_owned()];
    words.extend(message.alerts.iter().map(name));
    words.join(" ")
}

pub(super) fn refused() -> Attempt {
    Attempt::Transient {
        message: "503".to_owned(),
        retry_after: Some(Duration::from_secs(10)),
        is_ambiguous: false,
    }
}

pub(super) fn timed_out() -> Attempt {
    Attempt::Transient {
        message: "timeout".to_owned(),
        retry_after: Some(Duration::from_secs(10)),
        is_ambiguous: true,
    }
}

#[test]
fn a_group_waits_and_then_tells_all_of_it_once() {
    let mut host = Host::new(settings());
    host.fire("i=1");
    host.pass(20 * S);
    host.fire("i=2");
    host.pass(10 * S - 1);
    assert_eq!(host.deliver("ops"), None);
    host.pass(1);
    assert_eq!(host.deliver("ops").as_deref(), Some("first +i1 +i2"));
    host.pass(239 * M);
    assert_eq!(host.deliver("ops"), None, "nothing is new");
    host.pass(M);
    assert_eq!(host.deliver("ops").as_deref(), Some("repeat +i1 +i2"));
}

#[test]
fn what_comes_later_is_told_at_the_next_interval() {
    let mut host = Host::new(settings());
    host.fire("i=1");
    host.pass(30 * S);
    assert_eq!(host.deliver("ops").as_deref(), Some("first +i1"));
    host.pass(M);
    host.fire("i=2");
    host.end("i=1");
    host.pass(4 * M - 1);
    assert_eq!(host.deliver("ops"), None);
    host.pass(1);
    assert_eq!(host.deliver("ops").as_deref(), Some("changed -i1 +i2"));
    host.end("i=2");
    host.pass(5 * M);
    assert_eq!(host.deliver("ops").as_deref(), Some("resolved -i2"));
    assert_eq!(host.core.counts(host.now), Counts::default(), "nothing is left");
    assert_eq!(host.disk.load().groups, []);
}

#[test]
fn an_alert_that_began_before_the_wait_is_told_at_once() {
    let mut host = Host::new(settings());
    let labels = labels("alertname=A,i=1");
    host.alerts.insert(labels.clone(), alert(&labels, host.now - M));
    host.say(true, true);
    assert_eq!(host.deliver("ops").as_deref(), Some("first +i1"));
}

#[test]
fn what_fires_and_ends_inside_the_wait_is_not_told() {
    let mut host = Host::new(settings());
    host.fire("i=1");
    host.pass(10 * S);
    host.end("i=1");
    host.pass(10 * M);
    assert_eq!(host.deliver("ops"), None);
    assert_eq!(host.core.counts(host.now), Counts::default());
}

#[test]
fn what_ends_and_begins_again_before_anybody_heard_is_no_news() {
    let mut host = Host::new(settings());
    host.fire("i=1");
    host.pass(30 * S);
    assert_eq!(host.deliver("ops").as_deref(), Some("first +i1"));
    host.end("i=1");
    host.pass(M);
    host.fire("i=1");
    host.pass(10 * M);
    assert_eq!(host.deliver("ops"), None);
}

#[test]
fn a_receiver_that_is_down_is_told_the_latest_state_once() {
    let mut host = Host::new(settings());
    host.fire("i=1");
    host.pass(30 * S);
    for _ in 0..10 {
        let message = host.take("ops").unwrap();
        assert_eq!(told(&message), "first +i1");
        host.report(&message, &refused());
        assert_eq!(host.take("ops"), None, "it is due in ten seconds");
        host.pass(10 * S);
    }
    host.fire("i=2");
    host.end("i=1");
    host.pass(10 * M);
    assert_eq!(
        host.deliver("ops").as_deref(),
        Some("first ~i1 +i2"),
        "one message, and it says what passed"
    );
    assert_eq!(host.deliver("ops"), None);
}

#[test]
fn what_fired_and_ended_while_a_receiver_was_down_is_one_message_that_says_so() {
    let mut host = Host::new(settings());
    host.fire("i=1");
    host.pass(30 * S);
    let message = host.take("ops").unwrap();
    host.report(&message, &refused());
    host.end("i=1");
    host.pass(6 * M);
    assert_eq!(host.deliver("ops").as_deref(), Some("passed ~i1"));
    host.pass(10 * M);
    assert_eq!(host.deliver("ops"), None);
    assert_eq!(host.core.counts(host.now), Counts::default());
}

#[test]
fn what_may_have_arrived_is_tried_again_as_it_is_and_before_what_follows() {
    let mut host = Host::new(settings());
    host.fire("i=1");
    host.pass(30 * S);
    let first = host.take("ops").unwrap();
    host.report(&first, &timed_out());
    host.end("i=1");
    host.pass(6 * M);
    let again = host.take("ops").unwrap();
    assert_eq!((again.id, again.alerts.clone()), (first.id, first.alerts));
    assert_eq!(again.attempts, 1);
    assert_eq!(host.take("ops"), None, "one at a time");
    host.report(&again, &Attempt::Delivered { receipt: Vec::new() });
    assert_eq!(host.deliver("ops").as_deref(), Some("resolved -i1"));
}

#[test]
fn an_alert_about_the_host_itself_has_the_external_labels() {
    let mut host = Host::new(Settings {
        external_labels: labels("region=eu,severity=none"),
        ..settings()
    });
    let own = PostedAlert {
        labels: labels("alertname=StateStoreFailing,severity=critical"),
        annotations: Annotations::new(),
        starts_at: None,
        ends_at: None,
        generator_url: "".into(),
    };
    host.core.post_own(own, host.now);
    host.pass(30 * S);
    let message = host.take("ops").unwrap();
    let wanted = labels("alertname=StateStoreFailing,region=eu,severity=critical");
    assert_eq!(message.alerts[0].labels, wanted);
}

#[test]
fn a_receiver_that_turns_out_to_forget_is_reminded_in_time() {
    let mut host = Host::new(settings());
    host.fire("i=1");
    host.pass(30 * S);
    assert_eq!(host.deliver("ops").as_deref(), Some("first +i1"));
    // Its plugin was not known until now; the group would be looked at in four minutes.
    host.pass(M);
    let forgets = ReceiverTraits {
        refresh: Some(90 * S),
        ..ReceiverTraits::default()
    };
    let mut known = settings();
    known.known.insert("ops".into(), forgets);
    host.core.configure(known, host.now);
    host.settle();
    assert_eq!(host.deliver("ops"), None, "it has not forgotten yet");
    host.pass(30 * S);
    assert_eq!(host.deliver("ops").as_deref(), Some("refresh +i1"));
}

#[test]
fn a_message_that_is_refused_for_good_is_set_aside_and_changes_nothing() {
    let mut host = Host::new(settings());
    host.fire("i=1");
    host.pass(30 * S);
    let message = host.take("ops").unwrap();
    host.report(
        &message,
        &Attempt::Permanent {
            message: "410".to_owned(),
        },
    );
    assert_eq!(host.disk.dead.len(), 1);
    assert_eq!(host.disk.load().messages, []);
    host.end("i=1");
    host.pass(10 * M);
    assert_eq!(
        host.deliver("ops"),
        None,
        "it was never told, so it is not over for anybody"
    );
    assert_eq!(host.core.counts(host.now), Counts::default());
}

#[test]
fn messages_are_handed_out_only_when_they_are_kept() {
    let mut host = Host::new(settings());
    host.fire("i=1");
    host.now += 30 * S;
    host.core.on_time(host.now);
    let effects = host.core.take_effects();
    assert!(effects.must_keep);
    assert_eq!(host.take("ops"), None);
    host.disk.queue(effects.writes);
    host.disk.commit();
    host.core.kept(effects.batch, true, host.now);
    let message = host.take("ops").unwrap();
    assert!(message.journaled);
    assert_eq!(host.disk.load().messages.len(), 1);
    // Another one waits; it is not on offer before it is kept that the first arrived.
    host.fire("i=2");
    host.pass(5 * M);
    host.core
        .report(message.id, &Attempt::Delivered { receipt: Vec::new() }, host.now);
    assert_eq!(host.take("ops"), None);
    host.settle();
    assert!(host.take("ops").is_some());
}

#[test]
fn a_store_that_fails_holds_nothing_back() {
    let mut host = Host::new(settings());
    host.fire("i=1");
    host.now += 30 * S;
    host.core.on_time(host.now);
    let effects = host.core.take_effects();
    host.core.kept(effects.batch, false, host.now);
    let message = host.take("ops").unwrap();
    assert!(!message.journaled);
}

#[test]
fn a_silence_keeps_new_alerts_away_and_lets_the_end_of_told_ones_through() {
    let mut host = Host::new(settings());
    host.fire("i=1");
    host.pass(30 * S);
    assert_eq!(host.deliver("ops").as_deref(), Some("first +i1"));
    let silence = NewSilence {
        id: None,
        matchers: Matcher::parse_list("alertname=A").unwrap(),
        starts_at: host.now,
        ends_at: host.now + 60 * M,
        created_by: "me".into(),
        comment: "".into(),
    };
    host.core.silence(&silence, host.now).unwrap();
    host.fire("i=2");
    host.end("i=1");
    host.pass(6 * M);
    assert_eq!(host.deliver("ops").as_deref(), Some("resolved -i1"));
    host.fire("i=1");
    host.pass(50 * M);
    assert_eq!(host.deliver("ops"), None);
    host.pass(10 * M);
    assert_eq!(
        host.deliver("ops").as_deref(),
        Some("first +i1 +i2"),
        "its next firing is news"
    );
}

#[test]
fn a_group_whose_other_alerts_are_muted_is_not_said_to_be_over() {
    let mut host = Host::new(settings());
    host.fire("i=1");
    host.fire("i=2");
    host.pass(30 * S);
    assert_eq!(host.deliver("ops").as_deref(), Some("first +i1 +i2"));
    let silence = NewSilence {
        id: None,
        matchers: Matcher::parse_list("i=2").unwrap(),
        starts_at: host.now,
        ends_at: host.now + 600 * M,
        created_by: "me".into(),
        comment: "".into(),
    };
    host.core.silence(&silence, host.now).unwrap();
    host.end("i=1");
    host.pass(6 * M);
    let message = host.take("ops").unwrap();
    assert_eq!(told(&message), "changed -i1");
    assert!(message.is_firing(), "the other one fires on, unseen");
    assert_eq!(message.withheld, 1);
}

#[test]
fn an_inhibited_alert_is_told_when_its_source_is_over() {
    let inhibit = Inhibit {
        source: Matcher::parse_list("severity=critical").unwrap(),
        target: Matcher::parse_list("severity=warning").unwrap(),
        equal: vec!["i".into()],
    };
    let mut host = Host::new(Settings {
        inhibitions: vec![inhibit],
        ..settings()
    });
    host.fire("i=1,severity=warning");
    host.fire("i=1,severity=critical");
    host.pass(30 * S);
    assert_eq!(host.deliver("ops").as_deref(), Some("first +i1severitycritical"));
    host.end("i=1,severity=critical");
    host.pass(5 * M);
    assert_eq!(
        host.deliver("ops").as_deref(),
        Some("changed -i1severitycritical +i1severitywarning")
    );
}

#[test]
fn bundled_inhibitions_hold_without_being_written() {
    let mut host = Host::new(settings());
    host.fire("check=a,job=j,severity=warning");
    host.fire("check=a,job=j,severity=critical");
    host.pass(30 * S);
    assert_eq!(
        host.deliver("ops").as_deref(),
        Some("first +checkajobjseveritycritical")
    );
}

#[test]
fn off_hours_nothing_is_sent_and_all_is_said_after_them() {
    let mut settings = settings();
    // T0 is 22:13:20 on a Tuesday.
    let night = times::Period {
        times: vec![times::TimeRange::parse("22:15-23:00", times::Dialect::Toml).unwrap()],
        ..times::Period::default()
    };
    settings.intervals = [("night".into(), TimeInterval { any: vec![night] })].into();
    settings.mute_times = vec!["night".into()];
    let mut host = Host::new(settings);
    host.fire("i=1");
    host.pass(30 * S);
    assert_eq!(host.deliver("ops").as_deref(), Some("first +i1"));
    host.pass(90 * S);
    host.end("i=1");
    host.fire("i=2");
    host.pass(40 * M);
    assert_eq!(host.deliver("ops"), None);
    host.pass(10 * M);
    assert_eq!(host.deliver("ops").as_deref(), Some("changed -i1 +i2"));
}

#[test]
fn routes_decide_who_hears_and_how_alerts_are_grouped() {
    let route = Route {
        matchers: Matcher::parse_list("team=db").unwrap(),
        receivers: Some(vec!["mail".into(), "ops".into()]),
        group_by: Some(GroupBy::All),
        group_wait: Some(0),
        ..Route::default()
    };
    let mut host = Host::new(Settings {
        routes: vec![route],
        ..settings()
    });
    host.fire("i=1,team=db");
    host.fire("i=2,team=db");
    host.pass(1);
    assert_eq!(host.deliver("mail").as_deref(), Some("first +i1teamdb"));
    assert_eq!(host.deliver("mail").as_deref(), Some("first +i2teamdb"));
    assert_eq!(host.deliver("mail"), None);
    assert_eq!(host.deliver("ops").as_deref(), Some("first +i1teamdb"));
    assert_eq!(host.core.counts(host.now).groups, 4);
    let overview = host.core.overview(host.now);
    assert_eq!(
        overview.alerts[0].receivers,
        ["mail".into(), "ops".into()] as [Arc<str>; 2]
    );
    assert_eq!(overview.groups.iter().map(|group| group.told.len()).sum::<usize>(), 3);
}

#[test]
fn an_edited_route_tells_nobody_twice_and_forgets_no_end() {
    let mut host = Host::new(settings());
    host.fire("i=1,team=db");
    host.pass(30 * S);
    assert_eq!(host.deliver("ops").as_deref(), Some("first +i1teamdb"));
    let mut route = Route {
        matchers: Matcher::parse_list("team=db").unwrap(),
        ..Route::default()
    };
    let with = |route: &Route| Settings {
        routes: vec![route.clone()],
        ..settings()
    };
    host.core.configure(with(&route), host.now);
    host.pass(10 * M);
    assert_eq!(host.deliver("ops"), None, "the receiver knows it from the other route");
    // The same over a restart with yet another route.
    route.matchers = Matcher::parse_list(r#"team=~"db|web""#).unwrap();
    host.restart(with(&route));
    host.say(true, true);
    host.pass(10 * M);
    assert_eq!(host.deliver("ops"), None);
    // And to somebody else: the first one still hears of the end.
    route.receivers = Some(vec!["mail".into()]);
    host.core.configure(with(&route), host.now);
    host.pass(10 * M);
    assert_eq!(host.deliver("mail").as_deref(), Some("first +i1teamdb"));
    assert_eq!(host.deliver("ops"), None);
    host.end("i=1,team=db");
    host.pass(10 * M);
    assert_eq!(host.deliver("mail").as_deref(), Some("resolved -i1teamdb"));
    assert_eq!(host.deliver("ops").as_deref(), Some("resolved -i1teamdb"));
    assert_eq!(host.core.counts(host.now), Counts::default());
}

#[test]
fn an_edited_route_waits_for_a_message_that_is_under_way() {
    for is_taken in [true, false] {
        let mut host = Host::new(settings());
        host.fire("i=1");
        host.pass(30 * S);
        let message = host.take("ops").unwrap();
        let edited = Settings {
            group_by: GroupBy::All,
            ..settings()
        };
        host.core.configure(edited, host.now);
        host.pass(40 * S);
        assert_eq!(host.take("ops"), None, "it may know by now");
        let attempt = if is_taken {
            Attempt::Delivered { receipt: Vec::new() }
        } else {
            refused()
        };
        host.report(&message, &attempt);
        host.pass(20 * S);
        let told = (!is_taken).then_some("first +i1");
        assert_eq!(host.deliver("ops").as_deref(), told);
        assert_eq!(host.deliver("ops"), None, "once");
        host.pass(10 * M);
        assert_eq!(host.deliver("ops"), None);
        host.end("i=1");
        host.pass(5 * M);
        assert_eq!(host.deliver("ops").as_deref(), Some("resolved -i1"));
    }
}

#[test]
fn messages_for_a_receiver_that_is_gone_are_gone() {
    let mut host = Host::new(settings());
    host.fire("i=1");
    host.pass(30 * S);
    let message = host.take("ops").unwrap();
    let mut without = settings();
    without.receivers = vec!["mail".into()];
    without.known.remove("ops");
    host.core.configure(without, host.now);
    host.report(&message, &refused());
    assert_eq!(host.take("ops"), None);
    host.pass(30 * S);
    assert_eq!(host.deliver("mail").as_deref(), Some("first +i1"));
    assert!(host.disk.load().groups.iter().all(|row| &*row.key.receiver == "mail"));
}

#[test]
fn a_removed_rule_ends_its_alerts_with_that_cause() {
    let mut host = Host::new(settings());
    host.fire("i=1");
    host.pass(30 * S);
    host.deliver("ops");
    host.core.on_rules(
        RulesUpdate {
            is_whole: true,
            rules: Vec::new(),
        },
        host.now,
    );
    host.pass(5 * M);
    let message = host.take("ops").unwrap();
    assert_eq!(
        (told(&message).as_str(), message.alerts[0].cause),
        ("resolved -i1", Some(ResolveCause::RuleRemoved))
    );
}

#[test]
fn posted_alerts_end_when_their_sender_is_silent_or_says_so() {
    let mut host = Host::new(settings());
    let post = |ends_at: Option<i64>| PostedAlert {
        labels: labels("alertname=P"),
        annotations: Annotations::new(),
        starts_at: Some(T0 - M),
        ends_at,
        generator_url: "".into(),
    };
    assert_eq!(host.core.post(&[post(Some(T0 + 4 * M))], host.now), []);
    host.settle();
    assert_eq!(
        host.deliver("ops").as_deref(),
        Some("first +"),
        "it began before the wait"
    );
    host.pass(5 * M);
    let message = host.take("ops").unwrap();
    assert_eq!(
        (message.reason, message.alerts[0].cause),
        (NewsReason::Resolved, Some(ResolveCause::SenderSilent))
    );
    host.report(&message, &Attempt::Delivered { receipt: Vec::new() });
    assert_eq!(host.disk.load().posted, []);

    host.core.post(&[post(None)], host.now);
    host.settle();
    assert!(host.deliver("ops").is_some());
    host.core.post(&[post(Some(host.now))], host.now);
    host.pass(5 * M);
    let message = host.take("ops").unwrap();
    assert_eq!(message.alerts[0].cause, Some(ResolveCause::Sender));
    host.report(&message, &Attempt::Delivered { receipt: Vec::new() });
    assert_eq!(host.core.counts(host.now), Counts::default());
    let nameless = PostedAlert {
        labels: Labels::default(),
        ..post(None)
    };
    assert_eq!(host.core.post(&[nameless, post(None)], host.now).len(), 1);
}

#[test]
fn downtime_does_not_end_posted_alerts() {
    let mut host = Host::new(settings());
    let post = PostedAlert {
        labels: labels("alertname=P"),
        annotations: Annotations::new(),
        starts_at: Some(T0 - M),
        ends_at: Some(T0 + 4 * M),
        generator_url: "".into(),
    };
    host.core.post(std::slice::from_ref(&post), host.now);
    host.settle();
    host.deliver("ops");
    host.now += 60 * M;
    host.restart(settings());
    host.pass(3 * M);
    assert_eq!(host.deliver("ops"), None, "the sender had no chance yet");
    let again = PostedAlert {
        ends_at: Some(host.now + 4 * M),
        ..post
    };
    host.core.post(&[again], host.now);
    host.pass(2 * M);
    assert_eq!(host.deliver("ops"), None);
    host.pass(10 * M);
    assert_eq!(host.deliver("ops").as_deref(), Some("resolved -"));
}

#[test]
fn a_posted_alert_that_was_over_before_anybody_heard_is_forgotten_by_the_next_process() {
    let mut host = Host::new(settings());
    for ends_at in [host.now + 5 * M, host.now] {
        let posted = PostedAlert {
            labels: labels("alertname=P"),
            annotations: Annotations::new(),
            starts_at: None,
            ends_at: Some(ends_at),
            generator_url: "".into(),
        };
        assert_eq!(host.core.post(&[posted], host.now), []);
        host.settle();
    }
    assert_eq!(
        host.disk.load().posted.len(),
        1,
        "the kill comes before the group is looked at"
    );
    host.restart(settings());
    assert_eq!(host.core.counts(host.now).over, 0);
    assert_eq!(host.disk.load().posted, []);
}

#[test]
fn an_alert_of_two_sources_is_over_when_it_is_over_for_both() {
    let mut host = Host::new(settings());
    host.fire("i=1");
    let post = PostedAlert {
        labels: labels("alertname=A,i=1"),
        annotations: Annotations::new(),
        starts_at: None,
        ends_at: Some(host.now + 20 * M),
        generator_url: "".into(),
    };
    host.core.post(&[post], host.now);
    host.pass(30 * S);
    assert_eq!(host.deliver("ops").as_deref(), Some("first +i1"));
    host.end("i=1");
    host.pass(15 * M);
    assert_eq!(host.deliver("ops"), None);
    host.pass(10 * M);
    assert_eq!(host.deliver("ops").as_deref(), Some("resolved -i1"));
}

#[test]
fn a_receiver_that_forgets_is_reminded_and_one_that_wants_no_ends_gets_none() {
    let mut settings = settings();
    settings.receivers.push("mail".into());
    settings.known.insert(
        "ops".into(),
        ReceiverTraits {
            send_resolved: true,
            refresh: Some(M),
        },
    );
    settings.known.insert(
        "mail".into(),
        ReceiverTraits {
            send_resolved: false,
            refresh: None,
        },
    );
    let mut host = Host::new(settings);
    host.fire("i=1");
    host.pass(30 * S);
    assert_eq!(host.deliver("ops").as_deref(), Some("first +i1"));
    assert_eq!(host.deliver("mail").as_deref(), Some("first +i1"));
    host.pass(M);
    assert_eq!(host.deliver("ops").as_deref(), Some("refresh +i1"));
    host.end("i=1");
    host.pass(5 * M);
    assert_eq!(host.deliver("ops").as_deref(), Some("resolved -i1"));
    assert_eq!(host.deliver("mail"), None);
    assert_eq!(
        host.core.counts(host.now),
        Counts::default(),
        "it was forgotten there too"
    );
    host.fire("i=1");
    host.pass(30 * S);
    assert_eq!(
        host.deliver("mail").as_deref(),
        Some("first +i1"),
        "its next firing is news"
    );
}

#[test]
fn a_large_group_is_told_in_pieces_that_leave_nothing_out() {
    let mut host = Host::new(settings());
    for number in 0..25_000 {
        let labels = labels(&format!("alertname=A,i={number}"));
        host.alerts.insert(labels.clone(), alert(&labels, host.now));
    }
    host.say(true, true);
    host.pass(30 * S);
    let mut heard = BTreeSet::new();
    for _ in 0..3 {
        let message = host.take("ops").unwrap();
        assert!(message.alerts.len() <= 10_000);
        heard.extend(message.alerts.iter().map(|news| news.labels.clone()));
        host.report(&message, &Attempt::Delivered { receipt: Vec::new() });
        host.pass(5 * M);
    }
    assert_eq!(heard.len(), 25_000);
    assert_eq!(host.take("ops"), None);
}

#[test]
fn what_there_is_no_room_for_is_counted_and_taken_when_there_is() {
    let mut host = Host::new(settings());
    host.core.alerts_max = 1;
    host.fire("i=1");
    host.fire("i=2");
    host.pass(30 * S);
    assert_eq!(host.deliver("ops").as_deref(), Some("first +i1"));
    host.core.on_time(host.now + M);
    let said = host.core.take_effects().said;
    assert!(said.contains(&Said::Full(Limit::Alerts, 1)), "{said:?}");
    host.end("i=1");
    host.pass(5 * M);
    assert_eq!(host.deliver("ops").as_deref(), Some("resolved -i1"));
    host.pass(2 * M);
    assert_eq!(host.deliver("ops").as_deref(), Some("first +i2"));
}

#[test]
fn a_clock_that_was_set_back_delays_nothing() {
    let mut host = Host::new(settings());
    host.fire("i=1");
    host.now -= 60 * M;
    host.settle();
    host.pass(30 * S);
    assert_eq!(host.deliver("ops").as_deref(), Some("first +i1"));
}

/// `alerting.md` 4.1, first: fire, notified, killed, started, the same alerts come again.
#[test]
fn a_kill_after_a_message_tells_nobody_twice() {
    let mut host = Host::new(settings());
    host.fire("i=1");
    host.pass(30 * S);
    assert_eq!(host.deliver("ops").as_deref(), Some("first +i1"));
    host.restart(settings());
    host.say(false, true);
    host.pass(M);
    host.say(true, false);
    host.pass(60 * M);
    assert_eq!(host.deliver("ops"), None);
}

/// Second: fire, notified, killed, and only the end comes after the start, or nothing at all.
#[test]
fn an_end_that_comes_after_a_kill_is_told() {
    for is_remembered in [true, false] {
        let mut host = Host::new(settings());
        host.fire("i=1");
        host.pass(30 * S);
        assert_eq!(host.deliver("ops").as_deref(), Some("first +i1"));
        host.restart(settings());
        if is_remembered {
            host.end("i=1");
        } else {
            // The rules know nothing of it, and have not looked.
            host.alerts.clear();
            host.say(false, true);
            host.pass(60 * M);
            assert_eq!(host.deliver("ops"), None, "nobody looked");
            host.say(true, false);
        }
        host.pass(5 * M);
        assert_eq!(host.deliver("ops").as_deref(), Some("resolved -i1"));
    }
}

/// Third: three alerts told, started anew, the one that is over is heard first.
#[test]
fn a_group_is_not_over_after_a_start_while_others_in_it_fire() {
    let mut host = Host::new(settings());
    (1..4).for_each(|number| host.fire(&format!("i={number}")));
    host.pass(30 * S);
    assert_eq!(host.deliver("ops").as_deref(), Some("first +i1 +i2 +i3"));
    host.restart(settings());
    host.end("i=1");
    host.pass(5 * M);
    let message = host.take("ops").unwrap();
    assert_eq!((message.reason, message.is_firing()), (NewsReason::Changed, true));
    assert_eq!(told(&message), "changed -i1 +i2 +i3");
}

/// The same with alerts that somebody posts, who after the start speaks of the one first.
#[test]
fn a_posted_alert_that_is_over_after_a_start_does_not_end_the_others() {
    let mut host = Host::new(settings());
    let post = |number: i64, ends_at: i64| PostedAlert {
        labels: labels(&format!("alertname=P,i={number}")),
        annotations: Annotations::new(),
        starts_at: Some(T0 - M),
        ends_at: Some(ends_at),
        generator_url: "".into(),
    };
    let all: Vec<_> = (1..4).map(|number| post(number, T0 + 9 * M)).collect();
    host.core.post(&all, host.now);
    host.settle();
    assert_eq!(host.deliver("ops").as_deref(), Some("first +i1 +i2 +i3"));
    host.pass(M);
    host.restart(settings());
    host.core.post(&[post(1, host.now)], host.now);
    host.pass(4 * M);
    let message = host.take("ops").unwrap();
    assert_eq!(
        (told(&message).as_str(), message.is_firing()),
        ("changed -i1 +i2 +i3", true)
    );
}

#[test]
fn what_was_over_before_a_kill_and_nobody_heard_of_is_forgotten() {
    let mut host = Host::new(settings());
    let post = |ends_at: i64| PostedAlert {
        labels: labels("alertname=P,i=1"),
        annotations: Annotations::new(),
        starts_at: Some(T0),
        ends_at: Some(ends_at),
        generator_url: "".into(),
    };
    host.core.post(&[post(T0 + 9 * M)], host.now);
    host.settle();
    host.pass(10 * S);
    host.core.post(&[post(host.now)], host.now);
    host.settle();
    assert_eq!(host.disk.load().posted.len(), 1);
    host.restart(settings());
    host.pass(M);
    assert_eq!(host.deliver("ops"), None);
    assert_eq!(host.core.counts(host.now), Counts::default());
    assert_eq!(host.disk.load().posted, [], "nor does the next process know of it");
}

#[test]
fn what_an_earlier_process_may_have_sent_is_sent_again_as_it_was() {
    let mut host = Host::new(settings());
    host.fire("i=1");
    host.pass(30 * S);
    let sent = host.take("ops").unwrap();
    host.restart(settings());
    host.end("i=1");
    let again = host.take("ops").unwrap();
    assert_eq!((again.id, &again.alerts), (sent.id, &sent.alerts));
    host.report(&again, &Attempt::Delivered { receipt: Vec::new() });
    host.pass(6 * M);
    assert_eq!(host.deliver("ops").as_deref(), Some("resolved -i1"));
}
