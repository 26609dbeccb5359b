use std::sync::Arc;

use super::{
    super::chronicle::{Hearing, Telling},
    *,
};
use crate::{
    alert::{Annotations, Matcher, ResolveCause},
    supervisor::Supervisor,
    telemetry::Telemetry,
};

fn store() -> Store {
    let store = Store::in_memory(&Supervisor::new(|_| {}), &Telemetry::silent()).unwrap();
    prepare(&store).unwrap();
    store
}

fn news(instance: &str, is_firing: bool) -> News {
    News {
        labels: Labels::new([("alertname", "A \"quoted\""), ("instance", instance)]),
        annotations: [("summary".into(), "über, and\nover".into())].into(),
        is_firing,
        was_told: !is_firing,
        value: Some(f64::NEG_INFINITY),
        starts_at: 1,
        ends_at: (!is_firing).then_some(2),
        updated_at: 3,
        generator_url: "http://x".into(),
        cause: (!is_firing).then_some(ResolveCause::SenderSilent),
        details: vec![("code".into(), "timeout".into())],
    }
}

fn key(receiver: &str) -> GroupKey {
    GroupKey {
        receiver: receiver.into(),
        key: r#"{}/{a="b"}:{alertname="A"}"#.into(),
    }
}

fn message(receiver: &str, sequence: u64) -> Message {
    let key = key(receiver);
    Message {
        id: MessageId::of(receiver, &key.key, sequence),
        receiver: key.receiver,
        group_key: key.key,
        sequence,
        reason: NewsReason::Changed,
        created_at: 7,
        group_labels: Labels::new([("alertname", "A")]),
        alerts: [news("1", true), news("2", false)].into(),
        withheld: 3,
        attempts: 0,
        not_before: 0,
        journaled: true,
    }
}

fn group(receiver: &str, told_at: Option<i64>) -> GroupRow {
    GroupRow {
        key: key(receiver),
        route: "db".into(),
        labels: Labels::new([("alertname", "A")]),
        flush_at: 9,
        has_flushed: told_at.is_some(),
        told_at,
    }
}

fn silence(id: &str) -> Silence {
    Silence {
        id: id.into(),
        matchers: Matcher::parse_list(r#"a=~"x|\"y",b!="#).unwrap(),
        starts_at: 1,
        ends_at: 2,
        updated_at: 3,
        created_by: "me".into(),
        comment: "why".into(),
    }
}

fn posted(name: &str) -> PostedRow {
    PostedRow {
        labels: Labels::new([("alertname", name)]),
        annotations: Annotations::new(),
        starts_at: 1,
        ends_at: 2,
        updated_at: 3,
        generator_url: "".into(),
        cause: Some(ResolveCause::Sender),
    }
}

fn occurrence(id: &str) -> OccurrenceRow {
    OccurrenceRow {
        id: id.into(),
        noted_at: 4,
        at: 3,
        labels: Labels::new([("alertname", "NewCrash")]),
        annotations: [("summary".into(), "it \"broke\"".into())].into(),
        generator_url: "http://x".into(),
        fate: "told".into(),
        hearings: vec![Hearing {
            receiver: "ops".into(),
            telling: Telling::Waiting,
            at: 4,
        }],
    }
}

#[tokio::test]
async fn everything_survives_the_way_through_the_tables() {
    let store = store();
    let writes = vec![
        Write::Group(group("ops", None)),
        Write::Group(group("mail", Some(5))),
        Write::Told {
            group: key("mail"),
            firing: vec![news("1", true), news("2", true)],
            over: Vec::new(),
        },
        Write::Message(Arc::new(message("ops", 8))),
        Write::Sequence(8),
        Write::Posted(Box::new(posted("P"))),
        Write::Silence(silence("s")),
        Write::Occurrence(Arc::new(occurrence("o"))),
    ];
    save(&store, 1, writes);
    store.flush().await.unwrap();
    let mut loaded = load(&store).unwrap();
    loaded
        .groups
        .sort_by(|one, other| other.key.receiver.cmp(&one.key.receiver));
    let told = |instance| ToldRow {
        group: key("mail"),
        news: news(instance, true),
    };
    let expected = Loaded {
        groups: vec![group("ops", None), group("mail", Some(5))],
        told: vec![told("1"), told("2")],
        messages: vec![message("ops", 8)],
        posted: vec![posted("P")],
        silences: vec![silence("s")],
        occurrences: vec![occurrence("o")],
        sequence: 8,
    };
    assert_eq!(loaded, expected);
}

#[tokio::test]
async fn what_is_forgotten_is_gone_in_the_order_of_the_writes() {
    let store = store();
    let told = |over| Write::Told {
        group: key("ops"),
        firing: vec![news("1", true)],
        over,
    };
    save(
        &store,
        1,
        vec![
            Write::Group(group("ops", None)),
            told(Vec::new()),
            Write::Message(Arc::new(message("ops", 8))),
        ],
    );
    save(
        &store,
        2,
        vec![
            told(vec![news("1", true).labels]),
            Write::ForgetMessage(message("ops", 8).id),
        ],
    );
    save(
        &store,
        3,
        vec![
            Write::Posted(Box::new(posted("P"))),
            Write::ForgetPosted(posted("P").labels),
        ],
    );
    save(
        &store,
        4,
        vec![
            Write::Silence(silence("s")),
            Write::ForgetSilence("s".into()),
            Write::Occurrence(Arc::new(occurrence("o"))),
            Write::ForgetOccurrence("o".into()),
        ],
    );
    store.flush().await.unwrap();
    let loaded = load(&store).unwrap();
    assert_eq!(
        (
            loaded.told.len(),
            loaded.messages.len(),
            loaded.posted.len(),
            loaded.silences.len(),
            loaded.occurrences.len()
        ),
        (0, 0, 0, 0, 0)
    );
    assert_eq!(loaded.groups.len(), 1);
    save(&store, 5, vec![told(Vec::new()), Write::ForgetGroup(key("ops"))]);
    store.flush().await.unwrap();
    assert_eq!(
        load(&store).unwrap(),
        Loaded::default(),
        "with all that its receiver was told"
    );
}

#[tokio::test]
async fn refused_messages_are_kept_and_not_for_ever() {
    let store = store();
    let letter = |sequence, at| {
        let message = message("ops", sequence);
        let reason = "410".to_owned();
        Write::Dead(Box::new(DeadLetter { message, reason, at }))
    };
    save(&store, 1, vec![letter(1, 0), letter(2, DEAD_RETENTION)]);
    save(&store, 2, vec![letter(3, DEAD_RETENTION + 1)]);
    store.flush().await.unwrap();
    let count = |connection: &Connection| {
        connection.query_row("SELECT count(*) FROM dispatch_dead", [], |row| row.get::<_, i64>(0))
    };
    assert_eq!(store.read(count).unwrap(), 2);
}
