//! What a process takes up of another: doubts, a database begun anew, one that is read late.

use super::{
    super::super::rows::{GroupKey, Loaded, ToldRow},
    *,
};

#[test]
fn what_may_have_arrived_before_it_was_refused_for_good_is_told_again_and_its_end_as_well() {
    let refused = Attempt::Permanent {
        message: "410".to_owned(),
    };
    let mut host = Host::new(settings());
    host.fire("i=1");
    host.fire("i=2");
    host.pass(30 * S);
    let message = host.take("ops").unwrap();
    host.report(&message, &timed_out());
    host.pass(10 * S);
    let again = host.take("ops").unwrap();
    assert_eq!(again.id, message.id);
    host.report(&again, &refused);
    assert_eq!(host.disk.dead.len(), 1);
    // A new process knows as much.
    host.restart(settings());
    host.say(true, true);
    host.end("i=1");
    host.pass(5 * M);
    assert_eq!(
        host.deliver("ops").as_deref(),
        Some("changed -i1 +i2"),
        "nobody knows whether it heard of them: the end of one, and again that the other fires"
    );
    host.end("i=2");
    host.pass(5 * M);
    assert_eq!(host.deliver("ops").as_deref(), Some("resolved -i2"));
    assert_eq!(host.core.counts(host.now), Counts::default());
    assert_eq!(host.disk.load().told, []);
}

#[test]
fn what_may_have_been_heard_to_be_over_before_that_was_refused_for_good_is_told_when_it_fires_again() {
    let mut host = Host::new(settings());
    host.fire("i=1");
    host.pass(30 * S);
    assert_eq!(host.deliver("ops").as_deref(), Some("first +i1"));
    host.end("i=1");
    host.pass(5 * M);
    let message = host.take("ops").unwrap();
    host.report(&message, &timed_out());
    host.pass(10 * S);
    let again = host.take("ops").unwrap();
    assert_eq!(told(&again), "resolved -i1");
    host.report(
        &again,
        &Attempt::Permanent {
            message: "410".to_owned(),
        },
    );
    host.fire("i=1");
    host.pass(5 * M);
    assert_eq!(host.deliver("ops").as_deref(), Some("first +i1"));
}

#[test]
fn what_is_written_into_an_empty_database_is_all_that_a_new_process_needs() {
    let mut host = Host::new(settings());
    // Known by the receiver; perhaps known by it; on its way; posted; silenced.
    host.fire("i=1");
    host.pass(30 * S);
    assert_eq!(host.deliver("ops").as_deref(), Some("first +i1"));
    host.fire("i=2");
    host.pass(5 * M);
    let message = host.take("ops").unwrap();
    host.report(&message, &timed_out());
    host.pass(10 * S);
    let again = host.take("ops").unwrap();
    host.report(
        &again,
        &Attempt::Permanent {
            message: "410".to_owned(),
        },
    );
    host.fire("i=3");
    host.end("i=2");
    host.pass(5 * M);
    let posted = PostedAlert {
        labels: labels("alertname=P"),
        annotations: Annotations::new(),
        starts_at: None,
        ends_at: Some(host.now + 60 * M),
        generator_url: "".into(),
    };
    host.core.post(&[posted], host.now);
    let silence = NewSilence {
        id: None,
        matchers: Matcher::parse_list("alertname=B").unwrap(),
        starts_at: host.now,
        ends_at: host.now + 60 * M,
        created_by: "me".into(),
        comment: "".into(),
    };
    host.core.silence(&silence, host.now).unwrap();
    host.settle();

    let before = host.disk.load();
    let certain: Vec<bool> = before.told.iter().map(|row| row.is_certain).collect();
    assert_eq!(
        (
            certain,
            before.messages.len(),
            before.posted.len(),
            before.silences.len()
        ),
        (vec![true, false], 1, 1, 1)
    );
    host.disk = Disk::default();
    host.core.write_anew();
    host.settle();
    let anew = host.disk.load();
    let groups = |loaded: &Loaded| -> Vec<(GroupKey, Arc<str>, Option<i64>)> {
        let rows = loaded.groups.iter();
        rows.map(|row| (row.key.clone(), Arc::clone(&row.route), row.told_at))
            .collect()
    };
    assert_eq!((groups(&anew), &anew.messages), (groups(&before), &before.messages));
    assert_eq!((&anew.posted, &anew.silences), (&before.posted, &before.silences));
    assert_eq!(anew.sequence, before.sequence);
    let known = |told: &[ToldRow]| -> Vec<(GroupKey, Labels, bool, bool)> {
        let row = |row: &ToldRow| {
            let news = &row.news;
            (row.group.clone(), news.labels.clone(), news.is_firing, row.is_certain)
        };
        told.iter().map(row).collect()
    };
    assert_eq!(
        known(&anew.told),
        known(&before.told),
        "what is over by now fires for the receiver"
    );
    // And it does as if nothing had happened.
    host.restart(settings());
    host.say(true, true);
    assert_eq!(host.deliver("ops").as_deref(), Some("changed +i1 -i2 +i3"));
}

#[test]
fn an_alert_that_is_over_and_that_nobody_knows_is_not_kept_over_a_restart() {
    let mut host = Host::new(settings());
    let post = |ends_at| PostedAlert {
        labels: labels("alertname=P"),
        annotations: Annotations::new(),
        starts_at: None,
        ends_at: Some(ends_at),
        generator_url: "".into(),
    };
    host.core.post(&[post(host.now + 60 * M)], host.now);
    host.settle();
    host.pass(30 * S);
    let message = host.take("ops").unwrap();
    host.core.post(&[post(host.now)], host.now);
    host.report(
        &message,
        &Attempt::Permanent {
            message: "410".to_owned(),
        },
    );
    // The process ends before the group is looked at again.
    assert_eq!(host.disk.load().posted.len(), 1);
    host.restart(settings());
    assert_eq!(host.disk.load().posted, []);
    host.pass(10 * M);
    assert_eq!(
        (host.deliver("ops"), host.core.counts(host.now)),
        (None, Counts::default())
    );
}

/// A new process that cannot read what is on disk, and does what it is told while nothing is kept.
struct Blind {
    host: Host,
    meanwhile: Meanwhile,
    kept: Disk,
}

impl Blind {
    fn after(mut host: Host) -> Self {
        let kept = std::mem::take(&mut host.disk);
        host.core = Core::new(settings(), Box::new(|_| Vec::new()));
        host.alerts.clear();
        host.say(false, true);
        Self {
            host,
            meanwhile: Meanwhile::default(),
            kept,
        }
    }

    fn deliver(&mut self) -> Option<String> {
        let message = self.host.take("ops")?;
        self.host
            .core
            .report(message.id, &Attempt::Delivered { receipt: Vec::new() }, self.host.now);
        let effects = self.host.core.take_effects();
        self.meanwhile.note(&effects.writes);
        self.host.core.kept(effects.batch, false, self.host.now);
        Some(told(&message))
    }

    /// It can be read now.
    fn take_up(self) -> Host {
        let Self {
            mut host,
            meanwhile,
            kept,
        } = self;
        let loaded = kept.load();
        host.disk = kept;
        host.core.take_up(loaded, &meanwhile, host.now);
        host.settle();
        host
    }
}

#[test]
fn what_could_not_be_read_at_the_start_counts_once_it_can_be() {
    let mut host = Host::new(settings());
    for alert in ["i=1", "i=2", "i=3", "i=4"] {
        host.fire(alert);
    }
    host.pass(30 * S);
    assert_eq!(host.deliver("ops").as_deref(), Some("first +i1 +i2 +i3 +i4"));
    // The first is over unseen, the second fires on, the third ends before the disk is back, and the fourth waits for its `for` again.
    let mut blind = Blind::after(host);
    blind.host.fire("i=2");
    blind.host.fire("i=3");
    blind.host.pass(30 * S);
    assert_eq!(
        blind.deliver().as_deref(),
        Some("first +i2 +i3"),
        "nothing is held back"
    );
    blind.host.end("i=3");
    blind.host.pass(5 * M);
    assert_eq!(blind.deliver().as_deref(), Some("changed +i2 -i3"));
    let waiting = labels("alertname=A,i=4");
    let pending = Alert {
        state: AlertState::Pending,
        fired_at: None,
        ..alert(&waiting, blind.host.now)
    };
    blind.host.alerts.insert(waiting.clone(), pending);
    blind.host.say(true, false);
    let mut host = blind.take_up();
    host.pass(5 * M);
    assert_eq!(host.deliver("ops").as_deref(), Some("changed -i1 +i2"));
    // All of it is on disk.
    host.restart(settings());
    host.say(true, true);
    host.pass(10 * M);
    assert_eq!(host.deliver("ops"), None, "what waits is not over");
    host.alerts.remove(&waiting);
    host.end("i=2");
    host.pass(5 * M);
    assert_eq!(host.deliver("ops").as_deref(), Some("resolved -i2 -i4"));
    assert_eq!(host.core.counts(host.now), Counts::default());
    assert_eq!(
        host.disk.load(),
        Loaded {
            sequence: host.disk.load().sequence,
            ..Loaded::default()
        }
    );
}

#[test]
fn an_old_message_that_is_read_late_follows_no_newer_one() {
    let mut host = Host::new(settings());
    host.fire("i=1");
    host.pass(30 * S);
    let message = host.take("ops").unwrap();
    host.report(&message, &timed_out());
    let mut blind = Blind::after(host);
    blind.host.fire("i=2");
    blind.host.pass(30 * S);
    assert_eq!(blind.deliver().as_deref(), Some("first +i2"));
    let mut host = blind.take_up();
    assert_eq!(host.disk.load().messages, []);
    host.pass(5 * M);
    // It may have arrived, and its alert is over.
    assert_eq!(host.deliver("ops").as_deref(), Some("changed -i1 +i2"));
}

#[test]
fn an_old_message_that_is_read_late_goes_out_where_nothing_was_told_since() {
    let mut host = Host::new(settings());
    host.fire("i=1");
    host.pass(30 * S);
    let message = host.take("ops").unwrap();
    host.report(&message, &timed_out());
    let mut host = Blind::after(host).take_up();
    assert_eq!(host.take("ops").unwrap().id, message.id);
}
