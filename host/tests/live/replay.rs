//! What the host recorded, replayed through `promtool test rules`: exactly the same at every slot.
//!
//! promtool has one grid for everything: samples at multiples of `interval`, evaluations at multiples of `evaluation_interval`, from
//! zero on. A host has two: its ticks, and the slots of a group, which lie between ticks at a phase of the group's own. So there is
//! a file for each group, whose zero is one of its slots, the last one before the first sample: evaluations are then its slots,
//! and every tick is so many steps of a fine `interval` after zero, the largest span of which all these distances are
//! multiples. A series that is missing at a tick is `_` there, and `stale` if it was there at the tick before. At zero itself nothing
//! is compared: what the host had then, it had from earlier.
//!
//! Flows in: raw samples and what rules recorded, through `/api/v1/query`. Flows out: a unit test for each group. The series say it
//! all: `ALERTS`, `ALERTS_FOR_STATE`, what is recorded, and `slot:GROUP` by which every slot is known that was evaluated.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    process::Output,
    time::Duration,
};

use serde_json::Value;

use super::{
    Page, check, head,
    script::{QUIET, SCRIPT, Shop, page},
    support::{
        host::{Place, Running},
        server::command,
    },
    watch::ask,
};

/// Rules that are evaluated every third second, at a phase of their own.
const SLOW: &str = "
groups:
  - name: slow
    interval: 3s
    rules:
      - record: shop:depth:max9s
        expr: max by (queue) (max_over_time(shop_queue_depth[9s]))
      - record: shop:orders:increase30s
        expr: increase(shop_orders_total[30s])
      - alert: DepthStaysHigh
        expr: avg_over_time(shop_queue_depth[5s]) > 20
        for: 6s
        keep_firing_for: 9s
        labels: { severity: '{{ if gt $value 60.0 }}critical{{ else }}warning{{ end }}' }
      - alert: QueueGone
        expr: max_over_time(shop_queue_depth[9s]) unless on (queue) shop_queue_depth
      - alert: DepthWasHigh
        expr: shop:depth:max9s > 40
        labels: { queue: '' , was: '{{ $labels.queue }}' }
";

/// Groups with their files and how often they are evaluated, in milliseconds.
const GROUPS: [(&str, &str, i64); 2] = [("shop", "rules.yml", 1_000), ("slow", "slow.yml", 3_000)];

/// What the shop is like until the widest window is full: before, rules of the host are held, which promtool knows nothing of. Nothing
/// leaps yet, either: at the left end of a young counter a promtool of version 2 extrapolates otherwise than Prometheus does since 2.53.
const FIRST: Shop = Shop {
    orders: (1e6 - 1e3, 2.0),
    ..QUIET
};

/// Moods of the shop after the script, each for so long.
const MOODS: u64 = 50;
const MOOD: Duration = Duration::from_millis(700);

/// A busy machine may keep the host from a slot, and promtool misses none: then the run is no evidence, and is done again.
const ATTEMPTS: usize = 3;

/// All that is asked for; the run is shorter.
const SPAN: &str = "[10m]";

/// Slots of so many milliseconds after the first samples are not compared: the longest range of the rules is full then. Once, rules saw
/// a sample of the first tick that the host did not show afterwards, and why is not known.
const FIRST_WINDOWS: i64 = 21_000;

/// Changes of alerts from slot to slot that a run must have at least, of both groups together.
const CHANGES_MIN: usize = 40;

/// Values by moment in milliseconds, as texts, by the series as PromQL writes it.
type Samples = BTreeMap<String, BTreeMap<i64, String>>;

/// Raw samples of series.
fn samples(host: SocketAddr, selector: &str) -> Samples {
    let query: String = format!("{selector}{SPAN}")
        .bytes()
        .map(|byte| format!("%{byte:02X}"))
        .collect();
    let data = ask(host, &format!("/api/v1/query?query={query}"));
    let series = data["result"].as_array().expect("a matrix").iter();
    series
        .map(|series| {
            let points = series["values"].as_array().expect("values").iter();
            let points = points.map(|point| {
                let seconds = point[0].as_f64().expect("a time");
                (
                    (seconds * 1_000.0).round() as i64,
                    point[1].as_str().expect("a value").to_owned(),
                )
            });
            (written(&series["metric"]), points.collect())
        })
        .collect()
}

/// `name{a="b"}`
fn written(metric: &Value) -> String {
    let labels = metric.as_object().expect("labels").iter();
    let name = metric["__name__"].as_str().unwrap_or_default();
    let labels: Vec<String> = labels
        .filter(|(label, _)| *label != "__name__")
        .map(|(label, value)| format!("{label}={value}"))
        .collect();
    format!("{name}{{{}}}", labels.join(","))
}

/// One run, as the host remembers it.
struct Recorded {
    ticks: BTreeSet<i64>,
    inputs: Samples,
    /// Of all rules.
    outputs: Samples,
    /// By group.
    alerts: BTreeMap<String, BTreeSet<String>>,
}

impl Recorded {
    fn of(host: &Running) -> Self {
        let host = host.address();
        let moments = |samples: Samples| samples.into_values().flat_map(BTreeMap::into_keys).collect();
        let groups = ask(host, "/api/v1/rules");
        let groups = groups["groups"].as_array().expect("groups").iter();
        let names = |group: &Value| {
            let rules = group["rules"].as_array().expect("rules").iter();
            rules
                .map(|rule| rule["name"].as_str().expect("a name").to_owned())
                .collect()
        };
        // Outputs first: what is evaluated meanwhile has samples that come after, and not the other way round.
        let outputs = samples(host, "{__name__=~\"ALERTS|ALERTS_FOR_STATE|shop:.*|slot:.*\"}");
        Self {
            outputs,
            ticks: moments(samples(host, "bellwether_build_info")),
            inputs: samples(host, "{__name__=~\"shop_.*\"}"),
            alerts: groups
                .map(|group| (group["name"].as_str().expect("a name").to_owned(), names(group)))
                .collect(),
        }
    }

    /// Slots of a group from the last one before the first sample on; None: one is missing.
    fn slots(&self, group: &str, interval: i64) -> Option<Vec<i64>> {
        let first = self.inputs.values().filter_map(|samples| samples.keys().next()).min();
        let first = *first.expect("samples");
        let all: Vec<i64> = self.outputs[&format!("slot:{group}{{}}")].keys().copied().collect();
        let from = all.iter().rposition(|slot| *slot < first).expect("a slot before them");
        let slots = all[from..].to_vec();
        slots.windows(2).all(|two| two[1] - two[0] == interval).then_some(slots)
    }

    /// What rules of a group recorded at a slot, by the name of the metric.
    fn at(&self, group: &str, slot: i64) -> BTreeMap<&str, Vec<(&str, f64)>> {
        let mut found: BTreeMap<&str, Vec<(&str, f64)>> = BTreeMap::new();
        for (series, samples) in &self.outputs {
            let name = series.split('{').next().expect("a name");
            let alert = series
                .split("alertname=\"")
                .nth(1)
                .and_then(|rest| rest.split('"').next());
            let rules = &self.alerts[group];
            if !rules.contains(alert.unwrap_or(name)) {
                continue;
            }
            let values = found.entry(name).or_default();
            if let Some(value) = samples.get(&slot) {
                values.push((series, value.parse().expect("a number")));
            }
        }
        // Both kinds are asked for at every slot, also when there is no alert yet.
        for name in ["ALERTS", "ALERTS_FOR_STATE"] {
            found.entry(name).or_default();
        }
        found
    }
}

fn common(one: i64, other: i64) -> i64 {
    if other == 0 { one } else { common(other, one % other) }
}

/// The samples of a series, from zero on, in steps.
fn sequence(samples: &BTreeMap<i64, String>, ticks: &BTreeSet<i64>, zero: i64, step: i64) -> String {
    let (mut words, mut place, mut was_there) = (Vec::new(), 0, false);
    for tick in ticks.range(zero..) {
        let word = match samples.get(tick) {
            Some(value) => value.as_str(),
            None if was_there => "stale",
            None => continue,
        };
        let gap = (tick - zero) / step - place;
        if gap > 0 {
            words.push(format!("_x{gap}"));
        }
        words.push(word.to_owned());
        place += gap + 1;
        was_there = word != "stale";
    }
    words.join(" ")
}

/// The file for promtool.
fn unit_test(recorded: &Recorded, (group, file, interval): (&str, &str, i64), slots: &[i64]) -> String {
    let zero = slots[0];
    let offsets = recorded.ticks.range(zero..).map(|tick| tick - zero);
    let step = offsets.fold(interval, common);
    let mut text = format!(
        "rule_files: [{file}]\nevaluation_interval: {interval}ms\ntests:\n  - interval: {step}ms\n    input_series:\n"
    );
    for (series, samples) in &recorded.inputs {
        let values = sequence(samples, &recorded.ticks, zero, step);
        text += &format!("      - series: '{series}'\n        values: '{values}'\n");
    }
    text += "    promql_expr_test:\n";
    for slot in slots.iter().filter(|slot| **slot - zero > FIRST_WINDOWS) {
        for (name, expected) in recorded.at(group, *slot) {
            text += &format!(
                "      - expr: '{name}'\n        eval_time: {}ms\n        exp_samples:\n",
                slot - zero
            );
            for (series, value) in expected {
                // Since when an alert is active is told in whole seconds.
                let value = if name == "ALERTS_FOR_STATE" {
                    value - zero.div_euclid(1_000) as f64
                } else {
                    value
                };
                text += &format!("          - {{ labels: '{series}', value: {value} }}\n");
            }
        }
    }
    text
}

fn promtool(place: &Place, file: &str, text: &str) -> Output {
    place.write(file, text);
    let mut command = command("promtool");
    command.args(["test", "rules", file]).current_dir(place.dir.path());
    command.output().expect("promtool runs")
}

/// A number that looks random and is the same each time.
fn noise(seed: u64) -> u64 {
    let mixed = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 33
}

/// Anything may be otherwise than before.
fn mood(number: u64) -> Shop {
    let pick = |which: u64, of: u64| noise(number * 16 + which) % of;
    let depth = |queue: u64| match pick(queue, 4) {
        0 => None,
        1 => Some(99.0),
        few => Some(few as f64 + 0.5),
    };
    // Two moods share their counter, which begins anew after some.
    let orders = (
        1_000.0 * (number / 2 % 7) as f64,
        [0.0, 2.0, 30_000.0][pick(5, 3) as usize],
    );
    Shop {
        orders,
        depths: [depth(0), depth(1), depth(2)],
        heartbeat: pick(3, 3) > 0,
        flag: pick(4, 2) > 0,
    }
}

/// The script, and then moods.
fn play(shop: &Page) {
    for (seconds, like, _) in SCRIPT {
        shop.show(Box::new(move |at| page(like, at)));
        std::thread::sleep(Duration::from_secs_f64(seconds));
    }
    for number in 0..MOODS {
        let like = mood(number);
        shop.show(Box::new(move |at| page(like, at)));
        std::thread::sleep(MOOD);
    }
}

/// With a rule that says at every slot that there was one.
fn marked(rules: &str, group: &str) -> String {
    rules.replacen(
        "    rules:\n",
        &format!("    rules:\n      - record: slot:{group}\n        expr: vector(1)\n"),
        1,
    )
}

/// A host that saw it all, and its place.
fn run() -> (Place, Recorded) {
    let shop = Page::open(Box::new(|at| page(FIRST, at)));
    let place = Place::new("");
    for ((group, file, _), rules) in GROUPS.into_iter().zip([include_str!("rules.yml"), SLOW]) {
        place.write(file, &marked(rules, group));
    }
    // Rules first: there must be a slot of each group before the shop is seen.
    place.configure(&head("*.yml"));
    let host = place.run();
    for (group, ..) in GROUPS {
        let path = format!("/api/v1/query?query=slot:{group}");
        host.eventually(&path, |body| body.contains("\"value\""));
    }
    place.configure(&(head("*.yml") + &check("shop", &shop.url())));
    assert_eq!(host.post("/-/reload").status, 200);
    let full = "/api/v1/query?query=count_over_time(shop_flag%5B20s%5D)%20%3E=%2019";
    host.eventually(full, |body| body.contains("\"value\""));
    play(&shop);
    let recorded = Recorded::of(&host);
    host.stop();
    (place, recorded)
}

/// Slots of each group, if none was missed.
fn all_slots(recorded: &Recorded) -> Option<Vec<Vec<i64>>> {
    let each = GROUPS
        .iter()
        .map(|(group, _, interval)| recorded.slots(group, *interval));
    each.collect()
}

#[test]
fn what_the_host_recorded_gives_the_same_slots_in_promtool() {
    let (place, recorded, slots) = (0..ATTEMPTS)
        .find_map(|_| {
            let (place, recorded) = run();
            all_slots(&recorded).map(|slots| (place, recorded, slots))
        })
        .expect("a run without a missed slot");
    let mut changes = 0;
    for (group, slots) in GROUPS.into_iter().zip(&slots) {
        let text = unit_test(&recorded, group, slots);
        let said = promtool(&place, &format!("{}_test.yml", group.0), &text);
        let all = String::from_utf8_lossy(&said.stdout).into_owned() + &String::from_utf8_lossy(&said.stderr);
        let first: Vec<&str> = all.lines().filter(|line| !line.is_empty()).take(60).collect();
        assert!(said.status.success(), "{}:\n{}", group.0, first.join("\n"));
        let states: Vec<_> = slots
            .iter()
            .map(|slot| recorded.at(group.0, *slot).remove("ALERTS"))
            .collect();
        changes += states.windows(2).filter(|two| two[0] != two[1]).count();
        println!("{}: {} slots", group.0, slots.len() - 1);

        // What promtool is asked is not beyond it: one state at one slot changed, and it says so.
        let wrong = text.replacen("alertstate=\"firing\"", "alertstate=\"pending\"", 1);
        assert_ne!(wrong, text);
        let said = promtool(&place, "wrong_test.yml", &wrong);
        assert_eq!(said.status.code(), Some(1), "{}: {said:?}", group.0);
    }
    println!("{changes} slots at which alerts changed");
    assert!(changes >= CHANGES_MIN, "{changes}");
}
