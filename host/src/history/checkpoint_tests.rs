use std::time::Duration;

use bellwether_promql::{
    ast::MatchOp,
    storage::Storage as _,
    value::{Point, is_stale},
};
use proptest::prelude::*;

use super::{
    super::{
        loose::Appended,
        tests::{find, labels, matcher, read, rows, set, settings, tick},
    },
    *,
};

const STEP: i64 = 15_000;
const START: i64 = 1_700_000_000_000;

/// Some hundred ticks of series that come, go and stay, and one of a rule.
fn some(ticks: i64) -> History {
    let mut history = History::new(settings());
    for number in 0..ticks {
        let there = (0..150)
            .filter(|host| number > 50 || host % 3 != 1)
            .filter(|host| number < ticks - 40 || host % 50 != 0);
        let value = |host: usize| ((number * 31 + host as i64 * 17) % 1000) as f64 / 8.0;
        let values: Vec<_> = there.map(|host| (labels("load", host), value(host))).collect();
        tick(&mut history, START + number * STEP, &values);
        let point = Point {
            at: START + number * STEP + 5000,
            value: number as f64,
        };
        assert_eq!(history.append(&labels("recorded", 1), point), Appended::Taken);
    }
    history
}

fn all(history: &History) -> Vec<(String, Vec<(i64, u64)>)> {
    let view = history.current();
    let series = view
        .series()
        .map(|(_, labels)| (labels.to_string(), read(view, labels, 0, i64::MAX)));
    let mut all: Vec<_> = series.collect();
    all.sort();
    all
}

fn written(history: &History) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let bytes = history.checkpoint().write(folder.path()).expect("written");
    assert_eq!(
        fs::metadata(folder.path().join(CHECKPOINT)).expect("there").len(),
        bytes
    );
    folder
}

#[test]
fn what_was_saved_comes_back_to_the_bit() {
    for ticks in [1, 15, 16, 33, 300] {
        let history = some(ticks);
        let folder = written(&history);
        let (back, restored) = restore(settings(), folder.path(), START + ticks * STEP);
        let last_tick = Some(START + (ticks - 1) * STEP);
        assert_eq!(
            restored,
            Restored::All {
                series: history.series(),
                last_tick
            },
            "{ticks}"
        );
        assert_eq!(all(&back), all(&history), "{ticks}");
        assert!(!folder.path().join(NEW).exists());
    }
}

#[test]
fn a_series_of_a_rule_that_lost_its_oldest_samples_comes_back() {
    let settings = || Settings {
        retention: Duration::from_secs(3600),
        ..settings()
    };
    let mut history = History::new(settings());
    for number in 0..700 {
        let at = START + number * STEP;
        history.append(&labels("recorded", 1), Point { at, value: 1.0 });
    }
    let held = read(history.current(), &labels("recorded", 1), 0, i64::MAX).len();
    assert!((240..400).contains(&held), "{held}");
    let folder = written(&history);
    let (mut back, restored) = restore(settings(), folder.path(), START + 700 * STEP);
    assert_eq!(
        restored,
        Restored::All {
            series: 1,
            last_tick: None
        }
    );
    assert_eq!(all(&back), all(&history));
    for number in 700..1400 {
        for history in [&mut history, &mut back] {
            let at = START + number * STEP;
            history.append(&labels("recorded", 1), Point { at, value: 1.0 });
        }
    }
    assert_eq!(all(&back), all(&history));
}

#[test]
fn a_restart_is_a_gap_and_no_end() {
    let history = some(100);
    let folder = written(&history);
    let later = START + 100 * STEP + 120_000;
    let (mut back, _) = restore(settings(), folder.path(), later);
    // At first only one series is back, later another one is, and a third never.
    tick(&mut back, later, &[(labels("load", 1), 7.0)]);
    tick(
        &mut back,
        later + STEP,
        &[(labels("load", 1), 7.0), (labels("load", 2), 8.0)],
    );
    tick(&mut back, later + 2 * STEP, &[(labels("load", 1), 7.0)]);
    let since = |host| -> Vec<(i64, bool)> {
        let samples = read(back.current(), &labels("load", host), START + 98 * STEP, i64::MAX);
        samples
            .into_iter()
            .map(|(at, bits)| (at - later, is_stale(f64::from_bits(bits))))
            .collect()
    };
    let before = START + 99 * STEP - later;
    assert_eq!(
        since(1),
        [(before, false), (0, false), (STEP, false), (2 * STEP, false)]
    );
    assert_eq!(
        since(2),
        [(before, false), (STEP, false), (2 * STEP, true)],
        "it ended in this process"
    );
    assert_eq!(
        since(4),
        [(before, false)],
        "nobody knows that it ended: the lookback decides"
    );
    let (mut more, _) = {
        let folder = written(&back);
        restore(settings(), folder.path(), later + 10 * STEP)
    };
    for number in 10..200 {
        tick(&mut more, later + number * STEP, &[(labels("load", 1), 7.0)]);
    }
    assert_eq!(read(more.current(), &labels("load", 1), later, i64::MAX).len(), 192);
    assert_eq!(
        find(
            more.current(),
            &[
                matcher("host", MatchOp::Equal, "h2"),
                matcher("__name__", MatchOp::Equal, "load")
            ]
        ),
        [labels("load", 2)]
    );
}

#[test]
fn what_is_older_than_anything_kept_is_not_taken_up() {
    let history = some(20);
    let folder = written(&history);
    let week = 7 * 24 * 3_600_000;
    let (back, restored) = restore(settings(), folder.path(), START + week);
    let last_tick = START + 19 * STEP;
    assert_eq!((restored, back.series()), (Restored::TooOld { last_tick }, 0));
}

#[test]
fn what_rules_read_keeps_its_past_until_they_are_known_again() {
    let mut history = History::new(settings());
    let values = [(labels("load", 1), 1.0), (labels("load", 2), 1.0)];
    history.select(vec![vec![matcher("host", MatchOp::Equal, "h1")]]);
    for number in 0..600 {
        tick(&mut history, START + number * STEP, &values);
    }
    let folder = written(&history);
    let (mut back, _) = restore(settings(), folder.path(), START + 600 * STEP);
    for number in 600..640 {
        tick(&mut back, START + number * STEP, &values);
    }
    assert_eq!(read(back.current(), &labels("load", 1), 0, i64::MAX).len(), 640);
    assert!(read(back.current(), &labels("load", 2), 0, i64::MAX).len() < 440);
}

#[test]
fn without_a_file_history_begins_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    let (back, restored) = restore(settings(), folder.path(), START);
    assert_eq!((restored, back.series()), (Restored::Nothing, 0));
}

fn reason(folder: &Path) -> String {
    match restore(settings(), folder, START + 300 * STEP) {
        (history, Restored::SetAside { reason, place }) => {
            assert_eq!(history.series(), 0);
            assert_eq!(place, Some(folder.join(SET_ASIDE)));
            assert!(!folder.join(CHECKPOINT).exists() && folder.join(SET_ASIDE).exists());
            reason
        }
        (_, other) => panic!("{other:?}"),
    }
}

#[test]
fn a_file_that_cannot_be_read_is_set_aside_with_its_reason() {
    let folder = written(&some(300));
    let place = folder.path().join(CHECKPOINT);
    let good = fs::read(&place).expect("there");
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    let cases = [
        (good[..good.len() - 1].to_vec(), "damaged"),
        (Vec::new(), "no history of this program"),
        (with(0, b'x'), "no history of this program"),
        (with(8, 2), "version 2; this program reads version 1"),
        (with(good.len() / 2, good[good.len() / 2] ^ 1), "damaged"),
    ];
    for (bytes, wanted) in cases {
        fs::write(&place, bytes).expect("written");
        let reason = reason(folder.path());
        assert!(reason.contains(wanted), "{reason}, not {wanted}");
    }
    fs::write(&place, &good).expect("written");
    let small = Settings {
        memory: 100,
        ..settings()
    };
    assert!(
        matches!(restore(small, folder.path(), START), (_, Restored::SetAside { reason, .. }) if reason.contains("bytes long"))
    );
    fs::create_dir(&place).expect("made");
    fs::remove_file(folder.path().join(SET_ASIDE)).expect("it was a file");
    assert!(reason(folder.path()).contains("no regular file"));
}

#[test]
fn an_older_checkpoint_does_not_replace_a_newer_one() {
    let mut history = some(20);
    let older = history.checkpoint();
    tick(&mut history, START + 20 * STEP, &[(labels("load", 1), 7.0)]);
    let folder = written(&history);
    let before = fs::read(folder.path().join(CHECKPOINT)).expect("there");
    assert_eq!(older.write(folder.path()).expect("nothing to do"), 0);
    assert_eq!(fs::read(folder.path().join(CHECKPOINT)).expect("there"), before);
    let again = history.checkpoint().write(folder.path()).expect("written");
    assert_eq!(again, before.len() as u64, "and the next one is written again");
}

#[test]
fn a_checkpoint_that_cannot_be_written_leaves_the_last_one() {
    let folder = written(&some(20));
    let before = fs::read(folder.path().join(CHECKPOINT)).expect("there");
    fs::create_dir(folder.path().join(NEW)).expect("in the way");
    let error = some(30)
        .checkpoint()
        .write(folder.path())
        .expect_err("a folder is in the way");
    assert!(error.to_string().contains("history.new"), "{error}");
    assert_eq!(fs::read(folder.path().join(CHECKPOINT)).expect("there"), before);
}

/// With a checksum that fits.
fn sealed(mut contents: Vec<u8>) -> Vec<u8> {
    let mut crc = flate2::Crc::new();
    crc.update(&contents);
    contents.extend_from_slice(&crc.sum().to_le_bytes());
    contents.extend_from_slice(&u64::from(crc.amount()).to_le_bytes());
    contents
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_file_is_the_host_starts(
        ticks in 1_i64..80,
        cut in prop::option::of(any::<prop::sample::Index>()),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        resealed: bool,
    ) {
        let mut bytes = Vec::new();
        format::write(some(ticks).current(), &mut bytes).expect("memory takes it");
        if resealed {
            bytes.truncate(bytes.len() - 12);
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        for (at, flip) in flips {
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] ^= flip;
            }
        }
        if resealed {
            bytes = sealed(bytes);
        }
        if let Ok(view) = format::read(&bytes)
            && let Some(mut history) = History::from_view(settings(), view)
        {
            // Whatever it holds, it can be gone on with.
            let last = history.current().last_tick().unwrap_or(0);
            for number in 1..150_i64 {
                let values = [(labels("load", 1), 1.0), (labels("new", 2), number as f64)];
                let at = last.saturating_add(number * STEP);
                tick(&mut history, at, &values);
                history.append(&labels("recorded", 1), Point { at, value: 1.0 });
            }
            let view = history.view();
            let mut out = Vec::new();
            for id in view.find(&[]) {
                view.read(id, i64::MIN, i64::MAX, &mut out);
                view.newest(id, i64::MIN, i64::MAX);
            }
            let mut again = Vec::new();
            format::write(&view, &mut again).expect("memory takes it");
            prop_assert!(format::read(&again).is_ok());
        }
    }
}

#[test]
fn six_hours_of_eleven_thousand_series_are_back_soon() {
    let mut history = History::new(Settings {
        memory: 256 << 20,
        retention_unselected: Duration::from_secs(6 * 3600),
        ..settings()
    });
    let series: Vec<_> = (0..11_000)
        .map(|at| labels(["queue_depth", "requests_total", "wait_seconds"][at % 3], at))
        .collect();
    let rows = rows(&mut history, START - STEP, &series);
    let mut values = vec![0.0; series.len()];
    for number in 0..1440_i64 {
        for (at, value) in values.iter_mut().enumerate() {
            *value = match at % 3 {
                0 => ((number * 7919 + at as i64 * 104_729) % 500) as f64,
                1 => *value + ((number * at as i64) % 97) as f64,
                _ => ((number * 31 + at as i64 * 17) % 9973) as f64 / 1000.0,
            };
        }
        set(&mut history, START + number * STEP, &rows, &values);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let begun = crate::clock::thread_cpu_time();
    let bytes = history.checkpoint().write(folder.path()).expect("written");
    let wrote = crate::clock::thread_cpu_time() - begun;
    let begun = crate::clock::thread_cpu_time();
    let settings = history.settings().clone();
    let (back, restored) = restore(settings, folder.path(), START + 1440 * STEP);
    let took = crate::clock::thread_cpu_time() - begun;
    println!("{bytes} bytes written in {wrote:?} of CPU, restored in {took:?}");
    assert!(matches!(restored, Restored::All { series: 11_000, .. }), "{restored:?}");
    let one = labels("requests_total", 1);
    assert_eq!(
        read(back.current(), &one, 0, i64::MAX),
        read(history.current(), &one, 0, i64::MAX)
    );
}
