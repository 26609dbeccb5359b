use std::{collections::BTreeMap, time::Duration};

use super::*;
use crate::{
    clock::Timestamp,
    config::Check,
    metric::{MetricKind, text::Format},
    outcome::{Reason, Report, Status},
    secret::Redactor,
    telemetry::{LogOptions, Sink},
    testing::{self, family, outcome, report, verdict},
};

fn quiet() -> Supervisor {
    Supervisor::new(|panic| panic!("{panic}"))
}

fn board(store: Option<Store>) -> BoardHandle {
    board_with(store, Telemetry::silent())
}

fn board_with(store: Option<Store>, telemetry: Telemetry) -> BoardHandle {
    let clock = Clock::anchored(Timestamp::from_seconds(1_700_000_000));
    Board::start(
        &quiet(),
        BoardOptions {
            version: "1.2.3",
            store,
            clock,
            telemetry,
        },
    )
}

fn specs(names: &[&str]) -> Vec<BoardCheck> {
    names
        .iter()
        .map(|name| BoardCheck {
            check: Arc::new(testing::check(name)),
            problem: None,
            is_pushed: false,
        })
        .collect()
}

fn gauge(name: &str, value: f64) -> Report {
    report(vec![family(name, MetricKind::Gauge, &[("x", value)])])
}

async fn until(board: &BoardHandle, wanted: &str) -> String {
    let mut snapshots = board.snapshots();
    let waited = tokio::time::timeout(Duration::from_secs(120), async {
        loop {
            let text = snapshots.borrow_and_update().text(Format::Prometheus);
            let text = String::from_utf8(text.to_vec()).expect("text");
            if text.contains(wanted) {
                return text;
            }
            snapshots.changed().await.expect("the board lives");
        }
    });
    waited.await.unwrap_or_else(|_| panic!("never saw {wanted}"))
}

#[tokio::test(start_paused = true)]
async fn the_last_first_run_is_published_at_once() {
    let board = board(None);
    assert!(
        !board.snapshots().borrow().every_check_ran(),
        "not before it knows its checks"
    );
    board.replace_checks(specs(&["a", "b"])).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let begun = Clock::system().monotonic();
    board.submit(outcome("a", gauge("x", 1.0))).await;
    assert!(!board.snapshots().borrow().every_check_ran());
    board.submit(outcome("b", gauge("x", 2.0))).await;
    let text = until(&board, r#"x{check="b",of="x"} 2"#).await;
    assert!(text.contains(r#"x{check="a",of="x"} 1"#), "{text}");
    assert!(board.snapshots().borrow().every_check_ran());
    assert!(begun.elapsed() < Duration::from_millis(5), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn afterwards_a_second_passes_between_snapshots() {
    let board = board(None);
    board.replace_checks(specs(&["a"])).await;
    board.submit(outcome("a", gauge("x", 0.0))).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let mut snapshots = board.snapshots();
    snapshots.borrow_and_update();
    let mut published = Vec::new();
    for round in 0..500 {
        board.submit(outcome("a", gauge("x", f64::from(round)))).await;
        tokio::time::sleep(Duration::from_millis(10)).await;
        if snapshots.has_changed().expect("the board lives") {
            published.push(snapshots.borrow_and_update().at);
        }
    }
    assert!((4..=6).contains(&published.len()), "{published:?}");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_published_while_nothing_changes_but_the_hosts_own_values() {
    let board = board(None);
    board.replace_checks(specs(&["a"])).await;
    board.submit(outcome("a", gauge("x", 0.0))).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let mut snapshots = board.snapshots();
    let before = Arc::clone(&snapshots.borrow_and_update());
    tokio::time::sleep(Duration::from_secs(7)).await;
    assert!(!snapshots.has_changed().expect("the board lives"));
    tokio::time::sleep(Duration::from_secs(7)).await;
    assert!(snapshots.borrow_and_update().at.since(before.at) >= Duration::from_secs(9));
}

#[tokio::test(start_paused = true)]
async fn what_must_be_seen_about_the_host_is_in_the_next_snapshot() {
    let telemetry = Telemetry::silent();
    let board = board_with(None, telemetry.clone());
    board.replace_checks(specs(&["a"])).await;
    board.submit(outcome("a", gauge("x", 0.0))).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let mut snapshots = board.snapshots();
    snapshots.borrow_and_update();
    telemetry
        .instruments()
        .set("bellwether_test_level", "A level.", &[("of", "tea")], 0.5);
    board.read_host().await;
    let next = tokio::time::timeout(Duration::from_millis(1_500), snapshots.changed()).await;
    assert!(next.is_ok_and(|published| published.is_ok()));
    let text = snapshots.borrow_and_update().text(Format::Prometheus);
    assert!(String::from_utf8_lossy(&text).contains("bellwether_test_level{of=\"tea\"} 0.5"));
}

#[tokio::test(start_paused = true)]
async fn the_host_reports_about_itself_through_the_board() {
    let telemetry = Telemetry::silent();
    telemetry
        .instruments()
        .set("bellwether_test_level", "A level.", &[("of", "tea")], 0.5);
    let board = board_with(None, telemetry);
    let news = board.news();
    let ticks = News::Ticks {
        missed: BTreeMap::new(),
        lateness: vec![0.003, 0.2],
    };
    news.send(ticks).await.expect("the board lives");
    let text = until(&board, "bellwether_schedule_lateness_seconds_count 2").await;
    assert!(
        text.contains(r#"bellwether_schedule_lateness_seconds_bucket{le="0.005"} 1"#),
        "{text}"
    );
    assert!(text.contains("bellwether_test_level{of=\"tea\"} 0.5"), "{text}");
    assert!(text.contains("bellwether_build_info{version=\"1.2.3\""), "{text}");
    assert!(text.contains("process_cpu_seconds_total "), "{text}");
}

#[tokio::test(start_paused = true)]
async fn news_of_the_scheduler_are_merged_and_outdated_ones_dropped() {
    let board = board(None);
    board.replace_checks(specs(&["a"])).await;
    let former = Arc::new(Check {
        prefix: "old_".to_owned(),
        ..testing::check("a")
    });
    let news = board.news();
    for (check, value) in [(Arc::new(testing::check("a")), 1.0), (former, 9.0)] {
        let outcome = outcome("a", gauge("x", value));
        news.send(News::Ended { check, outcome })
            .await
            .expect("the board lives");
    }
    let missed = BTreeMap::from([("a".into(), 4)]);
    news.send(News::Ticks {
        missed,
        lateness: Vec::new(),
    })
    .await
    .expect("the board lives");
    let text = until(&board, r#"bellwether_check_missed_ticks_total{check="a"} 4"#).await;
    assert!(text.contains(r#"x{check="a",of="x"} 1"#), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_the_merge_is_said_and_the_board_goes_on() {
    let lines = Arc::default();
    let clock = Clock::system();
    let telemetry = Telemetry::new(
        Sink::Memory(Arc::clone(&lines)),
        LogOptions::default(),
        Redactor::default(),
        clock.clone(),
    );
    let options = BoardOptions {
        version: "1",
        store: None,
        clock,
        telemetry,
    };
    let (mut owner, snapshots, _) = Owner::new(options);
    owner.break_on("a");
    let (commands, inbox) = mpsc::channel(8);
    let (news, outcomes) = mpsc::channel(8);
    drop(quiet().spawn("board", owner.run(inbox, outcomes)));
    let board = BoardHandle {
        commands,
        news,
        snapshots,
        previous: Arc::new([]),
    };
    board.replace_checks(specs(&["a", "b"])).await;
    board.submit(outcome("a", gauge("x", 1.0))).await;
    board.submit(outcome("b", gauge("x", 2.0))).await;
    let text = until(&board, "bellwether_board_panics_total 1").await;
    assert!(text.contains(r#"x{check="b",of="x"} 2"#), "{text}");
    let log = String::from_utf8(lines.lock().expect("unpoisoned").clone()).expect("text");
    assert!(
        log.contains("panicked while it merged") && log.contains(r#""check":"a""#),
        "{log}"
    );
}

#[tokio::test]
async fn last_reports_survive_a_restart_with_their_age() {
    let dir = tempfile::tempdir().expect("a directory");
    let supervisor = quiet();
    let store = Store::open(dir.path(), &supervisor, &Telemetry::silent()).expect("opens");
    let first = board(Some(store.clone()));
    first.replace_checks(specs(&["a", "gone"])).await;
    let judged = Report {
        verdicts: vec![verdict("/", Status::Warning)],
        ..gauge("x", 7.0)
    };
    first.submit(outcome("a", judged)).await;
    first.submit(outcome("gone", gauge("x", 1.0))).await;
    first.stop().await;
    store.close().await.expect("written");

    let store = Store::open(dir.path(), &supervisor, &Telemetry::silent()).expect("opens again");
    let second = board(Some(store));
    let previous: Vec<_> = second
        .previous()
        .into_iter()
        .map(|p| (p.check.to_string(), p.word))
        .collect();
    assert_eq!(previous, [("a".to_owned(), "warning"), ("gone".to_owned(), "ok")]);
    second.replace_checks(specs(&["a"])).await;
    let text = until(&second, r#"x{check="a",of="x"} 7"#).await;
    assert!(
        text.contains("bellwether_check_last_run_timestamp_seconds{check=\"a\"} 1700000000.02"),
        "{text}"
    );
    assert!(!text.contains("gone"), "{text}");
    assert!(
        !text.contains("bellwether_check_runs_total"),
        "totals begin with the process"
    );
    let snapshot = Arc::clone(&second.snapshots().borrow());
    let health = snapshot.check("a").expect("configured");
    assert!(health.restored && !health.ran);
    assert_eq!(
        (health.status, &*health.message),
        (Some(Status::Warning), "/: / is warning")
    );
}

#[tokio::test]
async fn how_many_runs_in_a_row_failed_survives_a_restart() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::open(dir.path(), &quiet(), &Telemetry::silent()).expect("opens");
    let first = board(Some(store.clone()));
    first.replace_checks(specs(&["a"])).await;
    first.submit(outcome("a", gauge("x", 7.0))).await;
    for _ in 0..2 {
        first.submit(testing::failure("a", Reason::Timeout)).await;
    }
    first.stop().await;
    store.flush().await.expect("written");
    let second = board(Some(store));
    second.replace_checks(specs(&["a"])).await;
    let text = until(&second, "bellwether_check_consecutive_failed_runs{check=\"a\"} 2").await;
    assert!(
        text.contains("bellwether_check_consecutive_failures{check=\"a\"} 2"),
        "{text}"
    );
}

#[tokio::test]
async fn a_report_of_other_settings_is_not_restored() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::open(dir.path(), &quiet(), &Telemetry::silent()).expect("opens");
    let first = board(Some(store.clone()));
    first.replace_checks(specs(&["a"])).await;
    first.submit(outcome("a", gauge("x", 7.0))).await;
    first.stop().await;
    store.flush().await.expect("written");
    let second = board(Some(store));
    let changed = Check {
        settings: r#"{"other":true}"#.into(),
        ..testing::check("a")
    };
    second
        .replace_checks(vec![BoardCheck {
            check: Arc::new(changed),
            problem: None,
            is_pushed: false,
        }])
        .await;
    let text = until(&second, "bellwether_check_series_limit").await;
    assert!(!text.contains("x{"), "{text}");
}
