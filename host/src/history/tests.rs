//! History beside a naive one.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bellwether_promql::{
    ast::{MatchOp, Matcher, Span},
    labels::Labels,
    storage::Storage as _,
    value::{Point, is_stale, stale_marker},
};
use proptest::prelude::*;

use super::{
    keeper::{History, Ticked},
    loose::Appended,
    settings::Settings,
    ticks::Admission,
    view::View,
};

const STEP: i64 = 15_000;
const START: i64 = 1_700_000_000_000;

pub(super) fn settings() -> Settings {
    Settings {
        interval: Duration::from_secs(15),
        retention: Duration::from_secs(6 * 3600),
        retention_unselected: Duration::from_secs(3600),
        memory: 64 << 20,
        job: "bellwether".into(),
        instance: "127.0.0.1:9920".into(),
    }
}

/// Without any series.
pub(super) fn small() -> History {
    History::new(settings())
}

pub(super) fn labels(name: &str, host: usize) -> Labels {
    Labels::new([("__name__", name.to_owned()), ("host", format!("h{host}"))])
}

pub(super) fn matcher(name: &str, op: MatchOp, value: &str) -> Matcher {
    let regex = matches!(op, MatchOp::Regex | MatchOp::NotRegex)
        .then(|| regex::Regex::new(&format!("^(?s:{value})$")).expect("a regular expression"));
    Matcher {
        name: name.into(),
        op,
        value: value.into(),
        regex,
        span: Span::default(),
    }
}

/// Records one tick.
pub(super) fn tick(history: &mut History, at: i64, values: &[(Labels, f64)]) -> Ticked {
    history.tick(at, |filling| {
        for (labels, value) in values {
            if let Some(row) = filling.row(labels) {
                filling.set(row, *value);
            }
        }
    })
}

/// The rows of new series, in a tick without values.
pub(super) fn rows(history: &mut History, at: i64, series: &[Labels]) -> Vec<u32> {
    let mut rows = Vec::new();
    history.tick(at, |filling| {
        rows = series.iter().filter_map(|labels| filling.row(labels)).collect()
    });
    assert_eq!(rows.len(), series.len());
    rows
}

/// Records one tick of known rows.
pub(super) fn set(history: &mut History, at: i64, rows: &[u32], values: &[f64]) -> Ticked {
    history.tick(at, |filling| {
        rows.iter()
            .zip(values)
            .for_each(|(row, value)| filling.set(*row, *value))
    })
}

pub(super) fn find(view: &View, matchers: &[Matcher]) -> Vec<Labels> {
    view.find(matchers).iter().map(|id| view.labels(*id).clone()).collect()
}

type Bits = Vec<(i64, u64)>;

pub(super) fn read(view: &View, labels: &Labels, after: i64, until: i64) -> Bits {
    let exactly: Vec<Matcher> = labels
        .iter()
        .map(|(name, value)| matcher(name, MatchOp::Equal, value))
        .collect();
    let Some(id) = view.find(&exactly).into_iter().find(|id| view.labels(*id) == labels) else {
        return Vec::new();
    };
    let mut out = Vec::new();
    view.read(id, after, until, &mut out);
    let newest = view.newest(id, after, until).map(bits);
    assert_eq!(
        newest,
        out.last().copied().map(bits),
        "the newest sample of {labels} in ({after}, {until}]"
    );
    out.into_iter().map(bits).collect()
}

fn bits(point: Point) -> (i64, u64) {
    (point.at, point.value.to_bits())
}

/// Samples of each series, one after the other.
#[derive(Default)]
struct Model {
    series: BTreeMap<Labels, Bits>,
    last: Option<i64>,
    loose: BTreeMap<Labels, Bits>,
}

impl Model {
    fn tick(&mut self, at: i64, values: &[(Labels, f64)], fresh: bool) -> Admission {
        match self.last {
            Some(last) if at <= last && last - at < 60_000 => return Admission::TooEarly,
            Some(last) if at <= last => {
                let all = self.series.values_mut().chain(self.loose.values_mut());
                all.for_each(|samples| samples.retain(|(when, _)| *when < at));
            }
            Some(_) | None => {}
        }
        self.last = Some(at);
        for (labels, value) in values {
            let value = if value.is_nan() {
                f64::from_bits(0x7ff8_0000_0000_0001)
            } else {
                *value
            };
            self.series
                .entry(labels.clone())
                .or_default()
                .push((at, value.to_bits()));
        }
        for samples in self.series.values_mut() {
            let ended = samples
                .last()
                .is_some_and(|(when, bits)| *when < at && !is_stale(f64::from_bits(*bits)));
            if ended && !fresh {
                samples.push((at, stale_marker().to_bits()));
            }
        }
        Admission::InOrder
    }

    fn append(&mut self, labels: &Labels, point: Point) {
        let samples = self.loose.entry(labels.clone()).or_default();
        if samples.last().is_none_or(|(last, _)| *last < point.at) {
            samples.push(bits(point));
        }
    }

    fn read(&self, labels: &Labels, after: i64, until: i64) -> Bits {
        let samples = self.series.get(labels).or_else(|| self.loose.get(labels));
        let wanted = |(at, _): &&(i64, u64)| *at > after && *at <= until;
        samples.into_iter().flatten().filter(wanted).copied().collect()
    }
}

/// What happens at a tick, as random numbers.
#[derive(Clone, Debug)]
struct Step {
    /// Which of the series are there: a bit each.
    present: u16,
    value: u64,
    kind: u8,
}

fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    let step = (any::<u16>(), any::<u64>(), any::<u8>());
    let step = step.prop_map(|(present, value, kind)| Step { present, value, kind });
    prop::collection::vec(step, 1..most)
}

fn value(step: &Step, series: usize) -> f64 {
    let mixed = step.value.rotate_left(series as u32 * 7);
    match step.kind % 5 {
        0 => 5.0,
        1 => (mixed % 1000) as f64 / 100.0,
        2 => f64::from_bits(mixed),
        3 => (mixed % 5) as f64,
        _ => series as f64,
    }
}

/// The next moment: mostly a tick later, now and then more, and seldom the clock goes back.
fn moment(last: i64, step: &Step) -> i64 {
    match step.kind {
        250 => last + 3_600_000,
        251 => last - 20_000,
        252 => last - 600_000,
        253 => last + STEP + 137,
        _ => last + STEP,
    }
}

fn check(view: &View, model: &Model, all: &[Labels], at: i64) {
    for labels in all {
        for (after, until) in [
            (0, i64::MAX),
            (at - 300_000, at),
            (at - STEP, at),
            (at - STEP + 1, at - 1),
            (at - 2_000_000, at - 1_000_000),
            (at - 40 * STEP - 3, at - 16 * STEP - 1),
        ] {
            assert_eq!(
                read(view, labels, after, until),
                model.read(labels, after, until),
                "{labels} in ({after}, {until}]"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_view_reads_what_a_naive_history_would(steps in steps(420), sticky: u16, outages: [u16; 7]) {
        let mut history = History::new(Settings { retention_unselected: Duration::from_secs(6 * 3600), ..settings() });
        let mut model = Model::default();
        let series: Vec<Labels> = (0..12).map(|host| labels("load", host)).collect();
        let recorded: Vec<Labels> = (0..3).map(|host| labels("recorded", host)).collect();
        let all: Vec<Labels> = series.iter().chain(&recorded).cloned().collect();
        let mut at = START;
        let mut held = Vec::new();
        for (number, step) in steps.iter().enumerate() {
            at = moment(at, step);
            // Some stay, some flicker, and some are away for longer than a block.
            let there = (step.present | sticky) & !outages[number / 40 % outages.len()];
            let values: Vec<(Labels, f64)> = (0..series.len())
                .filter(|at| there & 1 << at != 0)
                .map(|at| (series[at].clone(), value(step, at)))
                .collect();
            let ticked = tick(&mut history, at, &values);
            let admission = model.tick(at, &values, number == 0);
            prop_assert_eq!(ticked.admission == Admission::TooEarly, admission == Admission::TooEarly);
            if step.kind % 3 == 0 && ticked.admission.is_taken() {
                let point = Point { at: at + 7, value: value(step, 3) };
                let which = &recorded[usize::from(step.kind) % recorded.len()];
                let appended = history.append(which, point);
                let known = model.loose.get(which).and_then(|samples| samples.last()).is_none_or(|(last, _)| *last < point.at);
                prop_assert_eq!(appended == Appended::Taken, known);
                model.append(which, point);
            }
            if number % 97 == 0 {
                held.push((history.view(), at, all.iter().map(|labels| model.read(labels, 0, i64::MAX)).collect::<Vec<_>>()));
            }
            at = at.max(model.last.unwrap_or(at));
        }
        check(&history.view(), &model, &all, at);
        for (view, _, expected) in held {
            let found: Vec<Bits> = all.iter().map(|labels| read(&view, labels, 0, i64::MAX)).collect();
            prop_assert_eq!(found, expected, "a view does not change");
        }
    }
}

fn constant(series: usize) -> Vec<(Labels, f64)> {
    (0..series).map(|host| (labels("load", host), 1.0)).collect()
}

#[test]
fn what_rules_read_is_kept_longer() {
    let mut history = History::new(settings());
    history.select(vec![vec![
        matcher("__name__", MatchOp::Equal, "load"),
        matcher("host", MatchOp::Equal, "h3"),
    ]]);
    let ticks = 6 * 240 + 200;
    for number in 0..ticks {
        tick(&mut history, START + number * STEP, &constant(70));
    }
    let now = START + (ticks - 1) * STEP;
    let samples = |host, hours: i64| read(history.current(), &labels("load", host), now - hours * 3_600_000, now).len();
    assert_eq!((samples(3, 6), samples(4, 1)), (1440, 240));
    let oldest = |host| read(history.current(), &labels("load", host), 0, now)[0].0;
    let slack = i64::from(super::grid::FRAME_TICKS + super::grid::HEAD) * STEP;
    assert!((6 * 3_600_000..6 * 3_600_000 + slack).contains(&(now - oldest(3))));
    assert!((3_600_000..3_600_000 + slack).contains(&(now - oldest(4))));
}

#[test]
fn a_series_with_old_samples_only_is_found_no_more() {
    let mut history = History::new(settings());
    history.select(vec![vec![matcher("host", MatchOp::Equal, "h0")]]);
    for number in 0..20 {
        tick(&mut history, START + number * STEP, &constant(3));
    }
    let mut generation = history.current().generation();
    for number in 20..300 {
        tick(&mut history, START + number * STEP, &constant(1)[..0]);
    }
    let found = find(history.current(), &[matcher("host", MatchOp::Regex, "h[01]")]);
    assert_eq!(found, [labels("load", 0)], "an hour for h1, six for h0");
    assert_ne!(history.current().generation(), generation);
    generation = history.current().generation();
    for number in 300..1700 {
        tick(&mut history, START + number * STEP, &[]);
    }
    assert_eq!(find(history.current(), &[]), []);
    assert_ne!(history.current().generation(), generation);
    let back = tick(&mut history, START + 1700 * STEP, &constant(3));
    assert_eq!((back.appeared, back.series), (3, 3));
    assert_eq!(read(history.current(), &labels("load", 1), 0, i64::MAX).len(), 1);
}

#[test]
fn matchers_are_what_they_are_in_promql() {
    let mut history = History::new(settings());
    let series = [
        Labels::new([("__name__", "up"), ("job", "a"), ("zone", "x")]),
        Labels::new([("__name__", "up"), ("job", "b")]),
        Labels::new([("__name__", "down"), ("job", "a"), ("zone", "y")]),
    ];
    let values: Vec<(Labels, f64)> = series.iter().map(|labels| (labels.clone(), 1.0)).collect();
    tick(&mut history, START, &values);
    let many: Vec<(Labels, f64)> = (0..1000)
        .map(|host| (labels("load", host), 0.0))
        .chain(values)
        .collect();
    tick(&mut history, START + STEP, &many);
    use MatchOp::{Equal, NotEqual, NotRegex, Regex};
    for (matchers, expected) in [
        (vec![("__name__", Equal, "up")], vec![0, 1]),
        (vec![("__name__", Equal, "up"), ("zone", Equal, "")], vec![1]),
        (vec![("__name__", Equal, "up"), ("zone", NotEqual, "")], vec![0]),
        (vec![("__name__", Regex, "up|down"), ("job", Equal, "a")], vec![0, 2]),
        (vec![("__name__", NotRegex, "load|up")], vec![2]),
        (vec![("host", Equal, ""), ("job", NotEqual, "a")], vec![1]),
        (vec![("host", NotRegex, "h.*")], vec![0, 1, 2]),
        (vec![("zone", Regex, ".*"), ("host", NotRegex, ".+")], vec![0, 1, 2]),
        (vec![("zone", Regex, ".+")], vec![0, 2]),
        (vec![("zone", Equal, "nowhere")], vec![]),
        (
            vec![
                ("nothing", NotEqual, "x"),
                ("job", Regex, "a|b"),
                ("__name__", NotEqual, "down"),
            ],
            vec![0, 1],
        ),
    ] {
        let matchers: Vec<Matcher> = matchers
            .iter()
            .map(|(name, op, value)| matcher(name, *op, value))
            .collect();
        let expected: Vec<Labels> = expected.iter().map(|at: &usize| series[*at].clone()).collect();
        assert_eq!(find(history.current(), &matchers), expected, "{matchers:?}");
    }
}

#[test]
fn what_no_rule_reads_gives_way_when_memory_is_short() {
    let memory = 2 << 20;
    let mut history = History::new(Settings { memory, ..settings() });
    history.select(vec![vec![matcher("host", MatchOp::Regex, "h[0-9]")]]);
    let mut shed = 0;
    for number in 0..400_i64 {
        let noise = |host: usize| 1.0 / (1.0 + ((number * 7919 + host as i64 * 104_729) % 9973) as f64);
        let values: Vec<(Labels, f64)> = (0..1200).map(|host| (labels("load", host), noise(host))).collect();
        let ticked = tick(&mut history, START + number * STEP, &values);
        assert!(ticked.bytes <= memory, "{} bytes at {number}", ticked.bytes);
        assert_eq!((ticked.shed_selected, ticked.refused_selected), (0, 0));
        shed += ticked.shed_unselected;
    }
    assert!(shed > 0, "something had to go");
    assert_eq!(
        read(history.current(), &labels("load", 5), 0, i64::MAX).len(),
        400,
        "and it was not this"
    );
}

#[test]
fn a_row_of_somebody_else_is_taken_over_without_his_samples() {
    let mut history = History::new(settings());
    let named = |name| -> Vec<(Labels, f64)> { (0..600).map(|host| (labels(name, host), 1.0)).collect() };
    for number in 0..20 {
        tick(&mut history, START + number * STEP, &named("old"));
    }
    history.configure(Settings {
        memory: 100_000,
        ..settings()
    });
    let dropped = tick(&mut history, START + 20 * STEP, &[]).dropped_unselected;
    assert!(dropped > 300, "{dropped}");
    history.configure(settings());
    for number in 21..100 {
        tick(&mut history, START + number * STEP, &named("new"));
        let begins = |host| read(history.current(), &labels("new", host), 0, i64::MAX)[0].0;
        assert!(
            [0, 300, 599].iter().all(|host| begins(*host) == START + 21 * STEP),
            "at {number}"
        );
    }
    assert!(history.current().series().count() < 1100, "rows are used again");
}

#[test]
fn what_rules_read_is_given_up_last_and_said() {
    let memory = 300_000;
    let mut history = History::new(Settings { memory, ..settings() });
    history.select(vec![vec![matcher("host", MatchOp::Regex, "h1?[0-9]?[0-9]")]]);
    let (mut shed, mut dropped, mut refused) = (0, 0, 0);
    for number in 0..900_i64 {
        let noise = |host: usize| 1.0 / (1.0 + ((number * 7919 + host as i64 * 104_729) % 9973) as f64);
        let values: Vec<(Labels, f64)> = (0..400).map(|host| (labels("load", host), noise(host))).collect();
        let ticked = tick(&mut history, START + number * STEP, &values);
        shed += ticked.shed_selected;
        dropped += ticked.dropped_unselected;
        refused += ticked.refused_selected + ticked.refused_unselected;
    }
    assert!(shed > 0 && dropped + refused > 0, "{shed} {dropped} {refused}");
    let now = START + 899 * STEP;
    assert_eq!(
        read(history.current(), &labels("load", 7), now - 300_000, now).len(),
        20,
        "the newest stand"
    );
}

#[test]
fn a_series_of_a_check_cannot_be_recorded_by_a_rule_too() {
    let mut history = History::new(settings());
    tick(&mut history, START, &constant(1));
    let point = Point {
        at: START + 1,
        value: 1.0,
    };
    assert_eq!(history.append(&labels("load", 0), point), Appended::NotOurs);
    assert_eq!(history.append(&labels("recorded", 0), point), Appended::Taken);
    let clash = tick(&mut history, START + STEP, &[(labels("recorded", 0), 7.0)]);
    assert_eq!(clash.samples, 1, "what is measured comes first");
    assert_eq!(
        read(history.current(), &labels("recorded", 0), 0, i64::MAX),
        [(START + STEP, 7.0_f64.to_bits())]
    );
    let later = Point {
        at: START + STEP + 1,
        value: 1.0,
    };
    assert_eq!(history.append(&labels("recorded", 0), later), Appended::NotOurs);
}

/// Numbers in 0..1 that look random.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// The value after `last` of a series of some shape.
type Shape = fn(last: f64, tick: i64, random: &mut Random) -> f64;

/// With the bytes that a sample may take.
const SHAPES: [(&str, f64, Shape); 8] = [
    ("constant", 1.0, |_, _, _| 42.5),
    ("counter of whole numbers", 3.0, |last, _, random| {
        last + (random.next() * 400.0).round()
    }),
    ("gauge with two decimals, random walk", 3.0, |last, _, random| {
        ((last + (random.next() - 0.5) * 2.0) * 100.0).round() / 100.0
    }),
    ("gauge with two decimals, noise from 0 to 100", 3.0, |_, _, random| {
        (random.next() * 10_000.0).round() / 100.0
    }),
    ("seconds with six decimals, noise around 45 ms", 3.0, |_, _, random| {
        ((0.045 + 0.01 * random.next()) * 1e6).round() / 1e6
    }),
    ("bytes, in pages of 4 KiB", 3.0, |last, _, random| {
        last + ((random.next() - 0.5) * 2e2).round() * 4096.0
    }),
    // There are some fifty random bits in each value: nothing that gives them all back is much smaller.
    ("ratio with a full mantissa", 8.0, |_, _, random| random.next()),
    ("bucket of a histogram", 3.0, |last, tick, random| {
        last + f64::from(u8::from(tick % 2 == 0)) * (random.next() * 20.0).floor()
    }),
];

#[test]
fn six_hours_of_a_sample_take_no_more_bytes_than_is_said() {
    for (shape, budget, next) in SHAPES {
        let mut history = History::new(Settings {
            retention_unselected: Duration::from_secs(6 * 3600),
            ..settings()
        });
        let series: Vec<Labels> = (0..320)
            .map(|host| {
                let of_one = format!("web-{host}");
                let pairs = [
                    ("__name__", "queue_depth"),
                    ("job", "bellwether"),
                    ("instance", "127.0.0.1:9920"),
                ];
                let more = [("check", "reservations"), ("queue", &of_one), ("state", "waiting")];
                Labels::new(pairs.into_iter().chain(more))
            })
            .collect();
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        let mut values = vec![4096.0; series.len()];
        let rows = rows(&mut history, START - STEP, &series);
        let mut bytes = 0;
        for number in 0..1440 {
            values
                .iter_mut()
                .for_each(|value| *value = next(*value, number, &mut random));
            bytes = set(&mut history, START + number * STEP, &rows, &values).bytes;
        }
        let each = bytes as f64 / (1440.0 * series.len() as f64);
        println!("{shape}: {each:.2} bytes a sample");
        assert!(each <= budget, "{shape}: {each:.2} bytes a sample");
    }
}

#[test]
fn many_series_cost_little_at_each_tick() {
    for series in [11_000_usize, 100_000] {
        let mut history = History::new(Settings {
            memory: 1 << 30,
            ..settings()
        });
        let all: Vec<Labels> = (0..series)
            .map(|at| {
                let pairs = [
                    ("__name__", format!("m_{}", at % 200)),
                    ("check", format!("c{}", at / 200)),
                ];
                Labels::new(pairs.into_iter().chain([("job", "bellwether".to_owned())]))
            })
            .collect();
        let rows = rows(&mut history, START, &all);
        let mut spent = Vec::new();
        let mut view: Arc<View> = history.view();
        for number in 1..120_i64 {
            let values: Vec<f64> = (0..series)
                .map(|row| (row + number as usize * row % 13) as f64)
                .collect();
            let begun = crate::clock::thread_cpu_time();
            set(&mut history, START + number * STEP, &rows, &values);
            view = history.view();
            spent.push(crate::clock::thread_cpu_time() - begun);
        }
        let selector = [
            matcher("__name__", MatchOp::Equal, "m_7"),
            matcher("check", MatchOp::Regex, "c1.?"),
        ];
        // The first use of a regular expression makes its tables.
        view.find(&selector);
        let begun = crate::clock::thread_cpu_time();
        let found = view.find(&selector);
        let finding = crate::clock::thread_cpu_time() - begun;
        assert!(!found.is_empty());
        spent.sort_unstable();
        println!(
            "{series} series: a tick takes {:?} of CPU, the worst {:?}; a selector {finding:?}",
            spent[spent.len() / 2],
            spent[spent.len() - 1]
        );
    }
}
