//! A minute of a shop whose series appear, vanish, reset and flap, watched by the host and by a Prometheus that scrapes it.

use super::{
    INTERVAL, Page, check, head, prometheus,
    support::host::{PATIENCE, Place, Running},
    watch::{Alerts, Watch, ask},
};

/// How far apart the two may be, in seconds. Both look at intervals, with phases of their own: up to one for what is recorded and
/// one for what is evaluated. One more is for a busy machine.
const APART_MOST: f64 = 3.0 * INTERVAL;

/// A run in which the machine kept the host from a slot, or this test from a look for a whole interval, proves nothing when it goes wrong,
/// and is done again.
const ATTEMPTS: usize = 3;

/// What the shop is like.
#[derive(Clone, Copy)]
pub(crate) struct Shop {
    /// Orders when it became so, and more of them each second. What the counter leaps by from step to step is far from a rush.
    pub(crate) orders: (f64, f64),
    /// Depths of the queues `a`, `b` and `c`; without one the series is not there.
    pub(crate) depths: [Option<f64>; 3],
    pub(crate) heartbeat: bool,
    pub(crate) flag: bool,
}

pub(crate) const QUIET: Shop = Shop {
    orders: (1e6, 2.0),
    depths: [Some(1.0), Some(2.0), None],
    heartbeat: true,
    flag: false,
};

pub(crate) fn page(shop: Shop, seconds: f64) -> String {
    let (base, rate) = shop.orders;
    let mut text = format!(
        "# TYPE shop_orders_total counter\nshop_orders_total {}\n# TYPE shop_flag gauge\nshop_flag {}\n# TYPE shop_queue_depth gauge\n",
        (base + rate * seconds).floor(),
        i32::from(shop.flag)
    );
    for (queue, depth) in ["a", "b", "c"].into_iter().zip(shop.depths) {
        if let Some(depth) = depth {
            text += &format!("shop_queue_depth{{queue=\"{queue}\"}} {depth}\n");
        }
    }
    if shop.heartbeat {
        text += "# TYPE shop_heartbeat gauge\nshop_heartbeat{shop=\"north\"} 1\n";
    }
    text
}

/// Seconds for which the shop is like this, and what is there in the end, by name and queue: firing, or `~` pending.
pub(crate) type Step = (f64, Shop, &'static [&'static str]);

pub(crate) const SCRIPT: [Step; 10] = [
    (3.0, QUIET, &[]),
    // One queue grows and another appears that is deep from the start.
    (
        8.0,
        Shop {
            orders: (1e6 + 1e3, 2.0),
            depths: [Some(50.0), Some(2.0), Some(99.0)],
            ..QUIET
        },
        &["ManyQueues", "QueueDeep a", "QueueDeep c"],
    ),
    // The one vanishes while it fires, the other recovers.
    (
        6.0,
        Shop {
            orders: (1e6 + 2e3, 2.0),
            ..QUIET
        },
        &[],
    ),
    // Orders rush in.
    (
        9.0,
        Shop {
            orders: (1e6 + 3e3, 1e4),
            ..QUIET
        },
        &["OrdersRush"],
    ),
    // The counter begins anew, and the flag flaps.
    (
        4.0,
        Shop {
            orders: (1.0, 2.0),
            flag: true,
            ..QUIET
        },
        &["FlagWasUp", "OrdersReset", "OrdersRush", "~FlagUpForLong"],
    ),
    (
        4.0,
        Shop {
            orders: (100.0, 2.0),
            ..QUIET
        },
        &["FlagWasUp", "OrdersReset", "OrdersRush"],
    ),
    (
        5.0,
        Shop {
            orders: (200.0, 2.0),
            flag: true,
            ..QUIET
        },
        &["FlagWasUp", "OrdersReset", "~FlagUpForLong"],
    ),
    // It stands still, and its heartbeat is gone.
    (
        14.0,
        Shop {
            orders: (300.0, 0.0),
            heartbeat: false,
            ..QUIET
        },
        &["HeartbeatAbsent", "OrdersStalled"],
    ),
    // The heartbeat is back, the flag stays up, and then it is down for good.
    (
        12.0,
        Shop {
            orders: (400.0, 2.0),
            flag: true,
            ..QUIET
        },
        &["FlagUpForLong", "FlagWasUp"],
    ),
    (
        12.0,
        Shop {
            orders: (500.0, 2.0),
            ..QUIET
        },
        &[],
    ),
];

/// As a step has them.
fn short(alerts: &Alerts) -> Vec<String> {
    let part = |labels: &str, name: &str| {
        let rest = labels.split(&format!("\"{name}\": \"")).nth(1)?;
        rest.split('"').next().map(str::to_owned)
    };
    let mut all: Vec<String> = alerts
        .iter()
        .map(|(labels, state)| {
            let queue = part(labels, "queue").map_or_else(String::new, |queue| format!(" {queue}"));
            let sign = if state == "pending" { "~" } else { "" };
            format!("{sign}{}{queue}", part(labels, "alertname").expect("a name"))
        })
        .collect();
    all.sort();
    all
}

/// What came of the script once.
struct Played {
    /// In a line.
    seen: String,
    wrong: Vec<String>,
    /// How often alerts changed.
    changes: usize,
    /// Whether the machine let everybody do their work: else what is wrong may be its doing.
    is_evidence: bool,
}

/// All of it, to a host and a Prometheus that scrapes it.
fn play() -> Played {
    let first = Shop {
        orders: (1e6 - 1e3, 2.0),
        ..QUIET
    };
    let shop = Page::open(Box::new(move |seconds| page(first, seconds)));
    let place = Place::new("");
    place.write("rules.yml", include_str!("rules.yml"));
    place.configure(&(head("rules.yml") + &check("shop", &shop.url())));
    let host = place.run();
    host.value("shop_heartbeat{check=\"shop\",shop=\"north\"}");
    let (_server, address) = prometheus(place.dir.path(), host.address(), "rules.yml");
    // Until each has seen as much as the widest window holds, and rules of the host are no longer held. Before its first scrape the
    // server, which holds nothing, has an absent heartbeat.
    let enough = |server| {
        ask(
            server,
            "/api/v1/query?query=count_over_time(shop_flag%5B20s%5D)%20%3E=%2016",
        )["result"]
            .as_array()
            .is_some_and(|result| !result.is_empty())
    };
    let began = std::time::Instant::now();
    while !(enough(host.address()) && enough(address)) {
        assert!(began.elapsed() < PATIENCE, "{}", host.get("/metrics").body);
        std::thread::sleep(std::time::Duration::from_millis(500));
    }
    let missed = missed_slots(&host);
    let mut watch = Watch::new([host.address(), address]);
    let mut wrong = Vec::new();
    for (number, (seconds, like, expected)) in SCRIPT.into_iter().enumerate() {
        shop.show(Box::new(move |at| page(like, at)));
        watch.watch(seconds);
        let mut reached = watch.now.each_ref().map(short);
        if reached != [expected, expected] {
            // One interval more, for the one that is later.
            watch.until(INTERVAL, |now| now.each_ref().map(short) == [expected, expected]);
            reached = watch.now.each_ref().map(short);
        }
        if reached != [expected, expected] {
            wrong.push(format!("step {number}: {expected:?}, but here and there {reached:#?}"));
        }
    }
    let (differences, widest, changes) = watch.differences(APART_MOST);
    let seen = format!(
        "{changes} changes of state, at most {widest:.2} s apart, at most {:.2} s from look to look",
        watch.longest_gap
    );
    wrong.extend(differences);
    let is_evidence = watch.longest_gap < INTERVAL && missed_slots(&host) <= missed;
    host.stop();
    Played {
        seen,
        wrong,
        changes,
        is_evidence,
    }
}

/// Of all groups.
fn missed_slots(host: &Running) -> f64 {
    let metrics = host.get("/metrics").body;
    let of_groups = |line: &&str| line.starts_with("bellwether_rule_group_missed_slots_total");
    let values = metrics
        .lines()
        .filter(of_groups)
        .filter_map(|line| line.rsplit(' ').next());
    values.filter_map(|value| value.parse::<f64>().ok()).sum()
}

#[test]
fn a_prometheus_that_scrapes_the_host_has_the_same_alerts_at_the_same_time() {
    for attempt in 1..=ATTEMPTS {
        let played = play();
        println!("{}", played.seen);
        if played.wrong.is_empty() {
            assert!(played.changes >= 20, "{}", played.changes);
            return;
        }
        let wrong = played.wrong.join("\n");
        assert!(!played.is_evidence && attempt < ATTEMPTS, "attempt {attempt}:\n{wrong}");
        println!("attempt {attempt} was kept up by the machine:\n{wrong}");
    }
}
