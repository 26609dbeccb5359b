//! Eleven thousand series for rules to select from: services with gauges, counters and a histogram, in Prometheus' text.
//!
//! Flows in: a part of the services and the time since the start, in seconds. Flows out: that part's page. Values move with the
//! time as measured ones do, so that nothing compresses or decodes better than in life. Pure.

use std::fmt::Write;

/// Numbers of series differ from service to service, and repeat after 21 of them: so often that the averages are whole.
pub(super) const SERVICES: usize = 525;

/// Pages, each with its share of the services: a page must not be longer than 1 MiB, nor a check have more than 5,000 series.
pub(super) const PARTS: usize = 3;

/// On all pages together: 4 depths, 4 counters of requests, 2 disks with 2 gauges each and 9 of a histogram, on average.
pub(super) const SERIES: usize = SERVICES * 21;

/// Upper bounds of the buckets, in seconds.
const BOUNDS: [&str; 7] = ["0.01", "0.05", "0.1", "0.25", "0.5", "1", "+Inf"];

/// Of a hundred requests, those within each bound.
const WITHIN: [u64; BOUNDS.len()] = [20, 55, 80, 92, 97, 99, 100];

/// A service's name, as in the label `service`.
pub(super) fn service(number: usize) -> String {
    format!("service-{:03}", number % SERVICES)
}

/// Queues of a service: 1 to 7. It has a gauge and a counter for each.
pub(super) fn queues(service: usize) -> usize {
    1 + service % SERVICES % 7
}

/// Disks of a service: 1 to 3.
pub(super) fn disks(service: usize) -> usize {
    1 + service % SERVICES % 3
}

/// The page of one part, `seconds` after the first.
pub(super) fn page(part: usize, seconds: u64) -> String {
    let services: Vec<usize> = (part..SERVICES).step_by(PARTS).collect();
    let mut page = String::with_capacity(400_000);
    family(&mut page, "bench_depth", "gauge", &services, |service, out| {
        (0..queues(service)).for_each(|queue| {
            let value = noise(service * 7 + queue, seconds) as f64 / 100.0;
            line(out, "bench_depth", service, "queue", queue, value);
        });
    });
    family(
        &mut page,
        "bench_requests_total",
        "counter",
        &services,
        |service, out| {
            (0..queues(service)).for_each(|queue| {
                let value = seconds * rate(service + queue);
                line(out, "bench_requests_total", service, "queue", queue, value as f64);
            });
        },
    );
    family(&mut page, "bench_used_bytes", "gauge", &services, |service, out| {
        (0..disks(service)).for_each(|disk| {
            let pages = noise(service * 3 + disk, seconds) + 1_000_000;
            line(out, "bench_used_bytes", service, "disk", disk, (pages * 4096) as f64);
        });
    });
    family(&mut page, "bench_size_bytes", "gauge", &services, |service, out| {
        (0..disks(service)).for_each(|disk| line(out, "bench_size_bytes", service, "disk", disk, 8_589_934_592.0));
    });
    family(
        &mut page,
        "bench_request_seconds",
        "histogram",
        &services,
        |service, out| {
            histogram(out, service, seconds);
        },
    );
    page
}

fn family(page: &mut String, name: &str, kind: &str, services: &[usize], each: impl Fn(usize, &mut String)) {
    // Writing to a string cannot fail.
    let _ = writeln!(page, "# HELP {name} Of no meaning.\n# TYPE {name} {kind}");
    services.iter().for_each(|service| each(*service, page));
}

fn line(out: &mut String, name: &str, number: usize, label: &str, which: usize, value: f64) {
    let service = service(number);
    let _ = writeln!(
        out,
        "{name}{{service=\"{service}\",{label}=\"{label}-{which}\"}} {value}"
    );
}

fn histogram(out: &mut String, number: usize, seconds: u64) {
    let (service, count) = (service(number), seconds * rate(number));
    for (bound, within) in BOUNDS.iter().zip(WITHIN) {
        let value = count * within / 100;
        let _ = writeln!(
            out,
            "bench_request_seconds_bucket{{service=\"{service}\",le=\"{bound}\"}} {value}"
        );
    }
    let sum = count as f64 * 0.125;
    let _ = writeln!(out, "bench_request_seconds_sum{{service=\"{service}\"}} {sum}");
    let _ = writeln!(out, "bench_request_seconds_count{{service=\"{service}\"}} {count}");
}

/// Events of a second.
fn rate(seed: usize) -> u64 {
    3 + seed as u64 % 40
}

/// Up to four digits that look random, and are the same for the same moment.
fn noise(seed: usize, seconds: u64) -> u64 {
    let mixed = (seed as u64 * 1_000_003 + seconds).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 32) & 0x1fff
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn samples(page: &str) -> impl Iterator<Item = (&str, f64)> {
        let lines = page.lines().filter(|line| !line.starts_with('#'));
        lines.map(|line| {
            let (series, value) = line.rsplit_once(' ').unwrap();
            (series, value.parse().unwrap())
        })
    }

    #[test]
    fn the_parts_have_all_series_once_and_each_fits_a_check() {
        let pages: Vec<String> = (0..PARTS).map(|part| page(part, 1_000)).collect();
        let all: Vec<&str> = pages
            .iter()
            .flat_map(|page| samples(page))
            .map(|(series, _)| series)
            .collect();
        assert_eq!(all.len(), SERIES);
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), SERIES);
        assert!((10_900..11_100).contains(&SERIES));
        for page in &pages {
            assert!(page.len() < 1 << 20 && samples(page).count() <= 5_000, "{}", page.len());
        }
    }

    #[test]
    fn gauges_move_counters_grow_and_buckets_add_up() {
        let [before, after] = [page(0, 1_000), page(0, 1_004)];
        let mut moved = 0;
        for ((series, old), (same, new)) in samples(&before).zip(samples(&after)) {
            assert_eq!(series, same);
            moved += usize::from(old != new);
            let is_counter = ["_total", "_bucket", "_sum", "_count"]
                .iter()
                .any(|part| series.contains(part));
            assert!(!is_counter || new >= old, "{series}: {old}, then {new}");
        }
        let all = samples(&after).count();
        assert!(moved * 10 > all * 8, "{moved} of {all}");
        let of_one = |name: &str| {
            samples(&after)
                .find(|(series, _)| series.starts_with(name))
                .map(|(_, value)| value)
        };
        let last = format!("bench_request_seconds_bucket{{service=\"{}\",le=\"+Inf\"}}", service(0));
        assert_eq!(of_one(&last), of_one("bench_request_seconds_count"));
    }
}
